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
use http_body_util::{BodyExt, Either};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

use crate::peer::Peer;
use crate::pipeline::Shared;
use crate::room::{Room, Taken, holding};

/// The body of an answer: all there is, or frames as they come.
pub type AnswerBody = Either<Whole, Frames>;

/// A body that is there from the beginning.
#[derive(Debug, Default)]
pub struct Whole {
    bytes: Bytes,
    /// True if the bytes hold the memory that they take.
    held: bool,
}

impl Whole {
    /// Bytes that hold their own memory of a budget.
    pub(crate) fn held(bytes: Bytes) -> Self {
        Self { bytes, held: true }
    }

    /// Has the bytes hold the request's room until they have been sent. False if they are large, not counted yet, and
    /// there is no room for them.
    #[must_use]
    pub(crate) fn keep(&mut self, mut room: Room) -> bool {
        if self.bytes.is_empty() {
            return true;
        }
        if !self.held && self.bytes.len() > SMALL_ANSWER_BYTES && !room.grow(self.bytes.len()) {
            return false;
        }
        self.bytes = holding(std::mem::take(&mut self.bytes), room);
        true
    }
}

impl From<Bytes> for Whole {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, held: false }
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.bytes);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

/// Answers up to this size are a part of what every request takes.
pub(crate) const SMALL_ANSWER_BYTES: usize = 2 * 1024;

/// Longest wait of an event stream's last frame before the connection is given up.
const OVERDUE_AFTER: Duration = Duration::from_secs(10);

/// Frames of an event stream. Nothing is done for the next one before the connection takes it, so a client that does
/// not read makes no more of them.
pub struct Frames {
    frames: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
    /// By [`headwater_host::Clock::elapsed`].
    ends_at: Duration,
    /// Dropped with the frames, which whoever watches them notices.
    _watched: Option<oneshot::Sender<Infallible>>,
    _room: Option<Room>,
}

impl Frames {
    /// These frames, of which the last is made at `ends_at` at the latest.
    pub fn new(frames: impl Stream<Item = Bytes> + Send + 'static, ends_at: Duration) -> Self {
        Self { frames: Box::pin(frames), ends_at, _watched: None, _room: None }
    }

