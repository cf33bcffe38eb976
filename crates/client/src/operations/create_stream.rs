//! CreateStream.

use headwater_wire::shape;
use headwater_wire::shape::{Int, Map, Text};

use super::Nothing;
use crate::{Client, Error};

/// The stream that is wanted.
#[derive(Debug, Clone, Default)]
pub struct CreateStream<'a> {
    /// Its name.
    pub name: &'a str,
    /// Number of shards it begins with; none lets the service decide, which makes it on-demand.
    pub shards: Option<i32>,
    /// The largest record in KiB, where not the default of 1024.
    pub max_record_kib: Option<i32>,
    /// Keys and values.
    pub tags: Vec<(String, String)>,
}

shape! {
    struct Input<'a> {
        stream_name: Text<'a> = "StreamName",
        shard_count: Int = "ShardCount",
        stream_mode_details: ModeDetails<'a> = "StreamModeDetails",
        max_record_size_in_kib: Int = "MaxRecordSizeInKiB",
        tags: Map<'a, Text<'a>> = "Tags",
    }
}

shape! {
    struct ModeDetails<'a> {
        stream_mode: Text<'a> = "StreamMode",
    }
}

impl Client {
    /// Starts the creation of a stream; it can be used once it is ACTIVE.
    pub async fn create_stream(&self, stream: &CreateStream<'_>) -> Result<(), Error> {
        let mode = if stream.shards.is_some() { "PROVISIONED" } else { "ON_DEMAND" };
        let tags = stream.tags.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into()));
        let input = Input {
            stream_name: Some(stream.name.into()),
            shard_count: stream.shards.map(Int),
            stream_mode_details: Some(ModeDetails { stream_mode: Some(mode.into()) }),
            max_record_size_in_kib: stream.max_record_kib.map(Int),
            tags: (!stream.tags.is_empty()).then(|| tags.collect()),
        };
        self.call::<_, Nothing>("CreateStream", &input).await.map(drop)
    }
}
