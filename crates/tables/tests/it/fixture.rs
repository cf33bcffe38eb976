//! Data directories that earlier versions wrote are opened as they were.
//!
//! A fixture is never changed. A new format gets a new one, written by
//! `HEADWATER_WRITE_FIXTURE=1 cargo test -p headwater-tables --test it what_is_written_is_read` after `VERSION` was raised.
//! Version 1 is of the journal that tables had of their own, when a snapshot was to be replaced.

use std::fmt::Write as _;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headwater_host::disk::{Disk, SimDisk, SystemDisk};
use headwater_host::{Clock, SeededRandom};
use headwater_store::MetaStore;
use headwater_tables::value::{AttributeValue, Item};
use headwater_tables::{
    Bound, EncryptionChoice, IndexProjection, IndexScope, IndexSpec, KeySchema, KeyType, OnDemandChange,
    TableChange, TableName, TableOptions, TablesError, TransactionToken,
};
use headwater_vault::{Alias, Keyring, MasterKey};

use crate::harness::{Engine, START, World, attribute, by_owner, delete, item, key, n, put, s};

const VERSION: u32 = 2;
/// Directory in which the harness keeps its files.
const ROOT: &str = "/tables";

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}"))
}

fn keys() -> Arc<Keyring> {
    let mut key = MasterKey::generate(&*SeededRandom::new(1), 0);
    key.aliases.extend(Alias::parse("alias/aws/dynamodb"));
    Arc::new(Keyring::new([key]).unwrap())
}

async fn open(disk: &Arc<SimDisk>) -> World {
    World::with(Engine::SmallDisk(disk.clone()), |config| {
        config.keys = keys();
        config.snapshot_after_bytes = 3000;
    })
    .await
}

/// Copies a data directory from one disk to another.
fn copy(from: (&dyn Disk, &Path), to: (&dyn Disk, &Path)) {
    for part in ["", "journal", "seg", "meta"] {
        to.0.create_dir_all(&to.1.join(part)).unwrap();
        // A checkout has no empty directories.
        for name in from.0.list(&from.1.join(part)).unwrap_or_default() {
            if name == "LOCK" || name == "expected.txt" {
                continue;
            }
            let file = from.0.open(&from.1.join(part).join(&name)).unwrap();
            let mut bytes = vec![0; file.len().unwrap() as usize];
            file.read_at(&mut bytes, 0).unwrap();
            let copied = to.0.create(&to.1.join(part).join(&name)).unwrap();
            copied.write_all_at(&mut [IoSlice::new(&bytes)], 0).unwrap();
            copied.sync_data().unwrap();
        }
        to.0.sync_dir(&to.1.join(part)).unwrap();
    }
}

