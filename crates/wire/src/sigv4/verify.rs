//! Verification of a request's signature, for here and for now. Pure: who has which secret is asked elsewhere.
//!
//! # Constraints
//! Everything that is read here came from anybody. What decides about a request (its host, its operation, its time,
//! the hash of its body) must be covered by the signature, or the request is refused.
//!
//! # Order of things
//! [`Claim::read`] takes what the request says about itself and refuses what no secret could make right. The caller
//! looks up the secret of [`Claim::access_key_id`]; [`Claim::verify`] holds signature and body against it.

use std::borrow::Cow;
use std::time::Duration;

use headwater_types::Timestamp;

use super::canonical::{
    Request, Scope, SigningKey, SigningRules, canonical_request_by, query_parameter, sha256_hex,
    string_to_sign,
};
use super::chunked::{Chunking, Chunks};
use super::payload::{PayloadReader, Seal};
use super::{ALGORITHM, Authentication, Source, Target};
use crate::date::{amz_date, parse_amz_date, parse_http_date};

/// Largest difference between the clock of a signer and ours.
pub const SKEW: Duration = Duration::from_secs(5 * 60);

/// Lifetimes that a presigned request may have, in seconds (documentation of SigV4).
const EXPIRES_S: std::ops::RangeInclusive<u64> = 1..=604_800;

/// Headers that a signature may cover: the work of verifying grows with them.
const SIGNED_HEADERS_MAX: usize = 128;

/// The hash that says that the body is not covered.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Headers that a signature must cover if they are there, beside `host`: each of them decides what is done.
const MUST_BE_SIGNED: [&str; 3] = ["x-amz-target", "x-amz-date", "x-amz-content-sha256"];

/// Headers that decide, of which there is one only.
const READ_ONCE: [&str; 7] = [
    "host",
    "content-type",
    "content-encoding",
    "x-amz-target",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
];

/// Why a signature does not count; the text is AWS's message as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The credential is not an access key id and a scope.
    #[error("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")]
    Credential,
    /// Another algorithm.
    #[error("Unsupported AWS 'algorithm': only {ALGORITHM} is known.")]
    Algorithm,
    /// The time is no time.
    #[error("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601")]
    Date,
    /// `X-Amz-Expires` is no number of seconds from one to a week.
    #[error("X-Amz-Expires must be a number of seconds from 1 to 604800.")]
    Expires,
    /// Signed for another region.
    #[error("Credential should be scoped to a valid region, not '{0}'. ")]
    Region(String),
    /// Signed for a region that is not among several.
    #[error("Credential should be scoped to a valid region, not '{region}'. Regions served here: {served}.")]
    RegionOfSeveral {
        /// The scope's region.
        region: String,
        /// The regions that would do.
        served: String,
    },
    /// Signed for another service.
    #[error("Credential should be scoped to correct service: '{0}'. ")]
    Service(String),
    /// Signed for another day than the request's.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope}' != '{day}', from '{date}'."
    )]
    Day {
        /// The scope's day.
        scope: String,
        /// The request's day.
        day: String,
        /// The request's time.
        date: String,
    },
    /// The signature is too old.
    #[error("Signature expired: {signed} is now earlier than {oldest} ({now} - {allowed}.)")]
    Expired {
        /// When it was made.
        signed: String,
        /// The oldest that would do.
        oldest: String,
        /// The time here.
        now: String,
        /// Greatest age that is allowed: `5 min`.
        allowed: String,
    },
    /// The signature is from the future.
    #[error("Signature not yet current: {signed} is still later than {newest} ({now} + 5 min.)")]
    NotYet {
        /// When it says it was made.
        signed: String,
        /// The newest that would do.
        newest: String,
        /// The time here.
        now: String,
    },
    /// The signature does not cover `host`.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    /// The signature does not cover a header that decides what is done.
    #[error("'{0}' must be a 'SignedHeader' in the AWS Authorization.")]
    NotSigned(&'static str),
    /// The body is not the one whose hash was sent.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Body,
    /// The secret is another one, or what was signed was changed on its way.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl SignatureError {
    /// True if a part of the signature cannot be read: AWS calls that an incomplete one.
    pub fn is_incomplete(&self) -> bool {
        matches!(self, Self::Credential | Self::Algorithm | Self::Date)
    }
}

/// Cover of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payload<'a> {
    /// Its hash, which was also sent if there is one here.
    Hash(Option<&'a str>),
    /// Nothing.
    Unsigned,
    /// The chunks' own signatures, or nothing; the text stands in the place of the hash.
    Chunked(&'a str),
}

/// Claim of a request about who signed it, of a form that can be right.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    access_key_id: &'a str,
    scope: Scope<'a>,
    time: Timestamp,
    signed_headers: Vec<&'a str>,
    signature: [u8; 32],
    payload: Payload<'a>,
    session_token: Option<Cow<'a, str>>,
    rules: SigningRules,
}

