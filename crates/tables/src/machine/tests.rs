//! The suite of machines, over tables.

use std::fmt::Write as _;

use headwater_host::SeededRandom;
use headwater_host::disk::SimDisk;
use headwater_machine::conformance::{Draw, Subject, check_all};
use headwater_store::memory::MemoryStore;
use headwater_store_embedded::{EmbeddedStore, Options};
use headwater_types::{AccountId, Realm, Region, Timestamp};
use headwater_vault::{Alias, MasterKey};

use super::*;
use crate::command::Plan;
use crate::encryption::TABLES_ALIAS;
use crate::expression::{Condition, ConditionPlace, Placeholders, Update};
use crate::options::{EncryptionChoice, TableOptions};
use crate::requests::{Action, Write};
use crate::schema::{
    Billing, IndexProjection, IndexScope, IndexSpec, KeyAttribute, KeySchema, KeyType, TableKey, TableName,
    TableSpec,
};
use crate::service::TransactionToken;
use crate::value::AttributeValue;

struct TablesSubject {
    /// True if some tables are encrypted.
    seals: bool,
}

/// The home region of an account, and another one.
fn realms() -> [Realm; 2] {
    let account = AccountId::new("123456789012").expect("an account");
    [Region::US_EAST_1, Region::new("eu-west-1").expect("a region")].map(|region| Realm { account, region })
}

fn table(draw: &mut Draw) -> TableKey {
    let name = TableName::new(&format!("table-{}", draw.below(2))).expect("a name");
    TableKey { realm: realms()[usize::from(draw.below(4) == 0)], name }
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn key(draw: &mut Draw) -> Item {
    Item::from([("pk".to_owned(), text(format!("k{}", draw.below(5))))])
}

fn write(draw: &mut Draw) -> Write {
    let condition = |text: &str| {
        let mut none = Placeholders::new(None, None).expect("no placeholders");
        Condition::parse(ConditionPlace::Condition, text, &mut none).expect(text)
    };
    let (table, key) = (table(draw), key(draw));
    let (action, condition) = match draw.below(10) {
        0..5 => {
            let mut item = key;
            let of = ["x", "\u{1}", "\""][draw.below(3) as usize];
            item.insert("v".into(), text(of.repeat(draw.below(300) as usize)));
            item.insert("owner".into(), text(format!("w{}", draw.below(3))));
            (Action::Put(item), None)
        }
        5 => (Action::Put(key), Some(condition("attribute_not_exists(pk)"))),
        6..8 => {
            let one = Item::from([(":one".to_owned(), AttributeValue::N("1".parse().expect("a number")))]);
            let mut values = Placeholders::new(None, Some(one)).expect("a placeholder");
            let update = Update::parse("ADD n :one", &mut values).expect("an update");
            (Action::Update { key, update: Some(update) }, None)
        }
        8 => (Action::Delete(key), None),
        _ => (Action::Delete(key), Some(condition("attribute_exists(v)"))),
    };
    Write { table, action, condition, give_failed: true, give_collection: false }
}

/// Writes of different items.
fn writes(draw: &mut Draw) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    for _ in 0..=draw.below(3) {
        let next = write(draw);
        let is_of = |write: &Write| format!("{:?} {:?}", write.table, item_key(write));
        if writes.iter().all(|write| is_of(write) != is_of(&next)) {
            writes.push(next);
        }
    }
    writes
}

fn item_key(write: &Write) -> Option<&AttributeValue> {
    match &write.action {
        Action::Put(item) => item.get("pk"),
        Action::Update { key, .. } | Action::Delete(key) | Action::Check(key) => key.get("pk"),
    }
}

impl Subject for TablesSubject {
    type Machine = Tables;

    fn machine(&self) -> Tables {
        let mut key = MasterKey::generate(&*SeededRandom::new(1), 0);
        key.aliases.extend(Alias::parse(TABLES_ALIAS));
        let keyring = Arc::new(Keyring::new([key]).expect("a key"));
        // No two processes draw the same numbers.
        static MADE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let random = SeededRandom::new(MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let vault = Vault { keyring, random, home: Region::US_EAST_1 };
        Tables::new(vault, Capacity::new(false), Duration::ZERO)
    }

    fn command(&self, draw: &mut Draw) -> Command {
        match draw.below(20) {
            0..3 => {
                let attribute = |name: &str| KeyAttribute { name: name.into(), kind: KeyType::S };
                let encryption = (self.seals && draw.below(2) == 0).then_some(EncryptionChoice::Key(None));
                let index = IndexSpec {
                    name: TableName::new("ByOwner").expect("a name"),
                    scope: IndexScope::Global,
                    schema: KeySchema::new(attribute("owner"), None),
                    projection: IndexProjection::KeysOnly,
                    throughput: None,
                };
                let spec = TableSpec {
                    schema: KeySchema::new(attribute("pk"), None),
                    indexes: vec![index],
                    billing: Billing::PayPerRequest,
                    class: None,
                    deletion_protection: false,
                    tags: Default::default(),
                    options: TableOptions { encryption, ..TableOptions::default() },
                };
                Command::Plan(Plan::Create(table(draw), Box::new(spec)))
            }
            3 if draw.below(3) == 0 => Command::Plan(Plan::Delete(table(draw))),
            4 => Command::Plan(Plan::Purge),
            5 => {
                let tags = [(format!("t{}", draw.below(3)), draw.below(9).to_string())].into();
                Command::Plan(Plan::Tag(table(draw), tags))
            }
            6..8 => Command::WriteEach(writes(draw)),
            8..10 => {
                let token = format!("token-{}", draw.below(4));
                let token = TransactionToken { token, request: draw.below(2), former: 9, realm: realms()[0] };
                Command::WriteAll(writes(draw), (draw.below(2) == 0).then_some(token))
            }
            _ => Command::Write(Box::new(write(draw))),
        }
    }

    fn contents(&self, state: &State, now: Timestamp) -> String {
        let mut contents = String::new();
        let tables = realms()
            .into_iter()
            .flat_map(|realm| state.names(realm, None, now).map(move |name| (realm, name)));
        for (realm, name) in tables {
            let key = TableKey { realm, name: name.clone() };
            let (table, status) = state.find(&key, now).expect("a table that is listed");
            let of_index: usize = table.indexes.iter().map(|index| index.entries.len()).sum();
            let (tags, items) = (&table.meta.tags, table.items.values().collect::<Vec<_>>());
            writeln!(contents, "{realm:?} {name} {status:?} {tags:?} {of_index} {items:?}").expect("text");
        }
        contents
    }

    fn contains_damage(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn tables_conform() {
    check_all(&TablesSubject { seals: false }, async || MemoryStore::new()).await;
}

#[tokio::test]
async fn encrypted_tables_conform() {
    check_all(&TablesSubject { seals: true }, async || MemoryStore::new()).await;
}

#[tokio::test]
async fn tables_conform_over_the_embedded_store() {
    let on_disk = async || {
        let mut options = Options::new(SimDisk::new(1), "/tables", headwater_host::SystemClock::new());
        options.background = false;
        options.sizes.journal_first_bytes = 1 << 20;
        EmbeddedStore::open(options).expect("a store")
    };
    check_all(&TablesSubject { seals: true }, on_disk).await;
}
