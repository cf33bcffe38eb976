//! A thousand subscriptions while the stream is resharded, connections are cut and the server is killed: every
//! consumer has to see every stored record once, in the order of its key.
//!
//! # Algorithm
//! Each consumer reads the shards by their descent: a shard when its parents were read to their ends, from its
//! beginning. A subscription that ends goes on after its last continuation number. When the writers have stopped, the
//! stream is read by GetRecords and held against the ledger, and what each consumer has seen against that.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Result;
use crate::api::Api;
use crate::check::{Digest, Ledger, verify, write_until_stopped};
use crate::random::Random;
use crate::scratch::Scratch;
use crate::server::{Program, Server};
use crate::soak::reshard_until_stopped;
use crate::subscription::{Refusal, Said, Start, Subscription, consumers};

/// Subscriptions that have to be open at one moment.
const OPEN_AT_LEAST: u64 = 1000;
const CONSUMERS: usize = 20;
/// Twenty consumers of each: some more than a thousand subscriptions when all are open.
const SHARDS: u64 = 60;
const WRITERS: u64 = 2;
/// Between two puts of a writer: every record is pushed and judged twenty times on the same two processors.
const WRITER_PAUSE: Duration = Duration::from_millis(50);
/// Within this time of a successful call the next one is refused.
const TAKEOVER_AFTER: Duration = Duration::from_secs(5);
const CATCH_UP_MAX: Duration = Duration::from_secs(120);
/// Long enough for a thousand subscriptions to stand before the shards change again.
const RESHARD_PAUSE_MS: (u64, u64) = (3000, 8000);
const ROUND_SECONDS: (u64, u64) = (15, 40);

/// Records that one consumer has seen.
#[derive(Default)]
struct Seen {
    digest: Digest,
    /// Shards read to their ends.
    finished: HashSet<String>,
}

/// State that all threads share.
struct Run {
    address: Mutex<SocketAddr>,
    stream: String,
    consumers: Vec<String>,
    seen: Vec<Mutex<Seen>>,
    subscriptions: AtomicU64,
    open: AtomicU64,
    open_most: AtomicU64,
    resumed: AtomicU64,
    stop: AtomicBool,
    failure: Mutex<Option<crate::Failure>>,
}

pub(crate) fn run(program: &Program, work: &Path, time: Duration, seed: u64) -> Result<()> {
    let scratch = Scratch::new(work, "fan-out-soak")?;
    let mut random = Random::new(seed);
    let mut server = Server::start(program, scratch.path())?;
    let mut api = Api::open(server.address)?;
    let stream = "soak".to_owned();
    api.create_stream(&stream, SHARDS as usize)?;
    let run = Run {
        address: Mutex::new(server.address),
        consumers: consumers(&mut api, &stream, CONSUMERS)?,
        stream,
        seen: (0..CONSUMERS).map(|_| Mutex::default()).collect(),
        subscriptions: AtomicU64::new(0),
        open: AtomicU64::new(0),
        open_most: AtomicU64::new(0),
        resumed: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    let ledger = Mutex::new(Ledger::create(&scratch.path().join("ledger"))?);
    thread::scope(|scope| {
        for consumer in 0..CONSUMERS {
            let (run, random) = (&run, Random::new(random.next()));
            scope.spawn(move || run.guard(|| consume(run, scope, consumer, random)));
        }
        let started = Instant::now();
        let mut kills = 0;
        let outcome = loop {
            let (low, high) = ROUND_SECONDS;
            let round = Duration::from_secs(random.between(low, high));
            if let Err(failure) = load(&run, &ledger, round, &mut random, || server.stop_hard()) {
                break Err(failure);
            }
            kills += 1;
            match Server::start(program, scratch.path()) {
                Ok(restarted) => server = restarted,
                Err(failure) => break Err(failure),
            }
            run.move_to(server.address)?;
            eprintln!("{:.0?}: {}, {kills} kills", started.elapsed(), run.told());
            if started.elapsed() >= time || !run.healthy() {
                break settle(&run, &ledger);
            }
        };
        run.stop.store(true, Ordering::Relaxed);
        // Ends the subscriptions.
        server.stop_hard()?;
        outcome?;
        // A soak that did little has shown little.
        let (most, resumed) = (run.open_most.load(Ordering::Relaxed), run.resumed.load(Ordering::Relaxed));
        if most < OPEN_AT_LEAST || resumed == 0 {
            return Err(format!("too little was tried: {}", run.told()).into());
        }
        println!("fan-out soak: {CONSUMERS} consumers saw each record once and in order; {}", run.told());
        Ok(())
    })
    .and_then(|()| match run.failure.lock().map_err(|_| "a reader panicked")?.take() {
        Some(failure) => Err(failure),
        None => Ok(()),
    })
    .map_err(|failure: crate::Failure| format!("seed {seed}: {failure}").into())
}

impl Run {
    /// Keeps the first failure of a thread, and ends the run with it.
    fn guard(&self, work: impl FnOnce() -> Result<()>) {
        if let Err(failure) = work()
            && let Ok(mut first) = self.failure.lock()
        {
            first.get_or_insert(failure);
        }
    }

    fn healthy(&self) -> bool {
        self.failure.lock().is_ok_and(|failure| failure.is_none())
    }

    fn running(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && self.healthy()
    }

    fn address(&self) -> Result<SocketAddr> {
        Ok(*self.address.lock().map_err(|_| "a reader panicked")?)
    }

    fn move_to(&self, address: SocketAddr) -> Result<()> {
        *self.address.lock().map_err(|_| "a reader panicked")? = address;
        Ok(())
    }

    fn told(&self) -> String {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "{} subscriptions, {} open at once at most, {} resumed",
            count(&self.subscriptions),
            count(&self.open_most),
            count(&self.resumed)
        )
    }
}

