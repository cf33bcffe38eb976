//! The metadata that says which logs hold the tables.
//!
//! # Format
//! JSON under the key `tables/root`. Names are never changed or reused; `previous` is absent in what versions wrote that
//! kept one snapshot.

use bytes::Bytes;
use headwater_store::{MetaStore, Position, Version};
use serde::{Deserialize, Serialize};

use crate::error::{Result, TablesError};
use crate::keys;

/// A snapshot, and the log from where it was begun: together they are the tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generation {
    /// The snapshot, if there is one.
    pub(crate) snapshot: Option<u64>,
    /// From here on the log counts.
    from: u64,
    /// Here the snapshot was complete.
    settled: u64,
}

impl Generation {
    pub(crate) fn new(snapshot: u64, from: Position, settled: Position) -> Self {
        Self { snapshot: Some(snapshot), from: from.get(), settled: settled.get() }
    }

    pub(crate) fn from(&self) -> Result<Position> {
        let from = Position::new(self.from);
        from.ok_or_else(|| TablesError::Damaged(format!("{} is no position", self.from)))
    }

    /// True of a position that the snapshot may have been made after.
    pub(crate) fn is_unsettled(&self, at: Position) -> bool {
        at.get() < self.settled
    }
}

/// The generations that are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    #[serde(flatten)]
    pub(crate) newest: Generation,
    /// The one before, in case the newest snapshot is damaged. The log is kept from its beginning on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Generation>,
    /// True if the one before has items as they are of a table that is encrypted by now: it is to go soon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_previous_plain: bool,
}

impl Manifest {
    pub(crate) fn encode(&self) -> Result<Bytes> {
        let text = serde_json::to_vec(self).map_err(|error| TablesError::Damaged(error.to_string()))?;
        Ok(text.into())
    }

    /// The newest first.
    pub(crate) fn generations(&self) -> impl Iterator<Item = Generation> {
        [Some(self.newest), self.previous].into_iter().flatten()
    }

    /// From here on the log is kept.
    pub(crate) fn kept_from(&self) -> Result<Position> {
        self.previous.as_ref().unwrap_or(&self.newest).from()
    }

    /// The stored one.
    pub(crate) async fn read(meta: &dyn MetaStore) -> Result<Option<(Self, Version)>> {
        let Some(stored) = meta.get(keys::MANIFEST).await? else { return Ok(None) };
        let manifest = serde_json::from_slice(&stored.value);
        let manifest =
            manifest.map_err(|error| TablesError::Damaged(format!("{}: {error}", keys::MANIFEST)))?;
        Ok(Some((manifest, stored.version)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_versions_wrote_is_read() {
        let read = |text: &str| serde_json::from_str::<Manifest>(text).expect(text);
        let old = read(r#"{"snapshot":7,"from":3,"settled":5}"#);
        let newest = Generation { snapshot: Some(7), from: 3, settled: 5 };
        assert_eq!(old, Manifest { newest, previous: None, is_previous_plain: false });
        let first = read(r#"{"snapshot":null,"from":0,"settled":0}"#);
        assert_eq!(first, Manifest::default());
        let both = r#"{"snapshot":8,"from":9,"settled":9,"previous":{"snapshot":7,"from":3,"settled":5}}"#;
        assert_eq!(read(both).previous, Some(newest));
        assert_eq!(String::from_utf8(read(both).encode().expect("text").to_vec()).expect("text"), both);
    }
}
