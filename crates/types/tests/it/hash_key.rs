use headwater_types::{HashKey, HashRange};

#[test]
fn partition_keys_hash_to_the_published_points() {
    assert_eq!(HashKey::of_partition_key("a").0, 16955237001963240173058271559858726497);
}

#[test]
fn three_uniform_ranges_are_those_of_kinesis() {
    let starts: Vec<_> = (0..3).map(|i| HashRange::uniform(i, 3).start().0).collect();
    assert_eq!(starts, [0, 113427455640312821154458202477256070485, 226854911280625642308916404954512140970]);
    assert_eq!(HashRange::uniform(2, 3).end(), HashKey::MAX);
    assert_eq!(HashRange::uniform(0, 1), HashRange::FULL);
    assert_eq!(HashRange::uniform(1, 2).start().0, 1 << 127);
    assert_eq!(HashRange::uniform(3, 4).start().0, 3 << 126);
}

#[test]
fn hash_keys_are_plain_decimal_numbers() {
    for (text, expected) in [
        ("0", Some(0)),
        ("340282366920938463463374607431768211455", Some(u128::MAX)),
        ("340282366920938463463374607431768211456", None),
        ("00", None),
        ("-1", None),
        ("+1", None),
        ("", None),
    ] {
        assert_eq!(HashKey::parse(text).map(|k| k.0), expected, "{text}");
    }
}
