//! Encryption of a table's items at rest.
//!
//! # Constraints
//! No engine sees an item of an encrypted table, in the log or in a snapshot: every change of one is sealed by itself before it
//! is appended. What was stored sealed is read as such whatever the table does now.
//!
//! # Order of things
//! A table has data keys, numbered, of which one seals ([`EncryptionMeta`]). They are stored with the table, wrapped by a
//! master key that is not in the store, and held unwrapped, or why that is impossible, beside its items ([`TableKeys`]).
//!
//! # Format
//! A change is sealed as the JSON array of this one change. Associated data: `headwater table 1`, the table's uid, the
//! number of the key. So it opens for its table and for no other.
//!
//! # Recovery
//! Without its master key a table refuses reads and writes of items until the key is back; nothing is lost, and no snapshot is
//! made meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_host::Random;
use headwater_types::Region;
use headwater_vault::{DEFAULT_ALIAS, DataKey, Forged, KeyId, KeyRef, KeyTrouble, Keyring, WrappedKey};
use serde::{Deserialize, Serialize};

use crate::change::{Change, decode, encode};
use crate::error::{Result, TablesError};

/// The alias of the key of tables for which none is named.
pub const TABLES_ALIAS: &str = "alias/aws/dynamodb";
/// A data key seals so many changes, half of what it could...
const KEY_CHANGES_MAX: u64 = 1 << 31;
/// ...or so many bytes: 2^36 blocks, with which an attacker learns nothing (advantage below 2^-56).
const KEY_BYTES_MAX: u64 = 1 << 40;

/// Master keys, and what data keys are made with.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) random: Arc<dyn Random>,
    /// The region of what is stored without one.
    pub(crate) home: Region,
}

impl Vault {
    /// The master key that a caller in a region means. Without `alias/aws/dynamodb` the default key of streams is that of tables.
    pub(crate) fn master(&self, given: Option<&str>, region: Region) -> Result<KeyId, KeyTrouble> {
        let found = self.keyring.find(given.unwrap_or(TABLES_ALIAS), region);
        let found = match is_default(given, region) {
            false => found,
            true => found.or_else(|_| self.keyring.find(DEFAULT_ALIAS, region)),
        };
        found.cloned()
    }

    /// True if a default key is meant and there is none yet.
    pub(crate) fn lacks_default(&self, given: Option<&str>, region: Region) -> bool {
        let master = self.master(given, region);
        matches!(master, Err(KeyTrouble::NoKeys(_) | KeyTrouble::NotFound(_))) && is_default(given, region)
    }
}

/// True if a default key is meant.
fn is_default(given: Option<&str>, region: Region) -> bool {
    given.is_none_or(|given| match KeyRef::parse(given, region) {
        Some(KeyRef::Alias(alias)) => [TABLES_ALIAS, DEFAULT_ALIAS].contains(&alias.as_str()),
        Some(_) | None => false,
    })
}

/// The key that seals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActiveKey {
    pub(crate) master: KeyId,
    /// The number of the data key.
    key: u32,
}

/// A data key, kept for ever: nobody knows what is sealed under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredKey {
    /// Never used again in this table.
    number: u32,
    wrapped: WrappedKey,
}

/// Stored keys of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EncryptionMeta {
    /// `None` while items are stored as they are.
    #[serde(default)]
    pub(crate) active: Option<ActiveKey>,
    #[serde(default)]
    keys: Vec<StoredKey>,
}

impl EncryptionMeta {
    /// True for tables that never were encrypted.
    pub(crate) fn is_unused(&self) -> bool {
        self.keys.is_empty()
    }

    /// Seals under this master key from now on. Switching back and forth makes no new key each time.
    pub(crate) fn start(&mut self, uid: u64, master: &KeyId, vault: &Vault) -> Result<(), KeyTrouble> {
        let newest = self.keys.last().filter(|newest| newest.wrapped.master == *master);
        let key = match newest {
            Some(newest) => newest.number,
            None => self.add(uid, master, vault)?,
        };
        self.active = Some(ActiveKey { master: master.clone(), key });
        Ok(())
    }

    fn add(&mut self, uid: u64, master: &KeyId, vault: &Vault) -> Result<u32, KeyTrouble> {
        let number = self.keys.last().map_or(0, |newest| newest.number) + 1;
        let wrapped = vault.keyring.generate(master, &key_place(uid, number), &*vault.random)?;
        self.keys.push(StoredKey { number, wrapped });
        Ok(number)
    }

