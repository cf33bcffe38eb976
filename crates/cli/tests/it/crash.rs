//! `kill -9` at any moment loses nothing that was acknowledged.
//!
//! A server is killed again and again, at random moments: under writers, in the middle of splits, merges,
//! resizes, creations, deletions and changes of settings, and while it starts. After each restart everything is
//! checked against what the clients were told:
//! - every acknowledged record is there once, with its bytes, its shard and its sequence number;
//! - a record whose put got no answer is there once or never, and what is found is decided for good;
//! - what a reader saw before the kill, or a subscriber was pushed, is still there; subscriptions go on where they
//!   ended, without a gap and without a record twice;
//! - the records of one writer under one key are in order, across splits and merges;
//! - an on-demand stream that is scaled all the time has the shards that it was last scaled to;
//! - acknowledged changes hold, registered consumers among them, those without an answer happened wholly or not at all;
//! - every stream becomes ACTIVE, its open shards tile the ring, closed shards have children that cover them.
//!
//! Environment:
//! - `HEADWATER_CRASH_ROUNDS`: how many kills under load, 60 unless set. A soak sets thousands, about one a second.
//! - `HEADWATER_CRASH_SEED`: what the random choices follow from. Threads race, so a seed makes a failure likely
//!   to come back, not certain.

mod check;
mod client;
mod observer;
mod operator;
mod passing;
mod process;
mod progress;
mod scaler;
mod shards;
mod subscriber;
mod writer;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use headwater_host::{Clock, Random, SeededRandom, SystemClock};

use check::Checker;
use client::Client;
use observer::Observer;
use operator::Operator;
use passing::Passing;
use process::Server;
use progress::Progress;
use scaler::Scaler;
use subscriber::Subscriber;
use writer::Writer;

const ROUNDS: u64 = 60;
const WRITERS: usize = 5;
const SUBSCRIBERS: usize = 2;
/// In one of so many rounds the kill waits until clients of each kind have come to something, at most so long.
const PATIENT: u64 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// The streams that live through the whole test, and the shards they begin with.
const STREAMS: [(&str, u32); 3] = [("alpha", 1), ("beta", 3), ("gamma", 4)];

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Real time passes.
fn pause(by: Duration) {
    // Nobody unparks these threads; waking early would do no harm.
    thread::park_timeout(by);
}

fn below(random: &SeededRandom, end: u64) -> u64 {
    random.next_u64() % end
}

