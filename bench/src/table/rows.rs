//! Rows in which our server, the peer and the ceiling do the same work in turn.

use std::fmt::Write;
use std::path::Path;

use super::part::Part;
use super::plan::Plan;
use super::series::{Medians, Series};
use super::{Options, Servers};
use crate::Result;
use crate::figures::{Floor, judged, median, or_dash, percent, thousands};
use crate::load::Load;
use crate::raw_disk::RawDisk;
use crate::scratch::Scratch;
use crate::workload::Work;

/// Targets of a row.
struct Goal {
    work: Work,
    /// Ours over the peer's.
    ratio: Option<Floor>,
    /// Least part of the ceiling, in percent.
    ceiling_percent: Option<f64>,
}

const fn goal(work: Work, ratio: Option<Floor>, ceiling_percent: Option<f64>) -> Goal {
    Goal { work, ratio, ceiling_percent }
}

const GOALS: [Goal; 11] = [
    goal(Work::PutRecordsLarge, Some(Floor::AtLeast(10.0)), Some(40.0)),
    goal(Work::PutRecordsLargeCbor, None, None),
    goal(Work::PutRecordsSmall, Some(Floor::AtLeast(5.0)), None),
    goal(Work::PutRecord, Some(Floor::AtLeast(1.4)), None),
    goal(Work::PutRecord256, Some(Floor::AtLeast(1.6)), None),
    goal(Work::GetRecords, Some(Floor::AtLeast(4.0)), None),
    goal(Work::GetRecordsCbor, Some(Floor::AtLeast(5.0)), None),
    goal(Work::PutToGet, Some(Floor::AtMost(1.3)), None),
    goal(Work::PutToEvent, None, None),
    goal(Work::UpdateLease, None, None),
    goal(Work::UpdateLeaseExpression, None, None),
];

/// Either is enough for leases: renewals a second, or percent of PutRecord's rate on as many connections.
const LEASES_PER_S: f64 = 35_000.0;
const LEASES_PERCENT: f64 = 85.0;

struct Row {
    goal: &'static Goal,
    ours: Series,
    peer: Series,
    ceiling: Series,
    /// Records per second of the bare disk: a sync a request; a sync for one request of every connection.
    raw_single: Vec<f64>,
    raw_grouped: Vec<f64>,
}

impl Row {
    fn work(&self) -> Work {
        self.goal.work
    }

    /// True for the work of tables, which neither the peer nor the ceiling does.
    fn is_lease(&self) -> bool {
        matches!(self.work(), Work::UpdateLease | Work::UpdateLeaseExpression)
    }

    fn medians(&self) -> [Medians; 3] {
        [&self.ours, &self.peer, &self.ceiling].map(Series::medians)
    }
}

pub(super) struct Rows {
    rows: Vec<Row>,
    disk: Option<(RawDisk, Scratch)>,
    sync_p50_ms: Vec<f64>,
    sync_p99_ms: Vec<f64>,
}

impl Rows {
    pub(super) fn new(options: &Options, work_dir: &Path) -> Result<Self> {
        let chosen = GOALS.iter().filter(|goal| options.has(Part::Row(goal.work)));
        let rows: Vec<Row> = chosen
            .map(|goal| Row {
                goal,
                ours: Series::default(),
                peer: Series::default(),
                ceiling: Series::default(),
                raw_single: Vec::new(),
                raw_grouped: Vec::new(),
            })
            .collect();
        let disk = match rows.is_empty() {
            true => None,
            false => {
                let scratch = Scratch::new(work_dir, "raw")?;
                Some((RawDisk::new(scratch.path())?, scratch))
            }
        };
        Ok(Self { rows, disk, sync_p50_ms: Vec::new(), sync_p99_ms: Vec::new() })
    }

