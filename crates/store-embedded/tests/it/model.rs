//! Model of what must, and what may, be found after a power failure.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use headwater_host::{Random, SeededRandom};
use headwater_store::conformance::{ALL, Seen, batch, contents, id, put};
use headwater_store::{Expect, Expected, LogStore, MetaStore, Position, ShardLog, StoreError, Version};
use headwater_store_embedded::EmbeddedStore;

/// One log: what was acknowledged, and what was tried without an answer.
#[derive(Debug, Default, Clone)]
struct LogModel {
    /// All records ever acknowledged, by position.
    records: Vec<Seen>,
    unanswered: Vec<Seen>,
    start: u64,
    start_may_be: u64,
    sealed: bool,
    may_be_sealed: bool,
    may_be_deleted: bool,
}

#[derive(Debug, Default, Clone)]
struct KeyModel {
    value: Option<(Version, Vec<u8>)>,
    may_be: Vec<Option<Vec<u8>>>,
}

/// Everything a store was told.
#[derive(Debug)]
pub(crate) struct Model {
    logs: BTreeMap<String, LogModel>,
    keys: BTreeMap<String, KeyModel>,
    random: Arc<SeededRandom>,
    made: u32,
    tag: u64,
}

impl Model {
    pub(crate) fn new(seed: u64) -> Self {
        let random = SeededRandom::new(seed ^ 0x5eed);
        Self { logs: BTreeMap::new(), keys: BTreeMap::new(), random, made: 0, tag: 0 }
    }

    pub(crate) fn draw(&self, below: u64) -> u64 {
        self.random.next_u64() % below
    }

    /// Does something at random and remembers what came of it.
    pub(crate) async fn step(&mut self, store: &EmbeddedStore) {
        match self.draw(20) {
            0..=12 => self.append(store).await,
            13 => self.create(store).await,
            14..=15 => self.trim(store).await,
            16 if self.draw(4) == 0 => self.seal(store).await,
            17 if self.draw(4) == 0 => self.delete(store).await,
            _ => self.meta(store).await,
        }
    }

    fn pick(&self) -> Option<String> {
        let names: Vec<_> = self.logs.iter().filter(|(_, log)| !log.may_be_deleted).collect();
        (!names.is_empty()).then(|| names[self.draw(names.len() as u64) as usize].0.clone())
    }

    async fn open(&self, store: &EmbeddedStore, name: &str) -> Arc<dyn ShardLog> {
        LogStore::open(store, &id(name)).await.expect("a log that was created is there")
    }

    async fn create(&mut self, store: &EmbeddedStore) {
        let name = format!("log/{}", self.made);
        self.made += 1;
        let model = match store.create(&[id(&name)]).await {
            Ok(()) => LogModel::default(),
            Err(_) => LogModel { may_be_deleted: true, ..LogModel::default() },
        };
        self.logs.insert(name, model);
    }

    /// Some appends at once.
    async fn append(&mut self, store: &EmbeddedStore) {
        let mut appends = Vec::new();
        for _ in 0..1 + self.draw(5) {
            let Some(name) = self.pick() else { return self.create(store).await };
            let log = self.open(store, &name).await;
            self.tag += 1;
            let len = if self.draw(10) == 0 { 9000 } else { 300 };
            let records = batch(self.tag, 1 + self.draw(4) as u32, self.draw(len) as usize);
            appends.push((name, log, put(1000 + self.tag, records)));
        }
        let results =
            join_all(appends.iter().map(|(_, log, batch)| log.append(batch.clone(), Expect::Any))).await;
        for ((name, _, batch), result) in appends.into_iter().zip(results) {
            let log = self.logs.get_mut(&name).unwrap();
            let (first, arrival) = match &result {
                Ok(appended) => (appended.first.get(), appended.arrival.as_millis()),
                Err(_) => (0, 0),
            };
            let seen = batch.records.records().enumerate().map(|(i, record)| {
                let position = first + i as u64;
                (position, arrival, record.key.to_owned(), record.explicit_hash_key, record.data.to_vec())
            });
            match result {
                Ok(_) => {
                    assert!(!log.sealed, "an append to a sealed log");
                    assert_eq!(first, log.records.len() as u64, "positions without a gap");
                    log.records.extend(seen);
                }
                Err(StoreError::Closed) => assert!(log.sealed || log.may_be_sealed),
                Err(_) => log.unanswered.extend(seen),
            }
        }
    }

    async fn trim(&mut self, store: &EmbeddedStore) {
        let Some(name) = self.pick() else { return };
        let end = self.logs[&name].records.len() as u64;
        let before = self.draw(end + 1);
        let result = self.open(store, &name).await.trim(Position::new(before).unwrap()).await;
        let log = self.logs.get_mut(&name).unwrap();
        log.start_may_be = log.start_may_be.max(before);
        if result.is_ok() {
            log.start = log.start.max(before);
        }
    }

