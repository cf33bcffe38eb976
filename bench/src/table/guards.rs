//! Price of guards: our server with one of them on, in turn with the plain one.

use std::fmt::Write;
use std::path::Path;

use super::Options;
use super::part::Part;
use super::plan::Plan;
use super::series::Series;
use crate::Result;
use crate::figures::{Floor, percent, thousands};
use crate::load::Load;
use crate::server::Program;
use crate::target::Guard;
use crate::workload::Work;

const WORKS: [Work; 4] = [Work::PutRecordsLarge, Work::PutRecordsSmall, Work::PutRecord, Work::GetRecords];
/// Least part of the plain server's rate, in percent.
const FLOOR: Floor = Floor::AtLeast(85.0);
/// Most that `--limits aws` may be away from `--limits off`, as a ratio.
const LIMITS_FLOOR: Floor = Floor::AtMost(1.03);

/// One work by the plain server and the guarded ones.
struct Case {
    work: Work,
    load: Load,
    /// The plain one is always among them.
    series: Vec<(Guard, Series)>,
}

impl Case {
    fn of(&self, guard: Guard) -> Option<&Series> {
        self.series.iter().find(|(of, _)| *of == guard).map(|(_, series)| series)
    }
}

pub(super) struct Guards(Vec<Case>);

impl Guards {
    pub(super) fn new(options: &Options) -> Self {
        let cases = |load, guards: &[Guard]| {
            let chosen: Vec<Guard> =
                guards.iter().copied().filter(|guard| options.has(Part::Guard(*guard))).collect();
            let works = if chosen.is_empty() { &[][..] } else { &WORKS[..] };
            works
                .iter()
                .map(move |work| {
                    let all = std::iter::once(Guard::None).chain(chosen.iter().copied());
                    let series = all.map(|guard| (guard, Series::default())).collect();
                    Case { work: *work, load, series }
                })
                .collect::<Vec<_>>()
        };
        let mut all = cases(Load::Closed, &[Guard::Credentials, Guard::Encryption]);
        all.extend(cases(Load::Paced, &[Guard::AwsLimits]));
        Self(all)
    }

    pub(super) fn round(&mut self, ours: &Program, plan: &Plan, work_dir: &Path, round: usize) -> Result<()> {
        for case in &mut self.0 {
            let window = if case.load == Load::Paced { plan.paced_window } else { plan.window };
            // Another one begins in each round, so that none always finds the machine as its neighbour left it.
            let first = round % case.series.len();
            for turn in 0..case.series.len() {
                let at = (first + turn) % case.series.len();
                let (guard, series) = &mut case.series[at];
                eprintln!("  {}, guard {guard:?}", case.work.title());
                series.measure(&ours.with(*guard), case.work, case.load, window, work_dir)?;
            }
        }
        Ok(())
    }

    pub(super) fn other_cpus(&self) -> impl Iterator<Item = f64> {
        let series = self.0.iter().flat_map(|case| &case.series);
        series.flat_map(|(_, series)| series.other_cpus.iter().copied())
    }

    pub(super) fn render(&self, text: &mut String) -> Result<()> {
        let (paced, closed): (Vec<&Case>, Vec<&Case>) =
            self.0.iter().partition(|case| case.load == Load::Paced);
        if !closed.is_empty() {
            rates(text, &closed)?;
        }
        if !paced.is_empty() {
            paced_costs(text, &paced)?;
        }
        Ok(())
    }
}

fn rates(text: &mut String, cases: &[&Case]) -> Result<()> {
    writeln!(
        text,
        "| guard | work, limits off | without | with | of without | processor time a request, without / with | floor |\n\
         |---|---|---|---|---|---|---|"
    )?;
    let titles = [
        // Signing a GetRecords takes the generator microseconds; a read answer takes milliseconds.
        (Guard::Credentials, "credentials: each request signed (puts beforehand) and verified"),
        (Guard::Encryption, "encryption at rest"),
    ];
    for (guard, title) in titles {
        for case in cases {
            let (Some(plain), Some(guarded)) = (case.of(Guard::None), case.of(guard)) else { continue };
            let (plain, guarded) = (plain.medians(), guarded.medians());
            let share = percent(guarded.records_per_second, plain.records_per_second);
            writeln!(
                text,
                "| {title} | {} | {} records/s | {} records/s | {share:.1} % | {:.1} / {:.1} µs | {} |",
                case.work.title(),
                thousands(plain.records_per_second),
                thousands(guarded.records_per_second),
                plain.request_us,
                guarded.request_us,
                FLOOR.verdict(share, " %")
            )?;
        }
    }
    Ok(writeln!(text)?)
}

fn paced_costs(text: &mut String, cases: &[&Case]) -> Result<()> {
    writeln!(
        text,
        "| limits, steady load below AWS's | requests/s | processor time a request, off / aws | ratio | p50, off / aws | ratio \
         | floor for both |\n|---|---|---|---|---|---|---|"
    )?;
    for case in cases {
        let (Some(off), Some(aws)) = (case.of(Guard::None), case.of(Guard::AwsLimits)) else { continue };
        let (off, aws) = (off.medians(), aws.medians());
        let (time, latency) = (aws.request_us / off.request_us, aws.p50_ms / off.p50_ms);
        writeln!(
            text,
            "| {} | {} | {:.1} / {:.1} µs | {time:.3} x | {:.3} / {:.3} ms | {latency:.3} x | {} |",
            case.work.title(),
            thousands(case.work.paced_requests_per_s().unwrap_or(f64::NAN)),
            off.request_us,
            aws.request_us,
            off.p50_ms,
            aws.p50_ms,
            LIMITS_FLOOR.verdict(worse(time, latency), " x")
        )?;
    }
    Ok(writeln!(text)?)
}

/// The larger ratio; NaN if one of them is.
fn worse(time: f64, latency: f64) -> f64 {
    if time.is_nan() || latency.is_nan() { f64::NAN } else { time.max(latency) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_measured_with_its_plain_twin() {
        let guards = |only: &[Part]| {
            let all = Guards::new(&Options { only: only.to_vec(), ..Options::default() }).0;
            all.iter().map(|case| case.series.len()).collect::<Vec<_>>()
        };
        assert_eq!(guards(&[]), [3, 3, 3, 3, 2, 2, 2, 2]);
        assert_eq!(guards(&[Part::Guard(Guard::Encryption)]), [2, 2, 2, 2]);
        assert!(guards(&[Part::Sweep]).is_empty());
    }

    #[test]
    fn limits_are_judged_by_the_worse_of_time_and_latency() {
        assert_eq!(LIMITS_FLOOR.verdict(worse(1.0, 1.04), " x"), "at most 1.03 x: **missed**");
        assert_eq!(LIMITS_FLOOR.verdict(worse(1.02, 0.9), " x"), "at most 1.03 x: reached");
        assert!(worse(f64::NAN, 1.0).is_nan());
    }
}
