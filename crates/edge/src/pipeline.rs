//! From an HTTP request to an HTTP answer: the list of steps.
//!
//! # Order of things
//! The order is AWS's, as far as it can be seen from outside: a body that cannot be read is told before an unknown
//! operation, an unknown operation before a signature that does not hold, that before anything the members say. Where
//! the operation is named in a form or a path the signature comes first.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::{Clock, Random};
use headwater_telemetry::Metrics;
use headwater_types::{AccountId, Regions};
use http::request::Parts;
use http::{Method, Request};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use crate::access::{AccessControl, SignedFor};
use crate::answer::{Answer, close, finish, preflight, request_id};
use crate::body::{BodyError, BodyStream, Received, receive};
use crate::budget::{Budgets, Limits};
use crate::description::Description;
use crate::exchange::{Arrived, Exchange};
use crate::fault::EdgeError;
use crate::foreign::{Foreign, Own};
use crate::identify::{self, Identified, Named};
use crate::peer::{Peer, Place};
use crate::protocol::Protocol;
use crate::room::Room;
use crate::scope::region_of;
use crate::service::Mounted;
use crate::trail::Trail;

/// The name of what no service or operation is found for, in metrics and the audit log.
pub(crate) const UNKNOWN: &str = "unknown";

/// For answers to what is no service's.
static NO_SERVICE: Description = Description::new(UNKNOWN);

/// The connection broke or brought nothing more: it is to be closed without an answer.
#[derive(Debug)]
pub struct ConnectionBroken;

impl std::fmt::Display for ConnectionBroken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request did not arrive whole")
    }
}

impl std::error::Error for ConnectionBroken {}

/// The parts of the server that every service stands on.
#[derive(Debug)]
pub struct Host {
    /// The account whose things a bare name means where nobody has to sign.
    pub account: AccountId,
    /// The regions that are served.
    pub regions: Regions,
    /// Access control: keys, policies, the audit log.
    pub access: AccessControl,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For request ids.
    pub random: Arc<dyn Random>,
    /// Counts of requests.
    pub metrics: Arc<Metrics>,
    /// Memory and times of requests.
    pub limits: Limits,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) account: AccountId,
    pub(crate) regions: Regions,
    pub(crate) access: AccessControl,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Limits,
    pub(crate) budgets: Budgets,
}

impl Shared {
    /// Memory beside the body's, in bytes.
    pub(crate) fn grant(&self, bytes: usize) -> Result<OwnedSemaphorePermit, EdgeError> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        self.budgets.bodies.clone().try_acquire_many_owned(kib).map_err(|_| EdgeError::Unavailable)
    }

    /// The scopes and the time that a signature has to be for.
    pub(crate) fn signed_for(&self, description: &'static Description) -> SignedFor<'_> {
        SignedFor { description, regions: &self.regions, now: self.clock.now() }
    }
}

/// The mounted services behind one listener.
#[derive(Debug, Clone)]
pub struct Edge {
    pub(crate) shared: Arc<Shared>,
    services: Arc<[Arc<dyn Mounted>]>,
    own: Arc<Own>,
    pub(crate) fallback: Option<Arc<dyn Mounted>>,
}

impl Edge {
    /// An edge for these services. A request that none of them claims is left to `fallback`, if there is one.
    pub fn new(host: Host, services: Vec<Arc<dyn Mounted>>, fallback: Option<Arc<dyn Mounted>>) -> Self {
        let Host { account, regions, access, clock, random, metrics, limits } = host;
        let budgets = Budgets::new(&limits);
        let shared = Shared { account, regions, access, clock, random, metrics, limits, budgets };
        Self::of(Arc::new(shared), services, fallback)
    }

    fn of(shared: Arc<Shared>, services: Vec<Arc<dyn Mounted>>, fallback: Option<Arc<dyn Mounted>>) -> Self {
        let own = Own::new(services.iter().chain(&fallback).map(|service| service.description()));
        Self { shared, services: services.into(), own: Arc::new(own), fallback }
    }

    /// Other services over the same budgets, credentials and metrics: for a second listener.
    pub fn beside(&self, services: Vec<Arc<dyn Mounted>>, fallback: Option<Arc<dyn Mounted>>) -> Self {
        Self::of(self.shared.clone(), services, fallback)
    }

    /// A new connection from this address; `secure` says whether it is encrypted.
    pub fn peer(&self, address: IpAddr, secure: bool) -> Peer {
        Peer::new(&self.shared, address, secure)
    }

    /// Every service that is mounted.
    pub fn services(&self) -> &[Arc<dyn Mounted>] {
        &self.services
    }

