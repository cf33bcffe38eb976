//! The beginning of a subscription's answer: a moment later, and in pieces of its own.

use std::time::Duration;

use headwater_host::Clock;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{TRANSITION, World, within};
use crate::http::{Codec, request};

/// Longer than an answer takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);
/// Before the answer begins, and between `initial-response` and the first event.
const ANSWER_PAUSE: Duration = Duration::from_millis(5);
const FIRST_EVENT_PAUSE: Duration = Duration::from_millis(20);

/// A stream with a record and a consumer that may subscribe; the request.
async fn ready(world: &World) -> Vec<u8> {
    world.create("s", 1).await;
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let consumer =
        world.call("RegisterStreamConsumer", json!({"StreamARN": arn, "ConsumerName": "c"})).await.ok();
    world.clock.advance(TRANSITION);
    world.put("s", b"first").await;
    let input: Value = json!({
        "ConsumerARN": consumer["Consumer"]["ConsumerARN"],
        "ShardId": "shardId-000000000000",
        "StartingPosition": {"Type": "TRIM_HORIZON"},
    });
    let (head, body) = request(Codec::Json, "SubscribeToShard", &input);
    [head, body].concat()
}

/// Reads once.
async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 64 << 10];
    let len = stream.read(&mut bytes).await.unwrap();
    assert!(len > 0, "the connection was closed");
    bytes.truncate(len);
    bytes
}

/// The chunks of a chunked body that are whole.
fn chunks(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(at) = bytes.windows(2).position(|pair| pair == b"\r\n") {
        let len = usize::from_str_radix(std::str::from_utf8(&bytes[..at]).unwrap(), 16).unwrap();
        let Some(chunk) = bytes[at + 2..].get(..len + 2) else { break };
        found.push(chunk[..len].to_vec());
        bytes = &bytes[at + 4 + len..];
    }
    found
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_begins_a_moment_later_and_its_first_event_comes_apart() {
    let mut world = World::new("subscribing").await;
    let request = ready(&world).await;
    let mut stream = TcpStream::connect(world.server().address()).await.unwrap();
    let asked = world.clock.elapsed();
    stream.write_all(&request).await.unwrap();

    let first = within("the answer begins", PATIENCE, world.moving(read(&mut stream))).await;
    let began = world.clock.elapsed();
    assert!(began >= asked + ANSWER_PAUSE, "it began {:?} after the request", began - asked);
    let head_len = first.windows(4).position(|end| end == b"\r\n\r\n").expect("the whole head") + 4;
    assert!(first.starts_with(b"HTTP/1.1 200 OK\r\n") && has(&first, "transfer-encoding: chunked"));
    let mut body = first[head_len..].to_vec();
    if body.is_empty() {
        body = within("`initial-response` follows", PATIENCE, world.moving(read(&mut stream))).await;
    }
    let [initial] = &chunks(&body)[..] else { panic!("one chunk, not {:?}", chunks(&body)) };
    assert!(has(initial, "initial-response") && !has(initial, "SubscribeToShardEvent"));

    let event = within("the first event", PATIENCE, world.moving(read(&mut stream))).await;
    let followed = world.clock.elapsed();
    assert!(followed >= asked + ANSWER_PAUSE + FIRST_EVENT_PAUSE, "{:?} after the request", followed - asked);
    let [event] = &chunks(&event)[..] else { panic!("one chunk, not {:?}", chunks(&event)) };
    assert!(has(event, "SubscribeToShardEvent") && has(event, "\"Data\":\"Zmlyc3Q=\""));

    // From then on nothing is held back: the clock stands still.
    world.put("s", b"later").await;
    let later = within("an event at once", PATIENCE, read(&mut stream)).await;
    assert!(has(&later, "\"Data\":\"bGF0ZXI=\""));
    drop(stream);
    world.stop().await;
}
