//! Encryption from the outside: what is on the disk, what a power cut leaves, and the master key file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use headwater_host::disk::{Disk, Faults};
use headwater_host::{Clock, SeededRandom, SystemClock};
use headwater_server::{MasterKeyFile, MasterKeyFileError, MasterKeySource};
use headwater_vault::{Alias, DEFAULT_ALIAS, MasterKey};
use serde_json::{Value, json};

use crate::harness::{TRANSITION, World, base64, eventually, put_input};

const DATA: &[u8] = b"a payload that stands out";
const KEY: &str = "a-partition-key-that-stands-out";

/// A directory of the real file system with a master key file in it: keys are not on the simulated disk.
struct Keys {
    dir: tempfile::TempDir,
    file: MasterKeyFile,
}

fn key(seed: u64, alias: &str) -> MasterKey {
    let mut key = MasterKey::generate(&*SeededRandom::new(seed), 1_700_000_000);
    key.aliases.extend(Alias::parse(alias));
    key
}

impl Keys {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = MasterKeyFile::create(&dir.path().join("keys.toml"), key(1, DEFAULT_ALIAS)).unwrap();
        Self { dir, file }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("keys.toml")
    }
}

async fn world(name: &str, keys: &Keys) -> World {
    World::with(name, |settings| settings.master_keys = MasterKeySource::File(keys.path())).await
}

async fn encrypt(world: &World, name: &str) {
    let input = json!({"StreamName": name, "EncryptionType": "KMS", "KeyId": DEFAULT_ALIAS});
    world.call("StartStreamEncryption", input).await.ok();
    world.clock.advance(TRANSITION);
}

async fn put_telling(world: &World, name: &str) -> Value {
    world.call("PutRecord", json!({"StreamName": name, "PartitionKey": KEY, "Data": base64(DATA)})).await.ok()
}

