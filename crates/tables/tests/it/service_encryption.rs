//! No item of an encrypted table is in any file, and without its key nothing of it is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headwater_host::SeededRandom;
use headwater_host::disk::{Disk, SimDisk};
use headwater_tables::{EncryptionChoice, Status, TableChange, TableKey, TableOptions, TablesError};
use headwater_vault::{Alias, KeyId, Keyring, MasterKey};

use crate::harness::{Engine, World, delete, item, put, s};

fn master(seed: u64, alias: &str) -> MasterKey {
    let mut key = MasterKey::generate(&*SeededRandom::new(seed), 0);
    key.aliases.extend(Alias::parse(alias));
    key
}

fn ring(keys: &[&MasterKey]) -> Arc<Keyring> {
    Arc::new(Keyring::new(keys.iter().map(|key| (*key).clone())).unwrap())
}

fn under(key: Option<&str>) -> TableOptions {
    let encryption = Some(EncryptionChoice::Key(key.map(ToOwned::to_owned)));
    TableOptions { encryption, ..TableOptions::default() }
}

async fn world(keys: &Arc<Keyring>, snapshot_after_bytes: usize) -> (World, Arc<SimDisk>) {
    let disk = SimDisk::new(1);
    let world = World::with(Engine::Disk(disk.clone()), |config| {
        config.keys = keys.clone();
        config.snapshot_after_bytes = snapshot_after_bytes;
    })
    .await;
    (world, disk)
}

