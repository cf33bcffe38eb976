//! A second listener with other services, over the same budgets.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use headwater_edge::{Limits, Mounted};

use crate::harness::{Client, World, request};
use crate::toy::Store;

#[tokio::test]
async fn a_second_listener_has_its_own_routes() {
    let world = World::new(Limits::default());
    let only_store: Vec<Arc<dyn Mounted>> = vec![Arc::new(Store)];
    let second = world.edge.beside(only_store, None);
    let peer = second.peer(IpAddr::V4(Ipv4Addr::LOCALHOST), false);
    let mut client = Client::of(&second, peer).await;
    let object = client.send(request("PUT", "/2026-01-01/items/7/notes/a", &[], b"abc")).await;
    assert_eq!(object.header("x-key"), "items/7/notes/a");
    let note = world.send(request("PUT", "/2026-01-01/items/7/notes/a", &[], b"abc")).await;
    assert_eq!(note.text(), r#"{"Text":"7/a: 3 bytes"}"#);
}

#[tokio::test]
async fn what_no_service_claims_is_left_to_the_fallback() {
    let world = World::new(Limits::default());
    let edge = world.edge.beside(Vec::new(), Some(world.shop.clone()));
    let peer = edge.peer(IpAddr::V4(Ipv4Addr::LOCALHOST), false);
    let mut client = Client::of(&edge, peer).await;
    let answer =
        client.send(request("POST", "/", &[("content-type", "application/x-amz-json-1.1")], b"{}")).await;
    assert_eq!(answer.text(), r#"{"__type":"UnknownOperationException"}"#);
}
