//! The metadata: values in memory, changes in the journal.

use async_trait::async_trait;
use bytes::Bytes;
use headwater_store::{
    Expected, MetaKey, MetaStore, MetaWatch, Result, Version, Versioned, check_meta_key, check_meta_value,
};
use tokio::sync::mpsc;

use crate::EmbeddedStore;
use crate::journal::Work;

/// Number of changes that a watcher may lag behind before it is dropped.
const WATCH_LAG: usize = 1024;

#[async_trait]
impl MetaStore for EmbeddedStore {
    async fn get(&self, key: &str) -> Result<Option<Versioned<Bytes>>> {
        Ok(self.shared.catalog.read().meta.get(key).cloned())
    }

    async fn put(&self, key: &str, value: Bytes, expected: Expected) -> Result<Version> {
        check_meta_key(key)?;
        check_meta_value(&value)?;
        let key = key.to_owned();
        self.shared.submit(|reply| Work::MetaPut { key, value, expected, reply }).await
    }

    async fn delete(&self, key: &str, expected: Version) -> Result<()> {
        let key = key.to_owned();
        self.shared.submit(|reply| Work::MetaDelete { key, expected, reply }).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<(MetaKey, Versioned<Bytes>)>> {
        let catalog = self.shared.catalog.read();
        let from = catalog.meta.range(prefix.to_owned()..);
        let found = from.take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn watch(&self, prefix: &str) -> Result<MetaWatch> {
        let (sender, receiver) = mpsc::channel(WATCH_LAG);
        self.shared.catalog.write().watchers.push((prefix.to_owned(), sender));
        Ok(receiver)
    }
}
