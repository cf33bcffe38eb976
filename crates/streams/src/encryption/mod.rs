//! Encryption at rest: StartStreamEncryption, StopStreamEncryption, and what follows from them.
//!
//! # Constraints
//! No engine sees what an encrypted stream holds: records are sealed here, one by one, before they are appended, and
//! opened here after they were read ([`records`]). Plain records pass untouched. What was stored sealed is read as
//! such whatever the stream does now.
//!
//! # Order of things
//! A stream has data keys, numbered, of which the newest seals ([`meta`]). They are stored in its metadata, wrapped by
//! a master key that is not in the store. Each view of a stream holds them unwrapped, or why that is impossible
//! ([`keys`]). Upkeep makes a new one when the newest has sealed enough, wraps them anew when the master key was
//! rotated, and forgets those whose records have all expired.
//!
//! # Recovery
//! A change of keys is one change of the metadata: it has happened or not. A data key is durable before it seals.
//! Without its master key a stream refuses puts, and reads of what is sealed, until the key is back; nothing is lost.

mod default_key;
mod keys;
mod meta;
mod records;

use std::sync::Arc;

use headwater_types::Timestamp;
use headwater_types::limits::Limit;
use headwater_vault::Keyring;
use tracing::{info, warn};

pub(crate) use keys::StreamKeys;
pub(crate) use meta::EncryptionMeta;
pub use meta::StreamKey as EncryptionKey;
pub use records::ServedBatch;
pub(crate) use records::{SEALED_RECORD_OVERHEAD, Sealer};

use crate::error::{Result, StreamsError};
use crate::handle::{StreamHandle, StreamView};
use crate::meta::{Phase, StreamMeta};
use crate::reshard::within_a_day;
use crate::service::{Change, StreamService};

impl StreamService {
    /// Seals what is put from now on under a master key, named as in AWS. The one it has already changes nothing.
    pub async fn start_encryption(&self, handle: &StreamHandle, key: &str) -> Result<()> {
        let stream = handle.key.clone();
        self.provide_default_key(key, stream.realm.region).await?;
        self.change_active(handle, |meta, now| {
            let (stream, keyring) = (stream.clone(), self.keyring.load());
            let trouble = |trouble| StreamsError::Key { stream: stream.clone(), trouble };
            let master = keyring.find(key, stream.realm.region).map_err(trouble)?;
            if meta.encryption.is_under(key, master) {
                return Ok(Change::Keep(()));
            }
            let started = within_a_day(&meta.encryption.started_at, now);
            let limit = self.limits_in(handle.key.realm).get(Limit::StartStreamEncryptionPerDay);
            if let Some(limit) = limit.filter(|&limit| started.len() as u64 >= limit) {
                return Err(StreamsError::TooOften { stream, what: "StartStreamEncryption", limit });
            }
            let mut meta = meta.clone();
            let made = |number| keyring.generate(master, &meta::place(meta.uid, number), &*self.random);
            let retired = retirement(&handle.view(), now);
            meta.encryption.start(key, master, now, retired, made).map_err(trouble)?;
            meta.encryption.started_at = within_a_day(&meta.encryption.started_at, now);
            meta.encryption.started_at.push(now);
            meta.phase = self.updating(now);
            Ok(Change::Write(Box::new(meta), ()))
        })
        .await
    }

    /// Stores what is put from now on as it is. On a stream that is not encrypted it changes nothing.
    pub async fn stop_encryption(&self, handle: &StreamHandle) -> Result<()> {
        self.change_active(handle, |meta, now| {
            if meta.encryption.active.is_none() {
                return Ok(Change::Keep(()));
            }
            let stopped = within_a_day(&meta.encryption.stopped_at, now);
            let limit = self.limits_in(handle.key.realm).get(Limit::StopStreamEncryptionPerDay);
            if let Some(limit) = limit.filter(|&limit| stopped.len() as u64 >= limit) {
                let stream = handle.key.clone();
                return Err(StreamsError::TooOften { stream, what: "StopStreamEncryption", limit });
            }
            let mut meta = meta.clone();
            meta.encryption.stop(retirement(&handle.view(), now));
            meta.encryption.stopped_at = stopped;
            meta.encryption.stopped_at.push(now);
            meta.phase = self.updating(now);
            Ok(Change::Write(Box::new(meta), ()))
        })
        .await
    }

    /// Takes other master keys from now on.
    pub async fn replace_keys(&self, keys: Arc<Keyring>) {
        self.keyring.store(keys);
        let handles: Vec<_> = self.streams.read().values().cloned().collect();
        for handle in handles {
            let _changing = handle.changing.lock().await;
            let view = handle.view();
            if view.meta.encryption.keys.is_empty() || matches!(view.meta.phase, Phase::Deleting { .. }) {
                continue;
            }
            match self.view_of(&handle.key, view.meta.clone(), view.version, Some(&view)).await {
                Ok(view) => handle.replace_view(view),
                Err(error) => warn!(stream = %handle.key.name, %error, "a stream keeps its former keys"),
            }
        }
    }

    /// Upkeep of the data keys: a new one where the newest has sealed enough, the others wrapped and kept as is due.
    pub(crate) async fn tend_keys(&self, handle: &StreamHandle) -> Result<()> {
        let meta = &handle.view.load_full().meta;
        if meta.encryption.keys.is_empty() || matches!(meta.phase, Phase::Deleting { .. }) {
            return Ok(());
        }
        let noted = self
            .change(handle, |meta, now| {
                let (view, keyring) = (handle.view(), self.keyring.load());
                let used = view.keys.used();
                let tended = meta.encryption.tended(meta::Tending {
                    uid: meta.uid,
                    now,
                    horizon: meta.horizon(now),
                    retired: retirement(&view, now),
                    used,
                    keyring: &keyring,
                    random: &*self.random,
                });
                Ok(match tended {
                    None => Change::Keep(None),
                    Some((encryption, note)) => {
                        let meta = StreamMeta { encryption, ..meta.clone() };
                        Change::Write(Box::new(meta), Some(note))
                    }
                })
            })
            .await?;
        if let Some(meta::Tended { made, rewrapped, forgotten }) = noted {
            info!(stream = %handle.key.name, made, rewrapped, forgotten, "data keys were tended");
        }
        Ok(())
    }
}

/// The time after which no record is sealed under a key that is retired now: clocks may have been set back.
fn retirement(view: &StreamView, now: Timestamp) -> Timestamp {
    view.shards.iter().map(|shard| shard.log.bounds().last_arrival).fold(now, Timestamp::max)
}
