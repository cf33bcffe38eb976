//! Iterators and the tokens of lists: only what this server has made is taken. An input is tried as a token; then its
//! first byte chooses where the bytes after it are changed in one of ours.

use std::sync::{Arc, OnceLock};

use headwater_store::memory::MemoryStore;
use headwater_streams::{ShardIterator, StreamService};
use headwater_types::{Position, ShardId};

use super::service::{REGION, open, orders, runtime};

pub(crate) fn run(bytes: &[u8]) {
    static SERVICE: OnceLock<Arc<StreamService>> = OnceLock::new();
    let service = SERVICE
        .get_or_init(|| runtime().block_on(open(&Arc::new(MemoryStore::default()))).expect("an empty store"));
    refused(service, bytes);
    let ours = ShardIterator {
        stream: orders(),
        uid: bytes.len() as u64,
        shard: ShardId::new(bytes.first().copied().unwrap_or(0).into()).expect("a shard"),
        position: Position::START,
    };
    let token = service.sign_iterator(&ours);
    assert_eq!(service.open_iterator(&token, REGION).ok().as_ref(), Some(&ours));
    assert!(service.open_page(&token, REGION).is_err() && service.open_consumer_page(&token).is_err());
    let Some((&at, flips)) = bytes.split_first() else { return };
    let mut changed = token.clone();
    for (byte, flip) in changed.iter_mut().skip(at.into()).zip(flips) {
        *byte ^= flip;
    }
    if changed != token {
        refused(service, &changed);
    }
    let short = usize::from(at).min(token.len() - 1);
    refused(service, &token[..short]);
}

fn refused(service: &StreamService, token: &[u8]) {
    assert!(service.open_iterator(token, REGION).is_err(), "nobody made this iterator");
    assert!(service.open_page(token, REGION).is_err() && service.open_consumer_page(token).is_err());
}
