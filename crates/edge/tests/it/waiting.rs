//! Requests that wait: for long, and without a place on their connection.

use std::time::Duration;

use headwater_edge::Limits;

use crate::harness::{Client, World, request};

const WAIT: &str = "/2026-01-01/wait";

#[tokio::test]
async fn a_waiting_request_gives_its_place_on_the_connection_back() {
    let world = World::new(Limits { connection_requests_max: 1, ..Limits::default() });
    let mut waiting = world.connect().await;
    // Two requests of one HTTP/2 connection share a peer, as these two do.
    let mut other = Client::of(&world.edge, waiting.peer.clone()).await;
    let peer = waiting.peer.clone();
    let waits = tokio::spawn(async move { waiting.send(request("POST", WAIT, &[], b"{}")).await });
    while peer.may_be_silent_for().is_none() {
        tokio::task::yield_now().await;
    }
    let answer = other.send(request("GET", "/2026-01-01/items/7", &[], b"")).await;
    assert_eq!(answer.header("x-shop-id"), "7");
    world.shop.bell.notify_one();
    assert_eq!(waits.await.unwrap().text(), r#"{"Text":"rung"}"#);
}

#[tokio::test]
async fn a_request_may_last_a_quarter_of_an_hour() {
    let world = World::new(Limits::default());
    let mut client = world.connect().await;
    let peer = client.peer.clone();
    let waits = tokio::spawn(async move { client.send(request("POST", WAIT, &[], b"{}")).await });
    while peer.may_be_silent_for().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.may_be_silent_for(), Some(Duration::from_secs(900)));
    while !waits.is_finished() {
        world.clock.advance(Duration::from_secs(60));
        tokio::task::yield_now().await;
    }
    assert_eq!(waits.await.unwrap().text(), r#"{"Text":"silent"}"#);
    assert_eq!(peer.may_be_silent_for(), None);
}
