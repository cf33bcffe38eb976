//! One operation and one fault in every protocol, and refusals before anything is known.

use headwater_edge::Limits;
use headwater_wire::Codec;
use http::StatusCode;

use crate::harness::{Answer, World, request};

const JSON10: &str = "application/x-amz-json-1.0";
const FORM: &str = "application/x-www-form-urlencoded";

async fn greet(world: &World, media: &str, body: &[u8]) -> Answer {
    let headers = [("x-amz-target", "Shop_20260101.Greet"), ("content-type", media)];
    world.send(request("POST", "/", &headers, body)).await
}

#[tokio::test]
async fn an_operation_answers_in_the_protocol_of_its_request() {
    let world = World::new(Limits::default());
    let json = greet(&world, JSON10, br#"{"Name":"Ann"}"#).await;
    assert_eq!((json.text(), json.header("content-type")), (r#"{"Text":"Hello, Ann. "}"#, JSON10));
    let cbor = Codec::Cbor.encode(&serde_json::json!({ "Name": "Ann" }));
    let answer = greet(&world, "application/x-amz-cbor-1.1", &cbor).await;
    assert_eq!(answer.header("content-type"), "application/x-amz-cbor-1.1");
    let rpc = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")];
    let rpc = world.send(request("POST", "/service/Shop20260101/operation/Greet", &rpc, &cbor)).await;
    assert_eq!((rpc.status, rpc.header("smithy-protocol")), (StatusCode::OK, "rpc-v2-cbor"));
    let form = b"Version=2026-01-01&Action=Greet&Name=Ann";
    let query = world.send(request("POST", "/", &[("content-type", FORM)], form)).await;
    assert!(
        query.text().contains("<GreetResult><Text>Hello, Ann. </Text></GreetResult>"),
        "{}",
        query.text()
    );
    assert!(query.text().contains(&format!("<RequestId>{}</RequestId>", query.header("x-amzn-requestid"))));
}

#[tokio::test]
async fn a_fault_has_the_form_of_each_protocol() {
    let world = World::new(Limits::default());
    let text = "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null";
    let json = greet(&world, JSON10, b"{}").await;
    assert_eq!(json.status, StatusCode::BAD_REQUEST);
    assert_eq!(json.text(), format!(r#"{{"__type":"ValidationException","message":"{text}"}}"#));
    assert_eq!(json.header("x-amzn-query-error"), "ValidationException;Sender");
    let form = b"Version=2026-01-01&Action=Greet";
    let query = world.send(request("POST", "/", &[("content-type", FORM)], form)).await;
    assert!(query.text().contains("<Type>Sender</Type><Code>ValidationException</Code>"), "{}", query.text());
    let rest = world.send(request("GET", "/2026-01-01/items/missing", &[], b"")).await;
    assert_eq!(
        (rest.status, rest.header("x-amzn-errortype")),
        (StatusCode::NOT_FOUND, "ItemNotFoundException")
    );
    let xml = world.send(request("GET", "/none", &[], b"")).await;
    assert!(xml.text().starts_with("<Error><Code>NoSuchBucket</Code>"), "{}", xml.text());
}

#[tokio::test]
async fn a_body_that_cannot_be_parsed_is_told_before_an_unknown_operation() {
    let world = World::new(Limits::default());
    let unknown = |body: &'static [u8]| {
        let headers = [("x-amz-target", "Shop_20260101.Nothing"), ("content-type", JSON10)];
        request("POST", "/", &headers, body)
    };
    let broken = world.send(unknown(b"{")).await;
    assert_eq!(broken.text(), r#"{"__type":"SerializationException"}"#);
    let unknown = world.send(unknown(b"{}")).await;
    assert_eq!(unknown.text(), r#"{"__type":"UnknownOperationException"}"#);
}

#[tokio::test]
async fn refusals_before_a_service_is_known_have_the_form_of_the_head() {
    let small = Limits { body_bytes_max: 1024, ..Limits::default() };
    let world = World::new(small);
    let large = vec![b'x'; 4096];
    let json = world.send(request("POST", "/", &[("content-type", JSON10)], &large)).await;
    assert_eq!(json.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(json.text().starts_with(r#"{"__type":"RequestEntityTooLargeException""#), "{}", json.text());
    let query = world.send(request("POST", "/", &[("content-type", FORM)], &large)).await;
    assert!(query.text().contains("<Code>RequestEntityTooLarge</Code>"), "{}", query.text());
    let nothing = world.send(request("POST", "/", &[("content-type", JSON10)], b"{}")).await;
    assert_eq!(nothing.text(), r#"{"__type":"UnknownOperationException"}"#);
}

#[tokio::test]
async fn requests_are_counted_by_service_operation_and_outcome() {
    let world = World::new(Limits::default());
    greet(&world, JSON10, br#"{"Name":"Ann"}"#).await;
    greet(&world, JSON10, b"{}").await;
    let metrics = world.metrics.encode(&[]);
    for outcome in ["ok", "ValidationException"] {
        let line =
            format!(r#"headwater_requests_total{{service="shop",operation="Greet",outcome="{outcome}"}} 1"#);
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn an_operation_that_does_not_ask_is_a_defect() {
    let world = World::new(Limits::default());
    let headers = [("x-amz-target", "Shop_20260101.Forget"), ("content-type", JSON10)];
    let sent = world.connect().await.try_send(request("POST", "/", &headers, b"{}")).await;
    // An assertion in debug builds, which ends the connection.
    assert_eq!(sent.is_none(), cfg!(debug_assertions));
    assert!(sent.is_none_or(|answer| answer.status == StatusCode::INTERNAL_SERVER_ERROR));
}
