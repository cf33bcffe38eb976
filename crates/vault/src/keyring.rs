//! All master keys there are, and what they do.

use std::collections::BTreeMap;

use headwater_host::Random;
use headwater_types::Region;
use ring::aead::NONCE_LEN;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::data_key::{DataKey, aes, decrypt, encrypt};
use crate::master_key::MasterKey;
use crate::names::{Alias, KeyId, KeyRef};
use crate::secret::Secret;

/// Why a key cannot be used. The texts name the key and the mend; secrets are in none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyTrouble {
    /// The server was started without master keys.
    #[error(
        "Key '{0}' does not exist: this server was given no master keys, without which there is alias/aws/kinesis at the most. \
         Make some with `headwater keys init --file FILE` and start the server with --master-key-file FILE, or set \
         HEADWATER_MASTER_KEY."
    )]
    NoKeys(String),
    /// There are master keys, but not this one.
    #[error(
        "Key '{0}' does not exist: it is not among the master keys of this server. `headwater keys list --file FILE` shows \
         which there are. If it was there before, put it back from a copy of the master key file."
    )]
    NotFound(String),
    /// The key may not be used for now.
    #[error("Key '{0}' is disabled. `headwater keys enable` makes it usable again.")]
    Disabled(KeyId),
    /// The key has lost the version that is needed.
    #[error(
        "Key '{key}' has no version {version} any more, which wrapped a data key. Put it back from a copy of the \
         master key file."
    )]
    VersionNotFound {
        /// The key.
        key: KeyId,
        /// Its version.
        version: u32,
    },
    /// The secret is another one than before, or the wrapped data key was damaged.
    #[error(
        "Key '{key}' (version {version}) does not open a data key that was wrapped by it: its secret is another one \
         now, or what was wrapped is damaged. Put the key back from a copy of the master key file."
    )]
    Wrong {
        /// The key.
        key: KeyId,
        /// Its version.
        version: u32,
    },
}

/// Why keys cannot stand together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Two keys have one id.
    #[error("the key {0} is there twice")]
    SameId(KeyId),
    /// Two keys have one alias.
    #[error("two keys have the alias {0}")]
    SameAlias(Alias),
    /// Versions are missing or do not grow.
    #[error("the versions of the key {0} must be at least one, with numbers that grow from 1 on")]
    Versions(KeyId),
}

/// A data key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey {
    /// The master key that wrapped it.
    pub master: KeyId,
    /// Version of the master key.
    pub version: u32,
    /// Base64 of nonce, ciphertext and tag.
    sealed: String,
}

/// Master keys. Never changes; another file makes another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyring {
    keys: BTreeMap<KeyId, MasterKey>,
    aliases: BTreeMap<Alias, KeyId>,
}

impl Keyring {
    /// These keys.
    ///
    /// # Errors
    /// An id or an alias is there twice, or a key has no version.
    pub fn new(keys: impl IntoIterator<Item = MasterKey>) -> Result<Self, KeyringError> {
        let mut ring = Self::default();
        for key in keys {
            let grow = key.versions.is_sorted_by(|a, b| a.number < b.number);
            if !grow || key.versions.first().is_none_or(|first| first.number == 0) {
                return Err(KeyringError::Versions(key.id));
            }
            if ring.keys.contains_key(&key.id) {
                return Err(KeyringError::SameId(key.id));
            }
            for alias in &key.aliases {
                if ring.aliases.insert(alias.clone(), key.id.clone()).is_some() {
                    return Err(KeyringError::SameAlias(alias.clone()));
                }
            }
            ring.keys.insert(key.id.clone(), key);
        }
        Ok(ring)
    }

