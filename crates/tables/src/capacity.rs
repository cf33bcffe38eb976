//! Costs of requests, and buckets of tables whose capacity is provisioned or has a maximum.
//!
//! Costs are counted in half units (see [`Consumed`](crate::Consumed)).

use std::collections::HashMap;
use std::time::Duration;

use headwater_types::limits::Bucket;
use parking_lot::Mutex;

use crate::limits::BURST_S;
use crate::schema::{Billing, IndexScope, TableName, Throughput};
use crate::state::Table;

/// Half units of a read of so many bytes.
pub(crate) fn read_cost(bytes: usize, consistent: bool) -> u64 {
    let blocks = bytes.div_ceil(4096).max(1) as u64;
    if consistent { 2 * blocks } else { blocks }
}

/// Half units of a write of so many bytes.
pub(crate) fn write_cost(bytes: usize) -> u64 {
    2 * bytes.div_ceil(1024).max(1) as u64
}

/// Kind of access to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Read,
    Write,
}

/// A bucket's owner: a table, or a global index of it.
type Owner = (u64, Option<TableName>, Kind);

/// Capacity that is left of tables and indexes.
#[derive(Debug)]
pub(crate) struct Capacity {
    enforced: bool,
    /// With the rate for which it was made.
    buckets: Mutex<HashMap<Owner, (u64, Bucket)>>,
}

impl Capacity {
    pub(crate) fn new(enforced: bool) -> Self {
        Self { enforced, buckets: Mutex::default() }
    }

    /// True if the table, or its index, may be read or written now.
    pub(crate) fn has_any(
        &self,
        table: &Table,
        index: Option<&TableName>,
        kind: Kind,
        elapsed: Duration,
    ) -> bool {
        self.with(table, index, kind, |bucket| bucket.has_any(elapsed)).unwrap_or(true)
    }

    /// Takes what was used, in half units.
    pub(crate) fn take(&self, table: &Table, index: Option<&TableName>, kind: Kind, half_units: u64) {
        self.with(table, index, kind, |bucket| bucket.take(half_units));
    }

    fn with<T>(
        &self,
        table: &Table,
        index: Option<&TableName>,
        kind: Kind,
        run: impl FnOnce(&mut Bucket) -> T,
    ) -> Option<T> {
        if !self.enforced {
            return None;
        }
        let global =
            index.and_then(|name| table.index(name)).filter(|index| index.spec.scope == IndexScope::Global);
        let (read, write) = match (table.meta.billing, global) {
            (Billing::Provisioned(_), Some(index)) => both(index.spec.throughput?),
            (Billing::Provisioned(of_table), None) => both(of_table),
            // An index has as much as its table, and for itself.
            (Billing::PayPerRequest, _) => (table.meta.on_demand?.read, table.meta.on_demand?.write),
        };
        let units = if kind == Kind::Read { read? } else { write? };
        let owner = (table.meta.uid, global.map(|index| index.spec.name.clone()), kind);
        let rate = 2 * units;
        let mut buckets = self.buckets.lock();
        let (known, bucket) = buckets.entry(owner).or_insert_with(|| (rate, fresh(rate)));
        if *known != rate {
            (*known, *bucket) = (rate, fresh(rate));
        }
        Some(run(bucket))
    }

    /// Forgets tables that are gone.
    pub(crate) fn retain(&self, is_there: impl Fn(u64) -> bool) {
        self.buckets.lock().retain(|(uid, ..), _| is_there(*uid));
    }
}

fn both(throughput: Throughput) -> (Option<u64>, Option<u64>) {
    (Some(throughput.read), Some(throughput.write))
}

fn fresh(rate: u64) -> Bucket {
    Bucket::new(rate, rate * BURST_S)
}
