//! DeleteStream, and the removal of what is left of a stream.

use std::sync::Arc;

use headwater_store::StoreError;
use headwater_types::StreamKey;
use tracing::warn;

use crate::error::{Result, StreamsError};
use crate::keys::{self, Key};
use crate::meta::{Phase, StreamStatus};
use crate::service::{Change, StreamService, labels_of};

impl StreamService {
    /// Deletes a stream in any state; it is DELETING when this returns and goes by itself. One that has consumers is
    /// left alone unless `with_consumers` says that they go with it.
    pub async fn delete_stream(self: &Arc<Self>, key: &StreamKey, with_consumers: bool) -> Result<()> {
        let (handle, _) = self.find(key)?;
        self.change(&handle, |meta, now| {
            match meta.status(now) {
                None => return Err(StreamsError::StreamNotFound(key.clone())),
                Some(status @ StreamStatus::Deleting) => {
                    return Err(StreamsError::NotActive { stream: key.clone(), status });
                }
                Some(StreamStatus::Creating | StreamStatus::Active | StreamStatus::Updating) => {}
            }
            if !with_consumers && meta.consumers(now).next().is_some() {
                return Err(StreamsError::HasConsumers(key.clone()));
            }
            let mut meta = meta.clone();
            meta.consumers.clear();
            meta.phase = Phase::Deleting { until: now.plus(self.config.transition) };
            meta.reshard = None;
            Ok(Change::Write(Box::new(meta), ()))
        })
        .await?;
        if self.config.transition.is_zero() {
            return self.remove_if_gone(key).await;
        }
        // Should this task not come to its end, upkeep does the same.
        let (service, key) = (self.clone(), key.clone());
        tokio::spawn(async move {
            service.clock.sleep(service.config.transition).await;
            if let Err(error) = service.remove_if_gone(&key).await {
                warn!(stream = %key.name, %error, "a deleted stream could not be removed; it will be tried again");
            }
        });
        Ok(())
    }

    /// Removes logs and metadata of a stream whose deletion is over. Does nothing to any other.
    pub(crate) async fn remove_if_gone(&self, key: &StreamKey) -> Result<()> {
        let Some(handle) = self.streams.read().get(key).cloned() else { return Ok(()) };
        let _changing = handle.changing.lock().await;
        let view = handle.view();
        if view.meta.status(self.clock.now()).is_some() {
            return Ok(());
        }
        // By name and not by shard map: a reshard may have made logs that no map mentions.
        let logs = self.logs.list(&keys::logs_of(view.meta.uid)).await?;
        self.logs.delete(&logs).await?;
        match self.meta.delete(&Key::Stream(key).text(self.config.home), view.version).await {
            // Somebody else removed it.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        let mut streams = self.streams.write();
        if streams.get(key).is_some_and(|current| Arc::ptr_eq(current, &handle)) {
            streams.remove(key);
            self.metrics.remove_stream(&labels_of(key));
        }
        Ok(())
    }
}
