//! Authentication and authorization of requests.
//!
//! # Constraints
//! Without credentials anybody is served in the account of the settings, and nothing here decides. With them a request
//! is nobody's until its signature has been verified, and an operation that has not asked ([`crate::Call::authorize`]) is a
//! defect, which the pipeline reports.

use std::collections::HashMap;
use std::sync::Arc;

use headwater_access::{AuditEvent, AuditLog, CredentialStore, Question, ResourcePolicy, decide};
use headwater_types::{Region, Regions, Timestamp};
use headwater_wire::sigv4::canonical::{Request, SigningKey};
use headwater_wire::sigv4::{Authentication, Chunks, Claim, PayloadReader, SignatureError, Target};
use http::request::Parts;
use http::{HeaderMap, Uri};
use parking_lot::Mutex;
use tracing::error;

use crate::description::Description;
use crate::fault::EdgeError;
use crate::trail::Trail;

type Result<T> = std::result::Result<T, EdgeError>;

/// Policies of resources that are kept as they were read.
const POLICIES_MAX: usize = 1024;

/// Credentials that are accepted, and the audit log.
#[derive(Debug)]
pub struct AccessControl {
    /// Everybody who can sign; none where anybody is served.
    pub credentials: Option<Arc<CredentialStore>>,
    /// The record.
    pub audit: AuditLog,
    parsed: Mutex<HashMap<String, (String, Arc<ResourcePolicy>)>>,
}

/// The service, the regions and the time that a signature has to be for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedFor<'a> {
    pub(crate) description: &'static Description,
    pub(crate) regions: &'a Regions,
    pub(crate) now: Timestamp,
}

impl AccessControl {
    /// Without credentials anybody is served.
    pub fn new(credentials: Option<Arc<CredentialStore>>, audit: AuditLog) -> Self {
        Self { credentials, audit, parsed: Mutex::default() }
    }

    /// True if the request names a key that there is, or if nobody needs one. It proves nothing.
    pub(crate) fn names_known_key(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let Some(credentials) = &self.credentials else { return true };
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        let parsed = Authentication::parse(authorization, uri.query(), true).ok();
        let named = parsed.as_ref().and_then(Authentication::access_key_and_scope);
        named.is_some_and(|(key, _)| credentials.has(key))
    }

    /// Verifies who signed the request, if anybody has to; the refusal is noted in `trail`.
    pub(crate) fn authenticate(
        &self,
        parts: &Parts,
        body: &[u8],
        chunks: Option<&Chunks>,
        at: &SignedFor<'_>,
        trail: &Trail,
    ) -> Result<()> {
        self.verify(parts, at, trail, |claim, key, request| claim.verify(key, request, body, chunks))
            .map(|_| ())
    }

    /// The same before the body has come; the reader checks the body while it comes.
    pub(crate) fn authenticate_stream(
        &self,
        parts: &Parts,
        at: &SignedFor<'_>,
        trail: &Trail,
    ) -> Result<PayloadReader> {
        let reader =
            self.verify(parts, at, trail, |claim, key, request| claim.verify_stream(key, request))?;
        Ok(reader.unwrap_or_else(PayloadReader::anything))
    }

    /// Result of `verify` on the signature; none where nobody has to sign.
    fn verify<T>(
        &self,
        parts: &Parts,
        at: &SignedFor<'_>,
        trail: &Trail,
        verify: impl FnOnce(&Claim<'_>, &SigningKey, &Request<'_>) -> std::result::Result<T, SignatureError>,
    ) -> Result<Option<T>> {
        let has_date = parts.headers.contains_key("x-amz-date") || parts.headers.contains_key("date");
        let authorization = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
        let authentication = Authentication::parse(authorization, parts.uri.query(), has_date)
            .map_err(|error| trail.refuse("not signed, or not in full", EdgeError::Auth(error)))?;
        let named = authentication.access_key_and_scope();
        if let Some((key, _)) = named.filter(|_| self.credentials.is_some()) {
            trail.note_key(key);
        }
        let wrong = |error| trail.refuse("the signature is not valid", EdgeError::Signature(error));
        let Some(region) = trail.region else {
            let region = named.map_or_else(String::new, |(_, scope)| scope.region.to_owned());
            let served = at.regions.to_string();
            return Err(wrong(SignatureError::RegionOfSeveral { region, served }));
        };
        let Some(credentials) = &self.credentials else { return Ok(None) };
        let headers = signed_headers(parts);
        let request = Request {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &headers,
        };
        let target = Target { region: region.as_str(), service: at.description.signing_name };
        let rules = at.description.signing_rules;
        let claim = Claim::read_by(rules, &request, &authentication, at.now, target).map_err(wrong)?;
        let found = credentials.find(claim.access_key_id(), claim.session_token(), at.now, |known| {
            (known.caller(region).clone(), known.signing_key(&claim.scope()))
        });
        let (caller, key) = found.map_err(|unknown| {
            trail.refuse("the key is not known or has ended", EdgeError::Key(unknown.into()))
        })?;
        let verified = verify(&claim, &key, &request).map_err(wrong)?;
        credentials.remember(claim.access_key_id(), &claim.scope(), &key);
        let _ = trail.caller.set(caller);
        Ok(Some(verified))
    }

