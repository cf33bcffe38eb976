//! Encrypted streams: what is stored, who can read it, and what happens to their keys.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use headwater_host::SeededRandom;
use headwater_store::{
    AppendBatch, Expect, Expected, LogId, LogStore, MetaStore, Position, ReadLimit, ShardLog, StoreError,
};
use headwater_streams::{LimitPolicy, Push, StartingPosition, StreamHandle, StreamStatus, StreamsError};
use headwater_types::{HashKey, RecordBatch};
use headwater_vault::{Alias, DefaultKey, KeyId, KeyTrouble, Keyring, MasterKey, Secret};

use crate::harness::{World, entry, entry_at, key, records, shard};

const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const DEFAULT: &str = "alias/aws/kinesis";

/// The nth key; the first one is the default.
fn master(n: u64) -> MasterKey {
    let mut key = MasterKey::generate(&*SeededRandom::new(n), 0);
    let alias = if n == 0 { DEFAULT.to_owned() } else { format!("alias/{n}") };
    key.aliases.insert(Alias::parse(&alias).unwrap());
    key
}

fn keyring(keys: impl IntoIterator<Item = MasterKey>) -> Keyring {
    Keyring::new(keys).unwrap()
}

async fn world() -> World {
    let mut world = World::new(LimitPolicy::OFF).await;
    world.replace_keys(keyring([master(0), master(1)])).await;
    world
}

impl World {
    async fn encrypt(&self, handle: &StreamHandle, key: &str) {
        self.service.start_encryption(handle, key).await.unwrap();
        self.settle();
    }

    async fn plain(&self, handle: &StreamHandle) {
        self.service.stop_encryption(handle).await.unwrap();
        self.settle();
    }

    /// Data, and whether it is stored encrypted.
    async fn read_all(&self, name: &str, shard: &str) -> Vec<(String, bool)> {
        self.read_shard(name, shard).await.into_iter().map(|got| (got.data, got.encrypted)).collect()
    }

    /// A new iterator at the beginning of shard 0, used once.
    async fn try_read(&self, name: &str) -> Result<Vec<String>, StreamsError> {
        let iterator = self.iterator(name, "0", StartingPosition::TrimHorizon).await?;
        Ok(records(&self.read(iterator, 100).await?).into_iter().map(|got| got.data).collect())
    }
}

fn log(handle: &StreamHandle, shard: usize) -> Arc<dyn ShardLog> {
    handle.view().shards().nth(shard).unwrap().1.log().clone()
}

async fn stored(log: &dyn ShardLog) -> Vec<RecordBatch> {
    let limit = ReadLimit { records: 1000, bytes: 1 << 20 };
    let found = log.read(Position::START, limit).await.unwrap();
    found.batches.into_iter().map(|batch| batch.records).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn trouble(error: StreamsError) -> KeyTrouble {
    match error {
        StreamsError::Key { trouble, .. } => trouble,
        other => panic!("no trouble with keys but {other:?}"),
    }
}

#[track_caller]
fn assert_corrupt(error: &StreamsError, place: &str) {
    match error {
        StreamsError::Store(StoreError::Corrupt(text)) => assert!(text.contains(place), "{text}"),
        other => panic!("not corrupt but {other:?}"),
    }
}

#[tokio::test]
async fn records_say_how_they_were_stored() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    assert!(!world.put("s", "k", "a").await.encrypted);
    world.service.start_encryption(&handle, DEFAULT).await.unwrap();
    assert_eq!(world.service.find(&key("s")).unwrap().1, StreamStatus::Updating);
    assert_eq!(handle.view().meta().encryption().unwrap().given, DEFAULT);
    let refused = world.service.stop_encryption(&handle).await.unwrap_err();
    assert!(matches!(refused, StreamsError::NotActive { .. }));
    world.settle();
    assert!(world.put("s", "k", "b").await.encrypted);
    let many = world.put_many("s", &[entry("k", b"c"), entry_at(5, b"")]).await.unwrap();
    assert!(many.iter().all(|placed| placed.unwrap().encrypted));
    world.plain(&handle).await;
    assert!(!world.put("s", "k", "d").await.encrypted);
    assert_eq!(handle.view().meta().encryption(), None);
    let expected = [("a", false), ("b", true), ("c", true), ("", true), ("d", false)];
    assert_eq!(world.read_all("s", "0").await, expected.map(|(text, sealed)| (text.to_owned(), sealed)));
    assert_eq!(world.read_shard("s", "0").await[1].key, "k");
}

