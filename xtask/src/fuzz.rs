//! `fuzz`: every decoder under libFuzzer, for a while.
//!
//! Built with the toolchain that is there and a C++ compiler, nothing else: the passes that libFuzzer's coverage needs
//! are in every rustc, and what `cargo fuzz` adds to them (sanitizers, which find memory errors of unsafe code) takes a
//! nightly one. See docs/decisions/0014.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::run::{capture, run as step};
use crate::workspace::{Workspace, locked};
use crate::{Result, no_more, take_value};

/// Flags of a build that libFuzzer can steer: a counter at each edge, and what comparisons compare.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebuginfo=line-tables-only",
];
/// Targets that run at once.
const PARALLEL: usize = 2;
/// The longest input, the most memory, the longest run: more is a finding.
const LIMITS: [&str; 3] = ["-max_len=8192", "-rss_limit_mb=1024", "-timeout=10"];
/// A target that reaches less than this many edges bails out at the first byte.
const EDGES_MIN: u32 = 100;

pub(crate) fn run(mut arguments: Vec<String>) -> Result<()> {
    let seconds = take_value(&mut arguments, "--seconds")?;
    let seconds = seconds.as_deref().unwrap_or("60").parse()?;
    if let Some(at) = arguments.iter().position(|argument| argument.starts_with('-')) {
        return no_more(&arguments[at..]);
    }
    let workspace = Workspace::load()?;
    some(&workspace, seconds, &arguments, Start::New)
}

/// Inputs that a run begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// The same ones as every time, so that CI judges the change and not the day.
    Fixed,
    /// Others each time, and what earlier runs have found.
    New,
}

/// Every target for so many seconds, with new inputs.
pub(crate) fn all(workspace: &Workspace, seconds: u32) -> Result<()> {
    some(workspace, seconds, &[], Start::New)
}

/// Every target for so many seconds, with the inputs of last time.
pub(crate) fn all_the_same(workspace: &Workspace, seconds: u32) -> Result<()> {
    some(workspace, seconds, &[], Start::Fixed)
}

fn some(workspace: &Workspace, seconds: u32, wanted: &[String], start: Start) -> Result<()> {
    let known = targets(workspace)?;
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no target {unknown}, only {}", known.join(", ")).into());
    }
    let wanted = if wanted.is_empty() { known } else { wanted.to_vec() };
    let binary = build(workspace)?;
    let scratch = workspace.scratch("fuzz")?;
    println!(
        "\n{} target(s), {seconds} s each, {PARALLEL} at once; logs in {}",
        wanted.len(),
        scratch.display()
    );
    let queue = Mutex::new(VecDeque::from(wanted));
    // Of its own, so that the lock is not held while a target runs.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        let mut failures = Vec::new();
        while let Some(name) = next() {
            match one(workspace, &binary, &scratch.join(&name), &name, seconds, start) {
                Ok(summary) => println!("  {name:<14} {summary}"),
                Err(failure) => failures.push(format!("{name}: {failure}")),
            }
        }
        failures
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|_| vec!["a worker panicked".to_owned()]))
            .collect()
    });
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// A folder of seeds each.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let entries = fs::read_dir(workspace.root.join("fuzz/corpus"))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    // With a target named, build scripts and macros are built without coverage, which they could not be linked with.
    let told = capture(Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    let folder = workspace.target().join("fuzz");
    let mut command = workspace.cargo(&["build", "--profile", "fuzz", "--package", "headwater-fuzz"]);
    command.args(["--features", "libfuzzer", "--bin", "headwater-fuzz", "--target", host]).args(locked());
    command.env("RUSTFLAGS", COVERAGE.join(" ")).env_remove("CARGO_ENCODED_RUSTFLAGS");
    // Its own folder: other flags would throw away what was built there.
    command.env("CARGO_TARGET_DIR", &folder);
    step(&mut command).map_err(|error| format!("{error}\nfuzzing needs a C++ compiler (c++ or g++)"))?;
    Ok(folder.join(host).join("fuzz/headwater-fuzz"))
}

/// Runs one target and says how far it came. What it finds new is kept in `home/corpus`, and known the next time.
fn one(
    workspace: &Workspace,
    binary: &Path,
    home: &Path,
    name: &str,
    seconds: u32,
    start: Start,
) -> Result<String> {
    let fixed = start == Start::Fixed;
    let (found, log) = (home.join(if fixed { "corpus-fixed" } else { "corpus" }), home.join("log.txt"));
    if fixed && found.exists() {
        fs::remove_dir_all(&found)?;
    }
    fs::create_dir_all(&found)?;
    let mut command = Command::new(binary);
    command.current_dir(home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
    command.env("HEADWATER_FUZZ_TARGET", name).env("RUST_BACKTRACE", "1");
    // Zero would be for ever.
    let seconds = seconds.max(1);
    command.args(LIMITS).args([format!("-max_total_time={seconds}"), "-print_final_stats=1".to_owned()]);
    if fixed {
        command.arg("-seed=1");
    }
    command.arg(format!("-artifact_prefix={}/", home.display()));
    let dictionary = workspace.root.join(format!("fuzz/dictionaries/{name}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let status = command.arg(found).arg(workspace.root.join("fuzz/corpus").join(name)).status()?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if !status.success() {
        let telling = ["panicked at", "memory allocation of", "ERROR:"];
        let said = text.lines().find(|line| telling.iter().any(|words| line.contains(words)));
        let written = text.lines().find_map(|line| line.split_once("Test unit written to "));
        let input = written.map_or("no input was written", |(_, path)| path);
        return Err(format!(
            "{}\n  input: {input}\n  log:   {}\n  mend it, and put the input into fuzz/corpus/{name}",
            said.unwrap_or("it ended without a word"),
            log.display()
        )
        .into());
    }
    let (edges, runs) = (figure(&text, "cov: "), figure(&text, "stat::number_of_executed_units:"));
    if edges < EDGES_MIN {
        return Err(format!("only {edges} edges are reached: the target does not test what it should").into());
    }
    Ok(format!("{edges} edges, {runs} runs"))
}

/// The last number after `name`.
fn figure(log: &str, name: &str) -> u32 {
    let after = log.rsplit_once(name).map_or("", |(_, rest)| rest.trim_start());
    after.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn the_last_figure_counts() {
        let log = "#2 INITED cov: 12 ft: 3\n#9 NEW    cov: 345 ft: 6\nstat::number_of_executed_units: 78\n";
        assert_eq!((figure(log, "cov: "), figure(log, "stat::number_of_executed_units:")), (345, 78));
        assert_eq!(figure(log, "nothing"), 0);
    }
}
