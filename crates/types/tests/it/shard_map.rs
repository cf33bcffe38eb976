use headwater_types::{HashKey, HashRange, MergeError, ShardId, ShardMap, SplitError, Timestamp};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn id(index: u32) -> ShardId {
    ShardId::new(index).unwrap()
}

fn open_ranges(map: &ShardMap) -> Vec<HashRange> {
    map.open().map(|shard| shard.range).collect()
}

#[test]
fn keys_go_where_kinesis_puts_them() {
    let map = ShardMap::uniform(3, NOW);
    for (key, shard) in [("a", 0), ("b", 1), ("e", 2), ("f", 1)] {
        assert_eq!(map.route(HashKey::of_partition_key(key)).id, id(shard), "{key}");
    }
    assert_eq!(map.route(HashKey::MAX).id, id(2));
}

#[test]
fn a_split_closes_the_parent_and_opens_two_children() {
    let map = ShardMap::uniform(2, NOW);
    let at = HashKey(1 << 126);
    let split = map.apply(&map.plan_split(id(0), at).unwrap(), NOW).unwrap();
    let (parent, lower, upper) =
        (split.get(id(0)).unwrap(), split.get(id(2)).unwrap(), split.get(id(3)).unwrap());
    assert_eq!(parent.children(), [id(2), id(3)]);
    assert_eq!((lower.range.start(), lower.range.end().0), (HashKey(0), (1 << 126) - 1));
    assert_eq!((upper.range.start(), upper.range.end().0), (at, (1 << 127) - 1));
    assert_eq!(lower.created.as_secs(), parent.closed_at().unwrap().as_secs() + 1);
    assert!(parent.ending_sequence_number().unwrap() < lower.starting_sequence_number());
    assert_eq!(split.plan_split(id(0), at), Err(SplitError::Closed));
}

#[test]
fn splits_need_room_on_both_sides() {
    let map = ShardMap::uniform(2, NOW);
    let half = 1u128 << 127;
    for (at, allowed) in
        [(half, false), (half + 1, false), (half + 2, true), (u128::MAX - 1, true), (u128::MAX, false)]
    {
        assert_eq!(map.plan_split(id(1), HashKey(at)).is_ok(), allowed, "{at}");
    }
    assert_eq!(map.plan_split(id(9), HashKey(5)), Err(SplitError::Unknown));
}

#[test]
fn only_touching_shards_in_order_merge() {
    let map = ShardMap::uniform(3, NOW);
    assert_eq!(map.plan_merge(id(1), id(0)), Err(MergeError::NotAdjacent));
    assert_eq!(map.plan_merge(id(0), id(2)), Err(MergeError::NotAdjacent));
    assert_eq!(map.plan_merge(id(0), id(0)), Err(MergeError::NotAdjacent));
    let merged = map.apply(&map.plan_merge(id(0), id(1)).unwrap(), NOW).unwrap();
    assert_eq!(merged.get(id(3)).unwrap().parents.iter().collect::<Vec<_>>(), [id(0), id(1)]);
}

#[test]
fn several_splits_or_merges_are_one_plan() {
    let map = ShardMap::uniform(4, NOW);
    let splits: Vec<_> = map.open().map(|shard| (shard.id, shard.range.middle())).collect();
    let doubled = map.apply(&map.plan_splits(&splits).unwrap(), NOW).unwrap();
    assert_eq!(open_ranges(&doubled), open_ranges(&ShardMap::uniform(8, NOW)));
    assert_eq!(map.plan_splits(&[splits[0], splits[0]]), Err(SplitError::Closed));
    let open: Vec<_> = doubled.open().map(|shard| shard.id).collect();
    let pairs: Vec<_> = open.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    let halved = doubled.apply(&doubled.plan_merges(&pairs).unwrap(), NOW).unwrap();
    assert_eq!(open_ranges(&halved), open_ranges(&map));
    let overlapping = [(open[0], open[1]), (open[1], open[2])];
    assert_eq!(doubled.plan_merges(&overlapping), Err(MergeError::Closed(open[1])));
}

