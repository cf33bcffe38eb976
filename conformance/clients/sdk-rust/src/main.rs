//! The AWS SDK for Rust with nothing but the environment told: `AWS_ENDPOINT_URL_KINESIS`, credentials, a region, and
//! `SSL_CERT_FILE` where the server's certificate is of an authority of one's own. Each step prints its name when it
//! has been seen to work; a step that fails ends the program.

use std::time::Duration;

use aws_sdk_kinesis::client::Waiters;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ConsumerStatus, PutRecordsRequestEntry, Record, ShardIteratorType, StartingPosition, StreamStatus,
    SubscribeToShardEventStream,
};
use aws_sdk_kinesis::{Client, Error};

const SHARD: &str = "shardId-000000000000";
const COUNT: usize = 1200;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let client = Client::new(&aws_config::load_from_env().await);
    create_and_wait(&client, "orders").await?;
    put_and_get(&client, "orders").await?;
    subscribe_to_shard(&client, "orders").await?;
    paginators(&client).await?;
    errors(&client).await?;
    many_at_once(&client, "orders").await?;
    delete_and_wait(&client, "orders").await
}

fn done(step: &str) -> Outcome {
    println!("{step}");
    Ok(())
}

async fn create_and_wait(client: &Client, stream: &str) -> Outcome {
    client.create_stream().stream_name(stream).shard_count(1).send().await?;
    client.wait_until_stream_exists().stream_name(stream).wait(Duration::from_secs(60)).await?;
    let summary = client.describe_stream_summary().stream_name(stream).send().await?;
    let summary = summary.stream_description_summary().expect("a summary");
    assert_eq!(summary.stream_status(), &StreamStatus::Active);
    assert_eq!(summary.open_shard_count(), 1);
    done("create and wait")
}

async fn put_and_get(client: &Client, stream: &str) -> Outcome {
    for from in (0..COUNT).step_by(400) {
        let entries = (from..from + 400).map(entry).collect::<Result<Vec<_>, _>>()?;
        let put = client.put_records().stream_name(stream).set_records(Some(entries)).send().await?;
        assert_eq!(put.failed_record_count(), Some(0));
        // A shard takes 1000 records a second.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    let iterator = client.get_shard_iterator().stream_name(stream).shard_id(SHARD);
    let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
    let mut token = iterator.shard_iterator().map(str::to_owned);
    let mut seen = Vec::new();
    while seen.len() < COUNT {
        let got = client.get_records().set_shard_iterator(token).limit(500).send().await?;
        seen.extend(got.records().iter().map(text));
        token = got.next_shard_iterator().map(str::to_owned);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(seen, (0..COUNT).map(|n| n.to_string()).collect::<Vec<_>>());
    done("put and get")
}

fn entry(n: usize) -> Result<PutRecordsRequestEntry, aws_sdk_kinesis::error::BuildError> {
    PutRecordsRequestEntry::builder().data(Blob::new(n.to_string())).partition_key("a").build()
}

fn text(record: &Record) -> String {
    String::from_utf8_lossy(record.data().as_ref()).into_owned()
}

async fn subscribe_to_shard(client: &Client, stream: &str) -> Outcome {
    let summary = client.describe_stream_summary().stream_name(stream).send().await?;
    let arn = summary.stream_description_summary().expect("a summary").stream_arn();
    let registered = client.register_stream_consumer().stream_arn(arn).consumer_name("app").send().await?;
    let consumer = registered.consumer().expect("a consumer").consumer_arn().to_owned();
    loop {
        let now = client.describe_stream_consumer().consumer_arn(&consumer).send().await?;
        if now.consumer_description().map(|about| about.consumer_status()) == Some(&ConsumerStatus::Active) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let start = StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon).build()?;
    let subscription = client.subscribe_to_shard().consumer_arn(&consumer).shard_id(SHARD);
    let mut subscription = subscription.starting_position(start).send().await?;
    let mut seen = Vec::new();
    // What is there, and then what comes while it is open.
    client.put_record().stream_name(stream).partition_key("a").data(Blob::new("last")).send().await?;
    while seen.len() < COUNT + 1 {
        match subscription.event_stream.recv().await?.expect("the subscription ended") {
            SubscribeToShardEventStream::SubscribeToShardEvent(event) => {
                assert!(!event.continuation_sequence_number().is_empty());
                seen.extend(event.records().iter().map(text));
            }
            other => panic!("{other:?}"),
        }
    }
    let mut expected = (0..COUNT).map(|n| n.to_string()).collect::<Vec<_>>();
    expected.push("last".to_owned());
    assert_eq!(seen, expected);
    done("subscribe to shard")
}

async fn paginators(client: &Client) -> Outcome {
    for n in 0..3 {
        client.create_stream().stream_name(format!("page-{n}")).shard_count(1).send().await?;
    }
    let mut pages = client.list_streams().limit(2).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        assert!(page.stream_names().len() <= 2);
        names.extend_from_slice(page.stream_names());
    }
    assert_eq!(names, ["orders", "page-0", "page-1", "page-2"]);
    // ListShards has no paginator here: its token comes alone.
    let shards = client.list_shards().stream_name("orders").send().await?;
    assert_eq!(shards.shards().len(), 1);
    done("paginators")
}

async fn errors(client: &Client) -> Outcome {
    let refused =
        client.describe_stream_summary().stream_name("nothing").send().await.expect_err("no such stream");
    let refused = Error::from(refused);
    assert_eq!(refused.code(), Some("ResourceNotFoundException"));
    assert!(matches!(refused, Error::ResourceNotFoundException(_)), "{refused:?}");
    assert_eq!(refused.message(), Some("Stream nothing under account 000000000000 not found."));
    let again = client.create_stream().stream_name("orders").shard_count(1).send().await;
    let refused = Error::from(again.expect_err("it exists"));
    assert!(matches!(refused, Error::ResourceInUseException(_)), "{refused:?}");
    let refused =
        Error::from(client.get_records().shard_iterator("x").send().await.expect_err("no iterator"));
    assert!(matches!(refused, Error::InvalidArgumentException(_)), "{refused:?}");
    done("errors")
}

async fn many_at_once(client: &Client, stream: &str) -> Outcome {
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..64 {
        let call = client.put_record().stream_name(stream).partition_key(n.to_string());
        calls.spawn(call.data(Blob::new(n.to_string())).send());
    }
    while let Some(call) = calls.join_next().await {
        assert_eq!(call??.shard_id(), SHARD);
    }
    done("many at once")
}

async fn delete_and_wait(client: &Client, stream: &str) -> Outcome {
    client.delete_stream().stream_name(stream).enforce_consumer_deletion(true).send().await?;
    client.wait_until_stream_not_exists().stream_name(stream).wait(Duration::from_secs(60)).await?;
    done("delete and wait")
}
