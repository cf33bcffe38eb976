//! The whole comparison: several rounds, the servers in turn, one running at a time, medians.

use std::fmt::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::fan_out;
use crate::leases;
use crate::load::{Window, percentile_us};
use crate::raw_disk::RawDisk;
use crate::scratch::Scratch;
use crate::server::{Program, Server};
use crate::startup;
use crate::sweep;
use crate::workload::Work;

struct Plan {
    rounds: usize,
    window: Window,
    raw_time: Duration,
    stored_bytes: u64,
    starts: usize,
}

impl Plan {
    fn new(quick: bool) -> Self {
        let seconds = Duration::from_secs_f64;
        match quick {
            true => Plan {
                rounds: 1,
                window: Window { warm_up: seconds(1.0), measure: seconds(2.0) },
                raw_time: seconds(0.5),
                stored_bytes: 500_000_000,
                starts: 3,
            },
            false => Plan {
                rounds: 5,
                window: Window { warm_up: seconds(2.0), measure: seconds(5.0) },
                raw_time: seconds(1.0),
                stored_bytes: 5_000_000_000,
                starts: 9,
            },
        }
    }
}

/// The floor a row has to reach, as ours over the peer's.
enum Floor {
    AtLeast(f64),
    AtMost(f64),
    None,
}

/// More than this kept busy by others, and the figures are not worth keeping.
const QUIET_LIMIT_CPUS: f64 = 0.15;

const ROWS: [(Work, Floor); 7] = [
    (Work::PutRecordsLarge, Floor::AtLeast(5.0)),
    (Work::PutRecordsLargeCbor, Floor::None),
    (Work::PutRecordsSmall, Floor::AtLeast(2.0)),
    (Work::PutRecord, Floor::AtLeast(1.0)),
    (Work::GetRecords, Floor::AtLeast(2.0)),
    (Work::PutToGet, Floor::AtMost(2.5)),
    (Work::PutToEvent, Floor::None),
];

/// Results of one server in one row, a value a round.
#[derive(Default)]
struct Series {
    records_per_second: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    server_cpus: Vec<f64>,
    own_cpus: Vec<f64>,
    other_cpus: Vec<f64>,
}

#[derive(Default)]
struct Row {
    ours: Series,
    peer: Series,
    /// Records per second of the bare disk: a sync a request; a sync for one request of every connection.
    raw_single: Vec<f64>,
    raw_grouped: Vec<f64>,
}

pub(crate) fn measure(ours: &Program, peer: &Program, work_dir: &Path, quick: bool) -> Result<String> {
    let plan = Plan::new(quick);
    let scratch = Scratch::new(work_dir, "raw")?;
    let mut disk = RawDisk::new(scratch.path())?;
    let mut rows: Vec<Row> = ROWS.iter().map(|_| Row::default()).collect();
    let mut raw_sync = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        for ((work, _), row) in ROWS.iter().zip(&mut rows) {
            eprintln!("round {} of {}: {}", round + 1, plan.rounds, work.title());
            one(ours, *work, &plan, work_dir, &mut row.ours)?;
            one(peer, *work, &plan, work_dir, &mut row.peer)?;
            if let Some(put) = work.put() {
                let mut rate = |requests: u64| -> Result<f64> {
                    let raw = disk.measure(put.request_bytes() * requests as usize, plan.raw_time)?;
                    Ok(raw.batches_per_second * (requests * put.records.unwrap_or(1) as u64) as f64)
                };
                row.raw_single.push(rate(1)?);
                row.raw_grouped.push(rate(put.connections)?);
            } else if *work == Work::PutToGet {
                let raw = disk.measure(1024, plan.raw_time)?;
                raw_sync.0.push(f64::from(raw.p50_us) / 1000.0);
                raw_sync.1.push(f64::from(raw.p99_us) / 1000.0);
            }
        }
    }
    drop(scratch);
    let mut text = String::new();
    render_rows(&mut text, &plan, &rows, (median(&raw_sync.0), median(&raw_sync.1)))?;
    eprintln!("a thousand subscriptions");
    text.push_str(&fan_out::measure(ours, work_dir, plan.window)?);
    eprintln!("past saturation");
    text.push_str(&sweep::measure(ours, work_dir, plan.window.measure)?);
    text.push_str(&leases::measure(ours, work_dir, plan.window)?);
    eprintln!("starts and memory");
    render_starts(&mut text, ours, peer, &plan, work_dir)?;
    Ok(text)
}

