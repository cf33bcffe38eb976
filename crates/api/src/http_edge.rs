//! From an HTTP request to an HTTP answer, checking in the order in which AWS does (reference, section 1).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use headwater_host::Random;
use headwater_types::AccountId;
use headwater_wire::sigv4::{Chunking, Chunks};
use headwater_wire::{Codec, DecodeError};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::Either;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use crate::body::{AnswerBody, BodyError, SMALL_ANSWER_BYTES, Whole, receive};
use crate::context::{Api, Inner, Peer};
use crate::error::ApiError;
use crate::foreign::Foreign;
use crate::guard::Trail;
use crate::operations::{self, Operation, Reply};
use crate::room::{FIELDS_MAX, REFUSED_MAX, Room, holding};
use crate::{identity, monitoring, tables};

pub(crate) type Answer = Response<AnswerBody>;

const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// The longest list of headers that a preflight is answered with.
const PREFLIGHT_BYTES_MAX: usize = 2048;

const TARGET_PREFIX: &str = "Kinesis_20131202.";
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ID_2: HeaderName = HeaderName::from_static("x-amz-id-2");
const EXPOSED: &str =
    "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";
const NOT_POST: &str = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be \
                        authorized</Message>\n</AccessDeniedException>\n";

/// Whose metrics somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsOf {
    /// Those of all accounts, and of the server.
    Everybody,
    /// Those of one account's streams.
    Account(AccountId),
}

impl Api {
    /// Room for a request whose head has come. Without any, for all or for this connection, the answer is a refusal; it
    /// has no body, so that nothing waits for the client to read it. A connection that goes on all the same is closed.
    pub fn admit(&self, request: &Request<Incoming>, peer: &Peer) -> Result<Room, Box<Answer>> {
        peer.note_progress();
        let has_key = self.inner.access.names_known_key(request.headers(), request.uri());
        let pool = if has_key { &peer.heads } else { &peer.strangers };
        let is_long = request.headers().len() > FIELDS_MAX;
        let room = if is_long { None } else { Room::of(pool, request, has_key) };
        if let Some(room) = room {
            peer.refused.store(0, Ordering::Relaxed);
            return Ok(room);
        }
        if peer.refused.fetch_add(1, Ordering::Relaxed) >= REFUSED_MAX {
            peer.overdue.notify_one();
        }
        let mut answer = no_room();
        let mut outcome = "ServiceUnavailable";
        if is_long {
            answer = whole(Bytes::new());
            *answer.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            outcome = "RequestHeaderFieldsTooLarge";
        }
        self.inner.metrics.request("unknown", outcome, Duration::ZERO);
        Err(Box::new(close(request.version(), finish(&self.inner, answer))))
    }

    /// Has the answer hold the request's room until it has been sent.
    pub fn seal(&self, mut answer: Answer, room: Room) -> Answer {
        let kept = match answer.body_mut() {
            Either::Left(whole) => whole.keep(room),
            Either::Right(frames) => {
                frames.keep(room);
                true
            }
        };
        if kept { answer } else { finish(&self.inner, no_room()) }
    }

