//! Somebody who scales an on-demand stream up and down all the time, by its warm throughput, and writes to it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_host::SeededRandom;
use serde_json::json;

use super::below;
use super::client::{Client, Outcome};
use super::progress::Progress;
use super::shards::{self, check_map, settled};

pub(super) const STREAM: &str = "delta";
const WARM_MAX: u64 = 12;
/// Shards of an on-demand stream that asks for nothing.
const OPEN_MIN: u64 = 4;

#[derive(Debug)]
pub(super) struct Scaler {
    random: Arc<SeededRandom>,
    /// Values that the warm throughput may have, as far as the answers tell.
    warm: BTreeSet<u64>,
    scaled: u64,
    acknowledged: u64,
    unanswered: u64,
}

impl Scaler {
    pub(super) fn new(client: &mut Client, seed: u64) -> Self {
        let commitment = json!({"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}});
        client.ok("UpdateAccountSettings", &commitment);
        let on_demand = json!({"StreamName": STREAM, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
        client.ok("CreateStream", &on_demand);
        let warm = BTreeSet::from([0]);
        Self { random: SeededRandom::new(seed), warm, scaled: 0, acknowledged: 0, unanswered: 0 }
    }

    /// Scales and writes until the server is gone.
    pub(super) fn run(&mut self, address: &str, stop: &AtomicBool, progress: &Progress) {
        let mut client = Client::new(address);
        while !stop.load(Ordering::Acquire) {
            let warm = below(&self.random, WARM_MAX + 1);
            let input = json!({"StreamName": STREAM, "WarmThroughputMiBps": warm});
            match client.call("UpdateStreamWarmThroughput", &input) {
                Outcome::Done(body) => {
                    assert_eq!(body["WarmThroughput"]["TargetMiBps"], warm);
                    self.warm = BTreeSet::from([warm]);
                    self.scaled += 1;
                    progress.scaled.add();
                }
                Outcome::Refused(kind, _) if kind == "ResourceInUseException" => {}
                Outcome::Refused(_, said) => panic!("{said}"),
                Outcome::Lost => {
                    self.warm.insert(warm);
                    return;
                }
            }
            let key = self.random_key();
            match client
                .call("PutRecord", &json!({"StreamName": STREAM, "PartitionKey": key, "Data": "eA=="}))
            {
                Outcome::Done(_) => self.acknowledged += 1,
                Outcome::Refused(_, said) => panic!("{said}"),
                Outcome::Lost => {
                    self.unanswered += 1;
                    return;
                }
            }
        }
    }

    fn random_key(&self) -> String {
        below(&self.random, 1 << 60).to_string()
    }

    /// After a restart: what was begun is finished, as many shards as were asked for, and every record is there.
    pub(super) fn check(&mut self, client: &mut Client, what: &str) {
        let what = format!("{what}: {STREAM}");
        let summary = settled(client, STREAM, &what).unwrap_or_else(|| panic!("{what} is gone"));
        let open = summary["OpenShardCount"].as_u64().unwrap();
        let possible: Vec<_> = self.warm.iter().map(|&warm| warm.max(OPEN_MIN)).collect();
        assert!(
            possible.contains(&open),
            "{what} has {open} open shards and should have one of {possible:?}"
        );
        // Where nothing was asked for, the target shown is what there is.
        let target = summary["WarmThroughput"]["TargetMiBps"].as_u64().unwrap();
        self.warm.retain(|&warm| warm == target || (warm == 0 && target == open));
        assert!(!self.warm.is_empty(), "{what} is kept ready for {target} MiB/s");
        let shards = shards::list(client, STREAM).expect("the server runs");
        check_map(&shards, &what);
        assert_eq!(shards.iter().filter(|shard| !shard.closed).count() as u64, open, "{what}");
    }

    /// Reads everything.
    pub(super) fn check_all(&self, client: &mut Client, what: &str) {
        let shards = shards::list(client, STREAM).expect("the server runs");
        let count = |shard: &shards::Shard| {
            shards::read(client, STREAM, shard.id, None).expect("the server runs").records.len() as u64
        };
        let stored: u64 = shards.iter().map(count).sum();
        let most = self.acknowledged + self.unanswered;
        assert!((self.acknowledged..=most).contains(&stored), "{what}: {stored} records, {self:?}");
    }

    pub(super) fn scaled(&self) -> u64 {
        self.scaled
    }
}
