//! Recurring work: trim what has passed retention, drop shards whose records have all expired, remove deleted streams,
//! finish reshards, settle transitions that have ended, scale on-demand streams, tend data keys.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tracing::warn;

use crate::error::Result;
use crate::handle::StreamHandle;
use crate::meta::{Phase, StreamMeta};
use crate::service::{Change, StreamService, log_ids};

/// Readers never see an expired record whatever this is: it bounds how long its space is kept.
const INTERVAL: Duration = Duration::from_secs(15);

impl StreamService {
    /// Does everything that is due, again and again, until the task is dropped.
    pub async fn run_upkeep(self: Arc<Self>) {
        // Keys first: a server that is started again and again must come to it.
        for handle in self.handles() {
            self.note_failure(&handle, self.tend_keys(&handle).await);
        }
        loop {
            self.clock.sleep(INTERVAL).await;
            self.upkeep().await;
        }
    }

    /// Does everything that is due now.
    pub async fn upkeep(&self) {
        for handle in self.handles() {
            self.note_failure(&handle, self.upkeep_of(&handle).await);
        }
    }

    fn handles(&self) -> Vec<Arc<StreamHandle>> {
        self.streams.read().values().cloned().collect()
    }

    fn note_failure(&self, handle: &StreamHandle, done: Result<()>) {
        if let Err(error) = done {
            warn!(stream = %handle.key.name, %error, "upkeep of a stream failed; it will be tried again");
        }
    }

    async fn upkeep_of(&self, handle: &StreamHandle) -> Result<()> {
        let now = self.clock.now();
        let view = handle.view();
        if view.meta.status(now).is_none() {
            return self.remove_if_gone(&handle.key).await;
        }
        if matches!(view.meta.phase, Phase::Deleting { .. }) {
            return Ok(());
        }
        if view.meta.reshard.is_some() {
            self.finish_reshard(handle).await?;
        }
        if view.meta.is_unsettled(now) {
            self.change(handle, |meta, now| {
                let settled = || StreamMeta { phase: Phase::Active, ..meta.clone() };
                Ok(if meta.is_unsettled(now) {
                    Change::Write(Box::new(settled()), ())
                } else {
                    Change::Keep(())
                })
            })
            .await?;
        }
        self.trim_expired(handle).await?;
        self.drop_expired_shards(handle).await?;
        self.tend_keys(handle).await?;
        self.scale(handle).await
    }

    /// Forgets, for good, the records that have passed retention.
    pub(crate) async fn trim_expired(&self, handle: &StreamHandle) -> Result<()> {
        let view = handle.view();
        let horizon = view.meta.horizon(self.clock.now());
        let trims = view.shards.iter().map(|shard| async move {
            let bounds = shard.log.bounds();
            if bounds.start == bounds.end {
                return Ok(());
            }
            let from = shard.log.position_at(horizon).await?;
            if from > bounds.start { shard.log.trim(from).await } else { Ok(()) }
        });
        // All at once, so that one commit takes them together.
        try_join_all(trims).await?;
        Ok(())
    }

    async fn drop_expired_shards(&self, handle: &StreamHandle) -> Result<()> {
        let dropped = self
            .change(handle, |meta, now| {
                let Some(shards) = meta.shards.expire(meta.horizon(now)) else {
                    return Ok(Change::Keep(Vec::new()));
                };
                let gone =
                    meta.shards.all().iter().map(|shard| shard.id).filter(|&id| shards.get(id).is_none());
                let logs = log_ids(meta, gone)?;
                Ok(Change::Write(Box::new(StreamMeta { shards, ..meta.clone() }), logs))
            })
            .await?;
        // Should this be cut short, the logs go with their stream.
        Ok(self.logs.delete(&dropped).await?)
    }
}
