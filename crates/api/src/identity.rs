//! STS, as far as it is there: GetCallerIdentity, from which some clients make the ARNs of their streams (KPL before
//! 1.0.5 does, and ends without it).
//!
//! # Constraints
//! STS shares port and path with Kinesis and CloudWatch: a request is STS's only if it is a form whose `Version` is
//! STS's. Whoever is known may ask who they are; no policy can forbid it (API).

use bytes::Bytes;
use headwater_types::partition_of;
use headwater_wire::{Codec, XmlAnswer, parameter, xml_answer, xml_error};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use serde::Serialize;

use crate::context::Inner;
use crate::error::{ApiError, Result};
use crate::guard::Trail;
use crate::http_edge::{Answer, REQUEST_ID, cut, header, request_id, whole};

/// The service in the scope of a signature.
const SERVICE: &str = "sts";
const VERSION: &str = "2011-06-15";
const XML_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const FORM: &str = "application/x-www-form-urlencoded";
const OPERATION: &str = "GetCallerIdentity";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    arn: String,
    user_id: String,
    account: String,
}

/// True if this is a request of STS.
pub(crate) fn is_call(parts: &Parts, body: &Bytes) -> bool {
    let content_type = header(&parts.headers, "content-type").unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case(FORM) && parameter(body, "Version").is_some_and(|version| version == VERSION)
}

/// The answer, and how it ended.
pub(crate) fn answer(inner: &Inner, parts: &Parts, body: &Bytes, trail: &Trail) -> (Answer, &'static str) {
    let started = inner.clock.elapsed();
    let result = run(inner, parts, body, trail);
    let outcome = result.as_ref().map_or_else(|refused| refused.kind, |_| "ok");
    inner.metrics.request("sts:GetCallerIdentity", outcome, inner.clock.elapsed().saturating_sub(started));
    let id = request_id(&*inner.random);
    let text = id.to_str().unwrap_or_default();
    let (status, xml) = match &result {
        Ok(output) => {
            let around = XmlAnswer { operation: OPERATION, namespace: XML_NAMESPACE, request_id: text };
            (StatusCode::OK, xml_answer(&around, &Codec::Query.encode(output)))
        }
        Err(refused) => {
            let (status, code) = refusal(refused.kind);
            let message = cut(refused.message.as_deref().unwrap_or_default());
            (status, xml_error(XML_NAMESPACE, text, status.is_client_error(), code, message))
        }
    };
    let mut answer = whole(Bytes::from(xml));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Codec::Query.content_type()));
    answer.headers_mut().insert(REQUEST_ID, id);
    (answer, outcome)
}

fn run(inner: &Inner, parts: &Parts, body: &Bytes, trail: &Trail) -> Result<Output> {
    let target = inner.target(SERVICE);
    inner.access.authenticate(parts, body, None, inner.clock.now(), target, trail)?;
    if parameter(body, "Action").is_none_or(|action| action != OPERATION) {
        return Err(ApiError::unknown_operation());
    }
    let account = inner.account_of(trail).to_string();
    let root = || format!("arn:{}:iam::{account}:root", partition_of(target.region));
    Ok(Output {
        arn: trail.caller().map_or_else(root, |caller| caller.arn().to_owned()),
        user_id: trail.caller().and_then(|caller| caller.user()).unwrap_or(&account).to_owned(),
        account,
    })
}

/// Status and code, as the query protocol has them.
fn refusal(kind: &str) -> (StatusCode, &'static str) {
    let code = match kind {
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        "IncompleteSignatureException" => "IncompleteSignature",
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "ExpiredTokenException" => "ExpiredToken",
        "UnknownOperationException" => return (StatusCode::BAD_REQUEST, "InvalidAction"),
        _ => return (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
    };
    (StatusCode::FORBIDDEN, code)
}
