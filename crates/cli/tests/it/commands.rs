//! Creating, listing, describing, filling and deleting streams.

use crate::kit::{Server, command, run};

#[test]
fn a_stream_from_creation_to_deletion() {
    let server = Server::start();
    let done = server.run(&["streams"]);
    assert!(done.code == 0 && done.err.contains("`headwater create NAME` makes one"), "{done:?}");

    let create = [
        "create",
        "orders",
        "--shards",
        "3",
        "--retention-hours",
        "48",
        "--max-record-kib",
        "2048",
        "--tag",
        "a=b",
    ];
    assert_eq!(server.run(&create).err, "orders is ready\n");
    server.ok(&["create", "clicks", "--on-demand", "--no-wait"]);
    let done = server.run(&create);
    assert_eq!(done.code, 1);
    assert!(done.err.starts_with("headwater: ResourceInUseException: "), "{done:?}");

    let list = server.ok(&["streams"]);
    let lines: Vec<_> = list.lines().collect();
    assert!(lines[0].starts_with("NAME    STATUS"), "{list}");
    assert!(lines[1].starts_with("clicks  ") && lines[1].contains("on-demand"), "{list}");
    assert!(
        lines[2].starts_with("orders  ACTIVE") && lines[2].contains("provisioned       3       48 h"),
        "{list}"
    );

    let shown = server.ok(&["describe", "orders"]);
    for part in ["Retention:  48 hours", "up to 2048 KiB", "3 open, 0 closed", "00000000..55555555  33.33%"] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    assert!(server.ok(&["describe", "orders", "--output", "json"]).contains("\"retention_hours\": 48"));

    let done = server.run(&["delete", "orders"]);
    assert!(done.code == 2 && done.err.contains("give --yes"), "{done:?}");
    assert_eq!(server.run(&["delete", "orders", "--yes", "--wait"]).err, "orders is gone\n");
    let done = server.run(&["describe", "orders"]);
    assert_eq!(done.code, 1);
    assert!(
        done.err.contains("not found. `headwater streams` lists what there is. (at http://127"),
        "{done:?}"
    );
    assert_eq!(done.err.lines().count(), 1);
}

