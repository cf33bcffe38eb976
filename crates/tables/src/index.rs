//! Secondary indexes: the items of a table in another order.
//!
//! # Algorithm
//! An index of a table that has items is built from the first of them to the last, a stretch at a time, while writes go on.
//! Writes of items up to where it has got go into it; those behind are found there later. What it will take of memory is
//! estimated before it is created and kept reserved until it is built.

use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use crate::description::Status;
use crate::limits::PLACE_BYTES;
use crate::meta::{IndexMeta, Phase};
use crate::order::{OrderedKey, Place, index_place_bytes};
use crate::schema::{IndexSpec, KeySchema};
use crate::state::{Entries, projected_bytes};
use crate::value::{Item, size_bytes};
use crate::write::check_index_keys;

/// An index: the table's items, whole, in another order.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) spec: IndexSpec,
    pub(crate) entries: Entries,
    /// Size that it would have with the projected attributes only.
    pub(crate) bytes: usize,
    /// False once it is being deleted: then it has nothing.
    pub(crate) is_live: bool,
    /// Memory of its places, roughly, in bytes.
    memory_bytes: usize,
    /// `None` once all items of the table are in it.
    build: Option<Build>,
}

/// Progress of an index that is being built.
#[derive(Debug, Clone)]
struct Build {
    /// The last item of the table that was taken.
    after: Option<Place>,
    /// Memory that the whole index will take, roughly, in bytes.
    reserved_bytes: usize,
}

impl Index {
    /// An index without entries: one to be built where it is live and the table has items.
    pub(crate) fn new(meta: &IndexMeta, is_live: bool, has_items: bool) -> Self {
        let build = Build { after: None, reserved_bytes: meta.estimate_bytes };
        Self {
            spec: meta.spec.clone(),
            entries: Entries::new(),
            bytes: 0,
            is_live,
            memory_bytes: 0,
            build: (is_live && has_items).then_some(build),
        }
    }

    /// True if it can stay what it is under this metadata.
    pub(crate) fn is_of(&self, spec: &IndexSpec, is_live: bool) -> bool {
        self.is_live == is_live
            && self.spec.name == spec.name
            && self.spec.schema == spec.schema
            && self.spec.projection == spec.projection
    }

    /// The same index with this throughput.
    pub(crate) fn under(self, spec: &IndexSpec) -> Self {
        Self { spec: spec.clone(), ..self }
    }

    /// Status at `now`: until it is built it is being created. `None` once it is gone.
    pub(crate) fn status(&self, phase: Phase, now: headwater_types::Timestamp) -> Option<Status> {
        match phase.status(now) {
            Some(Status::Active | Status::Updating) if self.is_building() => Some(Status::Creating),
            status => status,
        }
    }

    pub(crate) fn is_building(&self) -> bool {
        self.build.is_some()
    }

    /// Memory that is set aside for it, roughly, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes.max(self.build.as_ref().map_or(0, |build| build.reserved_bytes))
    }

    /// Its entries, and the memory that they take.
    pub(crate) fn into_entries(self) -> (Entries, usize) {
        (self.entries, self.memory_bytes)
    }

    /// Takes further items of the table, about `limit_bytes` of them, until there are none.
    pub(crate) fn build(&mut self, table: &KeySchema, items: &Entries, limit_bytes: usize) {
        let Some(build) = self.build.as_ref() else { return };
        let start = build.after.clone().map_or(Unbounded, Excluded);
        let mut bytes = 0;
        for (place, item) in items.range((start, Unbounded)) {
            if bytes >= limit_bytes {
                return;
            }
            bytes += PLACE_BYTES + size_bytes(item);
            self.insert(table, &place.key, item);
            if let Some(build) = &mut self.build {
                build.after = Some(place.clone());
            }
        }
        self.build = None;
    }

    /// Replaces the entry of an item of the table.
    pub(crate) fn replace(
        &mut self,
        table: &KeySchema,
        primary: &Place,
        old: Option<&Item>,
        new: Option<&Arc<Item>>,
    ) {
        if !self.is_live {
            return;
        }
        if let Some(build) = &mut self.build {
            let bytes = |item: &Item| entry_bytes(&self.spec, table, item);
            let come = build.reserved_bytes + new.map_or(0, |item| bytes(item));
            build.reserved_bytes = come.saturating_sub(old.map_or(0, bytes));
            if build.after.as_ref().is_none_or(|after| primary > after) {
                return;
            }
        }
        if let Some(old) = old {
            self.remove(table, &primary.key, old);
        }
        if let Some(new) = new {
            self.insert(table, &primary.key, new);
        }
    }

    fn remove(&mut self, table: &KeySchema, primary: &OrderedKey, item: &Item) {
        if let Some(place) = self.place(primary, item)
            && self.entries.remove(&place).is_some()
        {
            self.bytes -= projected_bytes(&self.spec, table, item);
            self.memory_bytes -= place.memory_bytes();
        }
    }

    fn insert(&mut self, table: &KeySchema, primary: &OrderedKey, item: &Arc<Item>) {
        if let Some(place) = self.place(primary, item) {
            self.bytes += projected_bytes(&self.spec, table, item);
            self.memory_bytes += place.memory_bytes();
            let old = self.entries.insert(place, item.clone());
            debug_assert!(old.is_none(), "an item has one place in an index");
        }
    }

    fn place(&self, primary: &OrderedKey, item: &Item) -> Option<Place> {
        // An item from before the index may have an empty or too large value where no write could put one now.
        check_index_keys(&self.spec, item, None).ok()?;
        OrderedKey::of(&self.spec.schema, item).map(|key| key.place_of(primary.clone()))
    }
}

/// Memory that an index takes for an item, roughly, in bytes: none if the item is not in it.
pub(crate) fn entry_bytes(spec: &IndexSpec, table: &KeySchema, item: &Item) -> usize {
    let has_key = spec.schema.attributes().all(|attribute| item.contains_key(&attribute.name));
    let is_in = has_key && check_index_keys(spec, item, None).is_ok();
    if is_in { index_place_bytes(&spec.schema, table, item) } else { 0 }
}
