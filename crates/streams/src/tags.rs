//! Tags of streams.

use std::collections::BTreeMap;

use headwater_types::limits::TAGS_MAX;

use crate::error::{Result, StreamsError};
use crate::handle::StreamHandle;
use crate::meta::StreamMeta;
use crate::service::{Change, StreamService};

impl StreamService {
    /// Adds tags; one with a key that exists replaces it.
    pub async fn add_tags(&self, handle: &StreamHandle, tags: &BTreeMap<String, String>) -> Result<()> {
        self.change_tags(handle, |current| {
            current.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
        })
        .await
    }

    /// Removes tags; a key that does not exist is passed over.
    pub async fn remove_tags(&self, handle: &StreamHandle, keys: &[String]) -> Result<()> {
        self.change_tags(handle, |current| current.retain(|key, _| !keys.contains(key))).await
    }

    async fn change_tags(
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
