//! Stored metadata of a table.
//!
//! JSON: a field can be added with `#[serde(default)]`. Names and variants are never changed or reused.

use std::collections::BTreeMap;

use headwater_types::{AccountId, Realm, Region, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::description::Status;
use crate::encryption::EncryptionMeta;
use crate::options::OnDemand;
use crate::schema::{
    Billing, IndexSpec, KeyAttribute, KeySchema, TableClass, TableKey, TableName, Throughput,
};

/// Lifecycle phase of a table or an index. A transition ends by itself when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Creating { until: Timestamp },
    Active,
    Updating { until: Timestamp },
    Deleting { until: Timestamp },
}

impl Phase {
    /// The status at `now`; `None` once it is gone.
    pub(crate) fn status(self, now: Timestamp) -> Option<Status> {
        match self {
            Self::Deleting { until } if now >= until => None,
            Self::Deleting { .. } => Some(Status::Deleting),
            Self::Creating { until } if now < until => Some(Status::Creating),
            Self::Updating { until } if now < until => Some(Status::Updating),
            Self::Creating { .. } | Self::Updating { .. } | Self::Active => Some(Status::Active),
        }
    }
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexMeta {
    pub(crate) spec: IndexSpec,
    pub(crate) phase: Phase,
    /// Memory that it was estimated to take when it was created of a table with items, in bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) estimate_bytes: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Items are deleted when their time has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimeToLiveMeta {
    /// Attribute that says when.
    pub(crate) attribute: String,
    pub(crate) enabled: bool,
    /// Until when the change is being made.
    pub(crate) until: Timestamp,
}

/// A table, less its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableMeta {
    /// Tells this table from all others there ever were.
    pub(crate) uid: u64,
    #[serde(rename = "account")]
    pub(crate) owner: Owner,
    pub(crate) name: TableName,
    /// A UUID.
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) phase: Phase,
    pub(crate) schema: KeySchema,
    #[serde(default)]
    pub(crate) indexes: Vec<IndexMeta>,
    pub(crate) billing: Billing,
    #[serde(default)]
    pub(crate) pay_per_request_since: Option<Timestamp>,
    #[serde(default)]
    pub(crate) throughput_raised: Option<Timestamp>,
    #[serde(default)]
    pub(crate) throughput_lowered: Option<Timestamp>,
    #[serde(default)]
    pub(crate) class: Option<(TableClass, Option<Timestamp>)>,
    #[serde(default)]
    pub(crate) deletion_protection: bool,
    #[serde(default)]
    pub(crate) time_to_live: Option<TimeToLiveMeta>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "EncryptionMeta::is_unused")]
    pub(crate) encryption: EncryptionMeta,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_demand: Option<OnDemand>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) warm: Option<Throughput>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) point_in_time: Option<PointInTimeMeta>,
}

/// Point-in-time recovery as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PointInTimeMeta {
    pub(crate) days: u32,
}

impl TableMeta {
    /// True if it has more to store than before: an index, a tag, a longer value.
    pub(crate) fn takes_more_than(&self, before: &Self) -> bool {
        let size = |meta: &Self| {
            let tags = meta.tags.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
            (meta.indexes.len(), tags)
        };
        let ((indexes, tags), (indexes_before, tags_before)) = (size(self), size(before));
        indexes > indexes_before || tags > tags_before
    }

    /// Length of its record at the most, in bytes.
    pub(crate) fn stored_bytes(&self) -> usize {
        const CHANGE_BYTES: usize = 64;
        // There is no metadata that cannot be written.
        CHANGE_BYTES + serde_json::to_vec(self).map_or(0, |text| text.len())
    }

    pub(crate) fn key(&self, home: Region) -> TableKey {
        let Owner { account, region } = self.owner;
        let realm = Realm { account, region: region.unwrap_or(home) };
        TableKey { realm, name: self.name.clone() }
    }

    /// The status at `now`; `None` once a deleted table is gone.
    pub(crate) fn status(&self, now: Timestamp) -> Option<Status> {
        self.phase.status(now)
    }

    /// The attribute of this name in any key, if it is in one.
    pub(crate) fn key_attribute(&self, name: &str) -> Option<&KeyAttribute> {
        let of_indexes = self.indexes.iter().flat_map(|index| index.spec.schema.attributes());
        self.schema.attributes().chain(of_indexes).find(|attribute| attribute.name == name)
    }

    /// The attribute by whose time items are deleted.
    pub(crate) fn expiry_attribute(&self) -> Option<&str> {
        self.time_to_live.as_ref().filter(|ttl| ttl.enabled).map(|ttl| ttl.attribute.as_str())
    }
}

/// Account and region of a table, as they are stored: `ACCOUNT`, and outside the home region `ACCOUNT@REGION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    account: AccountId,
    /// None for the home region.
    region: Option<Region>,
}

impl Owner {
    pub(crate) fn new(realm: Realm, home: Region) -> Self {
        Self { account: realm.account, region: Some(realm.region).filter(|region| *region != home) }
    }
}

impl Serialize for Owner {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.region {
            None => to.serialize_str(self.account.as_str()),
            Some(region) => to.collect_str(&format_args!("{}@{region}", self.account)),
        }
    }
}

impl<'de> Deserialize<'de> for Owner {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let (account, region) = match text.split_once('@') {
            None => (text.as_str(), None),
            Some((account, region)) => (account, Some(region)),
        };
        let account = AccountId::new(account).ok_or_else(|| serde::de::Error::custom("not an account"))?;
        let region = region.map(|region| Region::new(region).ok_or(serde::de::Error::custom("not a region")));
        Ok(Self { account, region: region.transpose()? })
    }
}
