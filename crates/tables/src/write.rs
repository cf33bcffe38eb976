//! Writes: what they would change, decided on the items as they are after all writes before.
//!
//! # Constraints
//! Nothing is changed here. A batch of writes is decided in order on a [`Stage`], which lies over the state; what it
//! records is made durable in one piece and only then applied.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use headwater_machine::{Changes, Unrecorded};
use headwater_store::StoreError;
use headwater_types::Timestamp;

use crate::capacity::{Capacity, Kind, read_cost, write_cost};
use crate::change::{Change, TokenMeta};
use crate::error::{Cancellation, Result, TablesError};
use crate::expression::{Condition, KeyCondition};
use crate::index::Index;
use crate::limits::{
    CONDITION_WORK_MAX, ITEM_BYTES_MAX, ITEM_MEMORY_BYTES_MAX, LEVELS_MAX, PARTITION_KEY_BYTES_MAX,
    REQUEST_MEMORY_BYTES_MAX, SORT_KEY_BYTES_MAX, TRANSACTION_BYTES_MAX,
};
use crate::machine::Tables;
use crate::order::of_partition;
use crate::requests::{Action, Collection, Consumed, Write, Written};
use crate::scalars::check_scalars;
use crate::schema::{IndexScope, IndexSpec, KeyAttribute, KeySchema};
use crate::service::TransactionToken;
use crate::state::{Entries, State, Table, is_projected, projected_bytes};
use crate::value::{AttributeValue, Item, memory_bytes, size_bytes};

/// When writes are decided, and what bounds them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Timestamp,
    pub(crate) elapsed: Duration,
    pub(crate) capacity: &'a Capacity,
}

/// The state and, over it, what was decided since.
#[derive(Debug)]
pub(crate) struct Stage<'a, 'b> {
    state: &'a State,
    changes: &'a mut Changes<'b, Tables>,
}

/// Effect that a write would have.
struct Decision {
    uid: u64,
    key: Item,
    change: Option<Change>,
    written: Written,
}

impl<'a, 'b> Stage<'a, 'b> {
    pub(crate) fn new(state: &'a State, changes: &'a mut Changes<'b, Tables>) -> Self {
        Self { state, changes }
    }

