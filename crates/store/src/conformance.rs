//! The suite every engine must pass: what the ports promise, as seen through them alone.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use headwater_types::{Position, Record, RecordBatch, RecordBatchBuilder, StoredRecord, Timestamp};

use crate::memory::MemoryStore;
use crate::{
    AppendBatch, Bounds, Expect, Expected, LogId, LogStore, MetaStore, ReadLimit, ShardLog, StoreError,
    Version,
};

/// Storage engine: both ports.
pub trait Engine: LogStore + MetaStore {}
impl<T: LogStore + MetaStore> Engine for T {}

/// No limit that matters.
pub const ALL: ReadLimit = ReadLimit { records: u32::MAX, bytes: usize::MAX };

/// Runs every case, each on a new and empty store.
pub async fn check_all<E: Engine>(fresh: impl AsyncFn() -> Arc<E>) {
    records_come_back_as_they_went(&*fresh().await).await;
    reads_begin_anywhere_and_repeat(&*fresh().await).await;
    limits_are_kept(&*fresh().await).await;
    sealed_records_are_records_like_others(&*fresh().await).await;
    arrival_never_goes_back(&*fresh().await).await;
    expected_tail_is_compared(&*fresh().await).await;
    appends_keep_the_order_they_were_polled_in(&*fresh().await).await;
    concurrent_appends_leave_no_gap(&*fresh().await).await;
    sealed_is_sealed(&*fresh().await).await;
    trim_hides_and_never_goes_back(&*fresh().await).await;
    time_finds_the_first_record(&*fresh().await).await;
    waiters_wake(&*fresh().await).await;
    logs_are_created_once_and_deleted_for_good(&*fresh().await).await;
    metadata_changes_by_compare_and_set(&*fresh().await).await;
    metadata_is_listed_in_order(&*fresh().await).await;
    watchers_see_changes_in_order(&*fresh().await).await;
    for seed in 0..8 {
        agrees_with_the_naive_engine(&*fresh().await, seed, 300, async || {}).await;
    }
}

/// A batch of `count` records whose contents tell them apart.
pub fn batch(tag: u64, count: u32, data_len: usize) -> RecordBatch {
    let mut builder = RecordBatchBuilder::default();
    for i in 0..count {
        let mut data = format!("{tag}/{i}:").into_bytes();
        data.resize(data.len().max(data_len), b'a' + (tag % 26) as u8);
        let explicit_hash_key = (i % 3 == 2).then_some(u128::from(tag) << 64 | u128::from(i));
        builder.push(Record { key: &format!("key-{}", tag % 7), explicit_hash_key, data: &data });
    }
    builder.finish().expect("the batch has records")
}

/// The name of a log.
pub fn id(name: &str) -> LogId {
    LogId::new(name).expect("a fitting name")
}

/// A batch that arrives at this millisecond.
pub fn put(arrival: u64, records: RecordBatch) -> AppendBatch {
    AppendBatch { arrival: Timestamp::from_millis(arrival), records, frees: false }
}

/// A record with its position and arrival, as text that can be compared.
pub type Seen = (u64, u64, String, Option<u128>, Vec<u8>);

/// Everything a log holds from `from` on, read in steps of `limit`.
pub async fn contents(log: &dyn ShardLog, from: Position, limit: ReadLimit) -> Result<Vec<Seen>, StoreError> {
    let mut seen = Vec::new();
    let mut next = from;
    loop {
        let found = log.read(next, limit).await?;
        for batch in &found.batches {
            for (i, record) in batch.records.records().enumerate() {
                let position = batch.first.get() + i as u64;
                let key = record.key.to_owned();
                let arrival = batch.arrival.as_millis();
                seen.push((position, arrival, key, record.explicit_hash_key, record.data.to_vec()));
            }
        }
        if found.next >= found.bounds.end {
            return Ok(seen);
        }
        assert!(found.next > next, "a read makes progress where there are records");
        next = found.next;
    }
}