    pub(super) fn round(&mut self, servers: &Servers, plan: &Plan, work_dir: &Path) -> Result<()> {
        for row in &mut self.rows {
            let work = row.work();
            eprintln!("  {}", work.title());
            row.ours.measure(&servers.ours, work, Load::Closed, plan.window, work_dir)?;
            if row.is_lease() {
                continue;
            }
            row.peer.measure(&servers.peer, work, Load::Closed, plan.window, work_dir)?;
            if !work.is_latency() {
                row.ceiling.measure(&servers.ceiling, work, Load::Closed, plan.window, work_dir)?;
            }
            let Some((disk, _)) = &mut self.disk else { continue };
            if let Some(put) = work.put() {
                let mut rate = |requests: u64| -> Result<f64> {
                    let raw = disk.measure(put.request_bytes() * requests as usize, plan.raw_time)?;
                    Ok(raw.batches_per_second * (requests * put.records.unwrap_or(1) as u64) as f64)
                };
                row.raw_single.push(rate(1)?);
                row.raw_grouped.push(rate(put.connections)?);
            } else if work == Work::PutToGet {
                let raw = disk.measure(1024, plan.raw_time)?;
                self.sync_p50_ms.push(f64::from(raw.p50_us) / 1000.0);
                self.sync_p99_ms.push(f64::from(raw.p99_us) / 1000.0);
            }
        }
        Ok(())
    }

    pub(super) fn other_cpus(&self) -> impl Iterator<Item = f64> {
        let series = self.rows.iter().flat_map(|row| [&row.ours, &row.peer, &row.ceiling]);
        series.flat_map(|series| series.other_cpus.iter().copied())
    }

    pub(super) fn render(&self, text: &mut String) -> Result<()> {
        let (leases, rows): (Vec<&Row>, Vec<&Row>) = self.rows.iter().partition(|row| row.is_lease());
        if !rows.is_empty() {
            compared(text, &rows)?;
            processor_time(text, &rows)?;
            busy(text, &rows)?;
        }
        if rows.iter().any(|row| row.work().put().is_some()) {
            self.bare_disk(text, &rows)?;
        }
        if !leases.is_empty() {
            let put_record = rows.iter().find(|row| row.work() == Work::PutRecord);
            let put_record = put_record.map_or(f64::NAN, |row| row.ours.medians().records_per_second);
            renewals(text, &leases, put_record)?;
        }
        Ok(())
    }

    fn bare_disk(&self, text: &mut String, rows: &[&Row]) -> Result<()> {
        writeln!(
            text,
            "The bare disk in the same rounds: the record data overwritten in a pre-written file by one\n\
             thread, with an fdatasync after each request's bytes, or after those of all connections:\n"
        )?;
        writeln!(text, "| work | a sync a request | a sync for all connections | headwater of the latter |")?;
        writeln!(text, "|---|---|---|---|")?;
        for row in rows.iter().filter(|row| row.work().put().is_some()) {
            let (single, grouped) = (median(&row.raw_single), median(&row.raw_grouped));
            writeln!(
                text,
                "| {} | {} records/s | {} records/s | {:.0} % |",
                row.work().title(),
                thousands(single),
                thousands(grouped),
                percent(row.ours.medians().records_per_second, grouped)
            )?;
        }
        writeln!(text)?;
        if !self.sync_p50_ms.is_empty() {
            writeln!(
                text,
                "One 1 KiB write and fdatasync alone: p50 {:.2} ms, p99 {:.2} ms.\n",
                median(&self.sync_p50_ms),
                median(&self.sync_p99_ms)
            )?;
        }
        Ok(())
    }
}

fn compared(text: &mut String, rows: &[&Row]) -> Result<()> {
    writeln!(
        text,
        "| work, limits off | headwater (durable) | ferrokinesis (in memory) | ratio | the ceiling | of the ceiling | floor |"
    )?;
    writeln!(text, "|---|---|---|---|---|---|---|")?;
    for row in rows {
        let latency = row.work().is_latency();
        let [ours, peer, ceiling] = row.medians();
        let value = |of: &Medians| if latency { of.p50_ms } else { of.records_per_second };
        let show = |of: &Medians| {
            or_dash(value(of), |value| match latency {
                true => format!("p50 {value:.2} ms, p99 {:.2} ms", of.p99_ms),
                false => format!("{} records/s", thousands(value)),
            })
        };
        let ratio = value(&ours) / value(&peer);
        let share = percent(value(&ours), value(&ceiling));
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.work().title(),
            show(&ours),
            show(&peer),
            or_dash(ratio, |ratio| format!("{ratio:.2} x")),
            show(&ceiling),
            or_dash(share, |share| format!("{share:.1} %")),
            verdict(row.goal, ratio, share)
        )?;
    }
    Ok(writeln!(text)?)
}

