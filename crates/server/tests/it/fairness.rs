//! One connection, whatever it does, leaves something for the others; nobody waits without end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use headwater_edge::Limits;
use headwater_host::{Clock, SystemClock};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;

use crate::harness::{World, eventually, put_input, within};

/// Longer than an answer takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

/// A body that is sent, and then ends or stalls.
struct Sending {
    rest: Option<Bytes>,
    ends: bool,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.rest.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

/// One HTTP/2 connection.
#[derive(Clone)]
struct Client {
    sender: SendRequest<Sending>,
    address: SocketAddr,
}

impl Client {
    async fn open(address: SocketAddr) -> Self {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, connection) = Builder::new(TokioExecutor::new()).handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self { sender, address }
    }

    /// Puts a record; a request that does not end is never answered.
    async fn put(self, data: Vec<u8>, ends: bool) -> (StatusCode, String) {
        self.call("PutRecord", put_input("s", &data).to_string().into(), ends).await
    }

    async fn call(mut self, operation: &str, body: Bytes, ends: bool) -> (StatusCode, String) {
        let request = Request::post(format!("http://{}/", self.address))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
            .header("authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c")
            .header("x-amz-date", "20231114T221320Z")
            .body(Sending { rest: Some(body), ends })
            .unwrap();
        let answer = self.sender.send_request(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

async fn world(name: &str, requests: Limits) -> World {
    let world = World::with(name, |settings| settings.requests = requests).await;
    world.create("s", 1).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bodies_of_one_connection_leave_room_for_others() {
    let limits = Limits { connection_bodies_bytes_max: 1 << 20, ..Limits::default() };
    let world = world("fair-bodies", limits).await;
    let greedy = Client::open(world.server().address()).await;
    let stalled = std::sync::Mutex::new(Vec::new());
    eventually("what stalls holds its share", async || {
        // One that comes while the other put is under way is refused itself, and holds nothing.
        let stall = tokio::spawn(greedy.clone().put(vec![0; 600_000], false));
        stalled.lock().unwrap().push(stall);
        let (status, text) = greedy.clone().put(vec![0; 600_000], true).await;
        assert!(status == 200 || text.contains("ServiceUnavailable"), "{status} {text}");
        status == 503
    })
    .await;
    let other = Client::open(world.server().address()).await;
    for _ in 0..3 {
        assert_eq!(other.clone().put(vec![0; 600_000], true).await.0, 200);
    }
    stalled.into_inner().unwrap().iter().for_each(|stalled| stalled.abort());
    eventually("it is given back", async || greedy.clone().put(vec![0; 600_000], true).await.0 == 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_requests_of_one_connection_wait_for_each_other() {
    // Reads get no turn, and so keep their places until they are given up.
    let limits = Limits { connection_requests_max: 2, reads_max: 0, ..Limits::default() };
    let world = world("fair-requests", limits).await;
    world.put("s", b"x").await;
    let iterator = json!({ "ShardIterator": world.iterator("s", 0).await });
    let greedy = Client::open(world.server().address()).await;
    let read = || tokio::spawn(greedy.clone().call("GetRecords", iterator.to_string().into(), true));
    let reads = [read(), read()];
    let other = Client::open(world.server().address()).await;
    let waiting = std::sync::Mutex::new(None);
    eventually("a further request waits for those before it, and others are served", async || {
        let put = tokio::spawn(greedy.clone().put(b"waits".to_vec(), true));
        for _ in 0..20 {
            assert_eq!(other.clone().put(b"served".to_vec(), true).await.0, 200);
        }
        let waits = !put.is_finished();
        *waiting.lock().unwrap() = Some(put);
        waits
    })
    .await;
    let waiting = waiting.into_inner().unwrap().unwrap();
    world.clock.advance(Duration::from_secs(6));
    for read in reads {
        assert_eq!(within("the read is given up", PATIENCE, read).await.unwrap().0, 503);
    }
    let (status, _) = within("it is served once they are gone", PATIENCE, waiting).await.unwrap();
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_do_not_end_keep_no_places() {
    let limits = Limits { connection_requests_max: 1, ..Limits::default() };
    let world = world("fair-places", limits).await;
    let greedy = Client::open(world.server().address()).await;
    let stalled: Vec<_> =
        (0..20).map(|_| tokio::spawn(greedy.clone().put(b"stalled".to_vec(), false))).collect();
    for _ in 0..20 {
        let put = greedy.clone().put(b"served".to_vec(), true);
        assert_eq!(within("it is served beside them", PATIENCE, put).await.0, 200);
    }
    stalled.iter().for_each(|stalled| stalled.abort());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_gets_no_turn_is_refused() {
    let world = world("fair-reads", Limits { reads_max: 0, ..Limits::default() }).await;
    world.put("s", b"x").await;
    let pause = SystemClock::new();
    let clock = async {
        loop {
            world.clock.advance(Duration::from_millis(100));
            pause.sleep(Duration::from_millis(1)).await;
        }
    };
    let refused = async {
        loop {
            let iterator = world.iterator("s", 0).await;
            let answer = world.call("GetRecords", json!({ "ShardIterator": iterator })).await;
            let (status, error) = (answer.status, answer.error().1);
            // The clock may be so far ahead of the machine that the iterator is too old when it comes.
            if error != "ExpiredIteratorException" {
                return (status, error);
            }
        }
    };
    let refused = async {
        tokio::select! {
            refused = refused => refused,
            () = clock => unreachable!(),
        }
    };
    let (status, error) = within("the read is refused", PATIENCE, refused).await;
    assert_eq!((status, error.as_str()), (503, "ServiceUnavailable"));
}
