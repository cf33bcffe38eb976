//! Text that people see.

use headwater_cli::text::{Paint, harmless, json, ring, table, time};
use headwater_types::Timestamp;

const PLAIN: Paint = Paint { on: false };

#[test]
fn tables_are_aligned() {
    let rows = [["a".to_owned(), "10".to_owned(), String::new()], ["längst".into(), "9".into(), "x".into()]];
    let shown = table::table(["NAME", "N", "LAST"], &[1], &rows);
    assert_eq!(shown, "NAME     N  LAST\na       10\nlängst   9  x\n");
    assert_eq!(table::table(["A", "B"], &[], &[]), "A  B\n");
}

#[test]
fn ranges_of_the_ring() {
    const MAX: &str = "340282366920938463463374607431768211455";
    let cases = [
        ("0", MAX, Some(("00000000..ffffffff", "100.00%"))),
        ("0", "170141183460469231731687303715884105727", Some(("00000000..7fffffff", "50.00%"))),
        ("0", "113427455640312821154458202477256070484", Some(("00000000..55555555", "33.33%"))),
        ("5", "5", Some(("00000000..00000000", "<0.01%"))),
        ("5", "4", None),
        ("x", "4", None),
        ("0", "340282366920938463463374607431768211456", None),
    ];
    for (start, end, expected) in cases {
        let expected = expected.map(|(range, share)| (range.to_owned(), share.to_owned()));
        assert_eq!(ring::range(start, end), expected, "{start} {end}");
    }
}

#[test]
fn short_shard_names() {
    let cases = [
        ("shardId-000000000000", "0"),
        ("shardId-000000000120", "120"),
        ("shardId-x", "shardId-x"),
        ("7", "7"),
    ];
    for (id, short) in cases {
        assert_eq!(ring::short(id), short);
    }
}

#[test]
fn dates() {
    let moment = Timestamp::from_millis(1_440_938_160_007);
    assert_eq!(time::seconds(moment), "2015-08-30 12:36:00");
    assert_eq!(time::millis(moment), "2015-08-30 12:36:00.007");
    let _ = time::seconds(Timestamp::MAX);
}

#[test]
fn json_is_laid_out_in_its_own_order() {
    let cases = [
        (
            r#"{"b":1,"a":[true,null,"x, y"],"e":{},"l":[ ]}"#,
            Some(
                "{\n  \"b\": 1,\n  \"a\": [\n    true,\n    null,\n    \"x, y\"\n  ],\n  \"e\": {},\n  \"l\": []\n}",
            ),
        ),
        (" [1 , -2.5e3]\n", Some("[\n  1,\n  -2.5e3\n]")),
        (r#"["a\"b\\","\\"]"#, Some("[\n  \"a\\\"b\\\\\",\n  \"\\\\\"\n]")),
        ("[\"\u{9b}31m\"]", Some("[\n  \"\\u009b31m\"\n]")),
        ("{}", Some("{}")),
        ("17", None),
        ("\"text\"", None),
        ("{\"a\":}", None),
        ("{} {}", None),
        ("", None),
    ];
    for (text, shown) in cases {
        assert_eq!(json::pretty(text, PLAIN).as_deref(), shown, "{text}");
    }
    let coloured = json::pretty(r#"{"a":"b","n":1}"#, Paint { on: true }).unwrap();
    assert!(coloured.contains("\x1b[36m\"a\"\x1b[0m: \x1b[32m\"b\"\x1b[0m"), "{coloured}");
}

#[test]
fn deep_json_stays_narrow() {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let shown = json::pretty(&deep, PLAIN).unwrap();
    assert!(shown.lines().all(|line| line.len() < 100));
}

#[test]
fn control_characters_are_shown_not_obeyed() {
    assert_eq!(harmless("a\tb\n\x1b[31mc\u{9b}"), "a\tb\n\\u{1b}[31mc\\u{9b}");
}