/// Writes and reshards for some time, then kills the server under it.
fn load(
    run: &Run,
    ledger: &Mutex<Ledger>,
    time: Duration,
    random: &mut Random,
    kill: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let (address, stop) = (run.address()?, AtomicBool::new(false));
    let mut seed = Random::new(random.next());
    thread::scope(|scope| {
        let writing =
            scope.spawn(|| write_until_stopped(address, &run.stream, WRITERS, WRITER_PAUSE, ledger, &stop));
        let resharding = scope.spawn(|| {
            reshard_until_stopped(address, &run.stream, SHARDS, RESHARD_PAUSE_MS, &mut seed, &stop)
        });
        let until = Instant::now() + time;
        while Instant::now() < until && run.healthy() && !writing.is_finished() && !resharding.is_finished() {
            thread::sleep(Duration::from_millis(20));
        }
        kill()?;
        stop.store(true, Ordering::Relaxed);
        writing.join().map_err(|_| "the writers panicked")??;
        resharding.join().map_err(|_| "the resharder panicked")?
    })
}

/// Waits until every consumer has seen as much as is stored, and compares.
fn settle(run: &Run, ledger: &Mutex<Ledger>) -> Result<()> {
    let ledger = ledger.lock().map_err(|_| "a writer panicked")?;
    let stored = verify(run.address()?, &run.stream, &ledger)?;
    let started = Instant::now();
    for (consumer, seen) in run.seen.iter().enumerate() {
        loop {
            let seen = seen.lock().map_err(|_| "a reader panicked")?;
            if seen.digest == stored.digest {
                break;
            }
            let (has, all) = (seen.digest.records, stored.digest.records);
            drop(seen);
            if has > all || !run.healthy() || started.elapsed() > CATCH_UP_MAX {
                return Err(format!("consumer {consumer} has seen {has} records of {all}, or others").into());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    eprintln!("{} records, {} of them acknowledged", stored.digest.records, stored.acknowledged);
    Ok(())
}

/// Begins a shard when its parents were read, until the run stops.
fn consume<'scope>(
    run: &'scope Run,
    scope: &'scope Scope<'scope, '_>,
    consumer: usize,
    mut random: Random,
) -> Result<()> {
    let mut begun = HashSet::new();
    while run.running() {
        // The server may be away.
        let listed = Api::open(run.address()?).and_then(|mut api| list(&mut api, &run.stream));
        let shards = listed.unwrap_or_default();
        let ready: Vec<String> = {
            let seen = run.seen[consumer].lock().map_err(|_| "a reader panicked")?;
            let read = |parent: &String| seen.finished.contains(parent) || !shards.contains_key(parent);
            let ready =
                |(id, parents): &(&String, &Vec<String>)| !begun.contains(*id) && parents.iter().all(read);
            shards.iter().filter(ready).map(|(id, _)| id.clone()).collect()
        };
        for shard in ready {
            begun.insert(shard.clone());
            let random = Random::new(random.next());
            scope.spawn(move || run.guard(|| read_shard(run, consumer, &shard, random)));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Every shard with its parents.
fn list(api: &mut Api, stream: &str) -> Result<HashMap<String, Vec<String>>> {
    let answer = api.call("ListShards", &json!({ "StreamName": stream, "MaxResults": 1000 }))?;
    let mut all = answer["Shards"].as_array().ok_or("ListShards without Shards")?.clone();
    let mut token = answer["NextToken"].as_str().map(str::to_owned);
    while let Some(next) = token {
        let answer = api.call("ListShards", &json!({ "NextToken": next }))?;
        all.extend(answer["Shards"].as_array().ok_or("ListShards without Shards")?.iter().cloned());
        token = answer["NextToken"].as_str().map(str::to_owned);
    }
    let text = |shard: &Value, name: &str| shard[name].as_str().map(str::to_owned);
    let parents = |shard: &Value| {
        ["ParentShardId", "AdjacentParentShardId"].iter().filter_map(|name| text(shard, name)).collect()
    };
    Ok(all.iter().filter_map(|shard| Some((text(shard, "ShardId")?, parents(shard)))).collect())
}

/// Reads a shard to its end, by as many subscriptions as it takes.
fn read_shard(run: &Run, consumer: usize, shard: &str, mut random: Random) -> Result<()> {
    let mut start = Start::Horizon;
    while run.running() {
        let subscription = match Subscription::open(run.address()?, &run.consumers[consumer], shard, &start) {
            Ok(subscription) => subscription,
            Err(failure) => match failure.downcast_ref::<Refusal>() {
                Some(Refusal(why)) if !why.contains("ResourceInUseException") => return Err(failure),
                // Too early after the last one, or the server is away.
                _ => {
                    thread::sleep(Duration::from_millis(500));
                    continue;
                }
            },
        };
        run.subscriptions.fetch_add(1, Ordering::Relaxed);
        run.open_most.fetch_max(run.open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        if matches!(start, Start::After(_)) {
            run.resumed.fetch_add(1, Ordering::Relaxed);
        }
        let cut_after = TAKEOVER_AFTER + Duration::from_millis(random.between(0, 60_000));
        let ended = follow(run, consumer, subscription, &mut start, cut_after);
        run.open.fetch_sub(1, Ordering::Relaxed);
        if ended? {
            let mut seen = run.seen[consumer].lock().map_err(|_| "a reader panicked")?;
            seen.finished.insert(shard.to_owned());
            return Ok(());
        }
    }
    Ok(())
}

/// Takes what comes until the subscription ends or is cut; true at the end of the shard.
fn follow(
    run: &Run,
    consumer: usize,
    mut subscription: Subscription,
    start: &mut Start,
    cut_after: Duration,
) -> Result<bool> {
    let began = Instant::now();
    while run.running() && began.elapsed() < cut_after {
        let event = match subscription.next()? {
            Said::Event(event) => event,
            Said::Exception(name) => return Err(format!("{name} in the stream").into()),
            Said::End => return Ok(false),
        };
        let event: Value = serde_json::from_slice(event)?;
        let records = event["Records"].as_array().ok_or("an event without Records")?;
        {
            let mut seen = run.seen[consumer].lock().map_err(|_| "a reader panicked")?;
            records.iter().try_for_each(|record| seen.digest.add(record).map(|_| ()))?;
        }
        match event["ContinuationSequenceNumber"].as_str() {
            Some(number) => *start = Start::After(number.to_owned()),
            None if event["ChildShards"].as_array().is_some_and(|children| !children.is_empty()) => {
                return Ok(true);
            }
            None => return Err("an event with neither a continuation number nor child shards".into()),
        }
    }
    Ok(false)
}
