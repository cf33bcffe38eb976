use headwater_types::{AnySequenceNumber, Position, SequenceNumber, ShardId, Timestamp};
use proptest::prelude::*;

/// Issued by AWS in April 2026.
const ISSUED_BY_AWS: &str = "49674026002850188218576229259473476449429298564223254594";

fn current(text: &str) -> SequenceNumber {
    match text.parse().unwrap() {
        AnySequenceNumber::Current(number) => number,
        AnySequenceNumber::Old { .. } => panic!("{text} is of the current version"),
    }
}

#[test]
fn a_number_that_aws_issued_is_understood_and_written_back() {
    let number = current(ISSUED_BY_AWS);
    assert_eq!(number.shard().index(), 3076);
    assert_eq!(number.shard_created_s(), 1777319237); // 2026-04-27T19:47:17Z
    assert_eq!(number.time_s(), 1777320018); // 20:00:18Z
    assert_eq!(number.position(), Position::new(0x0000_0005_0ccb_9d26 - 1));
    assert_eq!(number.to_string(), ISSUED_BY_AWS);
}

#[test]
fn neighbours_of_one_age_differ_by_the_published_distance() {
    let created = Timestamp::from_secs(1777319237);
    let at = |index| SequenceNumber::starting(ShardId::new(index).unwrap(), created).to_string();
    // 2^144 + 16 = 22300745198530623141535718272648361505980432, less its digits above the last 38.
    let (zero, one) = (at(0), at(1));
    let modulus = 10u128.pow(38);
    let low = |text: &str| text[18..].parse::<u128>().unwrap();
    assert_eq!((low(&one) + modulus - low(&zero)) % modulus, 45198530623141535718272648361505980432);
}

#[test]
fn the_start_comes_before_every_record_and_the_end_after() {
    let (shard, created) = (ShardId::new(7).unwrap(), Timestamp::from_secs(1_700_000_000));
    let start = SequenceNumber::starting(shard, created);
    let first = SequenceNumber::of_record(shard, created, Position::START, created);
    let last = SequenceNumber::of_record(shard, created, Position::MAX, created);
    let end = SequenceNumber::ending(shard, created, created);
    assert!(start < first && first < last && last <= end);
    assert_eq!(start.position(), None);
}

#[test]
fn old_versions_and_nonsense() {
    let old = |index: u32| AnySequenceNumber::Old { shard: ShardId::new(index).unwrap(), shard_created_s: 0 };
    assert_eq!("5".parse(), Ok(old(5)));
    for text in
        ["", "x", "-1", "007", "9999999999999999999999999999999999999999999999999999999999", &"9".repeat(57)]
    {
        assert!(text.parse::<AnySequenceNumber>().is_err(), "{text}");
    }
    // The same number with version nibble 3.
    let mut broken = ISSUED_BY_AWS.to_owned();
    broken.replace_range(55.., "5");
    assert!(broken.parse::<AnySequenceNumber>().is_err());
}

proptest! {
    #[test]
    fn every_number_survives_its_text(shard in 0u32..=ShardId::MAX, created in 0u64..16_025_175_000,
                                      time in 0u64..16_025_175_000, position in 0u64..=Position::MAX.get()) {
        let number = SequenceNumber::of_record(ShardId::new(shard).unwrap(), Timestamp::from_secs(created),
            Position::new(position).unwrap(), Timestamp::from_secs(time));
        let text = number.to_string();
        prop_assert_eq!(text.len(), 56);
        prop_assert_eq!(current(&text), number);
    }

    #[test]
    fn numbers_order_as_their_texts(a in 0u64..=Position::MAX.get(), b in 0u64..=Position::MAX.get(), later in 0u64..100) {
        let (shard, created) = (ShardId::new(3).unwrap(), Timestamp::from_secs(1_700_000_000));
        let at = |p, t| SequenceNumber::of_record(shard, created, Position::new(p).unwrap(), Timestamp::from_secs(t));
        let (x, y) = (at(a, 1_700_000_100 + later), at(b, 1_700_000_100));
        prop_assert_eq!(x.cmp(&y), x.to_string().cmp(&y.to_string()));
    }

    #[test]
    fn no_text_panics(text in "[0-9]{0,60}") {
        let _ = text.parse::<AnySequenceNumber>();
    }
}
