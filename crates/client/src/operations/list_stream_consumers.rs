//! ListStreamConsumers.

use headwater_types::Timestamp;
use headwater_wire::shape;
use headwater_wire::shape::{Text, Time};
use serde::Deserialize;

use super::list_streams::timestamp;
use crate::{Client, Error};

shape! {
    struct Input<'a> {
        stream_arn: Text<'a> = "StreamARN",
        next_token: Text<'a> = "NextToken",
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    #[serde(default)]
    consumers: Vec<Consumer>,
    next_token: Option<String>,
}

/// A registered consumer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Consumer {
    /// Its name.
    pub consumer_name: String,
    /// Its ARN.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: String,
    /// CREATING, ACTIVE or DELETING.
    pub consumer_status: String,
    #[serde(default, rename = "ConsumerCreationTimestamp")]
    created: Option<Time>,
}

impl Consumer {
    /// When it was registered.
    pub fn created(&self) -> Option<Timestamp> {
        timestamp(self.created)
    }
}

impl Client {
    /// Every consumer of the stream with this ARN.
    pub async fn list_stream_consumers(&self, stream_arn: &str) -> Result<Vec<Consumer>, Error> {
        let mut consumers = Vec::new();
        let mut input = Input { stream_arn: Some(stream_arn.into()), next_token: None };
        loop {
            let output: Output = self.call("ListStreamConsumers", &input).await?;
            consumers.extend(output.consumers);
            match output.next_token {
                Some(token) => input.next_token = Some(token.into()),
                None => return Ok(consumers),
            }
        }
    }
}
