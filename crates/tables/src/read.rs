//! Reads: items by their keys, and pages of a Query or a Scan.

use headwater_types::Timestamp;

use crate::capacity::{Kind, read_cost};
use crate::error::{Cancellation, Result, TablesError};
use crate::expression::KeyCondition;
use crate::index::Index;
use crate::limits::{PAGE_BYTES_MAX, PAGE_MEMORY_BYTES_MAX, PAGE_WORK_MAX, TRANSACTION_BYTES_MAX};
use crate::order::{OrderedKey, Place, Stretch, is_empty, is_in, of_condition, of_segment};
use crate::requests::{Consumed, Get, Got, Page, PageRequest, Range, Select};
use crate::scalars::check_scalars;
use crate::schema::{IndexProjection, IndexScope, TableKey, TableName};
use crate::state::{Entries, State, Table, is_projected, projected, projected_bytes};
use crate::value::{Item, memory_bytes, size_bytes};
use crate::write::{Moment, check_condition, check_key, check_key_value, invalid, work_of};

const CONSISTENT_INDEX: &str = "Consistent reads are not supported on global secondary indexes";

/// One item; in a transaction at twice the price.
pub(crate) fn get(state: &State, get: &Get, in_transaction: bool, moment: Moment<'_>) -> Result<Got> {
    let table = state.ready(&get.table, moment.now)?;
    if !moment.capacity.has_any(table, None, Kind::Read, moment.elapsed) {
        return Err(TablesError::Throttled(get.table.name.clone()));
    }
    check_key(table, &get.key)?;
    if let Some(projection) = &get.projection {
        check_scalars(table, &projection.nested_attributes())?;
    }
    let item = table.get(&get.key);
    let bytes = item.map_or(0, |item| size_bytes(item));
    let mut consumed = Consumed { table: read_cost(bytes, get.consistent), indexes: Vec::new() };
    if in_transaction {
        consumed.table = 2 * read_cost(bytes, true);
    }
    moment.capacity.take(table, None, Kind::Read, consumed.table);
    let item = item.map(|item| match &get.projection {
        Some(parts) => parts.of(item),
        None => (**item).clone(),
    });
    Ok(Got { item, consumed, size_bytes: bytes })
}

/// Items as they are at one moment, or why not one of them is given.
pub(crate) fn get_all(state: &State, gets: &[Get], moment: Moment<'_>) -> Result<Vec<Got>> {
    let (mut found, mut reasons) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    for one in gets {
        reasons.push(match get(state, one, true, moment) {
            Ok(got) => {
                bytes += got.size_bytes;
                if bytes > TRANSACTION_BYTES_MAX {
                    return Err(invalid(
                        "Collection size limit exceeded: a transaction can give 4 MB of items.",
                    ));
                }
                found.push(got);
                None
            }
            Err(TablesError::Invalid(text)) => Some(Cancellation::Invalid(text)),
            Err(TablesError::Throttled(table)) => Some(Cancellation::Throttled(table)),
            Err(error) => return Err(error),
        });
    }
    if reasons.iter().any(Option::is_some) {
        return Err(TablesError::TransactionCanceled(reasons));
    }
    Ok(found)
}

/// True if a page takes items from the table itself, beside what an index has.
pub(crate) fn fetches(state: &State, request: &PageRequest, now: Timestamp) -> Result<bool> {
    let table = state.ready(&request.table, now)?;
    let Some(name) = &request.index else { return Ok(false) };
    Ok(View::new(table, Some(ready_index(table, name, now)?), request)?.fetches)
}

/// A page. At most 1 MB of items is looked at, and no more than is asked for.
pub(crate) fn page(state: &State, request: &PageRequest, moment: Moment<'_>) -> Result<Page> {
    let table = state.ready(&request.table, moment.now)?;
    let index = request.index.as_ref().map(|name| ready_index(table, name, moment.now)).transpose()?;
    let name = index.map(|index| &index.spec.name);
    if !moment.capacity.has_any(table, name, Kind::Read, moment.elapsed) {
        return Err(TablesError::Throttled(request.table.name.clone()));
    }
    if let Range::Query { condition, .. } = &request.range {
        let schema = index.map_or(&table.meta.schema, |index| &index.spec.schema);
        check_condition(schema, condition)?;
    }
    if let Some(filter) = &request.filter {
        check_scalars(table, &filter.nested_attributes())?;
    }
    if let Select::Parts(parts) = &request.select {
        check_scalars(table, &parts.nested_attributes())?;
    }
    let view = View::new(table, index, request)?;
    let (stretch, forward) = stretch(table, index, request)?;
    let mut walk = Walk::new(&view, request);
    if !is_empty(&stretch) {
        let mut entries = view.entries.range(stretch);
        while let Some((_, item)) = if forward { entries.next() } else { entries.next_back() } {
            if !walk.visit(item) {
                break;
            }
        }
    }
    let page = walk.end(request.consistent);
    moment.capacity.take(table, None, Kind::Read, page.consumed.table);
    for (name, _, units) in &page.consumed.indexes {
        moment.capacity.take(table, Some(name), Kind::Read, *units);
    }
    Ok(page)
}

