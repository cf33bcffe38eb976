//! The canonical request, the string to sign and the key that signs it.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::ALGORITHM;

/// A request as far as a signature covers it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The HTTP method, upper case.
    pub method: &'a str,
    /// The path as it stands in the request line, without the query.
    pub path: &'a str,
    /// The query as it stands in the request line, without `?`.
    pub query: &'a str,
    /// Every header, names in any case; a name may occur more than once.
    pub headers: &'a [(&'a str, &'a str)],
}

/// The form of path and headers that a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningRules {
    /// The path without `.`, `..` and empty segments, encoded once more: all services but S3.
    General,
    /// The path as it was sent, and every `x-amz-*` header: S3, whose keys may hold such segments.
    ObjectStore,
}

/// For what a signature is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The day, `20150830`.
    pub date: &'a str,
    /// The region, `us-east-1`.
    pub region: &'a str,
    /// The service, `kinesis`.
    pub service: &'a str,
}

impl fmt::Display for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

/// Everything but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// The canonical request. `signed_headers` are lower-case names in ascending order; `payload_hash` is the
/// SHA-256 of the body in hexadecimal, or what `x-amz-content-sha256` says.
pub fn canonical_request(request: &Request<'_>, signed_headers: &[&str], payload_hash: &str) -> String {
    canonical_request_by(SigningRules::General, request, signed_headers, payload_hash)
}

/// The same by the rules of a service.
pub(super) fn canonical_request_by(
    rules: SigningRules,
    request: &Request<'_>,
    signed_headers: &[&str],
    payload_hash: &str,
) -> String {
    let mut text = String::with_capacity(512);
    let _ = match rules {
        SigningRules::General => {
            let path = canonical_path(request.path);
            writeln!(text, "{}\n{}", request.method, utf8_percent_encode(&path, ENCODED_IN_PATH))
        }
        SigningRules::ObjectStore => writeln!(text, "{}\n{}", request.method, request.path),
    };
    text.push_str(&canonical_query(request.query));
    text.push('\n');
    for name in signed_headers {
        let values = request.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let values: Vec<_> = values.map(|(_, value)| trimmed(value)).collect();
        let _ = writeln!(text, "{name}:{}", values.join(","));
    }
    let _ = write!(text, "\n{}\n{payload_hash}", signed_headers.join(";"));
    text
}

/// The path without `.`, `..` and empty segments: what is signed, and what is to be read.
pub fn canonical_path(path: &str) -> Cow<'_, str> {
    if path.is_empty() || path == "/" {
        return Cow::Borrowed("/");
    }
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    Cow::Owned(format!("/{}{end}", segments.join("/")))
}

/// The parameters of a query string re-encoded and sorted, without the signature itself: what is signed, and what is to
/// be read, so that no sender between can have a signed request mean something else. A `+` is a plus sign (RFC 3986), and
/// only in a body that is a form a blank.
pub fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut pairs: Vec<_> = pairs.map(|(name, value)| (encoded(name), encoded(value))).collect();
    pairs.retain(|(name, _)| name != "X-Amz-Signature");
    pairs.sort();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The text as a signature has it, however it was encoded.
fn encoded(text: &str) -> String {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    percent_encode(&bytes, ENCODED).to_string()
}

/// The value with outer blanks removed and inner runs of blanks made one.
fn trimmed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// The string that is signed. `amz_date` is the request's time, `20150830T123600Z`.
pub fn string_to_sign(amz_date: &str, scope: &Scope<'_>, canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{amz_date}\n{scope}\n{}", sha256_hex(canonical_request.as_bytes()))
}

/// The key for one day, region and service. Worth keeping: it costs four hashes.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// The key of a secret for a scope.
    pub fn derive(secret_access_key: &str, scope: &Scope<'_>) -> Self {
        let secret = format!("AWS4{secret_access_key}");
        let day = hmac(secret.as_bytes(), scope.date);
        let region = hmac(&day, scope.region);
        let service = hmac(&region, scope.service);
        Self(hmac(&service, "aws4_request"))
    }

    /// The signature in hexadecimal.
    pub fn sign(&self, string_to_sign: &str) -> String {
        hex(&hmac(&self.0, string_to_sign))
    }

    /// True if this is the signature, found out in a time that does not depend on where it differs.
    pub fn verify(&self, string_to_sign: &str, signature: &[u8; 32]) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(string_to_sign.as_bytes());
        mac.verify_slice(signature).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// The SHA-256 of `bytes` in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The value of a query parameter, decoded; of several the first in the order in which they are signed.
pub(super) fn query_parameter<'a>(query: &'a str, wanted: &str) -> Option<Cow<'a, str>> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let values = pairs.filter(|(name, _)| percent_decode_str(name).eq(wanted.bytes()));
    values
        .min_by_key(|(_, value)| encoded(value))
        .map(|(_, value)| percent_decode_str(value).decode_utf8_lossy())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
