//! The second half of the pipeline: the service is known, the body is here.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use headwater_wire::DecodeError;
use headwater_wire::sigv4::canonical::canonical_query;
use headwater_wire::sigv4::{Chunking, Chunks};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http_body_util::Either;
use parking_lot::Mutex;

use crate::answer::{Answer, finish, header, request_id, whole};
use crate::body::{BodyStream, Received};
use crate::call::Call;
use crate::compression::inflate;
use crate::fault::{EdgeError, Fault};
use crate::hold::hold;
use crate::identify::{Named, is_plain, operation_name};
use crate::peer::{Lasting, Peer, Place};
use crate::pipeline::{Shared, UNKNOWN};
use crate::protocol::{CRC32, Protocol};
use crate::reply::{HttpReply, Reply};
use crate::route::PathParameters;
use crate::scope::region_of;
use crate::service::{Effect, Mounted, Row, carry_out};
use crate::trail::Trail;

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");

/// Bodies above this size are granted memory for the values decoded from them before they are looked at.
const SMALL_BODY_BYTES: usize = 64 * 1024;

/// A request that has arrived.
pub(crate) struct Arrived {
    pub(crate) head: Parts,
    pub(crate) received: Option<Received>,
    pub(crate) stream: Option<BodyStream>,
    pub(crate) peer: Peer,
    pub(crate) place: Place,
}

/// A request to a service, and the findings of the steps so far.
pub(crate) struct Exchange<'a> {
    shared: &'a Arc<Shared>,
    service: Arc<dyn Mounted>,
    trail: Arc<Trail>,
    protocol: Protocol,
    row: Option<Row>,
    started: Duration,
}

impl<'a> Exchange<'a> {
    pub(crate) fn begin(
        shared: &'a Arc<Shared>,
        service: Arc<dyn Mounted>,
        peer: &Peer,
        head: &Parts,
    ) -> Self {
        let trail = Arc::new(Trail::new(peer, &head.headers, region_of(head, &shared.regions)));
        let protocol = Protocol::of_head(head, Some(service.description()));
        let started = shared.clock.elapsed();
        Self { shared, service, trail, protocol, row: None, started }
    }

    /// Protocol, operation, checks, signature, run, hold, encode, count, record.
    pub(crate) async fn run(mut self, named: Named, arrived: Arrived) -> Answer {
        let peer = arrived.peer.clone();
        let id = request_id(&*self.shared.random);
        let shown = id.clone();
        let text = shown.to_str().unwrap_or_default();
        let (outcome, mut answer) = match self.reply(named, arrived).await {
            Ok(reply) => match self.encode(reply, text, &peer).await {
                Ok(answer) => ("ok", answer),
                Err(error) => self.refused(error, text),
            },
            Err(Refusal::Edge(error)) => self.refused(error, text),
            Err(Refusal::Service(fault)) => self.fault(&fault, text),
        };
        self.protocol.mark(answer.headers_mut());
        let (service, shared) = (self.service.description().name, self.shared);
        let took = shared.clock.elapsed().saturating_sub(self.started);
        let operation = self.row.map_or(UNKNOWN, |row| row.name);
        shared.metrics.request(service, operation, outcome, took);
        let is_recorded = self.row.is_some_and(|row| row.effect == Effect::Administers);
        let now = shared.clock.now();
        shared.access.record(&self.trail, (service, operation), is_recorded, outcome, text, now);
        finish(&*shared.random, id, answer)
    }

