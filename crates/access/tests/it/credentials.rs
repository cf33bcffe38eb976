//! The credentials file: how it is made, changed and read, and what is never shown.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use headwater_access::{
    CredentialStore, CredentialsFile, KeyEntry, Known, Lifetime, Unknown, UserRef, builtin_policy, update,
};
use headwater_host::SeededRandom;
use headwater_types::{AccountId, Region, Timestamp};
use headwater_wire::sigv4::canonical::{Scope, SigningKey};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn user(name: Option<&str>) -> UserRef<'_> {
    UserRef { account: AccountId::new("111122223333").unwrap(), name }
}

struct Place {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { path: dir.path().join("credentials.toml"), _dir: dir }
    }

    fn add(&self, name: Option<&str>, lifetime: Lifetime, seed: u64) -> KeyEntry {
        let random = SeededRandom::new(seed);
        update(&self.path, |file| file.add_key(user(name), &[], lifetime, NOW, &*random)).unwrap()
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).unwrap();
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    fn open(&self) -> CredentialStore {
        CredentialStore::open(&self.path).unwrap()
    }

    fn refusal(&self) -> String {
        CredentialStore::open(&self.path).unwrap_err().to_string()
    }
}

fn arn_of(
    store: &CredentialStore,
    key: &KeyEntry,
    token: Option<&str>,
    now: Timestamp,
) -> Result<String, Unknown> {
    store.find(&key.id, token, now, |known| known.caller(Region::US_EAST_1).arn().to_owned())
}

#[test]
fn keys_are_added_and_found() {
    let place = Place::new();
    let alice = place.add(Some("alice"), Lifetime::Lasting, 1);
    let root = place.add(None, Lifetime::Lasting, 2);
    let second = place.add(Some("alice"), Lifetime::Lasting, 3);
    assert!(alice.id.starts_with("AKIA") && alice.id.len() == 20);
    assert_eq!(alice.secret.reveal().len(), 40);
    assert_eq!(fs::metadata(&place.path).unwrap().permissions().mode() & 0o777, 0o600);
    let store = place.open();
    assert_eq!(store.len(), 3);
    assert_eq!(arn_of(&store, &alice, None, NOW).unwrap(), "arn:aws:iam::111122223333:user/alice");
    assert_eq!(arn_of(&store, &second, None, NOW).unwrap(), "arn:aws:iam::111122223333:user/alice");
    assert_eq!(arn_of(&store, &root, None, NOW).unwrap(), "arn:aws:iam::111122223333:root");
    assert_eq!(arn_of(&store, &alice, Some("a token"), NOW), Err(Unknown::Invalid));
    assert_eq!(CredentialsFile::read(&place.path).unwrap().users.len(), 2);
}

#[test]
fn temporary_keys_need_their_token_and_end() {
    let place = Place::new();
    let key = place.add(Some("alice"), Lifetime::Temporary(HOUR), 1);
    assert!(key.id.starts_with("ASIA"));
    let token = key.session_token.clone().unwrap();
    let store = place.open();
    assert!(arn_of(&store, &key, Some(token.reveal()), NOW).is_ok());
    assert!(arn_of(&store, &key, Some(token.reveal()), NOW.plus(HOUR - Duration::from_secs(1))).is_ok());
    assert_eq!(arn_of(&store, &key, Some(token.reveal()), NOW.plus(HOUR)), Err(Unknown::Expired));
    for wrong in [None, Some(""), Some("x"), Some(&token.reveal()[1..])] {
        assert_eq!(arn_of(&store, &key, wrong, NOW), Err(Unknown::Invalid));
    }
}

