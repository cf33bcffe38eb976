//! All tables and their items, and the only place where they change.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use headwater_types::{Realm, Region, Timestamp};
use headwater_vault::KeyTrouble;

use crate::change::{Change, TokenMeta};
use crate::counts::Counts;
use crate::description::Status;
use crate::discard::Discarded;
use crate::encoded::{put_bytes, sealed_bytes};
use crate::encryption::{TableKeys, Vault};
use crate::error::{Result, TablesError};
use crate::index::{Index, entry_bytes};
use crate::limits::{TOKEN_LIFE, TOKENS_MAX};
use crate::meta::{Phase, TableMeta};
use crate::order::{OrderedKey, Place, place_bytes};
use crate::replay::Reading;
use crate::schema::{IndexProjection, IndexSpec, KeySchema, TableKey, TableName};
use crate::value::{Item, memory_bytes, size_bytes};

/// Items in order.
pub(crate) type Entries = BTreeMap<Place, Arc<Item>>;

/// Everything.
#[derive(Debug, Clone)]
pub(crate) struct State {
    tables: BTreeMap<u64, Table>,
    /// Table of each name: one that is gone until it was noticed, otherwise the only one.
    names: BTreeMap<TableKey, u64>,
    /// By account, outside the home region with the region, and token: digest of the request, and when.
    tokens: BTreeMap<(String, String), (u64, Timestamp)>,
    /// Tokens in the order in which they came.
    token_order: VecDeque<(Timestamp, (String, String))>,
    /// Tables with an index that is being built.
    building: BTreeSet<u64>,
    /// Items and entries that are gone and not freed yet.
    discarded: Discarded,
    figures: Figures,
    /// Keys that sealed items are opened and sealed with.
    vault: Vault,
    /// Tables that have lost changes, and how; of some nothing else is known.
    pub(crate) lost: BTreeMap<u64, String>,
    /// Why there may be tables that are not known at all.
    pub(crate) lost_unknown: Option<String>,
    /// Changes of each table in the journal; `None` while a loss makes them unknown.
    pub(crate) counts: Option<Counts>,
    /// In the journal behind the last counts, roughly.
    pub(crate) bytes_since_counts: usize,
    /// `None` once everything is read.
    pub(crate) reading: Option<Reading>,
}

/// Sums over all tables.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    /// Memory that they take, with what is not freed yet, roughly, in bytes.
    memory_bytes: usize,
    /// Length of their records in a snapshot at the most, in bytes.
    stored_bytes: usize,
}

impl Figures {
    fn leave(&mut self, table: &Table) {
        self.memory_bytes -= table.memory_bytes();
        self.stored_bytes -= table.stored_bytes();
    }

    fn come(&mut self, table: &Table) {
        self.memory_bytes += table.memory_bytes();
        self.stored_bytes += table.stored_bytes();
    }
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
    /// Memory of its items with their places, roughly, in bytes.
    items_memory_bytes: usize,
    /// Length of the records of its items, not sealed, at the most, in bytes.
    items_stored_bytes: usize,
    /// Length of the record of its metadata at the most, in bytes.
    meta_stored_bytes: usize,
    pub(crate) keys: TableKeys,
    /// True if there are items that could not be opened.
    is_unread: bool,
}

/// Why a change could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It is of a table that is not known.
    NoTable,
    /// It is not of this table's form, or does not open.
    Unfit,
}

impl State {
    pub(crate) fn new(vault: Vault) -> Self {
        Self {
            tables: BTreeMap::new(),
            names: BTreeMap::new(),
            tokens: BTreeMap::new(),
            token_order: VecDeque::new(),
            building: BTreeSet::new(),
            discarded: Discarded::default(),
            figures: Figures::default(),
            vault,
            lost: BTreeMap::new(),
            lost_unknown: None,
            counts: None,
            bytes_since_counts: 0,
            reading: Some(Reading::default()),
        }
    }

