//! The region of a request, told from its signature.

use http::StatusCode;

use crate::harness::{World, request};

const ANYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const TARGET: (&str, &str) = ("x-amz-target", "Shop_20260101.Place");
const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");

/// The place of a request that is signed as is, which nobody verifies.
async fn place(world: &World, target: &str, credential: Option<&str>) -> String {
    let signature = credential.map(|credential| {
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00")
    });
    let date = ("x-amz-date", "20260101T000000Z");
    let authorization = ("authorization", signature.as_deref().unwrap_or_default());
    world.send(request("POST", target, &[TARGET, JSON, date, authorization], b"{}")).await.text().to_owned()
}

fn scoped(region: &str) -> String {
    format!("AK/20260101/{region}/shop/aws4_request")
}

#[tokio::test]
async fn one_region_is_that_of_every_request() {
    let world = World::of_regions("eu-west-1", None);
    for credential in ["eu-west-1", "us-east-1", "no region"].map(scoped) {
        let text = place(&world, "/", Some(&credential)).await;
        assert_eq!(text, r#"{"Text":"111122223333 in eu-west-1"}"#, "{credential}");
    }
    let guarded = World::of_regions("eu-west-1", Some(ANYTHING));
    assert_eq!(guarded.place_in("eu-west-1").await.status, StatusCode::OK);
    let refused = guarded.place_in("us-east-1").await;
    assert!(refused.text().contains("a valid region, not 'us-east-1'. \""), "{}", refused.text());
}

#[tokio::test]
async fn of_several_it_is_the_scope_s() {
    let query = |region: &str| {
        format!(
            "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260101%2F{region}%2Fshop%2Faws4_request\
             &X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
        )
    };
    let world = World::of_regions("us-west-2,eu-west-1", None);
    for region in ["eu-west-1", "us-west-2"] {
        let expected = format!(r#"{{"Text":"111122223333 in {region}"}}"#);
        assert_eq!(place(&world, "/", Some(&scoped(region))).await, expected);
        assert_eq!(place(&world, &query(region), None).await, expected, "presigned");
    }
    // A credential without a scope is no region's.
    assert_eq!(place(&world, "/", Some("AK")).await, r#"{"Text":"111122223333 in us-west-2"}"#);
    for refused in
        [place(&world, "/", Some(&scoped("us-east-1"))).await, place(&world, &query("us-east-1"), None).await]
    {
        let told = "a valid region, not 'us-east-1'. Regions served here: us-west-2, eu-west-1.";
        assert!(refused.contains(told), "{refused}");
    }
    // The last credential is the one that would be verified.
    let twice = format!("{}, Credential={}", scoped("us-west-2"), scoped("eu-west-1"));
    assert_eq!(place(&world, "/", Some(&twice)).await, r#"{"Text":"111122223333 in eu-west-1"}"#);
}

#[tokio::test]
async fn signatures_are_verified_for_the_region_they_name() {
    let world = World::of_regions("us-west-2,eu-west-1", Some(ANYTHING));
    for region in ["eu-west-1", "us-west-2", "eu-west-1"] {
        assert_eq!(world.place_in(region).await.text(), format!(r#"{{"Text":"111122223333 in {region}"}}"#));
    }
    let refused = world.place_in("us-east-1").await;
    assert!(refused.text().contains("Regions served here: us-west-2, eu-west-1."), "{}", refused.text());
}

#[tokio::test]
async fn any_region_is_one_of_aws_s_form() {
    let world = World::of_regions("any", Some(ANYTHING));
    for region in ["ap-south-2", "cn-north-1", "us-east-1"] {
        assert_eq!(world.place_in(region).await.text(), format!(r#"{{"Text":"111122223333 in {region}"}}"#));
    }
    for region in ["local", "US-EAST-1", "any", "a-very-long-name-of-a-region-1"] {
        let refused = world.place_in(region).await;
        let told = format!("a valid region, not '{region}'. Regions served here: any.");
        assert!(refused.text().contains(&told), "{}", refused.text());
    }
}

#[tokio::test]
async fn conditions_see_the_region_of_the_request() {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*",
        "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}"#;
    let world = World::of_regions("us-west-2,eu-west-1", Some(policy));
    assert_eq!(world.place_in("eu-west-1").await.status, StatusCode::OK);
    let denied = world.place_in("us-west-2").await;
    assert!(denied.text().contains("is not authorized to perform: shop:Place"), "{}", denied.text());
}
