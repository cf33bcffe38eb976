//! AWS's protocols: which one a request speaks, and how answers and errors look in each.

use bytes::Bytes;
use headwater_wire::{Codec, DecodeError, XmlAnswer, s3_error, xml_answer, xml_error};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::answer::{Answer, media, whole};
use crate::description::Description;
use crate::fault::Fault;

pub(crate) const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The media type of forms, which the query protocol sends.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A protocol of AWS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// AWS JSON 1.0: an operation in `X-Amz-Target`, a JSON body.
    Json10,
    /// AWS JSON 1.1.
    Json11,
    /// AWS JSON 1.1's sibling in CBOR, which the SDK for Java speaks to Kinesis.
    Cbor,
    /// Smithy RPC v2 CBOR: the operation in the path.
    RpcCbor,
    /// The AWS query protocol: a form in, XML out.
    Query,
    /// REST with JSON bodies: operation by method and path.
    RestJson,
    /// REST with XML bodies.
    RestXml,
}

impl Protocol {
    /// The encoding of bodies.
    pub const fn codec(self) -> Codec {
        match self {
            Self::Json10 => Codec::Json10,
            Self::Json11 | Self::RestJson => Codec::Json,
            Self::Cbor => Codec::Cbor,
            Self::RpcCbor => Codec::RpcCbor,
            Self::Query | Self::RestXml => Codec::Query,
        }
    }

    /// The media type of answers.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::RestJson => "application/json",
            Self::RestXml => "application/xml",
            Self::Json10 | Self::Json11 | Self::Cbor | Self::RpcCbor | Self::Query => {
                self.codec().content_type()
            }
        }
    }

    /// The protocol with the operation in a target header that a media type names, among those of a service.
    pub fn of_media(media: &str, among: &[Self]) -> Option<Self> {
        let targeted = [Self::Json10, Self::Json11, Self::Cbor];
        let mut spoken = targeted.into_iter().filter(|protocol| among.contains(protocol));
        spoken.find(|protocol| media.eq_ignore_ascii_case(protocol.content_type()))
    }

    /// The protocol that the head of a request shows, for what is answered before the service has been asked.
    pub(crate) fn of_head(head: &Parts, description: Option<&Description>) -> Self {
        let spoken = description.map_or(&Self::ALL[..], |description| description.protocols);
        if head.uri.path().starts_with("/service/") && spoken.contains(&Self::RpcCbor) {
            return Self::RpcCbor;
        }
        let media = media(&head.headers);
        let by_media = Self::of_media(media, spoken);
        let is_form = media.eq_ignore_ascii_case(FORM) && spoken.contains(&Self::Query);
        by_media.or(is_form.then_some(Self::Query)).or(spoken.first().copied()).unwrap_or(Self::Json11)
    }

    const ALL: [Self; 7] =
        [Self::Json11, Self::Json10, Self::Cbor, Self::RpcCbor, Self::Query, Self::RestJson, Self::RestXml];

    /// True where an unknown operation and a body that cannot be parsed are told before the signature is looked at.
    pub(crate) const fn is_targeted(self) -> bool {
        matches!(self, Self::Json10 | Self::Json11 | Self::Cbor)
    }

    /// False if a body is not even of the protocol's encoding.
    pub(crate) fn is_well_formed(self, body: &[u8]) -> bool {
        self.codec().decode::<Nothing>(body) != Err(DecodeError::Malformed)
    }

    /// An answer of an operation whose members have been encoded.
    pub(crate) fn accepted(
        self,
        description: &Description,
        operation: &str,
        request_id: &str,
        body: Vec<u8>,
    ) -> (Vec<u8>, bool) {
        let body = match self {
            Self::Query => {
                let namespace = description.xml_namespace;
                xml_answer(&XmlAnswer { operation, namespace, request_id }, &body)
            }
            Self::Json10 if body.is_empty() && description.empty_is_object => b"{}".to_vec(),
            _ => body,
        };
        let has_media = !body.is_empty() || !description.empty_is_object;
        (body, has_media)
    }

    /// Headers that every answer in this protocol has.
    pub(crate) fn mark(self, headers: &mut HeaderMap) {
        if self == Self::RpcCbor {
            headers.insert(SMITHY_PROTOCOL, HeaderValue::from_static("rpc-v2-cbor"));
        }
    }

    /// The answer that tells of a fault.
    pub(crate) fn refused(self, description: &Description, request_id: &str, fault: &Fault) -> Answer {
        let message = fault.message.as_deref().map(cut);
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let text = message.unwrap_or_default();
        let body = match (&fault.body, self) {
            (Some(body), _) => body.clone(),
            (None, Self::Query) => {
                xml_error(description.xml_namespace, request_id, status.is_client_error(), fault.code(), text)
                    .into()
            }
            (None, Self::RestXml) => s3_error(request_id, fault.code(), text).into(),
            (None, _) => Bytes::from(self.codec().encode_error(fault.shape, message)),
        };
        let checksum = (description.has_crc32 && fault.media.is_none()).then(|| crc32fast::hash(&body));
        let mut answer = whole(body);
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        if let Some(checksum) = checksum {
            headers.insert(CRC32, HeaderValue::from(checksum));
        }
        if let Some(media) = fault.media.unwrap_or(Some(self.content_type())) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        }
        if self == Self::RestJson {
            headers.insert(ERROR_TYPE, HeaderValue::from_static(fault.shape));
        }
        // Services that spoke the query protocol once repeat its code in the newer ones.
        let speaks_query = description.protocols.contains(&Self::Query);
        if speaks_query && !matches!(self, Self::Query | Self::RestXml) {
            let whose = if status.is_client_error() { "Sender" } else { "Receiver" };
            if let Ok(value) = HeaderValue::from_str(&format!("{};{whose}", fault.code())) {
                headers.insert(QUERY_ERROR, value);
            }
        }
        answer
    }
}

headwater_wire::shape! {
    /// A structure of which nothing is wanted: tells whether a body can be parsed.
    pub struct Nothing {}
}

/// The longest message of an error. AWS's own texts, with the longest names and ten violations, stay below it.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Messages repeat what was sent; what is longer than anybody reads is not sent back.
fn cut(message: &str) -> &str {
    &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)]
}
