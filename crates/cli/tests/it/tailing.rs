//! Following a stream: through reshards, restarts, interrupts and closed pipes.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use crate::kit::Server;

struct Tail {
    child: Child,
    out: BufReader<ChildStdout>,
}

/// Data of the records by which a tail shows that it follows.
const PROBE: &str = "probe";

impl Tail {
    fn start(server: &Server, args: &[&str]) -> Self {
        let args = [&["tail", "s"], args].concat();
        let mut child = server.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// The same from the newest record on; puts probes until it shows one, and so follows.
    fn following(server: &Server) -> Self {
        let mut tail = Self::start(server, &[]);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                let mut line = String::new();
                tail.out.read_line(&mut line).unwrap();
                line
            });
            while !first.is_finished() {
                server.ok(&["put", "s", PROBE]);
            }
            assert_eq!(first.join().unwrap().trim_end(), PROBE);
        });
        tail
    }

    /// The next line that is no probe.
    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.out.read_line(&mut line).unwrap();
            if line.trim_end() != PROBE {
                return line.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const MIDDLE: &str = "170141183460469231731687303715884105728";

#[test]
fn children_follow_their_parents() {
    let server = Server::start();
    server.ok(&["create", "s"]);
    let mut live = Tail::start(&server, &["--from", "horizon"]);
    let mut latest = Tail::following(&server);
    let put =
        |data: &str, hash: &str| server.ok(&["put", "s", data, "--key", "k", "--explicit-hash-key", hash]);
    put("before", "1");
    server.call(
        "SplitShard",
        &format!(
            r#"{{"StreamName":"s","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"{MIDDLE}"}}"#
        ),
    );
    put("low", "1");
    for tail in [&mut live, &mut latest] {
        assert_eq!(tail.line(), "before");
        assert_eq!(tail.line(), "low");
    }
    put("high", MIDDLE);
    for tail in [&mut live, &mut latest] {
        assert_eq!(tail.line(), "high");
    }
    let shown = server.ok(&["describe", "s"]);
    assert!(
        shown.contains("2 open, 1 closed") && shown.contains("80000000..ffffffff   50.00%  0\n"),
        "{shown}"
    );
    // Afterwards the order is the same, whatever the shards' numbers are.
    let without_probes =
        |text: String| text.lines().filter(|line| *line != PROBE).map(str::to_owned).collect::<Vec<_>>();
    let all = without_probes(server.ok(&["tail", "s", "--from", "horizon", "--no-follow"]));
    assert!(all[0] == "before" && all.len() == 3, "{all:?}");
    assert_eq!(
        without_probes(server.ok(&[
            "tail",
            "s",
            "--from",
            "1h",
            "--no-follow",
            "--shard",
            "shardId-000000000000"
        ])),
        ["before"]
    );
    assert_eq!(server.ok(&["tail", "s", "--from", "horizon", "--shard", "2", "--limit", "1"]), "high\n");
    assert_eq!(server.ok(&["tail", "s", "--no-follow"]), "");
    let done = server.run(&["tail", "s", "--shard", "7"]);
    assert!(done.code == 1 && done.err.contains("has no shard 7"), "{done:?}");
}

#[test]
fn a_restarted_server_is_followed_on() {
    let mut server = Server::start();
    server.ok(&["create", "s"]);
    let mut tail = Tail::start(&server, &["--from", "horizon"]);
    server.ok(&["put", "s", "one"]);
    assert_eq!(tail.line(), "one");
    server.restart();
    server.ok(&["put", "s", "two"]);
    assert_eq!(tail.line(), "two");
}

#[test]
fn an_interrupt_is_a_clean_end() {
    let server = Server::start();
    server.ok(&["create", "s"]);
    let mut tail = Tail::start(&server, &["--from", "horizon"]);
    server.ok(&["put", "s", "one"]);
    assert_eq!(tail.line(), "one");
    let id = tail.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(tail.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let server = Server::start();
    server.ok(&["create", "s"]);
    let mut tail = Tail::start(&server, &["--from", "horizon"]);
    server.ok(&["put", "s", "one"]);
    assert_eq!(tail.line(), "one");
    // The reader goes away; the next record finds nobody.
    let Tail { child, out } = &mut tail;
    let null = std::process::Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    let mut null = null;
    *out = BufReader::new(null.stdout.take().unwrap());
    null.wait().unwrap();
    server.ok(&["put", "s", "two"]);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_deleted_stream_ends_the_tail() {
    let server = Server::start();
    server.ok(&["create", "s"]);
    let mut tail = Tail::following(&server);
    server.ok(&["delete", "s", "--yes", "--wait"]);
    assert_eq!(tail.child.wait().unwrap().code(), Some(1));
}

#[test]
fn binary_data_survives_the_pipe() {
    let server = Server::start();
    server.ok(&["create", "s"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bytes");
    std::fs::write(&file, [0xff, 0x00, b'a']).unwrap();
    server.ok(&["put", "s", "--file", file.to_str().unwrap()]);
    let json = server.ok(&["tail", "s", "--from", "horizon", "--no-follow", "--output", "json"]);
    assert!(json.contains(r#""data_base64":"/wBh""#), "{json}");
    let mut command = server.command(&["tail", "s", "--from", "horizon", "--no-follow"]);
    assert_eq!(command.output().unwrap().stdout, [0xff, 0x00, b'a', b'\n']);
}
