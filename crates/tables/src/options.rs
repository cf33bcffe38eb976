//! Settings of a table that clients may leave out.

use headwater_vault::KeyId;

use crate::meta::PointInTimeMeta;
use crate::schema::Throughput;

/// Settings of CreateTable and UpdateTable; what is `None` is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// Encryption of items at rest.
    pub encryption: Option<EncryptionChoice>,
    /// Bounds of an on-demand table.
    pub on_demand: Option<OnDemandChange>,
    /// Throughput that the table is ready for.
    pub warm: Option<Throughput>,
}

/// A change of the bounds of an on-demand table: what is `None` is left as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OnDemandChange {
    /// Of reads.
    pub read: Option<Bound>,
    /// Of writes.
    pub write: Option<Bound>,
}

/// A bound, in units a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// None.
    Unbounded,
    /// So many.
    AtMost(u64),
}

impl Bound {
    fn units(self) -> Option<u64> {
        match self {
            Self::Unbounded => None,
            Self::AtMost(units) => Some(units),
        }
    }
}

/// Encryption of items at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncryptionChoice {
    /// Not by this server.
    Off,
    /// Under a master key, as the caller names it; the default one if they name none.
    Key(Option<String>),
}

/// The most that an on-demand table may use, in units a second; `None` is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OnDemand {
    /// Of reads.
    pub read: Option<u64>,
    /// Of writes.
    pub write: Option<u64>,
}

impl OnDemand {
    /// The bounds after a change.
    pub(crate) fn changed(self, change: OnDemandChange) -> Self {
        Self {
            read: change.read.map_or(self.read, Bound::units),
            write: change.write.map_or(self.write, Bound::units),
        }
    }
}

/// Point-in-time recovery as it was asked for. Nothing is kept for it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointInTime {
    /// Days back that were asked for.
    pub days: u32,
}

impl From<PointInTimeMeta> for PointInTime {
    fn from(meta: PointInTimeMeta) -> Self {
        Self { days: meta.days }
    }
}

/// Settings of a table as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableSettings {
    /// The master key under which items are encrypted, if they are.
    pub master_key: Option<KeyId>,
    /// Bounds of an on-demand table.
    pub on_demand: Option<OnDemand>,
    /// Throughput that the table is ready for.
    pub warm: Option<Throughput>,
    /// Point-in-time recovery, if it was asked for.
    pub point_in_time: Option<PointInTime>,
}
