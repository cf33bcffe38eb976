//! Routing of requests to the parts of the server.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use headwater_edge::{AnswerBody, ConnectionBroken, Edge, MetricsOf, Peer, Room, Whole};
use headwater_host::disk::Disk;
use headwater_store_embedded::EmbeddedStore;
use headwater_streams::StreamService;
use headwater_tables::TableService;
use headwater_telemetry::{Level, Metrics, encode_shards};
use headwater_types::{AccountId, Realm, Region, StreamKey, StreamName};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Either;
use hyper::body::Incoming;

use crate::health::Health;
use crate::settings::Settings;
use crate::{store_health, tables_health};

/// Everything that answers.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    edge: Edge,
    streams: Arc<StreamService>,
    store: Arc<EmbeddedStore>,
    pub(crate) metrics: Arc<Metrics>,
    disk: Arc<dyn Disk>,
    data_dir: Arc<PathBuf>,
    health: Arc<Health>,
    account: AccountId,
}

impl Routes {
    pub(crate) fn new(
        edge: Edge,
        streams: Arc<StreamService>,
        tables: &Arc<TableService>,
        store: Arc<EmbeddedStore>,
        metrics: Arc<Metrics>,
        disk: Arc<dyn Disk>,
        settings: &Settings,
    ) -> Self {
        let (data_dir, account) = (Arc::new(settings.data_dir.clone()), settings.account);
        // Every part that can be unwell adds itself here.
        let mut health = Health::default();
        store_health::watch(&mut health, &store);
        tables_health::watch(&mut health, tables);
        let health = Arc::new(health);
        Self { edge, streams, store, metrics, disk, data_dir, health, account }
    }

    /// For a new connection from this address; `secure` if it is TLS.
    pub(crate) fn peer(&self, address: IpAddr, secure: bool) -> Peer {
        self.edge.peer(address, secure)
    }

    /// The answer; an error closes the connection. What there is no room for is refused here, before anything is made
    /// for it.
    pub(crate) fn answer(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> impl Future<Output = Result<Response<AnswerBody>, ConnectionBroken>> + Send + use<> {
        let room = self.edge.admit(&request, peer);
        let is_health = request.method() == Method::GET && request.uri().path() == "/health";
        let answered = match room {
            // Not refused under load: an answer without a body waits for nobody.
            room if is_health => Either::Left(self.health(room.ok())),
            Err(refusal) => Either::Left(*refusal),
            Ok(room) => {
                let (routes, peer) = (self.clone(), peer.clone());
                // In a box, which is gone when the answer waits to be sent.
                Either::Right(Box::pin(async move { routes.answer_admitted(request, peer, room).await }))
            }
        };
        async move {
            match answered {
                Either::Left(answer) => Ok(answer),
                Either::Right(answering) => answering.await,
            }
        }
    }

    async fn answer_admitted(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        room: Room,
    ) -> Result<Response<AnswerBody>, ConnectionBroken> {
        if request.method() != Method::GET || !matches!(request.uri().path(), "/metrics" | "/metrics/shards")
        {
            return self.edge.handle(request, peer, room).await;
        }
        let (parts, _) = request.into_parts();
        let answer = match self.edge.metrics_for(&parts, &peer) {
            Err(refusal) => *refusal,
            Ok(whose) if parts.uri.path() == "/metrics" => {
                self.edge.text(&peer, async || self.metrics(whose).await).await?
            }
            Ok(whose) => {
                let (region, query) = (self.edge.region_of(&parts), parts.uri.query());
                self.edge.text(&peer, async || self.shard_metrics(whose, region, query).await).await?
            }
        };
        Ok(self.edge.seal(answer, room))
    }

    /// Its status, and without room no more.
    fn health(&self, room: Option<Room>) -> Response<AnswerBody> {
        let (status, body) = self.health.report();
        let body = if room.is_some() { Bytes::from(body) } else { Bytes::new() };
        let mut answer = Response::new(Either::Left(Whole::from(body)));
        *answer.status_mut() = status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match room {
            Some(room) => self.edge.seal(answer, room),
            None => answer,
        }
    }

    async fn metrics(&self, whose: MetricsOf) -> Text {
        for service in self.edge.services() {
            service.report().await;
        }
        let stats = self.store.stats();
        self.metrics.set(Level::DiskUsedBytes, stats.disk_bytes());
        self.metrics.set(Level::WritesStopped, self.store.poisoned().is_some().into());
        self.metrics.set(Level::DamagedFrames, self.store.damaged_places());
        for (level, count) in [
            (Level::BackgroundFailures, &stats.background_failures),
            (Level::CommitQueueBytes, &stats.queue_bytes),
        ] {
            self.metrics.set(level, count.load(Ordering::Relaxed));
        }
        if let Ok(space) = self.disk.space(&self.data_dir) {
            self.metrics.set(Level::DiskFreeBytes, space.free_bytes);
        }
        let enhanced = self.streams.enhanced_samples().await;
        let text = match whose {
            MetricsOf::Everybody => self.metrics.encode(&enhanced),
            MetricsOf::Account(account) => self.metrics.encode_account(&enhanced, account.as_str()),
        };
        (StatusCode::OK, headwater_telemetry::CONTENT_TYPE, text)
    }

    /// The shards of the stream that the query names: `stream=NAME`, `region=REGION` unless it is the request's, and `account=ID`
    /// where it is another's, whose streams do not exist for those who may see one account's only.
    async fn shard_metrics(&self, whose: MetricsOf, region: Region, query: Option<&str>) -> Text {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let own = match whose {
            MetricsOf::Everybody => self.account,
            MetricsOf::Account(account) => account,
        };
        let (mut name, mut account, mut region) = (None, Some(own), Some(region));
        for (key, value) in pairs {
            match key {
                "stream" => name = StreamName::new(value),
                "account" => account = AccountId::new(value),
                "region" => region = Region::new(value),
                _ => {}
            }
        }
        let realm = account.zip(region).map(|(account, region)| Realm { account, region });
        let key = name.zip(realm).map(|(name, realm)| StreamKey { realm, name });
        let Some(key) = key else {
            let usage = "name a stream: /metrics/shards?stream=NAME (and &region=REGION, &account=ID)\n";
            return (StatusCode::BAD_REQUEST, PLAIN, usage.into());
        };
        let may_be_seen = whose == MetricsOf::Everybody || key.realm.account == own;
        match self.streams.find(&key) {
            Ok((handle, _)) if may_be_seen => {
                let samples = self.streams.shard_samples(&handle).await;
                (StatusCode::OK, headwater_telemetry::CONTENT_TYPE, encode_shards(&samples))
            }
            Ok(_) | Err(_) => (StatusCode::NOT_FOUND, PLAIN, format!("there is no {key}\n")),
        }
    }
}

/// For what only people read.
const PLAIN: &str = "text/plain; charset=utf-8";

/// An answer's status, content type and text.
type Text = (StatusCode, &'static str, String);
