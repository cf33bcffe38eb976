//! All tables and their items, and the only place where they change.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use headwater_types::{Realm, Region, Timestamp};
use headwater_vault::KeyTrouble;

use crate::change::{Change, TokenMeta};
use crate::counts::Counts;
use crate::description::Status;
use crate::encryption::{TableKeys, Vault};
use crate::error::{Result, TablesError};
use crate::limits::{TOKEN_LIFE, TOKENS_MAX};
use crate::meta::{Phase, TableMeta};
use crate::order::{OrderedKey, Place, index_place_bytes, place_bytes};
use crate::replay::Reading;
use crate::schema::{IndexProjection, IndexSpec, KeySchema, TableKey, TableName};
use crate::value::{Item, memory_bytes, size_bytes};
use crate::write::check_index_keys;

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
    /// Memory that all tables take, roughly, in bytes.
    memory_bytes: usize,
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

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) meta: TableMeta,
    pub(crate) items: Entries,
    /// Items, with their names.
    pub(crate) bytes: usize,
    /// In the order of [`TableMeta::indexes`].
    pub(crate) indexes: Vec<Index>,
    /// Memory that it takes, roughly, in bytes.
    memory_bytes: usize,
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

/// An index: the table's items, whole, in another order.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) spec: IndexSpec,
    pub(crate) entries: Entries,
    /// Size that it would have with the projected attributes only.
    pub(crate) bytes: usize,
    /// False once it is being deleted: then it has nothing.
    pub(crate) is_live: bool,
}

impl State {
    pub(crate) fn new(vault: Vault) -> Self {
        Self {
            tables: BTreeMap::new(),
            names: BTreeMap::new(),
            tokens: BTreeMap::new(),
            token_order: VecDeque::new(),
            memory_bytes: 0,
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
        let found = found.and_then(|table| Some((table, table.meta.status(now)?)));
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
        self.names
            .iter()
            .filter(move |(key, uid)| {
                key.realm == realm
                    && after.is_none_or(|after| key.name.as_str() > after)
                    && self.tables.get(uid).is_some_and(|table| table.meta.status(now).is_some())
            })
            .map(|(key, _)| &key.name)
    }

    /// Memory that everything takes, roughly, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
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
                self.memory_bytes -= table.memory_bytes;
                let key = table.meta.key(self.vault.home);
                if self.names.get(&key) == Some(&uid) {
                    self.names.remove(&key);
                }
            }
            Change::Put(uid, item) => {
                let table = self.tables.get_mut(&uid).ok_or(Misfit::NoTable)?;
                self.memory_bytes -= table.memory_bytes;
                let is_done = table.set(item);
                self.memory_bytes += table.memory_bytes;
                return is_done.then_some(()).ok_or(Misfit::Unfit);
            }
            Change::Delete(uid, key) => {
                let table = self.tables.get_mut(&uid).ok_or(Misfit::NoTable)?;
                self.memory_bytes -= table.memory_bytes;
                let is_done = table.remove(&key);
                self.memory_bytes += table.memory_bytes;
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
                self.memory_bytes -= table.memory_bytes;
                table.set_meta(meta);
                table.open_keys(&self.vault);
                self.memory_bytes += table.memory_bytes;
                self.names.entry(key).or_insert(uid);
            }
            None => {
                let mut table = Table::new(meta);
                table.open_keys(&self.vault);
                self.memory_bytes += table.memory_bytes;
                self.tables.insert(uid, table);
                self.names.insert(key, uid);
            }
        }
    }
}

impl Table {
    fn new(meta: TableMeta) -> Self {
        let mut table = Self {
            meta: meta.clone(),
            items: Entries::new(),
            bytes: 0,
            indexes: Vec::new(),
            memory_bytes: 0,
            keys: TableKeys::default(),
            is_unread: false,
        };
        table.set_meta(meta);
        table
    }