/// The files that have this text in them.
fn files_with(disk: &SimDisk, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["journal", "seg", "meta", ""] {
        let folder = Path::new("/tables").join(folder);
        for name in disk.list(&folder).unwrap_or_default() {
            let path = folder.join(name);
            let contents = disk.contents(&path).unwrap_or_default();
            if contents.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}

fn secret(pk: &str) -> headwater_tables::value::Item {
    item([("pk", s(&format!("KEY-{pk}-SECRET"))), ("NAME-SECRET", s("VALUE-SECRET"))])
}

async fn snapshots(world: &World, table: &TableKey, count: usize) {
    for i in 0..count {
        world.clock.advance(Duration::from_secs(61));
        world.put(table, item([("pk", s("pad")), ("pad", s(&format!("{i}-{}", "x".repeat(2000))))])).await;
        tokio::task::yield_now().await;
    }
}

fn key_of(world: &World, table: &TableKey) -> Option<KeyId> {
    world.service.describe(table).unwrap().settings.master_key
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_item_of_an_encrypted_table_is_in_any_file() {
    let key = master(1, "alias/aws/dynamodb");
    let (mut world, disk) = world(&ring(&[&key]), 20_000).await;
    let table = world.create_with("sealed", |spec| spec.options = under(None)).await;
    let open = world.create("open").await;
    world.put(&open, item([("pk", s("OPEN-ITEM"))])).await;
    world.put(&table, secret("one")).await;
    world.put(&table, secret("two")).await;
    world.service.write(delete(&table, item([("pk", s("KEY-two-SECRET"))]))).await.unwrap();
    world.service.write_all(vec![put(&table, secret("three"))], None).await.unwrap();
    world.service.write_each(vec![put(&table, secret("four"))]).await.unwrap();
    // Into snapshots as well.
    snapshots(&world, &table, 100).await;
    assert_eq!(key_of(&world, &table), Some(key.id.clone()));
    for _ in 0..2 {
        assert!(!files_with(&disk, "OPEN-ITEM").is_empty(), "the search finds what is there");
        assert_eq!(files_with(&disk, "SECRET"), Vec::<PathBuf>::new());
        let found = world.all(&table);
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(world.get(&table, item([("pk", s("KEY-four-SECRET"))])), Some(secret("four")));
        world.reopen().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_key_a_table_tells_nothing_and_loses_nothing() {
    let (mine, other) = (master(1, "alias/mine"), master(2, "alias/aws/dynamodb"));
    let both = ring(&[&mine, &other]);
    let (mut world, _disk) = world(&both, 20_000).await;
    let table = world.create_with("sealed", |spec| spec.options = under(Some("alias/mine"))).await;
    let open = world.create("open").await;
    world.put(&table, secret("one")).await;
    assert_eq!(key_of(&world, &table), Some(mine.id.clone()));
    let refused = |result: Result<_, TablesError>| {
        assert!(matches!(result, Err(TablesError::Key { .. })), "{result:?}");
    };
    // Taken away while the server runs, and at a start; given back while it runs, and at a start.
    for (restart_without, restart_with) in [(false, false), (true, false), (true, true), (false, true)] {
        world.config.keys = ring(&[&other]);
        if restart_without {
            world.reopen().await;
        } else {
            world.service.replace_keys(ring(&[&other])).await.unwrap();
        }
        assert_eq!(world.service.describe(&table).unwrap().status, Status::Inaccessible);
        refused(world.service.write(put(&table, secret("two"))).await);
        let get = headwater_tables::Get {
            table: table.clone(),
            key: item([("pk", s("KEY-one-SECRET"))]),
            projection: None,
            consistent: true,
        };
        assert!(matches!(world.service.get(&get), Err(TablesError::Key { .. })));
        world.service.upkeep().await.unwrap();
        // Others go on, and no snapshot is made of what cannot be read.
        snapshots(&world, &open, 30).await;
        world.config.keys = both.clone();
        if restart_with {
            world.reopen().await;
        } else {
            world.service.replace_keys(both.clone()).await.unwrap();
        }
        assert_eq!(world.service.describe(&table).unwrap().status, Status::Active);
        assert_eq!(world.get(&table, item([("pk", s("KEY-one-SECRET"))])), Some(secret("one")));
        snapshots(&world, &open, 30).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encryption_can_be_switched_on_changed_and_switched_off() {
    let (mine, default) = (master(1, "alias/mine"), master(2, "alias/aws/kinesis"));
    let (mut world, _disk) = world(&ring(&[&mine, &default]), 1_000_000).await;
    let table = world.create("t-1").await;
    world.put(&table, secret("one")).await;
    let update = async |world: &World, encryption| {
        let options = TableOptions { encryption: Some(encryption), ..TableOptions::default() };
        let updated =
            world.service.update_table(&table, TableChange { options, ..TableChange::default() }).await;
        world.settle();
        updated
    };
    let refused = update(&world, EncryptionChoice::Off).await.unwrap_err();
    assert!(refused.to_string().contains("already encrypted by default"), "{refused}");
    // Without a key of their own tables have that of streams.
    update(&world, EncryptionChoice::Key(None)).await.unwrap();
    assert_eq!(key_of(&world, &table), Some(default.id.clone()));
    let refused = update(&world, EncryptionChoice::Key(Some("alias/aws/kinesis".into()))).await.unwrap_err();
    assert!(refused.to_string().contains("already encrypted by given KMSMasterKeyId"), "{refused}");
    world.put(&table, secret("two")).await;
    update(&world, EncryptionChoice::Key(Some("alias/mine".into()))).await.unwrap();
    assert_eq!(key_of(&world, &table), Some(mine.id.clone()));
    let missing = update(&world, EncryptionChoice::Key(Some("alias/none".into()))).await.unwrap_err();
    assert!(matches!(missing, TablesError::Key { .. }), "{missing:?}");
    world.put(&table, secret("three")).await;
    world.reopen().await;
    assert_eq!(world.all(&table).len(), 3);
    update(&world, EncryptionChoice::Off).await.unwrap();
    assert_eq!(key_of(&world, &table), None);
    world.put(&table, secret("four")).await;
    world.reopen().await;
    assert_eq!(world.all(&table).len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_stored_before_encryption_leave_the_logs() {
    let key = master(1, "alias/aws/dynamodb");
    let store = headwater_store::memory::MemoryStore::new();
    let mut world = World::with(Engine::Memory(store.clone()), |config| {
        config.keys = ring(&[&key]);
        config.snapshot_after_bytes = usize::MAX;
    })
    .await;
    let table = world.create("t-1").await;
    world.put(&table, secret("one")).await;
    let stored = async || {
        let mut all = String::new();
        for id in headwater_store::LogStore::list(&*store, "tables/").await.unwrap() {
            let log = headwater_store::LogStore::open(&*store, &id).await.unwrap();
            let limit = headwater_store::ReadLimit { records: 10_000, bytes: 1 << 30 };
            for batch in log.read(log.bounds().start, limit).await.unwrap().batches {
                batch.records.records().for_each(|record| all += &String::from_utf8_lossy(record.data));
            }
        }
        all
    };
    assert!(stored().await.contains("VALUE-SECRET"));
    let change = TableChange { options: under(None), ..TableChange::default() };
    world.service.update_table(&table, change).await.unwrap();
    world.settle();
    // A restart does not forget it.
    world.reopen().await;
    for i in 0..2000 {
        world.clock.advance(Duration::from_secs(61));
        world.put(&table, item([("pk", s("pad")), ("pad", s(&i.to_string()))])).await;
        tokio::task::yield_now().await;
        if !stored().await.contains("VALUE-SECRET") {
            break;
        }
    }
    assert!(!stored().await.contains("VALUE-SECRET"));
    world.reopen().await;
    assert_eq!(world.get(&table, item([("pk", s("KEY-one-SECRET"))])), Some(secret("one")));
}