/// A new server for every measurement, so that none has another's data to carry or to tidy up.
fn one(program: &Program, work: Work, plan: &Plan, work_dir: &Path, series: &mut Series) -> Result<()> {
    let scratch = Scratch::new(work_dir, "row")?;
    let server = Server::start(program, scratch.path())?;
    let mut tally = work.run(server.address, plan.window, Some(server.pid()))?;
    series.records_per_second.push(tally.records_per_second());
    series.p50_ms.push(f64::from(percentile_us(&mut tally.latencies_us, 0.5)) / 1000.0);
    series.p99_ms.push(f64::from(percentile_us(&mut tally.latencies_us, 0.99)) / 1000.0);
    series.own_cpus.push(tally.shares.own);
    series.server_cpus.extend(tally.shares.server);
    series.other_cpus.push(tally.shares.others);
    server.kill()
}

fn render_rows(text: &mut String, plan: &Plan, rows: &[Row], raw_sync_ms: (f64, f64)) -> Result<()> {
    writeln!(
        text,
        "Medians of {} alternating round(s) of {:.0?} each, {} processors.\n",
        plan.rounds,
        plan.window.measure,
        thread::available_parallelism()?
    )?;
    writeln!(text, "| work, limits off | headwater (durable) | ferrokinesis (in memory) | ratio | floor |")?;
    writeln!(text, "|---|---|---|---|---|")?;
    for ((work, floor), row) in ROWS.iter().zip(rows) {
        let latency = work.is_latency();
        let pick =
            |series: &Series| median(if latency { &series.p50_ms } else { &series.records_per_second });
        let (ours, peer) = (pick(&row.ours), pick(&row.peer));
        let show = |value: f64, series: &Series| match latency {
            true => format!("p50 {value:.2} ms, p99 {:.2} ms", median(&series.p99_ms)),
            false => format!("{} records/s", thousands(value)),
        };
        writeln!(
            text,
            "| {} | {} | {} | {:.2} x | {} |",
            work.title(),
            show(ours, &row.ours),
            show(peer, &row.peer),
            ours / peer,
            verdict(floor, ours / peer)
        )?;
    }
    writeln!(text, "\nWho was busy (processors), and how long a request took:\n")?;
    writeln!(
        text,
        "| work | headwater | its generator | p50 / p99 | ferrokinesis | its generator | p50 / p99 |"
    )?;
    writeln!(text, "|---|---|---|---|---|---|---|")?;
    for ((work, _), row) in ROWS.iter().zip(rows) {
        write!(text, "| {} ", work.title())?;
        for series in [&row.ours, &row.peer] {
            write!(
                text,
                "| {:.2} | {:.2} | {:.2} / {:.2} ms ",
                median(&series.server_cpus),
                median(&series.own_cpus),
                median(&series.p50_ms),
                median(&series.p99_ms)
            )?;
        }
        writeln!(text, "|")?;
    }
    let series = rows.iter().flat_map(|row| [&row.ours, &row.peer]);
    let others: Vec<f64> = series.flat_map(|series| series.other_cpus.iter().copied()).collect();
    let most = others.iter().copied().fold(0.0, f64::max);
    writeln!(
        text,
        "\nEverything else on the machine kept {:.2} processors busy (median), at most {most:.2}.{}",
        median(&others),
        noise(median(&others))
    )?;
    writeln!(
        text,
        "\nThe bare disk in the same rounds: the record data overwritten in a pre-written file by one"
    )?;
    writeln!(
        text,
        "thread, with an fdatasync after each request's bytes, or after those of all connections:\n"
    )?;
    writeln!(text, "| work | a sync a request | a sync for all connections | headwater of the latter |")?;
    writeln!(text, "|---|---|---|---|")?;
    for ((work, _), row) in ROWS.iter().zip(rows).filter(|((work, _), _)| work.put().is_some()) {
        let (single, grouped) = (median(&row.raw_single), median(&row.raw_grouped));
        let part = median(&row.ours.records_per_second) / grouped * 100.0;
        writeln!(
            text,
            "| {} | {} records/s | {} records/s | {part:.0} % |",
            work.title(),
            thousands(single),
            thousands(grouped)
        )?;
    }
    let (p50, p99) = raw_sync_ms;
    writeln!(text, "\nOne 1 KiB write and fdatasync alone: p50 {p50:.2} ms, p99 {p99:.2} ms.\n")?;
    Ok(())
}

