//! GetRecords.

use headwater_types::Timestamp;
use headwater_wire::shape;
use headwater_wire::shape::{Blob, Int, Text, Time};
use serde::de::{Deserialize, Deserializer, Error as _};

use super::list_streams::timestamp;
use crate::{Client, Error};

shape! {
    struct Input<'a> {
        shard_iterator: Text<'a> = "ShardIterator",
        limit: Int = "Limit",
    }
}

/// Records from one place of a shard.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RecordPage {
    /// The records, in order; none does not mean that there are none later.
    pub records: Vec<Record>,
    /// Iterator to go on with; none at the end of a closed shard.
    pub next_shard_iterator: Option<String>,
    /// Lag of this place behind the newest record.
    #[serde(default)]
    pub millis_behind_latest: i64,
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Record {
    /// Its number in the shard.
    pub sequence_number: String,
    #[serde(default, rename = "ApproximateArrivalTimestamp")]
    arrived: Option<Time>,
    /// The data that was stored.
    #[serde(deserialize_with = "bytes")]
    pub data: Vec<u8>,
    /// The key that decided the shard, unless an explicit hash key did.
    #[serde(default)]
    pub partition_key: String,
}

impl Record {
    /// When it arrived.
    pub fn arrived(&self) -> Option<Timestamp> {
        timestamp(self.arrived)
    }
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let blob = Blob::deserialize(deserializer)?;
    Ok(blob.into_bytes().map_err(D::Error::custom)?.into_owned())
}

impl Client {
    /// Reads on from an iterator, `limit` records at most.
    pub async fn get_records(&self, iterator: &str, limit: i32) -> Result<RecordPage, Error> {
        let input = Input { shard_iterator: Some(iterator.into()), limit: Some(Int(limit)) };
        self.call("GetRecords", &input).await
    }
}
