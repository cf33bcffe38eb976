//! Directories that are refused are brought to a state that starts, and what that costs is said before.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use headwater_host::disk::{Disk, Faults, SimDisk};
use headwater_store::conformance::{ALL, Seen, batch, id, put};
use headwater_store::{Expect, LogStore, MetaStore, Position, ReadLimit, StoreError};
use headwater_store_embedded::{EmbeddedStore, OpenError, Repair, RepairReport};

use crate::support::{open, options, settle};
use crate::swaps::{dump, empty, files, swaps, two_times, write};

fn plan(disk: &Arc<SimDisk>) -> Result<Repair, OpenError> {
    Repair::plan(options(disk.clone(), false))
}

/// A dry run, and then the run, which says the same.
fn repair(disk: &Arc<SimDisk>, what: &str) -> RepairReport {
    let before = files(disk);
    let dry = plan(disk).unwrap_or_else(|error| panic!("{error}: {what}"));
    let told = dry.report().clone();
    drop(dry);
    assert!(files(disk) == before, "a dry run changes nothing: {what}");
    assert!(!told.is_whole(), "{what}");
    let done = plan(disk).unwrap().apply().unwrap_or_else(|error| panic!("{error}: {what}"));
    assert_eq!(done, told, "{what}");
    assert!(plan(disk).unwrap().report().is_whole(), "{what}");
    done
}