#[tokio::test]
async fn engines_see_nothing_of_it() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    for encrypted in [false, true] {
        if encrypted {
            world.encrypt(&handle, DEFAULT).await;
        }
        world.put("s", "a-partition-key", "some-data").await;
        let bytes = stored(&*log(&handle, 0)).await.pop().unwrap();
        for text in ["a-partition-key", "some-data"] {
            assert_eq!(contains(bytes.bytes(), text), !encrypted, "{text}");
        }
    }
}

#[tokio::test]
async fn starting_again_changes_nothing_and_other_keys_are_switched_to() {
    let mut world = world().await;
    let handle = world.create("s", 1).await;
    for (asked, expected) in [
        ("alias/none", KeyTrouble::NotFound("alias/none".into())),
        ("nonsense", KeyTrouble::NotFound("nonsense".into())),
        (master(7).id.as_str(), KeyTrouble::NotFound(master(7).id.to_string())),
    ] {
        let error = world.service.start_encryption(&handle, asked).await.unwrap_err();
        assert_eq!(trouble(error), expected);
    }
    world.encrypt(&handle, DEFAULT).await;
    let version = handle.view().meta().clone();
    world.service.start_encryption(&handle, DEFAULT).await.unwrap();
    assert_eq!(*handle.view().meta(), version);
    world.put("s", "k", "a").await;
    world.encrypt(&handle, &format!("arn:aws:kms:us-east-1:123456789012:key/{}", master(1).id)).await;
    assert_eq!(handle.view().meta().encryption().unwrap().master, master(1).id);
    world.put("s", "k", "b").await;
    // Each record needs the key under which it was sealed.
    world.replace_keys(keyring([master(1)])).await;
    world.put("s", "k", "c").await;
    assert_eq!(
        trouble(world.try_read("s").await.unwrap_err()),
        KeyTrouble::NotFound(master(0).id.to_string())
    );
    world.replace_keys(keyring([master(0), master(1)])).await;
    assert_eq!(world.try_read("s").await.unwrap(), ["a", "b", "c"]);
}

#[tokio::test]
async fn reshards_and_restarts_leave_it_readable() {
    let mut world = world().await;
    let handle = world.create("s", 1).await;
    world.encrypt(&handle, DEFAULT).await;
    world.put_many("s", &[entry_at(1, b"a"), entry_at(u128::MAX, b"b")]).await.unwrap();
    world.service.split_shard(&handle, shard(0), HashKey(1 << 127)).await.unwrap();
    world.put_many("s", &[entry_at(1, b"c"), entry_at(u128::MAX, b"d")]).await.unwrap();
    for _ in 0..2 {
        let texts = |shard| world.read_all("s", shard);
        assert_eq!(texts("0").await, [("a".into(), true), ("b".into(), true)]);
        assert_eq!(texts("1").await, [("c".into(), true)]);
        assert_eq!(texts("2").await, [("d".into(), true)]);
        world.reopen().await;
    }
    assert!(world.put("s", "k", "e").await.encrypted);
}

/// A put that meets the seal of a reshard goes to the child, sealed for it.
#[tokio::test]
async fn a_put_that_comes_too_late_is_sealed_anew() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.encrypt(&handle, DEFAULT).await;
    log(&handle, 0).seal().await.unwrap();
    let (service, late) = (world.service.clone(), handle.clone());
    let put = tokio::spawn(async move {
        service.put_records(&late, &[entry_at(1, b"late")]).await.unwrap().pop().unwrap().unwrap()
    });
    world.service.split_shard(&handle, shard(0), HashKey(1 << 127)).await.unwrap();
    let placed = put.await.unwrap();
    assert_eq!((placed.shard.index(), placed.encrypted), (1, true));
    assert_eq!(world.read_all("s", "1").await, [("late".into(), true)]);
}