    /// The region of tables that are stored without one.
    pub(crate) fn home(&self) -> Region {
        self.vault.home
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Takes other master keys. True if items can be opened now that could not when they were read.
    pub(crate) fn replace_vault(&mut self, vault: Vault) -> bool {
        self.vault = vault;
        let mut opens = false;
        for table in self.tables.values_mut() {
            table.open_keys(&self.vault);
            opens |= table.is_unread && table.keys.trouble(true).is_none();
        }
        opens
    }

    /// A table with items that could not be opened.
    pub(crate) fn unread(&self) -> Option<&Table> {
        self.tables.values().find(|table| table.is_unread)
    }

    /// True if the change is stored sealed.
    pub(crate) fn seals(&self, change: &Change) -> bool {
        let (Change::Put(uid, _) | Change::Delete(uid, _)) = change else { return false };
        self.tables.get(uid).is_some_and(|table| table.keys.seal())
    }

    /// The counts, if it is time to write them.
    pub(crate) fn due_counts(&self) -> Option<Change> {
        let counts = self.counts.as_ref().filter(|counts| counts.are_due(self.bytes_since_counts))?;
        Some(counts.change())
    }

    /// The change as it is stored.
    pub(crate) fn stored<'a>(&self, change: &'a Change) -> Result<Cow<'a, Change>> {
        let (Change::Put(uid, _) | Change::Delete(uid, _)) = change else { return Ok(Cow::Borrowed(change)) };
        match self.tables.get(uid).filter(|table| table.keys.seal()) {
            Some(table) => table.keys.sealed(*uid, change).map(Cow::Owned),
            None => Ok(Cow::Borrowed(change)),
        }
    }

    /// The table of this name, whatever its state, unless it is gone.
    pub(crate) fn find(&self, key: &TableKey, now: Timestamp) -> Result<(&Table, Status)> {
        let found = self.names.get(key).and_then(|uid| self.tables.get(uid));
        let found = found.and_then(|table| Some((table, table.status(now)?)));
        found.ok_or_else(|| match self.unknown_loss() {
            None => TablesError::TableNotFound(key.name.clone()),
            Some(cause) => TablesError::Lost { table: key.name.clone(), cause: cause.to_owned() },
        })
    }

    /// The table, if it has all its changes.
    pub(crate) fn whole(&self, key: &TableKey, now: Timestamp) -> Result<(&Table, Status)> {
        let (table, status) = self.find(key, now)?;
        match self.lost.get(&table.meta.uid) {
            None => Ok((table, status)),
            Some(cause) => Err(TablesError::Lost { table: key.name.clone(), cause: cause.clone() }),
        }
    }

    /// The table, if items can be read and written.
    pub(crate) fn ready(&self, key: &TableKey, now: Timestamp) -> Result<&Table> {
        match self.whole(key, now)? {
            (table, Status::Active | Status::Updating) => match table.key_trouble() {
                None => Ok(table),
                Some(trouble) => Err(TablesError::Key { table: key.name.clone(), trouble: trouble.clone() }),
            },
            (_, Status::Creating | Status::Deleting | Status::Inaccessible) => {
                Err(TablesError::TableNotFound(key.name.clone()))
            }
        }
    }

    /// All there are, those included that are gone and were not noticed yet.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    pub(crate) fn table(&self, uid: u64) -> Option<&Table> {
        self.tables.get(&uid)
    }

    /// The uid of the table after this one, in order.
    pub(crate) fn table_after(&self, uid: Option<u64>) -> Option<u64> {
        self.tables.range((uid.map_or(Unbounded, Excluded), Unbounded)).next().map(|(uid, _)| *uid)
    }

    /// Names of an account's tables in a region after this one, in order.
    pub(crate) fn names(
        &self,
        realm: Realm,
        after: Option<&str>,
        now: Timestamp,
    ) -> impl Iterator<Item = &TableName> {
        let name = TableName::bound(after.unwrap_or_default());
        self.names
            .range((Excluded(TableKey { realm, name }), Unbounded))
            .take_while(move |(key, _)| key.realm == realm)
            .filter(move |(_, uid)| self.tables.get(uid).is_some_and(|table| table.status(now).is_some()))
            .map(|(key, _)| &key.name)
    }

    /// The table that was last known by this name, also if it is gone.
    pub(crate) fn last_of_name(&self, key: &TableKey) -> Option<&Table> {
        self.tables.get(self.names.get(key)?)
    }

    /// True if an index is to be built or something to be freed.
    pub(crate) fn is_behind(&self) -> bool {
        !self.building.is_empty() || !self.discarded.is_empty()
    }

    /// Takes out what is gone, or builds indexes, about `limit_bytes` of it. Gives what is to be dropped.
    pub(crate) fn catch_up(&mut self, limit_bytes: usize) -> Vec<(Place, Arc<Item>)> {
        let mut taken = Vec::new();
        if !self.discarded.is_empty() {
            self.figures.memory_bytes -= self.discarded.take(limit_bytes, &mut taken);
            return taken;
        }
        let Some(uid) = self.building.first().copied() else { return taken };
        let Some(table) = self.tables.get_mut(&uid) else { return taken };
        self.figures.leave(table);
        table.build_index(limit_bytes);
        self.figures.come(table);
        if !table.is_building() {
            self.building.remove(&uid);
        }
        taken
    }

    /// Memory that everything takes, roughly, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.figures.memory_bytes
    }

    /// Length of a snapshot of everything at the most, in bytes.
    pub(crate) fn snapshot_bytes(&self) -> usize {
        /// A token, with the longest account and region.
        const TOKEN_BYTES: usize = 160;
        /// A table in the counts.
        const COUNT_BYTES: usize = 48;
        self.figures.stored_bytes + self.tokens.len() * TOKEN_BYTES + self.tables.len() * COUNT_BYTES
    }

    /// The digest of the request that was done with this token within its life.
    pub(crate) fn token(&self, realm: Realm, token: &str, now: Timestamp) -> Option<u64> {
        let (request, at) = self.tokens.get(&(realm.stored(self.home()), token.to_owned()))?;
        (now < at.plus(TOKEN_LIFE)).then_some(*request)
    }

    /// So many tokens after this one, to be written down, and the last of them if there are more.
    pub(crate) fn token_changes(
        &self,
        after: Option<&(String, String)>,
        count: usize,
    ) -> (Vec<Change>, Option<(String, String)>) {
        let mut tokens =
            self.tokens.range::<(String, String), _>((after.map_or(Unbounded, Excluded), Unbounded));
        let (mut changes, mut last) = (Vec::new(), None);
        for (key, (request, at)) in tokens.by_ref().take(count) {
            let (account, token) = key.clone();
            changes.push(Change::Token(TokenMeta(account, token, *request, at.as_millis())));
            last = Some(key);
        }
        let last = last.filter(|_| tokens.next().is_some()).cloned();
        (changes, last)
    }

    /// Makes a change. One that cannot be made is passed over.
    pub(crate) fn apply(&mut self, change: Change) -> Result<(), Misfit> {
        match change {
            Change::Table(meta) => self.set_table(*meta),
            Change::Gone(uid) => {
                self.lost.remove(&uid);
                let table = self.tables.remove(&uid).ok_or(Misfit::NoTable)?;
                self.building.remove(&uid);
                self.figures.leave(&table);
                self.figures.memory_bytes += table.items_memory_bytes;
                for index in table.indexes {
                    let (entries, bytes) = index.into_entries();
                    self.figures.memory_bytes += bytes;
                    self.discarded.index(entries);
                }
                self.discarded.items(table.items);
                let key = table.meta.key(self.vault.home);
                if self.names.get(&key) == Some(&uid) {
                    self.names.remove(&key);
                }
            }
            Change::Put(uid, item) => {
                let table = self.tables.get_mut(&uid).ok_or(Misfit::NoTable)?;
                self.figures.leave(table);
                let is_done = table.set(item);
                self.figures.come(table);
                return is_done.then_some(()).ok_or(Misfit::Unfit);
            }
            Change::Delete(uid, key) => {
                let table = self.tables.get_mut(&uid).ok_or(Misfit::NoTable)?;
                self.figures.leave(table);
                let is_done = table.remove(&key);
                self.figures.come(table);
                return is_done.then_some(()).ok_or(Misfit::Unfit);
            }
            Change::Sealed(uid, number, sealed) => {
                let table = self.tables.get_mut(&uid).ok_or(Misfit::NoTable)?;
                match table.keys.opened(uid, number, &sealed).map_err(|_| Misfit::Unfit)? {
                    Some(change) => return self.apply(change),
                    None => table.is_unread = true,
                }
            }
            Change::Token(TokenMeta(account, token, request, ms)) => {
                self.remember((account, token), request, Timestamp::from_millis(ms));
            }
            Change::Counts(_) => {}
        }
        Ok(())
    }

    fn remember(&mut self, key: (String, String), request: u64, at: Timestamp) {
        while let Some((earlier, known)) = self.token_order.front()
            && (at >= earlier.plus(TOKEN_LIFE) || self.tokens.len() >= TOKENS_MAX)
        {
            // It may have been used again since.
            if self.tokens.get(known).is_some_and(|(_, when)| when == earlier) {
                self.tokens.remove(known);
            }
            self.token_order.pop_front();
        }
        self.token_order.push_back((at, key.clone()));
        self.tokens.insert(key, (request, at));
    }

    fn set_table(&mut self, meta: TableMeta) {
        let (uid, key) = (meta.uid, meta.key(self.home()));
        match self.tables.get_mut(&uid) {
            Some(table) => {
                self.figures.leave(table);
                self.figures.memory_bytes += table.set_meta(meta, &mut self.discarded);
                table.open_keys(&self.vault);
                self.figures.come(table);
                if table.is_building() {
                    self.building.insert(uid);
                } else {
                    self.building.remove(&uid);
                }
                self.names.entry(key).or_insert(uid);
            }
            None => {
                let mut table = Table::new(meta);
                table.open_keys(&self.vault);
                self.figures.come(&table);
                self.tables.insert(uid, table);
                self.names.insert(key, uid);
            }
        }
    }
}

