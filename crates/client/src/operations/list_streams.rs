//! ListStreams.

use headwater_types::Timestamp;
use headwater_wire::shape;
use headwater_wire::shape::{Text, Time};
use serde::Deserialize;

use crate::{Client, Error};

shape! {
    struct Input<'a> {
        exclusive_start_stream_name: Text<'a> = "ExclusiveStartStreamName",
        next_token: Text<'a> = "NextToken",
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    #[serde(default)]
    stream_names: Vec<String>,
    #[serde(default)]
    has_more_streams: bool,
    next_token: Option<String>,
    #[serde(default)]
    stream_summaries: Vec<StreamSummary>,
}

/// One stream of a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StreamSummary {
    /// Its name.
    pub stream_name: String,
    /// CREATING, ACTIVE, UPDATING or DELETING; empty where the server lists names only.
    pub stream_status: String,
    /// Provisioned or on-demand.
    pub stream_mode_details: StreamMode,
    #[serde(rename = "StreamCreationTimestamp")]
    created: Option<Time>,
}

impl StreamSummary {
    /// When the stream was created.
    pub fn created(&self) -> Option<Timestamp> {
        timestamp(self.created)
    }
}

/// Mode in which a stream's shards are managed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StreamMode {
    /// PROVISIONED or ON_DEMAND; empty where the server does not say.
    pub stream_mode: String,
}

pub(super) fn timestamp(time: Option<Time>) -> Option<Timestamp> {
    time.map(|Time(timestamp)| timestamp)
}

impl Client {
    /// Every stream, by name.
    pub async fn list_streams(&self) -> Result<Vec<StreamSummary>, Error> {
        let mut streams: Vec<StreamSummary> = Vec::new();
        let mut token = None;
        loop {
            let last = streams.last().map(|stream| stream.stream_name.clone());
            let input = Input {
                exclusive_start_stream_name: last.clone().filter(|_| token.is_none()).map(Text::from),
                next_token: token.map(Text::from),
            };
            let output: Output = self.call("ListStreams", &input).await?;
            if output.stream_summaries.is_empty() {
                let named = |stream_name| StreamSummary { stream_name, ..StreamSummary::default() };
                streams.extend(output.stream_names.into_iter().map(named));
            } else {
                streams.extend(output.stream_summaries);
            }
            // A page that brings nothing new would be asked for again for ever.
            let moved = streams.last().map(|stream| &stream.stream_name) != last.as_ref();
            if !output.has_more_streams || !moved {
                return Ok(streams);
            }
            token = output.next_token;
        }
    }
}