#[tokio::test]
async fn a_record_opens_only_where_it_was_sealed_for() {
    let world = world().await;
    let (one, other) = (world.create("one", 2).await, world.create("other", 1).await);
    world.encrypt(&one, DEFAULT).await;
    world.encrypt(&other, DEFAULT).await;
    world.put_many("one", &[entry_at(1, b"mine")]).await.unwrap();
    world.put("other", "k", "before").await;
    let moved = stored(&*log(&one, 0)).await.pop().unwrap();
    for (to, at, name, shard) in [
        (log(&one, 1), 0, "one", "shardId-000000000001"),
        (log(&other, 0), 1, "other", "shardId-000000000000"),
    ] {
        let batch = AppendBatch { arrival: world.service.now(), records: moved.clone(), frees: false };
        to.append(batch, Expect::Any).await.unwrap();
        let mut iterator = world.iterator(name, shard, StartingPosition::TrimHorizon).await.unwrap();
        if at == 1 {
            // What stands before it is served.
            let first = world.read(iterator, 10).await.unwrap();
            assert_eq!(records(&first).len(), 1);
            iterator = first.next.unwrap();
        }
        let error = world.read(iterator, 10).await.unwrap_err();
        assert_corrupt(&error, &format!("position {at} of shard {shard} of stream {name}"));
    }
}

#[tokio::test]
async fn no_byte_of_it_may_change() {
    let world = world().await;
    let (from, handle) = (world.create("from", 1).await, world.create("s", 1).await);
    world.encrypt(&from, DEFAULT).await;
    world.put("from", "k", "text").await;
    let sealed = stored(&*log(&from, 0)).await.pop().unwrap();
    for at in 0..sealed.bytes().len() {
        let mut bytes = sealed.bytes().to_vec();
        bytes[at] ^= 1;
        // In its own place, but for the byte: in the second record of a log of its own.
        let Ok(records) = RecordBatch::parse(Bytes::from(bytes), 1) else { continue };
        if !records.is_sealed() {
            continue;
        }
        let log = log(&from, 0);
        let next = log.bounds().end;
        log.append(AppendBatch { arrival: world.service.now(), records, frees: false }, Expect::Any)
            .await
            .unwrap();
        let start = StartingPosition::AtSequenceNumber(
            headwater_types::SequenceNumber::of_record(
                handle.view().meta().shards.all()[0].id,
                from.view().meta().shards.all()[0].created,
                next,
                world.service.now(),
            )
            .to_string(),
        );
        let iterator = world.iterator("from", "0", start).await.unwrap();
        assert_corrupt(&world.read(iterator, 1).await.unwrap_err(), "position");
    }
}

#[tokio::test]
async fn without_its_key_a_stream_refuses_and_others_go_on() {
    let mut world = world().await;
    world.create("plain", 1).await;
    let sealed = world.create("sealed", 1).await;
    world.put("sealed", "k", "before").await;
    world.encrypt(&sealed, DEFAULT).await;
    world.put("sealed", "k", "secret").await;
    world.put("plain", "k", "text").await;
    let id = master(0).id;
    let disabled = MasterKey { enabled: false, ..master(0) };
    let wrong = MasterKey { versions: master(5).versions, ..master(0) };
    for (keys, expected) in [
        (keyring([]), KeyTrouble::NoKeys(id.to_string())),
        (keyring([master(1)]), KeyTrouble::NotFound(id.to_string())),
        (keyring([disabled]), KeyTrouble::Disabled(id.clone())),
        (keyring([wrong]), KeyTrouble::Wrong { key: id.clone(), version: 1 }),
    ] {
        world.replace_keys(keys).await;
        // At once, and after a restart.
        for _ in 0..2 {
            assert_eq!(trouble(world.try_put("sealed", "k", "x").await.unwrap_err()), expected);
            // What was stored plain is served, and then the trouble is told.
            let iterator = world.iterator("sealed", "0", StartingPosition::TrimHorizon).await.unwrap();
            let first = world.read(iterator, 10).await.unwrap();
            assert_eq!(records(&first)[0].data, "before");
            assert_eq!(trouble(world.read(first.next.unwrap(), 10).await.unwrap_err()), expected);
            assert_eq!(world.try_read("plain").await.unwrap()[0], "text");
            assert!(!world.put("plain", "l", "more").await.encrypted);
            world.reopen().await;
            world.service.upkeep().await;
        }
        world.replace_keys(keyring([master(0)])).await;
        assert_eq!(world.try_read("sealed").await.unwrap(), ["before", "secret"]);
    }
    // Without its key, encryption can be stopped; what is sealed stays so.
    world.replace_keys(keyring([])).await;
    let handle = world.service.find_readable(&key("sealed")).unwrap();
    world.plain(&handle).await;
    world.put("sealed", "k", "after").await;
}