    async fn seal(&mut self, store: &EmbeddedStore) {
        let Some(name) = self.pick() else { return };
        let result = self.open(store, &name).await.seal().await;
        let log = self.logs.get_mut(&name).unwrap();
        log.may_be_sealed = true;
        if let Ok(bounds) = result {
            log.sealed = true;
            assert_eq!(bounds.end.get(), log.records.len() as u64);
        }
    }

    async fn delete(&mut self, store: &EmbeddedStore) {
        let Some(name) = self.pick() else { return };
        match LogStore::delete(store, &[id(&name)]).await {
            Ok(()) => drop(self.logs.remove(&name)),
            Err(_) => self.logs.get_mut(&name).unwrap().may_be_deleted = true,
        }
    }

    async fn meta(&mut self, store: &EmbeddedStore) {
        let name = format!("key/{}", self.draw(10));
        self.tag += 1;
        let value = vec![self.tag as u8; self.draw(400) as usize];
        let removes = self.draw(4) == 0;
        let key = self.keys.entry(name.clone()).or_default();
        match (&key.value, removes) {
            (Some((version, _)), true) => match MetaStore::delete(store, &name, *version).await {
                Ok(()) => key.value = None,
                Err(_) => key.may_be.push(None),
            },
            (found, _) => {
                let expected =
                    found.as_ref().map_or(Expected::Absent, |(found, _)| Expected::Version(*found));
                match store.put(&name, Bytes::from(value.clone()), expected).await {
                    Ok(version) => key.value = Some((version, value)),
                    Err(_) => key.may_be.push(Some(value)),
                }
            }
        }
    }

    /// Everything that must be there is, nothing is that must not be. What may be becomes what is.
    pub(crate) async fn check(&mut self, store: &EmbeddedStore, what: &str) {
        let names: Vec<String> =
            LogStore::list(store, "").await.unwrap().iter().map(ToString::to_string).collect();
        for name in &names {
            assert!(self.logs.contains_key(name), "{name} was deleted, {what}");
        }
        let mut gone = Vec::new();
        for (name, model) in &mut self.logs {
            if !names.contains(name) {
                assert!(model.may_be_deleted, "{name} is lost, {what}");
                gone.push(name.clone());
                continue;
            }
            let log = LogStore::open(store, &id(name)).await.unwrap();
            model.check(&*log, &format!("{name}, {what}")).await;
        }
        gone.iter().for_each(|name| drop(self.logs.remove(name)));
        for (name, key) in &mut self.keys {
            let found = MetaStore::get(store, name).await.unwrap();
            let known = key.value.as_ref().map(|(_, value)| value.clone());
            let value = found.as_ref().map(|found| found.value.to_vec());
            assert!(value == known || key.may_be.contains(&value), "{name}, {what}");
            if value == known {
                assert_eq!(
                    found.as_ref().map(|found| found.version),
                    key.value.as_ref().map(|(version, _)| *version)
                );
            }
            *key = KeyModel {
                value: found.map(|found| (found.version, found.value.to_vec())),
                may_be: Vec::new(),
            };
        }
    }
}

impl LogModel {
    async fn check(&mut self, log: &dyn ShardLog, what: &str) {
        let bounds = log.bounds();
        let start = bounds.start.get();
        assert!(start == self.start || start == self.start_may_be, "start {start} of {what}");
        assert!(bounds.sealed || !self.sealed, "no longer sealed: {what}");
        assert!(!bounds.sealed || self.may_be_sealed, "sealed by nobody: {what}");
        assert!(bounds.end.get() >= self.records.len() as u64, "acknowledged records are lost: {what}");
        let found =
            contents(log, Position::START, ALL).await.unwrap_or_else(|error| panic!("{error}: {what}"));
        let (known, extra) = found.split_at((self.records.len() as u64 - start) as usize);
        assert!(known == &self.records[start as usize..], "records differ: {what}");
        for (i, record) in extra.iter().enumerate() {
            assert_eq!(record.0, (self.records.len() + i) as u64, "a gap in {what}");
            let tried = self.unanswered.iter().any(|tried| tried.2 == record.2 && tried.4 == record.4);
            assert!(tried, "a record from nowhere: {what}");
        }
        self.records.extend_from_slice(extra);
        assert_eq!(self.records.len() as u64, bounds.end.get(), "{what}");
        (self.start, self.start_may_be) = (start, start);
        (self.sealed, self.may_be_sealed, self.may_be_deleted) = (bounds.sealed, bounds.sealed, false);
        self.unanswered.clear();
    }
}