impl Table {
    fn new(meta: TableMeta) -> Self {
        let indexes = meta.indexes.iter().map(|index| {
            let is_dead = |phase| matches!(phase, Phase::Deleting { .. });
            Index::new(index, !is_dead(meta.phase) && !is_dead(index.phase), false)
        });
        Self {
            indexes: indexes.collect(),
            meta_stored_bytes: meta.stored_bytes(),
            meta,
            items: Entries::new(),
            bytes: 0,
            items_memory_bytes: 0,
            items_stored_bytes: 0,
            keys: TableKeys::default(),
            is_unread: false,
        }
    }

    /// Takes other metadata. Gives the memory that is to be freed of what it has no longer, in bytes. What stays is not
    /// touched.
    fn set_meta(&mut self, meta: TableMeta, discarded: &mut Discarded) -> usize {
        let is_deleted = matches!(meta.phase, Phase::Deleting { .. });
        let mut known = std::mem::take(&mut self.indexes);
        for index in &meta.indexes {
            let is_live = !is_deleted && !matches!(index.phase, Phase::Deleting { .. });
            self.indexes.push(match known.iter().position(|known| known.is_of(&index.spec, is_live)) {
                Some(at) => known.swap_remove(at).under(&index.spec),
                None => Index::new(index, is_live, !self.items.is_empty()),
            });
        }
        let mut discarded_bytes = 0;
        for index in known {
            let (entries, bytes) = index.into_entries();
            discarded_bytes += bytes;
            discarded.index(entries);
        }
        if is_deleted {
            discarded_bytes += std::mem::take(&mut self.items_memory_bytes);
            discarded.items(std::mem::take(&mut self.items));
            (self.bytes, self.items_stored_bytes) = (0, 0);
        }
        self.meta_stored_bytes = meta.stored_bytes();
        self.meta = meta;
        discarded_bytes
    }

