//! Deadlines for requests as a whole, however evenly they drip; slow ones that come to something are left alone.

use std::time::Duration;

use serde_json::json;
use tokio::sync::Mutex;

use crate::harness::{World, eventually, put_input};
use crate::http::{Codec, Connection, request};

/// Sends a piece each few seconds, until the connection is closed; tells after how many.
async fn drip(world: &World, mut connection: Connection, first: &[u8], piece: &[u8], pause: Duration) -> u64 {
    connection.send(first).await.unwrap();
    let (connection, sent) = (Mutex::new(connection), Mutex::new(0));
    eventually("the connection is closed", async || {
        world.clock.advance(pause);
        *sent.lock().await += 1;
        connection.lock().await.send(piece).await.is_err()
    })
    .await;
    sent.into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_drip_are_given_up() {
    let world = World::new("head-drip").await;
    let open = async || Connection::open(world.server().address()).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nhost: headwater\r\nx-head: ";
    drip(&world, open().await, head, b"x", Duration::from_secs(5)).await;
    // HTTP/2: a header block, of which nothing else may stand in the middle.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\0\0\0\0\x01\x82";
    let more = b"\0\0\x01\x09\0\0\0\0\x01\x86";
    drip(&world, open().await, preface, more, Duration::from_secs(5)).await;
    // And with pauses that would excuse an idle client.
    drip(&world, open().await, head, b"x", Duration::from_secs(40)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_bodies_that_drip_are_given_up() {
    let world = World::new("body-drip").await;
    world.create("s", 1).await;
    let (head, body) = request(Codec::Json, "PutRecord", &put_input("s", &[0; 4000]));
    let first = [&head[..], &body[..100]].concat();
    let connection = Connection::open(world.server().address()).await.unwrap();
    drip(&world, connection, &first, b"A", Duration::from_secs(5)).await;
}

/// 100 KiB each 9 s are slow and enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_of_a_large_body_is_served() {
    let world = World::new("slow-body").await;
    world.create("s", 1).await;
    let (head, body) = request(Codec::Json, "PutRecord", &put_input("s", &[0; 700_000]));
    let mut connection = Connection::open(world.server().address()).await.unwrap();
    connection.send(&head).await.unwrap();
    for piece in body.chunks(100 << 10) {
        connection.send(piece).await.unwrap();
        // Until it has been read: the clock moves in between, as it would with a slow client.
        eventually("the piece has arrived", async || {
            crate::http::call(world.server().address(), Codec::Json, "ListStreams", &json!({})).await.status
                == 200
        })
        .await;
        world.clock.advance(Duration::from_secs(9));
    }
    connection.answer().await.unwrap().ok();
}

/// A client that is silent for longer than a head may take, but not for longer than a connection may be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_was_idle_is_served() {
    let world = World::new("idle-then-asks").await;
    let (head, body) = request(Codec::Json, "ListStreams", &json!({}));
    let mut connection = Connection::open(world.server().address()).await.unwrap();
    for _ in 0..5 {
        let (first, rest) = head.split_at(30);
        connection.send(first).await.unwrap();
        connection.send(&[rest, &body].concat()).await.unwrap();
        connection.answer().await.unwrap().ok();
        world.clock.advance(Duration::from_secs(80));
    }
}