    /// Records what a command changes. Refused if it is more than can be made durable in one piece. The first record of a
    /// batch has the counts with it when they are due: they are those of the state.
    pub(crate) fn record(&mut self, mut changes: Vec<Change>) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let is_first = !std::mem::replace(&mut self.changes.staged.has_records, true);
        if let Some(counts) = self.state.due_counts().filter(|_| is_first) {
            changes.insert(0, counts);
        }
        self.changes.record(changes).map_err(|unrecorded| match unrecorded {
            Unrecorded::TooLong { .. } => {
                invalid("The request changes more than can be made durable in one piece; send several")
            }
            Unrecorded::Encode(error) => TablesError::Damaged(error.to_string()),
            no_room @ Unrecorded::NoRoom { .. } => StoreError::NoSpace(no_room.to_string()).into(),
        })
    }

    fn get(&self, table: &Table, key: &Item) -> Option<Arc<Item>> {
        let items = &self.changes.staged.items;
        if items.is_empty() {
            return table.get(key).cloned();
        }
        let staged = items.get(&(table.meta.uid, key.clone()));
        staged.cloned().unwrap_or_else(|| table.get(key).cloned())
    }

    /// One write.
    pub(crate) fn write(&mut self, write: &Write, moment: Moment<'_>) -> Result<Written> {
        let mut work = CONDITION_WORK_MAX;
        let decision = self.decide(write, moment, &mut work)?;
        let mut written = self.stage(vec![decision], Vec::new())?;
        written.pop().ok_or_else(|| TablesError::Damaged("a write without an outcome".into()))
    }

    /// Writes without conditions that have nothing to do with each other.
    pub(crate) fn write_each(
        &mut self,
        writes: &[Write],
        moment: Moment<'_>,
    ) -> Result<Vec<Option<Written>>> {
        check_request_memory(writes)?;
        let (mut decided, mut are_decided, mut work) = (Vec::new(), Vec::new(), CONDITION_WORK_MAX);
        for write in writes {
            match self.decide(write, moment, &mut work) {
                Ok(decision) => {
                    decided.push(decision);
                    are_decided.push(true);
                }
                Err(TablesError::Throttled(_)) => are_decided.push(false),
                // What is wrong refuses all of it.
                Err(error) => return Err(error),
            }
        }
        let mut written = self.stage(decided, Vec::new())?.into_iter();
        Ok(are_decided.into_iter().map(|is_decided| is_decided.then(|| written.next()).flatten()).collect())
    }

    /// All writes, or none.
    pub(crate) fn write_all(
        &mut self,
        writes: &[Write],
        token: Option<&TransactionToken>,
        moment: Moment<'_>,
    ) -> Result<Vec<Written>> {
        let known = token.and_then(|token| Some((token, self.known_token(token, moment.now)?)));
        if let Some((token, request)) = known {
            if ![token.request, token.former].contains(&request) {
                return Err(TablesError::TokenMismatch);
            }
            return writes.iter().map(|write| self.repeated(write, moment)).collect();
        }
        check_request_memory(writes)?;
        let mut seen = BTreeSet::new();
        for write in writes {
            let table = self.state.ready(&write.table, moment.now)?;
            if let Ok(key) = key_of(table, &write.action)
                && !seen.insert((table.meta.uid, key))
            {
                return Err(invalid("Transaction request cannot include multiple operations on one item"));
            }
        }
        // No item is named twice, so none of these depends on another.
        let (mut decided, mut reasons, mut work) = (Vec::new(), Vec::new(), CONDITION_WORK_MAX);
        for write in writes {
            if matches!(reasons.last(), Some(Some(Cancellation::Invalid(_)))) {
                break;
            }
            reasons.push(match self.decide(write, moment, &mut work) {
                Ok(decision) => {
                    decided.push(decision);
                    None
                }
                Err(TablesError::ConditionFailed(item)) => Some(Cancellation::ConditionFailed(item)),
                Err(TablesError::Invalid(text)) => Some(Cancellation::Invalid(text)),
                Err(TablesError::Throttled(table)) => Some(Cancellation::Throttled(table)),
                Err(error) => return Err(error),
            });
        }
        if reasons.iter().any(Option::is_some) {
            // What comes after an action that is wrong has not been looked at, and has no reason.
            reasons.resize(writes.len(), None);
            return Err(TablesError::TransactionCanceled(reasons));
        }
        let weigh = |decision: &Decision| decision.written.new.as_deref().map_or(0, size_bytes);
        if decided.iter().map(weigh).sum::<usize>() > TRANSACTION_BYTES_MAX {
            return Err(invalid("Collection size limit exceeded: a transaction can hold 4 MB of items."));
        }
        let mut remembered = Vec::new();
        if let Some(token) = token {
            let (account, text) = (token.realm.stored(self.state.home()), token.token.clone());
            let at_ms = moment.now.as_millis();
            remembered.push(Change::Token(TokenMeta(account, text, token.request, at_ms)));
        }
        let mut done = self.stage(decided, remembered)?;
        if let Some(token) = token {
            let key = (token.realm.stored(self.state.home()), token.token.clone());
            self.changes.staged.tokens.insert(key, token.request);
        }
        done.iter_mut().for_each(|written| written.consumed.double());
        Ok(done)
    }

    /// Deletes the items of these keys whose time has come.
    pub(crate) fn expire(&mut self, uid: u64, keys: &[Item], now: Timestamp) -> Result<()> {
        let state = self.state;
        let Some(table) =
            state.table(uid).filter(|table| !state.has_lost(uid) && table.key_trouble().is_none())
        else {
            return Ok(());
        };
        let Some(attribute) = table.meta.expiry_attribute() else { return Ok(()) };
        let is_gone =
            |key: &&Item| self.get(table, key).is_some_and(|item| has_expired(&item, attribute, now));
        let gone: Vec<Item> = keys.iter().filter(is_gone).cloned().collect();
        self.record(gone.iter().map(|key| Change::Delete(uid, key.clone())).collect())?;
        self.changes.staged.items.extend(gone.into_iter().map(|key| ((uid, key), None)));
        Ok(())
    }

    fn decide(&self, write: &Write, moment: Moment<'_>, work: &mut usize) -> Result<Decision> {
        let table = self.state.ready(&write.table, moment.now)?;
        if !moment.capacity.has_any(table, None, Kind::Write, moment.elapsed) {
            return Err(TablesError::Throttled(write.table.name.clone()));
        }
        let key = key_of(table, &write.action)?;
        let old = self.get(table, &key);
        check_paths(table, write)?;
        if let Some(condition) = &write.condition {
            let none = Item::new();
            let item = old.as_deref().unwrap_or(&none);
            *work = work.checked_sub(work_of(condition, item)).ok_or_else(|| {
                invalid("The conditions of the request look at too much of too large items for one step")
            })?;
            if !condition.holds(item) {
                let cost = write_cost(size_bytes(item));
                moment.capacity.take(table, None, Kind::Write, cost);
                return Err(TablesError::ConditionFailed(old.filter(|_| write.give_failed)));
            }
        }
        let new = new_item(table, &write.action, &key, old.as_ref())?;
        let consumed = cost(table, old.as_deref(), new.as_deref());
        for (name, _, _) in &consumed.indexes {
            if !moment.capacity.has_any(table, Some(name), Kind::Write, moment.elapsed) {
                return Err(TablesError::Throttled(write.table.name.clone()));
            }
        }
        moment.capacity.take(table, None, Kind::Write, consumed.table);
        for (name, _, units) in &consumed.indexes {
            moment.capacity.take(table, Some(name), Kind::Write, *units);
        }
        let uid = table.meta.uid;
        let change = match &new {
            _ if old == new => None,
            None => Some(Change::Delete(uid, key.clone())),
            Some(new) => {
                self.check_memory(table, old.as_deref(), new)?;
                Some(Change::Put(uid, new.clone()))
            }
        };
        let collection = match write.give_collection {
            true => collection(table, &key, old.as_deref(), new.as_deref()),
            false => None,
        };
        Ok(Decision { uid, key, change, written: Written { old, new, consumed, collection } })
    }

    /// Checks the memory of the item and of all tables; for the latter an item that does not grow is never refused.
    fn check_memory(&self, table: &Table, old: Option<&Item>, new: &Item) -> Result<()> {
        if memory_bytes(new) > ITEM_MEMORY_BYTES_MAX {
            return Err(invalid(format!(
                "The item is made of so many small values that it would take more than {ITEM_MEMORY_BYTES_MAX} bytes of \
                 memory"
            )));
        }
        let (was, is) = (old.map_or(0, |old| table.taken_bytes(old)), table.taken_bytes(new));
        self.check_room(is.saturating_sub(was))
    }

    /// Refuses what would take all tables together above their memory.
    pub(crate) fn check_room(&self, grows_bytes: usize) -> Result<()> {
        self.changes.check_room(grows_bytes).map_err(|over| {
            TablesError::LimitExceeded(format!(
                "All tables together take as much memory as they may, {} bytes; delete items first.",
                over.budget_bytes
            ))
        })
    }

    /// Takes decisions and what goes with them for done, together.
    fn stage(&mut self, decisions: Vec<Decision>, more: Vec<Change>) -> Result<Vec<Written>> {
        let mut changes: Vec<Change> =
            decisions.iter().filter_map(|decision| decision.change.clone()).collect();
        changes.extend(more);
        self.record(changes)?;
        let mut done = Vec::with_capacity(decisions.len());
        for Decision { uid, key, change, written } in decisions {
            if change.is_some() {
                if let Some(table) = self.state.table(uid) {
                    let taken = |item: &Option<Arc<Item>>| {
                        item.as_deref().map_or(0, |item| table.taken_bytes(item)) as isize
                    };
                    self.changes.note_growth(taken(&written.new) - taken(&written.old));
                }
                self.changes.staged.items.insert((uid, key), written.new.clone());
            }
            done.push(written);
        }
        Ok(done)
    }

    fn known_token(&self, token: &TransactionToken, now: Timestamp) -> Option<u64> {
        let key = (token.realm.stored(self.state.home()), token.token.clone());
        let staged = self.changes.staged.tokens.get(&key);
        staged.copied().or_else(|| self.state.token(token.realm, &token.token, now))
    }

    /// The answer to a write of a transaction that was done already: nothing is written, the item is read.
    fn repeated(&self, write: &Write, moment: Moment<'_>) -> Result<Written> {
        let table = self.state.ready(&write.table, moment.now)?;
        let item = self.get(table, &key_of(table, &write.action)?);
        let units = read_cost(item.as_deref().map_or(0, size_bytes), true);
        let consumed = Consumed { table: 2 * units, indexes: Vec::new() };
        Ok(Written { old: item.clone(), new: item, consumed, collection: None })
    }
}

