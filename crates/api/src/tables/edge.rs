//! From an HTTP request of DynamoDB to its answer, in the order of checks that Kinesis has.

use std::sync::Arc;

use bytes::Bytes;
use headwater_wire::{Codec, DecodeError};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use super::asker::SERVICE;
use super::error::{Refused, Result};
use super::{Operation, find};
use crate::body::Whole;
use crate::context::{Api, Inner, Peer};
use crate::error::ApiError;
use crate::guard::Trail;
use crate::http_edge::{Answer, header, unsupported, whole};
use crate::operations::Nothing;

const TARGET_PREFIX: &str = "DynamoDB_20120810.";
const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");

/// Bodies above this size are granted memory for what is made of them before they are looked at.
const SMALL_BODY_BYTES: usize = 64 * 1024;
/// How much that is, in sizes of the body: values are larger than their JSON where they are many and small.
const VALUES_PER_BODY: usize = 4;

/// True if a request says that it is DynamoDB's.
pub(crate) fn is_call(headers: &HeaderMap) -> bool {
    target(headers).is_some()
}

/// What comes after the prefix.
fn target(headers: &HeaderMap) -> Option<&str> {
    header(headers, "x-amz-target")?.strip_prefix(TARGET_PREFIX)
}

/// How a call ended.
pub(crate) struct Answered {
    /// The operation, for the audit log.
    pub(crate) name: &'static str,
    /// Whether the audit log has it even if it was done.
    pub(crate) is_recorded: bool,
    pub(crate) outcome: &'static str,
    pub(crate) response: Answer,
}

impl Api {
    /// Answers a call.
    pub(crate) async fn answer_tables(
        &self,
        parts: &Parts,
        sent: &Bytes,
        peer: &Peer,
        trail: &Arc<Trail>,
    ) -> Answered {
        let started = self.inner.clock.elapsed();
        let operation = target(&parts.headers).and_then(find);
        let (outcome, response) = match content_type(&parts.headers) {
            false => ("UnsupportedContentType", unsupported(&parts.headers, true)),
            true => match self.run_tables(parts, sent, operation, trail).await {
                Ok(body) => {
                    let checksum = crc32fast::hash(&body);
                    match self.hold(body, peer).await {
                        Some(body) => ("ok", encoded(StatusCode::OK, checksum, body)),
                        None => refusal(&Refused::unavailable()),
                    }
                }
                Err(refused) => refusal(&refused),
            },
        };
        let label = operation.map_or("dynamodb:unknown", |operation| operation.label);
        self.inner.metrics.request(label, outcome, self.inner.clock.elapsed().saturating_sub(started));
        let name = operation.map_or("unknown", |operation| operation.name);
        let is_recorded = operation.is_some_and(Operation::is_recorded);
        Answered { name, is_recorded, outcome, response }
    }

    /// The answer to a call that was refused before its operation was looked at.
    pub(crate) fn refuse_tables(&self, error: ApiError) -> Answer {
        refusal(&error.into()).1
    }

    async fn run_tables(
        &self,
        parts: &Parts,
        sent: &Bytes,
        operation: Option<&'static Operation>,
        trail: &Arc<Trail>,
    ) -> Result<Vec<u8>> {
        let inner = &self.inner;
        let Some(operation) = operation else {
            // What cannot be parsed is said to be so even to an unknown operation.
            if !sent.is_empty() && Codec::Json10.decode::<Nothing>(sent) == Err(DecodeError::Malformed) {
                return Err(DecodeError::Malformed.into());
            }
            return Err(ApiError::unknown_operation().into());
        };
        let (now, target) = (inner.clock.now(), inner.target(SERVICE));
        if let Err(refused) = inner.access.authenticate(parts, sent, None, now, target, trail) {
            // The same here: a body that cannot be parsed comes first.
            if !sent.is_empty() && Codec::Json10.decode::<Nothing>(sent) == Err(DecodeError::Malformed) {
                return Err(DecodeError::Malformed.into());
            }
            return Err(refused.into());
        }
        let granted = grant(inner, sent.len())?;
        let host = header(&parts.headers, "host").or(parts.uri.authority().map(|host| host.as_str()));
        let host = host.unwrap_or_default().to_owned();
        if !operation.changes() {
            return operation.call(inner, trail, &host, sent).await;
        }
        // Carried to its end even if the client goes away.
        let (inner, sent, trail) = (inner.clone(), sent.clone(), trail.clone());
        let task = tokio::spawn(async move {
            let _granted = granted;
            operation.call(&inner, &trail, &host, &sent).await
        });
        task.await.unwrap_or_else(|cause| Err(ApiError::internal(&cause).into()))
    }
}

/// Memory for what is made of a large body.
fn grant(inner: &Inner, body_bytes: usize) -> Result<Option<OwnedSemaphorePermit>> {
    if body_bytes <= SMALL_BODY_BYTES {
        return Ok(None);
    }
    let kib = u32::try_from((body_bytes * VALUES_PER_BODY).div_ceil(1024)).unwrap_or(u32::MAX);
    let permit = inner.body_budget.clone().try_acquire_many_owned(kib);
    permit.map(Some).map_err(|_| Refused::unavailable())
}

/// True if the body is said to be what it has to be.
fn content_type(headers: &HeaderMap) -> bool {
    let media = header(headers, "content-type").unwrap_or_default();
    media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(Codec::Json10.content_type())
}

fn refusal(refused: &Refused) -> (&'static str, Answer) {
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = refused.encode();
    (refused.kind, encoded(status, crc32fast::hash(&body), Bytes::from(body)))
}

fn encoded(status: StatusCode, checksum: u32, body: impl Into<Whole>) -> Answer {
    let mut answer = whole(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(Codec::Json10.content_type()));
    headers.insert(CRC32, HeaderValue::from(checksum));
    answer
}