impl<'a> Claim<'a> {
    /// Reads the claim of a request that arrives at `now`, and refuses what is not for `here`. The request's headers
    /// must hold its host, whatever the HTTP version.
    pub fn read(
        request: &Request<'a>,
        authentication: &'a Authentication<'a>,
        now: Timestamp,
        here: Target<'_>,
    ) -> Result<Self, SignatureError> {
        Self::read_by(SigningRules::General, request, authentication, now, here)
    }

    /// The same by the rules of a service.
    pub fn read_by(
        rules: SigningRules,
        request: &Request<'a>,
        authentication: &'a Authentication<'a>,
        now: Timestamp,
        here: Target<'_>,
    ) -> Result<Self, SignatureError> {
        let in_query = authentication.source == Source::Query;
        let parameter = |name: &str| query_parameter(request.query, name);
        let algorithm_ok = if in_query {
            parameter("X-Amz-Algorithm").as_deref() == Some(ALGORITHM)
        } else {
            let header = header(request, "authorization").unwrap_or_default();
            header.split(' ').next() == Some(ALGORITHM)
        };
        if !algorithm_ok {
            return Err(SignatureError::Algorithm);
        }
        let (access_key_id, scope) =
            authentication.access_key_and_scope().ok_or(SignatureError::Credential)?;
        let time = if in_query {
            parameter("X-Amz-Date").and_then(|text| parse_amz_date(&text))
        } else {
            header(request, "x-amz-date").or_else(|| header(request, "date")).and_then(parse_http_date)
        };
        let time = time.ok_or(SignatureError::Date)?;
        check_scope(&scope, time, here)?;
        let expires = if in_query { parameter("X-Amz-Expires") } else { None };
        check_age(time, now, expires.as_deref())?;

        let signed_headers: Vec<&str> = authentication.signed_headers.split(';').collect();
        if signed_headers.len() > SIGNED_HEADERS_MAX {
            return Err(SignatureError::Mismatch);
        }
        let signed = |name: &str| signed_headers.contains(&name);
        if !signed("host") || header(request, "host").is_none() {
            return Err(SignatureError::HostNotSigned);
        }
        // A presigned request has its time in the query, where everything is covered.
        let unsigned = |name: &&&'static str| header(request, name).is_some() && !signed(name);
        if let Some(name) = MUST_BE_SIGNED.iter().find(unsigned) {
            return Err(SignatureError::NotSigned(name));
        }
        if rules == SigningRules::ObjectStore {
            let is_amz = |name: &str| name.len() > 6 && name[..6].eq_ignore_ascii_case("x-amz-");
            let mut amz = request.headers.iter().filter(|(name, _)| name.is_ascii() && is_amz(name));
            if amz.any(|(name, _)| !signed_headers.iter().any(|other| name.eq_ignore_ascii_case(other))) {
                return Err(SignatureError::NotSigned("x-amz-*"));
            }
        }
        // Several of a name are signed as one value, of which only the first would be read.
        let twice = |name: &&'static str| {
            request.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).count() > 1
        };
        if READ_ONCE.iter().any(twice) {
            return Err(SignatureError::Mismatch);
        }
        let payload = match header(request, "x-amz-content-sha256") {
            Some(UNSIGNED) => Payload::Unsigned,
            Some(text) if Chunking::of(text).is_some() => Payload::Chunked(text),
            hash => Payload::Hash(hash),
        };
        let session_token = if in_query { parameter("X-Amz-Security-Token") } else { None };
        let session_token =
            session_token.or_else(|| header(request, "x-amz-security-token").map(Cow::Borrowed));
        let signature = unhex(&authentication.signature).ok_or(SignatureError::Mismatch)?;
        Ok(Self { access_key_id, scope, time, signed_headers, signature, payload, session_token, rules })
    }

    /// Access key id of the secret that is to be tried.
    pub fn access_key_id(&self) -> &str {
        self.access_key_id
    }

    /// For what it was signed: the scope's day, the region and service being ours.
    pub fn scope(&self) -> Scope<'a> {
        self.scope
    }

    /// Session token that temporary credentials send beside their signature.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Checks signature and body. `chunks` are those of `body` if it came in chunks.
    pub fn verify(
        &self,
        key: &SigningKey,
        request: &Request<'_>,
        body: &[u8],
        chunks: Option<&Chunks>,
    ) -> Result<(), SignatureError> {
        let hash = match self.payload {
            Payload::Unsigned => Cow::Borrowed(UNSIGNED),
            Payload::Chunked(text) => Cow::Borrowed(text),
            Payload::Hash(sent) => {
                let computed = sha256_hex(body);
                if sent.is_some_and(|sent| sent != computed) {
                    return Err(SignatureError::Body);
                }
                Cow::Owned(computed)
            }
        };
        let date = self.verify_head(key, request, &hash)?;
        match (self.payload, chunks) {
            (Payload::Chunked(_), Some(chunks)) => {
                if chunks.verify(key, &date, &self.scope, &self.signature, body) {
                    Ok(())
                } else {
                    Err(SignatureError::Mismatch)
                }
            }
            (Payload::Chunked(_), None) => Err(SignatureError::Body),
            (Payload::Hash(_) | Payload::Unsigned, _) => Ok(()),
        }
    }
}

