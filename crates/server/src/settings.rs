//! Settings of a server: by flag, by environment variable, by file, in this order.
//!
//! One list: every field of [`ServeArgs`] is a flag, an environment variable `HEADWATER_*` and a key of the
//! TOML file at once. Of single limits, each comes from the first of the three that speaks of it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use headwater_edge::Limits;
use headwater_types::limits::{LimitChange, LimitChangeError, LimitPolicy, RegionalPolicy};
use headwater_types::{AccountId, Region, Regions, RegionsError};
use headwater_vault::Secret;
use headwater_wire::date::parse_duration;
use serde::{Deserialize, Deserializer, de};

use crate::master_keys::MasterKeySource;
use crate::tls::TlsFiles;

/// Limits that are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitsChoice {
    /// AWS's limits, per shard and per account.
    Aws,
    /// The hardware decides. The sizes of requests and records stay limited.
    Off,
}

/// Settings of the server as they are given.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServeArgs {
    /// A TOML file with any of these settings, named as the flags are (listen = "127.0.0.1:4567")
    #[arg(long, env = "HEADWATER_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// The address to listen on [default: 127.0.0.1:4567]; port 0 takes a free one
    #[arg(long, env = "HEADWATER_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,

    /// Connections that are served at once; further ones wait [default: 16384, or as many files as the process may
    /// open less 512]
    #[arg(long, env = "HEADWATER_CONNECTIONS", value_name = "N")]
    pub connections: Option<u32>,

    /// The data directory [default: ./headwater-data]
    #[arg(long, env = "HEADWATER_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// In what time everything that is stored is read once, slowly, to find damage: 30m, 12h, 7d, or off [default: 7d]
    #[arg(long, env = "HEADWATER_SCRUB", value_name = "DURATION|off")]
    pub scrub: Option<String>,

    /// The region that is served, several with commas between them, or 'any': then a request's region is that of its
    /// signature [default: us-east-1]
    #[arg(long, env = "HEADWATER_REGION", value_name = "REGION|any")]
    pub region: Option<String>,

    /// The account that owns what is created, 12 digits [default: 000000000000]
    #[arg(long, env = "HEADWATER_ACCOUNT")]
    pub account: Option<String>,

    /// The limits that are enforced [default: aws]
    #[arg(long, env = "HEADWATER_LIMITS")]
    pub limits: Option<LimitsChoice>,

    /// One limit apart from --limits: a number, 'off' or 'aws', as in shard-write-records=5000 or
    /// control-plane=off; may be given more than once. docs/limits.md lists the names [env: HEADWATER_LIMIT, with
    /// commas; in the file a table named limit]
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    #[serde(default, deserialize_with = "limit_table")]
    pub limit: Vec<LimitChange>,

    /// The filter of the log on standard error: error, warn, info, debug, trace, or directives such as
    /// 'warn,headwater_streams=debug' [default: info]
    #[arg(long, env = "HEADWATER_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// The duration of CREATING, UPDATING and DELETING, in milliseconds; 0 for none [default: 200]
    #[arg(long, env = "HEADWATER_TRANSITION_MS", value_name = "MS")]
    pub transition_ms: Option<u32>,

    /// The same for tables, in milliseconds [default: 0]
    #[arg(long, env = "HEADWATER_TABLE_TRANSITION_MS", value_name = "MS")]
    pub table_transition_ms: Option<u32>,

    /// Serve TLS with this certificate, PEM, its chain included; needs --tls-key. Replaced files are taken up
    #[arg(long, env = "HEADWATER_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key, PEM, readable by its owner only
    #[arg(long, env = "HEADWATER_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Serve TLS with a certificate that is made at the first start, in the folder tls of the data directory, with an
    /// authority that clients can be told to trust
    #[arg(long, env = "HEADWATER_TLS_SELF_SIGNED", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    pub tls_self_signed: Option<bool>,
    /// The file of master keys, under which streams and tables are encrypted; `headwater keys init` makes one. Instead of it,
    /// HEADWATER_MASTER_KEY may hold the base64 of 32 bytes. With neither, the server makes alias/aws/kinesis in the data
    /// directory when it is first asked for
    #[arg(long, env = "HEADWATER_MASTER_KEY_FILE", value_name = "FILE")]
    pub master_key_file: Option<PathBuf>,
    /// A file with credentials: then every request must be signed by one of them, and policies decide. `headwater
    /// credentials` makes it [default: none, anybody is served, on this machine only]
    #[arg(long, env = "HEADWATER_CREDENTIALS", value_name = "FILE")]
    pub credentials: Option<PathBuf>,

    /// A file to which a line of JSON is added for each request that was refused or changes something; the log has
    /// them as well [default: none]
    #[arg(long, env = "HEADWATER_AUDIT_LOG", value_name = "FILE")]
    pub audit_log: Option<PathBuf>,

    /// Listen beyond this machine although nobody is asked for credentials
    #[arg(long, env = "HEADWATER_INSECURE", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    pub insecure: Option<bool>,
}