async fn one_log<E: Engine>(store: &E) -> Arc<dyn ShardLog> {
    store.create(&[id("log")]).await.unwrap();
    LogStore::open(store, &id("log")).await.unwrap()
}

fn at(value: u64) -> Position {
    Position::new(value).unwrap()
}

/// Fails unless the result is this error.
fn refused<T: Debug>(result: Result<T, StoreError>, name: &str) {
    let error = result.expect_err("it is refused");
    assert!(format!("{error:?}").starts_with(name), "{error:?} instead of {name}");
}

async fn records_come_back_as_they_went<E: Engine>(store: &E) {
    let log = one_log(store).await;
    assert_eq!(log.bounds(), Bounds::default());
    assert!(log.read(Position::START, ALL).await.unwrap().batches.is_empty());
    let mut expected = Vec::new();
    for tag in 0..20u64 {
        let records = batch(tag, 1 + tag as u32 % 5, (tag * tag) as usize * 40);
        let appended = log.append(put(100 + tag, records.clone()), Expect::Any).await.unwrap();
        assert_eq!(appended.first.get(), expected.len() as u64);
        for (i, record) in records.records().enumerate() {
            let position = appended.first.get() + i as u64;
            expected.push((
                position,
                100 + tag,
                record.key.to_owned(),
                record.explicit_hash_key,
                record.data.to_vec(),
            ));
        }
    }
    assert_eq!(contents(&*log, Position::START, ALL).await.unwrap(), expected);
    let bounds = log.bounds();
    assert_eq!((bounds.start, bounds.end.get()), (Position::START, expected.len() as u64));
    assert_eq!((bounds.last_arrival.as_millis(), bounds.sealed), (119, false));
}

async fn reads_begin_anywhere_and_repeat<E: Engine>(store: &E) {
    let log = one_log(store).await;
    for tag in 0..10 {
        log.append(put(tag, batch(tag, 7, 100)), Expect::Any).await.unwrap();
    }
    let all = contents(&*log, Position::START, ALL).await.unwrap();
    for from in 0..=70 {
        let found = contents(&*log, at(from), ALL).await.unwrap();
        assert_eq!(found, all[from as usize..]);
        assert_eq!(contents(&*log, at(from), ALL).await.unwrap(), found);
    }
    let beyond = log.read(at(1000), ALL).await.unwrap();
    assert!(beyond.batches.is_empty());
    assert_eq!(beyond.next, at(1000));
}

async fn limits_are_kept<E: Engine>(store: &E) {
    let log = one_log(store).await;
    for tag in 0..6 {
        log.append(put(tag, batch(tag, 5, 1000)), Expect::Any).await.unwrap();
    }
    let all = contents(&*log, Position::START, ALL).await.unwrap();
    for (records, bytes) in
        [(1, usize::MAX), (3, usize::MAX), (7, usize::MAX), (100, 1), (100, 2500), (4, 9000)]
    {
        let limit = ReadLimit { records, bytes };
        let found = log.read(Position::START, limit).await.unwrap();
        let count: u32 = found.batches.iter().map(|batch| batch.records.count()).sum();
        let size: usize = found.batches.iter().map(|batch| batch.records.bytes().len()).sum();
        assert!((1..=records).contains(&count), "{count} records for {records}");
        assert!(size <= bytes || count == 1, "{size} bytes for {bytes}");
        assert_eq!(found.next.get(), u64::from(count));
        assert_eq!(contents(&*log, Position::START, limit).await.unwrap(), all);
    }
}