    /// An answer in text that `make` makes, in its turn among the requests and reads of the connection. It counts as all
    /// answers do.
    pub async fn text(
        &self,
        peer: &Peer,
        make: impl AsyncFnOnce() -> (StatusCode, &'static str, String),
    ) -> Result<Answer, ConnectionBroken> {
        let Ok(_working) = peer.requests.acquire().await else { return Err(ConnectionBroken) };
        let trail = Trail::new(peer, &HeaderMap::new());
        let Ok(reading) = self.inner.read_slot(&trail).await else {
            return Ok(finish(&self.inner, no_room()));
        };
        let (status, content_type, text) = make().await;
        drop(reading);
        let Some(body) = self.hold(text.into(), peer).await else {
            return Ok(finish(&self.inner, no_room()));
        };
        let mut answer = whole(body);
        *answer.status_mut() = status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Ok(answer)
    }

    /// Answers one request, which `room` was found for. An error means that the connection is to be closed without an
    /// answer.
    pub async fn handle(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        room: Room,
    ) -> Result<Answer, ConnectionBroken> {
        let has_key = room.has_key;
        Ok(self.seal(self.respond(request, peer, has_key).await?, room))
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        has_key: bool,
    ) -> Result<Answer, ConnectionBroken> {
        let inner = &self.inner;
        let (parts, body) = request.into_parts();
        if parts.method == Method::OPTIONS {
            return Ok(preflight(inner, &parts.headers));
        }
        if parts.method != Method::POST && !monitoring::is_get(&parts) {
            if let Some(foreign) = Foreign::find(&parts, b"") {
                return Ok(self.refuse_foreign(&foreign));
            }
            return Ok(finish(inner, plain(StatusCode::FORBIDDEN, None, NOT_POST)));
        }
        let received = match receive(inner, &peer, has_key, body).await {
            Ok(received) => received,
            Err(BodyError::Stranger) => return Ok(self.refuse_stranger(&parts, &peer)),
            Err(BodyError::Broken) => return Err(ConnectionBroken),
            Err(BodyError::TooLarge) => {
                inner.metrics.request("unknown", "RequestEntityTooLarge", Duration::ZERO);
                return Ok(close(parts.version, finish(inner, too_large())));
            }
            Err(BodyError::NoMemory) if tables::is_call(&parts.headers) => {
                inner.metrics.request("dynamodb:unknown", "ServiceUnavailable", Duration::ZERO);
                return Ok(finish(inner, self.refuse_tables(ApiError::unavailable())));
            }
            Err(BodyError::NoMemory) => {
                let codec = codec_of(&parts.headers).unwrap_or(Codec::Json);
                inner.metrics.request("unknown", "ServiceUnavailable", Duration::ZERO);
                return Ok(finish(inner, error(codec, &ApiError::unavailable())));
            }
        };
        // Until the answer begins: an event stream is no work. What is still arriving is none either.
        let Ok(_working) = peer.requests.acquire().await else { return Err(ConnectionBroken) };
        if identity::is_call(&parts, &received.bytes) {
            let trail = Trail::new(&peer, &parts.headers);
            let (answer, outcome) = identity::answer(inner, &parts, &received.bytes, &trail);
            let answer = finish(inner, answer);
            self.record(&trail, ("sts", "GetCallerIdentity"), false, outcome, &answer);
            return Ok(answer);
        }
        if let Some(mut found) = monitoring::Call::find(&parts, &received.bytes) {
            let trail = Trail::new(&peer, &parts.headers);
            let (answer, outcome) =
                self.answer_monitoring(&parts, &received.bytes, &mut found, &peer, &trail).await;
            let answer = finish(inner, answer);
            self.record(&trail, ("cloudwatch", found.name()), false, outcome, &answer);
            return Ok(answer);
        }
        if tables::is_call(&parts.headers) {
            let trail = Arc::new(Trail::new(&peer, &parts.headers));
            let answered = self.answer_tables(&parts, &received.bytes, &peer, &trail).await;
            let response = finish(inner, answered.response);
            let action = ("dynamodb", answered.name);
            self.record(&trail, action, answered.is_recorded, answered.outcome, &response);
            return Ok(response);
        }
        if let Some(foreign) = Foreign::find(&parts, &received.bytes) {
            return Ok(self.refuse_foreign(&foreign));
        }
        let target = header(&parts.headers, "x-amz-target");
        let name = target.and_then(|target| target.strip_prefix(TARGET_PREFIX));
        let operation = name.and_then(operations::find);
        let started = inner.clock.elapsed();
        let trail = Arc::new(Trail::new(&peer, &parts.headers));
        let answer = self.answer(&parts, operation, &received.bytes, &peer, &trail).await;
        let took = inner.clock.elapsed().saturating_sub(started);
        let name = operation.map_or("unknown", |operation| operation.name);
        inner.metrics.request(name, answer.outcome, took);
        let response = finish(inner, answer.response);
        if let Some(operation) = operation {
            let action = ("kinesis", operation.name);
            self.record(&trail, action, operation.changes, answer.outcome, &response);
        }
        Ok(response)
    }

    /// The names of all operations of Kinesis that are served.
    pub fn operations() -> impl Iterator<Item = &'static str> {
        operations::names()
    }