fn say(text: &str) {
    // Past the capture of the test runner: a long run should show that it is alive.
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let (rounds, seed) = (number("HEADWATER_CRASH_ROUNDS", ROUNDS), number("HEADWATER_CRASH_SEED", 1));
    println!("HEADWATER_CRASH_ROUNDS={rounds} HEADWATER_CRASH_SEED={seed}");
    let clock = SystemClock::new();
    let random = SeededRandom::new(seed);
    let draw = |end: u64| below(&random, end);
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path(), 0);
    let mut client = Client::new(server.address());
    for (name, shards) in STREAMS {
        client.ok("CreateStream", &serde_json::json!({"StreamName": name, "ShardCount": shards}));
    }
    for stream in 0..STREAMS.len() {
        let input =
            serde_json::json!({"StreamARN": subscriber::arn(stream), "ConsumerName": subscriber::CONSUMER});
        client.ok("RegisterStreamConsumer", &input);
    }
    let mut scaler = Scaler::new(&mut client, draw(1 << 60));
    let mut writers: Vec<_> = (0..WRITERS).map(|id| Writer::new(id, draw(1 << 60))).collect();
    let mut operators = STREAMS.map(|stream| Operator::new(stream, draw(1 << 60)));
    let mut passing = Passing::new(draw(1 << 60));
    let mut observer = Observer::new(draw(1 << 60));
    let mut subscribers: Vec<_> = (0..SUBSCRIBERS).map(|_| Subscriber::new(draw(1 << 60))).collect();
    let mut checker = Checker::new(WRITERS);
    let mut starts_killed = 0;
    for round in 0..rounds {
        let address = server.address().to_owned();
        let (stop, progress) = (AtomicBool::new(false), Progress::default());
        let can_resume: Vec<_> = subscribers.iter().map(Subscriber::can_resume).collect();
        thread::scope(|scope| {
            writers
                .iter_mut()
                .for_each(|writer| drop(scope.spawn(|| writer.run(&address, &stop, &progress))));
            operators.iter_mut().for_each(|operator| drop(scope.spawn(|| operator.run(&address, &stop))));
            scope.spawn(|| passing.run(&address, &stop));
            scope.spawn(|| observer.run(&address, &stop));
            scope.spawn(|| scaler.run(&address, &stop, &progress));
            let subscribed = subscribers
                .iter_mut()
                .map(|subscriber| scope.spawn(|| subscriber.run(&address, &stop, &progress)))
                .collect::<Vec<_>>();
            if round % PATIENT == PATIENT - 1 {
                let begin = clock.elapsed();
                // One whose subscription was refused waits for the next server.
                let all_over = || subscribed.iter().all(|thread| thread.is_finished());
                let resumed = || {
                    let resuming = subscribed.iter().zip(&can_resume).filter(|(_, can)| **can);
                    progress.resumed.any()
                        || resuming.map(|(thread, _)| thread).all(|thread| thread.is_finished())
                };
                let come_to_something = || {
                    progress.stored.any()
                        && progress.scaled.any()
                        && (progress.pushed.any() || all_over())
                        && resumed()
                };
                while !come_to_something() && clock.elapsed().saturating_sub(begin) < PATIENCE {
                    pause(Duration::from_millis(5));
                }
            }
            pause(Duration::from_millis(5 + draw(300)));
            server.kill();
            stop.store(true, Ordering::Release);
        });
        // Now and then the start is what is killed, several times in a row if need be.
        let transition_ms = 15 * draw(2);
        while draw(3) == 0 {
            let starting = Server::spawn(dir.path(), transition_ms);
            pause(Duration::from_millis(draw(80)));
            drop(starting);
            starts_killed += 1;
        }
        server = Server::start(dir.path(), transition_ms);
        let mut client = Client::new(server.address());
        let what = format!("round {round}");
        let maps = operators.each_mut().map(|operator| operator.check(&mut client, &what));
        checker.check(&mut client, &mut writers, &maps, &what);
        observer.check(&checker, &writers, &what);
        subscribers.iter_mut().for_each(|subscriber| subscriber.check(&checker, &writers, &what));
        scaler.check(&mut client, &what);
        passing.check(&mut client, &what);
        if round % 20 == 19 {
            checker.check_all(&mut client, &writers, &maps, &what);
            scaler.check_all(&mut client, &what);
            subscribers.iter().for_each(|subscriber| subscriber.check_all(&mut client, &what));
        }
        if rounds > ROUNDS && round % 100 == 99 {
            say(&format!("crash test: {} of {rounds} rounds", round + 1));
        }
    }
    let mut client = Client::new(server.address());
    let maps = operators.each_mut().map(|operator| operator.check(&mut client, "the end"));
    checker.check_all(&mut client, &writers, &maps, "the end");
    scaler.check_all(&mut client, "the end");
    subscribers.iter().for_each(|subscriber| subscriber.check_all(&mut client, "the end"));
    server.kill();
    server.check_log();
    let count = |at: usize| operators.iter().map(|operator| operator.counts()[at]).sum::<u64>();
    let summary = format!(
        "crash test: {rounds} kills and {starts_killed} of starts in {} s: {}; {} changes ({} splits and merges) \
         acknowledged, {} unanswered; {}; {} reads observed; {}; {} scalings",
        clock.elapsed().as_secs(),
        checker.summary(),
        count(0),
        count(1),
        count(2),
        passing.summary(),
        observer.observed(),
        subscribers.iter().map(Subscriber::summary).collect::<Vec<_>>().join("; "),
        scaler.scaled(),
    );
    say(&summary);
    // A test that found nothing to do has shown nothing. How much there was depends on the machine.
    let resumed: u64 = subscribers.iter().map(Subscriber::resumed).sum();
    assert!(checker.stored() > 0 && resumed > 0 && scaler.scaled() > 0, "{summary}");
}