/// True if any file of the data directory holds these bytes.
fn on_disk(world: &World, bytes: &[u8]) -> bool {
    ["", "journal", "seg", "meta"].iter().any(|folder| {
        world.files(folder, "").iter().any(|path| {
            let Ok(file) = world.disk.open(path) else { return false };
            let mut contents = vec![0; file.len().unwrap() as usize];
            file.read_at(&mut contents, 0).unwrap();
            contents.windows(bytes.len()).any(|window| window == bytes)
        })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_holds_no_plaintext() {
    let keys = Keys::new();
    for encrypted in [false, true] {
        let mut world = world(&format!("plaintext-{encrypted}"), &keys).await;
        world.create("s", 1).await;
        if encrypted {
            encrypt(&world, "s").await;
        }
        let put = put_telling(&world, "s").await;
        assert_eq!(put["EncryptionType"].as_str(), encrypted.then_some("KMS"));
        // In the journal, then in a segment as well, then after a restart.
        for step in 0..3 {
            assert_eq!(on_disk(&world, DATA), !encrypted, "step {step}");
            assert_eq!(on_disk(&world, KEY.as_bytes()), !encrypted, "step {step}");
            match step {
                0 => world.make_segment("s").await,
                1 => {
                    world.stop().await;
                    world.start().await.unwrap();
                }
                _ => assert_eq!(world.read("s", 0).await[0].data, DATA),
            }
        }
        let secret = keys.file.keys[0].versions[0].secret.to_base64();
        assert!(!on_disk(&world, secret.as_bytes()));
        for text in [
            world.get("/metrics").await.text,
            world.call("DescribeStream", json!({"StreamName": "s"})).await.text,
        ] {
            assert!(!text.contains(secret.as_str()));
        }
        assert!(world.logged(&secret).is_empty());
        world.stop().await;
    }
}

/// The power fails at each step of StartStreamEncryption and of the put after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_cut_short_has_happened_or_not() {
    let keys = Keys::new();
    let (mut happened, mut not) = (0, 0);
    for step in 0..12 {
        let mut world = world(&format!("cut-{step}"), &keys).await;
        world.create("s", 1).await;
        world.put("s", b"before").await;
        world.disk.set_faults(Faults { halt_at: Some(step), ..Faults::default() });
        let input = json!({"StreamName": "s", "EncryptionType": "KMS", "KeyId": DEFAULT_ALIAS});
        let started = world.call("StartStreamEncryption", input).await.status == 200;
        let put = world.try_put("s", b"meanwhile").await;
        world.cut_power().await;
        world.disk.set_faults(Faults::default());
        world.start().await.unwrap();
        world.clock.advance(TRANSITION);
        let described = world.call("DescribeStream", json!({"StreamName": "s"})).await.ok();
        let encrypted = described["StreamDescription"]["EncryptionType"] == "KMS";
        assert!(encrypted || !started, "what was answered is durable");
        let put_again = world.call("PutRecord", put_input("s", b"after")).await.ok();
        assert_eq!(put_again["EncryptionType"].as_str(), encrypted.then_some("KMS"));
        let texts: Vec<_> = world.read("s", 0).await.into_iter().map(|got| got.data).collect();
        assert_eq!(
            (texts[0].as_slice(), texts.last().unwrap().as_slice()),
            (b"before".as_slice(), b"after".as_slice())
        );
        assert!(put.status != 200 || texts.len() == 3, "what was acknowledged is there");
        if encrypted {
            happened += 1
        } else {
            not += 1
        }
        world.stop().await;
    }
    assert!(happened > 0 && not > 0, "{happened} of it happened, {not} did not");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_is_followed_while_the_server_runs() {
    let keys = Keys::new();
    let mut world = world("followed", &keys).await;
    world.create("s", 1).await;
    encrypt(&world, "s").await;
    world.put("s", b"a").await;
    let follows = async |what: &str, kind: &str| {
        eventually(what, async || {
            world.clock.advance(Duration::from_secs(5));
            world.try_put("s", b"x").await.error().1 == kind
        })
        .await;
    };
    MasterKeyFile::change(&keys.path(), |file| {
        file.keys[0].enabled = false;
        Ok::<_, MasterKeyFileError>(())
    })
    .unwrap();
    follows("the key is disabled", "KMSDisabledException").await;
    let (got, error) = world.try_read("s", 0).await;
    assert_eq!((got.len(), error.unwrap().error().1.as_str()), (0, "KMSDisabledException"));
    // While the file is wrong, nothing changes.
    let text = std::fs::read_to_string(keys.path()).unwrap();
    std::fs::write(keys.path(), "format = 1\n[[key]]\nid = 5").unwrap();
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(5));
        SystemClock::new().sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.try_put("s", b"x").await.error().1, "KMSDisabledException");
    std::fs::write(keys.path(), text.replace("enabled = false", "enabled = true")).unwrap();
    follows("the key is usable", "").await;
    // Another key in its place: the id is unknown, the server starts, and other streams are served.
    let other = keys.dir.path().join("other.toml");
    MasterKeyFile::create(&other, key(2, "alias/other")).unwrap();
    world.stop().await;
    world.settings.master_keys = MasterKeySource::File(other);
    world.start().await.unwrap();
    let refused = world.try_put("s", b"x").await;
    let text = refused.error().2;
    assert_eq!(refused.error().1, "KMSNotFoundException");
    assert!(
        text.contains(keys.file.keys[0].id.as_str()) && text.contains("copy of the master key file"),
        "{text}"
    );
    world.create("t", 1).await;
    world.put("t", b"served").await;
    world.stop().await;
}

#[tokio::test]
async fn without_keys_it_is_said_what_to_do() {
    let mut world = World::new("no-keys").await;
    world.create("s", 1).await;
    let input = json!({"StreamName": "s", "EncryptionType": "KMS", "KeyId": DEFAULT_ALIAS});
    let (status, kind, text) = world.call("StartStreamEncryption", input).await.error();
    assert_eq!((status, kind.as_str()), (400, "KMSNotFoundException"));
    assert!(text.contains("--master-key-file") && text.contains("HEADWATER_MASTER_KEY"), "{text}");
    // As Terraform calls it.
    let input = json!({"StreamName": "s", "EncryptionType": "KMS", "KeyId": ""});
    assert_eq!(world.call("StopStreamEncryption", input).await.status, 200);
    assert_eq!(world.status("s").await, "ACTIVE");
    world.stop().await;
}

/// The data of all records of shard 0.
async fn data(world: &World, name: &str) -> Vec<Vec<u8>> {
    world.read(name, 0).await.into_iter().map(|got| got.data).collect()
}

/// Mode of a file or directory.
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_keys_makes_its_own_when_it_is_first_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("keys/master-keys.toml");
    let mut world = World::with("own-key", |settings| settings.own_master_keys = Some(own.clone())).await;
    for name in ["s", "t"] {
        world.create(name, 1).await;
        world.put(name, b"plain").await;
    }
    assert!(!own.exists(), "nobody has asked for it");
    // Both at once: one key is made.
    let input = |name| json!({"StreamName": name, "EncryptionType": "KMS", "KeyId": DEFAULT_ALIAS});
    let (s, t) = tokio::join!(
        world.call("StartStreamEncryption", input("s")),
        world.call("StartStreamEncryption", input("t")),
    );
    s.ok();
    t.ok();
    world.clock.advance(TRANSITION);
    assert_eq!((mode(&own), mode(own.parent().unwrap())), (0o600, 0o700));
    let made = MasterKeyFile::read(&own).unwrap();
    assert_eq!(made.keys.len(), 1);
    for name in ["s", "t"] {
        assert_eq!(put_telling(&world, name).await["EncryptionType"], "KMS");
    }
    assert!(!on_disk(&world, DATA));
    // After a restart it is still there; what a crash left beside it does not matter.
    std::fs::write(own.with_file_name(".master-keys.toml.1"), "half").unwrap();
    world.stop().await;
    world.start().await.unwrap();
    assert_eq!(data(&world, "s").await, [b"plain".as_slice(), DATA]);
    world.stop().await;
    // Keys that are given later win, and what was sealed is opened all the same.
    let given = dir.path().join("given.toml");
    MasterKeyFile::create(&given, key(5, DEFAULT_ALIAS)).unwrap();
    world.settings.master_keys = MasterKeySource::File(given.clone());
    world.start().await.unwrap();
    assert_eq!(data(&world, "s").await, [b"plain".as_slice(), DATA]);
    encrypt(&world, "s").await;
    put_telling(&world, "s").await;
    world.stop().await;
    // Moved into the file that is given, they are that file's.
    MasterKeyFile::change(&given, |file| {
        file.keys.extend(made.keys.iter().cloned().map(|mut key| {
            key.aliases.clear();
            key
        }));
        Ok::<_, MasterKeyFileError>(())
    })
    .unwrap();
    world.start().await.unwrap();
    assert_eq!(data(&world, "s").await, [b"plain".as_slice(), DATA, DATA]);
    world.stop().await;
    world.settings.own_master_keys = None;
    world.start().await.unwrap();
    assert_eq!(data(&world, "t").await, [b"plain".as_slice(), DATA]);
    world.stop().await;
    // A file of its own that others can read is refused, like one that was given.
    world.settings.own_master_keys = Some(own.clone());
    write(&own, "format = 1\n", 0o644);
    let refused = world.start().await.unwrap_err().to_string();
    assert!(refused.contains("chmod 600") && refused.contains("keys/master-keys.toml"), "{refused}");
}

