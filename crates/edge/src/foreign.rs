//! Requests of services that are not here, refused so that the SDK of the service understands it.
//!
//! # Constraints
//! The order of checks of the services that are here must not change: a request is foreign only by what none of them has,
//! which is another prefix of the target, a form with `Action` and `Version`, a path of RPC v2, or another service in the scope of its
//! signature. Nothing else of it is looked at.
//!
//! # Format
//! AWS JSON answers in the JSON of the request, RPC v2 in CBOR, forms in XML (EC2's is its own), REST by the service: S3
//! and the few with XML bodies in XML, the rest in JSON with the error's name in a header.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;

use headwater_wire::sigv4::NamedCredential;
use headwater_wire::{Codec, ec2_error, parameter, s3_error, xml_error};

use crate::answer::{Answer, header, whole};
use crate::description::Description;
use crate::scope::credential_of;

/// Name of the errors where the protocol has none of its own.
const UNKNOWN: &str = "UnknownOperationException";
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const FORM: &str = "application/x-www-form-urlencoded";
const XML: &str = "text/xml";
/// The only version that EC2's SDKs send.
const EC2_VERSION: &str = "2016-11-15";
/// Services with XML in REST besides S3.
const REST_XML: [&str; 2] = ["cloudfront", "route53"];
const SERVICE_CHARS_MAX: usize = 64;

/// Encoding of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json(Codec),
    RpcCbor,
    Query,
    Ec2,
    S3,
    RestXml,
    RestJson,
}

/// The services that are here.
#[derive(Debug, Default)]
pub(crate) struct Own {
    target_prefixes: Vec<&'static str>,
    signing_names: Vec<&'static str>,
    titles: Vec<&'static str>,
}

impl Own {
    pub(crate) fn new<'a>(descriptions: impl Iterator<Item = &'a Description>) -> Self {
        let mut own = Self::default();
        for description in descriptions {
            if own.titles.contains(&description.title) {
                continue;
            }
            own.target_prefixes.extend(description.target_prefix);
            own.signing_names.push(description.signing_name);
            own.titles.push(description.title);
        }
        own
    }

    fn has_target(&self, target: &str) -> bool {
        self.target_prefixes.iter().any(|prefix| target.starts_with(prefix))
    }
}

/// A request of a service that is not here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    form: Form,
    /// As the request names it.
    service: String,
}

impl Foreign {
    /// The foreign service that a request is for, if it is.
    pub(crate) fn find(own: &Own, parts: &Parts, body: &[u8]) -> Option<Self> {
        let content_type = header(&parts.headers, "content-type").unwrap_or_default();
        let media = content_type.split(';').next().unwrap_or_default().trim();
        if let Some(target) = header(&parts.headers, "x-amz-target") {
            // A target that is none, or of a service that is here, is left to those.
            let (prefix, _) = target.rsplit_once('.').filter(|_| !own.has_target(target))?;
            let codec = [Codec::Json, Codec::Json10]
                .into_iter()
                .find(|codec| media.eq_ignore_ascii_case(codec.content_type()))?;
            return Some(Self::new(Form::Json(codec), prefix));
        }
        let path = parts.uri.path();
        if let Some(service) = path.strip_prefix("/service/").and_then(|rest| rest.split_once("/operation/"))
        {
            return Some(Self::new(Form::RpcCbor, service.0));
        }
        let credential = credential_of(parts);
        let scope = credential.as_ref().and_then(NamedCredential::scope).map(|scope| scope.service);
        let scope = scope.filter(|name| !name.is_empty() && !own.signing_names.contains(name));
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let form = if media.eq_ignore_ascii_case(FORM) { body } else { query };
        if parameter(form, "Action").is_some()
            && let Some(version) = parameter(form, "Version")
        {
            let kind = if version == EC2_VERSION { Form::Ec2 } else { Form::Query };
            return Some(Self::new(kind, scope.unwrap_or("service of this version")));
        }
        let service = scope?;
        let form = match service {
            "s3" | "s3express" | "s3-outposts" => Form::S3,
            _ if REST_XML.contains(&service) => Form::RestXml,
            _ => Form::RestJson,
        };
        Some(Self::new(form, service))
    }

    fn new(form: Form, service: &str) -> Self {
        let shown = service.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(SERVICE_CHARS_MAX);
        Self { form, service: shown.collect() }
    }

