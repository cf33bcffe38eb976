//! Indexes that are built, and tables that are freed, a stretch at a time.

use std::ops::ControlFlow;

use headwater_host::SeededRandom;
use headwater_types::{AccountId, Timestamp};

use super::*;
use crate::limits::PLACE_BYTES;
use crate::meta::{IndexMeta, Owner};
use crate::schema::{Billing, IndexScope, KeyAttribute, KeyType};
use crate::value::AttributeValue;

const UID: u64 = 7;
/// Limit of a stretch of ten small items, about.
const STRETCH_BYTES: usize = 10 * PLACE_BYTES;

fn state() -> State {
    State::new(Vault { keyring: Arc::default(), random: SeededRandom::new(1), home: Region::US_EAST_1 })
}

fn schema(name: &str) -> KeySchema {
    KeySchema::new(KeyAttribute { name: name.into(), kind: KeyType::S }, None)
}

fn index(name: &str, phase: Phase) -> IndexMeta {
    let spec = IndexSpec {
        name: TableName::new(name).expect("a name"),
        scope: IndexScope::Global,
        schema: schema("owner"),
        projection: IndexProjection::All,
        throughput: None,
    };
    IndexMeta { spec, phase, estimate_bytes: 0 }
}

fn table(phase: Phase, indexes: Vec<IndexMeta>) -> TableMeta {
    let realm =
        Realm { account: AccountId::new("123456789012").expect("an account"), region: Region::US_EAST_1 };
    TableMeta {
        uid: UID,
        owner: Owner::new(realm, Region::US_EAST_1),
        name: TableName::new("leases").expect("a name"),
        id: "id".into(),
        created: Timestamp::EPOCH,
        phase,
        schema: schema("pk"),
        indexes,
        billing: Billing::PayPerRequest,
        pay_per_request_since: None,
        throughput_raised: None,
        throughput_lowered: None,
        class: None,
        deletion_protection: false,
        time_to_live: None,
        tags: BTreeMap::new(),
        encryption: Default::default(),
        on_demand: None,
        warm: None,
        point_in_time: None,
    }
}

fn set(state: &mut State, meta: TableMeta) {
    state.apply(Change::Table(Box::new(meta))).expect("it fits");
}

fn put(state: &mut State, pk: u64, owner: Option<u64>) {
    let text = |number: u64| AttributeValue::S(format!("{number:04}"));
    let mut item = Item::from([("pk".to_owned(), text(pk))]);
    item.extend(owner.map(|owner| ("owner".to_owned(), text(owner))));
    state.apply(Change::Put(UID, Arc::new(item))).expect("it fits");
}

fn delete(state: &mut State, pk: u64) {
    let key = Item::from([("pk".to_owned(), AttributeValue::S(format!("{pk:04}")))]);
    state.apply(Change::Delete(UID, key)).expect("it fits");
}

fn of(state: &State) -> &Table {
    state.table(UID).expect("the table")
}

/// The same tables as a new process finds them.
fn afresh(state: &State) -> State {
    let (mut fresh, mut cursor) = (self::state(), None);
    loop {
        let (changes, next) = state.stretch(cursor.as_ref(), 1000);
        changes.into_iter().for_each(|change| fresh.apply(change).expect("it fits"));
        match next {
            Some(next) => cursor = Some(next),
            None => return fresh,
        }
    }
}

/// Catches up a stretch at a time, with work in between, and checks that each is short. Says how many there were.
fn catch_up(state: &mut State, mut between: impl FnMut(&mut State) -> ControlFlow<()>) -> usize {
    let size = |state: &State| {
        let entries = |table: &Table| table.indexes.iter().map(|index| index.entries.len()).sum::<usize>();
        state.tables.values().map(entries).sum::<usize>() + state.discarded.len()
    };
    let mut stretches = 0;
    while state.is_behind() {
        let before = size(state);
        drop(state.catch_up(STRETCH_BYTES));
        assert!(before.abs_diff(size(state)) <= 10, "a stretch is short");
        stretches += 1;
        if between(state).is_break() {
            break;
        }
    }
    stretches
}

fn of_changing_items(state: &mut State, random: &SeededRandom, count: usize) {
    use headwater_host::Random;
    for _ in 0..count {
        let (pk, draw) = (random.next_u64() % 400, random.next_u64());
        match draw % 4 {
            0 => delete(state, pk),
            1 => put(state, pk, None),
            _ => put(state, pk, Some(draw % 5)),
        }
    }
}

