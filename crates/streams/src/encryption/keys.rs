//! The data keys of a stream as one view of it holds them: unwrapped, or why not.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_host::Random;
use headwater_types::StreamKey;
use headwater_vault::{DataKey, KeyTrouble, Keyring};
use tracing::error;

use super::meta::place;
use crate::meta::StreamMeta;

/// Unwrapped data keys by number. Empty for a stream that is not encrypted and was not.
#[derive(Debug, Default)]
pub(crate) struct StreamKeys {
    keys: BTreeMap<u32, Result<Arc<DataKey>, KeyTrouble>>,
    sealing: Option<u32>,
}

impl StreamKeys {
    /// The keys of this metadata. Those of an earlier view go on counting what they seal.
    pub(crate) fn open(
        stream: &StreamKey,
        meta: &StreamMeta,
        keyring: &Keyring,
        random: &dyn Random,
        earlier: Option<&Self>,
    ) -> Self {
        let mut keys = BTreeMap::new();
        for stored in &meta.encryption.keys {
            let unwrapped = keyring.unwrap(&stored.wrapped, &place(meta.uid, stored.number), random);
            let before = earlier.and_then(|earlier| earlier.keys.get(&stored.number));
            let key = match (unwrapped, before) {
                (Ok(_), Some(Ok(key))) => Ok(key.clone()),
                (Ok(key), _) => Ok(Arc::new(key)),
                (Err(trouble), _) => Err(trouble),
            };
            keys.insert(stored.number, key);
        }
        let opened = Self { keys, sealing: meta.encryption.active.as_ref().map(|active| active.key) };
        opened.report(stream, earlier);
        opened
    }

    /// Says once what is wrong with each master key that this stream needs.
    fn report(&self, stream: &StreamKey, earlier: Option<&Self>) {
        let troubles = |keys: &Self| -> Vec<KeyTrouble> {
            keys.keys.values().filter_map(|key| key.as_ref().err().cloned()).collect()
        };
        let mut known = earlier.map(troubles).unwrap_or_default();
        for trouble in troubles(self) {
            if !known.contains(&trouble) {
                error!(
                    stream = %stream.name, account = %stream.realm.account, region = %stream.realm.region, %trouble,
                    "records of an encrypted stream cannot be read or written until its key is back"
                );
                known.push(trouble);
            }
        }
    }

    /// The key that seals, with its number; `None` where records are stored as they are.
    pub(crate) fn sealing(&self) -> Result<Option<(u32, &DataKey)>, KeyTrouble> {
        let Some(number) = self.sealing else { return Ok(None) };
        match self.keys.get(&number) {
            Some(Ok(key)) => Ok(Some((number, key))),
            Some(Err(trouble)) => Err(trouble.clone()),
            // The metadata names a key that it does not hold.
            None => Err(KeyTrouble::NotFound(format!("data key {number}"))),
        }
    }

    /// The key of this number, if the stream has it.
    pub(crate) fn get(&self, number: u32) -> Option<&Result<Arc<DataKey>, KeyTrouble>> {
        self.keys.get(&number)
    }

    /// Records and bytes that the newest key has sealed.
    pub(crate) fn used(&self) -> (u64, u64) {
        self.sealing().ok().flatten().map(|(_, key)| key.used()).unwrap_or_default()
    }
}
