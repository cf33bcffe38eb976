//! Calls: what is sent, what is tried again and what is given up.

use headwater_client::{CreateStream, Error, NewRecord, StartAt};
use headwater_types::Timestamp;
use serde_json::json;

use crate::server::{Answer, Scripted};

const OK: Answer = (200, "");
const THROTTLED: Answer =
    (400, r#"{"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded for shard"}"#);
const RATE: Answer = (400, r#"{"__type":"LimitExceededException","message":"Rate exceeded for account 1."}"#);
const QUOTA: Answer = (400, r#"{"__type":"LimitExceededException","message":"This request would exceed"}"#);
const FAULT: Answer = (500, r#"{"__type":"InternalFailure"}"#);
const MISSING: Answer =
    (400, r#"{"__type":"com.amazonaws#ResourceNotFoundException","Message":"Stream s not found."}"#);
const GATEWAY: Answer = (503, "<html>\n  busy\n</html>");
const DROPPED: Answer = (0, "");

fn record(data: &str) -> NewRecord {
    NewRecord { data: data.into(), partition_key: "k".to_owned(), explicit_hash_key: None }
}

/// Number of requests that a call makes, and its error's text.
async fn attempts(script: &[Answer]) -> (usize, String) {
    let server = Scripted::new(script).await;
    let text = match server.client.delete_stream("s", false).await {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(server.waits(), server.asked().len() - 1, "a wait before every further attempt");
    (server.asked().len(), text)
}

#[tokio::test]
async fn transient_errors_are_tried_again() {
    let cases: &[(&[Answer], usize, &str)] = &[
        (&[OK], 1, "ok"),
        (&[THROTTLED, OK], 2, "ok"),
        (&[RATE, FAULT, GATEWAY, DROPPED, OK], 5, "ok"),
        (&[MISSING], 1, "ResourceNotFoundException: Stream s not found."),
        (&[QUOTA], 1, "LimitExceededException: This request would exceed"),
        (&[THROTTLED], 5, "ProvisionedThroughputExceededException: Rate exceeded for shard"),
        (&[FAULT], 5, "InternalFailure: "),
    ];
    for (script, count, text) in cases {
        assert_eq!(attempts(script).await, (*count, (*text).to_owned()), "{script:?}");
    }
    let (count, text) = attempts(&[(404, "<html> no\n such page</html>")]).await;
    assert_eq!(count, 1);
    assert!(text.contains("does not answer like Kinesis (HTTP 404: <html> no such page</html>)"), "{text}");
    let (count, text) = attempts(&[DROPPED]).await;
    assert_eq!(count, 5);
    assert!(text.starts_with("cannot reach http://127.0.0.1:"), "{text}");
}

#[tokio::test]
async fn calls_are_signed() {
    let server = Scripted::new(&[OK]).await;
    server.client.delete_stream("s", true).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.body, json!({"StreamName": "s", "EnforceConsumerDeletion": true}));
    let expected = "AWS4-HMAC-SHA256 Credential=headwater/20251121/us-east-1/kinesis/aws4_request, \
                    SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=";
    assert!(asked.authorization.starts_with(expected), "{}", asked.authorization);
}

#[tokio::test]
async fn streams_are_created_in_either_mode() {
    let server = Scripted::new(&[OK]).await;
    let tags = vec![("k".to_owned(), "v".to_owned())];
    let stream = CreateStream { name: "s", shards: Some(2), max_record_kib: Some(2048), tags };
    server.client.create_stream(&stream).await.unwrap();
    server.client.create_stream(&CreateStream { name: "s", ..CreateStream::default() }).await.unwrap();
    let bodies: Vec<_> = server.asked().into_iter().map(|asked| asked.body).collect();
    let provisioned = json!({"StreamName": "s", "ShardCount": 2, "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "MaxRecordSizeInKiB": 2048, "Tags": {"k": "v"}});
    let on_demand = json!({"StreamName": "s", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    assert_eq!(bodies, [provisioned, on_demand]);
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let server = Scripted::new(&[
        (200, r#"{"StreamNames":["a"],"HasMoreStreams":true,"StreamSummaries":[{"StreamName":"a","StreamStatus":"ACTIVE"}]}"#),
        (200, r#"{"StreamNames":["b"],"HasMoreStreams":true,"NextToken":"t"}"#),
        (200, r#"{"StreamNames":["c"],"HasMoreStreams":false}"#),
    ])
    .await;
    let names: Vec<_> =
        server.client.list_streams().await.unwrap().into_iter().map(|stream| stream.stream_name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let bodies: Vec<_> = server.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(bodies, [json!({}), json!({"ExclusiveStartStreamName": "a"}), json!({"NextToken": "t"})]);

    // A server that never ends its list.
    let server = Scripted::new(&[(200, r#"{"StreamNames":["a"],"HasMoreStreams":true}"#)]).await;
    assert_eq!(server.client.list_streams().await.unwrap().len(), 2);

    const SHARD: &str = r#"{"ShardId":"shardId-000000000000","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"9"},"SequenceNumberRange":{"StartingSequenceNumber":"1"}}"#;
    let first: &'static str = format!("{{\"Shards\":[{SHARD}],\"NextToken\":\"t\"}}").leak();
    let server = Scripted::new(&[(200, first), (200, r#"{"Shards":[]}"#)]).await;
    let shards = server.client.list_shards("s").await.unwrap();
    assert!(shards.len() == 1 && shards[0].is_open() && shards[0].parents().count() == 0);
    assert_eq!(server.asked()[1].body, json!({"NextToken": "t"}));
}

#[tokio::test]
async fn failed_entries_are_sent_again() {
    const STORED: &str = r#"{"ShardId":"x","SequenceNumber":"1"}"#;
    const REFUSED: &str = r#"{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"slow"}"#;
    let page = |entries: &[&str]| -> Answer {
        (200, format!("{{\"FailedRecordCount\":0,\"Records\":[{}]}}", entries.join(",")).leak())
    };
    let records = [record("a"), record("b"), record("c")];

    let server =
        Scripted::new(&[page(&[REFUSED, STORED, REFUSED]), page(&[REFUSED, STORED]), page(&[STORED])]).await;
    let report = server.client.put_all("s", &records).await.unwrap();
    assert_eq!((report.stored, report.failed.len()), (3, 0));
    let entry = |data: &str| json!({"Data": data, "PartitionKey": "k"});
    let sent: Vec<_> = server.asked().into_iter().map(|asked| asked.body["Records"].clone()).collect();
    assert_eq!(sent[1], json!([entry("YQ=="), entry("Yw==")]));
    assert_eq!(sent[2], json!([entry("YQ==")]));

    let server = Scripted::new(&[page(&[STORED, STORED, REFUSED]), page(&[REFUSED])]).await;
    let report = server.client.put_all("s", &records).await.unwrap();
    assert_eq!((report.stored, report.failed.len()), (2, 1));
    assert_eq!((report.failed[0].index, report.failed[0].message.as_str()), (2, "slow"));
    assert_eq!(server.asked().len(), 5);

    // What the answer does not mention is not stored.
    let server = Scripted::new(&[page(&[STORED])]).await;
    assert_eq!(server.client.put_all("s", &records).await.unwrap().failed.len(), 0);
    assert_eq!(server.asked().len(), 3);
    assert!(server.client.put_all("s", &[]).await.unwrap().failed.is_empty());
}

#[tokio::test]
async fn iterators_begin_where_they_are_told() {
    let server = Scripted::new(&[(200, r#"{"ShardIterator":"it"}"#)]).await;
    let starts = [
        (StartAt::Latest, json!({"ShardIteratorType": "LATEST"})),
        (StartAt::Horizon, json!({"ShardIteratorType": "TRIM_HORIZON"})),
        (
            StartAt::At("5".into()),
            json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "5"}),
        ),
        (
            StartAt::After("5".into()),
            json!({"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "5"}),
        ),
        (
            StartAt::Time(Timestamp::from_millis(1500)),
            json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1.5}),
        ),
    ];
    for (start, mut expected) in starts {
        assert_eq!(server.client.get_shard_iterator("s", "shardId-0", &start).await.unwrap(), "it");
        expected["StreamName"] = "s".into();
        expected["ShardId"] = "shardId-0".into();
        assert_eq!(server.asked().last().unwrap().body, expected);
    }
}

#[tokio::test]
async fn records_are_decoded() {
    let server = Scripted::new(&[
        (200, r#"{"Records":[{"SequenceNumber":"7","Data":"aGk=","PartitionKey":"k","ApproximateArrivalTimestamp":1.763692957123E9}],"NextShardIterator":"n","MillisBehindLatest":3}"#),
        (200, r#"{"Records":[{"SequenceNumber":"7","Data":"aGk","PartitionKey":"k"}]}"#),
    ])
    .await;
    let page = server.client.get_records("it", 10).await.unwrap();
    assert_eq!(page.records[0].data, b"hi");
    assert_eq!(page.records[0].arrived(), Some(Timestamp::from_millis(1_763_692_957_123)));
    assert_eq!((page.next_shard_iterator.as_deref(), page.millis_behind_latest), (Some("n"), 3));
    let error = server.client.get_records("it", 10).await.unwrap_err();
    assert!(matches!(error, Error::NotKinesis { status: 200, .. }), "{error}");
    assert_eq!(server.operations(), ["GetRecords", "GetRecords"]);
}
