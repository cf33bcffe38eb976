//! Authorization, as a client sees it.

mod apart;
mod kit;

use std::time::Duration;

use headwater_access::Lifetime;
use headwater_api_kinesis::operation_names;
use headwater_host::Clock;
use headwater_server::{LimitsChoice, StartError};
use serde_json::{Value, json};

use crate::harness::{TRANSITION, World};
use kit::{Guarded, OTHER, OWN, Sent};

const MINUTE: Duration = Duration::from_secs(60);
const INVALID: &str = "InvalidSignatureException";
const UNKNOWN: &str = "UnrecognizedClientException";
const DENIED: &str = "AccessDeniedException";

/// A policy that allows these actions on this resource.
fn allow(actions: &str, resource: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": actions.split(' ').collect::<Vec<_>>(), "Resource": resource},
    })
    .to_string()
}

fn arn(account: &str, name: &str) -> String {
    format!("arn:aws:kinesis:us-east-1:{account}:stream/{name}")
}

#[tokio::test]
async fn signatures_are_verified() {
    let mut guarded = Guarded::new("signatures").await;
    let alice = guarded.person(OWN, Some("alice"), &["full-access"]).await;
    let now = guarded.world.clock.now();
    let sent = || Sent::signed(&alice, "ListStreams", "{}", now);
    assert_eq!(guarded.send(&sent()).await.status, 200);
    assert_eq!(guarded.send(&Sent::presigned(&alice, "ListStreams", "{}", now, 60)).await.status, 200);
    // A signature may be used again while it is good, as with AWS.
    assert_eq!(guarded.send(&sent()).await.status, 200);

    let mut wrong_secret = alice.clone();
    wrong_secret.0.secret = "0000000000000000000000000000000000000000".to_owned().into();
    let mut nobody = alice.clone();
    nobody.0.id = "AKIAAAAAAAAAAAAAAAAA".into();
    let body = |sent: Sent| Sent { body: b"{ }".to_vec(), ..sent };
    let cases = [
        (
            Sent::signed(&wrong_secret, "ListStreams", "{}", now),
            INVALID,
            "The request signature we calculated",
        ),
        (
            Sent::signed(&nobody, "ListStreams", "{}", now),
            UNKNOWN,
            "The security token included in the request is invalid.",
        ),
        (body(sent()), INVALID, "The request signature we calculated"),
        (
            sent().set("x-amz-target", "Kinesis_20131202.DescribeLimits"),
            INVALID,
            "The request signature we calculated",
        ),
        (sent().set("host", "elsewhere"), INVALID, "The request signature we calculated"),
        (
            body(Sent::presigned(&alice, "ListStreams", "{}", now, 60)),
            INVALID,
            "The request signature we calculated",
        ),
        (sent().set("x-amz-security-token", "made up"), UNKNOWN, "The security token included"),
        (Sent::signed(&alice, "ListStreams", "{}", now.minus(6 * MINUTE)), INVALID, "Signature expired: "),
        (
            Sent::signed(&alice, "ListStreams", "{}", now.plus(6 * MINUTE)),
            INVALID,
            "Signature not yet current: ",
        ),
        (
            sent().set("authorization", "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=c"),
            "IncompleteSignatureException",
            "Credential must have exactly 5",
        ),
        // The body that cannot be parsed comes first, as without credentials.
        (Sent { body: b"{".to_vec(), ..sent() }, "SerializationException", ""),
    ];
    for (sent, kind, text) in cases {
        let answer = guarded.send(&sent).await;
        let (status, found, message) = answer.error();
        assert_eq!((status, found.as_str()), (400, kind), "{}", answer.text);
        assert!(message.starts_with(text), "{message}");
    }
    let mut unsigned = sent();
    unsigned.headers.retain(|(name, _)| name != "authorization");
    guarded.send(&unsigned).await.assert_error(
        400,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
    let both = Sent { query: Sent::presigned(&alice, "ListStreams", "{}", now, 60).query, ..sent() };
    let text = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.";
    guarded.send(&both).await.assert_error(400, INVALID, text);

    // Time goes on.
    let presigned = Sent::presigned(&alice, "ListStreams", "{}", now, 3600);
    let early = sent();
    guarded.world.clock.advance(5 * MINUTE);
    assert_eq!(guarded.send(&early).await.status, 200);
    guarded.world.clock.advance(Duration::from_secs(1));
    assert_eq!(guarded.send(&early).await.error().1, INVALID);
    assert_eq!(guarded.send(&presigned).await.status, 200);
    guarded.world.clock.advance(60 * MINUTE);
    assert!(guarded.send(&presigned).await.error().2.starts_with("Signature expired: "));
    guarded.world.stop().await;
}

/// Callers who may do nothing use nothing up, and of those who have no key nothing large is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_take_nothing_away() {
    let mut guarded = Guarded::with("strangers", |settings| settings.limits = LimitsChoice::Aws).await;
    let root = guarded.person(OWN, None, &[]).await;
    let nobody = guarded.person(OWN, Some("nobody"), &[]).await;
    for _ in 0..100 {
        assert_eq!(guarded.call(&nobody, "ListStreams", "{}").await.error().1, DENIED);
    }
    guarded.call(&root, "ListStreams", "{}").await.ok();
    let mut stranger = root.clone();
    stranger.0.id = "AKIASTRANGER".to_owned();
    let large = json!({"StreamName": "s", "PartitionKey": "k", "Data": "A".repeat(400_000)}).to_string();
    guarded.call(&stranger, "PutRecord", &large).await.assert_error(
        400,
        UNKNOWN,
        "The security token included in the request is invalid.",
    );
    guarded.world.stop().await;
}

