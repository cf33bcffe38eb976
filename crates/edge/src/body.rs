//! Bodies: reading a request's within bounds, and what an answer's may be.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use headwater_host::Clock;
use headwater_wire::sigv4::{PayloadError, PayloadReader};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::peer::Peer;
use crate::pipeline::Shared;

/// The body of an answer: all there is, or frames as they come.
pub type AnswerBody = Either<Full<Bytes>, Frames>;

/// How long the last frame of an event stream may lie about before the connection is given up.
const OVERDUE_AFTER: Duration = Duration::from_secs(10);

/// Frames of an event stream. Nothing is done for the next one before the connection takes it, so a client that does
/// not read makes no more of them.
pub struct Frames {
    frames: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
    /// By [`headwater_host::Clock::elapsed`].
    ends_at: Duration,
    /// Dropped with the frames, which whoever watches them notices.
    _watched: Option<oneshot::Sender<Infallible>>,
}

impl Frames {
    /// These frames, of which the last is made at `ends_at` at the latest.
    pub fn new(frames: impl Stream<Item = Bytes> + Send + 'static, ends_at: Duration) -> Self {
        Self { frames: Box::pin(frames), ends_at, _watched: None }
    }

    /// Has the connection closed if the client has not taken the frames some time after their end. Only somebody else
    /// can notice that: nobody asks for frames while the client does not read.
    pub(crate) fn watched(mut self, clock: Arc<dyn Clock>, peer: &Peer) -> Self {
        let (watched, gone) = oneshot::channel();
        let (overdue_at, overdue) = (self.ends_at + OVERDUE_AFTER, peer.overdue.clone());
        tokio::spawn(async move {
            tokio::select! {
                _ = gone => {}
                () = clock.sleep(overdue_at.saturating_sub(clock.elapsed())) => overdue.notify_one(),
            }
        });
        self._watched = Some(watched);
        self
    }
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Frames")
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.frames.as_mut().poll_next(context).map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A body, and the memory it was granted for as long as it lives.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    _granted: Option<Granted>,
}

/// Memory, of what all connections have and of what this one has.
#[derive(Debug)]
struct Granted([OwnedSemaphorePermit; 2]);

impl Granted {
    fn of(shared: &Shared, peer: &Peer, kib: u32) -> Option<Self> {
        let budgets = [&shared.budgets.bodies, &peer.bodies];
        let [all, own] = budgets.map(|budget| budget.clone().try_acquire_many_owned(kib).ok());
        Some(Self([all?, own?]))
    }

    fn merge(&mut self, more: Self) {
        self.0.iter_mut().zip(more.0).for_each(|(granted, more)| granted.merge(more));
    }
}

/// Why a body was not read.
pub(crate) enum BodyError {
    /// Larger than any request may be.
    TooLarge,
    /// All requests together hold as much as they may, or those of this connection.
    NoMemory,
    /// Larger than what is kept of who has no key.
    Stranger,
    /// It stopped coming, or the connection broke: there is nobody to answer.
    Broken,
}

/// A body up to this size may come as slowly as it likes; a larger one brings as much in each [`WINDOW`], so that nobody
/// holds memory by sending a byte now and then.
const SLOW_BYTES_MAX: usize = 64 << 10;
const WINDOW: Duration = Duration::from_secs(10);
/// What is kept of a body before it is known whether its sender has a key.
const STRANGER_BYTES_MAX: usize = 64 << 10;

/// What is reserved at once for a body that comes in several pieces, however long it says it is.
const RESERVED_MAX: usize = 2 << 20;

