//! Who sends a request, and whether it may be done.
//!
//! # Constraints
//! Without credentials anybody is served in the account of the settings, and nothing here decides. With them a request
//! is nobody's until its signature has been verified, and an operation reaches no stream before it has asked
//! ([`crate::context::Context::authorize`]): what it reaches streams through says so if it was forgotten.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use headwater_access::{
    AuditEvent, AuditLog, Caller, CredentialStore, Facts, Question, ResourcePolicy, decide,
};
use headwater_types::{AccountId, Timestamp};
use headwater_wire::sigv4::canonical::Request;
use headwater_wire::sigv4::{Authentication, Chunks, Claim, Target};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::error;

use crate::context::Peer;
use crate::error::{ApiError, Result};

/// Policies of resources that are kept as they were read.
const POLICIES_MAX: usize = 1024;

/// Who may come in, and where it is written down.
#[derive(Debug)]
pub struct AccessControl {
    /// Everybody who can sign; none where anybody is served.
    pub credentials: Option<Arc<CredentialStore>>,
    /// The record.
    pub audit: AuditLog,
    parsed: Mutex<HashMap<String, (String, Arc<ResourcePolicy>)>>,
}

impl AccessControl {
    /// Without credentials anybody is served.
    pub fn new(credentials: Option<Arc<CredentialStore>>, audit: AuditLog) -> Self {
        Self { credentials, audit, parsed: Mutex::default() }
    }

    /// Whether the request names a key that there is; true if nobody needs one. It proves nothing.
    pub(crate) fn names_known_key(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let Some(credentials) = &self.credentials else { return true };
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        let parsed = Authentication::parse(authorization, uri.query(), true).ok();
        let named = parsed.as_ref().and_then(Authentication::access_key_and_scope);
        named.is_some_and(|(key, _)| credentials.has(key))
    }

    /// Who signed the request, if anybody has to; the refusal is noted in `trail`.
    pub(crate) fn authenticate(
        &self,
        parts: &Parts,
        body: &[u8],
        chunks: Option<&Chunks>,
        now: Timestamp,
        target: Target<'_>,
        trail: &Trail,
    ) -> Result<()> {
        let has_date = parts.headers.contains_key("x-amz-date") || parts.headers.contains_key("date");
        let authorization = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
        let authentication = Authentication::parse(authorization, parts.uri.query(), has_date)
            .map_err(|error| trail.refuse("not signed, or not in full", error.into()))?;
        let Some(credentials) = &self.credentials else { return Ok(()) };
        if let Some((key, _)) = authentication.access_key_and_scope() {
            trail.note_key(key);
        }
        let headers = signed_headers(parts);
        let request = Request {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &headers,
        };
        let wrong = |error| trail.refuse("the signature is not valid", ApiError::from(error));
        let claim = Claim::read(&request, &authentication, now, target).map_err(wrong)?;
        let found = credentials.find(claim.access_key_id(), claim.session_token(), now, |known| {
            (known.caller().clone(), known.signing_key(&claim.scope()))
        });
        let (caller, key) =
            found.map_err(|unknown| trail.refuse("the key is not known or has ended", unknown.into()))?;
        claim.verify(&key, &request, body, chunks).map_err(wrong)?;
        credentials.remember(claim.access_key_id(), &claim.scope(), &key);
        let _ = trail.caller.set(caller);
        Ok(())
    }

    /// Whether a caller may do it; the refusal is noted in `trail`.
    pub(crate) fn authorize(&self, question: &Question<'_>, trail: &Trail) -> Result<()> {
        self.authorize_named(question, question.resource, trail)
    }

    /// The same for a resource that the request does not name by its ARN: the refusal tells no more than `named`.
    pub(crate) fn authorize_named(&self, question: &Question<'_>, named: &str, trail: &Trail) -> Result<()> {
        decide(question).map_err(|denial| {
            trail.note_resource(question.resource.to_owned());
            trail.refuse(denial.reason(), ApiError::access_denied(question, named, denial))
        })
    }

