//! Measures the log beside the raw disk and prints a table.
//!
//! `cargo run --release -p headwater-store-embedded --example bench_log [directory] [seconds per line]`

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use headwater_host::disk::{Disk, SystemDisk};
use headwater_host::{Clock, SystemClock};
use headwater_store::{AppendBatch, Expect, LogId, LogStore, Position, ReadLimit, RecordBatch, ShardLog};
use headwater_store_embedded::{EmbeddedStore, Options};
use headwater_types::{Record, RecordBatchBuilder};

const SHARDS: usize = 4;
const LOADS: [(&str, u32, usize); 3] =
    [("500 x 1 KiB", 500, 1024), ("100 x 100 B", 100, 100), ("1 x 1 KiB", 1, 1024)];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().unwrap_or_else(|| "target/bench-log".into()));
    let secs = arguments.next().and_then(|secs| secs.parse().ok()).unwrap_or(3);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(run(&dir, Duration::from_secs(secs)));
}

async fn run(dir: &Path, span: Duration) {
    let clock = SystemClock::new();
    println!(
        "{:<13} {:>7} | {:>9} {:>9} {:>8} {:>8} | {:>9} {:>8}",
        "append", "writers", "MB/s", "commit/s", "p50 ms", "p99 ms", "raw MB/s", "p50 ms"
    );
    let only = std::env::var("BENCH_ONLY").ok();
    for (name, count, len) in LOADS {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let (raw_mb, raw_p50) = raw(dir, &*clock, batch(count, len).bytes(), span);
        for writers in [1, 16] {
            let home = dir.join(format!("{count}-{len}-{writers}"));
            let line = append(&home, &clock, count, len, writers, span).await;
            println!(
                "{name:<13} {writers:>7} | {:>9.1} {:>9.0} {:>8.3} {:>8.3} | {raw_mb:>9.1} {raw_p50:>8.3}",
                line.mb, line.per_sec, line.p50, line.p99
            );
        }
    }
    let home = dir.join("500-1024-16");
    let before = clock.elapsed();
    let store = open(&home, &clock);
    println!(
        "\nreopened {:.1} GB in {:.0} ms",
        store.stats().disk_bytes() as f64 / 1e9,
        ms(clock.elapsed() - before)
    );
    // The recovered journals are clustered first.
    tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_secs(3)).await;
    for (name, cold) in [("cold", true), ("cached", false), ("cached", false)] {
        if cold {
            forget(&home);
        }
        let begin = clock.elapsed();
        let bytes = read_all(&store).await;
        let took = clock.elapsed() - begin;
        println!(
            "4 readers, 10 MB a read, {name}: {:.0} MB/s of {:.1} GB",
            bytes as f64 / 1e6 / took.as_secs_f64(),
            bytes as f64 / 1e9
        );
    }
}

struct Line {
    mb: f64,
    per_sec: f64,
    p50: f64,
    p99: f64,
}

fn open(home: &Path, clock: &Arc<SystemClock>) -> Arc<EmbeddedStore> {
    EmbeddedStore::open(Options::new(SystemDisk::new(), home, clock.clone())).expect("the store opens")
}

fn batch(count: u32, len: usize) -> RecordBatch {
    let mut builder = RecordBatchBuilder::default();
    for i in 0..count {
        builder.push(Record { key: &format!("{i:032x}"), explicit_hash_key: None, data: &vec![b'x'; len] });
    }
    builder.finish().expect("records")
}

async fn logs(store: &EmbeddedStore) -> Vec<Arc<dyn ShardLog>> {
    let ids: Vec<_> = (0..SHARDS).map(|i| LogId::new(&format!("shard/{i}")).expect("a name")).collect();
    store.create(&ids).await.expect("created");
    let mut logs = Vec::new();
    for id in &ids {
        logs.push(store.open(id).await.expect("opened"));
    }
    logs
}

async fn append(
    home: &Path,
    clock: &Arc<SystemClock>,
    count: u32,
    len: usize,
    writers: usize,
    span: Duration,
) -> Line {
    let store = open(home, clock);
    let logs = logs(&store).await;
    let records = batch(count, len);
    let done = Arc::new(AtomicBool::new(false));
    let bytes = Arc::new(AtomicU64::new(0));
    let begin = clock.elapsed();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let log = logs[writer % SHARDS].clone();
            let (records, done, bytes, clock) = (records.clone(), done.clone(), bytes.clone(), clock.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let before = clock.elapsed();
                    let put = AppendBatch { arrival: clock.now(), records: records.clone(), frees: false };
                    log.append(put, Expect::Any).await.expect("appended");
                    took.push(clock.elapsed() - before);
                    bytes.fetch_add(records.bytes().len() as u64, Ordering::Relaxed);
                }
                took
            })
        })
        .collect();
    clock.sleep(span).await;
    done.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.expect("a writer"));
    }
    let secs = (clock.elapsed() - begin).as_secs_f64();
    took.sort();
    let commits = store.stats().commits.load(Ordering::Relaxed);
    Line {
        mb: bytes.load(Ordering::Relaxed) as f64 / 1e6 / secs,
        per_sec: commits as f64 / secs,
        p50: ms(took[took.len() / 2]),
        p99: ms(took[took.len() * 99 / 100]),
    }
}

/// The same bytes, one after the other, into a file that was written before.
fn raw(dir: &Path, clock: &dyn Clock, bytes: &[u8], span: Duration) -> (f64, f64) {
    let disk = SystemDisk::new();
    disk.create_dir_all(dir).expect("a directory");
    let path = dir.join("raw");
    let _ = disk.remove(&path);
    let file = disk.create(&path).expect("a file");
    let len = 64 << 20;
    file.write_all_at(&mut [IoSlice::new(&vec![0; len])], 0).expect("written");
    file.sync_data().expect("synced");
    let (begin, mut at, mut took) = (clock.elapsed(), 0, Vec::new());
    while clock.elapsed() - begin < span {
        let before = clock.elapsed();
        file.write_all_at(&mut [IoSlice::new(bytes)], at as u64).expect("written");
        file.sync_data().expect("synced");
        took.push(clock.elapsed() - before);
        at = if at + 2 * bytes.len() > len { 0 } else { at + bytes.len() };
    }
    let mb = (took.len() * bytes.len()) as f64 / 1e6 / (clock.elapsed() - begin).as_secs_f64();
    took.sort();
    disk.remove(&path).expect("removed");
    (mb, ms(took[took.len() / 2]))
}

async fn read_all(store: &EmbeddedStore) -> u64 {
    let tasks: Vec<_> = logs(store)
        .await
        .into_iter()
        .map(|log| {
            tokio::spawn(async move {
                let (mut next, mut bytes) = (Position::START, 0);
                loop {
                    let found =
                        log.read(next, ReadLimit { records: 10_000, bytes: 10 << 20 }).await.expect("read");
                    bytes +=
                        found.batches.iter().map(|batch| batch.records.bytes().len() as u64).sum::<u64>();
                    if found.next >= found.bounds.end {
                        return bytes;
                    }
                    next = found.next;
                }
            })
        })
        .collect();
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await.expect("a reader");
    }
    bytes
}

/// Drops what the kernel has cached of the files.
fn forget(home: &Path) {
    let disk = SystemDisk::new();
    for dir in ["journal", "seg"] {
        for name in disk.list(&home.join(dir)).expect("listed") {
            let file = disk.open(&home.join(dir).join(name)).expect("opened");
            file.forget_cached().expect("forgotten");
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