async fn sealed_records_are_records_like_others<E: Engine>(store: &E) {
    let log = one_log(store).await;
    let mut expected = Vec::new();
    for tag in 0..4u8 {
        let mut builder = RecordBatchBuilder::default();
        for i in 0..5u8 {
            // Not one of them is text, and some look like the beginning of a plain record.
            let sealed = vec![tag ^ 0xff; 200 * usize::from(i)];
            let whole = builder.push_sealed(sealed.len(), |to| {
                to.extend_from_slice(&sealed);
                Ok::<_, StoreError>(())
            });
            whole.unwrap();
            expected.push(sealed);
        }
        builder.push(Record { key: "plain", explicit_hash_key: None, data: &[tag] });
        expected.push(vec![tag]);
        log.append(put(1, builder.finish().expect("there are records")), Expect::Any).await.unwrap();
    }
    for (records, bytes) in [(u32::MAX, usize::MAX), (1, usize::MAX), (4, usize::MAX), (100, 500), (100, 1)] {
        let mut found = Vec::new();
        let mut next = Position::START;
        while found.len() < expected.len() {
            let read = log.read(next, ReadLimit { records, bytes }).await.unwrap();
            for batch in &read.batches {
                assert_eq!(batch.first.get(), found.len() as u64);
                found.extend(batch.records.stored().map(|stored| match stored {
                    StoredRecord::Plain(record) => record.data.to_vec(),
                    StoredRecord::Sealed(sealed) => sealed.to_vec(),
                }));
            }
            next = read.next;
        }
        assert_eq!(found, expected, "{records} records, {bytes} bytes");
    }
}

async fn arrival_never_goes_back<E: Engine>(store: &E) {
    let log = one_log(store).await;
    for (given, stored) in [(50, 50), (40, 50), (60, 60), (0, 60)] {
        let appended = log.append(put(given, batch(given, 2, 0)), Expect::Any).await.unwrap();
        assert_eq!(appended.arrival.as_millis(), stored);
    }
    let arrivals: Vec<u64> =
        contents(&*log, Position::START, ALL).await.unwrap().iter().map(|seen| seen.1).collect();
    assert_eq!(arrivals, [50, 50, 50, 50, 60, 60, 60, 60]);
}

