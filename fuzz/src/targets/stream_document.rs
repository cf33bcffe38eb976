//! The document in which a stream's metadata is kept: a service that finds it opens and can be used, or says why not.

use std::sync::Arc;

use bytes::Bytes;
use headwater_store::memory::MemoryStore;
use headwater_store::{Expected, MetaStore};
use headwater_streams::{PutEntry, ReadRequest, StartingPosition};

use super::service::{create, open, orders, runtime};

const KEY: &str = "kds/stream/111122223333/orders";

pub(crate) fn run(bytes: &[u8]) {
    runtime().block_on(async {
        let store = Arc::new(MemoryStore::default());
        store.put(KEY, Bytes::copy_from_slice(bytes), Expected::Absent).await.expect("a new key");
        let service = match open(&store).await {
            Ok(service) => service,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        };
        let (listed, more) = service.list_streams(orders().realm, None, 10);
        assert!(listed.len() <= 1 && !more);
        service.upkeep().await;
        let Ok((handle, _)) = service.find(&orders()) else { return };
        let entry = PutEntry { partition_key: "key".into(), explicit_hash_key: None, data: b"data" };
        let Ok(placed) = service.put_record(&handle, entry, None).await else { return };
        // What was acknowledged is read.
        let start = StartingPosition::AtSequenceNumber(placed.sequence_number.to_string());
        let shard = placed.shard.to_string();
        let Ok(iterator) = service.shard_iterator(&orders(), &shard, &start).await else { return };
        let _ = service.read(ReadRequest { iterator, limit: 10 }).await;
    });
}

/// A document as the service writes it.
pub(crate) fn written() -> Vec<u8> {
    runtime().block_on(async {
        let store = Arc::new(MemoryStore::default());
        let service = open(&store).await.expect("an empty store");
        create(&service).await;
        store.get(KEY).await.expect("the store").expect("the document").value.to_vec()
    })
}
