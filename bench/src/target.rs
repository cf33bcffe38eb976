//! A server under load: its address and the guard it has on, for which requests may have to differ.

use std::net::SocketAddr;

use headwater_types::Timestamp;
use headwater_wire::sigv4::canonical::Request;
use headwater_wire::sigv4::{self, Credentials};

const REGION: &str = "us-east-1";
const ACCESS_KEY_ID: &str = "AKIAHEADWATERBENCH00";
const SECRET_ACCESS_KEY: &str = "not-a-secret/of-the-load-generator/00000";

/// Guard of our server whose price is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guard {
    None,
    /// `--credentials`: every request is signed, and the server verifies it.
    Credentials,
    /// Every stream is encrypted at rest.
    Encryption,
    /// `--limits aws` instead of `--limits off`.
    AwsLimits,
}

/// Destination of requests.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) guard: Guard,
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Target { address, guard: Guard::None }
    }
}

/// Headers that every signed request has, signed or not.
pub(crate) struct Described<'a> {
    pub(crate) host: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) service: &'a str,
    /// `X-Amz-Target`.
    pub(crate) operation: &'a str,
}

/// Values of `X-Amz-Date` and `Authorization`.
///
/// Without credentials on the server the signature is one that nobody verifies, as long as a real one.
pub(crate) fn authorization(guard: Guard, request: &Described<'_>, body: &[u8]) -> (String, String) {
    if guard != Guard::Credentials {
        let service = request.service;
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={:064x}",
            0
        );
        return ("20260101T000000Z".to_owned(), authorization);
    }
    let headers =
        [("host", request.host), ("content-type", request.content_type), ("x-amz-target", request.operation)];
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let signature = sigv4::sign(
        &Request { method: "POST", path: "/", query: "", headers: &headers },
        body,
        Timestamp::from_secs(since.as_secs()),
        sigv4::Target { region: REGION, service: request.service },
        &Credentials {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: SECRET_ACCESS_KEY.to_owned(),
            session_token: None,
        },
    );
    (signature.date, signature.authorization)
}

/// File for `--credentials` with the generator's key, of a user whose policy is asked for each request.
pub(crate) fn credentials_file() -> String {
    format!(
        r#"[[user]]
account = "000000000000"
name = "bench"
policies = ['{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"kinesis:*","Resource":"*"}}}}']

[[user.key]]
id = "{ACCESS_KEY_ID}"
secret = "{SECRET_ACCESS_KEY}"
created = "2026-01-01T00:00:00Z"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_credentials_make_the_signature_depend_on_the_body() {
        let request = Described {
            host: "127.0.0.1:1",
            content_type: "application/x-amz-json-1.1",
            service: "kinesis",
            operation: "Kinesis_20131202.PutRecord",
        };
        let of = |guard, body: &[u8]| authorization(guard, &request, body).1;
        assert_eq!(of(Guard::Encryption, b"a"), of(Guard::None, b"b"));
        assert_ne!(of(Guard::Credentials, b"a"), of(Guard::Credentials, b"b"));
        assert!(
            of(Guard::Credentials, b"a").contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target")
        );
    }
}