    fn set_meta(&mut self, meta: TableMeta) {
        let is_deleted = matches!(meta.phase, Phase::Deleting { .. });
        if is_deleted {
            self.items.clear();
            self.bytes = 0;
        }
        let mut known = std::mem::take(&mut self.indexes);
        for index in &meta.indexes {
            let spec = &index.spec;
            let is_live = !is_deleted && !matches!(index.phase, Phase::Deleting { .. });
            let same = |known: &Index| {
                known.is_live == is_live
                    && known.spec.name == spec.name
                    && known.spec.schema == spec.schema
                    && known.spec.projection == spec.projection
            };
            self.indexes.push(match known.iter().position(same) {
                Some(at) => Index { spec: spec.clone(), ..known.swap_remove(at) },
                None if is_live => Index::build(spec.clone(), &self.meta.schema, &self.items),
                None => Index { spec: spec.clone(), entries: Entries::new(), bytes: 0, is_live },
            });
        }
        self.memory_bytes = TABLE_BYTES + self.items.values().map(|item| memory_bytes(item)).sum::<usize>();
        let entries = std::iter::once(&self.items).chain(self.indexes.iter().map(|index| &index.entries));
        self.memory_bytes += entries.flat_map(Entries::keys).map(Place::memory_bytes).sum::<usize>();
        self.meta = meta;
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
        let place = primary.clone().place();
        let place_bytes = place.memory_bytes();
        let old = self.items.insert(place, item.clone());
        self.bytes += size_bytes(&item);
        self.memory_bytes += memory_bytes(&item) + place_bytes;
        if let Some(old) = &old {
            self.bytes -= size_bytes(old);
            self.memory_bytes -= memory_bytes(old) + place_bytes;
        }
        for index in &mut self.indexes {
            let (gone, come) = index.replace(&self.meta.schema, &primary, old.as_deref(), Some(&item));
            self.memory_bytes = self.memory_bytes + come - gone;
        }
        true
    }

    fn remove(&mut self, key: &Item) -> bool {
        let Some(primary) = OrderedKey::of(&self.meta.schema, key) else { return false };
        let place = primary.clone().place();
        if let Some(old) = self.items.remove(&place) {
            self.bytes -= size_bytes(&old);
            self.memory_bytes -= memory_bytes(&old) + place.memory_bytes();
            for index in &mut self.indexes {
                let (gone, _) = index.replace(&self.meta.schema, &primary, Some(&old), None);
                self.memory_bytes -= gone;
            }
        }
        true
    }

    /// Memory that an item takes here with its places, roughly, in bytes.
    pub(crate) fn taken_bytes(&self, item: &Item) -> usize {
        let table = &self.meta.schema;
        let of_index = |index: &Index| index_entry_bytes(&index.spec, table, item);
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

impl Index {
    fn build(spec: IndexSpec, table: &KeySchema, items: &Entries) -> Self {
        let mut index = Self { spec, entries: Entries::new(), bytes: 0, is_live: true };
        for (place, item) in items {
            index.replace(table, &place.key, None, Some(item));
        }
        index
    }

    /// Replaces an entry; tells the memory that went and that came, in bytes.
    fn replace(
        &mut self,
        table: &KeySchema,
        primary: &OrderedKey,
        old: Option<&Item>,
        new: Option<&Arc<Item>>,
    ) -> (usize, usize) {
        if !self.is_live {
            return (0, 0);
        }
        // An item from before the index may have an empty or too large value where no write could put one now.
        let place = |item: &Item| {
            check_index_keys(&self.spec, item, None).ok()?;
            OrderedKey::of(&self.spec.schema, item).map(|key| key.place_of(primary.clone()))
        };
        let (was, is) = (old.and_then(place), new.and_then(|item| place(item)));
        let (mut gone, mut come) = (0, 0);
        if let (Some(place), Some(old)) = (was, old) {
            self.entries.remove(&place);
            self.bytes -= projected_bytes(&self.spec, table, old);
            gone = place.memory_bytes();
        }
        if let (Some(place), Some(new)) = (is, new) {
            self.bytes += projected_bytes(&self.spec, table, new);
            come = place.memory_bytes();
            self.entries.insert(place, new.clone());
        }
        (gone, come)
    }
}

/// A table without items.
pub(crate) const TABLE_BYTES: usize = 4096;

/// Memory that an index takes for an item, roughly, in bytes: none if the item is not in it.
pub(crate) fn index_entry_bytes(spec: &IndexSpec, table: &KeySchema, item: &Item) -> usize {
    let has_key = spec.schema.attributes().all(|attribute| item.contains_key(&attribute.name));
    // An item from before the index may have an empty or too large value where no write could put one now.
    let is_in = has_key && check_index_keys(spec, item, None).is_ok();
    if is_in { index_place_bytes(&spec.schema, table, item) } else { 0 }
}

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