/// Checks that a page can begin after this key, and be as consistent as is asked for.
pub(crate) fn check_start(
    state: &State,
    table: &TableKey,
    index: Option<&TableName>,
    (consistent, after): (bool, Option<&Item>),
    now: Timestamp,
) -> Result<()> {
    let table = state.ready(table, now)?;
    let index = index.map(|name| ready_index(table, name, now)).transpose()?;
    if consistent && index.is_some_and(|index| index.spec.scope == IndexScope::Global) {
        return Err(invalid(CONSISTENT_INDEX));
    }
    after.map_or(Ok(()), |after| start(table, index, after).map(drop))
}

fn ready_index<'a>(table: &'a Table, name: &TableName, now: Timestamp) -> Result<&'a Index> {
    use crate::description::Status;
    let missing =
        || TablesError::IndexNotFound(format!("The table does not have the specified index: {name}"));
    let meta = table.meta.indexes.iter().find(|index| index.spec.name == *name).ok_or_else(missing)?;
    let index = table.index(name).ok_or_else(missing)?;
    match index.status(meta.phase, now) {
        Some(Status::Active | Status::Updating | Status::Inaccessible) => Ok(index),
        Some(Status::Creating) => {
            Err(invalid(format!("Cannot read from backfilling global secondary index: {name}")))
        }
        Some(Status::Deleting) | None => Err(missing()),
    }
}

/// The entries that are read, and what of an item is seen there.
struct View<'a> {
    table: &'a Table,
    index: Option<&'a Index>,
    entries: &'a Entries,
    /// True if a local index has to fetch items from the table.
    fetches: bool,
}

impl<'a> View<'a> {
    fn new(table: &'a Table, index: Option<&'a Index>, request: &PageRequest) -> Result<Self> {
        let Some(index) = index else {
            return Ok(Self { table, index: None, entries: &table.items, fetches: false });
        };
        let (spec, schema) = (&index.spec, &table.meta.schema);
        let is_whole = spec.projection == IndexProjection::All;
        let wanted: Vec<&str> = match &request.select {
            Select::All | Select::AllProjected | Select::Count => Vec::new(),
            Select::Parts(parts) => parts.attributes(),
        };
        let absent: Vec<&str> = wanted.into_iter().filter(|name| !is_projected(spec, schema, name)).collect();
        if spec.scope == IndexScope::Global {
            if request.consistent {
                return Err(invalid(CONSISTENT_INDEX));
            }
            if matches!(request.select, Select::All) && !is_whole {
                return Err(invalid(format!(
                    "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for \
                     global secondary index {} because its projection type is not ALL",
                    spec.name
                )));
            }
            if !absent.is_empty() {
                return Err(invalid(format!(
                    "One or more parameter values were invalid: Global secondary index {} does not project [{}]",
                    spec.name,
                    absent.join(", ")
                )));
            }
        }
        let filtered = request.filter.as_ref().map(|filter| filter.attributes()).unwrap_or_default();
        let filters_absent = filtered.iter().any(|name| !is_projected(spec, schema, name));
        let fetches = spec.scope == IndexScope::Local
            && !is_whole
            && (matches!(request.select, Select::All) || !absent.is_empty() || filters_absent);
        Ok(Self { table, index: Some(index), entries: &index.entries, fetches })
    }

    /// Part of an item that is seen; `None` if that is the whole.
    fn seen(&self, item: &Item) -> Option<Item> {
        let index = self.index.filter(|_| !self.fetches)?;
        (index.spec.projection != IndexProjection::All)
            .then(|| projected(&index.spec, &self.table.meta.schema, item))
    }

    fn weigh(&self, item: &Item) -> usize {
        match self.index.filter(|_| !self.fetches) {
            Some(index) => projected_bytes(&index.spec, &self.table.meta.schema, item),
            None => size_bytes(item),
        }
    }

    /// The key after which one can go on.
    fn key(&self, item: &Item) -> Item {
        let mut key = self.table.meta.schema.of(item);
        if let Some(index) = self.index {
            key.extend(index.spec.schema.of(item));
        }
        key
    }
}

/// A page that is being gathered.
struct Walk<'a> {
    view: &'a View<'a>,
    request: &'a PageRequest,
    page: Page,
    bytes: usize,
    fetched: u64,
    /// Size of what it has looked at of an index, in bytes.
    indexed: usize,
    /// Work left for the filter.
    work: usize,
    memory_bytes: usize,
}

impl<'a> Walk<'a> {
    fn new(view: &'a View<'a>, request: &'a PageRequest) -> Self {
        let page =
            Page { items: Vec::new(), count: 0, scanned: 0, last: None, consumed: Consumed::default() };
        Self { view, request, page, bytes: 0, fetched: 0, indexed: 0, work: PAGE_WORK_MAX, memory_bytes: 0 }
    }