#[test]
fn an_index_is_built_in_stretches_while_items_change() {
    let random = SeededRandom::new(1);
    let mut state = state();
    set(&mut state, table(Phase::Active, Vec::new()));
    (0..300).for_each(|pk| put(&mut state, pk, Some(pk % 5)));
    assert!(!state.is_behind());
    set(&mut state, table(Phase::Active, vec![index("by-owner", Phase::Active)]));
    let now = Timestamp::EPOCH;
    let status = |state: &State| {
        let table = of(state);
        (table.status(now), table.indexes[0].status(Phase::Active, now))
    };
    assert_eq!(status(&state), (Some(Status::Updating), Some(Status::Creating)));
    let stretches = catch_up(&mut state, |state| {
        of_changing_items(state, &random, 3);
        ControlFlow::Continue(())
    });
    assert!(stretches >= 20, "{stretches}");
    assert_eq!(status(&state), (Some(Status::Active), Some(Status::Active)));
    let fresh = afresh(&state);
    assert_eq!(of(&state).indexes[0].entries, of(&fresh).indexes[0].entries);
    assert_eq!(of(&state).indexes[0].bytes, of(&fresh).indexes[0].bytes);
    assert_eq!(state.memory_bytes(), fresh.memory_bytes());
}

#[test]
fn what_an_index_will_take_is_reserved_while_it_is_built() {
    let random = SeededRandom::new(2);
    let mut state = state();
    set(&mut state, table(Phase::Active, Vec::new()));
    (0..300).for_each(|pk| put(&mut state, pk, (pk % 3 > 0).then_some(pk % 5)));
    let spec = index("by-owner", Phase::Active);
    let estimate_bytes =
        of(&state).items.values().map(|item| entry_bytes(&spec.spec, &schema("pk"), item)).sum();
    set(&mut state, table(Phase::Active, vec![IndexMeta { estimate_bytes, ..spec }]));
    catch_up(&mut state, |state| {
        of_changing_items(state, &random, 3);
        assert_eq!(state.memory_bytes(), afresh(state).memory_bytes(), "as if it were built");
        ControlFlow::Continue(())
    });
    assert_eq!(state.memory_bytes(), afresh(&state).memory_bytes());
}

#[test]
fn tags_and_settings_leave_indexes_as_they_are() {
    let mut state = state();
    let indexes = || vec![index("by-owner", Phase::Active)];
    set(&mut state, table(Phase::Active, indexes()));
    (0..100).for_each(|pk| put(&mut state, pk, Some(pk % 5)));
    let entry = |state: &State| of(state).indexes[0].entries.values().next().map(Arc::as_ptr);
    let first = of(&state).indexes[0].entries.first_key_value().map(|(place, _)| std::ptr::from_ref(place));
    let (memory_bytes, before) = (state.memory_bytes(), entry(&state));
    let tags = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
    set(&mut state, TableMeta { tags, deletion_protection: true, ..table(Phase::Active, indexes()) });
    assert!(!state.is_behind(), "nothing is to be built or freed");
    assert_eq!((state.memory_bytes(), entry(&state)), (memory_bytes, before));
    let after = of(&state).indexes[0].entries.first_key_value().map(|(place, _)| std::ptr::from_ref(place));
    assert_eq!(after, first, "entries stay where they are");
}

#[test]
fn indexes_and_tables_are_freed_in_stretches_and_count_until_then() {
    let mut state = state();
    let gone = Phase::Deleting { until: Timestamp::EPOCH };
    set(&mut state, table(Phase::Active, vec![index("by-owner", Phase::Active)]));
    (0..200).for_each(|pk| put(&mut state, pk, Some(pk % 5)));
    let full = state.memory_bytes();
    set(&mut state, table(Phase::Active, vec![index("by-owner", gone)]));
    assert!(of(&state).indexes[0].entries.is_empty());
    assert_eq!(state.memory_bytes(), full);
    assert!(catch_up(&mut state, |_| ControlFlow::Continue(())) >= 20);
    assert_eq!(state.memory_bytes(), afresh(&state).memory_bytes());
    // In the middle of being built.
    set(&mut state, table(Phase::Active, vec![index("by-owner", Phase::Active)]));
    catch_up(&mut state, |_| ControlFlow::Break(()));
    set(&mut state, table(gone, vec![index("by-owner", Phase::Active)]));
    assert!(of(&state).items.is_empty());
    assert!(catch_up(&mut state, |_| ControlFlow::Continue(())) >= 20);
    assert_eq!(state.memory_bytes(), TABLE_BYTES);
    state.apply(Change::Gone(UID)).expect("it is there");
    assert_eq!((state.memory_bytes(), state.is_behind()), (0, false));
    // As a journal has it of a table that was deleted before its snapshot came to it.
    set(&mut state, table(Phase::Active, Vec::new()));
    (0..200).for_each(|pk| put(&mut state, pk, None));
    set(&mut state, table(Phase::Active, vec![index("by-owner", Phase::Active)]));
    state.apply(Change::Gone(UID)).expect("it is there");
    assert!(catch_up(&mut state, |_| ControlFlow::Continue(())) >= 20);
    assert_eq!(state.memory_bytes(), 0);
}