    /// All of them, by id.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &MasterKey> {
        self.keys.values()
    }

    /// The key that a caller in `region` means, if it may be used.
    pub fn find(&self, text: &str, region: Region) -> Result<&KeyId, KeyTrouble> {
        let id = match KeyRef::parse(text, region) {
            Some(KeyRef::Id(id)) => Some(id),
            Some(KeyRef::Alias(alias)) => self.aliases.get(&alias).cloned(),
            None => None,
        };
        let found = id.and_then(|id| self.keys.get(&id)).ok_or_else(|| self.missing(text))?;
        Ok(&self.usable(&found.id)?.id)
    }

    /// Makes a data key for `place` and wraps it.
    ///
    /// # Errors
    /// The master key is not there or is disabled.
    pub fn generate(
        &self,
        master: &KeyId,
        place: &[u8],
        random: &dyn Random,
    ) -> Result<WrappedKey, KeyTrouble> {
        self.wrap(&Secret::generate(random), master, place, random)
    }

    /// Unwraps a data key that was wrapped for `place`.
    ///
    /// # Errors
    /// Its master key, or the version that wrapped it, is not there or is disabled; or it was wrapped for another place
    /// or by another key of this name ([`KeyTrouble::Wrong`]).
    pub fn unwrap(
        &self,
        wrapped: &WrappedKey,
        place: &[u8],
        random: &dyn Random,
    ) -> Result<DataKey, KeyTrouble> {
        Ok(DataKey::new(self.secret_of(wrapped, place)?, random))
    }

    /// True if the master key has a newer version than the one that wrapped this.
    pub fn is_outdated(&self, wrapped: &WrappedKey) -> bool {
        let newest = self.usable(&wrapped.master).ok().and_then(MasterKey::newest);
        newest.is_some_and(|newest| newest.number > wrapped.version)
    }

    /// The same data key, wrapped by the newest version of its master key.
    pub fn rewrap(
        &self,
        wrapped: &WrappedKey,
        place: &[u8],
        random: &dyn Random,
    ) -> Result<WrappedKey, KeyTrouble> {
        self.wrap(&self.secret_of(wrapped, place)?, &wrapped.master, place, random)
    }

    fn usable(&self, id: &KeyId) -> Result<&MasterKey, KeyTrouble> {
        let key = self.keys.get(id).ok_or_else(|| self.missing(id.as_str()))?;
        if key.enabled { Ok(key) } else { Err(KeyTrouble::Disabled(id.clone())) }
    }

    fn missing(&self, asked: &str) -> KeyTrouble {
        if self.keys.is_empty() {
            KeyTrouble::NoKeys(asked.to_owned())
        } else {
            KeyTrouble::NotFound(asked.to_owned())
        }
    }

    fn wrap(
        &self,
        secret: &Secret,
        master: &KeyId,
        place: &[u8],
        random: &dyn Random,
    ) -> Result<WrappedKey, KeyTrouble> {
        let newest = self.usable(master)?.newest().ok_or_else(|| self.missing(master.as_str()))?;
        // A master key wraps so seldom that random nonces do.
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = nonce.to_vec();
        sealed.reserve_exact(64);
        sealed.extend_from_slice(secret.bytes());
        encrypt(
            &aes(&newest.secret),
            nonce,
            &wrapped_place(master, newest.number, place),
            &mut sealed,
            NONCE_LEN,
        );
        let sealed = base64_simd::STANDARD.encode_to_string(&sealed);
        Ok(WrappedKey { master: master.clone(), version: newest.number, sealed })
    }

    fn secret_of(&self, wrapped: &WrappedKey, place: &[u8]) -> Result<Secret, KeyTrouble> {
        let (key, version) = (wrapped.master.clone(), wrapped.version);
        let master = self.usable(&key)?;
        let found = master.versions.iter().find(|known| known.number == version);
        let Some(found) = found else { return Err(KeyTrouble::VersionNotFound { key, version }) };
        // Room for all of it, so that no piece of it is left where it grew.
        let mut plain = Zeroizing::new(Vec::with_capacity(wrapped.sealed.len()));
        let sealed = base64_simd::STANDARD.decode_to_vec(wrapped.sealed.as_bytes()).ok();
        sealed
            .and_then(|sealed| {
                let place = wrapped_place(&key, version, place);
                decrypt(&aes(&found.secret), &place, &sealed, &mut plain).ok()?;
                Secret::from_bytes(&plain)
            })
            .ok_or(KeyTrouble::Wrong { key, version })
    }
}

/// Associated data that binds a wrapped key to its place.
fn wrapped_place(master: &KeyId, version: u32, place: &[u8]) -> Vec<u8> {
    let version = version.to_be_bytes();
    [b"headwater data key 1".as_slice(), master.as_str().as_bytes(), &version, place].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use headwater_host::SeededRandom;

    use super::*;
    use crate::data_key::Exhausted;

    #[test]
    fn a_worn_key_seals_no_more() {
        let key = DataKey::new(Secret::from_bytes(&[1; 32]).unwrap(), &*SeededRandom::new(1));
        key.wear((1 << 32) - 2);
        let mut nonces = HashSet::new();
        for expected in [Ok(()), Ok(()), Err(Exhausted), Err(Exhausted)] {
            let mut out = Vec::new();
            assert_eq!(key.cipher().seal(b"", &mut out, |_| {}), expected);
            assert!(out.is_empty() == expected.is_err());
            assert!(expected.is_err() || nonces.insert(out[..NONCE_LEN].to_vec()));
        }
    }
}
