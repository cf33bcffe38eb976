//! Kill -9 under load, again and again: after every restart the whole stream is held against the ledger.
//! The stream is resharded meanwhile, and deleted for a new one before reading it all takes too long.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Result;
use crate::api::{Api, Refused};
use crate::check::{Ledger, Verified, verify, write_until_stopped};
use crate::random::Random;
use crate::scratch::Scratch;
use crate::server::{Program, Server};

const WRITERS: u64 = 8;
const SHARDS_MAX: u64 = 8;
const RESHARD_PAUSE_MS: (u64, u64) = (20, 600);
const ROUNDS_PER_STREAM: u64 = 6;
/// A stream this large is read back a last time.
const RECORDS_PER_STREAM: u64 = 1_000_000;

pub(crate) fn run(program: &Program, work: &Path, time: Duration, seed: u64) -> Result<()> {
    let scratch = Scratch::new(work, "soak")?;
    let started = Instant::now();
    let mut random = Random::new(seed);
    let mut round = 0;
    let mut total = 0;
    for generation in 0.. {
        let stream = format!("soak-{generation}");
        let ledger = Mutex::new(Ledger::create(&scratch.path().join("ledger"))?);
        let mut server = Server::start(program, scratch.path())?;
        Api::open(server.address)?.create_stream(&stream, 2)?;
        let mut acknowledged = 0;
        for _ in 0..ROUNDS_PER_STREAM {
            round += 1;
            let load = Duration::from_millis(random.between(200, 4000));
            crash_under_load(server, &stream, &ledger, load, &mut random)?;
            server = Server::start(program, scratch.path())?;
            let ledger = ledger.lock().map_err(|_| "a writer panicked")?;
            let Verified { acknowledged: all, unacknowledged, .. } = verify(server.address, &stream, &ledger)
                .map_err(|failure| keep_evidence(work, scratch.path(), round, seed, &failure))?;
            acknowledged = all;
            eprintln!(
                "round {round}: killed after {load:.1?}, up again in {:.0?}, {all} acknowledged records all there, \
                 {unacknowledged} more stored",
                server.first_answer
            );
            if started.elapsed() >= time || acknowledged >= RECORDS_PER_STREAM {
                break;
            }
        }
        total += acknowledged;
        if started.elapsed() >= time {
            println!(
                "soak: {round} kills in {:.0?}, {total} acknowledged records, none lost",
                started.elapsed()
            );
            return Ok(());
        }
        Api::open(server.address)?.call("DeleteStream", &json!({ "StreamName": stream }))?;
    }
    Ok(())
}

fn crash_under_load(
    server: Server,
    stream: &str,
    ledger: &Mutex<Ledger>,
    load: Duration,
    random: &mut Random,
) -> Result<()> {
    let address = server.address;
    let stop = AtomicBool::new(false);
    let mut seed = Random::new(random.next());
    thread::scope(|scope| {
        let writing =
            scope.spawn(|| write_until_stopped(address, stream, WRITERS, Duration::ZERO, ledger, &stop));
        let resharding = scope
            .spawn(|| reshard_until_stopped(address, stream, SHARDS_MAX, RESHARD_PAUSE_MS, &mut seed, &stop));
        let until = Instant::now() + load;
        while Instant::now() < until && !writing.is_finished() && !resharding.is_finished() {
            thread::sleep(Duration::from_millis(5));
        }
        server.kill()?;
        stop.store(true, Ordering::Relaxed);
        writing.join().map_err(|_| "the writers panicked")??;
        resharding.join().map_err(|_| "the resharder panicked")?
    })
}

/// Between half and double the open shards, up to `shards_max`, as UpdateShardCount allows.
pub(crate) fn reshard_until_stopped(
    address: SocketAddr,
    stream: &str,
    shards_max: u64,
    pause_ms: (u64, u64),
    random: &mut Random,
    stop: &AtomicBool,
) -> Result<()> {
    let Ok(mut api) = Api::open(address) else { return Ok(()) };
    while !stop.load(Ordering::Relaxed) {
        let outcome =
            api.call("DescribeStreamSummary", &json!({ "StreamName": stream })).and_then(|answer| {
                let open = answer["StreamDescriptionSummary"]["OpenShardCount"].as_u64().unwrap_or(1);
                let target = random.between(open.div_ceil(2), (open * 2).min(shards_max) + 1);
                let ask = json!({
                    "StreamName": stream, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING",
                });
                api.call("UpdateShardCount", &ask)
            });
        if let Err(failure) = outcome {
            match failure.downcast_ref::<Refused>() {
                // The one before is not done yet.
                Some(refused) if refused.body.contains("ResourceInUseException") => {}
                Some(_) => return Err(failure),
                // Killed, as planned.
                None => return Ok(()),
            }
        }
        thread::sleep(Duration::from_millis(random.between(pause_ms.0, pause_ms.1)));
    }
    Ok(())
}

/// Puts data and ledger aside, for whoever has to find out.
fn keep_evidence(
    work: &Path,
    data: &Path,
    round: u64,
    seed: u64,
    failure: &crate::Failure,
) -> crate::Failure {
    let kept = work.join(format!("soak-failed-{}", std::process::id()));
    let moved = std::fs::rename(data, &kept).and_then(|()| std::fs::create_dir_all(data));
    let kept = match moved {
        Ok(()) => format!("data and ledger are kept in {}", kept.display()),
        Err(error) => format!("data and ledger could not be kept: {error}"),
    };
    format!("round {round}, seed {seed}: {failure}\n{kept}").into()
}
