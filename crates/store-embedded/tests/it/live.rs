//! Everything at once on the real disk, and many of everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use headwater_host::disk::{SimDisk, SystemDisk};
use headwater_host::{Clock, SystemClock};
use headwater_store::conformance::{ALL, batch, contents, id, put};
use headwater_store::{Expect, Expected, LogStore, MetaStore, Position, ReadLimit, ShardLog};
use headwater_store_embedded::{EmbeddedStore, Options, Sizes};

use crate::support::{open, options, settle, small};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_while_everything_moves() {
    let dir = tempfile::tempdir().unwrap();
    let clock = SystemClock::new();
    let sizes = Sizes {
        journal_first_bytes: 32 << 10,
        journal_max_bytes: 128 << 10,
        cluster_bytes: 128 << 10,
        merge_below_bytes: 1 << 20,
        ..small(true)
    };
    let options = Options { sizes, ..Options::new(SystemDisk::new(), dir.path(), clock.clone()) };
    let store = EmbeddedStore::open(options).unwrap();
    let names: Vec<_> = (0..4).map(|i| id(&format!("log/{i}"))).collect();
    store.create(&names).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for name in &names {
        let log = LogStore::open(&*store, name).await.unwrap();
        // Position p holds the record of tag p.
        let (writer, stop) = (log.clone(), done.clone());
        tasks.push(tokio::spawn(async move {
            let mut tag = 0;
            while !stop.load(Ordering::Relaxed) {
                let len = if tag % 50 == 0 { 30_000 } else { 200 };
                let appended = writer.append(put(tag, batch(tag, 1, len)), Expect::Any).await.unwrap();
                assert_eq!(appended.first.get(), tag);
                tag += 1;
            }
        }));
        for slow in [false, true] {
            tasks.push(tokio::spawn(follow(log.clone(), done.clone(), slow, clock.clone())));
        }
        let (log, stop, clock) = (log.clone(), done.clone(), clock.clone());
        tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                clock.sleep(Duration::from_millis(100)).await;
                let before = Position::new(log.bounds().end.get().saturating_sub(1000)).unwrap();
                log.trim(before).await.unwrap();
            }
        }));
    }
    clock.sleep(Duration::from_secs(5)).await;
    done.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let stats = store.stats();
    assert_eq!(stats.corrupt_frames.load(Ordering::Relaxed), 0);
    assert_eq!(stats.background_failures.load(Ordering::Relaxed), 0);
}

/// Reads from anywhere, over and over, and checks every record.
async fn follow(log: Arc<dyn ShardLog>, done: Arc<AtomicBool>, slow: bool, clock: Arc<SystemClock>) {
    let mut next = Position::START;
    let turns = AtomicU64::new(0);
    while !done.load(Ordering::Relaxed) {
        let limit = if slow { ReadLimit { records: 40, bytes: 1 << 20 } } else { ALL };
        let found = log.read(next, limit).await.unwrap();
        for stored in &found.batches {
            assert_eq!(stored.arrival.as_millis(), stored.first.get());
            let record = stored.records.records().next().unwrap();
            let text = format!("{}/0:", stored.first.get());
            assert!(record.data.starts_with(text.as_bytes()), "other data than was written");
        }
        next = found.next;
        if next >= found.bounds.end {
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            // From the start again now and then: that is where segments come and go.
            next = if turn.is_multiple_of(3) { Position::START } else { next };
            clock.sleep(Duration::from_millis(if slow { 5 } else { 1 })).await;
        }
    }
}

/// Each change alone is more than may wait, so it is taken only where nothing of the one before is left in the queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_the_answer_to_a_change_finds_room_for_the_next() {
    let mut options = options(SimDisk::new(3), false);
    options.sizes.queue_bytes = 1 << 10;
    // One journal for all of them: nothing waits for room on the disk.
    (options.sizes.journal_first_bytes, options.sizes.journal_max_bytes) = (4 << 20, 4 << 20);
    let store = EmbeddedStore::open(options).unwrap();
    let mut expected = Expected::Absent;
    for round in 0..1000 {
        let put = store.put("key", vec![b'x'; 3 << 10].into(), expected).await;
        expected = Expected::Version(put.unwrap_or_else(|error| panic!("round {round}: {error}")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_logs() {
    let disk = SimDisk::new(20);
    let store = open(&disk).unwrap();
    let names: Vec<_> = (0..2000).map(|i| id(&format!("log/{i:04}"))).collect();
    store.create(&names).await.unwrap();
    for round in 0..3u64 {
        let mut logs = Vec::new();
        for name in &names {
            logs.push(LogStore::open(&*store, name).await.unwrap());
        }
        let appends = logs
            .iter()
            .enumerate()
            .map(|(i, log)| log.append(put(round, batch(round * 10_000 + i as u64, 2, 20)), Expect::Any));
        for appended in futures_util::future::join_all(appends).await {
            assert_eq!(appended.unwrap().first.get(), 2 * round);
        }
        if round < 2 {
            settle(&store).await;
        }
    }
    drop(store);
    disk.crash();
    let store = open(&disk).unwrap();
    assert_eq!(LogStore::list(&*store, "log/").await.unwrap(), names);
    for (i, name) in names.iter().enumerate() {
        let log = LogStore::open(&*store, name).await.unwrap();
        let seen = contents(&*log, Position::START, ALL).await.unwrap();
        assert_eq!(seen.len(), 6);
        assert!(seen[4].4.starts_with(format!("{}/0:", 20_000 + i).as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_starts_leave_few_files() {
    let disk = SimDisk::new(21);
    for start in 0..100u64 {
        let mut options = options(disk.clone(), false);
        options.sizes.ring_files = 8;
        let store = EmbeddedStore::open(options).unwrap();
        store.create(&[id("log")]).await.unwrap();
        let log = LogStore::open(&*store, &id("log")).await.unwrap();
        log.append(put(start, batch(start, 1, 10)), Expect::Tail(Position::new(start).unwrap()))
            .await
            .unwrap();
        settle(&store).await;
        let stats = store.stats();
        assert!(stats.segments.load(Ordering::Relaxed) < 6, "segments are merged");
        assert!(stats.journal_bytes.load(Ordering::Relaxed) < 200 << 10, "journals are used again");
    }
    let store = open(&disk).unwrap();
    let log = LogStore::open(&*store, &id("log")).await.unwrap();
    assert_eq!(contents(&*log, Position::START, ALL).await.unwrap().len(), 100);
}

/// A mark, which says that everything before it was durable, is written when nothing has come for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_is_one_commit() {
    let store = open(&SimDisk::new(3)).unwrap();
    store.create(&[id("log")]).await.unwrap();
    let log = LogStore::open(&*store, &id("log")).await.unwrap();
    let before = store.stats().commits.load(Ordering::Relaxed);
    for tag in 0..100 {
        log.append(put(tag, batch(tag, 1, 10)), Expect::Any).await.unwrap();
        // The journal has nothing to do for a moment.
        (0..2000).for_each(|_| std::thread::yield_now());
    }
    assert_eq!(store.stats().commits.load(Ordering::Relaxed) - before, 100);
}
