//! `headwater describe`.

use std::fmt::Write as _;

use clap::Args;
use headwater_client::{Consumer, Shard, StreamDescription};
use serde_json::json;

use super::{mode_for_people, print, print_json};
use crate::connect::{Connect, Output, Session};
use crate::failure::Failure;
use crate::text::table::table;
use crate::text::{ring, time};

/// Show a stream, its consumers and its shards.
#[derive(Debug, Args)]
#[command(
    after_help = "HASH KEYS are the first 8 of 32 hexadecimal digits; SHARE is the part of all keys.\n\n\
                        Examples:\n  headwater describe orders\n  headwater describe orders --output json"
)]
pub(crate) struct Describe {
    /// The stream
    name: String,

    /// The output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,

    #[command(flatten)]
    pub(crate) connect: Connect,
}

pub(crate) async fn run(args: Describe, session: Session) -> Result<(), Failure> {
    let stream = session.client.describe_stream_summary(&args.name).await?;
    // A stream that is still being created has no shards to list.
    let shards = match stream.stream_status.as_str() {
        "CREATING" => Vec::new(),
        _ => session.client.list_shards(&args.name).await?,
    };
    let consumers = match stream.consumer_count {
        0 => Vec::new(),
        _ => session.client.list_stream_consumers(&stream.stream_arn).await?,
    };
    match args.output {
        Output::Text => print(&for_people(&stream, &consumers, &shards)),
        Output::Json => {
            let mut value = super::streams::as_json(&stream);
            value["consumers"] = consumers.iter().map(consumer_json).collect();
            value["shards"] = shards.iter().map(shard_json).collect();
            print_json(&value)
        }
    }
}

fn for_people(stream: &StreamDescription, consumers: &[Consumer], shards: &[Shard]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{:<12}{value}", format!("{name}:"));
    };
    line("Name", stream.stream_name.clone());
    line("ARN", stream.stream_arn.clone());
    line("Status", stream.stream_status.clone());
    line("Mode", mode_for_people(&stream.stream_mode_details));
    if let Some(warm) = &stream.warm_throughput {
        line("Throughput", format!("{} MiB/s, kept ready for {}", warm.current_mibps, warm.target_mibps));
    }
    if stream.record_distribution_strategy.as_deref() == Some("AUTO") {
        line("Records go", "to any shard, whatever their key".to_owned());
    }
    line("Retention", format!("{} hours", stream.retention_period_hours));
    if let Some(created) = stream.created() {
        line("Created", format!("{} UTC", time::seconds(created)));
    }
    if let Some(kib) = stream.max_record_size_in_kib {
        line("Records", format!("up to {kib} KiB"));
    }
    if let Some(encryption) = &stream.encryption_type {
        line("Encryption", encryption.to_ascii_lowercase());
    }
    line("Consumers", stream.consumer_count.to_string());
    let closed = shards.iter().filter(|shard| !shard.is_open()).count();
    line("Shards", format!("{} open, {closed} closed", stream.open_shard_count));
    if !consumers.is_empty() {
        let rows: Vec<_> = consumers.iter().map(consumer_row).collect();
        text.push('\n');
        text.push_str(&table(["CONSUMER", "STATUS", "REGISTERED (UTC)"], &[], &rows));
    }
    if !shards.is_empty() {
        let rows: Vec<_> = shards.iter().map(row).collect();
        text.push('\n');
        text.push_str(&table(["SHARD", "STATE", "HASH KEYS", "SHARE", "PARENTS"], &[3], &rows));
    }
    text
}

fn consumer_row(consumer: &Consumer) -> [String; 3] {
    let created = consumer.created().map(time::seconds).unwrap_or_default();
    [consumer.consumer_name.clone(), consumer.consumer_status.clone(), created]
}

fn consumer_json(consumer: &Consumer) -> serde_json::Value {
    json!({
        "name": consumer.consumer_name,
        "arn": consumer.consumer_arn,
        "status": consumer.consumer_status,
        "created": consumer.created().map(|time| time.as_millis() as f64 / 1000.0),
    })
}

fn row(shard: &Shard) -> [String; 5] {
    let keys = &shard.hash_key_range;
    let (range, share) = ring::range(&keys.starting_hash_key, &keys.ending_hash_key).unwrap_or_default();
    let parents: Vec<_> = shard.parents().map(ring::short).collect();
    let state = if shard.is_open() { "open" } else { "closed" };
    [shard.shard_id.clone(), state.to_owned(), range, share, parents.join(" + ")]
}

fn shard_json(shard: &Shard) -> serde_json::Value {
    json!({
        "shard_id": shard.shard_id,
        "open": shard.is_open(),
        "parents": shard.parents().collect::<Vec<_>>(),
        "starting_hash_key": shard.hash_key_range.starting_hash_key,
        "ending_hash_key": shard.hash_key_range.ending_hash_key,
        "starting_sequence_number": shard.sequence_number_range.starting_sequence_number,
        "ending_sequence_number": shard.sequence_number_range.ending_sequence_number,
    })
}
