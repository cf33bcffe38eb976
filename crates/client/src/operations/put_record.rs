//! PutRecord.

use headwater_wire::shape;
use headwater_wire::shape::{Blob, Text};
use serde::Deserialize;

use crate::{Client, Error};

/// A record to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// The data to store.
    pub data: Vec<u8>,
    /// The key that decides the shard, 1 to 256 characters.
    pub partition_key: String,
    /// The hash key that decides the shard instead, a decimal number of 128 bits.
    pub explicit_hash_key: Option<String>,
}

shape! {
    struct Input<'a> {
        stream_name: Text<'a> = "StreamName",
        data: Blob<'a> = "Data",
        partition_key: Text<'a> = "PartitionKey",
        explicit_hash_key: Text<'a> = "ExplicitHashKey",
    }
}

/// Place of a stored record.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stored {
    /// The shard.
    pub shard_id: String,
    /// The number it got there.
    pub sequence_number: String,
}

impl Client {
    /// Stores one record.
    pub async fn put_record(&self, name: &str, record: &NewRecord) -> Result<Stored, Error> {
        let input = Input {
            stream_name: Some(name.into()),
            data: Some(Blob::new(record.data.as_slice())),
            partition_key: Some(record.partition_key.as_str().into()),
            explicit_hash_key: record.explicit_hash_key.as_deref().map(Text::from),
        };
        self.call("PutRecord", &input).await
    }
}
