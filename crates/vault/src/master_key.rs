//! Keys that people keep.

use std::collections::BTreeSet;

use headwater_host::Random;

use crate::names::{Alias, DEFAULT_ALIAS, KeyId};
use crate::secret::Secret;

/// A master key: the newest version wraps, all of them unwrap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKey {
    /// Its name for ever.
    pub id: KeyId,
    /// Its other names.
    pub aliases: BTreeSet<Alias>,
    /// False while nobody may use it.
    pub enabled: bool,
    /// Seconds since 1970.
    pub created_s: u64,
    /// In the order of their numbers; at least one.
    pub versions: Vec<MasterKeyVersion>,
}

/// One version of a master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeyVersion {
    /// Grows with each rotation, from 1.
    pub number: u32,
    /// Seconds since 1970.
    pub created_s: u64,
    /// The key.
    pub secret: Secret,
}

impl MasterKey {
    /// A new one, without aliases.
    pub fn generate(random: &dyn Random, now_s: u64) -> Self {
        Self::new(KeyId::generate(random), Secret::generate(random), now_s)
    }

    /// The one whose secret was given without a file: its id follows from the secret, and it is the default key.
    pub fn of_secret(secret: Secret, now_s: u64) -> Self {
        let mut key = Self::new(KeyId::of_secret(&secret), secret, now_s);
        key.aliases.extend(Alias::parse(DEFAULT_ALIAS));
        key
    }

    fn new(id: KeyId, secret: Secret, now_s: u64) -> Self {
        let first = MasterKeyVersion { number: 1, created_s: now_s, secret };
        Self { id, aliases: BTreeSet::new(), enabled: true, created_s: now_s, versions: vec![first] }
    }

    /// Adds a version with a secret of its own.
    pub fn rotate(&mut self, random: &dyn Random, now_s: u64) -> u32 {
        let number = self.newest().map_or(1, |newest| newest.number + 1);
        self.versions.push(MasterKeyVersion { number, created_s: now_s, secret: Secret::generate(random) });
        number
    }

    /// The version that wraps.
    pub fn newest(&self) -> Option<&MasterKeyVersion> {
        self.versions.last()
    }
}
