//! HTTP answers: bodies, and the headers that every answer of AWS's has.

use bytes::Bytes;
use headwater_host::Random;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode, Version};
use http_body_util::Either;

use crate::body::{AnswerBody, Whole};
use crate::call::REQUEST_ID;

pub(crate) type Answer = Response<AnswerBody>;

/// The longest list of headers that a preflight is answered with.
const PREFLIGHT_BYTES_MAX: usize = 2048;
const ID_2: HeaderName = HeaderName::from_static("x-amz-id-2");
const EXPOSED: &str =
    "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";

/// A header as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The media type without its parameters, empty if there is none.
pub(crate) fn media(headers: &HeaderMap) -> &str {
    let value = header(headers, "content-type").unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

pub(crate) fn whole(body: impl Into<Whole>) -> Answer {
    Response::new(Either::Left(body.into()))
}

/// Says that there is no room for the request or for its answer. Without a body, which no window of HTTP/2 can hold up.
pub(crate) fn no_room() -> Answer {
    let mut answer = whole(Bytes::new());
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static("ServiceUnavailable"));
    answer
}

pub(crate) fn preflight(random: &dyn Random, headers: &HeaderMap) -> Answer {
    let mut answer = whole(Bytes::new());
    let out = answer.headers_mut();
    out.insert(REQUEST_ID, request_id(random));
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
pub(crate) fn finish(random: &dyn Random, request_id: HeaderValue, mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(REQUEST_ID, request_id);
    headers.insert(ID_2, id_2(random));
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert("access-control-expose-headers", HeaderValue::from_static(EXPOSED));
    answer
}

/// The rest of the request will not be read, so the connection cannot be used again.
pub(crate) fn close(version: Version, answer: &mut Answer) {
    if version < Version::HTTP_2 {
        answer.headers_mut().insert("connection", HeaderValue::from_static("close"));
    }
}

/// A version 4 UUID.
pub(crate) fn request_id(random: &dyn Random) -> HeaderValue {
    HeaderValue::from_str(&random.uuid()).unwrap_or(HeaderValue::from_static(""))
}

/// Base64 of 72 random bytes.
fn id_2(random: &dyn Random) -> HeaderValue {
    let mut bytes = [0; 72];
    random.fill(&mut bytes);
    let text = base64_simd::STANDARD.encode_to_string(bytes);
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}
