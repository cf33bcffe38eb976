//! Which part of the server answers a request.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use headwater_api::{AnswerBody, Api, ConnectionAnswers};
use headwater_host::disk::Disk;
use headwater_store_embedded::EmbeddedStore;
use headwater_streams::StreamService;
use headwater_telemetry::{CONTENT_TYPE, Level, Metrics};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;

/// Everything that answers.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    api: Api,
    streams: Arc<StreamService>,
    store: Arc<EmbeddedStore>,
    pub(crate) metrics: Arc<Metrics>,
    disk: Arc<dyn Disk>,
    data_dir: Arc<PathBuf>,
}

impl Routes {
    pub(crate) fn new(
        api: Api,
        streams: Arc<StreamService>,
        store: Arc<EmbeddedStore>,
        metrics: Arc<Metrics>,
        disk: Arc<dyn Disk>,
        data_dir: PathBuf,
    ) -> Self {
        Self { api, streams, store, metrics, disk, data_dir: Arc::new(data_dir) }
    }

    /// What the large answers of a new connection may hold.
    pub(crate) fn connection_answers(&self) -> ConnectionAnswers {
        self.api.connection_answers()
    }

    /// The answer; an error closes the connection.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        answers: ConnectionAnswers,
    ) -> Result<Response<AnswerBody>, headwater_api::ConnectionBroken> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/health") => Ok(self.health()),
            (&Method::GET, "/metrics") => Ok(self.metrics()),
            _ => self.api.handle(request, answers).await,
        }
    }

    fn health(&self) -> Response<AnswerBody> {
        let (status, body) = match self.store.poisoned() {
            None => (StatusCode::OK, "{\"status\":\"ok\"}\n"),
            Some(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "{\"status\":\"writes have stopped after a disk error; see the log and restart\"}\n",
            ),
        };
        text(status, "application/json", body.into())
    }

    fn metrics(&self) -> Response<AnswerBody> {
        self.streams.report_levels();
        self.metrics.set(Level::DiskUsedBytes, self.store.stats().disk_bytes());
        if let Ok(space) = self.disk.space(&self.data_dir) {
            self.metrics.set(Level::DiskFreeBytes, space.free_bytes);
        }
        text(StatusCode::OK, CONTENT_TYPE, self.metrics.encode().into())
    }
}

fn text(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<AnswerBody> {
    let mut answer = Response::new(Either::Left(Full::new(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    answer
}