/// Refuses paths of a write's expressions that lead into keys.
fn check_paths(table: &Table, write: &Write) -> Result<()> {
    if let Action::Update { update: Some(update), .. } = &write.action {
        if let Some(name) = update.attributes().into_iter().find(|name| table.meta.schema.has(name)) {
            return Err(invalid(format!(
                "One or more parameter values were invalid: Cannot update attribute {name}. This attribute is part of \
                 the key"
            )));
        }
        check_scalars(table, &update.nested_attributes())?;
    }
    match &write.condition {
        Some(condition) => check_scalars(table, &condition.nested_attributes()),
        None => Ok(()),
    }
}

fn check_request_memory(writes: &[Write]) -> Result<()> {
    let taken = |write: &Write| if let Action::Put(item) = &write.action { memory_bytes(item) } else { 0 };
    if writes.iter().map(taken).sum::<usize>() > REQUEST_MEMORY_BYTES_MAX {
        return Err(invalid(
            "The items of the request are made of too many small values; send several requests",
        ));
    }
    Ok(())
}

/// Most work to see whether a condition holds, in comparisons of 16 bytes.
pub(crate) fn work_of(condition: &Condition, item: &Item) -> usize {
    condition.looks().saturating_mul(1 + size_bytes(item) / 16)
}

