//! Facts about a request beside its input, and findings on its way: the audit log and the conditions of policies have
//! both.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use headwater_access::{Caller, Facts};
use headwater_types::{AccountId, Region, Timestamp};
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::peer::Peer;

/// A request's source, its signer, its resource, and why it was refused if it was.
#[derive(Debug)]
pub struct Trail {
    pub(crate) source: IpAddr,
    secure: bool,
    user_agent: Option<HeaderValue>,
    /// None if the signature is for a region that is not served.
    pub(crate) region: Option<Region>,
    pub(crate) caller: OnceLock<Arc<Caller>>,
    pub(crate) access_key_id: OnceLock<String>,
    pub(crate) resource: Mutex<Option<String>>,
    pub(crate) reason: OnceLock<&'static str>,
    reads: Arc<Semaphore>,
    /// Held until the answer has found room on its connection.
    reading: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Trail {
    pub(crate) fn new(peer: &Peer, headers: &HeaderMap, region: Option<Region>) -> Self {
        let user_agent = headers.get("user-agent").cloned();
        Self {
            source: peer.address,
            secure: peer.secure,
            reads: peer.reads.clone(),
            reading: Mutex::default(),
            user_agent,
            region,
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

    /// The signer, where somebody has to sign.
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        self.caller.get()
    }

    /// Notes the resource: of several the last, which is the one that was refused if one was.
    pub fn note_resource(&self, arn: String) {
        *self.resource.lock() = Some(arn);
    }

    /// The facts that conditions may ask about, tags left open.
    pub fn facts<'a>(&'a self, caller: &'a Caller, now: Timestamp, owner: AccountId) -> Facts<'a> {
        Facts {
            caller,
            source_ip: Some(self.source),
            now,
            secure: self.secure,
            user_agent: self.user_agent.as_ref().and_then(|value| value.to_str().ok()),
            region: self.region.as_ref().map_or("", Region::as_str),
            resource_account: owner,
            resource_tags: None,
            request_tags: None,
            tag_keys: None,
        }
    }

    /// Notes the key if it looks like one: a secret may have been put into the wrong place.
    pub(crate) fn note_key(&self, key: &str) {
        let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if (16..=32).contains(&key.len()) && key.bytes().all(fits) {
            let _ = self.access_key_id.set(key.to_owned());
        }
    }

    /// Notes why the request is refused, and hands the refusal on.
    pub(crate) fn refuse<E>(&self, reason: &'static str, error: E) -> E {
        let _ = self.reason.set(reason);
        error
    }
}