    /// The keys after upkeep, `None` if nothing is due: a new data key where one is worn, all of them wrapped by the
    /// newest version of their master keys.
    pub(crate) fn tended(&self, uid: u64, keys: &TableKeys, vault: &Vault) -> Option<Self> {
        let mut meta = self.clone();
        if let Some(active) = &self.active
            && keys.are_worn()
            && let Ok(key) = meta.add(uid, &active.master, vault)
        {
            meta.active = Some(ActiveKey { key, ..active.clone() });
        }
        for key in &mut meta.keys {
            if vault.keyring.is_outdated(&key.wrapped)
                && let Ok(wrapped) =
                    vault.keyring.rewrap(&key.wrapped, &key_place(uid, key.number), &*vault.random)
            {
                key.wrapped = wrapped;
            }
        }
        (meta != *self).then_some(meta)
    }
}

/// The data keys of a table: unwrapped, or why not.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableKeys {
    keys: BTreeMap<u32, Result<Arc<DataKey>, KeyTrouble>>,
    sealing: Option<u32>,
}

impl TableKeys {
    /// Those of this metadata. Those that were open before go on counting what they seal.
    pub(crate) fn open(uid: u64, meta: &EncryptionMeta, vault: &Vault, earlier: &Self) -> Self {
        let open = |stored: &StoredKey| {
            let place = key_place(uid, stored.number);
            let unwrapped = vault.keyring.unwrap(&stored.wrapped, &place, &*vault.random);
            let key = match (unwrapped, earlier.keys.get(&stored.number)) {
                (Ok(_), Some(Ok(key))) => Ok(key.clone()),
                (Ok(key), _) => Ok(Arc::new(key)),
                (Err(trouble), _) => Err(trouble),
            };
            (stored.number, key)
        };
        let sealing = meta.active.as_ref().map(|active| active.key);
        Self { keys: meta.keys.iter().map(open).collect(), sealing }
    }

    /// True if changes are sealed.
    pub(crate) fn seal(&self) -> bool {
        self.sealing.is_some()
    }

    /// Why changes cannot be sealed, or `any` of what was sealed not be opened.
    pub(crate) fn trouble(&self, any: bool) -> Option<&KeyTrouble> {
        let concerned = self.keys.iter().filter(|(number, _)| any || self.sealing == Some(**number));
        concerned.filter_map(|(_, key)| key.as_ref().err()).next()
    }

    fn are_worn(&self) -> bool {
        let Some(Ok(key)) = self.sealing.and_then(|number| self.keys.get(&number)) else { return false };
        let (changes, bytes) = key.used();
        changes >= KEY_CHANGES_MAX || bytes >= KEY_BYTES_MAX
    }

    /// The change as it is stored.
    pub(crate) fn sealed(&self, uid: u64, change: &Change) -> Result<Change> {
        let unusable = || TablesError::Damaged(format!("the data keys of the table {uid} cannot be used"));
        let number = self.sealing.ok_or_else(unusable)?;
        let Some(Ok(key)) = self.keys.get(&number) else { return Err(unusable()) };
        let plain = encode(std::slice::from_ref(change)).map_err(TablesError::Damaged)?;
        let mut sealed = Vec::with_capacity(plain.len() + headwater_vault::SEALED_OVERHEAD);
        let done = key.cipher().seal(&place(uid, number), &mut sealed, |out| out.extend_from_slice(&plain));
        done.map_err(|error| TablesError::Damaged(error.to_string()))?;
        Ok(Change::Sealed(uid, number, sealed.into()))
    }

    /// The change that was sealed; `None` if its key cannot be used.
    pub(crate) fn opened(&self, uid: u64, number: u32, sealed: &[u8]) -> Result<Option<Change>, Forged> {
        let key = match self.keys.get(&number) {
            Some(Ok(key)) => key,
            Some(Err(_)) => return Ok(None),
            None => return Err(Forged),
        };
        let mut plain = Vec::with_capacity(sealed.len());
        key.cipher().open(&place(uid, number), sealed, &mut plain)?;
        let mut changes = decode(&plain).map_err(|_| Forged)?;
        match (changes.pop(), changes.is_empty()) {
            (Some(change @ (Change::Put(of, _) | Change::Delete(of, _))), true) if of == uid => {
                Ok(Some(change))
            }
            _ => Err(Forged),
        }
    }
}

/// Context of a data key, authenticated with it.
fn key_place(uid: u64, number: u32) -> Vec<u8> {
    [b"table".as_slice(), &uid.to_be_bytes(), &number.to_be_bytes()].concat()
}

/// Context of a sealed change, authenticated with it.
fn place(uid: u64, number: u32) -> Vec<u8> {
    [b"headwater table 1".as_slice(), &uid.to_be_bytes(), &number.to_be_bytes()].concat()
}
