//! Shards as clients see them: the map of a stream, and the records in a shard.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, Outcome};
use super::pause;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) id: u32,
    pub(super) parents: Vec<u32>,
    pub(super) start: u128,
    pub(super) end: u128,
    pub(super) closed: bool,
}

pub(super) fn shard_id(id: u32) -> String {
    format!("shardId-{id:012}")
}

pub(super) fn parse_id(text: &Value) -> u32 {
    text.as_str().unwrap().strip_prefix("shardId-").unwrap().parse().unwrap()
}

fn parse(shard: &Value) -> Shard {
    let key = |name: &str| shard["HashKeyRange"][name].as_str().unwrap().parse().unwrap();
    let parents = ["ParentShardId", "AdjacentParentShardId"];
    Shard {
        id: parse_id(&shard["ShardId"]),
        parents: parents.iter().map(|name| &shard[*name]).filter(|id| !id.is_null()).map(parse_id).collect(),
        start: key("StartingHashKey"),
        end: key("EndingHashKey"),
        closed: !shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null(),
    }
}

/// All shards of a stream, by id; `None` if the server is gone.
pub(super) fn list(client: &mut Client, stream: &str) -> Option<Vec<Shard>> {
    let mut input = json!({"StreamName": stream});
    let mut shards = Vec::new();
    loop {
        let page = match client.call("ListShards", &input) {
            Outcome::Done(page) => page,
            Outcome::Lost => return None,
            Outcome::Refused(_, said) => panic!("ListShards of {stream}: {said}"),
        };
        shards.extend(page["Shards"].as_array().unwrap().iter().map(parse));
        if page["NextToken"].is_null() {
            return Some(shards);
        }
        input = json!({"NextToken": page["NextToken"]});
    }
}

/// The status of a stream once it is neither CREATING, UPDATING nor DELETING; `None` if it does not exist.
pub(super) fn settled(client: &mut Client, stream: &str, what: &str) -> Option<Value> {
    for _ in 0..400 {
        let summary = match client.call("DescribeStreamSummary", &json!({"StreamName": stream})) {
            Outcome::Done(mut body) => body["StreamDescriptionSummary"].take(),
            Outcome::Refused(kind, _) if kind == "ResourceNotFoundException" => return None,
            other => panic!("{what}: {stream}: {other:?}"),
        };
        if summary["StreamStatus"] == "ACTIVE" {
            return Some(summary);
        }
        pause(Duration::from_millis(5));
    }
    panic!("{what}: {stream} does not become ACTIVE");
}

/// The open shards tile the ring, and what is closed is covered by its children.
pub(super) fn check_map(shards: &[Shard], what: &str) {
    let tiles = |mut pieces: Vec<(u128, u128)>, start: u128, end: u128| {
        pieces.sort_unstable();
        let mut next = Some(start);
        for (from, to) in pieces {
            if next != Some(from) || to < from {
                return false;
            }
            next = to.checked_add(1);
        }
        next == end.checked_add(1)
    };
    let open = shards.iter().filter(|shard| !shard.closed);
    let open = open.map(|shard| (shard.start, shard.end)).collect();
    assert!(tiles(open, 0, u128::MAX), "{what}: the open shards do not tile the ring: {shards:?}");
    for shard in shards {
        let children = shards.iter().filter(|child| child.parents.contains(&shard.id));
        let children: Vec<_> =
            children.map(|child| (child.start.max(shard.start), child.end.min(shard.end))).collect();
        let right = if shard.closed { tiles(children, shard.start, shard.end) } else { children.is_empty() };
        assert!(right, "{what}: the children of {shard:?} do not cover it: {shards:?}");
    }
}

/// A record as it is read.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) number: String,
    pub(super) data: Vec<u8>,
}

/// Result of reading a shard.
pub(super) struct Found {
    pub(super) records: Vec<Record>,
    /// The shard's children, where it has come to its end.
    pub(super) ended: Option<Vec<u32>>,
}

/// Reads from after this number on, to the tip or the end; `None` if the server is gone.
pub(super) fn read(client: &mut Client, stream: &str, shard: u32, after: Option<&str>) -> Option<Found> {
    let done = |outcome| match outcome {
        Outcome::Done(body) => Some(body),
        Outcome::Lost => None,
        Outcome::Refused(_, said) => panic!("reading shard {shard} of {stream} after {after:?}: {said}"),
    };
    let input = match after {
        Some(number) => json!({
            "StreamName": stream, "ShardId": shard_id(shard),
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": number,
        }),
        None => {
            json!({"StreamName": stream, "ShardId": shard_id(shard), "ShardIteratorType": "TRIM_HORIZON"})
        }
    };
    let mut iterator = done(client.call("GetShardIterator", &input))?["ShardIterator"].take();
    let mut records = Vec::new();
    loop {
        let mut body = done(client.call("GetRecords", &json!({"ShardIterator": iterator})))?;
        let page = body["Records"].as_array().unwrap();
        for record in page {
            let data = record["Data"].as_str().unwrap();
            records.push(Record {
                number: record["SequenceNumber"].as_str().unwrap().to_owned(),
                data: base64_simd::STANDARD.decode_to_vec(data).unwrap(),
            });
        }
        let tip = page.is_empty() && body["MillisBehindLatest"] == 0;
        iterator = body["NextShardIterator"].take();
        if iterator.is_null() {
            let children = body["ChildShards"].as_array().unwrap();
            let children = children.iter().map(|child| parse_id(&child["ShardId"])).collect();
            return Some(Found { records, ended: Some(children) });
        }
        if tip {
            return Some(Found { records, ended: None });
        }
    }
}
