//! Stored state of a stream's keys, and how it changes. Pure.

use std::time::Duration;

use headwater_host::Random;
use headwater_types::Timestamp;
use headwater_vault::{KeyId, KeyTrouble, Keyring, WrappedKey};
use serde::{Deserialize, Serialize};

/// A data key seals for so long...
const KEY_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// ...or so many records: half of what it could...
const KEY_RECORDS_MAX: u64 = 1 << 31;
/// ...or so many bytes: 2^36 blocks, with which an attacker learns nothing (advantage below 2^-56).
const KEY_BYTES_MAX: u64 = 1 << 40;
/// A key is kept for so long after its last record has expired: a put may have been under way when it was retired.
const KEPT_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Master key that a stream is encrypted with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamKey {
    /// As the caller named it.
    pub given: String,
    /// The one that was meant by it.
    pub master: KeyId,
    /// The data key that seals.
    pub(crate) key: u32,
}

/// A data key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredKey {
    /// Its number, never used again in this stream.
    pub(crate) number: u32,
    pub(crate) created: Timestamp,
    /// No record that arrived later is sealed under it, [`KEPT_AFTER`] allowed.
    #[serde(default)]
    pub(crate) retired: Option<Timestamp>,
    pub(crate) wrapped: WrappedKey,
}

/// All keys of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EncryptionMeta {
    /// Key that records are sealed under now; `None` while they are stored as they are.
    #[serde(default)]
    pub(crate) active: Option<StreamKey>,
    /// By number.
    #[serde(default)]
    pub(crate) keys: Vec<StoredKey>,
    /// The largest number that was given.
    #[serde(default)]
    pub(crate) last_number: u32,
    /// When encryption was started, or the key changed, in the last 24 hours.
    #[serde(default)]
    pub(crate) started_at: Vec<Timestamp>,
    /// When encryption was stopped in the last 24 hours.
    #[serde(default)]
    pub(crate) stopped_at: Vec<Timestamp>,
}

/// Associated data of a data key: its stream and number.
pub(crate) fn place(uid: u64, number: u32) -> [u8; 12] {
    let mut place = [0; 12];
    place[..8].copy_from_slice(&uid.to_be_bytes());
    place[8..].copy_from_slice(&number.to_be_bytes());
    place
}

/// Facts that upkeep goes by.
pub(crate) struct Tending<'a> {
    pub(crate) uid: u64,
    pub(crate) now: Timestamp,
    /// Records that arrived before have expired, and are gone.
    pub(crate) horizon: Timestamp,
    /// When a key that is replaced now has sealed its last record.
    pub(crate) retired: Timestamp,
    /// Records and bytes that the newest key has sealed here.
    pub(crate) used: (u64, u64),
    pub(crate) keyring: &'a Keyring,
    pub(crate) random: &'a dyn Random,
}

/// Work that upkeep did, in numbers of keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tended {
    pub(crate) made: usize,
    pub(crate) rewrapped: usize,
    pub(crate) forgotten: usize,
}

impl EncryptionMeta {
    /// True for streams that never were encrypted.
    pub(crate) fn is_unused(&self) -> bool {
        *self == Self::default()
    }

    /// True if the stream is encrypted with this key, and called it so.
    pub(crate) fn is_under(&self, given: &str, master: &KeyId) -> bool {
        self.active.as_ref().is_some_and(|active| active.given == given && active.master == *master)
    }

    /// Seals under this master key from now on. `made` makes the data key of a number.
    pub(crate) fn start(
        &mut self,
        given: &str,
        master: &KeyId,
        now: Timestamp,
        retired: Timestamp,
        made: impl FnOnce(u32) -> Result<WrappedKey, KeyTrouble>,
    ) -> Result<(), KeyTrouble> {
        // Starting and stopping again and again, or another name of the same key, must not pile up keys.
        let newest = self.keys.last_mut().filter(|newest| newest.number == self.last_number);
        let usable = newest.filter(|newest| {
            newest.wrapped.master == *master
                && now.millis_since(newest.created) < KEY_AGE_MAX.as_millis() as u64
        });
        let key = match usable {
            Some(newest) => {
                newest.retired = None;
                newest.number
            }
            None => {
                self.retire(retired);
                self.add(now, made)?
            }
        };
        self.active = Some(StreamKey { given: given.to_owned(), master: master.clone(), key });
        Ok(())
    }

    /// Stores records as they are from now on.
    pub(crate) fn stop(&mut self, retired: Timestamp) {
        self.retire(retired);
        self.active = None;
    }

    /// Returns the metadata after upkeep; `None` if nothing was done.
    pub(crate) fn tended(&self, tending: Tending<'_>) -> Option<(Self, Tended)> {
        let Tending { uid, now, horizon, retired, used, keyring, random } = tending;
        let (mut meta, mut done) = (self.clone(), Tended::default());
        meta.keys.retain(|key| key.retired.is_none_or(|retired| retired.plus(KEPT_AFTER) >= horizon));
        done.forgotten = self.keys.len() - meta.keys.len();
        if let Some(active) = &self.active
            && self.is_worn(active.key, now, used)
        {
            let made = |number| keyring.generate(&active.master, &place(uid, number), random);
            let mut renewed = meta.clone();
            renewed.retire(retired);
            // Without its master key nothing is sealed, so the old key does not wear any further.
            if let Ok(key) = renewed.add(now, made) {
                renewed.active = Some(StreamKey { key, ..active.clone() });
                (meta, done.made) = (renewed, 1);
            }
        }
        for key in &mut meta.keys {
            if keyring.is_outdated(&key.wrapped)
                && let Ok(wrapped) = keyring.rewrap(&key.wrapped, &place(uid, key.number), random)
            {
                key.wrapped = wrapped;
                done.rewrapped += 1;
            }
        }
        (done != Tended::default()).then_some((meta, done))
    }

    /// True if a key has sealed enough. Nobody knows what it sealed in other processes: its age bounds that as well.
    fn is_worn(&self, number: u32, now: Timestamp, (records, bytes): (u64, u64)) -> bool {
        let key = self.keys.iter().find(|key| key.number == number);
        let age_ms = key.map_or(0, |key| now.millis_since(key.created));
        records >= KEY_RECORDS_MAX || bytes >= KEY_BYTES_MAX || age_ms >= KEY_AGE_MAX.as_millis() as u64
    }

    fn retire(&mut self, at: Timestamp) {
        self.keys.iter_mut().for_each(|key| key.retired = key.retired.or(Some(at)));
    }

    fn add(
        &mut self,
        now: Timestamp,
        made: impl FnOnce(u32) -> Result<WrappedKey, KeyTrouble>,
    ) -> Result<u32, KeyTrouble> {
        let number = self.last_number + 1;
        let wrapped = made(number)?;
        self.last_number = number;
        self.keys.push(StoredKey { number, created: now, retired: None, wrapped });
        Ok(number)
    }
}