#[tokio::test]
async fn bodies_in_chunks() {
    let mut guarded = Guarded::new("chunks").await;
    let alice = guarded.person(OWN, Some("alice"), &["full-access"]).await;
    let now = guarded.world.clock.now();
    let input = json!({"StreamName": "chunked", "ShardCount": 1}).to_string();
    let sent = Sent::chunked(&alice, "CreateStream", &input, now, 8);
    let mut changed = sent.clone();
    let at = changed.body.windows(4).position(|four| four == b"unke").expect("in one chunk");
    changed.body[at] = b'U';
    assert_eq!(guarded.send(&changed).await.error().1, INVALID);
    let mut cut = sent.clone();
    cut.body.truncate(cut.body.len() / 2);
    assert_eq!(guarded.send(&cut).await.error().1, "SerializationException");
    let length = sent.clone().set("x-amz-decoded-content-length", "5");
    assert_eq!(guarded.send(&length).await.error().1, "SerializationException");
    assert_eq!(guarded.send(&sent).await.status, 200);
    let summary = guarded.call(&alice, "DescribeStreamSummary", r#"{"StreamName":"chunked"}"#).await.ok();
    assert_eq!(summary["StreamDescriptionSummary"]["StreamARN"], arn(OWN, "chunked"));
    guarded.world.stop().await;
}

#[tokio::test]
async fn temporary_keys() {
    let mut guarded = Guarded::new("temporary").await;
    let policies = ["full-access"];
    let alice = guarded.person_for(OWN, Some("alice"), &policies, Lifetime::Temporary(30 * MINUTE)).await;
    let now = guarded.world.clock.now();
    assert_eq!(guarded.call(&alice, "ListStreams", "{}").await.status, 200);
    let presigned = Sent::presigned(&alice, "ListStreams", "{}", now, 7200);
    assert_eq!(guarded.send(&presigned).await.status, 200);
    let mut without = alice.clone();
    without.0.session_token = None;
    let mut other = alice.clone();
    other.0.session_token = Some("another token".to_owned().into());
    for wrong in [without, other] {
        assert_eq!(guarded.call(&wrong, "ListStreams", "{}").await.error().1, UNKNOWN);
    }
    guarded.world.clock.advance(30 * MINUTE);
    let text = "The security token included in the request is expired";
    guarded.call(&alice, "ListStreams", "{}").await.assert_error(400, "ExpiredTokenException", text);
    guarded.send(&presigned).await.assert_error(400, "ExpiredTokenException", text);
    guarded.world.stop().await;
}

/// One input that has what each operation needs: members that an operation does not know are ignored.
fn every_member(consumer: &str, iterator: &str) -> Value {
    json!({
        "StreamName": "s", "StreamARN": arn(OWN, "s"), "ResourceARN": arn(OWN, "s"),
        "ConsumerName": "c", "ConsumerARN": consumer, "ShardIterator": iterator, "ShardId": "0",
        "ShardIteratorType": "LATEST", "StartingPosition": {"Type": "LATEST"}, "ShardCount": 1,
        "PartitionKey": "k", "Data": "eA==", "Records": [{"PartitionKey": "k", "Data": "eA=="}],
        "ShardToSplit": "0", "NewStartingHashKey": "5", "ShardToMerge": "0", "AdjacentShardToMerge": "1",
        "RetentionPeriodHours": 24, "Tags": {"a": "b"}, "TagKeys": ["a"], "TargetShardCount": 1,
        "ScalingType": "UNIFORM_SCALING", "MaxRecordSizeInKiB": 1024, "WarmThroughputMiBps": 0,
        "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "RecordDistributionStrategy": "USER_PARTITION_KEY",
        "KeyId": "alias/aws/kinesis", "EncryptionType": "KMS",
        "ShardLevelMetrics": ["ALL"], "MinimumThroughputBillingCommitment": {"Status": "DISABLED"}, "Policy": "{\"Statement\":[]}",
    })
}

/// No operation is done that a policy does not allow, and none says more than that.
#[tokio::test]
async fn every_operation_asks() {
    let mut guarded = Guarded::new("every-operation").await;
    let root = guarded.person(OWN, None, &[]).await;
    let nobody = guarded.person(OWN, Some("nobody"), &[]).await;
    guarded.call(&root, "CreateStream", r#"{"StreamName":"s","ShardCount":1}"#).await.ok();
    guarded.world.clock.advance(TRANSITION);
    let register = json!({"StreamARN": arn(OWN, "s"), "ConsumerName": "c"}).to_string();
    let consumer = guarded.call(&root, "RegisterStreamConsumer", &register).await.ok();
    let consumer = consumer["Consumer"]["ConsumerARN"].as_str().unwrap().to_owned();
    guarded.world.clock.advance(TRANSITION);
    let start = r#"{"StreamName":"s","ShardId":"0","ShardIteratorType":"LATEST"}"#;
    let iterator = guarded.call(&root, "GetShardIterator", start).await.ok();
    let input = every_member(&consumer, iterator["ShardIterator"].as_str().unwrap());
    let mut resources = std::collections::BTreeMap::new();
    for operation in operation_names() {
        let mut input = input.clone();
        if operation == "ListShards" {
            input["ShardFilter"] = json!({"Type": "AT_LATEST"});
        }
        let answer = guarded.call(&nobody, operation, &input.to_string()).await;
        let (status, kind, message) = answer.error();
        assert_eq!((status, kind.as_str()), (400, DENIED), "{operation}: {}", answer.text);
        let start = format!(
            "User: arn:aws:iam::{OWN}:user/nobody is not authorized to perform: kinesis:{operation} on resource: "
        );
        let end = format!(" because no identity-based policy allows the kinesis:{operation} action");
        let resource = message.strip_prefix(&start).and_then(|rest| rest.strip_suffix(&end));
        resources.insert(operation, resource.unwrap_or_else(|| panic!("{message}")).to_owned());
    }
    // With exactly that, it is done or refused for another reason.
    for (operation, resource) in resources {
        let about = match operation {
            "DescribeAccountSettings" | "DescribeLimits" | "ListStreams" | "UpdateAccountSettings" => {
                "*".to_owned()
            }
            "DescribeStreamConsumer" | "DeregisterStreamConsumer" | "SubscribeToShard" => consumer.clone(),
            _ => arn(OWN, "s"),
        };
        assert_eq!(resource, about, "{operation}");
        let name = format!("only-{operation}");
        let only = allow(&format!("kinesis:{operation}"), &resource);
        let person = guarded.person(OWN, Some(&name), &[&only]).await;
        let mut input = input.clone();
        input["DryRun"] = true.into();
        if matches!(operation, "CreateStream" | "RegisterStreamConsumer") {
            input.as_object_mut().unwrap().remove("Tags");
        }
        let start = guarded.call(&root, "GetShardIterator", start).await.ok();
        input["ShardIterator"] = start["ShardIterator"].clone();
        if matches!(operation, "DeleteStream" | "DeregisterStreamConsumer") {
            continue;
        }
        let answer = guarded.call(&person, operation, &input.to_string()).await;
        assert_ne!(answer.error().1, DENIED, "{operation}: {}", answer.text);
        guarded.world.clock.advance(TRANSITION);
    }
    guarded.world.stop().await;
}

#[tokio::test]
async fn tags_need_permissions_of_their_own() {
    let mut guarded = Guarded::new("tag-permissions").await;
    let create = allow("kinesis:CreateStream kinesis:RegisterStreamConsumer kinesis:PutRecord", "*");
    let alice = guarded.person(OWN, Some("alice"), &[&create]).await;
    let with_tags = r#"{"StreamName":"s","ShardCount":1,"Tags":{"a":"b"}}"#;
    let denied = guarded.call(&alice, "CreateStream", with_tags).await;
    denied.assert_error(
        400,
        DENIED,
        &format!(
            "User: arn:aws:iam::{OWN}:user/alice is not authorized to perform: kinesis:AddTagsToStream on resource: \
             {} because no identity-based policy allows the kinesis:AddTagsToStream action",
            arn(OWN, "s")
        ),
    );
    guarded.call(&alice, "CreateStream", r#"{"StreamName":"s","ShardCount":1}"#).await.ok();
    guarded.world.clock.advance(TRANSITION);
    let register = json!({"StreamARN": arn(OWN, "s"), "ConsumerName": "c", "Tags": {"a": "b"}}).to_string();
    let denied = guarded.call(&alice, "RegisterStreamConsumer", &register).await.error();
    assert!(
        denied.2.contains("kinesis:TagResource on resource: ") && denied.2.contains("/consumer/c because"),
        "{denied:?}"
    );
    // Tags in conditions.
    let condition = json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"},
            {"Effect": "Deny", "Action": ["kinesis:AddTagsToStream", "kinesis:RemoveTagsFromStream", "kinesis:UntagResource"],
             "Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": "protected"}}},
            {"Effect": "Deny", "Action": "kinesis:PutRecord", "Resource": "*",
             "Condition": {"StringEquals": {"aws:ResourceTag/state": "frozen"}}},
        ],
    })
    .to_string();
    let bob = guarded.person(OWN, Some("bob"), &[&condition]).await;
    let tag = |tags: Value| json!({"StreamName": "s", "Tags": tags}).to_string();
    assert_eq!(
        guarded.call(&bob, "AddTagsToStream", &tag(json!({"protected": "x"}))).await.error().1,
        DENIED
    );
    for (operation, input) in [
        ("RemoveTagsFromStream", json!({"StreamName": "s", "TagKeys": ["x", "protected"]})),
        ("UntagResource", json!({"ResourceARN": arn(OWN, "s"), "TagKeys": ["protected"]})),
    ] {
        assert_eq!(guarded.call(&bob, operation, &input.to_string()).await.error().1, DENIED, "{operation}");
    }
    let put = r#"{"StreamName":"s","PartitionKey":"k","Data":"eA=="}"#;
    guarded.call(&bob, "PutRecord", put).await.ok();
    assert_eq!(guarded.call(&bob, "AddTagsToStream", &tag(json!({"state": "frozen"}))).await.status, 200);
    let denied = guarded.call(&bob, "PutRecord", put).await.error();
    assert!(denied.2.ends_with("with an explicit deny in an identity-based policy"), "{denied:?}");
    guarded.call(&alice, "PutRecord", put).await.ok();
    guarded.world.stop().await;
}

