//! A connection that gives up when nothing moves on it.
//!
//! # Algorithm
//! Whenever bytes come or go the time is noted. A read or write that has to wait also waits for the moment at which
//! nothing will have moved for too long; if that comes first, it fails. One timer a connection, set anew only when it
//! fires, so that moving bytes cost a reading of the clock and no more.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use headwater_host::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A TCP connection with a limit on silence.
pub(crate) struct Patient {
    stream: TcpStream,
    clock: Arc<dyn Clock>,
    silence_max: Duration,
    moved_at: Duration,
    timer: Option<Timer>,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Patient {
    pub(crate) fn new(stream: TcpStream, silence_max: Duration, clock: Arc<dyn Clock>) -> Self {
        let moved_at = clock.elapsed();
        Self { stream, clock, silence_max, moved_at, timer: None }
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
            let Some(left) = self.silence_max.checked_sub(silent).filter(|left| !left.is_zero()) else {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "nothing moved on the connection",
                )));
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
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.note(cx, polled)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
