//! All tables and their items, and the only place where they change.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_types::{AccountId, Timestamp};

use crate::change::{Change, TokenMeta};
use crate::description::Status;
use crate::error::{Result, TablesError};
use crate::limits::{ITEM_OVERHEAD_BYTES, TOKEN_LIFE, TOKENS_MAX};
use crate::meta::{Phase, TableMeta};
use crate::order::{OrderedKey, Place};
use crate::schema::{IndexProjection, IndexSpec, KeySchema, TableKey, TableName};
use crate::value::{Item, size_bytes};

/// Items in order.
pub(crate) type Entries = BTreeMap<Place, Arc<Item>>;

/// Everything.
#[derive(Debug, Default, Clone)]
pub(crate) struct State {
    tables: BTreeMap<u64, Table>,
    /// Which table has a name: one that is gone until it was noticed, otherwise the only one.
    names: BTreeMap<TableKey, u64>,
    /// By account and token: digest of the request, and when.
    tokens: BTreeMap<(String, String), (u64, Timestamp)>,
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) meta: TableMeta,
    pub(crate) items: Entries,
    /// Items, with their names.
    pub(crate) bytes: usize,
    /// In the order of [`TableMeta::indexes`].
    pub(crate) indexes: Vec<Index>,
}

/// An index: the table's items, whole, in another order.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) spec: IndexSpec,
    pub(crate) entries: Entries,
    /// What it would weigh with what it projects only.
    pub(crate) bytes: usize,
}

impl State {
    /// The table of this name, whatever its state, unless it is gone.
    pub(crate) fn find(&self, key: &TableKey, now: Timestamp) -> Result<(&Table, Status)> {
        let found = self.names.get(key).and_then(|uid| self.tables.get(uid));
        let found = found.and_then(|table| Some((table, table.meta.status(now)?)));
        found.ok_or_else(|| TablesError::TableNotFound(key.name.clone()))
    }

    /// The table, if items can be read and written.
    pub(crate) fn ready(&self, key: &TableKey, now: Timestamp) -> Result<&Table> {
        match self.find(key, now)? {
            (table, Status::Active | Status::Updating) => Ok(table),
            (_, Status::Creating | Status::Deleting) => Err(TablesError::TableNotFound(key.name.clone())),
        }
    }

    /// All there are, those included that are gone and were not noticed yet.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    pub(crate) fn table(&self, uid: u64) -> Option<&Table> {
        self.tables.get(&uid)
    }

    /// Names of an account's tables after this one, in order.
    pub(crate) fn names(
        &self,
        account: AccountId,
        after: Option<&str>,
        now: Timestamp,
    ) -> impl Iterator<Item = &TableName> {
        self.names
            .iter()
            .filter(move |(key, uid)| {
                key.account == account
                    && after.is_none_or(|after| key.name.as_str() > after)
                    && self.tables.get(uid).is_some_and(|table| table.meta.status(now).is_some())
            })
            .map(|(key, _)| &key.name)
    }

    /// What everything takes in memory, roughly, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.tables.values().map(Table::memory_bytes).sum()
    }

    /// The digest of the request that was done with this token within its life.
    pub(crate) fn token(&self, account: AccountId, token: &str, now: Timestamp) -> Option<u64> {
        let (request, at) = self.tokens.get(&(account.as_str().to_owned(), token.to_owned()))?;
        (now < at.plus(TOKEN_LIFE)).then_some(*request)
    }

    /// How many more tokens can be remembered.
    pub(crate) fn token_room(&self, now: Timestamp) -> usize {
        TOKENS_MAX.saturating_sub(self.tokens.values().filter(|(_, at)| now < at.plus(TOKEN_LIFE)).count())
    }

    /// All tokens, to be written down.
    pub(crate) fn token_changes(&self) -> Vec<Change> {
        let change = |((account, token), (request, at)): (&(String, String), &(u64, Timestamp))| {
            Change::Token(TokenMeta(account.clone(), token.clone(), *request, at.as_millis()))
        };
        self.tokens.iter().map(change).collect()
    }

    /// Makes a change. One of a table that is not known is passed over, and `false` is the answer.
    pub(crate) fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::Table(meta) => self.set_table(*meta),
            Change::Gone(uid) => {
                let Some(table) = self.tables.remove(&uid) else { return false };
                let key = table.meta.key();
                if self.names.get(&key) == Some(&uid) {
                    self.names.remove(&key);
                }
            }
            Change::Put(uid, item) => {
                let Some(table) = self.tables.get_mut(&uid) else { return false };
                return table.set(item);
            }
            Change::Delete(uid, key) => {
                let Some(table) = self.tables.get_mut(&uid) else { return false };
                return table.remove(&key);
            }
            Change::Token(TokenMeta(account, token, request, ms)) => {
                let at = Timestamp::from_millis(ms);
                if self.tokens.len() >= TOKENS_MAX {
                    // Those that have ended by the time of this one.
                    self.tokens.retain(|_, (_, earlier)| at < earlier.plus(TOKEN_LIFE));
                }
                self.tokens.insert((account, token), (request, at));
            }
        }
        true
    }

    fn set_table(&mut self, meta: TableMeta) {
        let (uid, key) = (meta.uid, meta.key());
        match self.tables.get_mut(&uid) {
            Some(table) => {
                table.set_meta(meta);
                self.names.entry(key).or_insert(uid);
            }
            None => {
                self.tables.insert(uid, Table::new(meta));
                self.names.insert(key, uid);
            }
        }
    }
}

