//! Somebody who reshards one of the lasting streams and changes its settings all the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_host::SeededRandom;
use serde_json::{Value, json};

use super::below;
use super::client::{Client, Outcome};
use super::shards::{self, Shard, check_map, settled, shard_id};
use super::subscriber::CONSUMER;

/// Open shards of one stream at the most.
const OPEN_MAX: usize = 8;
const TAGS: u64 = 4;
const CONSUMERS: u64 = 3;

/// Values that may be in force, as far as the answers tell: one, or two after an answer that did not come.
#[derive(Debug)]
struct Possible<T>(BTreeSet<T>);

impl<T: Ord + Clone + std::fmt::Debug> Possible<T> {
    fn known(value: T) -> Self {
        Self(BTreeSet::from([value]))
    }

    fn change(&mut self, outcome: &Outcome, value: T) {
        match outcome {
            Outcome::Done(_) => self.0 = BTreeSet::from([value]),
            Outcome::Lost => drop(self.0.insert(value)),
            Outcome::Refused(..) => {}
        }
    }

    fn only(&self) -> &T {
        self.0.first().expect("there is at least one")
    }

    fn settle(&mut self, found: T, what: &str) {
        assert!(self.0.contains(&found), "{what} is {found:?} and should be one of {:?}", self.0);
        self.0 = BTreeSet::from([found]);
    }
}

/// A reshard that was acknowledged: parents and the ranges of the children, for good.
#[derive(Debug)]
struct Done {
    parents: Vec<u32>,
    children: Vec<(u128, u128)>,
}

#[derive(Debug)]
struct Expected {
    open: Possible<usize>,
    retention: Possible<i64>,
    record_kib: Possible<i64>,
    tags: BTreeMap<String, Possible<Option<String>>>,
    /// True for those that are registered, by name.
    consumers: BTreeMap<String, Possible<bool>>,
    reshards: Vec<Done>,
}

#[derive(Debug)]
pub(super) struct Operator {
    name: &'static str,
    random: Arc<SeededRandom>,
    expected: Expected,
    done: u64,
    lost: u64,
}