#[test]
fn keys_are_rotated_and_removed() {
    let place = Place::new();
    let old = place.add(Some("alice"), Lifetime::Lasting, 1);
    let random = SeededRandom::new(9);
    let new = update(&place.path, |file| file.rotate_key(&old.id, Some(HOUR), NOW, &*random)).unwrap();
    let store = place.open();
    assert!(arn_of(&store, &old, None, NOW).is_ok());
    assert_eq!(arn_of(&store, &old, None, NOW.plus(HOUR)), Err(Unknown::Invalid));
    assert!(arn_of(&store, &new, None, NOW.plus(HOUR)).is_ok());
    update(&place.path, |file| file.remove_key(&old.id)).unwrap();
    let error = update(&place.path, |file| file.remove_key(&old.id)).unwrap_err().to_string();
    assert_eq!(error, format!("there is no key {}; `headwater credentials list` shows all", old.id));
    assert!(store.check().unwrap().is_ok());
    assert_eq!(arn_of(&store, &old, None, NOW), Err(Unknown::Invalid));
    assert!(arn_of(&store, &new, None, NOW).is_ok());
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the file of a person, removed by a person")]
fn changes_are_taken_up_and_wrong_ones_are_not() {
    let place = Place::new();
    let alice = place.add(Some("alice"), Lifetime::Lasting, 1);
    let store = place.open();
    assert!(store.check().is_none());
    let bob = place.add(Some("bob"), Lifetime::Lasting, 2);
    assert_eq!(arn_of(&store, &bob, None, NOW), Err(Unknown::Invalid));
    assert!(store.check().unwrap().is_ok());
    assert!(store.check().is_none());
    assert!(arn_of(&store, &bob, None, NOW).is_ok());
    place.write("nonsense");
    assert!(store.check().unwrap().is_err());
    assert!(store.check().is_none());
    assert!(arn_of(&store, &alice, None, NOW).is_ok());
    fs::remove_file(&place.path).unwrap();
    assert!(store.check().unwrap().is_err());
    assert!(arn_of(&store, &alice, None, NOW).is_ok());
}

#[test]
fn policies_in_files_are_watched() {
    let place = Place::new();
    place.write(
        "[[user]]\naccount = \"111122223333\"\nname = \"alice\"\npolicy-files = [\"p.json\"]\n\
         [[user.key]]\nid = \"AKIATEST\"\nsecret = \"0123456789abcdef\"\n",
    );
    let policy = place.path.with_file_name("p.json");
    assert!(place.refusal().contains("p.json"));
    fs::write(&policy, builtin_policy("read-only").unwrap()).unwrap();
    let store = place.open();
    assert!(store.check().is_none());
    fs::write(&policy, builtin_policy("full-access").unwrap()).unwrap();
    assert!(store.check().unwrap().is_ok());
    fs::write(&policy, "{}").unwrap();
    let error = store.check().unwrap().unwrap_err().to_string();
    assert_eq!(error, "a policy of alice of account 111122223333 is wrong: a policy needs Statement");
    assert!(store.check().is_none());
    fs::write(&policy, builtin_policy("read-only").unwrap()).unwrap();
    assert!(store.check().unwrap().is_ok());
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o646)).unwrap();
    assert!(place.refusal().contains("everybody can change it; run: chmod o-w "));
}

/// A file that was named for the first time by what could not be used is watched as well.
#[test]
fn what_is_wrong_is_noticed_once_it_is_right() {
    let place = Place::new();
    let gone = place.add(Some("gone"), Lifetime::Lasting, 1);
    let store = place.open();
    let policy = place.path.with_file_name("p.json");
    fs::write(&policy, "{").unwrap();
    place.write(
        "[[user]]\naccount = \"111122223333\"\nname = \"new\"\npolicy-files = [\"p.json\"]\n\
         [[user.key]]\nid = \"AKIATEST\"\nsecret = \"0123456789abcdef\"\n",
    );
    assert!(store.check().unwrap().is_err());
    assert!(store.check().is_none());
    assert!(arn_of(&store, &gone, None, NOW).is_ok(), "what was in force stays so");
    fs::write(&policy, builtin_policy("read-only").unwrap()).unwrap();
    assert!(store.check().unwrap().is_ok());
    assert_eq!(arn_of(&store, &gone, None, NOW), Err(Unknown::Invalid));
    // Cut off by whatever wrote it.
    place.write("");
    assert!(store.check().unwrap().unwrap_err().to_string().contains("it is empty"));
    assert!(store.has("AKIATEST"));
}

#[test]
fn a_temporary_key_is_not_made_a_lasting_one() {
    let place = Place::new();
    let key = place.add(Some("tmp"), Lifetime::Temporary(HOUR), 1);
    let random = SeededRandom::new(2);
    let done = update(&place.path, |file| file.rotate_key(&key.id, None, NOW, &*random));
    assert!(done.unwrap_err().to_string().contains("is a temporary key; make another with"));
}

/// Each service and each region has a key of its own, and what nobody has signed with takes no place.
#[test]
fn signing_keys_are_those_of_their_scope() {
    let place = Place::new();
    let alice = place.add(Some("alice"), Lifetime::Lasting, 1);
    let store = place.open();
    let key = |scope: &Scope<'_>| {
        let signed = |known: &Known| known.signing_key(scope).sign("text");
        store.find(&alice.id, None, NOW, signed).unwrap()
    };
    let derived = |scope: &Scope<'_>| SigningKey::derive(alice.secret.reveal(), scope).sign("text");
    for _ in 0..2 {
        for date in ["20231113", "20231114", "20231115"] {
            for (service, region) in [
                ("kinesis", "us-east-1"),
                ("monitoring", "us-east-1"),
                ("kinesis", "eu-west-1"),
                ("kinesis", "eu-west-2"),
                ("kinesis", "eu-west-3"),
                ("kinesis", "us-west-1"),
            ] {
                let scope = Scope { date, region, service };
                assert_eq!(key(&scope), derived(&scope), "{scope}");
                store.remember(&alice.id, &scope, &SigningKey::derive(alice.secret.reveal(), &scope));
                assert_eq!(key(&scope), derived(&scope), "{scope}");
            }
        }
    }
}

