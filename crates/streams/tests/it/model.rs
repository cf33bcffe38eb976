//! Random operations on a stream against a naive model: a list of records a shard.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_streams::{LimitPolicy, StartingPosition};
use headwater_types::{HashKey, SequenceNumber, ShardId, Timestamp};
use proptest::prelude::*;

use crate::harness::{World, entry_at, records};

#[derive(Debug, Clone)]
enum Operation {
    Put(Vec<u128>),
    Advance(u64),
    Split(usize),
    Merge(usize),
    Scale(u32),
    ReadAt(usize, u64),
    Upkeep,
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => prop::collection::vec(any::<u128>(), 1..8).prop_map(Operation::Put),
        2 => (0u64..8 * 3600 * 1000).prop_map(Operation::Advance),
        1 => any::<usize>().prop_map(Operation::Split),
        1 => any::<usize>().prop_map(Operation::Merge),
        1 => (1u32..6).prop_map(Operation::Scale),
        2 => (any::<usize>(), 0u64..40 * 3600 * 1000).prop_map(|(shard, ago)| Operation::ReadAt(shard, ago)),
        1 => Just(Operation::Upkeep),
        1 => Just(Operation::Reopen),
    ]
}

#[derive(Debug, Clone)]
struct Stored {
    number: SequenceNumber,
    arrival: Timestamp,
    data: String,
}

type Model = BTreeMap<ShardId, Vec<Stored>>;

async fn run(operations: Vec<Operation>) {
    let mut world = World::new(LimitPolicy::OFF).await;
    world.create("s", 2).await;
    let mut model = Model::new();
    let mut count = 0;
    for operation in operations {
        let handle = world.service.find_readable(&crate::harness::key("s")).unwrap();
        let open: Vec<_> = handle.view().meta().shards.open().cloned().collect();
        match operation {
            Operation::Put(hashes) => {
                let data: Vec<_> = hashes.iter().enumerate().map(|(i, _)| (count + i).to_string()).collect();
                count += hashes.len();
                let entries: Vec<_> =
                    hashes.iter().zip(&data).map(|(&h, d)| entry_at(h, d.as_bytes())).collect();
                let now = world.service.now();
                for ((answer, hash), data) in
                    world.put_many("s", &entries).await.unwrap().iter().zip(&hashes).zip(data)
                {
                    let placed = answer.unwrap();
                    let owner = open.iter().find(|shard| shard.range.contains(HashKey(*hash))).unwrap();
                    assert_eq!(placed.shard, owner.id);
                    let stored = Stored { number: placed.sequence_number, arrival: now, data };
                    model.entry(placed.shard).or_default().push(stored);
                }
            }
            Operation::Advance(millis) => world.clock.advance(Duration::from_millis(millis)),
            Operation::Split(at) => {
                let shard = &open[at % open.len()];
                let middle = shard.range.start().0 + (shard.range.end().0 - shard.range.start().0) / 2;
                let _ = world.service.split_shard(&handle, shard.id, HashKey(middle)).await;
                world.settle();
            }
            Operation::Merge(at) if open.len() > 1 => {
                let at = at % (open.len() - 1);
                let (lower, upper) = (open[at].id, open[at + 1].id);
                world.service.merge_shards(&handle, lower, upper).await.unwrap();
                world.settle();
            }
            Operation::Scale(target) => {
                let _ = world.service.update_shard_count(&handle, target).await;
                world.settle();
            }
            Operation::ReadAt(shard, ago) => {
                check_time(&world, &model, open[shard % open.len()].id, ago).await
            }
            Operation::Upkeep => world.service.upkeep().await,
            Operation::Reopen => world.reopen().await,
            Operation::Merge(_) => {}
        }
        check(&world, &model).await;
    }
}

/// Every shard that is listed holds exactly what the model holds and retention has left.
async fn check(world: &World, model: &Model) {
    let handle = world.service.find_readable(&crate::harness::key("s")).unwrap();
    let horizon = handle.view().meta().horizon(world.service.now());
    let shards: Vec<_> = world.service.visible_shards(&handle.view()).map(|shard| shard.id).collect();
    for (id, stored) in model {
        let kept: Vec<_> = stored.iter().filter(|record| record.arrival >= horizon).collect();
        if !shards.contains(id) {
            assert!(kept.is_empty(), "{id} is gone and had records left");
            continue;
        }
        let read = world.read_shard("s", &id.to_string()).await;
        let read: Vec<_> =
            read.into_iter().map(|record| (record.number, record.arrival, record.data)).collect();
        let kept: Vec<_> = kept.into_iter().map(|r| (r.number, r.arrival, r.data.clone())).collect();
        assert_eq!(read, kept, "{id}");
    }
}

async fn check_time(world: &World, model: &Model, shard: ShardId, ago: u64) {
    let handle = world.service.find_readable(&crate::harness::key("s")).unwrap();
    let now = world.service.now();
    let time = now.minus(Duration::from_millis(ago)).max(handle.view().meta().horizon(now));
    let first = model.get(&shard).and_then(|stored| stored.iter().find(|record| record.arrival >= time));
    let iterator =
        world.iterator("s", &shard.to_string(), StartingPosition::AtTimestamp(time)).await.unwrap();
    let read = records(&world.read(iterator, 1).await.unwrap());
    assert_eq!(read.first().map(|record| record.number), first.map(|record| record.number));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_stream_is_what_the_model_says(operations in prop::collection::vec(operation(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(operations));
    }
}
