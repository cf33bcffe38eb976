use std::collections::BTreeSet;
use std::time::Duration;

use headwater_types::Region;
use headwater_types::limits::{Bucket, CallRates, Limit, LimitChange, LimitPolicy, Scope};
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

fn region(name: &str) -> Region {
    Region::new(name).unwrap()
}

#[test]
fn every_limit_has_a_name_and_a_value_that_it_can_have() {
    let mut names = BTreeSet::new();
    for (i, &limit) in Limit::ALL.iter().enumerate() {
        assert_eq!(limit as usize, i);
        assert!(names.insert(limit.name()), "{}", limit.name());
        assert!(limit.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", limit.name());
        assert_eq!(Limit::from_name(limit.name()), Some(limit));
        for region in ["us-east-1", "eu-west-2"].map(region) {
            assert!(limit.range().contains(&limit.aws(region)), "{}", limit.name());
            assert_eq!(LimitPolicy::aws(region).get(limit), Some(limit.aws(region)));
        }
        assert_eq!(LimitPolicy::OFF.get(limit), None);
        assert_eq!(
            limit.is_control_plane(),
            limit.name().ends_with("-calls") && {
                matches!(limit.scope(), Scope::Account | Scope::Stream) && limit != Limit::DryRunCalls
            }
        );
    }
}

#[test]
fn every_limit_stands_in_the_guide_with_its_value() {
    let guide = include_str!("../../../../docs/limits.md");
    for &limit in Limit::ALL {
        let name = format!("| `{}` |", limit.name());
        let row =
            guide.lines().find(|line| line.starts_with(&name)).unwrap_or_else(|| panic!("no row {name}"));
        for region in ["us-east-1", "eu-west-2"].map(region) {
            let value = limit.aws(region).to_string();
            let stands = row.split([' ', '|']).any(|word| word == value);
            assert!(stands, "{row}: {value}");
        }
        let of = match limit.scope() {
            Scope::Account => "account",
            Scope::Stream => "stream",
            Scope::Shard => "shard",
            Scope::Subscription => "consumer and shard",
        };
        assert_eq!(row.split('|').nth(3).unwrap().trim(), of, "{row}");
    }
}

#[test]
fn the_largest_regions_have_more() {
    for region in ["us-east-1", "us-west-2", "eu-west-1"].map(region) {
        assert_eq!(Limit::ShardsPerAccount.aws(region), 20_000);
        assert_eq!(Limit::OnDemandWriteMib.aws(region), 10_240);
    }
    for region in ["us-east-2", "eu-central-1", "nowhere-1"].map(region) {
        assert_eq!(Limit::ShardsPerAccount.aws(region), 1_000);
        assert_eq!(Limit::OnDemandWriteMib.aws(region), 200);
    }
}

#[test]
fn changes_read_back_as_they_were_written() {
    for text in ["shard-read-calls=7", "consumers-per-stream=off", "control-plane=aws", "on-demand-streams=0"]
    {
        assert_eq!(text.parse::<LimitChange>().unwrap().to_string(), text);
    }
    assert_eq!(" shard-read-calls = 7 ".parse::<LimitChange>(), "shard-read-calls=7".parse());
}

#[test]
fn a_steady_rate_loses_nothing_to_rounding() {
    for rate in [1, 3, 5, 7, 1000, 1_048_576] {
        let mut bucket = Bucket::per_second(rate);
        let mut elapsed = Duration::ZERO;
        bucket.take(rate);
        let mut taken = 0;
        // In odd steps, up to exactly a thousand seconds.
        for _ in 0..100_000 {
            elapsed += Duration::from_millis(10);
            while bucket.try_take(elapsed, 1.max(rate / 64)) {
                taken += 1.max(rate / 64);
            }
        }
        let left = (0..=rate).rev().find(|&left| bucket.has(elapsed, left)).unwrap();
        assert_eq!(taken + left, rate * 1000, "{rate}");
    }
}

#[test]
fn what_is_larger_than_the_bucket_waits_until_it_is_full_and_is_paid_off() {
    let mut bucket = Bucket::new(10, 100);
    assert!(bucket.try_take(Duration::ZERO, 150));
    let full_again = Duration::from_secs(15);
    assert!(!bucket.has_any(Duration::from_secs(5)));
    assert!(!bucket.try_take(full_again - MS, 150));
    assert!(bucket.try_take(full_again, 100));
    assert!(!bucket.has_any(full_again));
}

#[test]
fn time_that_goes_backwards_fills_nothing() {
    let mut bucket = Bucket::per_second(5);
    let later = Duration::from_secs(100);
    assert!(bucket.try_take(later, 5));
    assert!(!bucket.has(Duration::ZERO, 1));
    assert!(!bucket.has(later, 1));
    assert!(bucket.try_take(later + 200 * MS, 1));
}

#[test]
fn calls_of_one_kind_do_not_use_up_another() {
    let policy = LimitPolicy::aws(Region::US_EAST_1).with(Limit::ListShardsCalls, None);
    let mut calls = CallRates::default();
    let mut take = |limit, elapsed| calls.take(&policy, limit, elapsed);
    assert!(take(Limit::DescribeLimitsCalls, Duration::ZERO));
    assert!(!take(Limit::DescribeLimitsCalls, 999 * MS));
    assert!(take(Limit::DescribeStreamCalls, 999 * MS));
    assert!((0..10_000).all(|_| take(Limit::ListShardsCalls, 999 * MS)));
    assert!(take(Limit::DescribeLimitsCalls, 1000 * MS));
}

proptest! {
    /// Callers never get more than the rate and what was saved, however often they ask.
    #[test]
    fn never_more_than_the_rate(
        rate in 1..2000_u64,
        asks in prop::collection::vec((0..3000_u64, 1..50_u64), 1..200),
    ) {
        let mut bucket = Bucket::per_second(rate);
        let (mut at_ms, mut taken) = (0, 0);
        for (pause_ms, tokens) in asks {
            at_ms += pause_ms;
            let tokens = tokens.min(rate);
            if bucket.try_take(Duration::from_millis(at_ms), tokens) {
                taken += tokens;
            }
            prop_assert!(taken * 1000 <= rate * 1000 + rate * at_ms);
        }
    }

    #[test]
    fn no_text_is_too_strange(text in ".{0,200}") {
        if let Err(error) = text.parse::<LimitChange>() {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
