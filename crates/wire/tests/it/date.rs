//! Calendar dates.

use headwater_types::Timestamp;
use headwater_wire::date::Civil;
use proptest::prelude::*;

#[test]
fn known_dates() {
    let cases = [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z"),
        (1_440_938_160_000, "2015-08-30T12:36:00.000Z"),
        (1_763_692_957_123, "2025-11-21T02:42:37.123Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ];
    for (millis, text) in cases {
        let civil = Civil::from_timestamp(Timestamp::from_millis(millis));
        assert_eq!(civil.to_string(), text);
        assert_eq!(civil.to_timestamp(), Some(Timestamp::from_millis(millis)), "{text}");
    }
    let moment = Civil::from_timestamp(Timestamp::from_millis(1_440_938_160_000));
    assert_eq!(moment.amz_date(), "20150830T123600Z");
    let _ = Civil::from_timestamp(Timestamp::MAX);
}

#[test]
fn dates_that_are_none() {
    let good = Civil { year: 2024, month: 2, day: 29, hour: 0, minute: 0, second: 0, milli: 0 };
    assert!(good.to_timestamp().is_some());
    let cases = [
        Civil { year: 2023, ..good },
        Civil { year: 2100, ..good },
        Civil { year: 1969, ..good },
        Civil { year: 10_000, ..good },
        Civil { month: 0, ..good },
        Civil { month: 13, ..good },
        Civil { day: 0, ..good },
        Civil { day: 30, ..good },
        Civil { month: 4, day: 31, ..good },
        Civil { hour: 24, ..good },
        Civil { minute: 60, ..good },
        Civil { second: 60, ..good },
        Civil { milli: 1000, ..good },
    ];
    for civil in cases {
        assert_eq!(civil.to_timestamp(), None, "{civil}");
    }
}

proptest! {
    #[test]
    fn round_trip(millis in 0..253_402_300_800_000u64) {
        let time = Timestamp::from_millis(millis);
        prop_assert_eq!(Civil::from_timestamp(time).to_timestamp(), Some(time));
    }
}