/// TLS of the server: off, or the source of its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsChoice {
    /// Plaintext only.
    Off,
    /// With this certificate.
    Files(TlsFiles),
    /// With one that is made in this folder if there is none yet.
    SelfSigned(PathBuf),
}

/// Settings that are known to be right.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Connections that are served at once, if the files suffice.
    pub connections: u32,
    /// Data directory.
    pub data_dir: PathBuf,
    /// In what time everything that is stored is read to find damage; none for never.
    pub scrub: Option<Duration>,
    /// The regions that are served.
    pub regions: Regions,
    /// Account in which a bare name of a stream is looked up.
    pub account: AccountId,
    /// Limits that are enforced.
    pub limits: LimitsChoice,
    /// Changes to them, those of each place together, the weakest place first.
    pub limit_changes: [Vec<LimitChange>; 3],
    /// File of those who can sign; none where anybody is served.
    pub credentials: Option<PathBuf>,
    /// File to which refusals and changes are written beside the log.
    pub audit_log: Option<PathBuf>,
    /// Filter of the log.
    pub log: String,
    /// Duration of transitions.
    pub transition: Duration,
    /// Duration of those of tables.
    pub table_transition: Duration,
    /// TLS and its certificate.
    pub tls: TlsChoice,
    /// Source of master keys.
    pub master_keys: MasterKeySource,
    /// Directory of a master key that the server makes for itself if none were given; none if it makes none.
    pub own_master_keys: Option<PathBuf>,
    /// Bounds on what requests may hold; nobody but a test has had a reason to change them.
    pub requests: Limits,
}

/// Why settings are not right: one line that names the setting and the mend.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
    /// The file is not TOML, or has a key or a value that is not known.
    #[error("the configuration file {path} is wrong: {cause}")]
    Malformed {
        /// The file.
        path: String,
        /// The mistake in it.
        cause: String,
    },
    /// A setting has a value that it cannot have.
    #[error("{setting} '{value}' is wrong: {mend}")]
    Value {
        /// The setting.
        setting: &'static str,
        /// As given.
        value: String,
        /// Advice, such as the values it may have.
        mend: &'static str,
    },
    /// The environment variable changes a limit in a way that is not known.
    #[error("{LIMIT_VARIABLE} is wrong: {0}")]
    Limit(#[from] LimitChangeError),
    /// The environment variable holds no key. What it holds is not shown.
    #[error(
        "{MASTER_KEY_VARIABLE} is wrong: it is to hold the base64 of 32 bytes (head -c 32 /dev/urandom | base64)"
    )]
    MasterKey,
    /// Two sources of master keys.
    #[error(
        "both {MASTER_KEY_VARIABLE} and a master key file are given: keep one (`headwater keys init \
         --from-environment` moves the key into a file)"
    )]
    TwoMasterKeys,
    /// Listening there would serve anybody.
    #[error(
        "refusing to listen on {0}: no credentials are configured, so anybody who reaches this address could read \
         and delete everything. Give --credentials, listen on 127.0.0.1, or give --insecure if the network is trusted"
    )]
    Exposed(SocketAddr),
}