    /// Answers one request, which [`Edge::admit`] found room for.
    ///
    /// # Errors
    /// The connection is to be closed without an answer.
    pub async fn handle(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        room: Room,
    ) -> Result<Answer, ConnectionBroken> {
        let has_key = room.has_key;
        Ok(self.seal(self.respond(request, peer, has_key).await?, room))
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        has_key: bool,
    ) -> Result<Answer, ConnectionBroken> {
        let (head, body) = request.into_parts();
        if head.method == Method::OPTIONS {
            return Ok(preflight(&*self.shared.random, &head.headers));
        }
        let identified = identify::by_head(&self.services, &head);
        if head.method != Method::POST && !identified.as_ref().is_some_and(Identified::takes_any_method) {
            return Ok(match Foreign::find(&self.own, &head, b"") {
                Some(foreign) => self.refuse_foreign(&foreign),
                None => self.refuse(identified.as_ref(), &head, &peer, EdgeError::NoOperation),
            });
        }
        let (received, stream) = match identified.as_ref().filter(|found| found.streams_body(&head)) {
            Some(found) => {
                let bytes_max = found.service.description().body_bytes_max as u64;
                (None, Some(BodyStream::new(self.shared.clone(), peer.clone(), body, bytes_max)))
            }
            None => match self.receive(identified.as_ref(), &head, &peer, has_key, body).await? {
                Ok(received) => (Some(received), None),
                Err(refusal) => return Ok(refusal),
            },
        };
        // Until the answer begins: an event stream is no work. What is still arriving is none either.
        let Some(place) = Place::take(&peer).await else { return Err(ConnectionBroken) };
        let body: &[u8] = received.as_ref().map_or(&[], |received| &received.bytes);
        let identified = identified.or_else(|| identify::by_body(&self.services, &head, body));
        if identified.is_none()
            && let Some(foreign) = Foreign::find(&self.own, &head, body)
        {
            return Ok(self.refuse_foreign(&foreign));
        }
        let identified = identified.or_else(|| identify::by_scope(&self.services, &head));
        let left = || Some(Identified { service: self.fallback.clone()?, named: Named::Nowhere });
        let Some(identified) = identified.or_else(left) else {
            return Ok(self.refuse(None, &head, &peer, EdgeError::NoOperation));
        };
        let exchange = Exchange::begin(&self.shared, identified.service, &peer, &head);
        Ok(exchange.run(identified.named, Arrived { head, received, stream, peer, place }).await)
    }

    /// The body, or the answer to a request whose body is not taken.
    async fn receive(
        &self,
        identified: Option<&Identified>,
        head: &Parts,
        peer: &Peer,
        has_key: bool,
        body: Incoming,
    ) -> Result<Result<Received, Answer>, ConnectionBroken> {
        Ok(match receive(&self.shared, peer, has_key, body).await {
            Ok(received) => Ok(received),
            Err(BodyError::Broken) => return Err(ConnectionBroken),
            Err(BodyError::Stranger) => Err(self.refuse_stranger(identified, head, peer)),
            Err(BodyError::NoMemory) => Err(self.refuse(identified, head, peer, EdgeError::Unavailable)),
            Err(BodyError::TooLarge) => {
                let error = EdgeError::TooLarge(self.shared.limits.body_bytes_max);
                let mut answer = self.refuse(identified, head, peer, error);
                close(head.version, &mut answer);
                Err(answer)
            }
        })
    }

    /// The answer to a request that is refused before its operation is looked at, in the form of the protocol that the
    /// head shows.
    fn refuse(&self, identified: Option<&Identified>, head: &Parts, peer: &Peer, error: EdgeError) -> Answer {
        let trail = self.trail(head, peer);
        self.refuse_with(identified, head, &trail, error)
    }

    fn trail(&self, head: &Parts, peer: &Peer) -> Trail {
        Trail::new(peer, &head.headers, region_of(head, &self.shared.regions))
    }

    fn refuse_with(
        &self,
        identified: Option<&Identified>,
        head: &Parts,
        trail: &Trail,
        error: EdgeError,
    ) -> Answer {
        let shared = &*self.shared;
        let service = identified.map(|found| &found.service).or(self.fallback.as_ref());
        let protocol = Protocol::of_head(head, service.map(|service| service.description()));
        let (description, fault) = match service {
            Some(service) => (service.description(), service.fault(error, protocol)),
            None => (&NO_SERVICE, error.usual()),
        };
        let id = request_id(&*shared.random);
        let text = id.to_str().unwrap_or_default().to_owned();
        let mut answer = protocol.refused(description, &text, &fault);
        protocol.mark(answer.headers_mut());
        shared.metrics.request(description.name, UNKNOWN, fault.shape, Duration::ZERO);
        let action = (description.name, UNKNOWN);
        shared.access.record(trail, action, false, fault.shape, &text, shared.clock.now());
        finish(&*shared.random, id, answer)
    }

    /// The answer to a body that was not kept, because nobody who is known seems to have sent it.
    fn refuse_stranger(&self, identified: Option<&Identified>, head: &Parts, peer: &Peer) -> Answer {
        let shared = &*self.shared;
        let trail = self.trail(head, peer);
        let service = identified.map(|found| &found.service).or(self.fallback.as_ref());
        let description = service.map_or(&NO_SERVICE, |service| service.description());
        // It is refused for its key, before the body would be looked at; or the key has become known just now.
        let checked = shared.access.authenticate(head, b"", None, &shared.signed_for(description), &trail);
        let error = checked.err().unwrap_or(EdgeError::Unavailable);
        self.refuse_with(identified, head, &trail, error)
    }

    fn refuse_foreign(&self, foreign: &Foreign) -> Answer {
        let shared = &*self.shared;
        shared.metrics.request(UNKNOWN, UNKNOWN, "UnknownOperationException", Duration::ZERO);
        let id = request_id(&*shared.random);
        let answer = foreign.refusal(&self.own, id.to_str().unwrap_or_default());
        finish(&*shared.random, id, answer)
    }
}
