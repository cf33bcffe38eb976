//! Signatures: each service's rules, and bodies that are checked while they stream.

use http::StatusCode;

use crate::harness::World;

const JSON10: &str = "application/x-amz-json-1.0";
const TARGET: (&str, &str) = ("x-amz-target", "Shop_20260101.Greet");
const ANYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const NAMED: &[u8] = br#"{"Name":"Ann"}"#;

#[tokio::test]
async fn a_signature_is_for_one_service() {
    let world = World::guarded(ANYTHING);
    let headers = [TARGET, ("content-type", JSON10)];
    let right = world.send(world.signed("shop", "POST", "/", &headers, NAMED)).await;
    assert_eq!((right.status, right.text()), (StatusCode::OK, r#"{"Text":"Hello, Ann. "}"#));
    let wrong = world.send(world.signed("s3", "POST", "/", &headers, NAMED)).await;
    assert!(wrong.text().contains("scoped to correct service: 'shop'"), "{}", wrong.text());
}

#[tokio::test]
async fn policies_decide() {
    let policy =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"shop:GetItem","Resource":"*"}]}"#;
    let world = World::guarded(policy);
    let allowed = world.send(world.signed("shop", "GET", "/2026-01-01/items/7", &[], b"")).await;
    assert_eq!(allowed.status, StatusCode::CREATED);
    let headers = [TARGET, ("content-type", JSON10)];
    let denied = world.send(world.signed("shop", "POST", "/", &headers, NAMED)).await;
    assert!(denied.text().contains("is not authorized to perform: shop:Greet"), "{}", denied.text());
}

/// S3 signs the path as it is sent, so a key may hold what other services would normalize away.
#[tokio::test]
async fn an_object_store_s_path_is_signed_as_it_is_sent() {
    let world = World::guarded(ANYTHING);
    let unsigned = [("x-amz-content-sha256", "UNSIGNED-PAYLOAD")];
    let put = |path: &str| world.signed_as_sent("PUT", path, &unsigned, b"abc");
    let answer = world.send(put("/bucket/a//b/../c%20d")).await;
    assert_eq!((answer.status, answer.header("x-key")), (StatusCode::OK, "a//b/../c d"), "{}", answer.text());
}

#[tokio::test]
async fn every_amz_header_of_an_object_store_is_signed() {
    let world = World::guarded(ANYTHING);
    let mut request =
        world.signed_as_sent("PUT", "/bucket/key", &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")], b"abc");
    request.headers_mut().insert("x-amz-acl", "public-read".parse().unwrap());
    let answer = world.send(request).await;
    assert!(answer.text().contains("SignedHeader"), "{}", answer.text());
}

#[tokio::test]
async fn a_streamed_body_is_held_against_its_hash_at_its_end() {
    let world = World::guarded(ANYTHING);
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let put =
        |body: &[u8]| world.signed_as_sent("PUT", "/bucket/key", &[("x-amz-content-sha256", hash)], body);
    assert_eq!(world.send(put(b"abc")).await.header("x-bytes"), "3");
    let wrong = world.send(put(b"abd")).await;
    assert!(wrong.text().contains("<Code>BadDigest</Code>"), "{}", wrong.text());
}

#[tokio::test]
async fn checksums_behind_an_unsigned_streamed_body_hold_or_it_is_refused() {
    let world = World::guarded(ANYTHING);
    let headers = [
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ];
    let put = |checksum: &str| {
        let body = format!("2\r\nab\r\n1\r\nc\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n");
        world.signed_as_sent("PUT", "/bucket/key", &headers, body.as_bytes())
    };
    let right = world.send(put("NSRBwg==")).await;
    assert_eq!((right.header("x-bytes"), right.header("x-in-pieces")), ("3", "yes"), "{}", right.text());
    let wrong = world.send(put("NSRBwQ==")).await;
    assert!(wrong.text().contains("Payload(Mismatch)"), "{}", wrong.text());
    let cut = world.signed_as_sent("PUT", "/bucket/key", &headers, b"2\r\nab\r\n1\r\n");
    assert!(world.send(cut).await.text().contains("Payload(Malformed)"));
}

#[tokio::test]
async fn a_stream_without_a_hash_is_refused_before_it_is_read() {
    let world = World::guarded(ANYTHING);
    let answer = world.send(world.signed_as_sent("PUT", "/bucket/key", &[], b"abc")).await;
    assert!(answer.text().contains("x-amz-content-sha256"), "{}", answer.text());
}