/// Everything that can be read of each log, and its end. Gaps between are told, never passed over.
async fn readable(store: &EmbeddedStore) -> BTreeMap<String, (Vec<Seen>, u64)> {
    let mut all = BTreeMap::new();
    for name in LogStore::list(store, "").await.unwrap() {
        let log = LogStore::open(store, &name).await.unwrap();
        let mut seen = Vec::new();
        let mut at = log.bounds().start.get();
        while at < log.bounds().end.get() {
            let one = ReadLimit { records: 1, ..ALL };
            match log.read(Position::new(at).unwrap(), one).await {
                Ok(found) => {
                    for batch in &found.batches {
                        for (i, record) in batch.records.records().enumerate() {
                            let (key, arrival) = (record.key.to_owned(), batch.arrival.as_millis());
                            let position = batch.first.get() + i as u64;
                            seen.push((
                                position,
                                arrival,
                                key,
                                record.explicit_hash_key,
                                record.data.to_vec(),
                            ));
                        }
                    }
                    at = found.next.get();
                }
                Err(StoreError::Corrupt(text)) => {
                    assert!(text.contains("/data/") && text.contains("offset"), "{text}");
                    at += 1;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        all.insert(name.to_string(), (seen, log.bounds().end.get()));
    }
    all
}

/// Whatever is read is what was written, as many as the report says, and what is written next does not take the
/// place of anything that is kept.
async fn is_right(disk: &Arc<SimDisk>, truth: &[(String, Vec<Seen>)], report: &RepairReport, what: &str) {
    let store = open(disk).unwrap_or_else(|error| panic!("{error}: {what}"));
    let found = readable(&store).await;
    let mut records = 0;
    for (name, (seen, _)) in &found {
        let written = &truth.iter().find(|(other, _)| other == name).expect("a log that was there").1;
        for record in seen {
            let original = written.iter().find(|other| other.0 == record.0);
            assert!(original == Some(record), "{name} at {}: {what}", record.0);
        }
        records += seen.len() as u64;
    }
    assert_eq!((report.logs, report.records), (found.len() as u64, records), "{what}\n{report}");
    for (name, (_, end)) in &found {
        let log = LogStore::open(&*store, &id(name)).await.unwrap();
        let appended = log.append(put(999, batch(999, 1, 10)), Expect::Any).await.unwrap();
        assert_eq!(appended.first.get(), *end, "{name}: {what}");
    }
    store.create(&[id("new")]).await.unwrap();
    let log = LogStore::open(&*store, &id("new")).await.unwrap();
    for tag in 0..40 {
        log.append(put(tag, batch(tag, 1, 100)), Expect::Any).await.unwrap();
    }
    settle(&store).await;
    settle(&store).await;
    let again = readable(&store).await;
    assert_eq!(again["new"].0.len(), 40, "{what}");
    drop((log, store));
    let store = open(disk).unwrap_or_else(|error| panic!("{error}, again: {what}"));
    assert!(readable(&store).await == again, "{what}");
    for (name, (seen, _)) in &found {
        assert!(again[name].0.starts_with(seen), "{name}: {what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn directories_of_two_times_are_repaired() {
    let (earlier, later) = two_times(1).await;
    let truth = dump(&open(&later.copy(1)).unwrap()).await;
    for (what, _, swap) in swaps(&earlier, &later) {
        let disk = later.copy(2);
        swap(&disk);
        let report = repair(&disk, what);
        is_right(&disk, &truth, &report, what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_and_lost_is_counted() {
    let (earlier, later) = two_times(1).await;
    let count = |name: &str| -> RepairReport {
        let disk = later.copy(2);
        let all = swaps(&earlier, &later);
        (all.iter().find(|(what, ..)| *what == name).unwrap().2)(&disk);
        repair(&disk, name)
    };
    // Three logs with 120, 20 and 40 records; the last 20 of the first are in the journal only.
    let report = count("no witness");
    assert_eq!((report.logs, report.records, report.keys), (3, 180, 1));
    assert!(report.lost.is_empty() && report.lost_journal_bytes == 0, "{report}");
    let report = count("no journal");
    assert_eq!((report.logs, report.records, report.nameless_logs), (3, 160, 0));
    assert!(report.lost_journal_bytes > 20 * 200, "{report}");
    let report = count("no meta, no journal");
    assert_eq!((report.logs, report.records), (0, 0));
    assert_eq!((report.nameless_logs, report.nameless_records), (3, 160));
    let report = count("earlier meta and journal");
    assert_eq!((report.logs, report.records), (2, 120), "{report}");
    assert_eq!((report.nameless_logs, report.nameless_records), (1, 40));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_another_store_are_set_aside() {
    let (_, own) = two_times(4).await;
    let (_, other) = two_times(5).await;
    let truth = dump(&open(&own.copy(1)).unwrap()).await;
    let foreign = files(&other);
    for (file, bytes) in &foreign {
        let is_derived = file.extension().is_some_and(|ending| ending == "idx");
        if is_derived || file.ends_with("LOCK") || bytes.iter().all(|byte| *byte == 0) {
            continue;
        }
        let disk = own.copy(4);
        write(&disk, file, bytes);
        let what = format!("{} of another store", file.display());
        let report = repair(&disk, &what);
        is_right(&disk, &truth, &report, &what).await;
        let aside = Path::new("/data/repair-1").join(file.strip_prefix("/data").unwrap());
        assert!(disk.contents(&aside).unwrap() == *bytes, "{what} is set aside");
    }
    // Beside what is there: nothing is lost.
    let disk = own.copy(4);
    let segment = foreign.keys().find(|file| file.extension().is_some_and(|ending| ending == "seg")).unwrap();
    let mut bytes = foreign[segment].clone();
    bytes[16..24].copy_from_slice(&0x77u64.to_le_bytes());
    bytes[24..32].copy_from_slice(&0u64.to_le_bytes());
    bytes[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    bytes[8..12].fill(0);
    let crc = crc32c::crc32c(&bytes[..64]);
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    write(&disk, "/data/seg/0000000000000077.seg".as_ref(), &bytes);
    let report = repair(&disk, "a foreign merged segment");
    assert_eq!((report.logs, report.records, report.lost.len()), (3, 180, 0), "{report}");
    is_right(&disk, &truth, &report, "a foreign merged segment").await;
}

/// A frame in a journal: where it begins, its kind and its log.
type Frame = (usize, u8, u8);

/// A store with everything in one journal; the file and its frames.
async fn one_journal(seed: u64) -> (Arc<SimDisk>, std::path::PathBuf, Vec<Frame>) {
    let disk = SimDisk::new(seed);
    let store = open(&disk).unwrap();
    store.create(&[id("a"), id("b")]).await.unwrap();
    for tag in 0..6u64 {
        let log = LogStore::open(&*store, &id(["a", "b"][tag as usize % 2])).await.unwrap();
        log.append(put(tag, batch(tag, 2, 100)), Expect::Any).await.unwrap();
    }
    drop(store);
    let used = files(&disk)
        .into_iter()
        .find(|(path, bytes)| path.starts_with("/data/journal") && bytes.starts_with(b"HWF1"));
    let (path, bytes) = used.unwrap();
    let mut frames = Vec::new();
    let mut at = 0;
    while bytes[at..].starts_with(b"HWF1") {
        frames.push((at, bytes[at + 52], bytes[at + 28]));
        at += u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
    }
    (disk, path, frames)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_journal_keeps_what_is_before_and_behind_the_damage() {
    let (intact, path, frames) = one_journal(7).await;
    let truth = dump(&open(&intact.copy(1)).unwrap()).await;
    // The opening, the creation, six appends, and marks.
    let appends = frames.iter().filter(|(_, kind, _)| *kind == 2).count();
    assert_eq!((frames[0].1, frames[1].1, appends), (1, 3, 6));
    for (at, (offset, kind, log)) in frames.iter().enumerate() {
        let disk = intact.copy(7);
        disk.edit(&path, |bytes| bytes[offset + 30] ^= 1).unwrap();
        let what = format!("the header of frame {at}, of kind {kind}, is damaged");
        let error = open(&disk).unwrap_err().to_string();
        assert!(error.contains("repair --dry-run"), "{error}");
        let report = repair(&disk, &what);
        is_right(&disk, &truth, &report, &what).await;
        let lost: u64 = report.lost.iter().map(|lost| lost.end - lost.first).sum();
        let has_more = frames[at + 1..].iter().any(|(_, kind, other)| *kind == 2 && other == log);
        match kind {
            1 | 9 => assert_eq!((report.records, lost), (12, 0), "{report}"),
            3 => assert_eq!(
                (report.logs, report.nameless_records, report.lost_changes),
                (0, 12, 0),
                "{report}"
            ),
            _ if has_more => assert_eq!((report.records, lost), (10, 2), "{report}"),
            // A log's last: nobody knows how many they were.
            _ => assert_eq!((report.records, lost), (10, 0), "{report}"),
        }
        let aside = Path::new("/data/repair-1/journal").join(path.file_name().unwrap());
        assert_eq!(disk.contents(&aside).unwrap().len(), intact.contents(&path).unwrap().len(), "{what}");
    }
}

/// The power fails at each step of a repair: repaired again, it is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_repair_is_repeated() {
    let (earlier, later) = two_times(8).await;
    let truth = dump(&open(&later.copy(1)).unwrap()).await;
    let all = swaps(&earlier, &later);
    for name in ["no journal", "earlier meta and journal", "no meta, no journal"] {
        let swap = &all.iter().find(|(what, ..)| *what == name).unwrap().2;
        let prepared = later.copy(8);
        swap(&prepared);
        for step in 0.. {
            let disk = prepared.copy(step);
            let planned = plan(&disk).unwrap();
            disk.set_faults(Faults { halt_at: Some(step), ..Faults::default() });
            let done = planned.apply();
            let halted = disk.has_halted();
            assert_eq!(done.is_err(), halted, "{name}, step {step}: {done:?}");
            disk.crash();
            let what = format!("{name}, step {step}");
            let again = plan(&disk).unwrap_or_else(|error| panic!("{error}: {what}"));
            let report = if again.report().is_whole() {
                drop(again);
                None
            } else {
                Some(again.apply().unwrap_or_else(|error| panic!("{error}: {what}")))
            };
            if let Some(report) = report {
                is_right(&disk, &truth, &report, &what).await;
            } else {
                drop(open(&disk).unwrap_or_else(|error| panic!("{error}: {what}")));
            }
            if !halted {
                assert!(step > 10, "there were {step} steps");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_directory_is_left_alone() {
    let (_, disk) = two_times(9).await;
    let before = files(&disk);
    let repair = plan(&disk).unwrap();
    assert!(repair.report().is_whole());
    assert!(repair.report().to_string().contains("nothing to repair"));
    assert!(repair.apply().unwrap().is_whole());
    assert!(files(&disk) == before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_in_use_is_not_repaired() {
    let disk = SimDisk::new(10);
    let store = open(&disk).unwrap();
    assert!(matches!(plan(&disk), Err(OpenError::Locked { .. })));
    drop(store);
    empty(&disk, "/data/meta");
    let other = b"headwater store, format 9\n";
    write(&disk, "/data/FORMAT".as_ref(), other);
    assert!(matches!(plan(&disk), Err(OpenError::Format(_))), "another version knows better");
    assert_eq!(disk.contents("/data/FORMAT".as_ref()).unwrap(), other);
    assert!(MetaStore::get(&*open(&SimDisk::new(1)).unwrap(), "x").await.unwrap().is_none());
}

/// After a repair that found no journals ids begin anew, and may be those of journals that were taken over long ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_with_the_id_of_one_that_was_taken_over_is_its_own() {
    let disk = crate::fixture::on_simulated_disk(1).0;
    drop(open(&disk).unwrap());
    for path in files(&disk).into_keys() {
        if ["/data/journal", "/data/meta"].iter().any(|part| path.starts_with(part)) || path.ends_with("TAIL")
        {
            disk.remove(&path).unwrap();
        }
    }
    // One that was written after what is left.
    disk.edit("/data/FORMAT".as_ref(), |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains("adopted journal 6 c40\n"), "{text}");
        *bytes = text.replace("adopted journal 6 c40\n", "adopted journal 9 c40\n").into_bytes();
    })
    .unwrap();
    repair(&disk, "taken over, and only segments left");
    // Each start begins a journal.
    for round in 0..12 {
        let store = open(&disk).unwrap_or_else(|error| panic!("{error}, round {round}"));
        if round == 0 {
            store.create(&[id("new")]).await.unwrap();
        }
        let log = LogStore::open(&*store, &id("new")).await.unwrap();
        for tag in 0..3 {
            log.append(put(tag, batch(tag, 1, 300)), Expect::Any).await.unwrap();
        }
        assert_eq!(log.bounds().end.get(), 3 * (round + 1));
        store.close();
    }
}
