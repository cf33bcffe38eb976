//! GetShardIterator.

use headwater_types::Timestamp;
use headwater_wire::shape;
use headwater_wire::shape::{Text, Time};
use serde::Deserialize;

use crate::{Client, Error};

/// Starting point of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartAt {
    /// After the newest record.
    Latest,
    /// At the oldest record that is kept.
    Horizon,
    /// At the first record that arrived at this time or later.
    Time(Timestamp),
    /// At this sequence number.
    At(String),
    /// After this sequence number.
    After(String),
}

shape! {
    struct Input<'a> {
        stream_name: Text<'a> = "StreamName",
        shard_id: Text<'a> = "ShardId",
        shard_iterator_type: Text<'a> = "ShardIteratorType",
        starting_sequence_number: Text<'a> = "StartingSequenceNumber",
        timestamp: Time = "Timestamp",
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    shard_iterator: String,
}

impl Client {
    /// An iterator for [`Client::get_records`], good for five minutes.
    pub async fn get_shard_iterator(
        &self,
        name: &str,
        shard_id: &str,
        start: &StartAt,
    ) -> Result<String, Error> {
        let (kind, sequence_number, time) = match start {
            StartAt::Latest => ("LATEST", None, None),
            StartAt::Horizon => ("TRIM_HORIZON", None, None),
            StartAt::Time(time) => ("AT_TIMESTAMP", None, Some(Time(*time))),
            StartAt::At(number) => ("AT_SEQUENCE_NUMBER", Some(number), None),
            StartAt::After(number) => ("AFTER_SEQUENCE_NUMBER", Some(number), None),
        };
        let input = Input {
            stream_name: Some(name.into()),
            shard_id: Some(shard_id.into()),
            shard_iterator_type: Some(kind.into()),
            starting_sequence_number: sequence_number.map(|number| number.as_str().into()),
            timestamp: time,
        };
        let output: Output = self.call("GetShardIterator", &input).await?;
        Ok(output.shard_iterator)
    }
}
