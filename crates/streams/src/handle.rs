//! What a server holds of a stream while it runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use headwater_store::{ShardLog, Version};
use headwater_telemetry::StreamMetrics;
use headwater_types::{Shard, ShardId, StreamKey};
use parking_lot::Mutex;

use crate::limits::ShardBudget;
use crate::meta::StreamMeta;
use crate::scaling::StreamTraffic;
use crate::traffic::ShardTraffic;

/// One shard's log, what is left of its rates, and what has gone through it.
#[derive(Debug)]
pub struct ShardHandle {
    pub(crate) log: Arc<dyn ShardLog>,
    pub(crate) budget: Mutex<ShardBudget>,
    pub(crate) traffic: ShardTraffic,
}

impl ShardHandle {
    /// The shard's records.
    pub fn log(&self) -> &Arc<dyn ShardLog> {
        &self.log
    }
}

/// A stream as it was at one version of its metadata. Never changes.
#[derive(Debug)]
pub struct StreamView {
    pub(crate) meta: StreamMeta,
    pub(crate) version: Version,
    /// In the order of `meta.shards.all()`.
    pub(crate) shards: Vec<Arc<ShardHandle>>,
}

impl StreamView {
    /// The metadata.
    pub fn meta(&self) -> &StreamMeta {
        &self.meta
    }

    /// A shard and its log.
    pub(crate) fn shard(&self, id: ShardId) -> Option<(&Shard, &Arc<ShardHandle>)> {
        let index = self.meta.shards.index_of(id)?;
        Some((&self.meta.shards.all()[index], &self.shards[index]))
    }
}

/// A stream, for as long as it lives.
#[derive(Debug)]
pub struct StreamHandle {
    pub(crate) key: StreamKey,
    pub(crate) view: ArcSwap<StreamView>,
    /// Held while metadata is changed, so that this server never conflicts with itself.
    pub(crate) changing: tokio::sync::Mutex<()>,
    pub(crate) metrics: StreamMetrics,
    pub(crate) traffic: StreamTraffic,
}

impl StreamHandle {
    /// Owner and name.
    pub fn key(&self) -> &StreamKey {
        &self.key
    }

    /// The stream as it is now.
    pub fn view(&self) -> Arc<StreamView> {
        self.view.load_full()
    }
}
