//! Nobody learns whether a thing exists that they may not have.
//!
//! Every operation is called with the names of things that are there and of things that were there once, by somebody of
//! another account, by somebody of the same account without permissions, and by an account that names what another has.
//! The answers are the same but for the names. An operation without a case here fails the test.

use headwater_host::Clock;
use headwater_server::LimitsChoice;
use serde_json::{Value, json};

use super::kit::{Guarded, OTHER, OWN, Person};
use super::{allow, arn};
use crate::harness::TRANSITION;
use crate::http::Answer;

/// All that names one stream or table. The names are of the same length.
#[derive(Debug, Clone)]
struct Named {
    name: &'static str,
    stream_id: String,
    consumer: String,
    iterator: String,
    shards_token: String,
    consumers_token: String,
}

impl Named {
    fn stream(&self) -> String {
        arn(OWN, self.name)
    }

    fn table(&self) -> String {
        format!("arn:aws:dynamodb:us-east-1:{OWN}:table/{}", self.name)
    }
}

/// Members that operations need beside names; who does not know them ignores them.
fn with(mut input: Value, operation: &str) -> Value {
    let rest = json!({
        "ShardId": "0", "ShardIteratorType": "LATEST", "StartingPosition": {"Type": "LATEST"}, "ShardCount": 1,
        "PartitionKey": "k", "Data": "eA==", "Records": [{"PartitionKey": "k", "Data": "eA=="}],
        "ShardToSplit": "0", "NewStartingHashKey": "5", "ShardToMerge": "0", "AdjacentShardToMerge": "1",
        "RetentionPeriodHours": 24, "TagKeys": ["a"], "TargetShardCount": 1,
        "ScalingType": "UNIFORM_SCALING", "MaxRecordSizeInKiB": 1024, "WarmThroughputMiBps": 0,
        "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "RecordDistributionStrategy": "USER_PARTITION_KEY",
        "KeyId": "alias/aws/kinesis", "EncryptionType": "KMS", "ShardLevelMetrics": ["ALL"],
        "MinimumThroughputBillingCommitment": {"Status": "DISABLED"}, "Policy": "{\"Statement\":[]}",
    });
    for (member, value) in rest.as_object().unwrap() {
        input.as_object_mut().unwrap().entry(member.clone()).or_insert(value.clone());
    }
    if matches!(operation, "AddTagsToStream" | "TagResource") {
        input["Tags"] = json!({"a": "b"});
    }
    input
}

/// The ways to name something to an operation of Kinesis.
fn kinesis(operation: &str, named: &Named) -> Vec<Value> {
    let (name, stream) = (named.name, named.stream());
    let by_stream = vec![
        json!({"StreamName": name}),
        json!({"StreamARN": stream}),
        json!({"StreamName": name, "StreamARN": stream}),
        json!({"StreamARN": stream, "StreamId": named.stream_id}),
        json!({"StreamARN": stream, "StreamId": "0".repeat(24)}),
    ];
    let by_resource = vec![json!({"ResourceARN": stream}), json!({"ResourceARN": named.consumer})];
    let inputs = match operation {
        "AddTagsToStream"
        | "DecreaseStreamRetentionPeriod"
        | "DeleteStream"
        | "DescribeStream"
        | "DescribeStreamSummary"
        | "DisableEnhancedMonitoring"
        | "EnableEnhancedMonitoring"
        | "GetShardIterator"
        | "IncreaseStreamRetentionPeriod"
        | "ListTagsForStream"
        | "MergeShards"
        | "PutRecord"
        | "PutRecords"
        | "RemoveTagsFromStream"
        | "SplitShard"
        | "StartStreamEncryption"
        | "StopStreamEncryption"
        | "UpdateMaxRecordSize"
        | "UpdateShardCount"
        | "UpdateStreamMode"
        | "UpdateStreamRecordDistributionStrategy"
        | "UpdateStreamWarmThroughput" => by_stream,
        // Made in one's own account, whatever others have.
        "CreateStream" => vec![json!({"StreamName": name}), json!({"StreamName": name, "Tags": {"a": "b"}})],
        "ListShards" => [
            by_stream,
            vec![
                json!({"NextToken": named.shards_token}),
                json!({"StreamName": name, "ExclusiveStartShardId": "0"}),
            ],
        ]
        .concat(),
        "ListStreamConsumers" => [
            by_stream,
            vec![
                json!({"NextToken": named.consumers_token}),
                json!({"StreamARN": stream, "NextToken": named.consumers_token}),
            ],
        ]
        .concat(),
        "GetRecords" => vec![
            json!({"ShardIterator": named.iterator}),
            json!({"ShardIterator": named.iterator, "StreamARN": stream}),
            json!({"ShardIterator": named.iterator, "StreamARN": stream, "StreamId": named.stream_id}),
        ],
        "ListStreams" => vec![json!({"ExclusiveStartStreamName": name}), json!({"NextToken": name})],
        "RegisterStreamConsumer" => {
            let input = json!({"StreamARN": stream, "ConsumerName": "c"});
            let mut tagged = input.clone();
            tagged["Tags"] = json!({"a": "b"});
            vec![input, tagged]
        }
        "DescribeStreamConsumer" | "DeregisterStreamConsumer" => vec![
            json!({"ConsumerARN": named.consumer}),
            json!({"StreamARN": stream, "ConsumerName": "c"}),
            json!({"StreamARN": stream, "ConsumerName": "c", "StreamId": named.stream_id}),
            json!({"StreamARN": stream, "ConsumerName": "c", "ConsumerARN": named.consumer}),
        ],
        "SubscribeToShard" => vec![json!({"ConsumerARN": named.consumer})],
        "DeleteResourcePolicy"
        | "GetResourcePolicy"
        | "ListTagsForResource"
        | "PutResourcePolicy"
        | "TagResource"
        | "UntagResource" => by_resource,
        "DescribeAccountSettings" | "DescribeLimits" | "UpdateAccountSettings" => vec![json!({})],
        other => panic!("{other} has no case here: say how it names what it is about"),
    };
    inputs.into_iter().map(|input| with(input, operation)).collect()
}

