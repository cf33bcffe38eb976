//! Records whose data looks like frames.

use std::sync::Arc;

use headwater_host::disk::{Disk, SimDisk};
use headwater_store::conformance::{ALL, contents, id};
use headwater_store::{AppendBatch, Expect, LogStore, Position};
use headwater_types::{Record, RecordBatchBuilder, Timestamp};

use crate::support::{open, settle};

const HEADER_LEN: usize = 64;
/// So many later journals are imitated in each record.
const JOURNALS: u64 = 24;

/// A frame of journal `journal` at `offset` that says that everything before it was durable.
fn header(journal: u64, offset: u64, stamp: [u8; 8]) -> [u8; HEADER_LEN] {
    let mut out = [0; HEADER_LEN];
    out[0..4].copy_from_slice(b"HWF1");
    out[4..8].copy_from_slice(&(HEADER_LEN as u32).to_le_bytes());
    out[16..24].copy_from_slice(&(journal << 32 | offset).to_le_bytes());
    out[24..28].copy_from_slice(&(offset as u32).to_le_bytes());
    out[52] = 9;
    out[54..56].copy_from_slice(&64u16.to_le_bytes());
    out[56..64].copy_from_slice(&stamp);
    let crc = crc32c::crc32c(&out);
    out[8..12].copy_from_slice(&crc.to_le_bytes());
    out
}

fn batch(data: &[u8]) -> AppendBatch {
    let mut records = RecordBatchBuilder::default();
    records.push(Record { key: "key", explicit_hash_key: None, data });
    AppendBatch { arrival: Timestamp::from_millis(1), records: records.finish().unwrap(), frees: false }
}

/// The journal that holds this record, which is the last, and where in it the data of the next one will begin.
fn next(disk: &SimDisk, record: &[u8]) -> (u64, u64) {
    let names = disk.list("/data/journal".as_ref()).unwrap();
    let found = names.iter().rev().find_map(|name| {
        let bytes = disk.contents(format!("/data/journal/{name}").as_ref()).unwrap();
        let data = bytes.windows(record.len()).position(|window| window == record)?;
        let frame = bytes[..data].windows(4).rposition(|window| window == b"HWF1").unwrap();
        let len = u32::from_le_bytes(bytes[frame + 4..frame + 8].try_into().unwrap()) as usize;
        // Between a frame's beginning and its data there is always as much.
        let begin = frame + len + (data - frame);
        Some((u64::from_str_radix(&name[..16], 16).unwrap(), begin as u64))
    });
    found.expect("it was written")
}

/// Fills journals with imitations of frames of the journals to come, which will be written over them, and starts
/// again after a clean stop and after a crash. True if it always starts; then everything has to be there.
async fn starts_again(stamp: impl Fn(&SimDisk) -> [u8; 8]) -> bool {
    let disk = SimDisk::new(5);
    let mut store = open(&disk).unwrap();
    store.create(&[id("log")]).await.unwrap();
    let stamp = stamp(&disk);
    let mut expected: Vec<Vec<u8>> = Vec::new();
    for round in 0..12u32 {
        let log = LogStore::open(&*store, &id("log")).await.unwrap();
        for tag in 0..25u32 {
            // Where the next record's data will be: guessed from where one of the same length was.
            let mut probe = [b"probe".as_slice(), &round.to_le_bytes(), &tag.to_le_bytes()].concat();
            probe.resize(JOURNALS as usize * HEADER_LEN, 0);
            log.append(batch(&probe), Expect::Any).await.unwrap();
            let (journal, begin) = next(&disk, &probe);
            let mut data = Vec::new();
            for later in 1..=JOURNALS {
                let offset = begin + data.len() as u64;
                data.extend_from_slice(&header(journal + later, offset, stamp));
            }
            log.append(batch(&data), Expect::Any).await.unwrap();
            expected.extend([probe, data]);
        }
        // A little in a file that was used before, which then has imitations behind it.
        for _ in 0..4 {
            settle(&store).await;
            log.append(batch(b"little"), Expect::Any).await.unwrap();
            expected.push(b"little".to_vec());
        }
        drop((log, store));
        if round % 2 == 1 {
            disk.crash();
        }
        store = match open(&disk) {
            Ok(store) => store,
            Err(error) => {
                assert!(error.to_string().contains("a frame that was acknowledged is damaged"), "{error}");
                return false;
            }
        };
    }
    let log = LogStore::open(&*store, &id("log")).await.unwrap();
    let found = contents(&*log, Position::START, ALL).await.unwrap();
    let found: Vec<Vec<u8>> = found.into_iter().map(|(_, _, _, _, data)| data.to_vec()).collect();
    assert!(found == expected, "what was written is what is read");
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_imitate_frames_do_no_harm() {
    assert!(starts_again(|_| [0; 8]).await);
    assert!(starts_again(|_| 0x1234_5678_9abc_def0u64.to_le_bytes()).await);
}

/// The attack is one: who could read `FORMAT`, which clients cannot, would succeed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_identity_keeps_imitations_from_being_believed() {
    let stolen = |disk: &SimDisk| {
        let text = String::from_utf8(disk.contents("/data/FORMAT".as_ref()).unwrap()).unwrap();
        let hex = text.lines().nth(1).unwrap().strip_prefix("identity ").unwrap().to_owned();
        let bytes = u128::from_str_radix(&hex, 16).unwrap().to_be_bytes();
        *bytes.first_chunk().unwrap()
    };
    assert!(!starts_again(stolen).await);
}

/// No text in an answer or an error has it.
#[test]
fn the_identity_is_in_no_text() {
    let disk = SimDisk::new(6);
    let store: Arc<_> = open(&disk).unwrap();
    let text = String::from_utf8(disk.contents("/data/FORMAT".as_ref()).unwrap()).unwrap();
    let hex = text.lines().nth(1).unwrap().strip_prefix("identity ").unwrap().to_owned();
    assert!(!format!("{store:?}").contains(&hex));
}
