//! The whole comparison: several rounds, the servers in turn, one running at a time, medians.

mod guards;
mod part;
mod plan;
mod rows;
mod series;
mod starts;

use std::fmt::Write;
use std::path::Path;
use std::thread;

pub(crate) use part::Part;

use crate::Result;
use crate::figures::{median, noise};
use crate::server::Program;
use crate::{fan_out, leases, sweep};
use guards::Guards;
use plan::Plan;
use rows::Rows;

/// Programs that are compared.
pub(crate) struct Servers {
    pub(crate) ours: Program,
    pub(crate) peer: Program,
    pub(crate) ceiling: Program,
}

/// Deviations from the full table.
#[derive(Default)]
pub(crate) struct Options {
    /// One short round: to try it out, not to quote.
    pub(crate) quick: bool,
    /// Parts to measure; empty for all.
    pub(crate) only: Vec<Part>,
    pub(crate) rounds: Option<usize>,
}

impl Options {
    fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

pub(crate) fn measure(servers: &Servers, work_dir: &Path, options: &Options) -> Result<String> {
    let plan = Plan::new(options.quick, options.rounds);
    let ours = &servers.ours;
    let mut rows = Rows::new(options, work_dir)?;
    let mut guards = Guards::new(options);
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        rows.round(servers, &plan, work_dir)?;
        guards.round(ours, &plan, work_dir, round)?;
    }
    let mut text = String::new();
    writeln!(
        text,
        "Medians of {} alternating round(s) of {:.1?} each, {} processors.\n",
        plan.rounds,
        plan.window.measure,
        thread::available_parallelism()?
    )?;
    rows.render(&mut text)?;
    guards.render(&mut text)?;
    let others: Vec<f64> = rows.other_cpus().chain(guards.other_cpus()).collect();
    if !others.is_empty() {
        let most = others.iter().copied().fold(0.0, f64::max);
        let median = median(&others);
        writeln!(
            text,
            "Everything else on the machine kept {median:.2} processors busy (median), at most {most:.2}.{}\n",
            noise(median)
        )?;
    }
    if options.has(Part::FanOut) {
        text.push_str(&fan_out::measure(ours, work_dir, plan.fan_out, plan.rounds)?);
    }
    if options.has(Part::Sweep) {
        text.push_str(&sweep::measure(ours, work_dir, plan.sweep_point, plan.rounds)?);
    }
    if options.has(Part::Leases) {
        text.push_str(&leases::measure(ours, work_dir, plan.leases)?);
        text.push('\n');
    }
    if options.has(Part::Starts) {
        eprintln!("starts and memory");
        starts::render(&mut text, servers, &plan, work_dir)?;
    }
    Ok(text)
}
