//! The manifest: which logs hold a machine, and the fence around them.
//!
//! # Constraints
//! Changed by compare-and-set only. Opening a machine writes the manifest anew; from then on this process changes it only
//! from the version that this had: a snapshot by an earlier owner is never named by it.
//!
//! # Format
//! JSON. A field can be added with a default; names are never changed or reused. `layout` is the number of this format
//! and of the records that are the crate's own; `format` is the machine's. Both are 1 where they are not given.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use bytes::Bytes;
use headwater_store::{Expected, MetaStore, StoreError};
use serde::{Deserialize, Serialize};

use crate::error::{MachineError, Result};
use crate::machine::Machine;

/// Number of the layout that this version writes and reads.
pub(crate) const LAYOUT: u32 = 1;

/// Names of the logs that hold the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of the manifest and of the crate's own records.
    #[serde(default = "one")]
    pub layout: u32,
    /// The highest format of changes that was ever written.
    #[serde(default = "one")]
    pub format: u32,
    /// The newest snapshot and the journal after it.
    #[serde(flatten)]
    pub newest: Generation,
    /// The one before, in case the newest snapshot is damaged. The journal is kept from its beginning on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Generation>,
    /// True if the one before holds what is to be gone: it goes with the next snapshot. Only tables have written it,
    /// which made snapshots of their own once.
    #[serde(default, rename = "is_previous_plain", skip_serializing_if = "std::ops::Not::not")]
    pub drops_previous: bool,
}

/// A snapshot, and the journal from where it was begun: together they are the state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Number of the snapshot, if there is one.
    pub snapshot: Option<u64>,
    /// Position from which on the journal counts.
    pub from: u64,
    /// Position of the journal's end when the snapshot was complete.
    pub settled: u64,
    /// Low-water mark of the payloads at `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_water: Option<u64>,
}

fn one() -> u32 {
    1
}

impl Manifest {
    /// The manifest of a machine that nothing was stored of.
    pub(crate) fn empty<M: Machine>() -> Self {
        Self {
            layout: LAYOUT,
            format: M::FORMAT,
            newest: Generation::default(),
            previous: None,
            drops_previous: false,
        }
    }

    /// Reads a manifest's bytes.
    ///
    /// # Errors
    /// `Damaged` if they are no manifest, `Format` if it is of a format that is not read.
    pub fn decode<M: Machine>(bytes: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| MachineError::Damaged {
            machine: M::NAME,
            cause: format!("the manifest is malformed: {error}"),
        })?;
        let refused = |what, found, writes| MachineError::Format { machine: M::NAME, what, found, writes };
        if manifest.layout != LAYOUT {
            return Err(refused("layout", manifest.layout, LAYOUT));
        }
        if manifest.format != M::FORMAT && !M::reads(manifest.format) {
            return Err(refused("format", manifest.format, M::FORMAT));
        }
        Ok(manifest)
    }

    /// The bytes that are stored.
    ///
    /// # Errors
    /// Only if JSON cannot be written, which does not happen.
    pub fn encode(&self) -> Result<Bytes> {
        let text = serde_json::to_vec(self).map_err(|error| StoreError::Invalid(error.to_string()))?;
        Ok(text.into())
    }

    /// The generations, the newest first.
    pub fn generations(&self) -> impl Iterator<Item = Generation> + use<> {
        [Some(self.newest), self.previous].into_iter().flatten()
    }

    /// Position from which on the journal is kept.
    pub(crate) fn kept_from(&self) -> u64 {
        self.generations().map(|generation| generation.from).min().unwrap_or(0)
    }

    /// The manifest, and what a change of it expects; an empty one if there is none.
    pub(crate) async fn load<M: Machine>(meta: &dyn MetaStore, key: &str) -> Result<(Self, Expected)> {
        match meta.get(key).await? {
            Some(stored) => Ok((Self::decode::<M>(&stored.value)?, Expected::Version(stored.version))),
            None => Ok((Self::empty::<M>(), Expected::Absent)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_without_numbers_is_of_the_first_format() {
        let read = |text: &str| serde_json::from_str::<Manifest>(text).expect(text);
        let old = read(r#"{"snapshot":7,"from":3,"settled":5}"#);
        let newest = Generation { snapshot: Some(7), from: 3, settled: 5, low_water: None };
        assert_eq!(old, Manifest { layout: 1, format: 1, newest, previous: None, drops_previous: false });
        assert!(read(r#"{"snapshot":7,"from":3,"settled":5,"is_previous_plain":true}"#).drops_previous);
        let text = r#"{"layout":1,"format":2,"snapshot":8,"from":9,"settled":9,"low_water":4,"previous":{"snapshot":7,"from":3,"settled":5}}"#;
        assert_eq!(read(text).previous, Some(newest));
        assert_eq!(read(text).kept_from(), 3);
        assert_eq!(&read(text).encode().expect("text")[..], text.as_bytes());
    }
}
