//! The query protocol: flattened lists, forms in the query string, compressed forms.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use headwater_edge::Limits;

use crate::harness::{World, request};

const FORM: &str = "application/x-www-form-urlencoded";
const GREETING: &str =
    "Version=2026-01-01&Action=Greet&Name=Ann&Tag.2.Key=b&Tag.2.Value=2&Tag.1.Key=a&Tag.1.Value=1";

#[tokio::test]
async fn flattened_lists_and_maps_are_in_the_order_of_their_numbers() {
    let world = World::new(Limits::default());
    let answer = world.send(request("POST", "/", &[("content-type", FORM)], GREETING.as_bytes())).await;
    assert!(answer.text().contains("<Text>Hello, Ann. a=1 b=2</Text>"), "{}", answer.text());
    let members = GREETING.replace("Tag.", "Tag.member.");
    let answer = world.send(request("POST", "/", &[("content-type", FORM)], members.as_bytes())).await;
    assert!(answer.text().contains("<Text>Hello, Ann. a=1 b=2</Text>"), "{}", answer.text());
}

#[tokio::test]
async fn a_form_may_stand_in_the_query_string() {
    let world = World::new(Limits::default());
    let answer = world.send(request("GET", &format!("/?{GREETING}"), &[], b"")).await;
    assert!(answer.text().contains("<Text>Hello, Ann. a=1 b=2</Text>"), "{}", answer.text());
}

#[tokio::test]
async fn a_compressed_form_is_known_by_its_signature_s_service_and_inflated_within_bounds() {
    let world = World::new(Limits::default());
    let headers = [("content-type", FORM), ("content-encoding", "gzip")];
    let answer = world.send(request("POST", "/", &headers, &compressed(GREETING.as_bytes()))).await;
    assert!(answer.text().contains("<Text>Hello, Ann. a=1 b=2</Text>"), "{}", answer.text());
    let bomb = compressed(&vec![b'x'; 1 << 20]);
    let refused = world.send(request("POST", "/", &headers, &bomb)).await;
    assert!(refused.text().contains("<Code>RequestEntityTooLarge</Code>"), "{}", refused.text());
}

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}
