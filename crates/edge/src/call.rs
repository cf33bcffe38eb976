//! A request that is about to be run: the input of an operation, and its doors to the edge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use headwater_access::Question;
use headwater_host::{Clock, Random};
use headwater_types::{AccountId, Realm, Region, Timestamp};
use http::header::HeaderName;
use http::request::Parts;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, SemaphorePermit};

use crate::access::AccessControl;
use crate::answer::header;
use crate::body::{BodyStream, Received};
use crate::fault::EdgeError;
use crate::peer::{Peer, Place};
use crate::pipeline::Shared;
use crate::protocol::Protocol;
use crate::route::PathParameters;
use crate::trail::Trail;

/// The header with the id of a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// A request whose service and protocol are known.
#[derive(Debug)]
pub struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) head: Parts,
    pub(crate) protocol: Protocol,
    pub(crate) path: PathParameters,
    pub(crate) body: Bytes,
    pub(crate) stream: Mutex<Option<BodyStream>>,
    pub(crate) trail: Arc<Trail>,
    pub(crate) peer: Peer,
    pub(crate) place: Place,
    pub(crate) asked: AtomicBool,
    /// Memory that was granted for the body and for what is made of it.
    pub(crate) granted: Vec<OwnedSemaphorePermit>,
    /// The body as it was sent, with its memory: kept for as long as the operation runs.
    pub(crate) received: Option<Received>,
}

impl Call {
    /// Method, address and headers.
    pub fn head(&self) -> &Parts {
        &self.head
    }

    /// A header as text, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head.headers, name)
    }

    /// The query string, empty if there is none.
    pub fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// The parameters of the path, for REST operations.
    pub fn path(&self) -> &PathParameters {
        &self.path
    }

    /// The host by which the client calls this server, with its port.
    pub fn host(&self) -> &str {
        let authority = self.head.uri.authority().map(|authority| authority.as_str());
        self.header("host").or(authority).unwrap_or_default()
    }

    /// The protocol of request and answer.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The whole body, out of chunks and inflated; empty for an operation that streams it.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body of an operation that [streams](crate::Operation::streams_body) it; once.
    pub fn stream(&self) -> Option<BodyStream> {
        self.stream.lock().take()
    }

    /// Source, signer and resource of the request.
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The account whose things a bare name means: the signer's, or the server's where nobody has to sign.
    pub fn account(&self) -> AccountId {
        self.trail.caller().map_or(self.shared.account, |caller| caller.account())
    }

    /// The region that the request is for: that of its signature, if several are served.
    pub fn region(&self) -> Region {
        self.trail.region.unwrap_or_else(|| self.shared.regions.first())
    }

    /// Account and region in which a bare name is looked up.
    pub fn realm(&self) -> Realm {
        Realm { account: self.account(), region: self.region() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// Randomness.
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.shared.random
    }

    /// Access control: keys, policies, the audit log.
    pub fn access(&self) -> &AccessControl {
        &self.shared.access
    }

    /// Notes that it has been asked whether the caller may do this; an operation that never asks is a defect.
    pub fn note_asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Decides a question about the caller, and notes that it was asked.
    ///
    /// # Errors
    /// [`EdgeError::Denied`], noted for the audit log.
    pub fn authorize(&self, question: &Question<'_>) -> Result<(), EdgeError> {
        self.note_asked();
        self.shared.access.authorize(question, &self.trail)
    }

    /// The same for a resource that the request does not name by its ARN: the refusal tells no more than `named`.
    ///
    /// # Errors
    /// [`EdgeError::Denied`], noted for the audit log.
    pub fn authorize_named(&self, question: &Question<'_>, named: &str) -> Result<(), EdgeError> {
        self.note_asked();
        self.shared.access.authorize_named(question, named, &self.trail)
    }

    /// Checks that the signer may do what concerns no resource in particular; anybody may where nobody has to sign.
    ///
    /// # Errors
    /// [`EdgeError::Denied`], noted for the audit log.
    pub fn authorize_account(&self, action: &str) -> Result<(), EdgeError> {
        self.note_asked();
        self.shared.access.authorize_account(action, self.now(), &self.trail)
    }

    /// A place among the reads that need much memory, to be held while one is read and encoded.
    ///
    /// # Errors
    /// [`EdgeError::Unavailable`] if none becomes free in time.
    pub async fn spend_read(&self) -> Result<SemaphorePermit<'_>, EdgeError> {
        self.shared.budgets.read_slot(&*self.shared.clock, &self.trail).await
    }

    /// Waits without the request's place on its connection, so that further requests of the client are worked on
    /// meanwhile: long polls.
    pub async fn without_place<T>(&self, what: impl Future<Output = T>) -> T {
        self.place.without(what).await
    }

    /// Waits for `what`, without a place on the connection, for at most so long.
    pub async fn wait_for<T>(&self, longest: Duration, what: impl Future<Output = T>) -> Option<T> {
        let clock = self.shared.clock.clone();
        self.without_place(async {
            tokio::select! {
                biased;
                done = what => Some(done),
                () = clock.sleep(longest) => None,
            }
        })
        .await
    }
}