    /// The names of all operations of DynamoDB that are served.
    pub fn table_operations() -> impl Iterator<Item = &'static str> {
        tables::names()
    }

    /// The names of all operations of CloudWatch that are served.
    pub fn monitoring_operations() -> impl Iterator<Item = &'static str> {
        monitoring::names()
    }

    /// Whose metrics a request may see, or the refusal. Without credentials, and from this machine, everybody's. Others
    /// sign, and see their own account's by `headwater:GetMetrics`; everybody's are for those of the server's own account
    /// who may do `headwater:GetServerMetrics`.
    pub fn metrics_for(&self, parts: &http::request::Parts, peer: &Peer) -> Result<MetricsOf, Box<Answer>> {
        let inner = &self.inner;
        if inner.access.credentials.is_none() || peer.address.is_loopback() {
            return Ok(MetricsOf::Everybody);
        }
        let trail = Trail::new(peer, &parts.headers);
        let (now, target) = (inner.clock.now(), inner.target("kinesis"));
        let may = |action: &str| inner.access.authorize_account(action, target.region, now, &trail);
        let allowed = inner.access.authenticate(parts, b"", None, now, target, &trail).and_then(|()| {
            let account = inner.account_of(&trail);
            if account == inner.account && may("headwater:GetServerMetrics").is_ok() {
                return Ok(MetricsOf::Everybody);
            }
            may("headwater:GetMetrics").map(|()| MetricsOf::Account(account))
        });
        allowed.map_err(|refused| {
            let mut response = finish(inner, error(Codec::Json, &refused));
            *response.status_mut() = StatusCode::FORBIDDEN;
            self.record(&trail, ("headwater", "GetMetrics"), false, refused.kind, &response);
            Box::new(response)
        })
    }

    /// The answer to a body that was not kept, because nobody who is known seems to have sent it.
    fn refuse_stranger(&self, parts: &http::request::Parts, peer: &Peer) -> Answer {
        let inner = &self.inner;
        let trail = Trail::new(peer, &parts.headers);
        let is_tables = tables::is_call(&parts.headers);
        let (service, label) =
            if is_tables { ("dynamodb", "dynamodb:unknown") } else { ("kinesis", "unknown") };
        let (now, target) = (inner.clock.now(), inner.target(service));
        // It is refused for its key, before the body would be looked at; or the key has become known just now.
        let checked = inner.access.authenticate(parts, b"", None, now, target, &trail);
        let refused = checked.err().unwrap_or_else(ApiError::unavailable);
        let codec = codec_of(&parts.headers).unwrap_or(Codec::Json);
        inner.metrics.request(label, refused.kind, Duration::ZERO);
        let kind = refused.kind;
        let answer = if is_tables { self.refuse_tables(refused) } else { error(codec, &refused) };
        let response = finish(inner, answer);
        self.record(&trail, (service, "unknown"), false, kind, &response);
        response
    }

    fn refuse_foreign(&self, foreign: &Foreign) -> Answer {
        self.inner.metrics.request("unknown", "UnknownOperationException", Duration::ZERO);
        let id = request_id(&*self.inner.random);
        let mut answer = foreign.refusal(id.to_str().unwrap_or_default());
        answer.headers_mut().insert(REQUEST_ID, id);
        finish(&self.inner, answer)
    }

    fn record(
        &self,
        trail: &Trail,
        action: (&str, &str),
        changes: bool,
        outcome: &'static str,
        response: &Answer,
    ) {
        let request_id = header(response.headers(), REQUEST_ID.as_str()).unwrap_or_default();
        self.inner.access.record(trail, action, changes, outcome, request_id, self.inner.clock.now());
    }

    async fn answer(
        &self,
        parts: &http::request::Parts,
        operation: Option<&'static Operation>,
        body: &Bytes,
        peer: &Peer,
        trail: &Arc<Trail>,
    ) -> Outcome {
        let has_target = parts.headers.contains_key("x-amz-target");
        let codec = match codec_of(&parts.headers) {
            codec if body.is_empty() => {
                let codec = codec.unwrap_or(Codec::Cbor);
                let kind =
                    if operation.is_some() { "SerializationException" } else { "UnknownOperationException" };
                return Outcome::error(codec, &ApiError::bare(400, kind));
            }
            Some(codec) => codec,
            None => {
                return Outcome {
                    outcome: "UnsupportedContentType",
                    response: unsupported(&parts.headers, has_target),
                };
            }
        };
        match self.run(parts, codec, operation, body, trail).await {
            Ok(Reply::Body(body)) => match self.hold(body, peer).await {
                Some(body) => Outcome { outcome: "ok", response: encoded(codec, StatusCode::OK, body) },
                None => Outcome::error(codec, &ApiError::unavailable()),
            },
            Ok(Reply::Events(frames)) => {
                let frames = frames.watched(self.inner.clock.clone(), peer);
                let mut response = Response::new(Either::Right(frames));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
                Outcome { outcome: "ok", response }
            }
            Err(refused) => Outcome::error(codec, &refused),
        }
    }

    /// The answer's body, which counts against the memory of all answers until it has been sent, and waits for the
    /// earlier ones of its connection. A small one is a part of what its request takes.
    pub(crate) async fn hold(&self, body: Vec<u8>, peer: &Peer) -> Option<Whole> {
        if body.len() <= SMALL_ANSWER_BYTES {
            return Some(Bytes::from(body).into());
        }
        let taken = peer.answers.take(body.capacity()).await?;
        Some(Whole::held(holding(body, taken)))
    }

    async fn run(
        &self,
        parts: &http::request::Parts,
        codec: Codec,
        operation: Option<&'static Operation>,
        sent: &Bytes,
        trail: &Arc<Trail>,
    ) -> Result<Reply, ApiError> {
        let inner = &self.inner;
        let chunking = header(&parts.headers, "x-amz-content-sha256").and_then(Chunking::of);
        let chunked = chunking.map(|chunking| self.unchunk(parts, chunking, sent)).transpose()?;
        let body = chunked.as_ref().map_or(sent, |chunked| &chunked.data);
        let Some(operation) = operation else {
            // What cannot be parsed is said to be so even to an unknown operation.
            codec.decode::<operations::Nothing>(body)?;
            return Err(ApiError::unknown_operation());
        };
        let (now, target) = (inner.clock.now(), inner.target("kinesis"));
        let chunks = chunked.as_ref().map(|chunked| &chunked.chunks);
        if let Err(refused) = inner.access.authenticate(parts, sent, chunks, now, target, trail) {
            // The same here: a body that cannot be parsed comes first.
            if codec.decode::<operations::Nothing>(body) == Err(DecodeError::Malformed) {
                return Err(DecodeError::Malformed.into());
            }
            return Err(refused);
        }
        if !operation.changes {
            return operation.call(inner, trail, codec, body).await;
        }
        let (inner, body, trail) = (inner.clone(), body.clone(), trail.clone());
        let task = tokio::spawn(async move { operation.call(&inner, &trail, codec, &body).await });
        task.await.unwrap_or_else(|cause| Err(ApiError::internal(&cause)))
    }

    /// The body of a request that came in chunks.
    fn unchunk(
        &self,
        parts: &http::request::Parts,
        chunking: Chunking,
        sent: &Bytes,
    ) -> Result<Unchunked, ApiError> {
        let chunks = Chunks::parse(chunking, sent).ok_or(DecodeError::Malformed)?;
        // It counts as much as what was sent, which is still held.
        let kib = sent.len().div_ceil(1024) as u32;
        let granted = self.inner.body_budget.clone().try_acquire_many_owned(kib);
        let granted = granted.map_err(|_| ApiError::unavailable())?;
        let data = Bytes::from(chunks.data(sent));
        let announced = header(&parts.headers, "x-amz-decoded-content-length");
        if announced.is_some_and(|text| text.parse() != Ok(data.len())) {
            return Err(DecodeError::Malformed.into());
        }
        Ok(Unchunked { data, chunks, _granted: granted })
    }
}

