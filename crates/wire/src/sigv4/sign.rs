//! Signing a request, header form.

use std::fmt;

use headwater_types::Timestamp;

use super::ALGORITHM;
use super::canonical::{
    Request, Scope, SigningKey, SigningRules, canonical_request_by, sha256_hex, string_to_sign,
};
use crate::date::amz_date;

/// Access key of a signer.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// Session token of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.access_key_id)
    }
}

/// Destination of a signed request.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The region, `us-east-1`.
    pub region: &'a str,
    /// The service, `kinesis`.
    pub service: &'a str,
}

/// The headers that make a request a signed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// `x-amz-date`.
    pub date: String,
    /// `x-amz-security-token`, where the credentials have one.
    pub security_token: Option<String>,
    /// `authorization`.
    pub authorization: String,
}

impl Signature {
    /// Names and values, to be added to the request.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let token = self.security_token.as_deref().map(|token| ("x-amz-security-token", token));
        [("x-amz-date", self.date.as_str())]
            .into_iter()
            .chain(token)
            .chain([("authorization", self.authorization.as_str())])
    }
}

/// Signs `request`, all of its headers included (`host` must be among them), with `body` at `now`. What
/// `x-amz-content-sha256` says, if it is there, is signed in the place of the body's hash.
pub fn sign(
    request: &Request<'_>,
    body: &[u8],
    now: Timestamp,
    target: Target<'_>,
    credentials: &Credentials,
) -> Signature {
    sign_by(SigningRules::General, request, body, now, target, credentials)
}

/// The same by the rules of a service.
pub fn sign_by(
    rules: SigningRules,
    request: &Request<'_>,
    body: &[u8],
    now: Timestamp,
    target: Target<'_>,
    credentials: &Credentials,
) -> Signature {
    let date = amz_date(now);
    let scope = Scope { date: &date[..8], region: target.region, service: target.service };

    let mut headers = request.headers.to_vec();
    headers.push(("x-amz-date", &date));
    if let Some(token) = &credentials.session_token {
        headers.push(("x-amz-security-token", token));
    }
    let mut names: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    names.dedup();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();

    let sent = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-content-sha256"));
    let hash = sent.map_or_else(|| sha256_hex(body), |(_, hash)| (*hash).to_owned());
    let request = Request { headers: &headers, ..*request };
    let canonical = canonical_request_by(rules, &request, &names, &hash);
    let key = SigningKey::derive(&credentials.secret_access_key, &scope);
    let signature = key.sign(&string_to_sign(&date, &scope, &canonical));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
        credentials.access_key_id,
        names.join(";"),
    );
    Signature { date, security_token: credentials.session_token.clone(), authorization }
}