impl Operator {
    pub(super) fn new((name, shards): (&'static str, u32), seed: u64) -> Self {
        let expected = Expected {
            open: Possible::known(shards as usize),
            retention: Possible::known(24),
            record_kib: Possible::known(1024),
            tags: (0..TAGS).map(|tag| (format!("tag{tag}"), Possible::known(None))).collect(),
            consumers: (0..CONSUMERS).map(|i| (format!("c{i}"), Possible::known(false))).collect(),
            reshards: Vec::new(),
        };
        Self { name, random: SeededRandom::new(seed), expected, done: 0, lost: 0 }
    }

    fn draw(&self, end: usize) -> usize {
        below(&self.random, end as u64) as usize
    }

    /// Operates until the server is gone.
    pub(super) fn run(&mut self, address: &str, stop: &AtomicBool) {
        let mut client = Client::new(address);
        while !stop.load(Ordering::Acquire) {
            let outcome = match self.draw(10) {
                0..=4 => match shards::list(&mut client, self.name) {
                    Some(shards) => self.reshard(&mut client, &shards),
                    None => return,
                },
                5 => self.retain(&mut client),
                6 => self.resize_records(&mut client),
                7 => self.tag(&mut client),
                _ => self.register(&mut client),
            };
            match outcome {
                Outcome::Done(_) => self.done += 1,
                // The stream is UPDATING still, or the consumer is not gone yet.
                Outcome::Refused(kind, _) if kind == "ResourceInUseException" => {}
                Outcome::Refused(_, said) => panic!("{said}"),
                Outcome::Lost => {
                    self.lost += 1;
                    return;
                }
            }
        }
    }

    fn reshard(&mut self, client: &mut Client, shards: &[Shard]) -> Outcome {
        let name = self.name;
        let mut open: Vec<_> = shards.iter().filter(|shard| !shard.closed).collect();
        open.sort_by_key(|shard| shard.start);
        let choice = self.draw(3);
        if choice == 0 {
            let (least, most) = (open.len().div_ceil(2), (2 * open.len()).min(OPEN_MAX));
            let target = least + self.draw(most - least + 1);
            let input =
                json!({"StreamName": name, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
            let outcome = client.call("UpdateShardCount", &input);
            self.expected.open.change(&outcome, target);
            return outcome;
        }
        let (outcome, count, done) = if open.len() == 1 || (choice == 1 && open.len() < OPEN_MAX) {
            let shard = open[self.draw(open.len())];
            // Anywhere, but not so near the edge that the shard cannot be split again.
            let at = shard.start + (shard.end - shard.start) / 8 * (1 + self.draw(7) as u128);
            if at <= shard.start + 1 || at >= shard.end {
                return Outcome::Refused("ResourceInUseException".into(), "too small to split".into());
            }
            let input = json!({
                "StreamName": name, "ShardToSplit": shard_id(shard.id), "NewStartingHashKey": at.to_string(),
            });
            let children = vec![(shard.start, at - 1), (at, shard.end)];
            let done = Done { parents: vec![shard.id], children };
            (client.call("SplitShard", &input), open.len() + 1, done)
        } else {
            let at = self.draw(open.len() - 1);
            let (low, high) = (open[at], open[at + 1]);
            let input = json!({
                "StreamName": name, "ShardToMerge": shard_id(low.id), "AdjacentShardToMerge": shard_id(high.id),
            });
            let done = Done { parents: vec![low.id, high.id], children: vec![(low.start, high.end)] };
            (client.call("MergeShards", &input), open.len() - 1, done)
        };
        let expected = &mut self.expected;
        expected.open.change(&outcome, count);
        if matches!(outcome, Outcome::Done(_)) {
            expected.reshards.push(done);
        }
        outcome
    }

    fn retain(&mut self, client: &mut Client) -> Outcome {
        let hours = 24 + self.draw(8737) as i64;
        let retention = &mut self.expected.retention;
        let operation = if hours >= *retention.only() {
            "IncreaseStreamRetentionPeriod"
        } else {
            "DecreaseStreamRetentionPeriod"
        };
        let input = json!({"StreamName": self.name, "RetentionPeriodHours": hours});
        let outcome = client.call(operation, &input);
        retention.change(&outcome, hours);
        outcome
    }

    fn resize_records(&mut self, client: &mut Client) -> Outcome {
        let kib = 1024 + self.draw(9217) as i64;
        let input = json!({"StreamARN": self.arn(), "MaxRecordSizeInKiB": kib});
        let outcome = client.call("UpdateMaxRecordSize", &input);
        self.expected.record_kib.change(&outcome, kib);
        outcome
    }

    fn tag(&mut self, client: &mut Client) -> Outcome {
        let tag = format!("tag{}", self.draw(TAGS as usize));
        let value = (self.draw(3) > 0).then(|| self.draw(1000).to_string());
        let name = self.name;
        let outcome = match &value {
            Some(value) => {
                client.call("AddTagsToStream", &json!({"StreamName": name, "Tags": {&tag: value}}))
            }
            None => client.call("RemoveTagsFromStream", &json!({"StreamName": name, "TagKeys": [tag]})),
        };
        self.expected.tags.get_mut(&tag).expect("a known tag").change(&outcome, value);
        outcome
    }

    fn register(&mut self, client: &mut Client) -> Outcome {
        let name = format!("c{}", self.draw(CONSUMERS as usize));
        let input = json!({"StreamARN": self.arn(), "ConsumerName": name});
        let registered = self.expected.consumers.get_mut(&name).expect("a known consumer");
        let register = !*registered.only();
        let operation = if register { "RegisterStreamConsumer" } else { "DeregisterStreamConsumer" };
        let outcome = client.call(operation, &input);
        registered.change(&outcome, register);
        outcome
    }

    fn arn(&self) -> String {
        format!("arn:aws:kinesis:us-east-1:000000000000:stream/{}", self.name)
    }

    /// After a restart: the settings are as they were acknowledged, and the shards, which it returns, make sense.
    pub(super) fn check(&mut self, client: &mut Client, what: &str) -> Vec<Shard> {
        let arn = self.arn();
        let (name, expected) = (self.name, &mut self.expected);
        let what = format!("{what}: {name}");
        let summary = settled(client, name, &what).unwrap_or_else(|| panic!("{what} is gone"));
        let hours = summary["RetentionPeriodHours"].as_i64().unwrap();
        expected.retention.settle(hours, &format!("{what}: the retention"));
        let kib = summary["MaxRecordSizeInKiB"].as_i64().unwrap();
        expected.record_kib.settle(kib, &format!("{what}: the record size"));
        let tags = client.ok("ListTagsForStream", &json!({"StreamName": name}));
        let tags = tags["Tags"].as_array().unwrap();
        for (tag, possible) in &mut expected.tags {
            let found = tags.iter().find(|found| found["Key"] == tag.as_str());
            let value = found.map(|found| found["Value"].as_str().unwrap().to_owned());
            possible.settle(value, &format!("{what}: {tag}"));
        }
        let listed = client.ok("ListStreamConsumers", &json!({"StreamARN": arn}));
        let listed = listed["Consumers"].as_array().unwrap();
        for (consumer, possible) in &mut expected.consumers {
            let is_it = |found: &&Value| {
                found["ConsumerName"] == consumer.as_str() && found["ConsumerStatus"] != "DELETING"
            };
            possible
                .settle(listed.iter().any(|found| is_it(&found)), &format!("{what}: consumer {consumer}"));
        }
        let watcher =
            |found: &Value| found["ConsumerName"] == CONSUMER && found["ConsumerStatus"] == "ACTIVE";
        assert!(listed.iter().any(watcher), "{what}: the watcher is not there: {listed:?}");
        let shards = shards::list(client, name).expect("the server runs");
        check_map(&shards, &what);
        let open = shards.iter().filter(|shard| !shard.closed).count();
        assert_eq!(summary["OpenShardCount"], open, "{what}");
        expected.open.settle(open, &format!("{what}: the number of open shards"));
        for done in &expected.reshards {
            let children = shards.iter().filter(|shard| shard.parents == done.parents);
            let children: Vec<_> = children.map(|shard| (shard.start, shard.end)).collect();
            assert_eq!(children, done.children, "{what}: the children of {:?}", done.parents);
        }
        shards
    }

    /// Changes that were acknowledged, splits and merges among them, and changes without an answer.
    pub(super) fn counts(&self) -> [u64; 3] {
        [self.done, self.expected.reshards.len() as u64, self.lost]
    }
}
