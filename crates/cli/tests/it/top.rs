//! `headwater top`: from a page of metrics to a table, and against a server.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_cli::rates::{Row, rates};
use headwater_cli::sample::{Counters, parse};
use headwater_cli::view::{Room, age, count, shortened, table};

use crate::kit::Server;

const PAGE: &str = "\
# HELP headwater_shard_records_in Records stored, by shard.
# TYPE headwater_shard_records_in counter
headwater_shard_records_in_total{account=\"000000000000\",region=\"us-east-1\",stream=\"s\",shard=\"shardId-000000000000\"} 7
headwater_shard_records_in_total{account=\"000000000000\",region=\"us-east-1\",stream=\"s\",shard=\"shardId-000000000001\"} 9
headwater_shard_bytes_out_total{account=\"000000000000\",region=\"us-east-1\",stream=\"s\",shard=\"shardId-000000000001\"} 1.5e3
headwater_shard_iterator_age_milliseconds{account=\"000000000000\",region=\"us-east-1\",stream=\"s\",shard=\"shardId-000000000001\"} 250
headwater_shard_open{account=\"000000000000\",region=\"us-east-1\",stream=\"s\",shard=\"shardId-000000000001\"} 1
headwater_shard_new_and_unknown{account=\"000000000000\",region=\"us-east-1\",stream=\"s\",shard=\"shardId-000000000001\"} 3
headwater_shard_broken{
# EOF
";

#[test]
fn a_page_is_read_by_label() {
    let found = parse(PAGE, "headwater_shard_", "shard");
    let first = Counters { records_in: 7, ..Counters::default() };
    let second = Counters {
        records_in: 9,
        bytes_out: 1500,
        iterator_age_ms: Some(250),
        open: 1,
        ..Counters::default()
    };
    let expected = [("shardId-000000000000", first), ("shardId-000000000001", second)];
    assert_eq!(found, expected.map(|(name, counters)| (name.to_owned(), counters)).into());
    let streams = "headwater_records_in_total{account=\"0\",stream=\"s\"} 4\n\
                   headwater_stream_subscriptions{account=\"0\",stream=\"s\"} 2\n\
                   headwater_shard_records_in_total{account=\"0\",shard=\"x\"} 4\n";
    let found = parse(streams, "headwater_", "stream");
    let expected = Counters { records_in: 4, subscriptions: 2, ..Counters::default() };
    assert_eq!(found, BTreeMap::from([("s".to_owned(), expected)]));
}

#[test]
fn rates_are_differences_and_a_restart_begins_anew() {
    let look = |records_in, bytes_in| {
        let counters = Counters { records_in, bytes_in, ..Counters::default() };
        BTreeMap::from([("a".to_owned(), counters), ("b".to_owned(), Counters::default())])
    };
    let rows = rates(&look(10, 1000), &look(30, 5000), Duration::from_secs(2));
    assert_eq!((rows[0].name.as_str(), rows[0].records_in, rows[0].bytes_in), ("a", 10.0, 2000.0));
    assert_eq!(rows[1].name, "b");
    let rows = rates(&look(1_000_000, 1_000_000), &look(4, 40), Duration::from_secs(2));
    assert_eq!((rows[0].records_in, rows[0].bytes_in), (2.0, 20.0));
}

#[test]
fn trouble_comes_first() {
    let counters = |bytes_in, throttled_writes, iterator_age_ms| Counters {
        bytes_in,
        throttled_writes,
        iterator_age_ms,
        ..Counters::default()
    };
    let now = BTreeMap::from([
        ("busy".to_owned(), counters(1_000_000, 0, Some(500))),
        ("idle".to_owned(), counters(0, 0, None)),
        ("lags".to_owned(), counters(10, 0, Some(60_000))),
        ("refuses".to_owned(), counters(1, 5, None)),
    ]);
    let rows = rates(&BTreeMap::new(), &now, Duration::from_secs(1));
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["refuses", "lags", "busy", "idle"]);
}

#[test]
fn names_tell_streams_apart() {
    assert_eq!(shortened("orders-eu-production-1", 11), "order~ion-1");
    assert_eq!(shortened("orders", 6), "orders");
    let page = "headwater_records_in_total{account=\"1\",stream=\"s\"} 4\n\
                headwater_records_in_total{account=\"2\",stream=\"s\"} 5\n\
                headwater_records_in_total{account=\"2\",stream=\"\u{1b}[2J\"} 5\n";
    let found = parse(page, "headwater_", "stream");
    let names: Vec<_> = found.iter().map(|(name, counters)| (name.as_str(), counters.records_in)).collect();
    assert_eq!(names, [("1/s", 4), ("2/s", 5)]);
    let line = |region: &str, value: u64| {
        format!("headwater_records_in_total{{account=\"1\",region=\"{region}\",stream=\"s\"}} {value}\n")
    };
    let found = parse(&(line("eu-west-1", 4) + &line("us-east-1", 5)), "headwater_", "stream");
    let names: Vec<_> = found.iter().map(|(name, counters)| (name.as_str(), counters.records_in)).collect();
    assert_eq!(names, [("eu-west-1/s", 4), ("us-east-1/s", 5)]);
}

#[test]
fn figures_are_short() {
    for (value, expected) in [
        (0.0, "0"),
        (0.04, "0"),
        (0.5, "0.5"),
        (3.0, "3"),
        (12.4, "12"),
        (999.4, "999"),
        (999.6, "1.0k"),
        (1234.0, "1.2k"),
        (56_789.0, "57k"),
        (1_048_576.0, "1.0M"),
        (9e15, "9000T"),
    ] {
        assert_eq!(count(value), expected);
    }
    for (ms, expected) in
        [(0, "0"), (7, "7ms"), (12_345, "12s"), (600_000, "10m"), (90_000_000, "25h"), (400_000_000, "4d")]
    {
        assert_eq!(age(ms), expected);
    }
}

#[test]
fn the_table_fits_the_terminal_whatever_the_figures() {
    let room = Room { lines: 24, columns: 80 };
    let row = |name: &str| Row {
        name: name.to_owned(),
        records_in: 999_400.0,
        bytes_in: 999.4e9,
        records_out: 999_400.0,
        bytes_out: 999.4e9,
        throttled_writes: 999_400.0,
        throttled_reads: 999_400.0,
        iterator_age_ms: Some(u64::MAX / 1_000_000),
        subscriptions: 50_000,
        open: 1,
    };
    let rows: Vec<_> =
        (0..30).map(|i| row(&format!("{}{i}", "a-very-long-name-of-a-stream".repeat(3)))).collect();
    let text = table("title", "STREAM", &rows, room);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(text.lines().count(), 24, "{text}");
    assert!(text.contains("... and 11 more that do less"), "{text}");
    let closed = Row {
        open: 0,
        ..rates(&BTreeMap::new(), &parse(PAGE, "headwater_shard_", "shard"), Duration::from_secs(1)).remove(1)
    };
    let text = table("t", "SHARD", &[Row { records_in: 0.0, bytes_in: 0.0, ..closed }], room);
    assert_eq!(text.lines().count(), 4, "a closed shard that nobody reads is left out: {text}");
}

#[test]
fn a_running_server_is_watched() {
    let server = Server::start();
    server.ok(&["create", "orders", "--shards", "2"]);
    let shards = server.ok(&["top", "orders", "--interval", "1"]);
    assert!(shards.starts_with("orders: 2 open shards, 0 subscriptions "), "{shards}");
    assert!(!shards.contains('\x1b'), "plain when piped: {shards:?}");
    let names: Vec<_> = shards.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names[2..], ["SHARD", "0", "1", "total"], "{shards}");
    let streams = server.ok(&["top", "--interval", "1", "--output", "json"]);
    let streams: serde_json::Value = serde_json::from_str(&streams).unwrap();
    assert_eq!(streams["rows"][0]["stream"], "orders");
    assert_eq!(streams["rows"][0]["open_shards"], 2);
    let done = server.run(&["top", "nope"]);
    assert!(done.code == 1 && done.err.contains("Stream nope under account"), "{done:?}");
    let done = server.run(&["top", "no&pe\u{1b}"]);
    assert!(done.code == 1 && done.err.contains("no&pe\\u{1b} is no name"), "{done:?}");
}
