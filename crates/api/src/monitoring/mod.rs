//! CloudWatch, as far as it is there: which requests are its, and their answers.
//!
//! # Constraints
//! CloudWatch shares its port and its paths with Kinesis, whose order of checks must not change. So a request is
//! CloudWatch's only if it says so in a way that Kinesis never does: by the path of RPC v2, by the prefix of its target,
//! or by a form whose `Version` is CloudWatch's.
//!
//! # Format
//! Three protocols for the same operations: the AWS query protocol (a form in, XML out), Smithy RPC v2 CBOR and AWS JSON
//! 1.0. One file an operation holds shapes, validation, run and answer, whatever the protocol; [`Codec`] is what
//! differs. The names of errors differ too: the query protocol has its own, which the others repeat in a header.

mod error;
mod get_metric_data;
mod get_metric_statistics;
mod label;
mod list_metrics;
mod members;
mod put_metric_data;

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use headwater_types::AccountId;
use headwater_types::limits::MIB;
use headwater_wire::sigv4::canonical::{canonical_path, canonical_query};
use headwater_wire::{Codec, XmlAnswer, parameter, xml_answer, xml_error};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Body as _;
use tokio::sync::OwnedSemaphorePermit;

use crate::context::{Api, Inner, Peer};
use crate::guard::Trail;
use crate::http_edge::{Answer, REQUEST_ID, cut, header, request_id, whole};
use error::{Refused, Result};

/// The service in the scope of a signature.
const SERVICE: &str = "monitoring";
/// What stands before an operation in a policy.
const ACTION_PREFIX: &str = "cloudwatch:";
const TARGET_PREFIX: &str = "GraniteServiceVersion20100801.";
const RPC_PREFIX: &str = "/service/GraniteServiceVersion20100801/operation/";
const VERSION: &str = "2010-08-01";
const XML_NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";
const FORM: &str = "application/x-www-form-urlencoded";
const PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// The largest body as it is sent (quotas: 1 MB).
const BODY_BYTES_MAX: usize = MIB;
/// The largest body once it is inflated. A thousand metrics in a form are about a megabyte.
const INFLATED_BYTES_MAX: usize = 8 * MIB;

/// For an account.
type Run = fn(&Inner, AccountId, Codec, &[u8]) -> Result<Vec<u8>>;

/// One operation.
struct Operation {
    name: &'static str,
    /// Decodes, checks, runs, encodes.
    run: Run,
}

/// Every operation that is served.
const ALL: &[Operation] = &[
    Operation { name: "GetMetricData", run: get_metric_data::run },
    Operation { name: "GetMetricStatistics", run: get_metric_statistics::run },
    Operation { name: "ListMetrics", run: list_metrics::run },
    Operation { name: "PutMetricData", run: put_metric_data::run },
];

/// The names of all.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|operation| operation.name)
}

/// A request of CloudWatch.
pub(crate) struct Call {
    codec: Codec,
    /// Empty until a form that was compressed has been read.
    operation: String,
    /// The query string, where that is the form.
    query: Option<Bytes>,
}

/// A body, inflated if it had to be, and the memory that it was granted then.
struct Body {
    bytes: Bytes,
    _granted: Option<OwnedSemaphorePermit>,
}

/// True if a GET is one of CloudWatch: Kinesis has none.
pub(crate) fn is_get(parts: &Parts) -> bool {
    parts.method == Method::GET
        && has_version(canonical_query(parts.uri.query().unwrap_or_default()).as_bytes())
}

/// True if the body is as it was written.
fn is_plain(parts: &Parts) -> bool {
    let encoding = parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes).unwrap_or_default();
    encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity")
}

fn action(form: &[u8]) -> String {
    parameter(form, "Action").unwrap_or_default().into_owned()
}

fn has_version(form: &[u8]) -> bool {
    parameter(form, "Version").is_some_and(|version| version == VERSION)
}

impl Call {
    /// The call, if this is one of CloudWatch. What is compressed stays so until it is known who sent it.
    pub(crate) fn find(parts: &Parts, body: &Bytes) -> Option<Self> {
        let target = header(&parts.headers, "x-amz-target");
        let path = canonical_path(parts.uri.path());
        let named = match (path.strip_prefix(RPC_PREFIX), target) {
            (Some(operation), _) => Some((Codec::RpcCbor, operation)),
            (None, Some(target)) => {
                target.strip_prefix(TARGET_PREFIX).map(|operation| (Codec::Json10, operation))
            }
            (None, None) => None,
        };
        if let Some((codec, operation)) = named {
            return Some(Self { codec, operation: operation.to_owned(), query: None });
        }
        let content_type = header(&parts.headers, "content-type").unwrap_or_default();
        let media = content_type.split(';').next().unwrap_or_default().trim();
        // Read as it was signed.
        let query = Bytes::from(canonical_query(parts.uri.query().unwrap_or_default()));
        let (form, query) = match media.eq_ignore_ascii_case(FORM) && !body.is_empty() {
            // Nobody else sends compressed forms.
            true if !is_plain(parts) => {
                return Some(Self { codec: Codec::Query, operation: String::new(), query: None });
            }
            true => (body, None),
            false => (&query, Some(query.clone())),
        };
        has_version(form).then(|| Self { codec: Codec::Query, operation: action(form), query })
    }
}

