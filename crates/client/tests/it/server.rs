//! A server that answers from a script and remembers what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use headwater_client::{Client, Config, Overrides, Surroundings};
use headwater_host::{Clock, SeededRandom};
use headwater_types::Timestamp;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;

/// Status and body of one answer; status 0 drops the connection instead.
pub(crate) type Answer = (u16, &'static str);

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) operation: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

pub(crate) struct Scripted {
    pub(crate) client: Client,
    asked: Arc<Mutex<Vec<Asked>>>,
    clock: Arc<Impatient>,
}

impl Scripted {
    /// Answers with `script`, its last line for ever.
    pub(crate) async fn new(script: &[Answer]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script = script.to_vec();
        let log = asked.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, log) = (script.clone(), log.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, script.clone(), log.clone()));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        let clock = Arc::new(Impatient::default());
        let overrides = Overrides { endpoint_url: Some(endpoint), ..Overrides::default() };
        let config = Config::resolve(overrides, &Nowhere).unwrap();
        let client = Client::new(config, clock.clone(), SeededRandom::new(7)).unwrap();
        Self { client, asked, clock }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn operations(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.operation).collect()
    }

    /// Number of waits of the client before it tried again.
    pub(crate) fn waits(&self) -> usize {
        *self.clock.waits.lock().unwrap()
    }
}

async fn answer(
    request: Request<Incoming>,
    script: Vec<Answer>,
    log: Arc<Mutex<Vec<Asked>>>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let header =
        |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
    let operation = header("x-amz-target").replace("Kinesis_20131202.", "");
    let authorization = header("authorization");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap();
    let turn = {
        let mut log = log.lock().unwrap();
        log.push(Asked { operation, authorization, body });
        log.len() - 1
    };
    match script[turn.min(script.len() - 1)] {
        (0, _) => Err(std::io::Error::other("scripted")),
        (status, body) => {
            Ok::<_, Infallible>(Response::builder().status(status).body(Full::from(body)).unwrap())
                .map_err(|never| match never {})
        }
    }
}

/// A clock on which short sleeps are over at once and time-outs never come.
#[derive(Debug, Default)]
struct Impatient {
    waits: Mutex<usize>,
}

#[async_trait]
impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_763_692_957)
    }

    fn elapsed(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    async fn sleep(&self, by: std::time::Duration) {
        if by.as_secs() >= 30 {
            std::future::pending::<()>().await;
        }
        *self.waits.lock().unwrap() += 1;
    }
}

struct Nowhere;

impl Surroundings for Nowhere {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn read(&self, _: &std::path::Path) -> std::io::Result<Option<String>> {
        Ok(None)
    }
}