    /// Looks at an item; `false` if the page is full.
    fn visit(&mut self, item: &Item) -> bool {
        let weight = self.view.weigh(item);
        self.page.scanned += 1;
        self.bytes += weight;
        let seen = self.view.seen(item);
        let seen = seen.as_ref().unwrap_or(item);
        if let Some(index) = self.view.index.filter(|_| self.view.fetches) {
            self.fetched += read_cost(size_bytes(item), self.request.consistent);
            self.indexed += projected_bytes(&index.spec, &self.view.table.meta.schema, item);
        }
        if let Some(filter) = &self.request.filter {
            self.work = self.work.saturating_sub(work_of(filter, seen));
        }
        self.memory_bytes += memory_bytes(seen);
        if self.request.filter.as_ref().is_none_or(|filter| filter.holds(seen)) {
            self.page.count += 1;
            match &self.request.select {
                Select::All | Select::AllProjected => self.page.items.push(seen.clone()),
                Select::Parts(parts) => self.page.items.push(parts.of(seen)),
                Select::Count => {}
            }
        }
        let full = self.bytes >= PAGE_BYTES_MAX
            || self.work == 0
            || self.memory_bytes >= PAGE_MEMORY_BYTES_MAX
            || self.request.limit.is_some_and(|limit| self.page.scanned >= limit);
        if full {
            self.page.last = Some(self.view.key(item));
        }
        !full
    }

    fn end(mut self, consistent: bool) -> Page {
        let looked_at = if self.view.fetches { self.indexed } else { self.bytes };
        let units = read_cost(looked_at, consistent);
        match self.view.index {
            Some(index) => {
                self.page.consumed.indexes = vec![(index.spec.name.clone(), index.spec.scope, units)];
                self.page.consumed.table = self.fetched;
            }
            None => self.page.consumed.table = units,
        }
        self.page
    }
}

/// Places that are asked for, those before the start left out, and true if they are read from the first on.
fn stretch(table: &Table, index: Option<&Index>, request: &PageRequest) -> Result<(Stretch, bool)> {
    let (all, forward) = match &request.range {
        Range::Query { condition, forward } => {
            let schema = index.map_or(&table.meta.schema, |index| &index.spec.schema);
            (of_condition(schema, condition), *forward)
        }
        Range::Scan { segment, of } => (of_segment(*segment, *of), true),
    };
    let Some(after) = &request.after else { return Ok((all, forward)) };
    let place = start(table, index, after)?;
    let is_query = matches!(request.range, Range::Query { .. });
    match &request.range {
        Range::Query { condition, .. } => check_within(table, index, after, condition)?,
        Range::Scan { segment, of } if !is_in(&place, &all) => {
            return Err(invalid(format!(
                "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with \
                 correct Segment. TotalSegments: {of} Segment: {segment}"
            )));
        }
        Range::Scan { .. } => {}
    }
    let (low, high) = all;
    let after = std::ops::Bound::Excluded(place);
    Ok((if forward || !is_query { (after, high) } else { (low, after) }, forward))
}

/// Checks that a Query could have ended at this key. AWS looks at the partition key first, except for its last attribute,
/// which it looks at after the sort key.
fn check_within(table: &Table, index: Option<&Index>, key: &Item, condition: &KeyCondition) -> Result<()> {
    const ONE_ROW: &str = "The query can return at most one row and cannot be restarted";
    let schema = index.map_or(&table.meta.schema, |index| &index.spec.schema);
    let same: Vec<bool> = (schema.hash_attributes().zip(&condition.partition))
        .map(|(part, value)| key.get(&part.name) == Some(value))
        .collect();
    let Some((last, first)) = same.split_last() else { return Ok(()) };
    if first.contains(&false) {
        return Err(invalid(ONE_ROW));
    }
    let leads = (schema.range_attributes().zip(&condition.leading))
        .all(|(part, value)| key.get(&part.name) == Some(value));
    let at = schema.range_attributes().nth(condition.leading.len()).and_then(|part| key.get(&part.name));
    if !leads || condition.sort.as_ref().is_some_and(|sort| !at.is_some_and(|value| sort.holds(value))) {
        return Err(invalid("The provided starting key does not match the range key predicate"));
    }
    if *last {
        return Ok(());
    }
    Err(invalid(match (&condition.sort, index) {
        (Some(_), _) => ONE_ROW,
        (None, None) if schema.range.is_none() => "The provided exclusive start key is invalid",
        (None, _) => "The provided starting key is outside query boundaries based on provided conditions",
    }))
}

/// The place that a key stands for: the table's key and, for an index, the index's key too, and nothing else.
fn start(table: &Table, index: Option<&Index>, key: &Item) -> Result<Place> {
    let wrong = || invalid("The provided starting key is invalid");
    let schema = &table.meta.schema;
    for part in schema.attributes() {
        key.get(&part.name).map_or(Ok(()), |value| check_key_value(&part.name, value, None))?;
    }
    let primary = OrderedKey::of(schema, key).ok_or_else(wrong)?;
    let has = |name: &String| schema.has(name) || index.is_some_and(|index| index.spec.schema.has(name));
    if !key.keys().all(has) {
        return Err(wrong());
    }
    match index {
        None => Ok(primary.place()),
        Some(index) => Ok(OrderedKey::of(&index.spec.schema, key).ok_or_else(wrong)?.place_of(primary)),
    }
}