/// A body that came in chunks, put together.
struct Unchunked {
    data: Bytes,
    chunks: Chunks,
    _granted: OwnedSemaphorePermit,
}

/// The longest message of an error. AWS's own texts, with the longest names and ten violations, stay below it.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The request ended in the middle; nobody is left to be answered.
#[derive(Debug)]
pub struct ConnectionBroken;

impl std::fmt::Display for ConnectionBroken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request's body did not arrive")
    }
}

impl std::error::Error for ConnectionBroken {}

struct Outcome {
    outcome: &'static str,
    response: Answer,
}

impl Outcome {
    fn error(codec: Codec, refused: &ApiError) -> Self {
        Self { outcome: refused.kind, response: error(codec, refused) }
    }
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn codec_of(headers: &HeaderMap) -> Option<Codec> {
    Codec::from_content_type(header(headers, "content-type")?)
}

fn error(codec: Codec, refused: &ApiError) -> Answer {
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = codec.encode_error(refused.kind, refused.message.as_deref().map(cut));
    encoded(codec, status, Bytes::from(body))
}

/// Messages repeat what was sent; what is longer than anybody reads is not sent back.
pub(crate) fn cut(message: &str) -> &str {
    &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)]
}

pub(crate) fn whole(body: impl Into<Whole>) -> Answer {
    Response::new(Either::Left(body.into()))
}