impl ServeArgs {
    /// Fills what is not given from the configuration file and then from the defaults, and checks everything.
    pub fn resolve(self) -> Result<Settings, SettingsError> {
        let file = self.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let listen = self.listen.or(file.listen).unwrap_or_else(|| "127.0.0.1:4567".into());
        let listen = resolve_address(&listen)?;
        let connections = self.connections.or(file.connections).unwrap_or(CONNECTIONS_DEFAULT);
        if connections == 0 {
            let mend = "at least one connection has to be served";
            return Err(SettingsError::Value { setting: "connections", value: "0".into(), mend });
        }
        let credentials = self.credentials.or(file.credentials);
        if !listen.ip().is_loopback()
            && credentials.is_none()
            && !self.insecure.or(file.insecure).unwrap_or(false)
        {
            return Err(SettingsError::Exposed(listen));
        }
        let regions = self.region.or(file.region).unwrap_or_else(|| Region::US_EAST_1.to_string());
        let regions = regions.parse().map_err(|wrong: RegionsError| SettingsError::Value {
            setting: "region",
            value: regions.clone(),
            mend: wrong.mend(),
        })?;
        let account = self.account.or(file.account).unwrap_or_else(|| "000000000000".into());
        let account = AccountId::new(&account).ok_or_else(|| SettingsError::Value {
            setting: "account",
            value: account.clone(),
            mend: "an account is 12 digits",
        })?;
        let log = self.log.or(file.log).unwrap_or_else(|| "info".into());
        if log.parse::<tracing_subscriber::filter::EnvFilter>().is_err() {
            let mend =
                "use error, warn, info, debug, trace, or directives such as 'warn,headwater_streams=debug'";
            return Err(SettingsError::Value { setting: "log", value: log, mend });
        }
        let data_dir = self.data_dir.or(file.data_dir).unwrap_or_else(|| "headwater-data".into());
        if data_dir.as_os_str().is_empty() {
            let mend = "name a directory, such as ./headwater-data";
            return Err(SettingsError::Value { setting: "data-dir", value: String::new(), mend });
        }
        let scrub = scrub_every(self.scrub.or(file.scrub))?;
        let tls = tls_choice(
            self.tls_cert.or(file.tls_cert),
            self.tls_key.or(file.tls_key),
            self.tls_self_signed.or(file.tls_self_signed).unwrap_or(false),
            &data_dir,
        )?;
        let own_master_keys = Some(data_dir.join(OWN_MASTER_KEYS));
        Ok(Settings {
            listen,
            connections,
            tls,
            data_dir,
            scrub,
            regions,
            account,
            limits: self.limits.or(file.limits).unwrap_or(LimitsChoice::Aws),
            credentials,
            audit_log: self.audit_log.or(file.audit_log),
            limit_changes: [file.limit, limits_of_environment()?, self.limit],
            log,
            transition: Duration::from_millis(
                self.transition_ms.or(file.transition_ms).unwrap_or(200).into(),
            ),
            table_transition: Duration::from_millis(
                self.table_transition_ms.or(file.table_transition_ms).unwrap_or(0).into(),
            ),
            master_keys: master_keys(self.master_key_file.or(file.master_key_file))?,
            own_master_keys,
            requests: Limits::default(),
        })
    }
}

impl Settings {
    /// The limits that are enforced in each region.
    pub fn limit_policy(&self) -> RegionalPolicy {
        RegionalPolicy::new(|region| {
            let base = self.limits.policy(region);
            let changes = self.limit_changes.iter();
            changes.fold(base, |policy, changes| LimitChange::apply_all(changes, policy, region))
        })
    }

    /// The limits that are enforced, for people: `aws`, or `off (1 changed)`.
    pub(crate) fn limits_shown(&self) -> String {
        let name = match self.limits {
            LimitsChoice::Aws => "aws",
            LimitsChoice::Off => "off",
        };
        let first = self.regions.first();
        match self.limit_policy().of(first).differences(&self.limits.policy(first)) {
            0 => name.to_owned(),
            changed => format!("{name} ({changed} changed)"),
        }
    }
}

impl LimitsChoice {
    fn policy(self, region: Region) -> LimitPolicy {
        match self {
            Self::Aws => LimitPolicy::aws(region),
            Self::Off => LimitPolicy::OFF,
        }
    }
}

/// `shard-write-records = 5000`, `consumers-per-stream = "off"`.
fn limit_table<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<LimitChange>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a limit is a whole number, \"off\" or \"aws\"")]
    enum Given {
        Number(i64),
        Text(String),
    }
    let change = |(name, given): (String, Given)| {
        let value = match given {
            Given::Number(number) => number.to_string(),
            Given::Text(text) => text,
        };
        LimitChange::new(&name, &value).map_err(de::Error::custom)
    };
    BTreeMap::<String, Given>::deserialize(from)?.into_iter().map(change).collect()
}

