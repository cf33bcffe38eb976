//! Which part of the server answers a request.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use headwater_api::{AnswerBody, Api, Peer};
use headwater_host::disk::Disk;
use headwater_store_embedded::EmbeddedStore;
use headwater_streams::StreamService;
use headwater_tables::TableService;
use headwater_telemetry::{CONTENT_TYPE, Level, Metrics, encode_shards};
use headwater_types::{AccountId, StreamKey, StreamName};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;

use crate::health::{Condition, Health};
use crate::settings::Settings;

/// Everything that answers.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    api: Api,
    streams: Arc<StreamService>,
    tables: Arc<TableService>,
    store: Arc<EmbeddedStore>,
    pub(crate) metrics: Arc<Metrics>,
    disk: Arc<dyn Disk>,
    data_dir: Arc<PathBuf>,
    account: AccountId,
}

impl Routes {
    pub(crate) fn new(
        api: Api,
        streams: Arc<StreamService>,
        tables: Arc<TableService>,
        store: Arc<EmbeddedStore>,
        metrics: Arc<Metrics>,
        disk: Arc<dyn Disk>,
        settings: &Settings,
    ) -> Self {
        let (data_dir, account) = (Arc::new(settings.data_dir.clone()), settings.account);
        Self { api, streams, tables, store, metrics, disk, data_dir, account }
    }

    /// For a new connection from this address; `secure` if it is TLS.
    pub(crate) fn peer(&self, address: IpAddr, secure: bool) -> Peer {
        self.api.peer(address, secure)
    }

    /// The answer; an error closes the connection.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Result<Response<AnswerBody>, headwater_api::ConnectionBroken> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/health") => Ok(self.health()),
            (&Method::GET, "/metrics" | "/metrics/shards") => {
                let (parts, _) = request.into_parts();
                Ok(match self.api.refuse(&parts, &peer, "GetMetrics") {
                    Some(refusal) => refusal,
                    None if parts.uri.path() == "/metrics" => self.metrics().await,
                    None => self.shard_metrics(parts.uri.query()).await,
                })
            }
            _ => self.api.handle(request, peer).await,
        }
    }

    fn health(&self) -> Response<AnswerBody> {
        let mut health = Health::default();
        health.add(
            "store",
            match self.store.poisoned() {
                None => Condition::Sound,
                Some(_) => Condition::Failed(
                    "writes have stopped after a disk error; see the log and restart".into(),
                ),
            },
        );
        health.add("tables", condition_of_tables(&self.tables));
        text(health.status(), "application/json", health.body().into())
    }

    async fn metrics(&self) -> Response<AnswerBody> {
        self.streams.report_levels().await;
        self.tables.report_levels();
        let stats = self.store.stats();
        self.metrics.set(Level::DiskUsedBytes, stats.disk_bytes());
        self.metrics.set(Level::WritesStopped, self.store.poisoned().is_some().into());
        for (level, count) in [
            (Level::DamagedFrames, &stats.corrupt_frames),
            (Level::BackgroundFailures, &stats.background_failures),
            (Level::CommitQueueBytes, &stats.queue_bytes),
        ] {
            self.metrics.set(level, count.load(Ordering::Relaxed));
        }
        if let Ok(space) = self.disk.space(&self.data_dir) {
            self.metrics.set(Level::DiskFreeBytes, space.free_bytes);
        }
        text(StatusCode::OK, CONTENT_TYPE, self.metrics.encode(&self.streams.enhanced_samples().await).into())
    }

    /// The shards of the stream that the query names: `stream=NAME`, and `account=ID` where it is another's.
    async fn shard_metrics(&self, query: Option<&str>) -> Response<AnswerBody> {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let (mut name, mut account) = (None, Some(self.account));
        for (key, value) in pairs {
            match key {
                "stream" => name = StreamName::new(value),
                "account" => account = AccountId::new(value),
                _ => {}
            }
        }
        let key = name.zip(account).map(|(name, account)| StreamKey { account, name });
        let Some(key) = key else {
            let usage = "name a stream: /metrics/shards?stream=NAME (and &account=ID)\n";
            return text(StatusCode::BAD_REQUEST, PLAIN, usage.into());
        };
        match self.streams.find(&key) {
            Ok((handle, _)) => {
                let samples = self.streams.shard_samples(&handle).await;
                text(StatusCode::OK, CONTENT_TYPE, encode_shards(&samples).into())
            }
            Err(_) => text(StatusCode::NOT_FOUND, PLAIN, format!("there is no {key}\n").into()),
        }
    }
}

fn condition_of_tables(tables: &TableService) -> Condition {
    if tables.trouble().is_some() {
        return Condition::Failed("no table can be used; the log says why".into());
    }
    let losses = tables.losses();
    if !losses.are_there() {
        return Condition::Sound;
    }
    // Less what follows the place: the names of files.
    let place = losses.cause().and_then(|cause| cause.split(": ").next()).unwrap_or_default();
    let (lost, whole) = (losses.tables.len() + losses.nameless, losses.whole);
    let more = if losses.unknown.is_some() { ", others may be missing" } else { "" };
    Condition::Degraded(format!(
        "{lost} tables have lost changes to damage and are not served{more}, {whole} are ({place}); see the log"
    ))
}

/// For what only people read.
const PLAIN: &str = "text/plain; charset=utf-8";

fn text(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<AnswerBody> {
    let mut answer = Response::new(Either::Left(Full::new(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    answer
}