    /// Keeps the request's room, less what its head took, while the frames last.
    pub(crate) fn keep(&mut self, mut room: Room) {
        room.forget_head();
        self._room = Some(room);
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
    _granted: Option<Taken>,
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

/// A body larger than this brings as much in each [`WINDOW`], so that nobody holds memory by sending a byte now and
/// then; a smaller one has [`Limits::body_begin_ms_max`](crate::Limits::body_begin_ms_max) in all.
const SLOW_BYTES_MAX: u64 = 64 << 10;
const WINDOW: Duration = Duration::from_secs(10);
/// Most bytes of a body that are kept before it is known whether its sender has a key.
const STRANGER_BYTES_MAX: usize = 64 << 10;

/// Most bytes reserved at once for a body that comes in several pieces, however long it says it is.
const RESERVED_MAX: usize = 2 << 20;

/// A body on its way, and the time it has: in all, for a piece, and for every 64 KiB once there have been so many.
struct Arriving {
    shared: Arc<Shared>,
    peer: Peer,
    body: Incoming,
    bytes: u64,
    /// Time for which the client was waited for: that of a slow reader of the body is not its sender's.
    waited: Duration,
    window_began: Duration,
    window_from: u64,
}

/// The body stopped coming, or the connection broke.
struct Broken;

impl Arriving {
    fn new(shared: Arc<Shared>, peer: Peer, body: Incoming) -> Self {
        let none = Duration::ZERO;
        Self { shared, peer, body, bytes: 0, waited: none, window_began: none, window_from: 0 }
    }

    /// The next piece, and `None` at the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, Broken> {
        let (clock, limits) = (&self.shared.clock, &self.shared.limits);
        loop {
            let mut pause = Duration::from_millis(limits.body_pause_ms_max);
            if self.bytes <= SLOW_BYTES_MAX {
                let begin = Duration::from_millis(limits.body_begin_ms_max);
                pause = pause.min(begin.saturating_sub(self.waited));
            }
            let from = clock.elapsed();
            let frame = tokio::select! {
                biased;
                frame = self.body.frame() => frame,
                () = clock.sleep(pause) => return Err(Broken),
            };
            self.waited += clock.elapsed().saturating_sub(from);
            let Some(frame) = frame else { return Ok(None) };
            let Ok(data) = frame.map_err(|_| Broken)?.into_data() else { continue };
            self.peer.note_progress();
            self.bytes += data.len() as u64;
            self.check_pace()?;
            return Ok(Some(data));
        }
    }

    fn check_pace(&mut self) -> Result<(), Broken> {
        let begin = Duration::from_millis(self.shared.limits.body_begin_ms_max);
        if self.bytes <= SLOW_BYTES_MAX && self.waited >= begin {
            return Err(Broken);
        }
        if self.waited >= self.window_began + WINDOW {
            if self.bytes > SLOW_BYTES_MAX && self.bytes - self.window_from < SLOW_BYTES_MAX {
                return Err(Broken);
            }
            (self.window_began, self.window_from) = (self.waited, self.bytes);
        }
        Ok(())
    }

    /// The next piece of a body that is read whole.
    async fn bounded_piece(&mut self) -> Result<Option<Bytes>, BodyError> {
        let piece = self.piece().await.map_err(|Broken| BodyError::Broken)?;
        if self.bytes > self.shared.limits.body_bytes_max as u64 {
            return Err(BodyError::TooLarge);
        }
        Ok(piece)
    }

    /// Reads what is left and forgets it; `refused` is why.
    async fn forget(mut self, refused: BodyError) -> BodyError {
        loop {
            match self.bounded_piece().await {
                Ok(Some(_)) => {}
                Ok(None) => return refused,
                Err(other) => return other,
            }
        }
    }
}

/// Reads the whole body, as it comes: nothing of it waits in the connection, where it would not be counted. Memory is
/// granted as bytes arrive, so that a request which only announces a large body holds nothing; where there is none left
/// the request is refused and not made to wait, because a half-read body that waits holds what the others wait for. The
/// rest of a refused body is read and forgotten: a client that is still sending would otherwise find its connection reset
/// instead of an answer.
///
/// `has_key` says whether the request names a key that is known, which its signature will have to prove.
pub(crate) async fn receive(
    shared: &Arc<Shared>,
    peer: &Peer,
    has_key: bool,
    body: Incoming,
) -> Result<Received, BodyError> {
    let announced = body.size_hint();
    if announced.lower() > shared.limits.body_bytes_max as u64 {
        return Err(BodyError::TooLarge);
    }
    let pool = if has_key { &peer.bodies } else { &peer.strangers };
    let mut arriving = Arriving::new(shared.clone(), peer.clone(), body);
    let mut granted: Option<Taken> = None;
    let mut granted_bytes = 0;
    let mut bytes: Vec<u8> = Vec::new();
    loop {
        let Some(mut data) = arriving.bounded_piece().await? else { break };
        let total = bytes.len() + data.len();
        if !has_key && total > STRANGER_BYTES_MAX {
            drop((bytes, granted));
            return Err(arriving.forget(BodyError::Stranger).await);
        }
        if total > granted_bytes {
            let more = (total - granted_bytes).next_multiple_of(1024);
            let Some(taken) = pool.try_take(more) else {
                drop((bytes, granted));
                let refused = if has_key { BodyError::NoMemory } else { BodyError::Stranger };
                return Err(arriving.forget(refused).await);
            };
            match &mut granted {
                Some(granted) => granted.merge(taken),
                None => granted = Some(taken),
            }
            granted_bytes += more;
        }
        if bytes.is_empty() && arriving.body.is_end_stream() {
            // The common small body comes in one piece, which is then used as it is.
            return Ok(Received { bytes: data, _granted: granted });
        }
        if bytes.is_empty() {
            // Not resident until bytes come, and not more than most bodies need.
            bytes.reserve_exact((announced.lower() as usize).clamp(total, RESERVED_MAX.max(total)));
        }
        // Copied, because a piece may keep a buffer that is much larger than itself.
        bytes.extend_from_slice(data.chunk());
        data.advance(data.len());
    }
    Ok(Received { bytes: bytes.into(), _granted: granted })
}

/// Why a streamed body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyStreamError {
    /// The connection broke, or too little came for too long.
    Broken,
    /// More came than the service takes.
    TooLarge,
    /// It is not the body that was signed: nothing of it is to be used.
    Payload(PayloadError),
}

/// The body of a request, piece by piece as it comes; never more than one piece of it is held.
pub struct BodyStream {
    arriving: Arriving,
    bytes_max: u64,
    reader: Option<PayloadReader>,
    ready: VecDeque<Bytes>,
}

impl BodyStream {
    /// A body of at most so many bytes, as they are sent.
    pub(crate) fn new(shared: Arc<Shared>, peer: Peer, body: Incoming, bytes_max: u64) -> Self {
        Self {
            arriving: Arriving::new(shared, peer, body),
            bytes_max,
            reader: Some(PayloadReader::anything()),
            ready: VecDeque::new(),
        }
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
        loop {
            if let Some(data) = self.ready.pop_front() {
                return Ok(Some(data));
            }
            let piece = self.arriving.piece().await.map_err(|Broken| BodyStreamError::Broken)?;
            let Some(data) = piece else {
                let reader = self.reader.take();
                return match reader.map(PayloadReader::finish) {
                    Some(Err(error)) => Err(BodyStreamError::Payload(error)),
                    Some(Ok(())) | None => Ok(None),
                };
            };
            if self.arriving.bytes > self.bytes_max {
                return Err(BodyStreamError::TooLarge);
            }
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
