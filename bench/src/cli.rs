//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};

use crate::Result;
use crate::api::Api;
use crate::check::{Ledger, verify, write_until_stopped};
use crate::load::{Load, Tally, Window, percentile_us};
use crate::server::{Kind, Program};
use crate::table::{Options, Part, Servers};
use crate::workload::Work;
use crate::{ceiling, fan_out, fan_out_soak, leases, mixed_soak, soak, startup, sweep, table};

/// Load for anything that speaks Kinesis, on this machine.
#[derive(Parser)]
#[command(name = "headwater-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One workload against a running server
    Run {
        work: Work,
        #[arg(long)]
        endpoint: SocketAddr,
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
        #[arg(long, default_value_t = 1.0)]
        warm_up_seconds: f64,
        /// Process id of the server, to see its processor share
        #[arg(long)]
        server_pid: Option<u32>,
    },
    /// Store that much, as fast as possible
    Fill {
        #[arg(long)]
        endpoint: SocketAddr,
        #[arg(long, default_value = "filled")]
        stream: String,
        /// As in 5GB, 300MB
        #[arg(long, value_parser = parse_bytes)]
        bytes: u64,
    },
    /// Start the server on an empty directory several times
    FirstAnswer {
        #[arg(long)]
        server: PathBuf,
        #[arg(long)]
        work_dir: PathBuf,
        #[arg(long, default_value_t = 10)]
        starts: usize,
    },
    /// Write for a while, then read everything back and compare
    Check {
        #[arg(long)]
        endpoint: SocketAddr,
        #[arg(long, default_value = "checked")]
        stream: String,
        #[arg(long, default_value_t = 4)]
        shards: usize,
        #[arg(long, default_value_t = 8)]
        writers: u64,
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
        #[arg(long)]
        ledger: PathBuf,
    },
    /// Kill -9 under load, again and again, and check after each restart
    Soak(SoakArguments),
    /// A thousand subscriptions, resharded, cut and killed, every record counted
    FanOutSoak(SoakArguments),
    /// Everything at once, with kills; then memory, files and disk have to come back
    MixedSoak(SoakArguments),
    /// A thousand subscriptions, measured: a part of the table by itself
    FanOut {
        #[arg(long)]
        server: PathBuf,
        #[arg(long)]
        work_dir: PathBuf,
    },
    /// Ever more connections, past saturation: a part of the table by itself
    Sweep {
        #[arg(long)]
        server: PathBuf,
        #[arg(long)]
        work_dir: PathBuf,
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
    },
    /// Leases that are renewed as KCL renews them: conditional updates of a table
    Leases {
        #[arg(long)]
        server: PathBuf,
        #[arg(long)]
        work_dir: PathBuf,
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
    },
    /// Everything, as a table in Markdown on standard output
    Table {
        #[arg(long)]
        server: PathBuf,
        #[arg(long)]
        peer: PathBuf,
        #[arg(long)]
        work_dir: PathBuf,
        /// One short round: to try it out, not to quote
        #[arg(long)]
        quick: bool,
        /// These parts only, with commas: rows by their names in `run`, credentials, encryption, aws-limits, fan-out,
        /// sweep, leases, starts
        #[arg(long, value_delimiter = ',')]
        only: Vec<Part>,
        /// Rounds, of which the medians are taken
        #[arg(long)]
        rounds: Option<usize>,
    },
    /// A server that does nothing but parse, decode and hash: the most that could be reached
    Ceiling {
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
}

