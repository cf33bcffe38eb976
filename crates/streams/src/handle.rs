//! State that a server holds of a stream while it runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use headwater_store::{ShardLog, Version};
use headwater_telemetry::StreamMetrics;
use headwater_types::limits::CallRates;
use headwater_types::{Shard, ShardId, StreamKey, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::encryption::StreamKeys;
use crate::limits::ShardBudget;
use crate::measure::{ConsumerMeasures, Measures, StreamMetric};
use crate::meta::StreamMeta;
use crate::scaling::StreamTraffic;
use crate::stats::{ShardReport, ShardStats};
use crate::subscribe::Seats;
use crate::traffic::ShardTraffic;

/// One shard's log, what is left of its rates, what was done with it, and how busy it is.
#[derive(Debug)]
pub struct ShardHandle {
    pub(crate) log: Arc<dyn ShardLog>,
    pub(crate) budget: Mutex<ShardBudget>,
    pub(crate) stats: ShardStats,
    pub(crate) traffic: ShardTraffic,
}

impl ShardHandle {
    /// The shard's records.
    pub fn log(&self) -> &Arc<dyn ShardLog> {
        &self.log
    }

    /// Activity of the shard since the server started.
    pub fn report(&self, now: Timestamp) -> ShardReport {
        self.stats.report(now)
    }
}

/// A stream as it was at one version of its metadata. Never changes.
#[derive(Debug)]
pub struct StreamView {
    pub(crate) meta: StreamMeta,
    pub(crate) version: Version,
    /// In the order of `meta.shards.all()`.
    pub(crate) shards: Vec<Arc<ShardHandle>>,
    pub(crate) keys: StreamKeys,
}

impl StreamView {
    /// The metadata.
    pub fn meta(&self) -> &StreamMeta {
        &self.meta
    }

    /// Every shard with its log, by id.
    pub fn shards(&self) -> impl Iterator<Item = (&Shard, &ShardHandle)> {
        self.meta.shards.all().iter().zip(self.shards.iter().map(Arc::as_ref))
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
    /// Told whenever `view` was replaced.
    pub(crate) changed: Notify,
    pub(crate) seats: Seats,
    pub(crate) metrics: StreamMetrics,
    pub(crate) measures: Measures<StreamMetric>,
    pub(crate) consumer_measures: ConsumerMeasures,
    /// Remaining budget of calls to its operations.
    pub(crate) calls: Mutex<CallRates>,
    pub(crate) traffic: StreamTraffic,
}

impl StreamHandle {
    /// Owner and name.
    pub fn key(&self) -> &StreamKey {
        &self.key
    }

    pub(crate) fn replace_view(&self, view: Arc<StreamView>) {
        debug_assert!(
            view.shards.is_empty() || view.shards.len() == view.meta.shards.all().len(),
            "a view has the log of every shard, or of none while the stream is deleted"
        );
        self.view.store(view);
        self.changed.notify_waiters();
    }

    /// The stream as it is now.
    pub fn view(&self) -> Arc<StreamView> {
        self.view.load_full()
    }
}
