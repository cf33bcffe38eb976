//! Bounds on the memory that requests hold, whoever sends them.

use std::time::Duration;

use headwater_edge::Limits;
use serde_json::json;
use tokio::sync::Mutex;

use crate::harness::{World, base64, eventually, put_input, within};
use crate::http::{Codec, Connection, request};

const TEXT: &str = "The server holds as many requests and answers in memory as it may. Try again.";

async fn world(name: &str) -> World {
    World::with(name, |settings| {
        settings.requests =
            Limits { body_bytes_max: 1 << 20, bodies_bytes_max: 4 << 20, ..Limits::default() };
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_stall_leave_room_for_nobody_and_then_for_everybody() {
    let world = world("memory-stall").await;
    world.create("s", 1).await;
    let (head, body) = request(Codec::Json, "PutRecord", &put_input("s", &vec![0; 700_000]));
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let mut connection = Connection::open(world.server().address()).await.unwrap();
        connection.send(&head).await.unwrap();
        connection.send(&body[..body.len() - 1]).await.unwrap();
        stalled.push(connection);
    }
    eventually("there is no room left", async || {
        let answer = world.try_put("s", &vec![0; 700_000]).await;
        if answer.status == 503 {
            answer.assert_error(503, "ServiceUnavailable", TEXT);
            assert!(!answer.closes, "the rest of the body was read and forgotten");
        }
        answer.status == 503
    })
    .await;
    let cbor = world.call_in(Codec::Cbor, "PutRecord", put_input("s", &vec![0; 700_000])).await;
    cbor.assert_error(503, "ServiceUnavailable", TEXT);
    assert_eq!(world.get("/health").await.status, 200);

    // Who had room is served, who has gone away gives it back.
    for connection in &mut stalled[..2] {
        connection.send(&body[body.len() - 1..]).await.unwrap();
        connection.answer().await.unwrap().ok();
    }
    drop(stalled);
    eventually("there is room again", async || world.try_put("s", &vec![0; 700_000]).await.status == 200)
        .await;
}

/// A byte now and then does not keep what a body holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_drip_are_given_up() {
    let world = world("memory-drip").await;
    world.create("s", 1).await;
    let (head, body) = request(Codec::Json, "PutRecord", &put_input("s", &vec![0; 700_000]));
    let mut dripping = Connection::open(world.server().address()).await.unwrap();
    dripping.send(&head).await.unwrap();
    dripping.send(&body[..body.len() - 100]).await.unwrap();
    let (dripping, rest) =
        (Mutex::new(dripping), Mutex::new(body[body.len() - 100..body.len() - 1].chunks(1)));
    eventually("the connection is closed", async || {
        world.clock.advance(Duration::from_secs(3));
        let byte = rest.lock().await.next().expect("it was kept for 300 s");
        dripping.lock().await.send(byte).await.is_err()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_only_announced_holds_nothing() {
    let world = world("memory-announced").await;
    world.create("s", 1).await;
    let (head, body) = request(Codec::Json, "PutRecord", &put_input("s", &vec![0; 700_000]));
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut connection = Connection::open(world.server().address()).await.unwrap();
        connection.send(&head).await.unwrap();
        connection.send(&body[..10]).await.unwrap();
        waiting.push(connection);
    }
    for _ in 0..5 {
        world.put("s", &vec![0; 700_000]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_bodies_at_once() {
    let world = world("memory-many").await;
    world.create("s", 1).await;
    let address = world.server().address();
    let (mut whole, body) = request(Codec::Json, "PutRecord", &put_input("s", &vec![0; 700_000]));
    whole.extend(body);
    let whole = std::sync::Arc::new(whole);
    let tasks: Vec<_> = (0..60)
        .map(|_| {
            let whole = whole.clone();
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await.unwrap();
                // A refused body is not read to its end: sending it may fail, and the answer may be lost.
                let sent = connection.send(&whole).await;
                let answer = connection.answer().await;
                match (sent, answer) {
                    (_, Ok(answer)) => Some(answer.status),
                    _ => None,
                }
            })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        match within("a request is answered or refused", Duration::from_secs(30), task).await.unwrap() {
            Some(200) => stored += 1,
            Some(503) | None => {}
            Some(other) => panic!("status {other}"),
        }
    }
    assert!(stored >= 1, "some were served");
    assert_eq!(world.read("s", 0).await.len(), stored, "each success is one record, and each refusal none");
    for _ in 0..10 {
        world.put("s", &vec![0; 700_000]).await;
    }
}

#[tokio::test]
async fn a_body_larger_than_any_may_be() {
    let world = world("memory-large").await;
    world.create("s", 1).await;
    let answer = world.try_put("s", &vec![0; 800_000]).await;
    assert_eq!((answer.status, answer.text.as_str()), (413, "<RequestEntityTooLargeException/>\n"));
    assert!(answer.closes);

    // Without an announced length, and of compressible nonsense.
    let mut connection = Connection::open(world.server().address()).await.unwrap();
    let (head, _) = request(Codec::Json, "PutRecord", &json!({"Data": base64(b"")}));
    let head = String::from_utf8(head).unwrap();
    let (head, _) = head.split_once("content-length").unwrap();
    let head = format!("{head}transfer-encoding: chunked\r\n\r\n");
    connection.send(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 64 << 10, " ".repeat(64 << 10));
    for _ in 0..20 {
        if connection.send(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    assert_eq!(connection.answer().await.unwrap().status, 413);
}
