//! Accepting connections: plaintext and TLS, HTTP/1.1 and HTTP/2 on one port, told apart by their first bytes.
//!
//! # Constraints
//! The number of connections is bounded, by a setting and by the files the process may open; past it they wait in the
//! kernel's queue. A connection on which nothing moves in either direction is closed after a while ([`IdleTimeout`]): one that
//! never began, one that is kept alive for nothing, and one whose client does not read its answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use headwater_edge::Peer;
use headwater_host::Clock;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::{debug, info, warn};

use crate::files;
use crate::idle_timeout::IdleTimeout;
use crate::routes::Routes;
use crate::tls::Tls;

/// Longest silence of a connection: longer than the 60 s for which SDKs keep theirs.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// After an accept that failed for want of files, before the next is tried.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Streams of one HTTP/2 connection that may be open at once.
const H2_STREAMS_MAX: u32 = 128;
/// Most bytes on their way to a stream. Bodies are read as they come, and counted then, so that no more than a moment's
/// worth waits in a connection.
const H2_STREAM_WINDOW: u32 = 1 << 20;
const H2_CONNECTION_WINDOW: u32 = 8 << 20;
/// The head of a request of HTTP/2, by its count: 32 bytes a field beside name and value.
const H2_HEAD_BYTES_MAX: u32 = 32 << 10;
/// Bytes that a connection of HTTP/1 reads ahead, and with that the longest head of a request.
const H1_BUFFER_BYTES_MAX: usize = 64 << 10;
/// With what every TLS connection begins: the type of a handshake record. No HTTP does.
const TLS_HANDSHAKE: u8 = 0x16;
/// Longest time for a TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\
    content-length: 53\r\n\r\nThis server takes TLS from other machines: use https\n";

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
pub(crate) async fn accept(
    listener: TcpListener,
    routes: Routes,
    tls: Option<Tls>,
    clock: Arc<dyn Clock>,
    connections_max: u32,
    stopping: Stopping,
) {
    let files_suffice_for = files::suffice_for_connections();
    if files_suffice_for < u64::from(connections_max) {
        info!("the process may open so few files that {files_suffice_for} connections are served at once");
    }
    let room = Arc::new(Semaphore::new(u64::from(connections_max).min(files_suffice_for) as usize));
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
                    stream: IdleTimeout::new(stream, SILENCE_MAX, clock.clone()),
                    builder: builder.clone(),
                    routes: routes.clone(),
                    tls: tls.clone(),
                    clock: clock.clone(),
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
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE_MAX)
        .max_buf_size(H1_BUFFER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(H2_HEAD_BYTES_MAX);
    builder
}

struct Connection {
    stream: IdleTimeout,
    builder: Arc<auto::Builder<TokioExecutor>>,
    routes: Routes,
    tls: Option<Tls>,
    clock: Arc<dyn Clock>,
    address: IpAddr,
    watcher: hyper_util::server::graceful::Watcher,
}

impl Connection {
    async fn run(mut self, stopping: Stopping) {
        // Until a first byte has come the stop of the server need not be waited for.
        let first = tokio::select! {
            first = self.stream.first_byte() => first,
            () = stopping.begun() => None,
        };
        let Some(first) = first else { return };
        let peer = self.routes.peer(self.address, first == TLS_HANDSHAKE);
        self.stream.follow(&peer);
        match (self.tls.take(), first == TLS_HANDSHAKE) {
            (Some(tls), true) => {
                let Self { stream, builder, routes, clock, watcher, .. } = self;
                let shaken = tokio::select! {
                    shaken = tls.acceptor().accept(stream) => shaken,
                    () = clock.sleep(HANDSHAKE_MAX) => return debug!("a TLS handshake did not end"),
                    () = stopping.begun() => return,
                };
                match shaken {
                    Ok(stream) => serve(stream, &builder, peer, routes, watcher).await,
                    Err(error) => debug!(%error, "a TLS handshake failed"),
                }
            }
            (None, true) => {
                warn_once(
                    "a client speaks TLS, and this server has no certificate: see --tls-cert and --tls-self-signed",
                );
            }
            (Some(_), false) if !self.address.to_canonical().is_loopback() => {
                // Whoever reads it is a person with the wrong scheme.
                let _ = self.stream.write_all(NOT_TLS).await;
                let _ = self.stream.shutdown().await;
            }
            (_, false) => {
                serve(self.stream, &self.builder, peer, self.routes, self.watcher).await;
            }
        }
    }
}

/// Serves HTTP/1.1 or HTTP/2, as its first bytes say, until the connection ends.
async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    builder: &auto::Builder<TokioExecutor>,
    peer: Peer,
    routes: Routes,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let asking = peer.clone();
    let service = service_fn(move |request| routes.answer(request, &asking));
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    tokio::select! {
        ended = watcher.watch(connection) => {
            if let Err(error) = ended {
                debug!(error = %error, "a connection ended badly");
            }
        }
        () = peer.is_overdue() => debug!("a client did not read its event stream to the end, or sent on without room"),
    }
}

/// Says it the first time only: clients try again and again.
fn warn_once(what: &'static str) {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| warn!("{what}"));
}
