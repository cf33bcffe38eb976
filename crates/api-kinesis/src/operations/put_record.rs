//! PutRecord.

use std::borrow::Cow;

use headwater_streams::PutEntry;
use headwater_types::limits::{PARTITION_KEY_CHARS, RECORD_DATA_BYTES_MAX};
use headwater_types::{HashKey, SequenceNumber, ShardId};
use headwater_wire::Codec;
use headwater_wire::shape::{Blob, Bool, Text};
use serde::{Serialize, Serializer};

use super::operation;
use crate::checks::{Checks, HASH_KEY, SEQUENCE_NUMBER, any_text, flag};
use crate::context::Context;
use crate::error::{KinesisError, Result};
use crate::resource::stream_ref;

operation!("PutRecord", rate: shards, changes: records);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        data: Blob<'a> = "Data",
        partition_key: Text<'a> = "PartitionKey",
        explicit_hash_key: Text<'a> = "ExplicitHashKey",
        sequence_number_for_ordering: Text<'a> = "SequenceNumberForOrdering",
        dry_run: Bool = "DryRun",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Placed {
    pub(super) shard_id: ShardName,
    pub(super) sequence_number: Number,
    /// Absent where the record was stored as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encryption_type: Option<&'static str>,
}

/// Encryption type that answers give a record that was stored encrypted.
pub(super) fn kms(encrypted: bool) -> Option<&'static str> {
    encrypted.then_some("KMS")
}

/// Serializes as its text.
pub(super) struct Shown<T>(pub(super) T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// A shard's name, serialized without formatting: answers hold hundreds.
pub(super) struct ShardName(pub(super) ShardId);

impl Serialize for ShardName {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.with_name(|name| to.serialize_str(name))
    }
}

/// A sequence number, serialized without a detour through the heap: answers hold hundreds.
pub(super) struct Number(pub(super) SequenceNumber);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let mut digits = [0; 56];
        self.0.write_to(&mut digits);
        to.serialize_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

/// Checks the members of one record, at `prefix` of the input.
pub(super) fn check_record(
    checks: &mut Checks,
    prefix: &dyn Fn(&str) -> String,
    partition_key: &Option<Text<'_>>,
    explicit_hash_key: &Option<Text<'_>>,
    data_len: Option<usize>,
) {
    // Paths are only made for what is violated.
    if let Some(key) = partition_key
        && (key.is_empty() || key.len() > *PARTITION_KEY_CHARS.end())
    {
        checks.text_value(&prefix("partitionKey"), key, any_text(PARTITION_KEY_CHARS));
    }
    if explicit_hash_key.is_some() {
        checks.text(&prefix("explicitHashKey"), explicit_hash_key, HASH_KEY);
    }
    match data_len {
        None => checks.required(&prefix("data"), &data_len),
        Some(len) if len > RECORD_DATA_BYTES_MAX => {
            let shown = format!("java.nio.HeapByteBuffer[pos=0 lim={len} cap={len}]");
            let rule = format!("Member must have length less than or equal to {RECORD_DATA_BYTES_MAX}");
            checks.fail(Some(&shown), &prefix("data"), &rule);
        }
        Some(_) => {}
    }
}

/// The hash key that a record is to have instead of its partition key's.
pub(super) fn hash_key(text: &Option<Text<'_>>) -> Result<Option<HashKey>> {
    let Some(text) = text else { return Ok(None) };
    HashKey::parse(text).map(Some).ok_or_else(|| {
        KinesisError::invalid_argument(format!(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {text}"
        ))
    })
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let mut input: Input<'_> = codec.decode(body)?;
    let data = input.data.take().map(Blob::into_bytes).transpose()?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.text("sequenceNumberForOrdering", &input.sequence_number_for_ordering, SEQUENCE_NUMBER);
    let data_len = data.as_ref().map(|bytes| bytes.len());
    check_record(&mut checks, &str::to_owned, &input.partition_key, &input.explicit_hash_key, data_len);
    let stream = stream_ref!(input);
    stream.check(&mut checks);
    checks.done()?;
    let explicit_hash_key = hash_key(&input.explicit_hash_key)?;

    let key = stream.key(context)?;
    let handle = context.streams.find_readable(&key)?;
    let partition_key = input.partition_key.as_deref().map_or(Cow::Borrowed(""), Cow::Borrowed);
    let data = data.unwrap_or_default();
    let entry = PutEntry { partition_key, explicit_hash_key, data: &data };
    let ordering = input.sequence_number_for_ordering.as_deref();
    if flag(input.dry_run) {
        context.streams.check_put(&handle, std::slice::from_ref(&entry), ordering)?;
        return Err(context.dry_run(handle.key()));
    }
    let placed = context.streams.put_record(&handle, entry, ordering).await?;
    Ok(codec.encode(&Placed {
        shard_id: ShardName(placed.shard),
        sequence_number: Number(placed.sequence_number),
        encryption_type: kms(placed.encrypted),
    }))
}
