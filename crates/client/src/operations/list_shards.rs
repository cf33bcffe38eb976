//! ListShards.

use headwater_wire::shape;
use headwater_wire::shape::Text;
use serde::Deserialize;

use crate::{Client, Error};

shape! {
    struct Input<'a> {
        stream_name: Text<'a> = "StreamName",
        next_token: Text<'a> = "NextToken",
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    #[serde(default)]
    shards: Vec<Shard>,
    next_token: Option<String>,
}

/// A shard, open or closed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Shard {
    /// `shardId-000000000000`.
    pub shard_id: String,
    /// The shard it was split or merged from.
    pub parent_shard_id: Option<String>,
    /// The other shard it was merged from.
    pub adjacent_parent_shard_id: Option<String>,
    /// The hash keys it takes.
    pub hash_key_range: HashKeyRange,
    /// The sequence numbers it holds.
    pub sequence_number_range: SequenceNumberRange,
}

/// Hash keys, both ends inclusive, as decimal numbers of 128 bits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HashKeyRange {
    /// The first.
    pub starting_hash_key: String,
    /// The last.
    pub ending_hash_key: String,
}

/// Sequence numbers; one without an end is still growing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SequenceNumberRange {
    /// The first.
    pub starting_sequence_number: String,
    /// The last, of a closed shard.
    pub ending_sequence_number: Option<String>,
}

impl Shard {
    /// True if the shard takes records.
    pub fn is_open(&self) -> bool {
        self.sequence_number_range.ending_sequence_number.is_none()
    }

    /// The shards it came from.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.parent_shard_id.iter().chain(&self.adjacent_parent_shard_id).map(String::as_str)
    }
}

impl Client {
    /// Every shard of a stream whose records may still be there, closed ones too.
    pub async fn list_shards(&self, name: &str) -> Result<Vec<Shard>, Error> {
        let mut shards = Vec::new();
        let mut input = Input { stream_name: Some(name.into()), next_token: None };
        loop {
            let output: Output = self.call("ListShards", &input).await?;
            shards.extend(output.shards);
            match output.next_token {
                // Later pages are asked for by token alone.
                Some(token) => input = Input { stream_name: None, next_token: Some(token.into()) },
                None => return Ok(shards),
            }
        }
    }
}