    /// Whether who signed may do what concerns no resource in particular; whoever it is, if nobody has to sign.
    pub(crate) fn authorize_account(
        &self,
        action: &str,
        region: &str,
        now: Timestamp,
        trail: &Trail,
    ) -> Result<()> {
        let Some(caller) = trail.caller() else { return Ok(()) };
        let (owner, resource) = (caller.account(), "*");
        let facts = trail.facts(caller, region, now, owner);
        self.authorize(&Question { action, resource, owner, facts, resource_policy: None }, trail)
    }

    /// The policy of a resource as it was read. One that cannot be read was damaged on its way: nobody is let in.
    pub(crate) fn resource_policy(&self, resource: &str, text: &str) -> Result<Arc<ResourcePolicy>> {
        let mut parsed = self.parsed.lock();
        if let Some((known, policy)) = parsed.get(resource)
            && known == text
        {
            return Ok(policy.clone());
        }
        let policy = ResourcePolicy::parse(text).map_err(|cause| {
            error!(resource, %cause, "the stored policy of a resource cannot be read; requests for it are refused");
            ApiError::internal(&cause)
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
            resource: resource.as_deref(),
            outcome,
            reason,
        };
        if outcome == "ok" { self.audit.administered(&event) } else { self.audit.refused(&event) }
    }
}

/// What is known of a request beside its input, and what is found out about it on its way.
#[derive(Debug)]
pub(crate) struct Trail {
    source: IpAddr,
    secure: bool,
    user_agent: Option<HeaderValue>,
    caller: OnceLock<Arc<Caller>>,
    access_key_id: OnceLock<String>,
    resource: Mutex<Option<String>>,
    reason: OnceLock<&'static str>,
    reads: Arc<Semaphore>,
    /// Held until the answer has found room on its connection.
    reading: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Trail {
    pub(crate) fn new(peer: &Peer, headers: &HeaderMap) -> Self {
        let user_agent = headers.get("user-agent").cloned();
        Self {
            source: peer.address,
            secure: peer.secure,
            reads: peer.reads.clone(),
            reading: Mutex::default(),
            user_agent,
            caller: OnceLock::new(),
            access_key_id: OnceLock::new(),
            resource: Mutex::default(),
            reason: OnceLock::new(),
        }
    }

    /// Waits until few enough reads of the connection have answers that wait for its earlier ones.
    pub(crate) async fn wait_for_turn(&self) {
        let turn = self.reads.clone().acquire_owned().await;
        *self.reading.lock() = turn.ok();
    }

    /// Who signed, where somebody has to.
    pub(crate) fn caller(&self) -> Option<&Arc<Caller>> {
        self.caller.get()
    }

    /// Notes what the request is about: of several the last, which is the one that was refused if one was.
    pub(crate) fn note_resource(&self, arn: String) {
        *self.resource.lock() = Some(arn);
    }

    /// What conditions may ask about.
    pub(crate) fn facts<'a>(
        &'a self,
        caller: &'a Caller,
        region: &'a str,
        now: Timestamp,
        owner: AccountId,
    ) -> Facts<'a> {
        Facts {
            caller,
            source_ip: Some(self.source),
            now,
            secure: self.secure,
            user_agent: self.user_agent.as_ref().and_then(|value| value.to_str().ok()),
            region,
            resource_account: owner,
            resource_tags: None,
            request_tags: None,
            tag_keys: None,
        }
    }

    /// Notes the key if it looks like one: what was put into the wrong place may be a secret.
    fn note_key(&self, key: &str) {
        let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if (16..=32).contains(&key.len()) && key.bytes().all(fits) {
            let _ = self.access_key_id.set(key.to_owned());
        }
    }

    fn refuse(&self, reason: &'static str, error: ApiError) -> ApiError {
        let _ = self.reason.set(reason);
        error
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
