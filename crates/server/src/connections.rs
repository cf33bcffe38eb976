//! Accepting connections: HTTP/1.1 and HTTP/2 on one port, told apart by their first bytes.
//!
//! # Constraints
//! The number of connections is bounded by the files the process may open; past it they wait in the kernel's
//! queue. A connection on which nothing moves in either direction is closed after a while ([`Patient`]): one that
//! never began, one that is kept alive for nothing, and one whose client does not read its answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use headwater_host::Clock;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::{debug, warn};

use crate::patient::Patient;
use crate::routes::Routes;

/// How long a connection may stay silent: longer than the 60 s for which SDKs keep theirs.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// After an accept that failed for want of files, before the next is tried.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Files that are kept for the store.
const FILES_RESERVED: u64 = 512;
/// Streams of one HTTP/2 connection that may be open at once.
const H2_STREAMS_MAX: u32 = 256;
const H2_STREAM_WINDOW: u32 = 1 << 20;
const H2_CONNECTION_WINDOW: u32 = 8 << 20;
const HEADERS_BYTES_MAX: u32 = 64 << 10;

/// Tells everybody that the server stops.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(Arc<watch::Sender<bool>>);

impl Default for Stopping {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stopping {
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    async fn begun(&self) {
        // The sender is held by `self`, so waiting ends only with the value.
        let _ = self.0.subscribe().wait_for(|stopping| *stopping).await;
    }
}

/// Accepts until the server stops, then waits for the connections to end.
pub(crate) async fn accept(listener: TcpListener, routes: Routes, clock: Arc<dyn Clock>, stopping: Stopping) {
    let files = raise_file_limit();
    let connections_max = files.saturating_sub(FILES_RESERVED).max(16) as usize;
    let room = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
    let builder = Arc::new(protocols());
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept_one(&listener, &room) => accepted,
            () = stopping.begun() => break,
        };
        match accepted {
            Ok((stream, address, place)) => {
                let connection = Connection {
                    stream: Patient::new(stream, SILENCE_MAX, clock.clone()),
                    builder: builder.clone(),
                    routes: routes.clone(),
                    address,
                    watcher: graceful.watcher(),
                };
                let (stopping, open) = (stopping.clone(), routes.metrics.connection());
                tokio::spawn(async move {
                    connection.run(stopping).await;
                    drop((place, open));
                });
            }
            Err(error) => {
                // Usually want of files: others will be closed, so waiting helps.
                warn!(%error, "a connection could not be accepted");
                clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn accept_one(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let place = room.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    // Answers are written whole, so waiting for more to send only delays them.
    stream.set_nodelay(true)?;
    Ok((stream, address.ip(), place))
}

fn protocols() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(SILENCE_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(HEADERS_BYTES_MAX);
    builder
}

struct Connection {
    stream: Patient,
    builder: Arc<auto::Builder<TokioExecutor>>,
    routes: Routes,
    address: IpAddr,
    watcher: hyper_util::server::graceful::Watcher,
}

impl Connection {
    async fn run(self, stopping: Stopping) {
        let Self { mut stream, builder, routes, address, watcher } = self;
        // Until a first byte has come the stop of the server need not be waited for.
        tokio::select! {
            readable = stream.first_byte() => if !readable { return },
            () = stopping.begun() => return,
        }
        let peer = routes.peer(address);
        let service = service_fn(move |request| {
            let (routes, peer) = (routes.clone(), peer.clone());
            async move { routes.answer(request, peer).await }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            debug!(error = %error, "a connection ended badly");
        }
    }
}

/// Lets the process open as many files as it may, and returns how many that is.
fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(1 << 20).min(1 << 20);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    if raised.is_ok() { wanted } else { limit.current.unwrap_or(1024) }
}