impl Call {
    fn known(&self) -> Option<&'static Operation> {
        ALL.iter().find(|operation| operation.name == self.operation)
    }

    /// The operation, for metrics and the audit log.
    pub(crate) fn name(&self) -> &'static str {
        self.known().map_or("unknown", |operation| operation.name)
    }
}

/// The body as it was before it was compressed, within bounds.
fn inflated(inner: &Inner, parts: &Parts, body: &Bytes) -> Result<Body> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Refused::too_large(BODY_BYTES_MAX));
    }
    if is_plain(parts) {
        return Ok(Body { bytes: body.clone(), _granted: None });
    }
    let encoding = parts.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes).unwrap_or_default();
    if !encoding.eq_ignore_ascii_case(b"gzip") {
        return Err(Refused::malformed("Content-Encoding can be gzip only"));
    }
    // Granted before it is needed: how much it will be cannot be told.
    let kib = (INFLATED_BYTES_MAX / 1024) as u32;
    let permit = inner.body_budget.clone().try_acquire_many_owned(kib);
    let mut granted = permit.map_err(|_| Refused::unavailable())?;
    let mut bytes = Vec::new();
    let mut reader = MultiGzDecoder::new(body.as_ref()).take(INFLATED_BYTES_MAX as u64 + 1);
    if reader.read_to_end(&mut bytes).is_err() {
        return Err(Refused::malformed("the body is not gzip"));
    }
    if bytes.len() > INFLATED_BYTES_MAX {
        return Err(Refused::too_large(INFLATED_BYTES_MAX));
    }
    bytes.shrink_to_fit();
    let unused = (kib as usize).saturating_sub(bytes.len().div_ceil(1024));
    drop(granted.split(unused));
    Ok(Body { bytes: bytes.into(), _granted: Some(granted) })
}

impl Api {
    /// Answers a call whose body was `sent`, and says how it ended.
    pub(crate) async fn answer_monitoring(
        &self,
        parts: &Parts,
        sent: &Bytes,
        call: &mut Call,
        peer: &Peer,
        trail: &Trail,
    ) -> (Answer, &'static str) {
        let inner = &self.inner;
        let started = inner.clock.elapsed();
        let id = request_id(&*inner.random);
        let text = id.to_str().unwrap_or_default();
        let done = match inner.read_slot(trail).await {
            Ok(_reading) => run(inner, parts, sent, call, trail),
            Err(_) => Err(Refused::unavailable()),
        };
        let held = match done {
            Ok(body) => {
                let body = self.hold(accepted(call.codec, &call.operation, text, body), peer).await;
                body.ok_or_else(Refused::unavailable)
            }
            Err(refused) => Err(refused),
        };
        let outcome = held.as_ref().map_or_else(|refused| refused.shape, |_| "ok");
        let took: Duration = inner.clock.elapsed().saturating_sub(started);
        inner.metrics.request(call.name(), outcome, took);
        let mut answer = match held {
            Ok(body) => {
                let has_body = !body.is_end_stream();
                let mut answer = whole(body);
                if has_body {
                    let content_type = HeaderValue::from_static(call.codec.content_type());
                    answer.headers_mut().insert(CONTENT_TYPE, content_type);
                }
                answer
            }
            Err(refused) => refusal(call.codec, text, &refused),
        };
        if call.codec == Codec::RpcCbor {
            answer.headers_mut().insert(PROTOCOL, HeaderValue::from_static("rpc-v2-cbor"));
        }
        answer.headers_mut().insert(REQUEST_ID, id);
        (answer, outcome)
    }
}

fn run(inner: &Inner, parts: &Parts, sent: &Bytes, call: &mut Call, trail: &Trail) -> Result<Vec<u8>> {
    let (now, target) = (inner.clock.now(), inner.target(SERVICE));
    inner.access.authenticate(parts, sent, None, now, target, trail)?;
    let body = match call.query.take() {
        Some(query) => Body { bytes: query, _granted: None },
        None => inflated(inner, parts, sent)?,
    };
    if call.operation.is_empty() && has_version(&body.bytes) {
        call.operation = action(&body.bytes);
    }
    let operation = call.known().ok_or_else(|| Refused::unknown_operation(call.codec, &call.operation))?;
    let action = format!("{ACTION_PREFIX}{}", operation.name);
    inner.access.authorize_account(&action, target.region, now, trail)?;
    (operation.run)(inner, inner.account_of(trail), call.codec, &body.bytes)
}

/// The body of an answer.
fn accepted(codec: Codec, operation: &str, request_id: &str, body: Vec<u8>) -> Vec<u8> {
    match codec {
        Codec::Query => xml_answer(&XmlAnswer { operation, namespace: XML_NAMESPACE, request_id }, &body),
        Codec::Json10 if body.is_empty() => b"{}".to_vec(),
        _ => body,
    }
}

fn refusal(codec: Codec, request_id: &str, refused: &Refused) -> Answer {
    let message = cut(&refused.message);
    let is_sender = refused.status < 500;
    let body = match codec {
        Codec::Query => xml_error(XML_NAMESPACE, request_id, is_sender, refused.code, message),
        _ => codec.encode_error(refused.shape, Some(message)),
    };
    let mut answer = whole(Bytes::from(body));
    *answer.status_mut() = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(codec.content_type()));
    if codec != Codec::Query {
        let fault = if is_sender { "Sender" } else { "Receiver" };
        if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", refused.code)) {
            headers.insert(QUERY_ERROR, value);
        }
    }
    answer
}