fn read(disk: &dyn Disk, path: &Path) -> String {
    let file = disk.open(path).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(&mut bytes, 0).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Everything there is, as text.
fn dump(world: &World) -> String {
    let mut text = String::new();
    assert!(!world.service.losses().are_there());
    for name in world.service.list(key("any").realm, None, 100).unwrap().0 {
        let table = key(name.as_str());
        let described = world.service.describe(&table).unwrap();
        let (bytes, settings) = (described.size_bytes, &described.settings);
        writeln!(text, "{name}: {:?}, {bytes} bytes, {}", described.status, described.id).unwrap();
        writeln!(text, "  sealed: {}, bounds: {:?}", settings.master_key.is_some(), settings.on_demand)
            .unwrap();
        writeln!(text, "  tags: {:?}", world.service.tags(&table).unwrap()).unwrap();
        writeln!(text, "  expiry: {:?}", world.service.time_to_live(&table).unwrap().attribute).unwrap();
        for index in &described.indexes {
            writeln!(text, "  {}: {} items, {} bytes", index.name, index.items, index.size_bytes).unwrap();
        }
        for item in world.all(&table) {
            writeln!(text, "  {item:?}").unwrap();
        }
    }
    text
}

fn token(request: u64) -> Option<TransactionToken> {
    let realm = key("any").realm;
    Some(TransactionToken { token: "a-token".into(), request, former: 1, realm })
}

/// A transaction that was done is known by its token.
async fn check_token(world: &World) {
    let table = key("composite");
    let again = vec![put(&table, item([("pk", s("token")), ("sk", n(1)), ("v", s("again"))]))];
    world.service.write_all(again.clone(), token(7)).await.unwrap();
    let refused = world.service.write_all(again, token(8)).await.unwrap_err();
    assert!(matches!(refused, TablesError::TokenMismatch), "{refused:?}");
}

async fn manifest(world: &World) -> serde_json::Value {
    let store = world.store().unwrap();
    let stored = MetaStore::get(&*store, "tables/root").await.unwrap().unwrap();
    serde_json::from_slice(&stored.value).unwrap()
}

/// Writes until the manifest is as it is wanted.
async fn until(world: &World, is_there: impl Fn(&serde_json::Value) -> bool) {
    for i in 0..2000 {
        if is_there(&manifest(world).await) {
            return;
        }
        world.clock.advance(Duration::from_secs(61));
        world.put(&key("leases"), item([("pk", s("pad")), ("pad", s(&"x".repeat(i % 300)))])).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    panic!("{}", manifest(world).await);
}

fn of_all_types(pk: &str) -> Item {
    let numbers = ["1", "2.5", "-3E-7"].map(|text| text.parse().unwrap());
    item([
        ("pk", s(pk)),
        ("owner", s("w1")),
        ("n", AttributeValue::N("12345678901234567890.5".parse().unwrap())),
        ("b", AttributeValue::B(vec![0, 1, 255].into())),
        ("yes", AttributeValue::Bool(true)),
        ("nothing", AttributeValue::Null),
        ("l", AttributeValue::L(vec![s("ü\u{0}\""), AttributeValue::M(item([("deep", n(-1))]))])),
        ("ss", AttributeValue::Ss(["x".to_owned(), "y".to_owned()].into())),
        ("ns", AttributeValue::Ns(numbers.into())),
        ("bs", AttributeValue::Bs([vec![7].into(), vec![].into()].into())),
    ])
}

/// Fills a directory with something of everything, and says what is in it.
async fn write(disk: &Arc<SimDisk>) -> String {
    let mut world = open(disk).await;
    let leases =
        world.create_with("leases", |spec| spec.indexes = vec![by_owner(IndexProjection::All)]).await;
    let local = IndexSpec {
        name: TableName::new("ByV").unwrap(),
        scope: IndexScope::Local,
        schema: KeySchema::new(attribute("pk", KeyType::S), Some(attribute("v", KeyType::S))),
        projection: IndexProjection::KeysOnly,
        throughput: None,
    };
    let composite = world
        .create_with("composite", |spec| {
            spec.schema.range = Some(attribute("sk", KeyType::N));
            spec.indexes = vec![local];
            spec.tags = [("team".to_owned(), "water".to_owned())].into();
            spec.options.on_demand = Some(OnDemandChange { read: None, write: Some(Bound::AtMost(40)) });
        })
        .await;
    let under = || Some(EncryptionChoice::Key(None));
    let sealed = world.create_with("sealed", |spec| spec.options.encryption = under()).await;
    let became_sealed = world.create("became-sealed").await;
    let gone = world.create("gone").await;
    for table in [&leases, &sealed, &became_sealed, &gone] {
        for pk in ["a", "b", "c"] {
            world.put(table, of_all_types(pk)).await;
        }
        world.service.write(delete(table, item([("pk", s("b"))]))).await.unwrap();
    }
    for sk in [-5, 0, 5] {
        world.put(&composite, item([("pk", s("p")), ("sk", n(sk)), ("v", s("v"))])).await;
    }
    world.service.set_time_to_live(&composite, "expires".into(), true).await.unwrap();
    until(&world, |manifest| manifest["previous"]["snapshot"].is_u64()).await;
    world.service.delete_table(&gone).await.unwrap();
    world.settle();
    world.service.upkeep().await.unwrap();
    let options = TableOptions { encryption: under(), ..TableOptions::default() };
    let change = TableChange { options, ..TableChange::default() };
    world.service.update_table(&became_sealed, change).await.unwrap();
    world.settle();
    world.put(&became_sealed, of_all_types("d")).await;
    // Behind the snapshots.
    let one = item([("pk", s("token")), ("sk", n(1))]);
    world.service.write_all(vec![put(&composite, one)], token(7)).await.unwrap();
    world.put(&sealed, of_all_types("last")).await;
    world.service.tag(&leases, [("late".to_owned(), "1".to_owned())].into()).await.unwrap();
    world.store().unwrap().maintain().unwrap();
    let text = format!("at {}\n{}", world.clock.now().as_millis(), dump(&world));
    world.close().await;
    text
}

/// Opens a directory at the time at which it was written; fails if it is another one.
async fn check_is_read(disk: &Arc<SimDisk>, text: &str) -> World {
    let (at_ms, expected) = text.split_once('\n').unwrap();
    let at_ms: u64 = at_ms.strip_prefix("at ").unwrap().parse().unwrap();
    let world = open(disk).await;
    world.clock.advance(Duration::from_millis(at_ms - START.as_millis()));
    assert_eq!(dump(&world), expected);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_is_opened() {
    for version in 1..=VERSION {
        let (from, disk) = (fixture(version), SimDisk::new(1));
        let expected = read(&*SystemDisk::new(), &from.join("expected.txt"));
        copy((&*SystemDisk::new(), &from), (&*disk, ROOT.as_ref()));
        let mut world = check_is_read(&disk, &expected).await;
        let (_, expected) = expected.split_once('\n').unwrap();
        check_token(&world).await;
        assert_eq!(dump(&world), expected, "a repeated transaction changes nothing");
        // It goes on, over snapshots, and is what it was with them.
        let table = key("sealed");
        world.put(&table, of_all_types("new")).await;
        let before = manifest(&world).await["snapshot"].clone();
        until(&world, |manifest| manifest["snapshot"] != before && manifest["is_previous_plain"] != true)
            .await;
        world.crash().await;
        assert_eq!(world.get(&table, item([("pk", s("new"))])), Some(of_all_types("new")));
        world.service.write(delete(&table, item([("pk", s("new"))]))).await.unwrap();
        world.put(&key("leases"), item([("pk", s("pad")), ("pad", s(""))])).await;
        let without_pad = |text: &str| -> Vec<String> {
            let kept = text.lines().filter(|line| !line.contains("\"pad\"") && !line.contains(" bytes"));
            kept.map(ToOwned::to_owned).collect()
        };
        assert_eq!(without_pad(&dump(&world)), without_pad(expected), "version {version}");
        world.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_is_read() {
    let disk = SimDisk::new(2);
    let text = write(&disk).await;
    check_is_read(&disk, &text).await.close().await;
    if std::env::var_os("HEADWATER_WRITE_FIXTURE").is_some() {
        let (system, to) = (SystemDisk::new(), fixture(VERSION));
        copy((&*disk, ROOT.as_ref()), (&*system, &to));
        let file = system.create(&to.join("expected.txt")).unwrap();
        file.write_all_at(&mut [IoSlice::new(text.as_bytes())], 0).unwrap();
    }
}