fn render_starts(text: &mut String, ours: &Program, peer: &Program, plan: &Plan, work: &Path) -> Result<()> {
    let settle = Duration::from_secs(3);
    let empty = startup::empty(ours, work, plan.starts, settle)?;
    let other = startup::empty(peer, work, plan.starts, settle)?;
    let stored = startup::stored(ours, work, plan.stored_bytes, plan.starts.min(3))?;
    let ms =
        |times: &[Duration]| median(&times.iter().map(|time| time.as_secs_f64() * 1e3).collect::<Vec<_>>());
    let gigabytes = stored.bytes as f64 / 1e9;
    let (first, crashed) = (ms(&empty.empty), ms(&stored.after_kill));
    let memory = stored.quiet_mib.max(stored.restarted_mib);
    let below = |value: f64, limit: f64| if value < limit { "reached" } else { "**missed**" };
    writeln!(text, "| starts and memory | headwater | ferrokinesis | floor |")?;
    writeln!(text, "|---|---|---|---|")?;
    writeln!(
        text,
        "| start to first answer, empty directory | {first:.0} ms | {:.0} ms | under 50 ms: {} |",
        ms(&other.empty),
        below(first, 50.0)
    )?;
    writeln!(
        text,
        "| start to first answer, {gigabytes:.1} GB stored, after kill -9 | {crashed:.0} ms | keeps nothing \
         | under 3 s: {} |",
        below(crashed, 3000.0)
    )?;
    writeln!(
        text,
        "| resident memory, idle | {:.1} MiB | {:.1} MiB | under 20 MiB: {} |",
        empty.idle_mib,
        other.idle_mib,
        below(empty.idle_mib, 20.0)
    )?;
    writeln!(
        text,
        "| resident memory, {gigabytes:.1} GB stored, quiet: after the load / after a restart \
         | {:.1} / {:.1} MiB | | under 150 MiB: {} |",
        stored.quiet_mib,
        stored.restarted_mib,
        below(memory, 150.0)
    )?;
    writeln!(
        text,
        "\nStoring the {gigabytes:.1} GB went at {:.0} MB/s of record data.",
        stored.fill_mb_per_second
    )?;
    Ok(())
}

/// A durable server waits for the disk and pays for each wake-up, so it suffers more from a busy machine.
fn noise(other_cpus: f64) -> &'static str {
    match other_cpus > QUIET_LIMIT_CPUS {
        true => " **The machine was not quiet: measure again.**",
        false => "",
    }
}

fn verdict(floor: &Floor, ratio: f64) -> String {
    let (limit, reached) = match floor {
        Floor::AtLeast(least) => (format!("at least {least} x"), ratio >= *least),
        Floor::AtMost(most) => (format!("at most {most} x"), ratio <= *most),
        Floor::None => return String::new(),
    };
    format!("{limit}: {}", if reached { "reached" } else { "**missed**" })
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (value, expected) in [(7.0, "7"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(thousands(value), expected);
        }
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert!(median(&[]).is_nan());
        assert!(verdict(&Floor::AtMost(2.5), 2.6).contains("missed"));
    }
}