/// True if the time of an item has come. More than five years ago is taken for a mistake (developer guide).
pub(crate) fn has_expired(item: &Item, attribute: &str, now: Timestamp) -> bool {
    const MISTAKEN_S: u64 = 5 * 365 * 24 * 3600;
    let Some(AttributeValue::N(number)) = item.get(attribute) else { return false };
    // Fractions do not count; what is negative or huge is no time.
    let text = number.to_string();
    let whole = text.split('.').next().unwrap_or_default();
    let Ok(at_s) = whole.parse::<u64>() else { return false };
    let now_s = now.as_secs();
    at_s <= now_s && at_s > now_s.saturating_sub(MISTAKEN_S)
}

pub(crate) fn invalid(text: impl Into<String>) -> TablesError {
    TablesError::Invalid(text.into())
}

/// The key of the item that is written.
fn key_of(table: &Table, action: &Action) -> Result<Item> {
    match action {
        Action::Put(item) => {
            for attribute in table.meta.schema.attributes() {
                let Some(value) = item.get(&attribute.name) else {
                    return Err(invalid(format!(
                        "One or more parameter values were invalid: Missing the key {} in the item",
                        attribute.name
                    )));
                };
                let (expected, actual) = (attribute.kind.attribute_type(), value.kind());
                if expected != actual {
                    return Err(invalid(format!(
                        "One or more parameter values were invalid: Type mismatch for key {} expected: {} actual: {}",
                        attribute.name,
                        expected.name(),
                        actual.name()
                    )));
                }
            }
            let key = table.meta.schema.of(item);
            check_key_values(table, &key)?;
            Ok(key)
        }
        Action::Update { key, .. } | Action::Delete(key) | Action::Check(key) => {
            check_key(table, key)?;
            Ok(key.clone())
        }
    }
}

/// Checks that these attributes are a key of the table and nothing else.
pub(crate) fn check_key(table: &Table, key: &Item) -> Result<()> {
    let schema = &table.meta.schema;
    let fits = |attribute: &KeyAttribute| {
        key.get(&attribute.name).is_some_and(|value| value.kind() == attribute.kind.attribute_type())
    };
    if key.len() != schema.attributes().count() || !schema.attributes().all(fits) {
        return Err(invalid("The provided key element does not match the schema"));
    }
    check_key_values(table, key)
}

