//! Every limit of the list: what is allowed, what is refused and in which words, what brings it back, and that each
//! is set and switched off by itself. `throttling` has what single limits have beyond that.

mod trial;

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use headwater_host::SeededRandom;
use headwater_server::{LimitsChoice, MasterKeyFile, MasterKeySource};
use headwater_types::Region;
use headwater_types::limits::{Limit, Unit};
use headwater_vault::{Alias, MasterKey};

use crate::harness::World;
use crate::http::Answer;
use trial::{Met, Trial, trial};

/// Region in which AWS's quotas are the smaller ones.
const REGION: &str = "eu-west-2";

fn region() -> Region {
    Region::new(REGION).unwrap()
}

async fn world(base: LimitsChoice, name: &str, changes: &[String]) -> World {
    World::with(name, |settings| {
        settings.limits = base;
        settings.regions = region().into();
        settings.master_keys = one_key();
        settings.limit_changes[0] = changes.iter().map(|change| change.parse().unwrap()).collect();
    })
    .await
}

/// A file with the default key, which is also called alias/other.
fn one_key() -> MasterKeySource {
    static FILE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.toml");
        let mut key = MasterKey::generate(&*SeededRandom::new(1), 0);
        key.aliases.extend(["alias/aws/kinesis", "alias/other"].map(|alias| Alias::parse(alias).unwrap()));
        MasterKeyFile::create(&path, key).unwrap();
        (dir, path)
    });
    MasterKeySource::File(FILE.1.clone())
}

#[track_caller]
fn assert_allowed(limit: Limit, trial: &Trial, answer: &Answer) {
    let kind = answer.error().1;
    assert_eq!(kind, trial.success, "{}: {}", limit.name(), answer.text);
}

#[track_caller]
fn assert_refused(limit: Limit, trial: &Trial, value: u64, answer: &Answer) {
    let (kind, text) = (trial.refusal)(value);
    assert_eq!(answer.error(), (400, kind.to_owned(), text), "{}: {}", limit.name(), answer.text);
}

/// Nothing but this limit is enforced: it is met at its value, and passes.
async fn both_sides(limit: Limit, trial: &Trial, change: String, value: u64) {
    let mut world = world(LimitsChoice::Off, &format!("{}-{value}", limit.name()), &[change]).await;
    trial.prepare(&world, value).await;
    let within = trial.within(value);
    for i in 0..within {
        assert_allowed(limit, trial, &trial.attempt(&world, value, i).await);
    }
    assert_refused(limit, trial, value, &trial.attempt(&world, value, within).await);
    if let Some(recovery) = trial.recovery(value) {
        world.clock.advance(recovery / 2);
        assert_refused(limit, trial, value, &trial.attempt(&world, value, within).await);
        world.clock.advance(recovery - recovery / 2);
    }
    trial.mend(&world).await;
    assert_allowed(limit, trial, &trial.attempt(&world, value, within + 1).await);
    world.stop().await;
}

/// Everything is enforced but this limit, and what would be met before it.
async fn switched_off(limit: Limit, trial: &Trial) {
    let value = limit.aws(region());
    let off = trial.in_the_way.iter().chain([&limit]).map(|limit| format!("{}=off", limit.name()));
    let name = format!("{}-off", limit.name());
    let mut world = world(LimitsChoice::Aws, &name, &off.collect::<Vec<_>>()).await;
    trial.prepare(&world, value).await;
    for i in 0..=trial.within(value) {
        assert_allowed(limit, trial, &trial.attempt(&world, value, i).await);
    }
    world.stop().await;
}

async fn check(limit: Limit) {
    let trial = match trial(limit) {
        Met::Here(trial) => trial,
        Met::In(place) => return println!("{}: see the tests of {place}", limit.name()),
    };
    both_sides(limit, &trial, format!("{}=aws", limit.name()), limit.aws(region())).await;
    both_sides(limit, &trial, format!("{}={}", limit.name(), trial.other_value), trial.other_value).await;
    switched_off(limit, &trial).await;
}

async fn check_all(wanted: impl Fn(Unit) -> bool) {
    let limits: Vec<_> = Limit::ALL.iter().filter(|limit| wanted(limit.unit())).collect();
    assert!(!limits.is_empty());
    for &limit in limits {
        check(limit).await;
    }
}

#[tokio::test]
async fn rates_of_the_control_plane() {
    check_all(|unit| unit == Unit::ControlCallsPerSecond).await;
}

#[tokio::test]
async fn rates_of_records() {
    check_all(|unit| {
        matches!(
            unit,
            Unit::BytesPerSecond
                | Unit::RecordsPerSecond
                | Unit::CallsPerSecond
                | Unit::Bytes
                | Unit::MibPerSecond
        )
    })
    .await;
}

#[tokio::test]
async fn quotas() {
    check_all(|unit| matches!(unit, Unit::Count | Unit::CallsPerDay)).await;
}

/// Streams that are deleted take their rates along, and those that never were have none.
#[tokio::test]
async fn a_stream_that_is_not_there_has_no_rate() {
    let world = world(LimitsChoice::Aws, "rate-of-nothing", &[]).await;
    let list = serde_json::json!({"StreamName": "s"});
    for _ in 0..20 {
        let text = "Stream s under account 123456789012 not found.";
        world.call("ListTagsForStream", list.clone()).await.assert_error(
            400,
            "ResourceNotFoundException",
            text,
        );
    }
    world.create("s", 1).await;
    for _ in 0..5 {
        world.call("ListTagsForStream", list.clone()).await.ok();
    }
    // Another stream and another operation have rates of their own.
    world.create("t", 1).await;
    world.call("ListTagsForStream", serde_json::json!({"StreamName": "t"})).await.ok();
    world.call("ListShards", list.clone()).await.ok();
    world.clock.advance(Duration::from_secs(60));
    for _ in 0..5 {
        world.call("ListTagsForStream", list.clone()).await.ok();
    }
    let sixth = world.call("ListTagsForStream", list).await;
    let text = "Rate exceeded for stream s under account 123456789012.";
    sixth.assert_error(400, "LimitExceededException", text);
}