impl Table {
    fn new(meta: TableMeta) -> Self {
        let mut table = Self { meta: meta.clone(), items: Entries::new(), bytes: 0, indexes: Vec::new() };
        table.set_meta(meta);
        table
    }

    fn set_meta(&mut self, meta: TableMeta) {
        let mut known = std::mem::take(&mut self.indexes);
        for index in &meta.indexes {
            let spec = &index.spec;
            let same = |known: &Index| {
                known.spec.name == spec.name
                    && known.spec.schema == spec.schema
                    && known.spec.projection == spec.projection
            };
            self.indexes.push(match known.iter().position(same) {
                Some(at) => Index { spec: spec.clone(), ..known.swap_remove(at) },
                None => Index::build(spec.clone(), &self.meta.schema, &self.items),
            });
        }
        if matches!(meta.phase, Phase::Deleting { .. }) {
            self.items.clear();
            self.bytes = 0;
            self.indexes.iter_mut().for_each(Index::clear);
        }
        self.meta = meta;
    }

    /// The item of this key.
    pub(crate) fn get(&self, key: &Item) -> Option<&Arc<Item>> {
        self.items.get(&OrderedKey::of(&self.meta.schema, key)?.place())
    }

    fn set(&mut self, item: Arc<Item>) -> bool {
        let Some(primary) = OrderedKey::of(&self.meta.schema, &item) else { return false };
        let old = self.items.insert(primary.clone().place(), item.clone());
        self.bytes += size_bytes(&item);
        self.bytes -= old.as_deref().map_or(0, size_bytes);
        for index in &mut self.indexes {
            index.replace(&self.meta.schema, &primary, old.as_deref(), Some(&item));
        }
        true
    }

    fn remove(&mut self, key: &Item) -> bool {
        let Some(primary) = OrderedKey::of(&self.meta.schema, key) else { return false };
        let old = self.items.remove(&primary.clone().place());
        self.bytes -= old.as_deref().map_or(0, size_bytes);
        for index in &mut self.indexes {
            index.replace(&self.meta.schema, &primary, old.as_deref(), None);
        }
        true
    }

    /// The index of this name, if it is there.
    pub(crate) fn index(&self, name: &TableName) -> Option<&Index> {
        self.indexes.iter().find(|index| index.spec.name == *name)
    }

    fn memory_bytes(&self) -> usize {
        let entries: usize = self.indexes.iter().map(|index| index.entries.len()).sum();
        self.bytes + (self.items.len() + entries) * ITEM_OVERHEAD_BYTES
    }
}

impl Index {
    fn build(spec: IndexSpec, table: &KeySchema, items: &Entries) -> Self {
        let mut index = Self { spec, entries: Entries::new(), bytes: 0 };
        for (place, item) in items {
            index.replace(table, &place.key, None, Some(item));
        }
        index
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    fn replace(
        &mut self,
        table: &KeySchema,
        primary: &OrderedKey,
        old: Option<&Item>,
        new: Option<&Arc<Item>>,
    ) {
        let place =
            |item: &Item| OrderedKey::of(&self.spec.schema, item).map(|key| key.place_of(primary.clone()));
        let (was, is) = (old.and_then(place), new.and_then(|item| place(item)));
        if let (Some(place), Some(old)) = (was, old) {
            self.entries.remove(&place);
            self.bytes -= projected_bytes(&self.spec, table, old);
        }
        if let (Some(place), Some(new)) = (is, new) {
            self.bytes += projected_bytes(&self.spec, table, new);
            self.entries.insert(place, new.clone());
        }
    }
}

/// True if an index has this attribute.
pub(crate) fn is_projected(spec: &IndexSpec, table: &KeySchema, name: &str) -> bool {
    match &spec.projection {
        IndexProjection::All => true,
        IndexProjection::KeysOnly => spec.schema.has(name) || table.has(name),
        IndexProjection::Include(names) => names.contains(name) || spec.schema.has(name) || table.has(name),
    }
}

/// What an index has of an item.
pub(crate) fn projected(spec: &IndexSpec, table: &KeySchema, item: &Item) -> Item {
    let kept = item.iter().filter(|(name, _)| is_projected(spec, table, name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What that weighs, in bytes.
pub(crate) fn projected_bytes(spec: &IndexSpec, table: &KeySchema, item: &Item) -> usize {
    let kept = item.iter().filter(|(name, _)| is_projected(spec, table, name));
    kept.map(|(name, value)| name.len() + value.size_bytes()).sum()
}