fn check_key_values(table: &Table, key: &Item) -> Result<()> {
    let schema = &table.meta.schema;
    for attribute in schema.attributes() {
        let Some(value) = key.get(&attribute.name) else { continue };
        check_key_value(&attribute.name, value, None)?;
    }
    check_key_bytes(schema.hash_attributes().filter_map(|part| key.get(&part.name)), true)?;
    check_key_bytes(schema.range_attributes().filter_map(|part| key.get(&part.name)), false)
}

/// Checks that there can be a partition and sort keys such as a Query asks for.
pub(crate) fn check_condition(schema: &KeySchema, condition: &KeyCondition) -> Result<()> {
    for (attribute, value) in schema.hash_attributes().zip(&condition.partition) {
        check_key_value(&attribute.name, value, None)?;
    }
    check_key_bytes(&condition.partition, true)?;
    for (attribute, value) in schema.range_attributes().zip(&condition.leading) {
        check_key_value(&attribute.name, value, None)?;
    }
    Ok(())
}

/// Type of empty text or bytes, which no key may be; `None` for other values.
fn empty(value: &AttributeValue) -> Option<&'static str> {
    match value {
        AttributeValue::S(text) if text.is_empty() => Some("string"),
        AttributeValue::B(bytes) if bytes.is_empty() => Some("binary"),
        _ => None,
    }
}

pub(crate) fn check_key_value(name: &str, value: &AttributeValue, index: Option<&str>) -> Result<()> {
    let Some(what) = empty(value) else { return Ok(()) };
    Err(invalid(match index {
        None => format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
             empty {what} value. Key: {name}"
        ),
        Some(index) => format!(
            "One or more parameter values are not valid. A value specified for a secondary index key is not \
             supported. The AttributeValue for a key attribute cannot contain an empty {what} value. IndexName: \
             {index}, IndexKey: {name}"
        ),
    }))
}

/// The item as it would be; `None` if there would be none.
fn new_item(
    table: &Table,
    action: &Action,
    key: &Item,
    old: Option<&Arc<Item>>,
) -> Result<Option<Arc<Item>>> {
    let (item, too_large) = match action {
        Action::Check(_) => return Ok(old.cloned()),
        Action::Delete(_) => return Ok(None),
        Action::Put(item) => (item.clone(), "Item size has exceeded the maximum allowed size"),
        Action::Update { update, .. } => {
            let before = old.map_or(key, |item| &**item);
            let Some(update) = update else { return Ok(Some(Arc::new(before.clone()))) };
            if old.is_none() && !update.creates() {
                return Ok(None);
            }
            (update.apply(before)?, "Item size to update has exceeded the maximum allowed size")
        }
    };
    let before = old.filter(|_| matches!(action, Action::Update { .. })).map(|old| &**old);
    for index in table.live_indexes() {
        check_index_keys(&index.spec, &item, before)?;
    }
    if size_bytes(&item) > ITEM_BYTES_MAX {
        return Err(invalid(too_large));
    }
    // What an update puts together can be deeper than what was sent.
    if item.values().any(|value| value.levels() > LEVELS_MAX) {
        return Err(invalid("Nesting Levels have exceeded supported limits"));
    }
    Ok(Some(Arc::new(item)))
}

/// An item need not have the keys of an index, but what it has must be such keys. Of an update only what it changes is
/// looked at: an item from before the index may have what no write could put.
pub(crate) fn check_index_keys(spec: &IndexSpec, item: &Item, before: Option<&Item>) -> Result<()> {
    let name = spec.name.as_str();
    let changed = |attribute: &&KeyAttribute| {
        before.is_none_or(|before| before.get(&attribute.name) != item.get(&attribute.name))
    };
    for attribute in spec.schema.attributes().filter(changed) {
        let Some(value) = item.get(&attribute.name) else { continue };
        let (expected, actual) = (attribute.kind.attribute_type(), value.kind());
        if expected != actual {
            return Err(invalid(format!(
                "One or more parameter values were invalid: Type mismatch for Index Key {} Expected: {} Actual: {} \
                 IndexName: {name}",
                attribute.name,
                expected.name(),
                actual.name()
            )));
        }
        match (empty(value), before) {
            (Some(what), Some(_)) => {
                return Err(invalid(format!(
                    "One or more parameter values are not valid. The update expression attempted to update a secondary \
                     index key to a value that is not supported. The AttributeValue for a key attribute cannot contain \
                     an empty {what} value."
                )));
            }
            _ => check_key_value(&attribute.name, value, Some(name))?,
        }
    }
    let schema = &spec.schema;
    if schema.hash_attributes().any(|part| changed(&part)) {
        check_key_bytes(schema.hash_attributes().filter_map(|part| item.get(&part.name)), true)?;
    }
    if schema.range_attributes().any(|part| changed(&part)) {
        check_key_bytes(schema.range_attributes().filter_map(|part| item.get(&part.name)), false)?;
    }
    Ok(())
}