#[tokio::test]
async fn subscriptions_are_told_within_the_stream() {
    let mut world = world().await;
    let handle = world.create("s", 1).await;
    world.register("s", "c").await.unwrap();
    world.settle();
    world.encrypt(&handle, DEFAULT).await;
    let mut subscription = world.subscribe("s", "c", "0", StartingPosition::TrimHorizon).await.unwrap();
    assert!(matches!(World::push(&mut subscription).await, Push::Event(event) if event.batches.is_empty()));
    world.put("s", "k", "a").await;
    match World::push(&mut subscription).await {
        Push::Event(event) => {
            assert!(event.batches[0].encrypted);
            assert_eq!(event.batches[0].records.records().next().unwrap().data, b"a");
        }
        other => panic!("{other:?}"),
    }
    world.put("s", "k", "b").await;
    world.replace_keys(keyring([master(1)])).await;
    match World::push(&mut subscription).await {
        Push::Failed(error) => assert_eq!(trouble(error), KeyTrouble::NotFound(master(0).id.to_string())),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_rotated_master_key_wraps_the_data_keys_anew() {
    let mut world = world().await;
    let handle = world.create("s", 1).await;
    world.encrypt(&handle, DEFAULT).await;
    world.put("s", "k", "a").await;
    let mut rotated = master(0);
    rotated.rotate(&*SeededRandom::new(99), 1);
    world.replace_keys(keyring([rotated.clone()])).await;
    world.put("s", "k", "b").await;
    world.service.upkeep().await;
    // From here on the first version is of no use to anybody.
    let second = MasterKey { versions: rotated.versions[1..].to_vec(), ..rotated };
    world.replace_keys(keyring([second])).await;
    for _ in 0..2 {
        assert_eq!(world.try_read("s").await.unwrap(), ["a", "b"]);
        world.reopen().await;
    }
    let settled = handle.view().meta().clone();
    world.service.upkeep().await;
    assert_eq!(*handle.view().meta(), settled, "nothing is written when nothing is due");
}

/// Number of data keys in the metadata.
fn keys_of(handle: &StreamHandle) -> usize {
    let meta = serde_json::to_value(handle.view().meta()).unwrap();
    meta["encryption"]["keys"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn data_keys_are_replaced_weekly_and_kept_while_records_need_them() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.service.increase_retention(&handle, 48).await.unwrap();
    world.settle();
    world.encrypt(&handle, DEFAULT).await;
    world.clock.advance(WEEK - HOUR);
    world.put("s", "k", "a").await;
    world.service.upkeep().await;
    assert_eq!(keys_of(&handle), 1);
    world.clock.advance(HOUR);
    world.service.upkeep().await;
    assert_eq!(keys_of(&handle), 2);
    world.put("s", "k", "b").await;
    assert_eq!(world.try_read("s").await.unwrap(), ["a", "b"]);
    world.clock.advance(46 * HOUR);
    world.service.upkeep().await;
    assert_eq!(world.try_read("s").await.unwrap(), ["a", "b"]);
    world.clock.advance(2 * HOUR);
    world.service.upkeep().await;
    assert_eq!(world.try_read("s").await.unwrap(), ["b"]);
    assert_eq!(keys_of(&handle), 2, "a day longer than its last record may live");
    world.clock.advance(25 * HOUR);
    world.service.upkeep().await;
    assert_eq!(keys_of(&handle), 1);
    world.plain(&handle).await;
    world.clock.advance(73 * HOUR);
    world.service.upkeep().await;
    assert_eq!(keys_of(&handle), 0);
    // Numbers are never used again.
    world.encrypt(&handle, DEFAULT).await;
    assert!(serde_json::to_string(handle.view().meta()).unwrap().contains(r#""number":3"#));
}

#[tokio::test]
async fn starting_and_stopping_does_not_pile_up_keys() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    for i in 0..20 {
        world.encrypt(&handle, DEFAULT).await;
        world.put("s", "k", &i.to_string()).await;
        world.plain(&handle).await;
        world.put("s", "k", "plain").await;
    }
    assert_eq!(keys_of(&handle), 1);
    assert_eq!(world.read_shard("s", "0").await.len(), 40);
}

/// Puts while encryption is started, stopped and switched: each record is whole, and reads never fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_change_under_puts_and_reads() {
    let world = Arc::new(world().await);
    let handle = world.create("s", 1).await;
    let putting = {
        let world = world.clone();
        tokio::spawn(async move {
            for i in 0..300 {
                world.put("s", "k", &i.to_string()).await;
                if i % 10 == 0 {
                    world.try_read("s").await.unwrap();
                }
                tokio::task::yield_now().await;
            }
        })
    };
    while !putting.is_finished() {
        for asked in [DEFAULT, "alias/1"] {
            world.encrypt(&handle, asked).await;
            tokio::task::yield_now().await;
        }
        world.plain(&handle).await;
        tokio::task::yield_now().await;
    }
    putting.await.unwrap();
    let texts: Vec<_> = world.read_all("s", "0").await.into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, (0..300).map(|i| i.to_string()).collect::<Vec<_>>());
}

/// Records that an earlier version stored are read as they were. A fixture is never changed; a new format gets a new
/// one, written by `HEADWATER_WRITE_FIXTURE=1 cargo test -p headwater-streams --test it what_was_sealed`.
#[tokio::test]
async fn what_was_sealed_before_opens() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sealed-v1");
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let texts = ["what was sealed", "", "and more"];
    let mut world = world().await;
    if std::env::var_os("HEADWATER_WRITE_FIXTURE").is_some() {
        let handle = world.create("s", 1).await;
        world.service.increase_retention(&handle, 8760).await.unwrap();
        world.settle();
        world.encrypt(&handle, DEFAULT).await;
        let entries = [entry("k", texts[0].as_bytes()), entry_at(7, b""), entry("key", texts[2].as_bytes())];
        world.put_many("s", &entries).await.unwrap();
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("meta.json"), serde_json::to_vec_pretty(handle.view().meta()).unwrap())
            .unwrap();
        std::fs::write(dir.join("batch"), stored(&*log(&handle, 0)).await.pop().unwrap().bytes()).unwrap();
        std::fs::write(dir.join("secret"), master(0).versions[0].secret.to_base64().as_bytes()).unwrap();
        world = self::world().await;
    }
    // The key as it was, wherever keys of tests come from by then.
    let meta = read("meta.json");
    let value: serde_json::Value = serde_json::from_slice(&meta).unwrap();
    let secret = Secret::from_base64(std::str::from_utf8(&read("secret")).unwrap()).unwrap();
    let id = value["encryption"]["active"]["master"].as_str().unwrap();
    let key = MasterKey { id: KeyId::parse(id).unwrap(), ..MasterKey::of_secret(secret, 0) };
    let log = LogId::new(&format!("kds/{:016x}/0", value["uid"].as_u64().unwrap())).unwrap();
    let store = world.store.clone();
    store.put("kds/stream/123456789012/s", meta.into(), Expected::Absent).await.unwrap();
    store.create(std::slice::from_ref(&log)).await.unwrap();
    let records = RecordBatch::parse(read("batch").into(), 3).unwrap();
    let batch = AppendBatch { arrival: world.service.now(), records, frees: false };
    store.open(&log).await.unwrap().append(batch, Expect::Any).await.unwrap();
    world.replace_keys(keyring([key])).await;
    world.reopen().await;
    assert_eq!(world.read_all("s", "0").await, texts.map(|text| (text.to_owned(), true)));
    assert!(world.put("s", "k", "goes on").await.encrypted);
}

