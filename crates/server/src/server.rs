//! A running server: an engine, the services over it, and a listener.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headwater_access::{AuditLog, CredentialStore, CredentialsError};
use headwater_api_cloudwatch::CloudWatch;
use headwater_api_dynamodb::DynamoDb;
use headwater_api_kinesis::Kinesis;
use headwater_api_sts::Sts;
use headwater_edge::{AccessControl, Edge, Mounted};
use headwater_host::disk::{Disk, SystemDisk};
use headwater_host::{Clock, Random, SystemClock, SystemRandom, create_private_directory, exists};
use headwater_monitoring::{MetricStore, StoreLimits};
use headwater_store_embedded::{EmbeddedStore, OpenError, Options};
use headwater_streams::{Config, StreamService, StreamsError, Substrate};
use headwater_tables::TableService;
use headwater_telemetry::Metrics;
use headwater_types::{Realm, Region, Timestamp};
use headwater_vault::{DefaultKey, Keyring};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::connections::{self, Stopping};
use crate::files;
use crate::home::{HomeError, home_region};
use crate::key_sources::KeySources;
use crate::master_keys::MasterKeyFileError;
use crate::routes::Routes;
use crate::sampling;
use crate::scrubbing;
use crate::settings::{Settings, TlsChoice};
use crate::tls::{
    CA_CERTIFICATE, CERTIFICATE, KEY, MakeTls, MakeTlsError, Tls, TlsError, TlsFiles, default_names, make,
};

/// Validity of a certificate of one's own; `headwater tls init` renews it.
const SELF_SIGNED_DAYS: u32 = 824;

/// Longest time for requests that are under way to end when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Platform of the server: the machine, or what a test puts in its place.
#[derive(Debug, Clone)]
pub struct Host {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Files.
    pub disk: Arc<dyn Disk>,
}

impl Host {
    /// The machine.
    pub fn system() -> Self {
        Self { clock: SystemClock::new(), random: SystemRandom::new(), disk: SystemDisk::new() }
    }
}