    /// Memory that it takes, roughly, in bytes.
    fn memory_bytes(&self) -> usize {
        let of_indexes = self.indexes.iter().map(Index::memory_bytes).sum::<usize>();
        TABLE_BYTES + self.items_memory_bytes + of_indexes
    }

    /// Length of its records in a snapshot at the most, in bytes.
    fn stored_bytes(&self) -> usize {
        let plain = self.items_stored_bytes;
        let items = if self.keys.seal() { sealed_bytes(self.items.len(), plain) } else { plain };
        self.meta_stored_bytes + items
    }

    fn is_building(&self) -> bool {
        self.indexes.iter().any(Index::is_building)
    }

    /// Builds an index further, if one is to be.
    fn build_index(&mut self, limit_bytes: usize) {
        if let Some(index) = self.indexes.iter_mut().find(|index| index.is_building()) {
            index.build(&self.meta.schema, &self.items, limit_bytes);
        }
    }

    /// The status at `now`: while an index is built it is being changed. `None` once it is gone.
    pub(crate) fn status(&self, now: Timestamp) -> Option<Status> {
        match self.meta.status(now) {
            Some(Status::Active) if self.is_building() => Some(Status::Updating),
            status => status,
        }
    }

    fn open_keys(&mut self, vault: &Vault) {
        if !self.meta.encryption.is_unused() {
            self.keys = TableKeys::open(self.meta.uid, &self.meta.encryption, vault, &self.keys);
        }
    }