impl Claim<'_> {
    /// Checks the signature over everything but the body, and says when it was made.
    fn verify_head(
        &self,
        key: &SigningKey,
        request: &Request<'_>,
        hash: &str,
    ) -> Result<String, SignatureError> {
        let date = amz_date(self.time);
        let canonical = canonical_request_by(self.rules, request, &self.signed_headers, hash);
        match key.verify(&string_to_sign(&date, &self.scope, &canonical), &self.signature) {
            true => Ok(date),
            false => Err(SignatureError::Mismatch),
        }
    }

    /// Checks the signature before the body has come; what covers the body is checked while it is read.
    ///
    /// # Errors
    /// [`SignatureError::NotSigned`] if nothing says what the body should be: `x-amz-content-sha256` is missing.
    pub fn verify_stream(
        &self,
        key: &SigningKey,
        request: &Request<'_>,
    ) -> Result<PayloadReader, SignatureError> {
        let hash = match self.payload {
            Payload::Unsigned => UNSIGNED,
            Payload::Chunked(text) | Payload::Hash(Some(text)) => text,
            Payload::Hash(None) => return Err(SignatureError::NotSigned("x-amz-content-sha256")),
        };
        let date = self.verify_head(key, request, hash)?;
        match self.payload {
            Payload::Unsigned | Payload::Hash(None) => Ok(PayloadReader::unsigned()),
            Payload::Hash(Some(hash)) => unhex(hash).map(PayloadReader::hashed).ok_or(SignatureError::Body),
            Payload::Chunked(text) => {
                let chunking = Chunking::of(text).ok_or(SignatureError::Body)?;
                let seal = Seal::new(key.clone(), date, self.scope.to_string(), self.signature);
                Ok(PayloadReader::chunked(chunking, seal))
            }
        }
    }
}

fn check_scope(scope: &Scope<'_>, time: Timestamp, here: Target<'_>) -> Result<(), SignatureError> {
    if scope.region != here.region {
        return Err(SignatureError::Region(scope.region.to_owned()));
    }
    if scope.service != here.service {
        return Err(SignatureError::Service(here.service.to_owned()));
    }
    let date = amz_date(time);
    if scope.date != &date[..8] {
        let (scope, day) = (scope.date.to_owned(), date[..8].to_owned());
        return Err(SignatureError::Day { scope, day, date });
    }
    Ok(())
}

fn check_age(time: Timestamp, now: Timestamp, expires: Option<&str>) -> Result<(), SignatureError> {
    let shown = amz_date;
    let newest = now.plus(SKEW);
    if time > newest {
        return Err(SignatureError::NotYet { signed: shown(time), newest: shown(newest), now: shown(now) });
    }
    let allowed = match expires {
        None => SKEW,
        Some(text) => {
            let seconds = text.parse().ok().filter(|seconds| EXPIRES_S.contains(seconds));
            Duration::from_secs(seconds.ok_or(SignatureError::Expires)?)
        }
    };
    let oldest = now.minus(allowed);
    if time < oldest {
        let seconds = allowed.as_secs();
        let allowed = if seconds.is_multiple_of(60) {
            format!("{} min", seconds / 60)
        } else {
            format!("{seconds} sec")
        };
        let (signed, oldest, now) = (shown(time), shown(oldest), shown(now));
        return Err(SignatureError::Expired { signed, oldest, now, allowed });
    }
    Ok(())
}

/// The first header of this name.
fn header<'a>(request: &Request<'a>, wanted: &str) -> Option<&'a str> {
    request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value)
}

/// The 32 bytes of 64 hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |c: &u8| char::from(*c).to_digit(16);
        *byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    }
    Some(bytes)
}
