//! A connection that gives up when nothing moves on it, or too little of what does comes to anything.
//!
//! # Constraints
//! Bytes that come a few at a time keep a connection from being silent, and what they are the beginning of is held
//! meanwhile. So what arrives has a deadline as a whole: by then the connection has handed a request or a piece of a body
//! on, or has sent something itself (HTTP/2 answers pings). A client may also send a few frames that nothing follows from,
//! and be silent long before its next request; such pauses do not count, but a few only. And what waits to be sent moves
//! at a least rate.
//!
//! # Algorithm
//! Whenever bytes come or go the time is noted. A read or write that has to wait also waits for the moment at which
//! nothing will have moved for too long; if that comes first, it fails. One timer a connection, set anew only when it
//! fires, so that moving bytes cost a reading of the clock and no more.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use headwater_edge::Peer;
use headwater_host::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A TCP connection with a limit on silence.
pub(crate) struct IdleTimeout {
    stream: TcpStream,
    clock: Arc<dyn Clock>,
    silence_max: Duration,
    moved_at: Duration,
    timer: Option<Timer>,
    arriving: Arriving,
    draining: Option<Draining>,
    /// Knows of requests that may last longer than the connection may be silent.
    peer: Option<Peer>,
}

/// Longest time in which bytes that arrive have to come to something.
const ARRIVAL_MAX: Duration = Duration::from_secs(60);
/// A silence that is longer does not count, [`PAUSES_MAX`] times.
const PAUSE: Duration = Duration::from_secs(20);
const PAUSES_MAX: u32 = 3;
/// While something waits to be sent, at least so much is taken in each [`DRAIN_WINDOW`].
const DRAIN_BYTES_MIN: usize = 64 << 10;
const DRAIN_WINDOW: Duration = Duration::from_secs(60);

/// Bytes that were read since something came of them.
#[derive(Debug, Default)]
struct Arriving {
    /// Grows whenever something is handed on.
    progress: Arc<AtomicU64>,
    handed_on: u64,
    /// Of the first and the last byte.
    since: Option<(Duration, Duration)>,
    pauses: u32,
}

impl Arriving {
    fn sent(&mut self) {
        (self.since, self.pauses) = (None, 0);
    }

    /// False if it took too long.
    fn read(&mut self, now: Duration) -> bool {
        let handed_on = self.progress.load(Ordering::Relaxed);
        if handed_on != self.handed_on {
            self.handed_on = handed_on;
            self.sent();
        }
        let (mut first, last) = self.since.unwrap_or((now, now));
        if now.saturating_sub(last) > PAUSE && self.pauses < PAUSES_MAX {
            self.pauses += 1;
            first = now;
        }
        self.since = Some((first, now));
        now.saturating_sub(first) <= ARRIVAL_MAX
    }
}

/// Something waits to be sent.
#[derive(Debug)]
struct Draining {
    window_began: Duration,
    bytes: usize,
}

impl fmt::Debug for IdleTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdleTimeout").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl IdleTimeout {
    pub(crate) fn new(stream: TcpStream, silence_max: Duration, clock: Arc<dyn Clock>) -> Self {
        let moved_at = clock.elapsed();
        let arriving = Arriving::default();
        Self { stream, clock, silence_max, moved_at, timer: None, arriving, draining: None, peer: None }
    }

    /// Follows whose connection it is: whether what was read has come to a request or a piece of a body, and whether a
    /// request may keep the connection silent for longer.
    pub(crate) fn follow(&mut self, peer: &Peer) {
        self.arriving.progress = peer.progress();
        self.peer = Some(peer.clone());
    }

    fn silence_max(&self) -> Duration {
        let longer = self.peer.as_ref().and_then(Peer::may_be_silent_for);
        longer.map_or(self.silence_max, |longer| longer.max(self.silence_max))
    }

    /// Waits until there is something to read, and tells what it begins with; `None` if there never was.
    pub(crate) async fn first_byte(&mut self) -> Option<u8> {
        let (stream, clock, mut first) = (&self.stream, &self.clock, [0; 1]);
        let read = tokio::select! {
            read = stream.peek(&mut first) => read,
            () = clock.sleep(self.silence_max) => return None,
        };
        matches!(read, Ok(1..)).then_some(first[0])
    }

    /// Takes note of progress, or of there being none for too long.
    fn note<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.moved_at = self.clock.elapsed();
            return polled;
        }
        loop {
            let silent = self.clock.elapsed().saturating_sub(self.moved_at);
            let Some(left) = self.silence_max().checked_sub(silent).filter(|left| !left.is_zero()) else {
                return overdue("nothing moved on the connection");
            };
            let timer = self.timer.get_or_insert_with(|| {
                let clock = self.clock.clone();
                Box::pin(async move { clock.sleep(left).await })
            });
            match timer.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.timer = None,
            }
        }
    }

    /// The same for bytes that are sent.
    fn note_sent(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = polled {
            self.arriving.sent();
            if let Some(draining) = &mut self.draining {
                draining.bytes += bytes;
            }
        }
        if polled.is_pending() {
            let now = self.clock.elapsed();
            let draining = self.draining.get_or_insert(Draining { window_began: now, bytes: 0 });
            if now.saturating_sub(draining.window_began) >= DRAIN_WINDOW {
                if draining.bytes < DRAIN_BYTES_MIN {
                    return overdue("the client takes too little of what is sent");
                }
                *draining = Draining { window_began: now, bytes: 0 };
            }
        }
        self.note(cx, polled)
    }
}

fn overdue<T>(what: &'static str) -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)))
}

impl AsyncRead for IdleTimeout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            let now = self.clock.elapsed();
            if !self.arriving.read(now) {
                return overdue("what arrives comes to nothing");
            }
        }
        self.note(cx, polled)
    }
}

impl AsyncWrite for IdleTimeout {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note_sent(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note_sent(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It is called when everything was taken.
        self.draining = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