fn verdict(goal: &Goal, ratio: f64, ceiling_percent: f64) -> String {
    let of_peer = goal.ratio.map(|floor| floor.verdict(ratio, " x"));
    let of_ceiling =
        goal.ceiling_percent.map(|least| Floor::AtLeast(least).verdict(ceiling_percent, " % of the ceiling"));
    of_peer.into_iter().chain(of_ceiling).collect::<Vec<_>>().join("; ")
}

fn processor_time(text: &mut String, rows: &[&Row]) -> Result<()> {
    writeln!(
        text,
        "Processor time of the server, for a request and for a MB (10^6 bytes) of record data:\n\n\
         | work | headwater, a request | a MB | ferrokinesis, a request | a MB | the ceiling, a request | a MB |\n\
         |---|---|---|---|---|---|---|"
    )?;
    // In the others most of it is the reader's polls, of which a faster server answers more.
    for row in rows.iter().filter(|row| !row.work().is_latency()) {
        write!(text, "| {} ", row.work().title())?;
        for of in row.medians() {
            let request = or_dash(of.request_us, |us| format!("{us:.1} µs"));
            write!(text, "| {request} | {} ", or_dash(of.megabyte_ms, |ms| format!("{ms:.2} ms")))?;
        }
        writeln!(text, "|")?;
    }
    Ok(writeln!(text)?)
}

fn busy(text: &mut String, rows: &[&Row]) -> Result<()> {
    writeln!(
        text,
        "Who was busy (processors: the server / its generator), and how long a request took (p50 / p99):\n\n\
         | work | headwater | | ferrokinesis | | the ceiling | |\n|---|---|---|---|---|---|---|"
    )?;
    for row in rows {
        write!(text, "| {} ", row.work().title())?;
        for of in row.medians() {
            let cpus = or_dash(of.server_cpus, |server| format!("{server:.2} / {:.2}", of.generator_cpus));
            let latency = or_dash(of.p50_ms, |p50| format!("{p50:.2} / {:.2} ms", of.p99_ms));
            write!(text, "| {cpus} | {latency} ")?;
        }
        writeln!(text, "|")?;
    }
    Ok(writeln!(text)?)
}

fn renewals(text: &mut String, rows: &[&Row], put_record: f64) -> Result<()> {
    writeln!(
        text,
        "| leases in the same rounds | renewed/s | of PutRecord, 16 connections | p50 / p99 | processor time a request | floor |\n\
         |---|---|---|---|---|---|"
    )?;
    for row in rows {
        let of = row.ours.medians();
        let share = percent(of.records_per_second, put_record);
        writeln!(
            text,
            "| {} | {} | {} | {:.2} / {:.2} ms | {:.1} µs | {} |",
            row.work().title(),
            thousands(of.records_per_second),
            or_dash(share, |share| format!("{share:.1} %")),
            of.p50_ms,
            of.p99_ms,
            of.request_us,
            lease_verdict(of.records_per_second, share)
        )?;
    }
    Ok(writeln!(text)?)
}

/// Without PutRecord in the same run the share is NaN, and the rate decides alone.
fn lease_verdict(renewed_per_s: f64, percent_of_put_record: f64) -> String {
    let reached = renewed_per_s >= LEASES_PER_S || percent_of_put_record >= LEASES_PERCENT;
    judged(format!("at least {}/s or {LEASES_PERCENT} % of PutRecord", thousands(LEASES_PER_S)), reached)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_judged_by_each_of_its_targets() {
        let large = &GOALS[0];
        assert_eq!(
            verdict(large, 10.2, 39.0),
            "at least 10 x: reached; at least 40 % of the ceiling: **missed**"
        );
        assert!(verdict(large, 9.9, 41.0).starts_with("at least 10 x: **missed**"));
        assert_eq!(verdict(&GOALS[1], 1.0, 1.0), "");
    }

    #[test]
    fn leases_reach_their_target_either_way() {
        let check = |rate, share, reached: bool| {
            assert_eq!(!lease_verdict(rate, share).contains("missed"), reached, "{rate} {share}");
        };
        check(35_000.0, 50.0, true);
        check(20_000.0, 85.0, true);
        check(34_999.0, 84.9, false);
        check(34_999.0, f64::NAN, false);
        check(35_001.0, f64::NAN, true);
    }
}