/// More than an SDK's pools on some hundreds of machines need.
const CONNECTIONS_DEFAULT: u32 = 16_384;

/// Read here and not by `clap`, which would not look at it where a flag is given.
const LIMIT_VARIABLE: &str = "HEADWATER_LIMIT";

fn limits_of_environment() -> Result<Vec<LimitChange>, LimitChangeError> {
    let text = std::env::var_os(LIMIT_VARIABLE).unwrap_or_default();
    let text = text.to_string_lossy();
    text.split(',').map(str::trim).filter(|change| !change.is_empty()).map(str::parse).collect()
}

/// Once a week: disks that lose bits lose few.
const SCRUB_DEFAULT: &str = "7d";

fn scrub_every(text: Option<String>) -> Result<Option<Duration>, SettingsError> {
    let text = text.unwrap_or_else(|| SCRUB_DEFAULT.into());
    if text == "off" {
        return Ok(None);
    }
    let every = parse_duration(&text).filter(|every| (Duration::from_secs(1)..=SCRUB_MAX).contains(every));
    match every {
        Some(every) => Ok(Some(every)),
        None => Err(SettingsError::Value {
            setting: "scrub",
            value: text,
            mend: "a time such as 30m, 12h or 7d, of ten years at the most, or off",
        }),
    }
}

/// Ten years.
const SCRUB_MAX: Duration = Duration::from_secs(3650 * 86_400);

fn tls_choice(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    self_signed: bool,
    data_dir: &Path,
) -> Result<TlsChoice, SettingsError> {
    let shown = |path: &Path| path.display().to_string();
    match (certificate, key, self_signed) {
        (None, None, false) => Ok(TlsChoice::Off),
        (None, None, true) => Ok(TlsChoice::SelfSigned(data_dir.join("tls"))),
        (Some(certificate), Some(key), false) => Ok(TlsChoice::Files(TlsFiles { certificate, key })),
        (Some(certificate), None, false) => Err(SettingsError::Value {
            setting: "tls-cert",
            value: shown(&certificate),
            mend: "a certificate needs its private key: give --tls-key as well",
        }),
        (None, Some(key), false) => Err(SettingsError::Value {
            setting: "tls-key",
            value: shown(&key),
            mend: "a private key needs its certificate: give --tls-cert as well",
        }),
        (_, _, true) => Err(SettingsError::Value {
            setting: "tls-self-signed",
            value: "true".into(),
            mend: "give either --tls-cert and --tls-key or --tls-self-signed",
        }),
    }
}

/// The server's own master keys, in the data directory.
pub(crate) const OWN_MASTER_KEYS: &str = "keys/master-keys.toml";
/// Only an environment variable: a flag would be seen by everybody on the machine.
const MASTER_KEY_VARIABLE: &str = "HEADWATER_MASTER_KEY";

fn master_keys(file: Option<PathBuf>) -> Result<MasterKeySource, SettingsError> {
    let text = std::env::var_os(MASTER_KEY_VARIABLE).filter(|text| !text.is_empty());
    match (file, text) {
        (Some(_), Some(_)) => Err(SettingsError::TwoMasterKeys),
        (Some(file), None) => Ok(MasterKeySource::File(file)),
        (None, Some(text)) => {
            let secret = text.to_str().and_then(Secret::from_base64);
            secret.map(MasterKeySource::Key).ok_or(SettingsError::MasterKey)
        }
        (None, None) => Ok(MasterKeySource::None),
    }
}

fn read_file(path: &Path) -> Result<ServeArgs, SettingsError> {
    let shown = || path.display().to_string();
    let text = headwater_host::read_text_file(path)
        .map_err(|error| SettingsError::Unreadable { path: shown(), cause: error.to_string() })?;
    toml::from_str(&text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let cause = format!("line {line}: {}", error.message().replace('\n', " "));
        SettingsError::Malformed { path: shown(), cause }
    })
}

fn resolve_address(text: &str) -> Result<SocketAddr, SettingsError> {
    let found = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| SettingsError::Value {
        setting: "listen",
        value: text.to_owned(),
        mend: "an address and a port, such as 127.0.0.1:4567 or [::1]:4567",
    })
}
