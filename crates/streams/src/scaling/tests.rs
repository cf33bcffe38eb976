//! The rule, one line a case.

use headwater_types::Timestamp;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn kb(bytes: u64) -> Rates {
    Rates { bytes_per_s: bytes * 1000, records_per_s: 0 }
}

fn records(records_per_s: u64) -> Rates {
    Rates { bytes_per_s: 0, records_per_s }
}

/// A case: demands of as many uniform shards, in their order; `None` where a shard is too young.
struct Case {
    demands: Vec<Option<Rates>>,
    /// Shards whose traffic is one key.
    single: Vec<usize>,
    peak: Rates,
    least: u32,
    unasked: bool,
    room: u32,
}

fn case(demands: &[Rates]) -> Case {
    let peak = demands.iter().fold(Rates::default(), |sum, &rates| sum.plus(rates));
    let demands = demands.iter().copied().map(Some).collect();
    Case { demands, single: vec![], peak, least: 4, unasked: false, room: u32::MAX }
}

/// Open shards afterwards, which of the old ones were touched, and what else was decided.
fn check(case: Case, open: usize, touched: &[u32]) -> Decision {
    let map = ShardMap::uniform(case.demands.len() as u32, NOW);
    let mut loads = BTreeMap::new();
    for (i, (shard, demand)) in map.open().zip(&case.demands).enumerate() {
        let Some(demand) = *demand else { continue };
        let keys = if case.single.contains(&i) { vec![shard.range.start(); 100] } else { Vec::new() };
        loads.insert(shard.id, Load { demand, keys });
    }
    let Case { peak, least, unasked, room, .. } = case;
    let decision = plan(&Situation { shards: &map, loads: &loads, peak, least, unasked, room });
    let after = map.apply(&decision.plan, NOW).unwrap();
    assert_eq!(after.open().len(), open, "{decision:?}");
    let mut parents: Vec<_> = decision.plan.parents().map(ShardId::index).collect();
    parents.sort_unstable();
    assert_eq!(parents, touched);
    decision
}

#[test]
fn hot_shards_are_split() {
    check(case(&[kb(0); 4]), 4, &[]);
    check(case(&[kb(500); 4]), 4, &[]);
    check(case(&[kb(501); 4]), 8, &[0, 1, 2, 3]);
    check(case(&[records(500); 4]), 4, &[]);
    check(case(&[records(501); 4]), 8, &[0, 1, 2, 3]);
    check(case(&[kb(100), kb(600), kb(0), records(900)]), 6, &[1, 3]);
    // However hot, no more than doubled at once.
    check(case(&[kb(9000); 4]), 8, &[0, 1, 2, 3]);
    check(case(&[kb(600)]), 2, &[0]);
}

#[test]
fn the_peak_asks_for_twice_its_capacity() {
    let peak = |peak| Case { peak, ..case(&[kb(100), kb(300), kb(200), kb(0)]) };
    check(peak(kb(2000)), 4, &[]);
    check(peak(kb(2001)), 5, &[1]);
    check(peak(kb(3000)), 6, &[1, 2]);
    check(peak(kb(90_000)), 8, &[0, 1, 2, 3]);
    // A shard that was just made is let alone.
    let mut young = peak(kb(90_000));
    young.demands[2] = None;
    check(young, 7, &[0, 1, 3]);
}

#[test]
fn one_key_is_not_split_and_said() {
    let single = Case { single: vec![1], ..case(&[kb(100), kb(1048), kb(0), kb(0)]) };
    assert_eq!(check(single, 4, &[]).single_keys, [ShardId::new(1).unwrap()]);
    // A cold shard of one key is nothing to talk about.
    let cold = Case { single: vec![1], ..case(&[kb(100), kb(100), kb(0), kb(0)]) };
    assert!(check(cold, 4, &[]).single_keys.is_empty());
}

#[test]
fn quotas_leave_room_for_the_hottest() {
    let room = |room| Case { room, ..case(&[kb(600), kb(900), kb(700), kb(0)]) };
    assert_eq!(check(room(3), 7, &[0, 1, 2]).short_by, 0);
    assert_eq!(check(room(2), 6, &[1, 2]).short_by, 1);
    assert_eq!(check(room(0), 4, &[]).short_by, 3);
}

#[test]
fn what_nobody_asked_for_is_merged() {
    let idle = |shards, least| Case { unasked: true, least, ..case(&vec![kb(0); shards]) };
    check(Case { unasked: false, ..idle(8, 4) }, 8, &[]);
    check(idle(8, 4), 4, &[0, 1, 2, 3, 4, 5, 6, 7]);
    check(idle(6, 4), 4, &[0, 1, 2, 3]);
    check(idle(8, 6), 6, &[0, 1, 2, 3]);
    check(idle(4, 4), 4, &[]);
    check(idle(1, 4), 1, &[]);
    // A quarter of the ring would be hot at the peak, an eighth would not.
    check(Case { peak: kb(2000), ..idle(8, 4) }, 4, &[0, 1, 2, 3, 4, 5, 6, 7]);
    check(Case { peak: kb(2100), ..idle(8, 4) }, 8, &[]);
    check(Case { peak: kb(2100), ..idle(10, 4) }, 5, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // The coldest pairs, and none that would soon be split again.
    let mixed = [kb(200), kb(100), kb(10), kb(20), kb(200), kb(51), kb(300), kb(0)];
    check(Case { unasked: true, least: 7, ..case(&mixed) }, 7, &[2, 3]);
    check(Case { unasked: true, ..case(&mixed) }, 7, &[2, 3]);
    // Hot shards come first.
    let hot = [kb(600), kb(0), kb(0), kb(0), kb(0), kb(0)];
    check(Case { unasked: true, ..case(&hot) }, 7, &[0]);
}

#[test]
fn the_narrowest_pairs_are_merged_first() {
    let map = ShardMap::uniform(4, NOW);
    let first = map.open().next().unwrap();
    let map = map.apply(&map.plan_split(first.id, first.range.middle()).unwrap(), NOW).unwrap();
    let loads = map.open().map(|shard| (shard.id, Load::default())).collect();
    let peak = Rates::default();
    let decision = plan(&Situation { shards: &map, loads: &loads, peak, least: 4, unasked: true, room: 9 });
    let after = map.apply(&decision.plan, NOW).unwrap();
    let ranges: Vec<_> = after.open().map(|shard| shard.range).collect();
    assert_eq!(ranges, (0..4).map(|i| HashRange::uniform(i, 4)).collect::<Vec<_>>());
}