    /// The refusal.
    pub(crate) fn refusal(&self, own: &Own, request_id: &str) -> Answer {
        let message =
            format!("There is no {} here: this server has {}.", self.service, own.titles.join(", "));
        let (status, media, body) = match self.form {
            Form::Json(codec) => (400, codec.content_type(), codec.encode_error(UNKNOWN, Some(&message))),
            Form::RpcCbor => {
                let codec = Codec::RpcCbor;
                (404, codec.content_type(), codec.encode_error(UNKNOWN, Some(&message)))
            }
            Form::Query | Form::RestXml => {
                (400, XML, xml_error("", request_id, true, "InvalidAction", &message))
            }
            Form::Ec2 => (400, XML, ec2_error(request_id, "InvalidAction", &message)),
            Form::S3 => (501, "application/xml", s3_error(request_id, "NotImplemented", &message)),
            Form::RestJson => (400, "application/json", Codec::Json.encode_error(UNKNOWN, Some(&message))),
        };
        let mut answer = whole(bytes::Bytes::from(body));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        match self.form {
            Form::RpcCbor => {
                headers.insert(PROTOCOL, HeaderValue::from_static("rpc-v2-cbor"));
            }
            Form::RestJson | Form::Json(_) => {
                headers.insert(ERROR_TYPE, HeaderValue::from_static(UNKNOWN));
            }
            Form::Query | Form::Ec2 | Form::S3 | Form::RestXml => {}
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// Method and path, then headers, then the body.
    fn found(request: &str, body: &str) -> Option<(Form, String)> {
        let mut lines = request.lines().map(str::trim);
        let (method, uri) = lines.next().unwrap().split_once(' ').unwrap();
        let mut builder = Request::builder().method(method).uri(uri);
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            builder = builder.header(name, value);
        }
        let (parts, ()) = builder.body(()).unwrap().into_parts();
        let own = Own {
            target_prefixes: vec!["Kinesis_20131202.", "DynamoDB_20120810."],
            signing_names: vec!["kinesis", "dynamodb"],
            titles: Vec::new(),
        };
        Foreign::find(&own, &parts, body.as_bytes()).map(|foreign| (foreign.form, foreign.service))
    }

    fn signed(method_and_path: &str, service: &str) -> String {
        format!(
            "{method_and_path}\nauthorization: AWS4-HMAC-SHA256 Credential=AK/20261130/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        )
    }

    fn presigned(method_and_path: &str, service: &str) -> String {
        format!(
            "{method_and_path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261130%2Fus-east-1%2F{service}\
             %2Faws4_request&X-Amz-Date=20261130T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
        )
    }

    #[test]
    fn services_are_told_apart_by_what_those_that_are_here_never_have() {
        let json = |version: &str, target: &str| {
            format!("POST /\ncontent-type: application/x-amz-json-{version}\nx-amz-target: {target}")
        };
        let expect = |request: &str, body: &str, form: Option<Form>, service: &str| {
            assert_eq!(found(request, body), form.map(|form| (form, service.to_owned())), "{request}");
        };
        let streams = "DynamoDBStreams_20120810";
        expect(
            &json("1.0", &format!("{streams}.ListStreams")),
            "{}",
            Some(Form::Json(Codec::Json10)),
            streams,
        );
        expect(&json("1.1", "TrentService.Encrypt"), "{}", Some(Form::Json(Codec::Json)), "TrentService");
        expect(&json("1.1", "a.b.Service.Op"), "", Some(Form::Json(Codec::Json)), "a.b.Service");
        expect("POST /service/AWSEventsV2/operation/PutEvents", "", Some(Form::RpcCbor), "AWSEventsV2");
        let form = "content-type: application/x-www-form-urlencoded; charset=utf-8";
        let sns = signed("POST /", "sns") + "\n" + form;
        expect(&sns, "Action=Publish&Version=2010-03-31", Some(Form::Query), "sns");
        let ec2 = signed("POST /", "ec2") + "\n" + form;
        expect(&ec2, "Action=DescribeVpcs&Version=2016-11-15", Some(Form::Ec2), "ec2");
        expect("GET /?Action=ListUsers&Version=2010-05-08", "", Some(Form::Query), "service of this version");
        expect(&signed("GET /bucket", "s3"), "", Some(Form::S3), "s3");
        expect(&signed("GET /2013-04-01/hostedzone", "route53"), "", Some(Form::RestXml), "route53");
        expect(&signed("GET /2015-03-31/functions", "lambda"), "", Some(Form::RestJson), "lambda");
        expect(&presigned("GET /bucket/key", "s3"), "", Some(Form::S3), "s3");
        expect(&presigned("GET /2015-03-31/functions", "lambda"), "", Some(Form::RestJson), "lambda");
        // Left to those that are here, whatever is wrong with it.
        for (request, body) in [
            ("GET /", ""),
            ("POST /", "{}"),
            (json("1.1", "Kinesis_20131202.Nope").as_str(), "{}"),
            (json("1.1", "Nope").as_str(), "{}"),
            (json("1.0", "DynamoDB_20120810.Nope").as_str(), "{}"),
            ("POST /\ncontent-type: text/plain\nx-amz-target: TrentService.Encrypt", "{}"),
            ("POST /\ncontent-type: application/x-www-form-urlencoded", "a=b"),
            (signed("POST /", "kinesis").as_str(), "{}"),
            (signed("GET /", "kinesis").as_str(), ""),
            (presigned("GET /", "kinesis").as_str(), ""),
            ("GET /\nauthorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c", ""),
        ] {
            expect(request, body, None, "");
        }
    }
}
