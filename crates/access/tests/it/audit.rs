//! The record: what it holds, and that nobody can fill the disk with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use headwater_access::{AuditEvent, AuditLog};
use headwater_host::{Clock, ManualClock};
use headwater_types::Timestamp;
use serde_json::Value;

fn event<'a>(time: Timestamp, outcome: &'a str, reason: Option<&'a str>) -> AuditEvent<'a> {
    AuditEvent {
        time,
        request_id: "id",
        source: "203.0.113.9",
        principal: None,
        access_key_id: None,
        action: "kinesis:DeleteStream",
        region: Some("us-east-1"),
        resource: Some("arn:aws:kinesis:us-east-1:111122223333:stream/a\"\n"),
        outcome,
        reason,
    }
}

#[test]
fn lines_and_how_many() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let clock = ManualClock::new(Timestamp::from_secs(1_700_000_000));
    let log = AuditLog::open(clock.clone(), Some(&path)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let lines = || -> Vec<Value> {
        let text = fs::read_to_string(&path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    for _ in 0..1_000 {
        log.refused(&event(clock.now(), "AccessDeniedException", Some("no identity-based policy allows it")));
    }
    assert_eq!(lines().len(), 100);
    // What was carried out is never left out.
    for _ in 0..50 {
        log.administered(&event(clock.now(), "ok", None));
    }
    assert_eq!(lines().len(), 150);
    clock.advance(Duration::from_secs(1));
    log.refused(&event(clock.now(), "AccessDeniedException", Some("x")));
    let lines = lines();
    assert_eq!(lines.len(), 152);
    assert_eq!(lines[150]["left_out"], 900);
    assert_eq!(lines[151]["time"], "2023-11-14T22:13:21.000Z");
    assert_eq!(lines[151]["region"], "us-east-1");
    assert_eq!(lines[151]["resource"], "arn:aws:kinesis:us-east-1:111122223333:stream/a\"\n");
    assert_eq!(lines[100].get("reason"), None);
}