#[test]
fn every_way_to_put() {
    let server = Server::start();
    server.ok(&["create", "s"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lines.ndjson");
    std::fs::write(&file, "{\"c\":{\"id\":7}}\n\n{\"c\":{\"id\":8}}").unwrap();
    let file = file.to_str().unwrap();

    let done = server.run(&["put", "s", "argument", "--key", "k", "--explicit-hash-key", "0"]);
    assert!(
        done.code == 0 && done.err.starts_with("1 record stored in shardId-000000000000 as 4"),
        "{done:?}"
    );
    assert_eq!(server.run(&["put", "s", "--file", file]).code, 0);
    assert_eq!(
        server.run(&["put", "s", "--file", file, "--lines", "--key-field", "c.id"]).err,
        "2 records stored\n"
    );
    assert_eq!(server.run_with(&["put", "s"], b"one\r\n \t\n\ntwo").err, "2 records stored\n");
    assert_eq!(server.run_with(&["put", "s"], b"").err, "0 records stored\n");

    let all = server.ok(&["tail", "s", "--from", "horizon", "--no-follow", "--output", "json"]);
    let records: Vec<serde_json::Value> =
        all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let data: Vec<_> = records.iter().map(|record| record["data"].as_str().unwrap()).collect();
    let whole = "{\"c\":{\"id\":7}}\n\n{\"c\":{\"id\":8}}";
    assert_eq!(data, ["argument", whole, "{\"c\":{\"id\":7}}", "{\"c\":{\"id\":8}}", "one", "two"]);
    let keys: Vec<_> = records.iter().map(|record| record["partition_key"].as_str().unwrap()).collect();
    assert_eq!((keys[0], keys[2], keys[3]), ("k", "7", "8"));
    assert!(keys[4].len() == 16 && keys[4] != keys[5]);
}

#[test]
fn long_input_is_stored_in_order() {
    let server = Server::start();
    server.ok(&["create", "s"]);
    let input: String = (0..5000).map(|i| format!("record {i} {}\n", "x".repeat(2000))).collect();
    assert_eq!(server.run_with(&["put", "s", "--key", "k"], input.as_bytes()).err, "5000 records stored\n");
    assert!(server.ok(&["tail", "s", "--from", "horizon", "--no-follow"]) == input, "not what was put");
}

#[test]
fn what_is_not_stored_is_said() {
    let server = Server::start();
    server.ok(&["create", "s"]);
    let long = [b"a\n".as_slice(), &vec![b'x'; 10_485_761], b"\n"].concat();
    let cases: &[(&[&str], &[u8], &str)] = &[
        (
            &["put", "s", "--key-field", "id"],
            b"{\"id\":1}\n{\"id\":null}\n{\"id\":3}",
            "1 record stored, not the rest: line 2: it has no id",
        ),
        (
            &["put", "s", "--key-field", "id"],
            b"nope",
            "0 records stored, not the rest: line 1: it is no JSON",
        ),
        (
            &["put", "s"],
            &long,
            "1 record stored, not the rest: line 2 is longer than a record can be (10 MiB)",
        ),
        (&["put", "s", "--file", "/nonexistent/x"], b"", "cannot read /nonexistent/x: No such file"),
        (&["put", "gone"], b"a\nb", "0 records stored, not the rest: ResourceNotFoundException: "),
    ];
    for (args, input, expected) in cases {
        let done = server.run_with(args, input);
        assert_eq!((done.code, done.err.lines().count()), (1, 1), "{args:?}: {done:?}");
        assert!(done.err.starts_with(&format!("headwater: {expected}")), "{args:?}: {done:?}");
    }
}

#[test]
fn usage_errors_have_code_2() {
    let cases: &[&[&str]] = &[
        &["create"],
        &["create", "s", "--shards", "0"],
        &["create", "s", "--shards", "2", "--on-demand"],
        &["create", "s", "--retention-hours", "23"],
        &["create", "s", "--retention-hours", "48", "--no-wait"],
        &["create", "s", "--tag", "novalue"],
        &["put", "s", "data", "--file", "f"],
        &["put", "s", "--lines"],
        &["put", "s", "--key", "a", "--key-field", "b"],
        &["put", "s", "x", "--explicit-hash-key", "340282366920938463463374607431768211456"],
        &["tail", "s", "--from", "yesterday"],
        &["--listen", "127.0.0.1:0", "streams"],
        &["frobnicate"],
    ];
    for args in cases {
        assert_eq!(run(command(args), b"").code, 2, "{args:?}");
    }
}

#[test]
fn nobody_listening_is_said_with_the_endpoint() {
    let done = run(command(&["streams", "--endpoint-url", "http://127.0.0.1:9"]), b"");
    assert_eq!(done.code, 1);
    assert!(done.err.starts_with("headwater: cannot reach http://127.0.0.1:9: "), "{done:?}");
    assert!(done.err.contains("Is the server running"), "{done:?}");
    let done = run(command(&["streams", "--endpoint-url", "http://kinesis.example:1"]), b"");
    assert!(done.code == 1 && done.err.contains("AWS_ACCESS_KEY_ID"), "{done:?}");
}

#[test]
fn help_has_examples() {
    for name in ["streams", "create", "delete", "describe", "put", "tail", "top"] {
        let done = run(command(&[name, "--help"]), b"");
        assert!(
            done.code == 0 && done.out.contains("Examples:") && done.out.contains("--endpoint-url"),
            "{name}"
        );
    }
    let done = run(command(&["--help"]), b"");
    assert!(done.out.contains("--data-dir") && done.out.contains("Examples:"), "{done:?}");
}