/// Why a server did not start: one line that names the cause.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The data directory cannot be read.
    #[error("cannot use the data directory {path}: {cause}")]
    Directory {
        /// As it was given.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// The home region of the data directory is not known.
    #[error("the region of the data directory cannot be told: {0}")]
    Home(#[from] HomeError),
    /// The metadata cannot be used.
    #[error("the metadata cannot be read: {0}")]
    Streams(Box<StreamsError>),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A certificate cannot be made.
    #[error("no certificate could be made: {0}")]
    MakeTls(#[from] MakeTlsError),
    /// The master keys cannot be used.
    #[error(transparent)]
    MasterKeys(#[from] MasterKeyFileError),
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The audit log cannot be written.
    #[error("cannot write the audit log {path}: {cause}")]
    Audit {
        /// The log's file.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
}

impl From<StreamsError> for StartError {
    fn from(error: StreamsError) -> Self {
        Self::Streams(Box::new(error))
    }
}

/// Interval at which the credentials are checked for changes.
const CREDENTIALS_PAUSE: Duration = Duration::from_secs(2);

/// Takes up changes of the credentials for as long as the server runs.
async fn follow_credentials(credentials: Arc<CredentialStore>, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(CREDENTIALS_PAUSE).await;
        match credentials.check() {
            None => {}
            Some(Ok(())) => info!(keys = credentials.len(), "the credentials have changed and are in force"),
            Some(Err(error)) => {
                warn!(%error, "the credentials have changed and cannot be used; those from before stay in force");
            }
        }
    }
}

/// A running server. Dropping it leaves its tasks running; [`Server::stop`] ends them.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    store: Arc<EmbeddedStore>,
    streams: Arc<StreamService>,
    services: Vec<Arc<dyn Mounted>>,
    stopping: Stopping,
    accepting: JoinHandle<()>,
    /// Upkeep, and whoever looks at files that may change.
    background: Vec<JoinHandle<()>>,
    tls: Option<Tls>,
    ca: Option<PathBuf>,
}

impl Server {
    /// Opens the data directory and begins to serve.
    ///
    /// # Errors
    /// The directory is another server's, damaged or of a newer version; the address is taken; a certificate or a file of
    /// keys or credentials cannot be used.
    pub async fn start(settings: &Settings, host: Host) -> Result<Self, StartError> {
        let Host { clock, random, disk } = host;
        let started = clock.elapsed();
        let metrics = Arc::new(Metrics::new());
        let mut options = Options::new(disk.clone(), &settings.data_dir, clock.clone());
        options.random = random.clone();
        let synced = metrics.clone();
        options.on_sync = Some(Arc::new(move |took| synced.fsync(took)));
        options.handles = files::handles(settings.connections);
        if let Err(cause) = disk.list(&settings.data_dir)
            && cause.kind() != io::ErrorKind::NotFound
        {
            return Err(StartError::Directory { path: settings.data_dir.display().to_string(), cause });
        }
        let (tls, ca) = tls(settings, clock.now())?;
        // Before they are read: a change meanwhile is then noticed.
        let sources =
            KeySources { given: settings.master_keys.clone(), own: settings.own_master_keys.clone() };
        let stamps = sources.stamps();
        let keys = Arc::new(sources.keyring()?);
        // The address first: where it is taken, nothing has been touched yet.
        let address = settings.listen;
        let credentials = settings.credentials.as_deref();
        let credentials = credentials.map(CredentialStore::open).transpose()?;
        let credentials = credentials.map(Arc::new);
        let audit = AuditLog::open(clock.clone(), settings.audit_log.as_deref()).map_err(|cause| {
            let path = settings.audit_log.as_deref().unwrap_or(Path::new("")).display().to_string();
            StartError::Audit { path, cause }
        })?;
        let refused = |cause| StartError::Listen { address, cause };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let store = EmbeddedStore::open(options)?;
        let home = home_region(&*store, &settings.regions).await?;
        let substrate = Substrate {
            logs: store.clone(),
            meta: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
            metrics: metrics.clone(),
        };
        let default_key = sources.maker(clock.clone(), random.clone());
        let config = Config {
            home,
            limits: settings.limit_policy(),
            transition: settings.transition,
            keys: keys.clone(),
            default_key: default_key.clone(),
        };
        let streams = StreamService::open(substrate, config).await?;
        let substrate = headwater_tables::Substrate {
            logs: store.clone(),
            meta: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
            metrics: metrics.clone(),
        };
        let tables = open_tables(settings, home, substrate, keys, default_key).await;
        tell_of_hidden(settings, &streams, &tables, credentials.is_none());
        let keys = sources.follow(stamps, streams.clone(), tables.clone(), clock.clone());
        let monitoring = Arc::new(MetricStore::new(clock.clone(), StoreLimits::default()));
        let sampling = sampling::run(streams.clone(), monitoring.clone(), clock.clone());
        let mut background = vec![tokio::spawn(keys), tokio::spawn(sampling)];
        let scrub =
            settings.scrub.map(|every| scrubbing::run(store.clone(), every, clock.clone(), metrics.clone()));
        background.extend(scrub.map(tokio::spawn));
        let access = AccessControl::new(credentials.clone(), audit);
        let credentials = credentials.map(|credentials| follow_credentials(credentials, clock.clone()));
        background.extend(credentials.map(tokio::spawn));
        let kinesis: Arc<dyn Mounted> =
            Arc::new(Kinesis::new(streams.clone(), settings.requests.events_bytes_max));
        // Adding a service is adding it here.
        let services: Vec<Arc<dyn Mounted>> = vec![
            kinesis.clone(),
            Arc::new(DynamoDb::new(tables.clone())),
            Arc::new(CloudWatch::new(monitoring)),
            Arc::new(Sts),
        ];
        background.extend(services.iter().filter_map(|service| service.clone().upkeep()).map(tokio::spawn));
        let host = headwater_edge::Host {
            account: settings.account,
            regions: settings.regions.clone(),
            access,
            clock: clock.clone(),
            random,
            metrics: metrics.clone(),
            limits: settings.requests,
        };
        let edge = Edge::new(host, services.clone(), Some(kinesis));
        let routes = Routes::new(edge, streams.clone(), &tables, store.clone(), metrics, disk, settings);
        let stopping = Stopping::default();
        let fresh = tls.clone().map(|tls| tls.keep_fresh(clock.clone()));
        background.extend(fresh.map(tokio::spawn));
        let accepting = connections::accept(
            listener,
            routes,
            tls.clone(),
            clock.clone(),
            settings.connections,
            stopping.clone(),
        );
        let accepting = tokio::spawn(accepting);
        let took_ms = clock.elapsed().saturating_sub(started).as_millis() as u64;
        info!(%address, data_dir = %settings.data_dir.display(), took_ms, "serving");
        Ok(Self { address, store, streams, services, stopping, accepting, background, tls, ca })
    }

    /// The address it listens on, with the port that was taken if port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the authority that was made for it, if that is so.
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Looks now at files that are looked at from time to time anyway.
    pub fn reload(&self) {
        self.tls.iter().for_each(Tls::look);
    }

    /// The streams it serves.
    pub fn streams(&self) -> &Arc<StreamService> {
        &self.streams
    }

    /// The engine below them.
    pub fn store(&self) -> &Arc<EmbeddedStore> {
        &self.store
    }

    /// Takes no more connections, ends subscriptions, lets requests that are under way end, and closes the data
    /// directory.
    pub async fn stop(self) {
        self.stopping.begin();
        self.services.iter().for_each(|service| service.end_waiting());
        if tokio::time::timeout(DRAIN, self.accepting).await.is_err() {
            info!("requests were still under way after {} s; they were cut short", DRAIN.as_secs());
        }
        for task in self.background {
            task.abort();
            // Until it has let go of the store.
            let _ = task.await;
        }
        for service in self.services {
            service.close().await;
        }
        let store = self.store;
        drop(self.streams);
        // Closing waits for the journal's thread.
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }
}

/// Regions that are not served and are named one by one.
const HIDDEN_SHOWN: usize = 10;

/// Says which streams and tables are there and cannot be reached, as after a change of a setting.
fn tell_of_hidden(settings: &Settings, streams: &StreamService, tables: &TableService, one_account: bool) {
    let streams = streams.count_streams();
    let is_own = |realm: &Realm| realm.account == settings.account;
    let foreign: usize = streams.iter().filter(|(realm, _)| !is_own(realm)).map(|(_, count)| count).sum();
    if one_account && foreign > 0 && !streams.keys().any(is_own) {
        let account = settings.account.as_str();
        warn!(account, foreign, "all streams in this data directory belong to other accounts; see --account");
    }
    let mut hidden = BTreeMap::<Region, [usize; 2]>::new();
    for (kind, counts) in [streams, tables.count_tables()].into_iter().enumerate() {
        for (realm, count) in counts.into_iter().filter(|(realm, _)| !settings.regions.serves(realm.region)) {
            hidden.entry(realm.region).or_default()[kind] += count;
        }
    }
    let others = hidden.len().saturating_sub(HIDDEN_SHOWN);
    for (region, [streams, tables]) in hidden.into_iter().take(HIDDEN_SHOWN) {
        let (data_dir, served) = (settings.data_dir.display(), settings.regions.to_string());
        warn!(%data_dir, %region, streams, tables, served, "a region that is not served has streams or tables; see --region");
    }
    if others > 0 {
        warn!(others, "further regions that are not served have streams or tables");
    }
}

/// Tables that cannot be read are no reason not to serve streams.
async fn open_tables(
    settings: &Settings,
    home: Region,
    substrate: headwater_tables::Substrate,
    keys: Arc<Keyring>,
    default_key: Option<Arc<dyn DefaultKey>>,
) -> Arc<TableService> {
    let config = headwater_tables::Config {
        home,
        limits: *settings.limit_policy().of(home),
        transition: settings.table_transition,
        snapshot_after_bytes: headwater_tables::SNAPSHOT_AFTER_BYTES,
        memory_bytes_max: headwater_tables::limits::MEMORY_BYTES_MAX,
        keys,
        default_key,
    };
    match TableService::open(substrate.clone(), config.clone()).await {
        Ok(tables) => tables,
        Err(trouble) => {
            error!(%trouble, "the tables cannot be used, and what is asked of them is refused");
            TableService::closed(substrate, config, &trouble)
        }
    }
}

/// The certificate to be served, and the authority's where that was made here.
fn tls(settings: &Settings, now: Timestamp) -> Result<(Option<Tls>, Option<PathBuf>), StartError> {
    let directory = match &settings.tls {
        TlsChoice::Off => return Ok((None, None)),
        TlsChoice::Files(files) => return Ok((Some(Tls::load(files)?), None)),
        TlsChoice::SelfSigned(directory) => directory,
    };
    let at = |name: &str| directory.join(name);
    let files = TlsFiles { certificate: at(CERTIFICATE), key: at(KEY) };
    if !(exists(&files.certificate) && exists(&files.key)) {
        let mut names = default_names();
        if !settings.listen.ip().is_unspecified() {
            names.push(settings.listen.ip().to_string());
        }
        // It lies in the data directory, which may not be there yet and is for its owner alone.
        create_private_directory(directory)
            .map_err(|cause| MakeTlsError::File { path: directory.display().to_string(), cause })?;
        make(&MakeTls { directory: directory.clone(), names, days: SELF_SIGNED_DAYS, now })?;
    }
    Ok((Some(Tls::load(&files)?), Some(at(CA_CERTIFICATE))))
}