#[test]
fn turns_go_round_the_open_shards() {
    let map = ShardMap::uniform(2, NOW);
    let map = map.apply(&map.plan_split(id(0), HashKey(1 << 126)).unwrap(), NOW).unwrap();
    let turns: Vec<_> = (0..6).map(|turn| map.all()[map.route_turn(turn)].id.index()).collect();
    assert_eq!(turns, [2, 3, 1, 2, 3, 1]);
}

#[test]
fn doubling_gives_every_shard_two_children() {
    let map = ShardMap::uniform(2, NOW);
    let plan = map.plan_uniform(4);
    assert_eq!(plan.steps().len(), 2);
    let doubled = map.apply(&plan, NOW).unwrap();
    assert_eq!(open_ranges(&doubled), open_ranges(&ShardMap::uniform(4, NOW)));
    assert!(doubled.open().all(|shard| shard.parents.iter().count() == 1));
    assert!(doubled.plan_uniform(4).is_empty());
}

/// True of as many equal shards, up to what divisions leave over.
fn is_uniform(map: &ShardMap, count: u32) -> bool {
    let near = |(range, index)| {
        HashRange::uniform(index, count).start().0.abs_diff(HashRange::start(&range).0) < 1 << 32
    };
    map.open().len() == count as usize && open_ranges(map).into_iter().zip(0..).all(near)
}

/// Shards in all, open and closed, after equal shards were scaled.
fn all_after(count: u32, target: u32) -> ShardMap {
    let map = ShardMap::uniform(count, NOW);
    map.apply(&map.plan_shard_count(target), NOW).unwrap()
}

#[test]
fn an_update_of_the_shard_count_leaves_as_many_shards_as_aws() {
    // Counted at AWS: in the last three the target is no multiple of 25 %.
    for (count, target, all) in
        [(2, 4, 6), (4, 5, 15), (4, 2, 6), (4, 3, 11), (10, 13, 37), (5, 3, 7), (3, 4, 11)]
    {
        let map = all_after(count, target);
        assert_eq!((map.all().len(), map.open().len()), (all, target as usize), "{count} to {target}");
    }
    let open: Vec<_> = all_after(4, 3).open().map(|shard| shard.id.index()).collect();
    assert_eq!(open, [6, 9, 10], "in the order of AWS");
}

#[test]
fn multiples_of_a_quarter_make_equal_shards() {
    for (count, target) in [(2, 3), (4, 3), (4, 5), (4, 7), (8, 6), (8, 10), (20, 35), (3, 6), (6, 3), (1, 2)]
    {
        assert!(is_uniform(&all_after(count, target), target), "{count} to {target}");
    }
}

#[test]
fn other_counts_make_shards_as_equal_as_their_steps_allow() {
    let shares = |count, target| -> Vec<f64> {
        let width = |range: HashRange| (range.end().0 - range.start().0) as f64 / u128::MAX as f64;
        open_ranges(&all_after(count, target))
            .into_iter()
            .map(|range| width(range) * f64::from(target))
            .collect()
    };
    let rounded = |shares: Vec<f64>| -> Vec<i64> {
        shares.iter().map(|share| (share * 1000.0).round() as i64).collect()
    };
    assert_eq!(rounded(shares(5, 3)), [1200, 600, 1200]);
    let runs = [[975; 4].as_slice(), &[1040; 5], &[975; 4]].concat();
    assert_eq!(rounded(shares(10, 13)), runs);
    // Unequal shards are made equal, whatever it takes.
    let unequal = all_after(5, 3);
    let equal = unequal.apply(&unequal.plan_shard_count(4), NOW).unwrap();
    assert!(is_uniform(&equal, 4));
    // What divisions leave over is not split off: the middle of 8 shards is that of 10.
    assert_eq!(all_after(8, 10).all().len(), 8 + 2 * 8 + 6);
}

#[test]
fn closed_shards_leave_when_their_records_have() {
    let map = ShardMap::uniform(2, NOW);
    let map = map.apply(&map.plan_uniform(4), NOW).unwrap();
    assert_eq!(map.expire(NOW), None);
    let later = map.expire(Timestamp::from_secs(NOW.as_secs() + 1)).unwrap();
    assert_eq!(later.all().len(), 4);
    assert_eq!(later.next_id(), map.next_id());
}

