//! Catalog of the logs and keys that exist.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use headwater_store::{Expected, LogId, MetaChange, Version, Versioned};
use tokio::sync::mpsc;

use crate::control::Control;
use crate::log_state::{LogState, Staged};

/// Everything that control frames change. The journal's thread applies them once they are durable.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) logs: BTreeMap<LogId, Arc<LogState>>,
    pub(crate) by_number: HashMap<u32, Arc<LogState>>,
    pub(crate) meta: BTreeMap<String, Versioned<Bytes>>,
    /// Sequence number of the newest change applied.
    pub(crate) applied: u64,
    /// Every log number so far is smaller.
    pub(crate) number_next: u32,
    pub(crate) watchers: Vec<(String, mpsc::Sender<MetaChange>)>,
}

impl Catalog {
    /// Carries out a durable change. Returns the logs that hold less than before.
    pub(crate) fn apply(&mut self, sequence: u64, control: &Control) -> Vec<Arc<LogState>> {
        debug_assert!(sequence > self.applied, "changes of the catalog are applied in order, each once");
        self.applied = sequence;
        match control {
            Control::Create(logs) => {
                for (number, id) in logs {
                    self.add(LogState::new(id.clone(), *number, Staged::default()));
                }
                Vec::new()
            }
            Control::Seal { log } => {
                if let Some(log) = self.by_number.get(log) {
                    log.publish_seal();
                }
                Vec::new()
            }
            Control::Trim { log, start } => {
                let log = self.by_number.get(log).cloned();
                log.inspect(|log| log.publish_start(*start)).into_iter().collect()
            }
            Control::Delete(numbers) => {
                let gone: Vec<_> =
                    numbers.iter().filter_map(|number| self.by_number.remove(number)).collect();
                for log in &gone {
                    self.logs.remove(&log.id);
                    log.publish_delete();
                }
                gone
            }
            Control::MetaPut { key, value } => {
                let value = Versioned { value: value.clone(), version: Version(sequence) };
                self.meta.insert(key.clone(), value.clone());
                self.tell(key, Some(value));
                Vec::new()
            }
            Control::MetaDelete { key } => {
                self.meta.remove(key);
                self.tell(key, None);
                Vec::new()
            }
        }
    }

    pub(crate) fn add(&mut self, log: LogState) {
        let log = Arc::new(log);
        self.number_next = self.number_next.max(log.number + 1);
        self.by_number.insert(log.number, log.clone());
        self.logs.insert(log.id.clone(), log);
    }

    /// Version that a writer of this key has to expect.
    pub(crate) fn version(&self, key: &str) -> Expected {
        self.meta.get(key).map_or(Expected::Absent, |found| Expected::Version(found.version))
    }

    /// Tells the watchers; one that is gone or too slow is dropped, which ends its watch.
    fn tell(&mut self, key: &str, value: Option<Versioned<Bytes>>) {
        self.watchers.retain(|(prefix, watcher)| {
            if key.starts_with(prefix.as_str()) {
                watcher.try_send(MetaChange { key: key.to_owned(), value: value.clone() }).is_ok()
            } else {
                !watcher.is_closed()
            }
        });
    }
}