/// All attributes of a partition key, or of a sort key, together. The space that is missing is missing with AWS.
fn check_key_bytes<'v>(values: impl IntoIterator<Item = &'v AttributeValue>, is_hash: bool) -> Result<()> {
    let bytes: usize = values.into_iter().map(AttributeValue::size_bytes).sum();
    let why = match is_hash {
        true if bytes > PARTITION_KEY_BYTES_MAX => {
            format!("Size of hashkey has exceeded the maximum size limit of{PARTITION_KEY_BYTES_MAX} bytes")
        }
        false if bytes > SORT_KEY_BYTES_MAX => {
            format!(
                "Aggregated size of all range keys has exceeded the size limit of {SORT_KEY_BYTES_MAX} bytes"
            )
        }
        _ => return Ok(()),
    };
    Err(invalid(format!("One or more parameter values were invalid: {why}")))
}

/// Cost of a write, in half units.
fn cost(table: &Table, old: Option<&Item>, new: Option<&Item>) -> Consumed {
    let weigh = |item: Option<&Item>| item.map_or(0, size_bytes);
    let mut consumed = Consumed { table: write_cost(weigh(old).max(weigh(new))), indexes: Vec::new() };
    for index in table.live_indexes() {
        let units = index_cost(index, table, old, new);
        if units > 0 {
            consumed.indexes.push((index.spec.name.clone(), index.spec.scope, units));
        }
    }
    consumed
}

/// Cost of the changes to an index, in half units (developer guide, "write capacity units" of secondary indexes).
fn index_cost(index: &Index, table: &Table, old: Option<&Item>, new: Option<&Item>) -> u64 {
    let (spec, schema) = (&index.spec, &table.meta.schema);
    let entry = |item: Option<&Item>| {
        let item = item?;
        let has_key = spec.schema.attributes().all(|attribute| item.contains_key(&attribute.name));
        has_key.then(|| (spec.schema.of(item), projected_bytes(spec, schema, item)))
    };
    match (entry(old), entry(new)) {
        (None, None) => 0,
        (Some((_, bytes)), None) | (None, Some((_, bytes))) => write_cost(bytes),
        (Some((was, before)), Some((is, after))) if was != is => write_cost(before) + write_cost(after),
        (Some((_, before)), Some((_, after))) => {
            let kept = |item: Option<&Item>| -> Vec<(String, AttributeValue)> {
                let pairs = item.into_iter().flatten().filter(|(name, _)| is_projected(spec, schema, name));
                pairs.map(|(name, value)| (name.clone(), value.clone())).collect()
            };
            if kept(old) == kept(new) { 0 } else { write_cost(before.max(after)) }
        }
    }
}

/// The items of a partition, in a table with local indexes, as they would be.
fn collection(table: &Table, key: &Item, old: Option<&Item>, new: Option<&Item>) -> Option<Collection> {
    let is_local = |index: &&Index| index.spec.scope == IndexScope::Local;
    table.live_indexes().find(is_local)?;
    let schema = &table.meta.schema;
    let partition = key.get(&schema.hash.name)?;
    let of = |entries: &Entries, weigh: &dyn Fn(&Item) -> usize| -> usize {
        entries.range(of_partition(partition)).map(|(_, item)| weigh(item)).sum()
    };
    let mut bytes = of(&table.items, &size_bytes) + new.map_or(0, size_bytes);
    bytes -= old.map_or(0, size_bytes).min(bytes);
    for index in table.live_indexes().filter(is_local) {
        bytes += of(&index.entries, &|item| projected_bytes(&index.spec, schema, item));
    }
    let key = Item::from([(schema.hash.name.clone(), partition.clone())]);
    Some(Collection { key, size_bytes: bytes })
}
