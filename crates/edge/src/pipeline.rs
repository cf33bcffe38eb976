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
use headwater_types::AccountId;
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
use crate::identify::{self, Identified, Named};
use crate::peer::{Peer, Place};
use crate::protocol::Protocol;
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
    /// The region that is served.
    pub region: String,
    /// Who may come in.
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
    pub(crate) region: String,
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

    /// The scope and the time that a signature has to be for.
    pub(crate) fn signed_for(&self, description: &'static Description) -> SignedFor<'_> {
        SignedFor { description, region: &self.region, now: self.clock.now() }
    }
}

/// The mounted services behind one listener.
#[derive(Debug, Clone)]
pub struct Edge {
    pub(crate) shared: Arc<Shared>,
    services: Arc<[Arc<dyn Mounted>]>,
    fallback: Option<Arc<dyn Mounted>>,
}

impl Edge {
    /// An edge for these services. A request that none of them claims is left to `fallback`, if there is one.
    pub fn new(host: Host, services: Vec<Arc<dyn Mounted>>, fallback: Option<Arc<dyn Mounted>>) -> Self {
        let Host { account, region, access, clock, random, metrics, limits } = host;
        let budgets = Budgets::new(&limits);
        let shared = Shared { account, region, access, clock, random, metrics, limits, budgets };
        Self { shared: Arc::new(shared), services: services.into(), fallback }
    }

    /// Other services over the same budgets, credentials and metrics: for a second listener.
    pub fn beside(&self, services: Vec<Arc<dyn Mounted>>, fallback: Option<Arc<dyn Mounted>>) -> Self {
        Self { shared: self.shared.clone(), services: services.into(), fallback }
    }

    /// A new connection from this address; `secure` says whether it is encrypted.
    pub fn peer(&self, address: IpAddr, secure: bool) -> Peer {
        Peer::new(&self.shared.limits, address, secure)
    }

    /// Every service that is mounted.
    pub fn services(&self) -> &[Arc<dyn Mounted>] {
        &self.services
    }

    /// Answers one request.
    ///
    /// # Errors
    /// The connection is to be closed without an answer.
    pub async fn handle(&self, request: Request<Incoming>, peer: Peer) -> Result<Answer, ConnectionBroken> {
        let (head, body) = request.into_parts();
        if head.method == Method::OPTIONS {
            return Ok(preflight(&*self.shared.random, &head.headers));
        }
        let identified = identify::by_head(&self.services, &head);
        if head.method != Method::POST && !identified.as_ref().is_some_and(Identified::takes_any_method) {
            return Ok(self.refuse(identified.as_ref(), &head, &peer, EdgeError::NoOperation));
        }
        let Some(place) = Place::take(&peer).await else { return Err(ConnectionBroken) };
        let (received, stream) = match identified.as_ref().is_some_and(Identified::streams_body) {
            true => (None, Some(BodyStream::new(self.shared.clone(), peer.clone(), body))),
            false => match self.receive(identified.as_ref(), &head, &peer, body).await? {
                Ok(received) => (Some(received), None),
                Err(refusal) => return Ok(refusal),
            },
        };
        let identified = self.identify_by_body(identified, &head, received.as_ref());
        let Some(identified) = identified else {
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
        body: Incoming,
    ) -> Result<Result<Received, Answer>, ConnectionBroken> {
        let has_key = self.shared.access.names_known_key(head);
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

    /// The service that the form in the body names, if the head left that open, and the one for what is left over.
    fn identify_by_body(
        &self,
        identified: Option<Identified>,
        head: &Parts,
        received: Option<&Received>,
    ) -> Option<Identified> {
        let is_settled = identified.as_ref().is_some_and(|found| !found.depends_on_body());
        if is_settled {
            return identified;
        }
        let body: &[u8] = received.map_or(&[], |received| &received.bytes);
        identify::by_body(&self.services, head, body).or(identified).or_else(|| {
            let service = self.fallback.clone()?;
            Some(Identified { service, named: Named::Nowhere })
        })
    }

    /// The answer to a request that is refused before its operation is looked at, in the form of the protocol that the
    /// head shows.
    fn refuse(&self, identified: Option<&Identified>, head: &Parts, peer: &Peer, error: EdgeError) -> Answer {
        let trail = Trail::new(peer.address, peer.secure, &head.headers);
        self.refuse_with(identified, head, &trail, error)
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
        let trail = Trail::new(peer.address, peer.secure, &head.headers);
        let service = identified.map(|found| &found.service).or(self.fallback.as_ref());
        let description = service.map_or(&NO_SERVICE, |service| service.description());
        // It is refused for its key, before the body would be looked at; or the key has become known just now.
        let checked = shared.access.authenticate(head, b"", None, &shared.signed_for(description), &trail);
        let error = checked.err().unwrap_or(EdgeError::Unavailable);
        self.refuse_with(identified, head, &trail, error)
    }

    /// Whether a request that is no service's may be answered: `Some` is the refusal. With credentials it comes from
    /// this machine, or is signed, for the fallback's service, by a user who may do `headwater:NAME`.
    pub fn refuse_page(&self, head: &Parts, peer: &Peer, name: &str) -> Option<Answer> {
        let shared = &*self.shared;
        let service = self.fallback.as_ref()?;
        if shared.access.credentials.is_none() || peer.address.is_loopback() {
            return None;
        }
        let trail = Trail::new(peer.address, peer.secure, &head.headers);
        let (now, action) = (shared.clock.now(), format!("headwater:{name}"));
        let description = service.description();
        let allowed = shared.access.authenticate(head, b"", None, &shared.signed_for(description), &trail);
        let allowed =
            allowed.and_then(|()| shared.access.authorize_account(&action, &shared.region, now, &trail));
        let fault = service.fault(allowed.err()?, Protocol::Json11);
        let id = request_id(&*shared.random);
        let text = id.to_str().unwrap_or_default().to_owned();
        let mut answer = Protocol::Json11.refused(description, &text, &fault);
        *answer.status_mut() = http::StatusCode::FORBIDDEN;
        shared.access.record(&trail, ("headwater", name), false, fault.shape, &text, now);
        Some(finish(&*shared.random, id, answer))
    }
}