/// Metadata of before is read, and that of a stream that never was encrypted is as before.
#[tokio::test]
async fn plain_streams_are_stored_as_ever() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    let text = serde_json::to_string(handle.view().meta()).unwrap();
    assert!(!text.contains("encryption"), "{text}");
}

/// Secrets are in no text that could reach a log or a person.
#[tokio::test]
async fn secrets_are_not_shown() {
    let world = world().await;
    let handle = world.create("s", 1).await;
    world.encrypt(&handle, DEFAULT).await;
    let shown = format!("{:?} {:?} {:?}", world.service, handle.view(), keyring([master(0)]));
    let secret = &master(0).versions[0].secret;
    let debug = format!("{:?}", secret);
    assert!(shown.contains(&debug) && !shown.contains(&**secret.to_base64()));
    let bytes = headwater_vault::Secret::from_base64(&secret.to_base64()).unwrap();
    assert_eq!(bytes, *secret);
}

/// Makes the default key once there is room; counts how often it was asked.
#[derive(Debug, Default)]
struct Maker {
    room: AtomicBool,
    asked: AtomicUsize,
}

impl DefaultKey for Maker {
    fn make(&self) -> std::io::Result<Keyring> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.room.load(Ordering::Relaxed) {
            true => Ok(keyring([master(0)])),
            false => Err(std::io::ErrorKind::StorageFull.into()),
        }
    }
}