    /// Why its items cannot be read and written, if that is for want of a key.
    pub(crate) fn key_trouble(&self) -> Option<&KeyTrouble> {
        self.keys.trouble(self.is_unread)
    }

    /// The item of this key.
    pub(crate) fn get(&self, key: &Item) -> Option<&Arc<Item>> {
        self.items.get(&OrderedKey::of(&self.meta.schema, key)?.place())
    }

    fn set(&mut self, item: Arc<Item>) -> bool {
        let Some(primary) = OrderedKey::of(&self.meta.schema, &item) else { return false };
        let place = primary.place();
        let old = self.items.insert(place.clone(), item.clone());
        self.bytes += size_bytes(&item);
        self.items_memory_bytes += memory_bytes(&item);
        self.items_stored_bytes += put_bytes(&item);
        match &old {
            Some(old) => {
                self.bytes -= size_bytes(old);
                self.items_memory_bytes -= memory_bytes(old);
                self.items_stored_bytes -= put_bytes(old);
            }
            None => self.items_memory_bytes += place.memory_bytes(),
        }
        for index in &mut self.indexes {
            index.replace(&self.meta.schema, &place, old.as_deref(), Some(&item));
        }
        true
    }

    fn remove(&mut self, key: &Item) -> bool {
        let Some(primary) = OrderedKey::of(&self.meta.schema, key) else { return false };
        let place = primary.place();
        if let Some(old) = self.items.remove(&place) {
            self.bytes -= size_bytes(&old);
            self.items_memory_bytes -= memory_bytes(&old) + place.memory_bytes();
            self.items_stored_bytes -= put_bytes(&old);
            for index in &mut self.indexes {
                index.replace(&self.meta.schema, &place, Some(&old), None);
            }
        }
        true
    }

    /// Memory that an item takes here with its places, roughly, in bytes.
    pub(crate) fn taken_bytes(&self, item: &Item) -> usize {
        let table = &self.meta.schema;
        let of_index = |index: &Index| entry_bytes(&index.spec, table, item);
        memory_bytes(item) + place_bytes(table, item) + self.live_indexes().map(of_index).sum::<usize>()
    }

    /// The index of this name, if it is there.
    pub(crate) fn index(&self, name: &TableName) -> Option<&Index> {
        self.indexes.iter().find(|index| index.spec.name == *name)
    }

    /// The indexes that are kept.
    pub(crate) fn live_indexes(&self) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(|index| index.is_live)
    }
}

/// A table without items.
pub(crate) const TABLE_BYTES: usize = 4096;

/// True if an index has this attribute.
pub(crate) fn is_projected(spec: &IndexSpec, table: &KeySchema, name: &str) -> bool {
    match &spec.projection {
        IndexProjection::All => true,
        IndexProjection::KeysOnly => spec.schema.has(name) || table.has(name),
        IndexProjection::Include(names) => names.contains(name) || spec.schema.has(name) || table.has(name),
    }
}

/// Part of an item that an index has.
pub(crate) fn projected(spec: &IndexSpec, table: &KeySchema, item: &Item) -> Item {
    let kept = item.iter().filter(|(name, _)| is_projected(spec, table, name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Size of that part, in bytes.
pub(crate) fn projected_bytes(spec: &IndexSpec, table: &KeySchema, item: &Item) -> usize {
    let kept = item.iter().filter(|(name, _)| is_projected(spec, table, name));
    kept.map(|(name, value)| name.len() + value.size_bytes()).sum()
}

#[cfg(test)]
mod tests;