    async fn reply(&mut self, named: Named, arrived: Arrived) -> Result<Reply, Refusal> {
        let Arrived { head, received, stream, peer, place } = arrived;
        let sent = received.as_ref().map(|received| received.bytes.clone()).unwrap_or_default();
        self.protocol = self.protocol_of(&named, &head, sent.is_empty())?;
        self.row = operation_name(&named, &head, &sent).and_then(|name| self.service.find(&name));
        let (path, body) = match &named {
            Named::Route(_, path) => (path.clone(), sent.clone()),
            Named::Form(true) => {
                let query = canonical_query(head.uri.query().unwrap_or_default());
                (PathParameters::default(), Bytes::from(query))
            }
            _ => (PathParameters::default(), sent.clone()),
        };
        let mut call = Call {
            shared: self.shared.clone(),
            head,
            protocol: self.protocol,
            path,
            body,
            stream: Mutex::new(stream),
            trail: self.trail.clone(),
            peer,
            place,
            asked: AtomicBool::new(false),
            granted: Vec::new(),
            received: None,
        };
        self.service.precheck(&call, self.row)?;
        let chunks = self.unchunk(&mut call, &sent)?;
        if self.protocol.is_targeted() && self.row.is_none() {
            self.well_formed(&call)?;
            return Err(unknown(&named, &call).into());
        }
        self.authenticate(&call, &sent, chunks.as_ref())?;
        self.inflate(&mut call)?;
        if self.row.is_none() {
            // A form that was compressed until now.
            let name = operation_name(&Named::Form(false), &call.head, &call.body);
            self.row = name.and_then(|name| self.service.find(&name));
        }
        let Some(row) = self.row else { return Err(unknown(&named, &call).into()) };
        let values = self.service.description().values_per_body;
        if values > 0 && call.body.len() > SMALL_BODY_BYTES {
            call.granted.push(self.shared.grant(call.body.len() * values)?);
        }
        let _lasting: Option<Lasting> = row.lasts.map(|duration| call.peer.lasts(duration));
        // The body counts for as long as the call lives, which may be longer than the client waits.
        call.received = received;
        let call = Arc::new(call);
        let reply = carry_out(&self.service, row, &call).await.map_err(Refusal::Service)?;
        if !call.has_asked() && !self.service.description().is_open {
            let (service, name) = (self.service.description().name, row.name);
            let cause = format!("{service}:{name} did not ask whether it may be done");
            debug_assert!(false, "{cause}");
            return Err(EdgeError::internal(&cause).into());
        }
        Ok(reply)
    }

    fn protocol_of(&self, named: &Named, head: &Parts, is_empty: bool) -> Result<Protocol, EdgeError> {
        let description = self.service.description();
        let found = match named {
            Named::Rpc(_) => Some(Protocol::RpcCbor),
            Named::Form(_) => Some(Protocol::Query),
            Named::Route(..) => description.rest_protocol(),
            Named::Target(_) | Named::Nowhere => self.service.protocol(head, is_empty),
        };
        found.filter(|protocol| description.protocols.contains(protocol)).ok_or_else(|| {
            let media = crate::answer::media(&head.headers).to_owned();
            EdgeError::UnsupportedMedia { media, has_target: head.headers.contains_key("x-amz-target") }
        })
    }

    fn authenticate(&self, call: &Call, sent: &Bytes, chunks: Option<&Chunks>) -> Result<(), EdgeError> {
        let (shared, description) = (self.shared, self.service.description());
        let signed_for = shared.signed_for(description);
        let checked = match &mut *call.stream.lock() {
            Some(stream) => shared
                .access
                .authenticate_stream(&call.head, &signed_for, &self.trail)
                .map(|reader| stream.check_with(reader)),
            None => shared.access.authenticate(&call.head, sent, chunks, &signed_for, &self.trail),
        };
        // A body that cannot be parsed comes first, as with an unknown operation.
        if checked.is_err() && self.protocol.is_targeted() {
            self.well_formed(call)?;
        }
        checked
    }

    fn well_formed(&self, call: &Call) -> Result<(), EdgeError> {
        let is_fine = call.body.is_empty() || self.protocol.is_well_formed(&call.body);
        if is_fine { Ok(()) } else { Err(DecodeError::Malformed.into()) }
    }