/// Reads the whole body. Memory is granted as bytes arrive, so that a request which only announces a large body
/// holds nothing; where there is none left the request is refused and not made to wait, because a half-read body
/// that waits holds what the others wait for. The rest of a refused body is read and forgotten: a client that is still
/// sending would otherwise find its connection reset instead of an answer.
///
/// `has_key` says whether the request names a key that is known, which its signature will have to prove.
pub(crate) async fn receive(
    shared: &Shared,
    peer: &Peer,
    has_key: bool,
    mut body: Incoming,
) -> Result<Received, BodyError> {
    let announced = body.size_hint();
    if announced.lower() > shared.limits.body_bytes_max as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut granted: Option<Granted> = None;
    let mut granted_bytes = 0;
    let mut first: Option<Bytes> = None;
    let mut rest: Vec<u8> = Vec::new();
    let pause = Duration::from_millis(shared.limits.body_pause_ms_max);
    let (mut window_began, mut window_from) = (shared.clock.elapsed(), 0);
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = shared.clock.sleep(pause) => return Err(BodyError::Broken),
        };
        let Some(frame) = frame else { break };
        let Ok(mut data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let received = first.as_ref().map_or(0, Bytes::len) + rest.len();
        let total = received + data.len();
        if total > shared.limits.body_bytes_max {
            return Err(BodyError::TooLarge);
        }
        if !has_key && total > STRANGER_BYTES_MAX {
            drop((first, rest, granted));
            return Err(match forget(shared, body, total).await {
                BodyError::NoMemory => BodyError::Stranger,
                other => other,
            });
        }
        let elapsed = shared.clock.elapsed();
        if elapsed >= window_began + WINDOW {
            if total > SLOW_BYTES_MAX && total - window_from < SLOW_BYTES_MAX {
                return Err(BodyError::Broken);
            }
            (window_began, window_from) = (elapsed, total);
        }
        if total > granted_bytes {
            let kib = (total - granted_bytes).div_ceil(1024);
            let Some(permit) = Granted::of(shared, peer, kib as u32) else {
                drop((first, rest, granted));
                return Err(forget(shared, body, data.len() + received).await);
            };
            match &mut granted {
                Some(granted) => granted.merge(permit),
                None => granted = Some(permit),
            }
            granted_bytes += kib * 1024;
        }
        match &first {
            // The common small body comes in one piece, which is then used as it is.
            None => first = Some(data),
            Some(piece) => {
                if rest.is_empty() {
                    // Not resident until bytes come, and not more than most bodies need.
                    rest.reserve_exact((announced.lower() as usize).clamp(total, RESERVED_MAX.max(total)));
                    rest.extend_from_slice(piece);
                    first = Some(Bytes::new());
                }
                rest.extend_from_slice(data.chunk());
                data.advance(data.len());
            }
        }
    }
    let bytes = if rest.is_empty() { first.unwrap_or_default() } else { rest.into() };
    Ok(Received { bytes, _granted: granted })
}

/// Reads what is left of a body of which `received` bytes have come.
async fn forget(shared: &Shared, mut body: Incoming, mut received: usize) -> BodyError {
    let pause = Duration::from_millis(shared.limits.body_pause_ms_max);
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = shared.clock.sleep(pause) => return BodyError::Broken,
        };
        match frame {
            None => return BodyError::NoMemory,
            Some(Err(_)) => return BodyError::Broken,
            Some(Ok(frame)) => received += frame.data_ref().map_or(0, Bytes::len),
        }
        if received > shared.limits.body_bytes_max {
            return BodyError::TooLarge;
        }
    }
}

/// Why a streamed body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyStreamError {
    /// The connection broke, or nothing came for too long.
    Broken,
    /// It is not the body that was signed: nothing of it is to be used.
    Payload(PayloadError),
}

/// The body of a request, piece by piece as it comes; never more than one piece of it is held.
pub struct BodyStream {
    shared: Arc<Shared>,
    _peer: Peer,
    body: Incoming,
    reader: Option<PayloadReader>,
    ready: VecDeque<Bytes>,
}

impl BodyStream {
    pub(crate) fn new(shared: Arc<Shared>, peer: Peer, body: Incoming) -> Self {
        Self { shared, _peer: peer, body, reader: Some(PayloadReader::anything()), ready: VecDeque::new() }
    }

    /// Checks the body by the signature of its request.
    pub(crate) fn check_with(&mut self, reader: PayloadReader) {
        self.reader = Some(reader);
    }

    /// The next piece of data, out of its chunks; none at the end, and only then is the body known to be right.
    ///
    /// # Errors
    /// [`BodyStreamError`]: what was read is not to be used.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyStreamError> {
        let pause = Duration::from_millis(self.shared.limits.body_pause_ms_max);
        loop {
            if let Some(data) = self.ready.pop_front() {
                return Ok(Some(data));
            }
            let frame = tokio::select! {
                biased;
                frame = self.body.frame() => frame,
                () = self.shared.clock.sleep(pause) => return Err(BodyStreamError::Broken),
            };
            let Some(frame) = frame else {
                let reader = self.reader.take();
                return match reader.map(PayloadReader::finish) {
                    Some(Err(error)) => Err(BodyStreamError::Payload(error)),
                    Some(Ok(())) | None => Ok(None),
                };
            };
            let Ok(data) = frame.map_err(|_| BodyStreamError::Broken)?.into_data() else { continue };
            let reader = self.reader.as_mut().ok_or(BodyStreamError::Broken)?;
            self.ready.extend(reader.push(data).map_err(BodyStreamError::Payload)?);
        }
    }
}

impl std::fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BodyStream")
    }
}