#[tokio::test]
async fn a_key_that_cannot_be_stored_encrypts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("own/keys/master-keys.toml");
    let mut world = World::with("no-own-key", |settings| settings.own_master_keys = Some(own.clone())).await;
    world.create("s", 1).await;
    // Where its directory should be made a file is in the way.
    let in_the_way = tempfile::Builder::new().prefix("own").rand_bytes(0).tempfile_in(dir.path()).unwrap();
    let input = json!({"StreamName": "s", "EncryptionType": "KMS", "KeyId": DEFAULT_ALIAS});
    let refused = world.call("StartStreamEncryption", input.clone()).await;
    assert_eq!(refused.error().0, 500);
    world.put("s", b"plain").await;
    assert_eq!(world.status("s").await, "ACTIVE");
    // As soon as it can be stored it is.
    in_the_way.close().unwrap();
    world.call("StartStreamEncryption", input).await.ok();
    world.clock.advance(TRANSITION);
    assert_eq!(put_telling(&world, "s").await["EncryptionType"], "KMS");
    world.stop().await;
}

fn write(path: &Path, text: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn files_that_are_wrong_are_refused_and_not_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.toml");
    let file = MasterKeyFile::create(&path, key(1, DEFAULT_ALIAS)).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let secret = file.keys[0].versions[0].secret.to_base64();
    assert!(good.contains(secret.as_str()));
    assert_eq!(MasterKeyFile::read(&path).unwrap().keys, file.keys);
    let again = MasterKeyFile::create(&path, key(2, DEFAULT_ALIAS)).unwrap_err();
    assert!(again.to_string().contains("exists"), "{again}");
    let twice =
        good.clone() + good.split_once("[[key]]").map(|(_, key)| format!("[[key]]{key}")).unwrap().as_str();
    for (text, mode, expected) in [
        (good.clone(), 0o644, "others can read or change it (mode 0644); run: chmod 600"),
        (good.clone(), 0o660, "others can read or change it (mode 0660)"),
        (good.replace("format = 1", "format = 2"), 0o600, "its format is 2"),
        (
            good.replace("secret = \"", "secret = \"AAAA"),
            0o600,
            "line 14: a secret is the base64 of 32 bytes",
        ),
        (good.replace("number = 1", &format!("number = \"{}\"", *secret)), 0o600, "not what belongs there"),
        (good.replace("secret = \"", "secret = "), 0o600, "line 14"),
        (good.replace("number = 1", "number = 0"), 0o600, "numbers that grow from 1"),
        (good.replace("enabled", "enable"), 0o600, "line 8"),
        (good.replace("alias/", "alias"), 0o600, "an alias is alias/"),
        (twice, 0o600, "there twice"),
    ] {
        write(&path, &text, mode);
        let error = MasterKeyFile::read(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} should say {expected}");
        assert!(!error.contains(secret.as_str()) && !error.contains('\n'), "{error}");
    }
    write(&path, &good, 0o400);
    MasterKeyFile::read(&path).unwrap();
    assert!(MasterKeyFile::read(&dir.path().join("none")).unwrap_err().to_string().contains("none"));
}