/// A run with kills and checks, for as long as one likes.
#[derive(Args)]
struct SoakArguments {
    #[arg(long)]
    server: PathBuf,
    #[arg(long)]
    work_dir: PathBuf,
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl SoakArguments {
    fn run(self, soak: impl FnOnce(&Program, &Path, Duration, u64) -> Result<()>) -> Result<()> {
        let program = Program { transition_ms: 50, ..Program::new(Kind::Headwater, &self.server) };
        soak(&program, &self.work_dir, Duration::from_secs_f64(self.minutes * 60.0), self.seed)
    }
}

pub(crate) fn run() -> Result<()> {
    match Arguments::parse().command {
        Command::Run { work, endpoint, seconds, warm_up_seconds, server_pid } => {
            let window = Window {
                warm_up: Duration::from_secs_f64(warm_up_seconds),
                measure: Duration::from_secs_f64(seconds),
            };
            print_tally(work, work.run(endpoint, Load::Closed, window, server_pid)?);
        }
        Command::Fill { endpoint, stream, bytes } => {
            let started = Instant::now();
            startup::fill(endpoint, &stream, bytes)?;
            println!("{:.1} MB/s", bytes as f64 / 1e6 / started.elapsed().as_secs_f64());
        }
        Command::FirstAnswer { server, work_dir, starts } => {
            let program = Program::new(Kind::Headwater, &server);
            let found = startup::empty(&program, &work_dir, starts, Duration::from_secs(3))?;
            println!("first answers after {:.1?}; idle {:.1} MiB", found.empty, found.idle_mib);
        }
        Command::Check { endpoint, stream, shards, writers, seconds, ledger } => {
            Api::open(endpoint)?.create_stream(&stream, shards)?;
            check(endpoint, &stream, writers, Duration::from_secs_f64(seconds), &ledger)?;
        }
        Command::Soak(arguments) => arguments.run(soak::run)?,
        Command::FanOutSoak(arguments) => arguments.run(fan_out_soak::run)?,
        Command::MixedSoak(arguments) => arguments.run(mixed_soak::run)?,
        Command::FanOut { server, work_dir } => {
            let times = fan_out::Times { idle: Duration::from_secs(5), measure: Duration::from_secs(5) };
            print!("{}", fan_out::measure(&Program::new(Kind::Headwater, &server), &work_dir, times, 1)?);
        }
        Command::Sweep { server, work_dir, seconds } => {
            let time = Duration::from_secs_f64(seconds);
            print!("{}", sweep::measure(&Program::new(Kind::Headwater, &server), &work_dir, time, 1)?);
        }
        Command::Leases { server, work_dir, seconds } => {
            let measure = Duration::from_secs_f64(seconds);
            let window = Window { warm_up: measure / 4, measure };
            print!("{}", leases::measure(&Program::new(Kind::Headwater, &server), &work_dir, window)?);
        }
        Command::Table { server, peer, work_dir, quick, only, rounds } => {
            let servers = Servers {
                ours: Program::new(Kind::Headwater, &server),
                peer: Program::new(Kind::Ferrokinesis, &peer),
                ceiling: Program::ceiling()?,
            };
            print!("{}", table::measure(&servers, &work_dir, &Options { quick, only, rounds })?);
        }
        Command::Ceiling { listen } => ceiling::serve(listen)?,
    }
    Ok(())
}

fn check(address: SocketAddr, stream: &str, writers: u64, time: Duration, path: &Path) -> Result<()> {
    let ledger = Mutex::new(Ledger::create(path)?);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let writing =
            scope.spawn(|| write_until_stopped(address, stream, writers, Duration::ZERO, &ledger, &stop));
        let started = Instant::now();
        while started.elapsed() < time && !writing.is_finished() {
            thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
        writing.join().map_err(|_| "the writers panicked")?
    })?;
    let ledger = ledger.into_inner().map_err(|_| "a writer panicked")?;
    let verified = verify(address, stream, &ledger)?;
    println!(
        "{} of {} acknowledged records, each once and in order",
        verified.acknowledged,
        ledger.acknowledged()
    );
    Ok(())
}

fn print_tally(work: Work, mut tally: Tally) {
    println!("{}", work.title());
    println!("  {:.0} records/s, {} requests", tally.records_per_second(), tally.requests);
    let at = |part: f64, latencies: &mut [u32]| percentile_us(latencies, part);
    let (p50, p99) = (at(0.5, &mut tally.latencies_us), at(0.99, &mut tally.latencies_us));
    println!("  a request: p50 {p50} us, p99 {p99} us");
    let server = tally.shares.server.map_or(String::new(), |server| format!(", server {server:.2}"));
    println!("  processors: generator {:.2}{server}, all else {:.2}", tally.shares.own, tally.shares.others);
    if let Some(time) = tally.server_time() {
        println!("  a request takes the server {:.1} us", time.as_secs_f64() * 1e6 / tally.requests as f64);
    }
}

fn parse_bytes(text: &str) -> std::result::Result<u64, String> {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("", 1)];
    let (number, unit) = units
        .iter()
        .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|number| (number, unit)))
        .unwrap_or((text, &1));
    let number: u64 = number.trim().parse().map_err(|_| format!("{text} is not an amount such as 5GB"))?;
    number.checked_mul(*unit).ok_or_else(|| format!("{text} is too much"))
}
