//! Numbers: their limits, their one form, and sums compared with those of a library without limits.

use std::hash::{DefaultHasher, Hash, Hasher};

use bigdecimal::BigDecimal;
use headwater_tables::value::{Number, NumberError};
use proptest::prelude::*;

use crate::expressions::number;

fn check(text: &str, printed: &str) {
    assert_eq!(number(text).to_string(), printed, "{text}");
}

#[test]
fn one_form() {
    for (text, printed) in [
        ("0", "0"),
        ("-0", "0"),
        ("0.00", "0"),
        ("0e1000", "0"),
        ("0E-99999999999999999999", "0"),
        ("1.0", "1"),
        ("+3", "3"),
        ("0001.2300", "1.23"),
        (".123", "0.123"),
        ("1.", "1"),
        ("1E2", "100"),
        ("1e+5", "100000"),
        ("-17.4E37", "-174000000000000000000000000000000000000"),
        ("-1.50E-3", "-0.0015"),
        ("123e-3", "0.123"),
        ("123E-2", "1.23"),
        ("100000000000000000000000000000000000000000", "100000000000000000000000000000000000000000"),
        ("0.00001000", "0.00001"),
    ] {
        check(text, printed);
    }
    check("1E125", &format!("1{}", "0".repeat(125)));
    check("-1E-130", &format!("-0.{}1", "0".repeat(129)));
    check("99999999999999999999999999999999999999E88", &format!("{}{}", "9".repeat(38), "0".repeat(88)));
}

#[test]
fn refused() {
    use NumberError::{Digits, Malformed, Overflow, Underflow};
    for (text, error) in [
        ("", Malformed),
        ("-", Malformed),
        (".", Malformed),
        ("e5", Malformed),
        ("1e", Malformed),
        ("1e+", Malformed),
        ("1e5.5", Malformed),
        ("1.2.3", Malformed),
        ("1_000", Malformed),
        (" 1", Malformed),
        ("1 ", Malformed),
        ("--1", Malformed),
        ("NaN", Malformed),
        ("-Infinity", Malformed),
        ("0x10", Malformed),
        ("é", Malformed),
        ("1E126", Overflow),
        ("11E125", Overflow),
        ("-1E999999999999999999999999", Overflow),
        ("1E-131", Underflow),
        ("0.9E-130", Underflow),
        ("1E-999999999999999999999999", Underflow),
        ("3.14159265358979323846264338327950288419", Digits),
        ("314159265358979323846264338327950288419E30", Digits),
    ] {
        assert_eq!(text.parse::<Number>(), Err(error), "{text}");
    }
    let long = "1".repeat(1 << 20);
    assert_eq!(long.parse::<Number>(), Err(Overflow));
    assert_eq!(format!("0.{long}").parse::<Number>(), Err(Digits));
    assert_eq!(format!("{}1", "0".repeat(1 << 20)).parse(), Ok(Number::from(1)));
}

#[test]
fn sums() {
    let sum = |one: &str, two: &str| number(one).checked_add(&number(two)).map(|sum| sum.to_string());
    let of = |text: &str| Ok(text.to_owned());
    assert_eq!(sum("1", "10000000000000000000000"), of("10000000000000000000001"));
    assert_eq!(sum("0.1", "0.2"), of("0.3"));
    assert_eq!(sum("5", "-5"), of("0"));
    assert_eq!(sum("1E38", "-1"), of("99999999999999999999999999999999999999"));
    assert_eq!(sum("99999999999999999999999999999999999999", "1"), of(&format!("1{}", "0".repeat(38))));
    assert_eq!(sum("1E125", "1E125"), of(&format!("2{}", "0".repeat(125))));
    for (one, two) in [("9E125", "9E125"), ("1E50", "1"), ("1E50", "-1"), ("1E125", "1E-130"), ("1E38", "1")]
    {
        assert_eq!(sum(one, two), Err(NumberError::Overflow), "{one} {two}");
    }
    assert_eq!(sum("1.5E-130", "-1E-130"), Err(NumberError::Underflow));
}

#[test]
fn sizes() {
    for (text, bytes) in
        [("0", 1), ("1", 2), ("-1", 3), ("10", 2), ("99", 2), ("1.2", 3), ("123", 3), ("12345", 4)]
    {
        assert_eq!(number(text).size_bytes(), bytes, "{text}");
    }
    assert_eq!(number("99999999999999999999999999999999999999").size_bytes(), 20);
}

fn texts() -> impl Strategy<Value = String> {
    ("-?", "[0-9]{1,20}", "[0-9]{0,18}", -100i32..80)
        .prop_map(|(sign, whole, fraction, power)| format!("{sign}{whole}.{fraction}E{power}"))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[-+]?[0-9.eE+-]{0,50}|.{0,20}") {
        if let Ok(number) = text.parse::<Number>() {
            let printed = number.to_string();
            prop_assert_eq!(printed.parse::<Number>(), Ok(number.clone()));
            let exact: BigDecimal = printed.parse().expect("a decimal");
            prop_assert_eq!(text.parse::<BigDecimal>().expect("a decimal"), exact);
        }
    }

    #[test]
    fn sums_are_exact_or_refused(one in texts(), two in texts()) {
        let (Ok(left), Ok(right)) = (one.parse::<Number>(), two.parse::<Number>()) else { return Ok(()) };
        let exact: BigDecimal = one.parse::<BigDecimal>().expect("a decimal") + two.parse::<BigDecimal>().expect("a decimal");
        let stored = exact.normalized().to_plain_string().parse::<Number>();
        let expected = stored.map_err(|error| if error == NumberError::Digits { NumberError::Overflow } else { error });
        prop_assert_eq!(left.checked_add(&right), expected.clone());
        prop_assert_eq!(right.checked_add(&left), expected);
        prop_assert_eq!(left.checked_sub(&left), Ok(Number::from(0)));
    }

    #[test]
    fn sums_of_integers(one in any::<i64>(), two in any::<i64>()) {
        let sum = number(&one.to_string()).checked_add(&number(&two.to_string())).expect("it fits");
        prop_assert_eq!(sum.to_string(), (i128::from(one) + i128::from(two)).to_string());
    }

    #[test]
    fn the_order_is_the_numbers(one in texts(), two in texts()) {
        let (Ok(left), Ok(right)) = (one.parse::<Number>(), two.parse::<Number>()) else { return Ok(()) };
        let exact = one.parse::<BigDecimal>().expect("a decimal").cmp(&two.parse().expect("a decimal"));
        prop_assert_eq!(left.cmp(&right), exact);
        prop_assert_eq!(left == right, exact.is_eq());
        prop_assert!(left != right || hash(&left) == hash(&right));
    }

    #[test]
    fn another_form_of_the_same(digits in 1u64.., zeros in 0usize..10, power in -20i32..20) {
        let one = number(&format!("{digits}E{power}"));
        let two = number(&format!("{digits}.{}E{power}", "0".repeat(zeros)));
        let three = number(&format!("00{digits}{}E{}", "0".repeat(zeros), power - zeros as i32));
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(&one, &three);
        prop_assert_eq!((hash(&one), one.to_string()), (hash(&three), three.to_string()));
    }
}
