//! Choice of the hash key at which a hot shard is split.

use headwater_types::{HashKey, HashRange};

/// Fewer samples than this tell nothing.
const SAMPLE_MIN: usize = 16;
/// The middle is good enough if the smaller half has at least one in so many of the samples.
const FAIR_PART: usize = 3;
/// A split is worth it if the smaller side has at least one in so many. Also what keeps a shard whose traffic is one
/// key and a little more from being split again and again.
const WORTHWHILE_PART: usize = 16;

/// The first hash key of the upper child: the middle of the range if both halves take a fair part of the sampled keys,
/// otherwise their median, as far as a single key, which cannot be divided, allows. `None` if no split helps.
pub(super) fn split_point(range: &HashRange, sampled: &[HashKey]) -> Option<HashKey> {
    let mut keys: Vec<_> = sampled.iter().copied().filter(|&key| range.contains(key)).collect();
    keys.sort_unstable();
    let middle = range.middle();
    let smaller_side = |below: usize| below.min(keys.len() - below);
    let is_fair = smaller_side(keys.partition_point(|&key| key < middle)) * FAIR_PART >= keys.len();
    if range.has_room_at(middle) && (keys.len() < SAMPLE_MIN || is_fair) {
        return Some(middle);
    }
    let first_of_key = |&below: &usize| keys[below] != keys[below - 1] && range.has_room_at(keys[below]);
    let best = (1..keys.len()).filter(first_of_key).max_by_key(|&below| smaller_side(below))?;
    (smaller_side(best) * WORTHWHILE_PART >= keys.len()).then(|| keys[best])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: (u128, u128), keys: &[(u128, usize)], expected: Option<u128>) {
        let range = HashRange::new(HashKey(range.0), HashKey(range.1)).unwrap();
        let keys: Vec<_> = keys.iter().flat_map(|&(key, n)| vec![HashKey(key); n]).collect();
        assert_eq!(split_point(&range, &keys).map(|key| key.0), expected, "{keys:?}");
    }

    #[test]
    fn the_middle_if_it_is_fair_else_the_median_if_there_is_one() {
        const ALL: (u128, u128) = (0, u128::MAX);
        const HALF: u128 = 1 << 127;
        // Nothing or little known.
        check(ALL, &[], Some(HALF));
        check(ALL, &[(5, 15)], Some(HALF));
        check((100, 199), &[], Some(150));
        check((100, 200), &[], Some(150));
        // Fair and unfair halves.
        check((0, 99), &[(10, 50), (60, 50)], Some(50));
        check((0, 99), &[(10, 34), (60, 66)], Some(50));
        check((0, 99), &[(10, 20), (20, 20), (30, 20), (40, 20), (60, 10)], Some(30));
        // A heavy key, above and below the rest.
        check((0, 99), &[(10, 80), (20, 20)], Some(20));
        check((0, 99), &[(10, 20), (20, 80)], Some(20));
        // One key, or one key and too little else.
        check((0, 99), &[(10, 128)], None);
        check((0, 99), &[(5, 4), (10, 120), (12, 4)], None);
        check((0, 99), &[(5, 10), (10, 114), (12, 4)], Some(10));
        // Keys outside of the range are of another time.
        check((0, 99), &[(10, 50), (60, 50), (1000, 900)], Some(50));
        // No room.
        check((7, 7), &[], None);
        check((7, 8), &[(7, 50), (8, 50)], None);
        check((7, 10), &[], Some(9));
        check((0, 99), &[(0, 50), (1, 50)], None);
    }
}