/// The same for DynamoDB.
fn tables(operation: &str, named: &Named) -> Vec<Value> {
    let (key, item) = (json!({"k": {"S": "x"}}), json!({"k": {"S": "x"}}));
    [named.name.to_owned(), named.table()]
        .into_iter()
        .map(|table| match operation {
            "BatchGetItem" => json!({"RequestItems": {table: {"Keys": [key]}}}),
            "BatchWriteItem" => json!({"RequestItems": {table: [{"PutRequest": {"Item": item}}]}}),
            "CreateTable" => json!({
                "TableName": table, "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
            }),
            "DeleteItem" | "GetItem" | "UpdateItem" => json!({"TableName": table, "Key": key}),
            "DeleteTable" | "DescribeContinuousBackups" | "DescribeTable" | "DescribeTimeToLive" | "Scan" => {
                json!({"TableName": table})
            }
            "DescribeEndpoints" | "DescribeLimits" => json!({}),
            "ListTables" => json!({"ExclusiveStartTableName": named.name}),
            "ListTagsOfResource" => json!({"ResourceArn": named.table()}),
            "PutItem" => json!({"TableName": table, "Item": item}),
            "Query" => json!({
                "TableName": table, "KeyConditionExpression": "k = :k",
                "ExpressionAttributeValues": {":k": {"S": "x"}},
            }),
            "RestoreTableToPointInTime" => {
                let source = if table.starts_with("arn:") { "SourceTableArn" } else { "SourceTableName" };
                json!({source: table, "TargetTableName": "restored"})
            }
            "TagResource" => json!({"ResourceArn": named.table(), "Tags": [{"Key": "a", "Value": "b"}]}),
            "TransactGetItems" => json!({"TransactItems": [{"Get": {"TableName": table, "Key": key}}]}),
            "TransactWriteItems" => json!({
                "TransactItems": [{"Put": {"TableName": table, "Item": item}}],
                "ClientRequestToken": format!("token of {}", named.name),
            }),
            "UntagResource" => json!({"ResourceArn": named.table(), "TagKeys": ["a"]}),
            "UpdateContinuousBackups" => json!({
                "TableName": table,
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
            }),
            "UpdateTable" => json!({"TableName": table, "DeletionProtectionEnabled": true}),
            "UpdateTimeToLive" => json!({
                "TableName": table, "TimeToLiveSpecification": {"AttributeName": "t", "Enabled": true},
            }),
            other => panic!("{other} has no case here: say how it names what it is about"),
        })
        .collect()
}