/// Two accounts with streams of the same name, and what a policy of the stream opens between them.
#[tokio::test]
async fn accounts_are_kept_apart() {
    let mut guarded = Guarded::new("accounts").await;
    let own = guarded.person(OWN, None, &[]).await;
    let other = guarded.person(OTHER, Some("bob"), &["full-access"]).await;
    for person in [&own, &other] {
        guarded.call(person, "CreateStream", r#"{"StreamName":"same","ShardCount":1}"#).await.ok();
    }
    guarded.world.clock.advance(TRANSITION);
    guarded
        .call(&own, "PutRecord", r#"{"StreamName":"same","PartitionKey":"k","Data":"bWluZQ=="}"#)
        .await
        .ok();
    let start = |arn: Option<String>| {
        let mut input = json!({"ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"});
        match arn {
            Some(arn) => input["StreamARN"] = arn.into(),
            None => input["StreamName"] = "same".into(),
        }
        input.to_string()
    };
    let iterator = guarded.call(&other, "GetShardIterator", &start(None)).await.ok();
    let read = json!({"ShardIterator": iterator["ShardIterator"]}).to_string();
    assert_eq!(guarded.call(&other, "GetRecords", &read).await.ok()["Records"], json!([]));
    assert_eq!(guarded.call(&other, "ListStreams", "{}").await.ok()["StreamNames"], json!(["same"]));

    // Whether there is such a stream is not told.
    for name in ["same", "none"] {
        let denied = guarded.call(&other, "GetShardIterator", &start(Some(arn(OWN, name)))).await;
        denied.assert_error(
            400,
            DENIED,
            &format!(
                "User: arn:aws:iam::{OTHER}:user/bob is not authorized to perform: kinesis:GetShardIterator on \
                 resource: {} because no resource-based policy allows the kinesis:GetShardIterator action",
                arn(OWN, name)
            ),
        );
    }
    // An iterator of somebody else's opens nothing.
    let iterator = guarded.call(&own, "GetShardIterator", &start(None)).await.ok();
    let stolen = json!({"ShardIterator": iterator["ShardIterator"]}).to_string();
    assert_eq!(guarded.call(&other, "GetRecords", &stolen).await.error().1, DENIED);

    let policy = json!({
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{OTHER}:user/bob")},
            "Action": ["kinesis:GetShardIterator", "kinesis:GetRecords"],
            "Resource": arn(OWN, "same"),
        },
    });
    let put = json!({"ResourceARN": arn(OWN, "same"), "Policy": policy.to_string()}).to_string();
    guarded.call(&own, "PutResourcePolicy", &put).await.ok();
    let iterator = guarded.call(&other, "GetShardIterator", &start(Some(arn(OWN, "same")))).await.ok();
    let read = json!({"ShardIterator": iterator["ShardIterator"], "StreamARN": arn(OWN, "same")}).to_string();
    assert_eq!(guarded.call(&other, "GetRecords", &read).await.ok()["Records"][0]["Data"], "bWluZQ==");
    let write = json!({"StreamARN": arn(OWN, "same"), "PartitionKey": "k", "Data": "eA=="}).to_string();
    assert_eq!(guarded.call(&other, "PutRecord", &write).await.error().1, DENIED);
    // Nobody of another account sees or changes the policy.
    let resource = json!({"ResourceARN": arn(OWN, "same")}).to_string();
    assert_eq!(guarded.call(&other, "GetResourcePolicy", &resource).await.error().1, DENIED);
    let got = guarded.call(&own, "GetResourcePolicy", &resource).await.ok();
    assert_eq!(got["Policy"], policy.to_string());
    // It outlives the server, and ends when it is deleted.
    guarded.world.stop().await;
    guarded.world.start().await.unwrap();
    assert_eq!(guarded.call(&other, "GetRecords", &read).await.status, 200);
    guarded.call(&own, "DeleteResourcePolicy", &resource).await.ok();
    assert_eq!(guarded.call(&other, "GetRecords", &read).await.error().1, DENIED);
    guarded.world.stop().await;
}

/// Put, Get and Delete of policies need no credentials to be there.
#[tokio::test]
async fn policies_of_resources() {
    let mut world = World::new("resource-policies").await;
    world.create("s", 1).await;
    let stream = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let register = json!({"StreamARN": stream, "ConsumerName": "c"});
    let consumer = world.call("RegisterStreamConsumer", register).await.ok();
    let consumer = consumer["Consumer"]["ConsumerARN"].as_str().unwrap().to_owned();
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let put = |resource: &str| json!({"ResourceARN": resource, "Policy": policy});
    let created = consumer.rsplit(':').next().unwrap();
    world.call("PutResourcePolicy", put(&consumer)).await.assert_error(
        400,
        "ResourceInUseException",
        &format!(
            "Consumer c with creation timestamp {created} under stream s and account 123456789012 is not in ACTIVE \
             status."
        ),
    );
    world.clock.advance(TRANSITION);
    for resource in [stream, consumer.as_str()] {
        let named = json!({"ResourceARN": resource});
        assert_eq!(world.call("GetResourcePolicy", named.clone()).await.ok()["Policy"], "{}");
        let none = format!("No resource policy found for resource ARN {resource}");
        let delete = world.call("DeleteResourcePolicy", named.clone()).await;
        delete.assert_error(400, "ResourceNotFoundException", &none);
        let done = world.call("PutResourcePolicy", put(resource)).await;
        assert_eq!((done.status, done.text.as_str()), (200, ""));
        assert_eq!(world.call("GetResourcePolicy", named.clone()).await.ok()["Policy"], policy);
        assert_eq!(world.call("DeleteResourcePolicy", named.clone()).await.status, 200);
        world.call("DeleteResourcePolicy", named).await.assert_error(400, "ResourceNotFoundException", &none);
    }
    let wrong = json!({"ResourceARN": stream, "Policy": "{\"Statement\":{\"Effect\":\"Allow\"}}"});
    world.call("PutResourcePolicy", wrong).await.assert_error(
        400,
        "ValidationException",
        "The policy cannot be used: statement 1: a statement needs Action or NotAction.",
    );
    let foreign = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kinesis:*","Resource":"RESOURCE"}]}"#;
    for (resource, status) in [
        ("*", 200),
        (stream, 200),
        ("arn:aws:kinesis:*:*:stream/?", 200),
        ("arn:aws:kinesis:us-east-1:123456789012:stream/${aws:username}", 200),
        ("arn:aws:kinesis:us-east-1:123456789012:stream/other", 400),
        ("arn:aws:s3:::bucket", 400),
    ] {
        let input = json!({"ResourceARN": stream, "Policy": foreign.replace("RESOURCE", resource)});
        let answer = world.call("PutResourcePolicy", input).await;
        assert_eq!(answer.status, status, "{resource}: {}", answer.text);
        assert!(
            status == 200 || answer.text.contains("statement 1 is not about arn:aws:"),
            "{}",
            answer.text
        );
    }
    let too_large = json!({"ResourceARN": stream, "Policy": " ".repeat(20_481)});
    assert_eq!(world.call("PutResourcePolicy", too_large).await.error().1, "ValidationException");
    let none = world.call("PutResourcePolicy", json!({})).await.error();
    assert!(none.2.starts_with("2 validation errors detected: "), "{none:?}");
    let missing = put("arn:aws:kinesis:us-east-1:123456789012:stream/none");
    let text = "Stream none under account 123456789012 not found.";
    world.call("PutResourcePolicy", missing).await.assert_error(400, "ResourceNotFoundException", text);
    world.stop().await;
}

#[tokio::test]
async fn the_record() {
    let mut guarded = Guarded::new("record").await;
    let root = guarded.person(OWN, None, &[]).await;
    let alice = guarded.person(OWN, Some("alice"), &["read-only"]).await;
    let before = guarded.audited().len();
    guarded.call(&root, "CreateStream", r#"{"StreamName":"s","ShardCount":1}"#).await.ok();
    guarded.world.clock.advance(TRANSITION);
    guarded
        .call(&root, "PutRecord", r#"{"StreamName":"s","PartitionKey":"k","Data":"c2VjcmV0LWRhdGE="}"#)
        .await
        .ok();
    guarded
        .call(&alice, "PutRecord", r#"{"StreamName":"s","PartitionKey":"k","Data":"c2VjcmV0LWRhdGE="}"#)
        .await;
    let mut swapped = alice.clone();
    swapped.0.id = alice.0.secret.reveal().replace('/', "_");
    guarded.call(&swapped, "ListStreams", "{}").await;
    guarded.call(&alice, "ListStreams", "{}").await.ok();
    let lines = guarded.audited().split_off(before);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0]["action"], "kinesis:CreateStream");
    assert_eq!(lines[0]["outcome"], "ok");
    assert_eq!(lines[0]["principal"], format!("arn:aws:iam::{OWN}:root"));
    assert_eq!(lines[0]["resource"], arn(OWN, "s"));
    assert_eq!(lines[0]["source"], "127.0.0.1");
    assert_eq!(lines[1]["outcome"], DENIED);
    assert_eq!(lines[1]["reason"], "no identity-based policy allows it");
    assert_eq!(lines[1]["access_key_id"], alice.0.id);
    // What was sent in the place of a key may be a secret.
    assert_eq!(lines[2]["outcome"], UNKNOWN);
    assert_eq!(lines[2].get("access_key_id"), None);
    let all = format!("{lines:?}");
    for secret in [alice.0.secret.reveal(), &swapped.0.id, "c2VjcmV0LWRhdGE=", "secret-data"] {
        assert!(!all.contains(secret));
    }
    guarded.world.stop().await;
}

#[tokio::test]
async fn pages_beside_the_api() {
    let mut guarded = Guarded::new("pages").await;
    // From this machine they need no signature.
    for path in ["/health", "/metrics"] {
        assert_eq!(guarded.world.get(path).await.status, 200, "{path}");
    }
    guarded.world.stop().await;
}

#[tokio::test]
async fn hostile_requests() {
    let mut guarded = Guarded::new("hostile-access").await;
    let alice = guarded.person(OWN, Some("alice"), &["full-access"]).await;
    let now = guarded.world.clock.now();
    let sent = || Sent::signed(&alice, "ListStreams", "{}", now);
    let long = "a".repeat(30_000);
    let names = format!(
        "AWS4-HMAC-SHA256 Credential={}/20231114/us-east-1/kinesis/aws4_request, SignedHeaders=host;{}, Signature={}",
        alice.0.id,
        "x;".repeat(5_000),
        "0".repeat(64)
    );
    let cases = [
        sent().set("authorization", &long),
        sent().set("authorization", &format!("AWS4-HMAC-SHA256 Credential={long}, SignedHeaders=host, Signature=0")),
        sent().set("authorization", &names),
        sent().set("x-amz-security-token", &long),
        sent().set("x-amz-date", &long),
        sent().set("x-amz-content-sha256", &long),
        sent().set("host", "h\u{fc}\u{fffd}"),
        sent().set("x-amz-target", "Kinesis_20131202.ListStreams "),
        Sent { query: format!("X-Amz-Algorithm={long}"), headers: sent().headers.into_iter().filter(|(name, _)| name != "authorization").collect(), ..sent() },
        Sent { query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%ff%fe&X-Amz-Date=%00&X-Amz-Signature=%&X-Amz-SignedHeaders=%3b".into(), headers: sent().headers.into_iter().filter(|(name, _)| name != "authorization").collect(), ..sent() },
    ];
    for (i, sent) in cases.iter().enumerate() {
        let answer = guarded.send(sent).await;
        // Blanks around a header's value are no part of it.
        assert!(
            answer.status == 400 || (i == 7 && answer.status == 200),
            "{i}: {} {}",
            answer.status,
            answer.text
        );
        assert!(answer.text.len() < 20_000);
    }
    guarded.call(&alice, "ListStreams", "{}").await.ok();
    guarded.world.stop().await;
}

#[tokio::test]
async fn files_that_cannot_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = crate::harness::settings("/unusable");
    settings.credentials = Some(dir.path().join("none.toml"));
    let host = || headwater_server::Host {
        clock: headwater_host::ManualClock::new(crate::harness::START),
        random: headwater_host::SeededRandom::new(1),
        disk: headwater_host::disk::SimDisk::new(1),
    };
    let error = headwater_server::Server::start(&settings, host()).await.unwrap_err();
    assert!(matches!(error, StartError::Credentials(_)), "{error}");
    settings.credentials = None;
    settings.audit_log = Some(dir.path().join("none/audit.jsonl"));
    let error = headwater_server::Server::start(&settings, host()).await.unwrap_err();
    assert!(matches!(error, StartError::Audit { .. }), "{error}");
}