    /// Checks that a caller may do it; the refusal is noted in `trail`.
    pub(crate) fn authorize(&self, question: &Question<'_>, trail: &Trail) -> Result<()> {
        self.authorize_named(question, question.resource, trail)
    }

    /// The same for a resource that the request does not name by its ARN: the refusal tells no more than `named`.
    pub(crate) fn authorize_named(&self, question: &Question<'_>, named: &str, trail: &Trail) -> Result<()> {
        decide(question).map_err(|denial| {
            trail.note_resource(question.resource.to_owned());
            trail.refuse(denial.reason(), EdgeError::denied(question, named, denial))
        })
    }

    /// Checks that the signer may do what concerns no resource in particular; anybody may, if nobody has to sign.
    pub(crate) fn authorize_account(&self, action: &str, now: Timestamp, trail: &Trail) -> Result<()> {
        let Some(caller) = trail.caller() else { return Ok(()) };
        let (owner, resource) = (caller.account(), "*");
        let facts = trail.facts(caller, now, owner);
        self.authorize(&Question { action, resource, owner, facts, resource_policy: None }, trail)
    }

    /// The policy of a resource as it was read. One that cannot be read was damaged on its way: nobody is let in.
    pub fn resource_policy(&self, resource: &str, text: &str) -> Result<Arc<ResourcePolicy>> {
        let mut parsed = self.parsed.lock();
        if let Some((known, policy)) = parsed.get(resource)
            && known == text
        {
            return Ok(policy.clone());
        }
        let policy = ResourcePolicy::parse(text).map_err(|cause| {
            error!(resource, %cause, "the stored policy of a resource cannot be read; requests for it are refused");
            EdgeError::internal(&cause)
        })?;
        if parsed.len() >= POLICIES_MAX {
            parsed.clear();
        }
        let policy = Arc::new(policy);
        parsed.insert(resource.to_owned(), (text.to_owned(), policy.clone()));
        Ok(policy)
    }

    /// Writes down what was refused and what changes something.
    pub(crate) fn record(
        &self,
        trail: &Trail,
        (service, name): (&str, &str),
        changes: bool,
        outcome: &'static str,
        request_id: &str,
        time: Timestamp,
    ) {
        let reason = trail.reason.get().copied();
        if reason.is_none() && !changes {
            return;
        }
        let (source, action) = (trail.source.to_string(), format!("{service}:{name}"));
        let resource = trail.resource.lock().clone();
        let event = AuditEvent {
            time,
            request_id,
            source: &source,
            principal: trail.caller.get().map(|caller| caller.arn()),
            access_key_id: trail.access_key_id.get().map(String::as_str),
            action: &action,
            region: trail.region.as_ref().map(Region::as_str),
            resource: resource.as_deref(),
            outcome,
            reason,
        };
        if outcome == "ok" { self.audit.administered(&event) } else { self.audit.refused(&event) }
    }
}

/// Every header as text; HTTP/2 sends the host as a part of the address.
fn signed_headers(parts: &Parts) -> Vec<(&str, &str)> {
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or("\u{fffd}");
    let mut headers: Vec<_> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), text(value.as_bytes()))).collect();
    if !parts.headers.contains_key("host")
        && let Some(authority) = parts.uri.authority()
    {
        headers.push(("host", authority.as_str()));
    }
    headers
}