#[tokio::test]
async fn the_default_key_is_made_when_it_is_first_asked_for() {
    let mut world = World::new(LimitPolicy::OFF).await;
    let maker = Arc::new(Maker::default());
    world.make_keys_by(maker.clone()).await;
    let handle = world.create("s", 1).await;
    let asked = || maker.asked.load(Ordering::Relaxed);
    // Only for the default key, however it is named.
    for other in ["alias/none", "alias/aws/kinesis2", "arn:aws:kms:eu-west-1:123456789012:alias/aws/kinesis"]
    {
        let refused = world.service.start_encryption(&handle, other).await;
        assert!(
            matches!(refused, Err(StreamsError::Key { trouble: KeyTrouble::NoKeys(_), .. })),
            "{refused:?}"
        );
    }
    assert_eq!(asked(), 0);
    // Without room for it nothing has happened.
    let full = world.service.start_encryption(&handle, DEFAULT).await;
    assert!(matches!(full, Err(StreamsError::Store(StoreError::NoSpace(_)))), "{full:?}");
    assert!(handle.view().meta().encryption().is_none());
    world.put("s", "k", "plain").await;
    maker.room.store(true, Ordering::Relaxed);
    world.encrypt(&handle, "arn:aws:kms:us-east-1:123456789012:alias/aws/kinesis").await;
    world.put("s", "k", "sealed").await;
    assert_eq!(world.read_all("s", "0").await, [("plain".to_owned(), false), ("sealed".to_owned(), true)]);
    // Then it is there.
    let later = world.create("t", 1).await;
    world.encrypt(&later, DEFAULT).await;
    assert_eq!(asked(), 2);
}

#[tokio::test]
async fn a_disabled_default_key_is_not_replaced() {
    let mut world = World::new(LimitPolicy::OFF).await;
    let maker = Arc::new(Maker { room: AtomicBool::new(true), ..Maker::default() });
    world.make_keys_by(maker.clone()).await;
    world.replace_keys(keyring([MasterKey { enabled: false, ..master(0) }])).await;
    let handle = world.create("s", 1).await;
    let refused = world.service.start_encryption(&handle, DEFAULT).await;
    assert!(
        matches!(refused, Err(StreamsError::Key { trouble: KeyTrouble::Disabled(_), .. })),
        "{refused:?}"
    );
    assert_eq!(maker.asked.load(Ordering::Relaxed), 0);
}
