//! REST: members in the path, the query and headers; routes of several services on one port.

use std::time::Duration;

use headwater_edge::Limits;
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{World, request, serve};
use crate::toy::STREAMED_BYTES_MAX;

#[tokio::test]
async fn members_come_from_path_query_and_headers() {
    let world = World::new(Limits::default());
    let target = "/2026-01-01/items/blue%20lamp?size=2";
    let answer = world.send(request("GET", target, &[("x-shop-note", "gift")], b"")).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::CREATED, r#"{"Text":"blue lamp size=2 gift"}"#));
    assert_eq!(
        (answer.header("x-shop-id"), answer.header("content-type")),
        ("blue lamp", "application/json")
    );
}

#[tokio::test]
async fn the_most_fixed_route_of_all_services_wins() {
    let world = World::new(Limits::default());
    let note = world.send(request("PUT", "/2026-01-01/items/7/notes/a/b", &[], b"abc")).await;
    assert_eq!(note.text(), r#"{"Text":"7/a/b: 3 bytes"}"#);
    let object = world.send(request("PUT", "/2026-01-01/items", &[], b"abc")).await;
    assert_eq!(object.header("x-key"), "items");
    for (target, expected) in [("/bucket?list-type=2", "new: true"), ("/bucket", "new: false")] {
        let listed = world.send(request("GET", target, &[], b"")).await;
        assert_eq!(listed.text(), format!("<Text>{expected}</Text>"));
    }
}

#[tokio::test]
async fn a_streamed_body_is_not_bounded_by_the_memory_for_bodies() {
    let small = Limits { body_bytes_max: 1024, bodies_bytes_max: 1024, ..Limits::default() };
    let world = World::new(small);
    let answer = world.send(request("PUT", "/bucket/key", &[], &vec![b'x'; 1 << 20])).await;
    assert_eq!((answer.header("x-bytes"), answer.header("x-in-pieces")), ("1048576", "yes"));
}

#[tokio::test]
async fn a_streamed_body_is_bounded_by_its_service() {
    let world = World::new(Limits::default());
    let sent = |bytes| world.send(request("PUT", "/bucket/key", &[], &vec![b'x'; bytes]));
    assert_eq!(sent(STREAMED_BYTES_MAX).await.header("x-bytes"), "2097152");
    let refused = sent(STREAMED_BYTES_MAX + 1).await;
    assert!(refused.text().contains("TooLarge"), "{}", refused.text());
}

#[tokio::test]
async fn a_streamed_body_that_drips_is_given_up() {
    let limits = Limits::default();
    let (pause, begin) = (limits.body_pause_ms_max, limits.body_begin_ms_max);
    let world = World::new(limits);
    let peer = world.connect().await.peer;
    let (mut answer, mut sent) = tokio::io::split(serve(&world.edge, &peer));
    sent.write_all(b"PUT /bucket/key HTTP/1.1\r\nhost: edge.test\r\ncontent-length: 100000\r\n\r\n")
        .await
        .unwrap();
    let answered = tokio::spawn(async move {
        let mut first = [0; 12];
        answer.read_exact(&mut first).await.map(|_| first)
    });
    let step = (pause / 2).min(1000);
    let mut dripped = 0;
    while !answered.is_finished() {
        // Each in good time; the whole is not.
        dripped += u64::from(sent.write_all(b"x").await.is_ok());
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        world.clock.advance(Duration::from_millis(step));
    }
    assert!(dripped * step <= 2 * begin, "{dripped} bytes were waited for");
    assert_eq!(&answered.await.unwrap().unwrap(), b"HTTP/1.1 400");
}

#[tokio::test]
async fn methods_that_no_route_has_are_refused() {
    let world = World::new(Limits::default());
    let answer = world.send(request("DELETE", "/2026-01-01/items/7", &[], b"")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.text(), r#"{"__type":"UnknownOperationException"}"#);
}