/// The same for CloudWatch, whose metrics of streams have the stream's name as a dimension.
fn monitoring(operation: &str, named: &Named, now_s: u64) -> Value {
    let dimensions = json!([{"Name": "StreamName", "Value": named.name}]);
    let (start, end) = (now_s - 3600, now_s);
    match operation {
        "GetMetricData" => json!({
            "StartTime": start, "EndTime": end,
            "MetricDataQueries": [{"Id": "a", "MetricStat": {"Period": 60, "Stat": "Sum", "Metric": {
                "Namespace": "AWS/Kinesis", "MetricName": "IncomingRecords", "Dimensions": dimensions}}}],
        }),
        "GetMetricStatistics" => json!({
            "Namespace": "AWS/Kinesis", "MetricName": "IncomingRecords", "Dimensions": dimensions,
            "StartTime": start, "EndTime": end, "Period": 60, "Statistics": ["Sum"],
        }),
        "ListMetrics" => json!({"Namespace": "AWS/Kinesis", "Dimensions": dimensions}),
        "PutMetricData" => json!({
            "Namespace": "mine", "MetricData": [{"MetricName": "m", "Value": 1, "Dimensions": dimensions}],
        }),
        other => panic!("{other} has no case here: say how it names what it is about"),
    }
}

struct Walk {
    guarded: Guarded,
    here: Named,
    gone: Named,
}

impl Walk {
    /// One stream and table that are there, and others that were. Tokens are good for 300 s, so people come first.
    async fn new(guarded: Guarded, owner: &Person) -> Self {
        let here = make(&guarded, owner, "here").await;
        let gone = make(&guarded, owner, "gone").await;
        let delete = json!({"StreamName": "gone", "EnforceConsumerDeletion": true}).to_string();
        guarded.call(owner, "DeleteStream", &delete).await.ok();
        guarded.call_target(owner, "DynamoDB_20120810.DeleteTable", r#"{"TableName":"gone"}"#).await.ok();
        guarded.world.clock.advance(TRANSITION);
        // What the owner's policy, tags and tokens say is nobody's business either.
        let policy = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Deny", "Principal": {"AWS": OTHER}, "Action": "kinesis:PutRecord", "Resource": here.stream(),
        }});
        let put = json!({"ResourceARN": here.stream(), "Policy": policy.to_string()}).to_string();
        guarded.call(owner, "PutResourcePolicy", &put).await.ok();
        let tag = json!({"StreamName": "here", "Tags": {"state": "secret"}}).to_string();
        guarded.call(owner, "AddTagsToStream", &tag).await;
        let token = tables("TransactWriteItems", &here)[0].to_string();
        guarded.call_target(owner, "DynamoDB_20120810.TransactWriteItems", &token).await.ok();
        Self { guarded, here, gone }
    }

    /// Calls with both, and compares.
    async fn compare(&self, what: &str, call: impl AsyncFn(&Named) -> Answer) {
        let mut told = Vec::new();
        for named in [&self.here, &self.gone] {
            let answer = call(named).await;
            told.push((answer.status, neutral(&answer.text, named)));
        }
        assert_eq!(told[0], told[1], "{what}");
    }
}

/// The text without what the request itself said, the time of a thing made just now, and the id of the request.
fn neutral(text: &str, named: &Named) -> String {
    let mut text = text.replace(&named.consumer, "CONSUMER").replace(named.name, "NAME");
    for member in ["CreationDateTime", "StreamCreationTimestamp", "TableId"] {
        while let Some(at) = text.find(&format!("\"{member}\":")) {
            let end = text[at..].find([',', '}']).map_or(text.len(), |end| at + end);
            text.replace_range(at..end, "MADE");
        }
    }
    text
}

