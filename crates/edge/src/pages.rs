//! Pages beside the API: who may see them, and texts that count as answers do.

use headwater_types::{AccountId, Region};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::answer::{Answer, finish, no_room, request_id, whole};
use crate::hold::hold;
use crate::peer::{Peer, Place};
use crate::pipeline::{ConnectionBroken, Edge};
use crate::protocol::Protocol;
use crate::scope::region_of;
use crate::trail::Trail;

/// The accounts whose metrics a request may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsOf {
    /// All accounts', and the server's.
    Everybody,
    /// Those of one account's streams.
    Account(AccountId),
}

impl Edge {
    /// An answer in text that `make` makes, in its turn among the requests and reads of the connection. It counts as all
    /// answers do.
    ///
    /// # Errors
    /// The connection is to be closed without an answer.
    pub async fn text(
        &self,
        peer: &Peer,
        make: impl AsyncFnOnce() -> (StatusCode, &'static str, String),
    ) -> Result<Answer, ConnectionBroken> {
        let Some(_working) = Place::take(peer).await else { return Err(ConnectionBroken) };
        let trail = Trail::new(peer, &HeaderMap::new(), None);
        let shared = &*self.shared;
        let Ok(reading) = shared.budgets.read_slot(&*shared.clock, &trail).await else {
            return Ok(self.finished(no_room()));
        };
        let (status, content_type, text) = make().await;
        drop(reading);
        let Ok(body) = hold(peer, text.into()).await else {
            return Ok(self.finished(no_room()));
        };
        let mut answer = whole(body);
        *answer.status_mut() = status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Ok(answer)
    }

    /// The region that a page is asked for: that of the signature, or the first one.
    pub fn region_of(&self, head: &Parts) -> Region {
        let regions = &self.shared.regions;
        region_of(head, regions).unwrap_or_else(|| regions.first())
    }

    /// The accounts whose metrics a request may see. Without credentials, and from this machine, all. Others sign, for the
    /// fallback's service, and see their own account's by `headwater:GetMetrics`; all are for users of the server's own
    /// account who may do `headwater:GetServerMetrics`.
    ///
    /// # Errors
    /// The refusal.
    pub fn metrics_for(&self, head: &Parts, peer: &Peer) -> Result<MetricsOf, Box<Answer>> {
        let shared = &*self.shared;
        if shared.access.credentials.is_none() || peer.address.is_loopback() {
            return Ok(MetricsOf::Everybody);
        }
        let Some(service) = &self.fallback else { return Err(Box::new(self.finished(no_room()))) };
        let trail = Trail::new(peer, &head.headers, region_of(head, &shared.regions));
        let (now, description) = (shared.clock.now(), service.description());
        let may = |action: &str| shared.access.authorize_account(action, now, &trail);
        let signed = shared.access.authenticate(head, b"", None, &shared.signed_for(description), &trail);
        let allowed = signed.and_then(|()| {
            let account = trail.caller().map_or(shared.account, |caller| caller.account());
            if account == shared.account && may("headwater:GetServerMetrics").is_ok() {
                return Ok(MetricsOf::Everybody);
            }
            may("headwater:GetMetrics").map(|()| MetricsOf::Account(account))
        });
        allowed.map_err(|error| {
            let fault = service.fault(error, Protocol::Json11);
            let id = request_id(&*shared.random);
            let text = id.to_str().unwrap_or_default().to_owned();
            let mut answer = Protocol::Json11.refused(description, &text, &fault);
            *answer.status_mut() = StatusCode::FORBIDDEN;
            shared.access.record(&trail, ("headwater", "GetMetrics"), false, fault.shape, &text, now);
            Box::new(finish(&*shared.random, id, answer))
        })
    }
}
