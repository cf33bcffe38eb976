//! A client that subscribes and does not read.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;

use crate::harness::{TRANSITION, World, within};

/// Longer than an answer takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

/// Its events wait for flow control while the connection is otherwise in good use, so that nothing else would end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_stream_that_nobody_reads_ends_with_its_connection() {
    let world = World::new("unread").await;
    world.create("s", 1).await;
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let consumer =
        world.call("RegisterStreamConsumer", json!({ "StreamARN": arn, "ConsumerName": "c" })).await.ok();
    world.clock.advance(TRANSITION);
    let address = world.server().address();
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(16);
    let (mut client, connection) = builder.handshake::<_, Full<Bytes>>(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let subscribe = json!({
        "ConsumerARN": consumer["Consumer"]["ConsumerARN"],
        "ShardId": "shardId-000000000000",
        "StartingPosition": { "Type": "LATEST" },
    });
    let request = Request::post(format!("http://{address}/"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "Kinesis_20131202.SubscribeToShard")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c")
        .header("x-amz-date", "20231114T221320Z")
        .body(Full::new(Bytes::from(subscribe.to_string())))
        .unwrap();
    let unread = world.moving(client.send_request(request)).await.unwrap();
    if unread.status() != 200 {
        panic!("{:?}", unread.into_body().collect().await.unwrap().to_bytes());
    }
    for minutes in 0..5 {
        health(&mut client, &address.to_string())
            .await
            .unwrap_or_else(|error| panic!("after {minutes} min: {error}"));
        world.clock.advance(Duration::from_secs(60));
    }
    health(&mut client, &address.to_string()).await.expect("ten seconds are left to take the last event");
    world.clock.advance(Duration::from_secs(11));
    within("the connection is closed", PATIENCE, connection).await.unwrap().ok();
    drop(unread);
}

async fn health(client: &mut http2::SendRequest<Full<Bytes>>, host: &str) -> hyper::Result<()> {
    let request = Request::get(format!("http://{host}/health")).body(Full::default()).unwrap();
    let answer = client.send_request(request).await?;
    assert_eq!(answer.status(), 200);
    let _: Bytes = answer.into_body().collect().await?.to_bytes();
    Ok(())
}
