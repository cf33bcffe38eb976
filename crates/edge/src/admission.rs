//! Room for requests: asked for when the head has come, held until the answer has been sent.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Either;
use hyper::body::Incoming;

use crate::answer::{Answer, close, finish, no_room, request_id, whole};
use crate::peer::Peer;
use crate::pipeline::{Edge, UNKNOWN};
use crate::room::{FIELDS_MAX, REFUSED_MAX, Room};

impl Edge {
    /// Room for a request whose head has come.
    ///
    /// # Errors
    /// Without any, for all or for this connection, the answer is a refusal; it has no body, so that nothing waits for the
    /// client to read it. A connection that goes on all the same is closed.
    pub fn admit(&self, request: &Request<Incoming>, peer: &Peer) -> Result<Room, Box<Answer>> {
        peer.note_progress();
        let has_key = self.shared.access.names_known_key(request.headers(), request.uri());
        let pool = if has_key { &peer.heads } else { &peer.strangers };
        let is_long = request.headers().len() > FIELDS_MAX;
        let room = if is_long { None } else { Room::of(pool, request, has_key) };
        if let Some(room) = room {
            peer.refused.store(0, Ordering::Relaxed);
            return Ok(room);
        }
        if peer.refused.fetch_add(1, Ordering::Relaxed) >= REFUSED_MAX {
            peer.overdue.notify_one();
        }
        let mut answer = no_room();
        let mut outcome = "ServiceUnavailable";
        if is_long {
            answer = whole(Bytes::new());
            *answer.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            outcome = "RequestHeaderFieldsTooLarge";
        }
        self.shared.metrics.request(UNKNOWN, UNKNOWN, outcome, Duration::ZERO);
        let mut answer = self.finished(answer);
        close(request.version(), &mut answer);
        Err(Box::new(answer))
    }

    /// Has the answer hold the request's room until it has been sent.
    pub fn seal(&self, mut answer: Answer, room: Room) -> Answer {
        let kept = match answer.body_mut() {
            Either::Left(whole) => whole.keep(room),
            Either::Right(frames) => {
                frames.keep(room);
                true
            }
        };
        if kept { answer } else { self.finished(no_room()) }
    }

    /// An answer with the headers that every answer has.
    pub(crate) fn finished(&self, answer: Answer) -> Answer {
        let random = &*self.shared.random;
        finish(random, request_id(random), answer)
    }
}