async fn make(guarded: &Guarded, owner: &Person, name: &'static str) -> Named {
    let create = json!({"StreamName": name, "ShardCount": 3}).to_string();
    guarded.call(owner, "CreateStream", &create).await.ok();
    guarded.world.clock.advance(TRANSITION);
    for consumer in ["c", "d"] {
        let register = json!({"StreamARN": arn(OWN, name), "ConsumerName": consumer}).to_string();
        guarded.call(owner, "RegisterStreamConsumer", &register).await.ok();
    }
    guarded.world.clock.advance(TRANSITION);
    let ask = async |operation: &str, input: Value, member: &str| {
        let answer = guarded.call(owner, operation, &input.to_string()).await.ok();
        let found = member.split('/').fold(&answer, |value, member| &value[member]);
        found.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    let stream = arn(OWN, name);
    let about = json!({"StreamARN": stream, "ConsumerName": "c"});
    let start = json!({"StreamName": name, "ShardId": "0", "ShardIteratorType": "LATEST"});
    let named = Named {
        name,
        stream_id: ask(
            "DescribeStreamSummary",
            json!({"StreamName": name}),
            "StreamDescriptionSummary/StreamId",
        )
        .await,
        consumer: ask("DescribeStreamConsumer", about, "ConsumerDescription/ConsumerARN").await,
        iterator: ask("GetShardIterator", start, "ShardIterator").await,
        shards_token: ask("ListShards", json!({"StreamName": name, "MaxResults": 1}), "NextToken").await,
        consumers_token: ask(
            "ListStreamConsumers",
            json!({"StreamARN": stream, "MaxResults": 1}),
            "NextToken",
        )
        .await,
    };
    let table = tables("CreateTable", &named)[0].to_string();
    guarded.call_target(owner, "DynamoDB_20120810.CreateTable", &table).await.ok();
    guarded.world.clock.advance(TRANSITION);
    named
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_learns_whether_a_thing_of_another_s_exists() {
    let guarded = Guarded::with("apart", |settings| settings.limits = LimitsChoice::Off).await;
    let by_tags = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/state": "secret"}}},
    ]});
    let people = [
        ("another account", guarded.person(OTHER, None, &[]).await),
        ("a user of another account", guarded.person(OTHER, Some("full"), &["full-access"]).await),
        ("one who asks by tags", guarded.person(OTHER, Some("tags"), &[&by_tags.to_string()]).await),
        ("a user without permissions", guarded.person(OWN, Some("nobody"), &[]).await),
        (
            "a user with others",
            guarded.person(OWN, Some("other"), &[&allow("kinesis:DescribeLimits", "*")]).await,
        ),
    ];
    let owner = guarded.person(OWN, None, &[]).await;
    let walk = Walk::new(guarded, &owner).await;
    let guarded = &walk.guarded;
    for (who, person) in &people {
        let is_own = who.starts_with("a user with");
        for operation in headwater_api_kinesis::operation_names() {
            for at in 0..kinesis(operation, &walk.here).len() {
                let what = format!("{who}: {operation}, case {at}");
                walk.compare(&what, async |named| {
                    guarded.call(person, operation, &kinesis(operation, named)[at].to_string()).await
                })
                .await;
            }
            if !is_own && operation.starts_with("Create") {
                undo(guarded, person).await;
            }
        }
        for operation in headwater_api_dynamodb::operation_names() {
            let target = format!("DynamoDB_20120810.{operation}");
            for at in 0..2 {
                let what = format!("{who}: {operation}, case {at}");
                walk.compare(&what, async |named| {
                    guarded.call_target(person, &target, &tables(operation, named)[at].to_string()).await
                })
                .await;
            }
            if !is_own && operation.starts_with("Create") {
                undo(guarded, person).await;
            }
        }
        for operation in headwater_api_cloudwatch::operation_names() {
            let target = format!("GraniteServiceVersion20100801.{operation}");
            let now_s = guarded.world.clock.now().as_secs();
            walk.compare(&format!("{who}: {operation}"), async |named| {
                guarded.call_target(person, &target, &monitoring(operation, named, now_s).to_string()).await
            })
            .await;
        }
        let told = guarded.call_sts(person, "Action=GetCallerIdentity&Version=2011-06-15").await;
        assert_eq!((told.status, told.text.contains(OWN)), (200, is_own), "{who}");
    }
    // It was the owner's all the time.
    let asked = json!({"StreamName": "here"}).to_string();
    assert_eq!(guarded.call(&owner, "DescribeStreamSummary", &asked).await.status, 200);
}

/// Removes what the other account has made in its own name.
async fn undo(guarded: &Guarded, person: &Person) {
    for name in ["here", "gone"] {
        guarded.world.clock.advance(TRANSITION);
        let delete = json!({"StreamName": name, "EnforceConsumerDeletion": true}).to_string();
        guarded.call(person, "DeleteStream", &delete).await;
        let delete = json!({"TableName": name}).to_string();
        guarded.call_target(person, "DynamoDB_20120810.DeleteTable", &delete).await;
    }
    guarded.world.clock.advance(TRANSITION);
}