#[test]
fn maps_that_do_not_tile_are_refused() {
    let map = ShardMap::uniform(3, NOW);
    let mut shards = map.all().to_vec();
    shards.remove(1);
    assert!(ShardMap::from_shards(shards, id(3)).is_err());
    assert!(ShardMap::from_shards(map.all().to_vec(), id(2)).is_err());
    assert!(ShardMap::from_shards(Vec::new(), id(0)).is_err());
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[derive(Debug, Clone)]
enum Step {
    Split(usize, u128),
    Merge(usize),
    Scale(u32),
    Update(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<usize>(), any::<u128>()).prop_map(|(shard, at)| Step::Split(shard, at)),
        any::<usize>().prop_map(Step::Merge),
        (1u32..24).prop_map(Step::Scale),
        (1u32..24).prop_map(Step::Update),
    ]
}

proptest! {
    #[test]
    fn equal_shards_are_scaled_by_a_known_number_of_steps(count in 1u32..300, part in 0.0f64..=1.0) {
        let least = count.div_ceil(2);
        let target = least + (f64::from(2 * count - least) * part) as u32;
        let map = all_after(count, target);
        prop_assert_eq!(map.open().len(), target as usize);
        let (splits, merges) = if (4 * target).is_multiple_of(count) {
            prop_assert!(is_uniform(&map, target));
            let shared = gcd(count, target);
            (target - shared, count - shared)
        } else if target > count {
            (count, 2 * count - target)
        } else {
            (0, count - target)
        };
        prop_assert_eq!(map.all().len() as u32, count + 2 * splits + merges);
        let equal = (u128::MAX / u128::from(target)) as f64;
        for range in open_ranges(&map) {
            let share = (range.end().0 - range.start().0) as f64 / equal;
            prop_assert!((0.5..=2.0).contains(&share), "{share}");
        }
    }

    #[test]
    fn any_series_of_reshards_tiles_the_ring(count in 1u32..12, steps in prop::collection::vec(step(), 0..12),
                                             keys in prop::collection::vec(any::<u128>(), 1..20)) {
        let mut map = ShardMap::uniform(count, NOW);
        for step in steps {
            let open: Vec<_> = map.open().cloned().collect();
            let plan = match step {
                Step::Split(shard, at) => map.plan_split(open[shard % open.len()].id, HashKey(at)).ok(),
                Step::Merge(shard) => {
                    let at = shard % open.len();
                    open.get(at + 1).and_then(|upper| map.plan_merge(open[at].id, upper.id).ok())
                }
                Step::Scale(target) => Some(map.plan_uniform(target)),
                Step::Update(target) => Some(map.plan_shard_count(target)),
            };
            let Some(plan) = plan else { continue };
            let sealed: Vec<_> = plan.parents().collect();
            let born: Vec<_> = plan.children().collect();
            let next = map.apply(&plan, NOW).unwrap();
            if let Step::Scale(target) = step {
                prop_assert!(is_uniform(&next, target));
            }
            if let Step::Update(target) = step {
                prop_assert_eq!(next.open().len(), target as usize);
            }
            prop_assert!(sealed.iter().all(|&id| !next.get(id).unwrap().is_open()));
            prop_assert_eq!(next.all().len(), map.all().len() + born.len());
            for child in born.iter().map(|&id| next.get(id).unwrap()) {
                for parent in child.parents.iter().map(|id| next.get(id).unwrap()) {
                    prop_assert!(parent.children().contains(&child.id));
                    prop_assert_eq!(child.created.as_secs(), parent.closed_at().unwrap().as_secs() + 1);
                }
            }
            map = next;
        }
        let stored = serde_json::to_string(&map).unwrap();
        prop_assert!(stored.len() < 40 + 140 * map.all().len(), "{}", stored);
        prop_assert_eq!(&serde_json::from_str::<ShardMap>(&stored).unwrap(), &map);
        for key in keys {
            let owner = map.route(HashKey(key));
            prop_assert!(owner.is_open() && owner.range.contains(HashKey(key)));
        }
    }
}