/// The partition of the region is in the caller's ARN.
#[test]
fn callers_are_named_as_in_the_region_s_partition() {
    let place = Place::new();
    let alice = place.add(Some("alice"), Lifetime::Lasting, 1);
    let store = place.open();
    for (region, partition) in
        [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
    {
        let region = Region::new(region).unwrap();
        let arn = store.find(&alice.id, None, NOW, |known| known.caller(region).arn().to_owned());
        assert_eq!(arn.unwrap(), format!("arn:{partition}:iam::111122223333:user/alice"));
    }
}

#[test]
fn others_must_not_read_it() {
    let place = Place::new();
    place.add(None, Lifetime::Lasting, 1);
    // A group may read what root owns: so are secrets handed to containers.
    let owned_by_root = fs::metadata(&place.path).unwrap().uid() == 0;
    let of_group = (!owned_by_root).then_some(0o640);
    for mode in [0o644, 0o604, 0o660, 0o602].into_iter().chain(of_group) {
        fs::set_permissions(&place.path, fs::Permissions::from_mode(mode)).unwrap();
        let error = place.refusal();
        assert!(error.contains("others can read or change it") && error.contains("chmod 600"), "{error}");
        let random = SeededRandom::new(2);
        let edit =
            update(&place.path, |file| file.add_key(user(None), &[], Lifetime::Lasting, NOW, &*random));
        assert!(edit.is_err(), "{mode:o}");
    }
}

#[test]
fn wrong_files_are_refused_and_their_secrets_not_repeated() {
    let place = Place::new();
    let secret = "hush-hush-hush-hush";
    let with = |user: &str, key: &str| {
        format!("[[user]]\naccount = \"111122223333\"\n{user}\n[[user.key]]\nid = \"AKIATEST\"\n{key}\n")
    };
    let good = format!("secret = \"{secret}\"");
    place.write(&with("", &good));
    place.open();
    let wrong = [
        with("", "secret = \"hush-hush-hush\""),
        with("", &format!("{good}\nsecret = \"{secret}\"")),
        with("", &format!("{good}\ntoken = \"{secret}\"")),
        with("", &format!("{good}\nexpires = \"{secret}\""))
            .replace(&format!("expires = \"{secret}\""), "expires = \"soon\""),
        with("", &format!("secret = [\"{secret}\"]")),
        with("", &format!("secret = \"{secret}")),
        with("", &format!("secret = {secret}")),
        with("", ""),
        with("name = \"al ice\"", &good),
        with("names = \"alice\"", &good),
        with("policies = [\"{}\"]", &good),
        with("name = \"alice\"\npolicies = [\"{}\"]", &good),
        with("", &good).replace("111122223333", "11112222333"),
        with("", &good).replace("AKIATEST", "AKIA TEST"),
        with("", &good).repeat(2),
        format!("{}{}", with("", &good), with("name = \"bob\"", &good)),
        "user = 1".into(),
        format!("[[users]]\nsecret = \"{secret}\""),
        "\u{0}".into(),
    ];
    for text in wrong {
        place.write(&text);
        let error = place.refusal();
        assert!(!error.contains("hush"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    fs::write(&place.path, [0xff, 0xfe, 0xfd]).unwrap();
    place.refusal();
    place.write(&"#".repeat(5 << 20));
    assert!(place.refusal().contains("larger than 4 MiB"));
}

/// Edits that would not be read are not written.
#[test]
fn edits_are_whole_or_not_at_all() {
    let place = Place::new();
    place.add(Some("alice"), Lifetime::Lasting, 1);
    let before = place.text();
    let random = SeededRandom::new(5);
    let edits: [(UserRef<'_>, &[String]); 3] = [
        (user(Some("al ice")), &[]),
        (user(Some("bob")), &["{}".to_owned()]),
        (user(None), &[builtin_policy("read-only").unwrap().to_owned()]),
    ];
    for (who, policies) in edits {
        assert!(
            update(&place.path, |file| file.add_key(who, policies, Lifetime::Lasting, NOW, &*random))
                .is_err()
        );
        assert_eq!(place.text(), before);
    }
    let names: Vec<_> =
        fs::read_dir(place.path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["credentials.toml"]);
}

#[test]
fn edits_at_one_moment_are_all_kept() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for i in 0..16 {
            let place = &place;
            scope.spawn(move || place.add(Some(&format!("user{i}")), Lifetime::Lasting, i));
        }
    });
    assert_eq!(place.open().len(), 16);
}

#[test]
fn secrets_are_never_printed() {
    let place = Place::new();
    let key = place.add(Some("alice"), Lifetime::Temporary(HOUR), 1);
    let file = CredentialsFile::read(&place.path).unwrap();
    let store = place.open();
    let known = store.find(&key.id, key.session_token.as_ref().map(|token| token.reveal()), NOW, |known| {
        format!("{known:?}")
    });
    for shown in [format!("{key:?}"), format!("{file:?}"), format!("{store:?}"), known.unwrap()] {
        assert!(!shown.contains(key.secret.reveal()), "{shown}");
        assert!(!shown.contains(key.session_token.as_ref().unwrap().reveal()), "{shown}");
    }
}

#[test]
fn the_builtin_policies_can_be_read() {
    for name in ["full-access", "read-only"] {
        headwater_access::IdentityPolicy::parse(builtin_policy(name).unwrap()).unwrap();
    }
    assert_eq!(builtin_policy("admin"), None);
    assert!(!Path::new("full-access").exists());
}