    /// Puts a body that came in chunks together.
    fn unchunk(&self, call: &mut Call, sent: &Bytes) -> Result<Option<Chunks>, EdgeError> {
        let said = header(&call.head.headers, "x-amz-content-sha256").and_then(Chunking::of);
        let Some(chunking) = said.filter(|_| call.stream.lock().is_none()) else { return Ok(None) };
        let chunks = Chunks::parse(chunking, sent).ok_or(DecodeError::Malformed)?;
        // It counts as much as what was sent, which is still held.
        call.granted.push(self.shared.grant(sent.len())?);
        call.body = Bytes::from(chunks.data(sent));
        let announced = header(&call.head.headers, "x-amz-decoded-content-length");
        if announced.is_some_and(|text| text.parse() != Ok(call.body.len())) {
            return Err(DecodeError::Malformed.into());
        }
        Ok(Some(chunks))
    }

    /// Inflates a compressed body of a service that takes such, once its sender is known.
    fn inflate(&self, call: &mut Call) -> Result<(), EdgeError> {
        let description = self.service.description();
        if call.body.len() > description.body_bytes_max {
            return Err(EdgeError::TooLarge(description.body_bytes_max));
        }
        if description.inflated_bytes_max == 0 || is_plain(&call.head) || call.body.is_empty() {
            return Ok(());
        }
        let (bytes, permit) = inflate(self.shared, &call.head, &call.body, description.inflated_bytes_max)?;
        call.body = bytes;
        call.granted.push(permit);
        Ok(())
    }

    async fn encode(&self, reply: Reply, request_id: &str, peer: &Peer) -> Result<Answer, EdgeError> {
        let description = self.service.description();
        let operation = self.row.map_or(UNKNOWN, |row| row.name);
        match reply {
            Reply::Body(body) => {
                let (body, has_media) = self.protocol.accepted(description, operation, request_id, body);
                let checksum = description.has_crc32.then(|| crc32fast::hash(&body));
                let mut answer = whole(hold(peer, body).await?);
                if has_media {
                    let media = HeaderValue::from_static(self.protocol.content_type());
                    answer.headers_mut().insert(CONTENT_TYPE, media);
                }
                if let Some(checksum) = checksum {
                    answer.headers_mut().insert(CRC32, HeaderValue::from(checksum));
                }
                Ok(answer)
            }
            Reply::Events(frames) => {
                let frames = frames.watched(self.shared.clock.clone(), peer);
                let mut answer = Response::new(Either::Right(frames));
                answer.headers_mut().insert(CONTENT_TYPE, EVENT_STREAM);
                Ok(answer)
            }
            Reply::Http(reply) => {
                let HttpReply { status, headers, body } = *reply;
                let mut answer = whole(hold(peer, body.into()).await?);
                *answer.status_mut() = status;
                *answer.headers_mut() = headers;
                let media = HeaderValue::from_static(self.protocol.content_type());
                answer.headers_mut().entry(CONTENT_TYPE).or_insert(media);
                Ok(answer)
            }
        }
    }

    fn refused(&self, error: EdgeError, request_id: &str) -> (&'static str, Answer) {
        self.fault(&self.service.fault(error, self.protocol), request_id)
    }

    fn fault(&self, fault: &Fault, request_id: &str) -> (&'static str, Answer) {
        let answer = self.protocol.refused(self.service.description(), request_id, fault);
        (fault.shape, answer)
    }
}

fn unknown(named: &Named, call: &Call) -> EdgeError {
    let name = operation_name(named, &call.head, &call.body);
    EdgeError::UnknownOperation(name.unwrap_or_default().into_owned())
}

/// A refusal on the way, by the edge or by the operation.
enum Refusal {
    Edge(EdgeError),
    Service(Fault),
}

impl From<EdgeError> for Refusal {
    fn from(error: EdgeError) -> Self {
        Self::Edge(error)
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::Edge(error.into())
    }
}