async fn expected_tail_is_compared<E: Engine>(store: &E) {
    let log = one_log(store).await;
    refused(log.append(put(1, batch(1, 1, 0)), Expect::Tail(at(1))).await, "Conflict");
    log.append(put(1, batch(1, 3, 0)), Expect::Tail(at(0))).await.unwrap();
    refused(log.append(put(1, batch(2, 1, 0)), Expect::Tail(at(0))).await, "Conflict");
    log.append(put(1, batch(3, 1, 0)), Expect::Tail(at(3))).await.unwrap();
    // Of owners that all believe in the same tail one wins.
    let results = join_all((0..8).map(|tag| log.append(put(2, batch(tag, 1, 0)), Expect::Tail(at(4))))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(log.bounds().end, at(5));
}

async fn appends_keep_the_order_they_were_polled_in<E: Engine>(store: &E) {
    let log = one_log(store).await;
    let appended = join_all((0..50).map(|tag| log.append(put(1, batch(tag, 2, 10)), Expect::Any))).await;
    for (i, appended) in appended.into_iter().enumerate() {
        assert_eq!(appended.unwrap().first.get(), 2 * i as u64);
    }
}

async fn concurrent_appends_leave_no_gap<E: Engine>(store: &E) {
    let names: Vec<LogId> = (0..10).map(|i| id(&format!("many/{i}"))).collect();
    store.create(&names).await.unwrap();
    let mut logs = Vec::new();
    for name in &names {
        logs.push(LogStore::open(store, name).await.unwrap());
    }
    let appends = logs.iter().flat_map(|log| (0..20).map(move |tag| (log.clone(), tag)));
    join_all(appends.map(|(log, tag)| async move {
        log.append(put(tag, batch(tag, 1 + tag as u32 % 3, 50)), Expect::Any).await.unwrap();
    }))
    .await;
    for log in logs {
        let positions: Vec<u64> =
            contents(&*log, Position::START, ALL).await.unwrap().iter().map(|seen| seen.0).collect();
        assert_eq!(positions, (0..positions.len() as u64).collect::<Vec<_>>());
        assert_eq!(log.bounds().end.get(), positions.len() as u64);
    }
}

async fn sealed_is_sealed<E: Engine>(store: &E) {
    let log = one_log(store).await;
    log.append(put(5, batch(1, 3, 0)), Expect::Any).await.unwrap();
    let bounds = log.seal().await.unwrap();
    assert_eq!((bounds.end, bounds.sealed), (at(3), true));
    assert_eq!(log.seal().await.unwrap(), bounds);
    refused(log.append(put(6, batch(2, 1, 0)), Expect::Any).await, "Closed");
    refused(log.append(put(6, batch(2, 1, 0)), Expect::Tail(at(3))).await, "Closed");
    let again = LogStore::open(store, &id("log")).await.unwrap();
    refused(again.append(put(6, batch(2, 1, 0)), Expect::Any).await, "Closed");
    assert_eq!(again.bounds(), bounds);
    log.moved_past(at(100)).await.unwrap();
    assert_eq!(contents(&*log, Position::START, ALL).await.unwrap().len(), 3);
    log.trim(at(2)).await.unwrap();
    assert_eq!(contents(&*log, Position::START, ALL).await.unwrap().len(), 1);
}

async fn trim_hides_and_never_goes_back<E: Engine>(store: &E) {
    let log = one_log(store).await;
    for tag in 0..10 {
        log.append(put(tag * 10, batch(tag, 4, 0)), Expect::Any).await.unwrap();
    }
    let all = contents(&*log, Position::START, ALL).await.unwrap();
    for (before, start) in [(0, 0), (6, 6), (3, 6), (8, 8), (1000, 40), (20, 40)] {
        log.trim(at(before)).await.unwrap();
        assert_eq!(log.bounds().start, at(start));
        assert_eq!(contents(&*log, Position::START, ALL).await.unwrap(), all[start as usize..]);
        assert_eq!(log.position_at(Timestamp::EPOCH).await.unwrap(), at(start));
    }
    let appended = log.append(put(200, batch(9, 1, 0)), Expect::Tail(at(40))).await.unwrap();
    assert_eq!(appended.first, at(40));
    assert_eq!(log.bounds().last_arrival.as_millis(), 200);
}

async fn time_finds_the_first_record<E: Engine>(store: &E) {
    let log = one_log(store).await;
    assert_eq!(log.position_at(Timestamp::EPOCH).await.unwrap(), at(0));
    for tag in 0..10 {
        log.append(put(100 + tag / 2 * 10, batch(tag, 3, 0)), Expect::Any).await.unwrap();
    }
    for (time, position) in [(0, 0), (100, 0), (101, 6), (110, 6), (140, 24), (141, 30), (u64::MAX, 30)] {
        assert_eq!(log.position_at(Timestamp::from_millis(time)).await.unwrap(), at(position), "time {time}");
    }
}

async fn waiters_wake<E: Engine>(store: &E) {
    let log = one_log(store).await;
    log.append(put(1, batch(1, 2, 0)), Expect::Any).await.unwrap();
    log.moved_past(at(0)).await.unwrap();
    log.moved_past(at(1)).await.unwrap();
    let mut waiting = std::pin::pin!(log.moved_past(at(2)));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    log.append(put(1, batch(1, 1, 0)), Expect::Any).await.unwrap();
    waiting.await.unwrap();
    let mut waiting = std::pin::pin!(log.moved_past(at(3)));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    log.seal().await.unwrap();
    waiting.await.unwrap();
    store.create(&[id("other")]).await.unwrap();
    let other = LogStore::open(store, &id("other")).await.unwrap();
    let mut waiting = std::pin::pin!(other.moved_past(at(0)));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    LogStore::delete(store, &[id("other")]).await.unwrap();
    waiting.await.unwrap();
}

async fn logs_are_created_once_and_deleted_for_good<E: Engine>(store: &E) {
    refused(LogStore::open(store, &id("a")).await, "NoSuchLog");
    store.create(&[id("b/1"), id("a"), id("b/2"), id("a")]).await.unwrap();
    let log = LogStore::open(store, &id("a")).await.unwrap();
    log.append(put(1, batch(1, 1, 0)), Expect::Any).await.unwrap();
    store.create(&[id("a"), id("c")]).await.unwrap();
    assert_eq!(log.bounds().end, at(1));
    assert_eq!(LogStore::list(store, "").await.unwrap(), [id("a"), id("b/1"), id("b/2"), id("c")]);
    assert_eq!(LogStore::list(store, "b/").await.unwrap(), [id("b/1"), id("b/2")]);
    LogStore::delete(store, &[id("a"), id("never"), id("b/1")]).await.unwrap();
    LogStore::delete(store, &[id("a")]).await.unwrap();
    assert_eq!(LogStore::list(store, "").await.unwrap(), [id("b/2"), id("c")]);
    refused(LogStore::open(store, &id("a")).await, "NoSuchLog");
    refused(log.append(put(1, batch(1, 1, 0)), Expect::Any).await, "NoSuchLog");
    refused(log.read(at(0), ALL).await, "NoSuchLog");
    refused(log.seal().await, "NoSuchLog");
    refused(log.trim(at(1)).await, "NoSuchLog");
    refused(log.position_at(Timestamp::EPOCH).await, "NoSuchLog");
    log.moved_past(at(100)).await.unwrap();
}

async fn metadata_changes_by_compare_and_set<E: Engine>(store: &E) {
    let put = |value: &'static str, expected| store.put("k", Bytes::from_static(value.as_bytes()), expected);
    assert_eq!(store.get("k").await.unwrap(), None);
    refused(put("x", Expected::Version(Version(1))).await, "Conflict");
    let first = put("one", Expected::Absent).await.unwrap();
    refused(put("x", Expected::Absent).await, "Conflict");
    let second = put("two", Expected::Version(first)).await.unwrap();
    assert!(second > first);
    refused(put("x", Expected::Version(first)).await, "Conflict");
    let found = store.get("k").await.unwrap().unwrap();
    assert_eq!((&found.value[..], found.version), (&b"two"[..], second));
    refused(MetaStore::delete(store, "k", first).await, "Conflict");
    MetaStore::delete(store, "k", second).await.unwrap();
    refused(MetaStore::delete(store, "k", second).await, "Conflict");
    let third = put("three", Expected::Absent).await.unwrap();
    assert!(third > second, "versions are not used again");
    let winners = join_all((0..8).map(|_| put("race", Expected::Version(third)))).await;
    assert_eq!(winners.iter().filter(|result| result.is_ok()).count(), 1);
    for key in ["", "white space", "umlaut-ä", &"x".repeat(513)] {
        refused(store.put(key, Bytes::new(), Expected::Absent).await, "Invalid");
    }
    let long = Bytes::from(vec![0; (16 << 20) + 1]);
    refused(store.put("long", long.clone(), Expected::Absent).await, "Invalid");
    store.put("long", long.slice(1..), Expected::Absent).await.unwrap();
    assert_eq!(store.get("long").await.unwrap().unwrap().value, long.slice(1..));
}

async fn metadata_is_listed_in_order<E: Engine>(store: &E) {
    for key in ["b/2", "a", "b/10", "b", "c", "b/1"] {
        store.put(key, Bytes::copy_from_slice(key.as_bytes()), Expected::Absent).await.unwrap();
    }
    let keys = async |prefix: &str| -> Vec<String> {
        MetaStore::list(store, prefix).await.unwrap().into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(keys("").await, ["a", "b", "b/1", "b/10", "b/2", "c"]);
    assert_eq!(keys("b/").await, ["b/1", "b/10", "b/2"]);
    assert!(keys("d").await.is_empty());
}

async fn watchers_see_changes_in_order<E: Engine>(store: &E) {
    let mut watch = store.watch("w/").await.unwrap();
    let first = store.put("w/a", Bytes::from_static(b"1"), Expected::Absent).await.unwrap();
    store.put("other", Bytes::from_static(b"1"), Expected::Absent).await.unwrap();
    store.put("w/a", Bytes::from_static(b"2"), Expected::Version(first)).await.unwrap();
    let last = store.put("w/b", Bytes::from_static(b"3"), Expected::Absent).await.unwrap();
    MetaStore::delete(store, "w/b", last).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let change = watch.recv().await.unwrap();
        let value = change.value.map(|value| String::from_utf8(value.value.to_vec()).unwrap());
        seen.push((change.key, value));
    }
    let expected = [("w/a", Some("1")), ("w/a", Some("2")), ("w/b", Some("3")), ("w/b", None)];
    assert_eq!(seen, expected.map(|(key, value)| (key.to_owned(), value.map(str::to_owned))));
}

/// Random operations on the engine and on [`MemoryStore`] must have the same results. `between` is called now
/// and then, for what an engine does behind the port.
pub async fn agrees_with_the_naive_engine<E: Engine>(
    store: &E,
    seed: u64,
    steps: u32,
    between: impl AsyncFn(),
) {
    let naive = MemoryStore::new();
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut draw = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let (mut made, mut ours, mut theirs) = (0u32, Vec::new(), Vec::new());
    for step in 0..steps {
        if ours.is_empty() || draw(40) == 0 {
            let name = id(&format!("model/{made}"));
            made += 1;
            store.create(std::slice::from_ref(&name)).await.unwrap();
            naive.create(std::slice::from_ref(&name)).await.unwrap();
            ours.push((name.clone(), LogStore::open(store, &name).await.unwrap()));
            theirs.push(LogStore::open(&*naive, &name).await.unwrap());
        }
        let pick = draw(ours.len() as u64) as usize;
        let (log, model) = (&ours[pick].1, &theirs[pick]);
        let bounds = model.bounds();
        let somewhere = at(draw(bounds.end.get() + 3));
        match draw(20) {
            0..=9 => {
                let put = put(
                    1000 + u64::from(step),
                    batch(u64::from(step), 1 + draw(6) as u32, draw(3000) as usize),
                );
                let expect = if draw(5) == 0 { Expect::Tail(somewhere) } else { Expect::Any };
                let (a, b) = (log.append(put.clone(), expect).await, model.append(put, expect).await);
                assert_eq!(format!("{a:?}"), format!("{b:?}"), "seed {seed}, step {step}");
            }
            10..=13 => {
                let limit = ReadLimit { records: 1 + draw(20) as u32, bytes: draw(20_000) as usize };
                let (a, b) =
                    (contents(&**log, somewhere, limit).await, contents(&**model, somewhere, limit).await);
                assert_eq!(a.unwrap(), b.unwrap(), "seed {seed}, step {step}");
            }
            14..=15 => {
                let time = Timestamp::from_millis(990 + draw(u64::from(step) + 20));
                let (a, b) = (log.position_at(time).await, model.position_at(time).await);
                assert_eq!(a.unwrap(), b.unwrap(), "seed {seed}, step {step}");
            }
            16 => {
                let before = at(draw(bounds.end.get() + 1));
                log.trim(before).await.unwrap();
                model.trim(before).await.unwrap();
            }
            17 if draw(8) == 0 => {
                assert_eq!(log.seal().await.unwrap(), model.seal().await.unwrap());
            }
            18 if draw(8) == 0 => {
                let (name, _) = ours.swap_remove(pick);
                theirs.swap_remove(pick);
                LogStore::delete(store, std::slice::from_ref(&name)).await.unwrap();
                LogStore::delete(&*naive, &[name]).await.unwrap();
            }
            _ => between().await,
        }
    }
    let names = |mut list: Vec<LogId>| {
        list.sort();
        list
    };
    let (a, b) =
        (LogStore::list(store, "model/").await.unwrap(), LogStore::list(&*naive, "model/").await.unwrap());
    assert_eq!(names(a), names(b));
    for ((name, log), model) in ours.iter().zip(&theirs) {
        assert_eq!(log.bounds(), model.bounds(), "{name}, seed {seed}");
        let (a, b) =
            (contents(&**log, Position::START, ALL).await, contents(&**model, Position::START, ALL).await);
        assert_eq!(a.unwrap(), b.unwrap(), "{name}, seed {seed}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_store_conforms() {
        check_all(async || MemoryStore::new()).await;
    }
}
