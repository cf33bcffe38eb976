use std::sync::Arc;

use headwater_host::{Random, SeededRandom};
use headwater_vault::{Alias, KeyTrouble, Keyring, KeyringError, MasterKey, Secret, WrappedKey};

const PLACE: &[u8] = b"stream 1, key 1";

fn random() -> Arc<dyn Random> {
    SeededRandom::new(5)
}

fn master(alias: &str) -> MasterKey {
    let mut key = MasterKey::generate(&*random(), 0);
    key.aliases.insert(Alias::parse(alias).unwrap());
    key
}

fn ring(key: &MasterKey) -> Keyring {
    Keyring::new([key.clone()]).unwrap()
}

/// Wraps a data key and seals something under it.
fn wrapped(key: &MasterKey) -> (WrappedKey, Vec<u8>) {
    let wrapped = ring(key).generate(&key.id, PLACE, &*random()).unwrap();
    let data_key = ring(key).unwrap(&wrapped, PLACE, &*random()).unwrap();
    let mut sealed = Vec::new();
    data_key.cipher().seal(b"", &mut sealed, |out| out.extend_from_slice(b"text")).unwrap();
    (wrapped, sealed)
}

#[track_caller]
fn assert_opens(ring: &Keyring, wrapped: &WrappedKey, sealed: &[u8]) {
    let mut plain = Vec::new();
    ring.unwrap(wrapped, PLACE, &*random()).unwrap().cipher().open(b"", sealed, &mut plain).unwrap();
    assert_eq!(plain, b"text");
}

#[test]
fn a_rotated_key_opens_what_it_wrapped_before() {
    let mut key = master("alias/a");
    let (old, sealed) = wrapped(&key);
    assert!(!ring(&key).is_outdated(&old));
    assert_eq!(key.rotate(&*random(), 1), 2);
    let ring = ring(&key);
    assert!(ring.is_outdated(&old));
    assert_opens(&ring, &old, &sealed);
    let new = ring.rewrap(&old, PLACE, &*random()).unwrap();
    assert_eq!((new.version, ring.is_outdated(&new)), (2, false));
    assert_opens(&ring, &new, &sealed);
}

#[test]
fn each_trouble_has_its_name() {
    let mut key = master("alias/a");
    let (wrapped, _) = wrapped(&key);
    let id = key.id.clone();
    let trouble = |ring: Keyring| ring.unwrap(&wrapped, PLACE, &*random()).err();
    assert_eq!(trouble(Keyring::default()), Some(KeyTrouble::NoKeys(id.to_string())));
    let mut other = master("alias/b");
    other.id = headwater_vault::KeyId::of_secret(&Secret::generate(&*random()));
    assert_eq!(trouble(ring(&other)), Some(KeyTrouble::NotFound(id.to_string())));
    key.rotate(&*random(), 1);
    key.versions.remove(0);
    assert_eq!(trouble(ring(&key)), Some(KeyTrouble::VersionNotFound { key: id.clone(), version: 1 }));
    key.versions[0].number = 1;
    assert_eq!(trouble(ring(&key)), Some(KeyTrouble::Wrong { key: id.clone(), version: 1 }));
    key.enabled = false;
    assert_eq!(trouble(ring(&key)), Some(KeyTrouble::Disabled(id.clone())));
    assert_eq!(ring(&key).find("alias/a", headwater_types::Region::US_EAST_1), Err(KeyTrouble::Disabled(id)));
    assert_eq!(
        ring(&key).find("alias/z", headwater_types::Region::US_EAST_1),
        Err(KeyTrouble::NotFound("alias/z".into()))
    );
    assert_eq!(
        Keyring::default().find("alias/z", headwater_types::Region::US_EAST_1),
        Err(KeyTrouble::NoKeys("alias/z".into()))
    );
}

#[test]
fn a_wrapped_key_belongs_to_its_place() {
    let key = master("alias/a");
    let (wrapped, _) = wrapped(&key);
    let elsewhere = ring(&key).unwrap(&wrapped, b"stream 2, key 1", &*random());
    assert_eq!(elsewhere.unwrap_err(), KeyTrouble::Wrong { key: key.id.clone(), version: 1 });
    let found = ring(&key).find(key.id.as_str(), headwater_types::Region::US_EAST_1).cloned();
    assert_eq!(found, Ok(key.id));
}

#[test]
fn keys_that_cannot_stand_together_are_refused() {
    let key = master("alias/a");
    let same_alias =
        MasterKey { id: headwater_vault::KeyId::generate(&*SeededRandom::new(9)), ..key.clone() };
    let alias = Alias::parse("alias/a").unwrap();
    assert_eq!(Keyring::new([key.clone(), same_alias]).err(), Some(KeyringError::SameAlias(alias)));
    let same_id = MasterKey { aliases: Default::default(), ..key.clone() };
    assert_eq!(Keyring::new([key.clone(), same_id]).err(), Some(KeyringError::SameId(key.id.clone())));
    let id = key.id.clone();
    let none = MasterKey { versions: Vec::new(), ..key };
    assert_eq!(Keyring::new([none]).err(), Some(KeyringError::Versions(id)));
}
