//! One call: encode, sign, send, retry, decode.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headwater_host::{Clock, Random};
use headwater_wire::Codec;
use headwater_wire::sigv4::canonical::Request as SignedRequest;
use headwater_wire::sigv4::{Target, sign};
use http::{Method, Request, Response};
use http_body_util::Full;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ErrorBody;
use crate::transport::Transport;
use crate::{Config, Error, ServiceError, backoff};

/// GetRecords and friends answer within a second; a server that is silent this long is gone.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const EXCERPT_CHARS: usize = 80;

/// Kinesis at one endpoint. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: Config,
    transport: Transport,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Client {
    /// A client for what `config` names. Connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if TLS is wanted and the machine trusts no certificates.
    pub fn new(config: Config, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, Error> {
        let transport = Transport::new(config.is_tls()).map_err(|error| Error::Unreachable {
            endpoint: config.endpoint.clone(),
            cause: format!(
                "no certificates to trust ({error}); install ca-certificates or set SSL_CERT_FILE"
            ),
        })?;
        Ok(Self { shared: Arc::new(Shared { config, transport, clock, random }) })
    }

    /// The configuration that the client was made with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// The clock that times retries.
    pub fn clock(&self) -> &dyn Clock {
        self.shared.clock.as_ref()
    }

    /// The source of jitter.
    pub fn random(&self) -> &dyn Random {
        self.shared.random.as_ref()
    }

    /// Makes a call, again and again while its error is transient and attempts are left.
    pub(crate) async fn call<I: Serialize, O: DeserializeOwned>(
        &self,
        operation: &'static str,
        input: &I,
    ) -> Result<O, Error> {
        let body = Bytes::from(Codec::Json.encode(input));
        let mut attempt = 1;
        loop {
            let error = match self.call_once(operation, body.clone()).await {
                Ok(answer) => return self.read(&answer),
                Err(error) if error.is_transient() && attempt < backoff::MAX_ATTEMPTS => error,
                Err(error) => return Err(error),
            };
            self.back_off(attempt, is_throttling(&error)).await;
            attempt += 1;
        }
    }

    pub(crate) async fn back_off(&self, attempt: u32, throttled: bool) {
        self.clock().sleep(backoff::delay(attempt, throttled, self.random())).await;
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Error> {
        let unreachable = |cause| Error::Unreachable { endpoint: self.config().endpoint.clone(), cause };
        tokio::select! {
            answer = self.shared.transport.send(request) => answer.map_err(unreachable),
            () = self.clock().sleep(CALL_TIMEOUT) => {
                Err(unreachable(format!("no answer within {} seconds", CALL_TIMEOUT.as_secs())))
            }
        }
    }

    async fn call_once(&self, operation: &'static str, body: Bytes) -> Result<Response<Bytes>, Error> {
        let answer = self.send(self.request(operation, body)).await?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.read_error(&answer)) }
    }

    fn request(&self, operation: &'static str, body: Bytes) -> Request<Full<Bytes>> {
        let config = self.config();
        let target = format!("Kinesis_20131202.{operation}");
        let headers = [
            ("content-type", Codec::Json.content_type()),
            ("host", config.authority()),
            ("x-amz-target", &target),
        ];
        let signature = sign(
            &SignedRequest { method: "POST", path: config.path(), query: "", headers: &headers },
            &body,
            self.clock().now(),
            Target { region: &config.region, service: "kinesis" },
            &config.credentials,
        );
        let mut request = Request::builder().method(Method::POST).uri(config.uri());
        for (name, value) in headers.into_iter().chain(signature.headers()) {
            request = request.header(name, value);
        }
        request.body(Full::new(body)).expect("the configuration was checked to make valid requests")
    }

    /// Returns a server's answer to a plain GET of `path_and_query`: Headwater's `/metrics`, for instance. That is no
    /// part of Kinesis, and a server without such a page is [`Error::NotKinesis`].
    pub async fn get_page(&self, path_and_query: &str) -> Result<String, Error> {
        let config = self.config();
        let uri = format!("{}{path_and_query}", config.endpoint.trim_end_matches('/'));
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let path = format!("{}{path}", config.path().trim_end_matches('/'));
        let headers = [("host", config.authority())];
        // A server of which this is asked from afar wants to know who asks.
        let signature = sign(
            &SignedRequest { method: "GET", path: &path, query, headers: &headers },
            b"",
            self.clock().now(),
            Target { region: &config.region, service: "kinesis" },
            &config.credentials,
        );
        let mut request = Request::builder().method(Method::GET).uri(uri);
        for (name, value) in headers.into_iter().chain(signature.headers()) {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::new())).map_err(|cause| Error::Unreachable {
            endpoint: config.endpoint.clone(),
            cause: cause.to_string(),
        })?;
        let answer = self.send(request).await?;
        if !answer.status().is_success() {
            return Err(self.not_kinesis(&answer));
        }
        Ok(String::from_utf8_lossy(answer.body()).into_owned())
    }

    fn read<O: DeserializeOwned>(&self, answer: &Response<Bytes>) -> Result<O, Error> {
        // Operations without output answer nothing at all.
        let body: &[u8] = if answer.body().is_empty() { b"{}" } else { answer.body() };
        Codec::Json.decode(body).map_err(|_| self.not_kinesis(answer))
    }

    fn read_error(&self, answer: &Response<Bytes>) -> Error {
        let Ok(ErrorBody { kind, message }) = Codec::Json.decode(answer.body()) else {
            return self.not_kinesis(answer);
        };
        let code = kind.rsplit('#').next().unwrap_or_default().to_owned();
        Error::Service(ServiceError {
            code,
            message: message.unwrap_or_default(),
            status: answer.status().as_u16(),
        })
    }

    fn not_kinesis(&self, answer: &Response<Bytes>) -> Error {
        let text = String::from_utf8_lossy(answer.body());
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Error::NotKinesis {
            endpoint: self.config().endpoint.clone(),
            status: answer.status().as_u16(),
            excerpt: line.chars().filter(|c| !c.is_control()).take(EXCERPT_CHARS).collect(),
        }
    }
}

pub(crate) fn is_throttling(error: &Error) -> bool {
    matches!(error, Error::Service(error) if error.is_throttling())
}