/// Says that there is no room for the request or for its answer.
fn no_room() -> Answer {
    let mut answer = whole(Bytes::new());
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static("ServiceUnavailable"));
    answer
}

fn encoded(codec: Codec, status: StatusCode, body: impl Into<Whole>) -> Answer {
    let mut answer = whole(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(codec.content_type()));
    answer
}

fn plain(status: StatusCode, content_type: Option<&'static str>, body: &'static str) -> Answer {
    let mut answer = whole(Bytes::from_static(body.as_bytes()));
    *answer.status_mut() = status;
    if let Some(content_type) = content_type {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    answer
}

pub(crate) fn unsupported(headers: &HeaderMap, has_target: bool) -> Answer {
    let media = header(headers, "content-type").and_then(|value| value.split(';').next()).unwrap_or_default();
    if media.trim().eq_ignore_ascii_case("application/json") {
        let body =
            r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
        return plain(StatusCode::NOT_FOUND, Some("application/json"), body);
    }
    if has_target {
        plain(StatusCode::NOT_FOUND, None, "<UnknownOperationException/>\n")
    } else {
        plain(StatusCode::FORBIDDEN, None, NOT_POST)
    }
}

fn too_large() -> Answer {
    plain(StatusCode::PAYLOAD_TOO_LARGE, None, "<RequestEntityTooLargeException/>\n")
}

fn preflight(inner: &Inner, headers: &HeaderMap) -> Answer {
    let mut answer = whole(Bytes::new());
    let out = answer.headers_mut();
    out.insert(REQUEST_ID, request_id(&*inner.random));
    out.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    for (asked, allowed) in [
        ("access-control-request-headers", "access-control-allow-headers"),
        ("access-control-request-method", "access-control-allow-methods"),
    ] {
        if let Some(value) = headers.get(asked).filter(|value| value.len() <= PREFLIGHT_BYTES_MAX) {
            out.insert(allowed, value.clone());
        }
    }
    out.insert("access-control-max-age", HeaderValue::from_static("172800"));
    answer
}

/// Adds the headers that every answer has.
fn finish(inner: &Inner, mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.entry(REQUEST_ID).or_insert_with(|| request_id(&*inner.random));
    headers.insert(ID_2, id_2(&*inner.random));
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert("access-control-expose-headers", HeaderValue::from_static(EXPOSED));
    answer
}

/// The rest of the request will not be read, so the connection cannot be used again.
fn close(version: Version, mut answer: Answer) -> Answer {
    if version < Version::HTTP_2 {
        answer.headers_mut().insert("connection", HeaderValue::from_static("close"));
    }
    answer
}

/// A version 4 UUID.
pub(crate) fn request_id(random: &dyn Random) -> HeaderValue {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 0xf)];
        at += 2;
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Base64 of 72 random bytes.
fn id_2(random: &dyn Random) -> HeaderValue {
    let mut bytes = [0; 72];
    random.fill(&mut bytes);
    let text = base64_simd::STANDARD.encode_to_string(bytes);
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}
