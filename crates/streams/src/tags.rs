//! Tags of streams and consumers.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_types::limits::TAGS_MAX;

use crate::consumers::ConsumerRef;
use crate::error::{Result, StreamsError};
use crate::handle::StreamHandle;
use crate::meta::StreamMeta;
use crate::service::{Change, StreamService};

/// Resource that has tags.
#[derive(Debug, Clone)]
pub enum Tagged {
    /// A stream.
    Stream(Arc<StreamHandle>),
    /// One of its consumers.
    Consumer(Arc<StreamHandle>, ConsumerRef),
}

impl StreamService {
    /// Adds tags; one with a key that exists replaces it.
    pub async fn add_tags(&self, to: &Tagged, tags: &BTreeMap<String, String>) -> Result<()> {
        self.change_tags(to, |current| {
            current.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
        })
        .await
    }

    /// Removes tags; a key that does not exist is passed over.
    pub async fn remove_tags(&self, from: &Tagged, keys: &[String]) -> Result<()> {
        self.change_tags(from, |current| current.retain(|key, _| !keys.contains(key))).await
    }

    /// The tags.
    pub fn tags(&self, of: &Tagged) -> Result<BTreeMap<String, String>> {
        match of {
            Tagged::Stream(handle) => Ok(handle.view().meta.tags.clone()),
            Tagged::Consumer(handle, consumer) => Ok(self.find_consumer(handle, consumer)?.tags),
        }
    }

    async fn change_tags(&self, of: &Tagged, change: impl Fn(&mut BTreeMap<String, String>)) -> Result<()> {
        match of {
            Tagged::Stream(handle) => self.change_stream_tags(handle, change).await,
            Tagged::Consumer(handle, consumer) => self.change_consumer_tags(handle, consumer, change).await,
        }
    }

    async fn change_stream_tags(
        &self,
        handle: &StreamHandle,
        change: impl Fn(&mut BTreeMap<String, String>),
    ) -> Result<()> {
        self.change(handle, |meta, now| {
            if meta.status(now).is_none() {
                return Err(StreamsError::StreamNotFound(handle.key.clone()));
            }
            let mut tags = meta.tags.clone();
            change(&mut tags);
            if tags == meta.tags {
                return Ok(Change::Keep(()));
            }
            if tags.len() > TAGS_MAX {
                return Err(StreamsError::TooManyTags { stream: handle.key.clone(), limit: TAGS_MAX });
            }
            Ok(Change::Write(Box::new(StreamMeta { tags, ..meta.clone() }), ()))
        })
        .await
    }
}
