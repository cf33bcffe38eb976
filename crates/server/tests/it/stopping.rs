//! A graceful stop: what is under way ends, nothing new begins, nobody is waited for in vain.

use std::time::Duration;

use crate::harness::{World, eventually, put_input, within};
use crate::http::{Codec, Connection, request};

/// Far below the time that requests under way are given.
const PROMPTLY: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_do_not_hold_the_stop_up() {
    let mut world = World::new("stop-idle").await;
    world.create("s", 1).await;
    let address = world.server().address();
    let silent = Connection::open(address).await.unwrap();
    let mut kept_alive = Connection::open(address).await.unwrap();
    let (mut whole, body) = request(Codec::Json, "PutRecord", &put_input("s", b"x"));
    whole.extend(body);
    for _ in 0..2 {
        kept_alive.send(&whole).await.unwrap();
        kept_alive.answer().await.unwrap().ok();
    }
    let mut h2 = Connection::open(address).await.unwrap();
    // The preface and an empty SETTINGS frame.
    h2.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let metrics = world.get("/metrics").await.text;
    assert!(metrics.contains("headwater_connections"), "{metrics}");

    let farewell = async {
        let mut seen = Vec::new();
        while let Ok((kind, payload)) = h2.frame().await {
            seen.push(kind);
            if kind == PING {
                h2.send(&[b"\0\0\x08\x06\x01\0\0\0\0".as_slice(), &payload].concat()).await.unwrap();
            }
        }
        seen
    };
    let (seen, ()) = within("the stop", PROMPTLY, async { tokio::join!(farewell, world.stop()) }).await;
    assert!(seen.contains(&GOAWAY), "{seen:?}");
    for connection in [silent, kept_alive] {
        assert!(within("an idle connection ends", PROMPTLY, connection.rest()).await.is_empty());
    }
    world.start().await.unwrap();
    assert_eq!(world.read("s", 0).await.len(), 2, "the data directory was given back");
}

/// Types of HTTP/2 frames.
const PING: u8 = 6;
const GOAWAY: u8 = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_is_finished_and_no_other_begun() {
    let mut world = World::new("stop-under-way").await;
    world.create("s", 1).await;
    let address = world.server().address();
    let mut under_way = Connection::open(address).await.unwrap();
    let (head, body) = request(Codec::Json, "PutRecord", &put_input("s", b"under way"));
    under_way.send(&head).await.unwrap();
    under_way.send(&body[..5]).await.unwrap();
    // Until its head has certainly been read.
    eventually("the request is under way", async || {
        world.get("/metrics").await.text.contains("headwater_connections 2")
    })
    .await;
    let client = async {
        eventually("no connection is accepted any more", async || Connection::open(address).await.is_err())
            .await;
        under_way.send(&body[5..]).await.unwrap();
        under_way.answer().await.unwrap().ok()
    };
    let (answer, ()) = within("the stop", PROMPTLY, async { tokio::join!(client, world.stop()) }).await;
    assert!(answer["SequenceNumber"].is_string());
    world.start().await.unwrap();
    assert_eq!(world.read("s", 0).await[0].data, b"under way");
}

/// A client that never sends the rest of its request costs the drain time and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_never_ends_is_cut_short() {
    let mut world = World::new("stop-stalled").await;
    world.create("s", 1).await;
    world.put("s", b"x").await;
    let (head, _) = request(Codec::Json, "PutRecord", &put_input("s", b"never"));
    let mut stalled = Connection::open(world.server().address()).await.unwrap();
    stalled.send(&head).await.unwrap();
    eventually("the request is under way", async || {
        world.get("/metrics").await.text.contains("headwater_connections 2")
    })
    .await;
    within("the stop", Duration::from_secs(15), world.stop()).await;
    world.disk.crash();
    world.start().await.unwrap();
    assert_eq!(world.read("s", 0).await.len(), 1);
}
