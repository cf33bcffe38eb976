//! `cargo xtask <command>`: the one place that knows how this project is checked, tested and measured.
//! `.ci/run` calls `ci`; nothing that CI does is out of a developer's reach.
#![allow(clippy::disallowed_methods, reason = "a tool of the developers; nothing here is simulated")]

mod bench;
mod build;
mod ci;
mod conformance;
mod fuzz;
mod kept;
mod node;
mod peer;
mod python;
mod run;
mod soak;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <command>

  test [--quick]              the workspace's tests, then boto3 and the AWS CLI against the built binary
                              (--quick: of those only the numbered cases and the operations)
  conformance --quick         the clients that need more than Python: JavaScript, Java, Go, KPL, curl, openssl
  conformance                 all clients, those in conformance/clients included: hours, with the builds
  conformance ARGS            of the Python suite what pytest's arguments choose: cargo xtask conformance -k case_21
  conformance js [ARGS]       only the JavaScript SDK, with arguments of node --test (python: likewise of pytest)
  conformance NAME [ARGS]     one of conformance/clients, with arguments of pytest (clients: all of them)
  tidy                        layers, sizes, links, licences, leftovers: what the compiler does not check
  advisories                  the dependencies against the RustSec database, which is fetched
  ci [--quick]                formatting, lints, tidy, documentation, test, conformance --quick, 15 s of each fuzz target
                              (--quick: formatting, tidy, lints and the workspace's own tests: five minutes)
  fuzz [--seconds N] [TARGET...]
                              every decoder, or those named, under libFuzzer for N seconds each (60)
  bench [--quick] [--only PART[,PART]] [--rounds N] [--peer F]
                              measure against ferrokinesis, a bare server and the bare disk, and what guards cost; takes
                              about three quarters of an hour and writes docs/benchmarks.md
                              (--quick: one short round; --only: rows such as put-records-large, put-record-256 or
                              get-records-cbor, or credentials, encryption, aws-limits, fan-out, sweep, leases, starts;
                              --rounds: instead of five; these three print and write nothing;
                              --peer: a ferrokinesis already built)
  soak [--minutes N] [--seed N] [--fan-out | --mixed]
                              kill -9 under load for N minutes (10), checking that nothing is lost
                              (--fan-out: with a thousand subscriptions, each of which has to see every record once;
                              --mixed: puts, gets, fan-out, streams and tables that come and go; at the end memory,
                              open files and disk have to come back to where they were)
  soak --fuzz [--minutes N]   every fuzz target for N minutes (10)
";

/// Error, in words that say how to mend it.
type Failure = Box<dyn std::error::Error>;
type Result<T> = std::result::Result<T, Failure>;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = if arguments.is_empty() { String::new() } else { arguments.remove(0) };
    let outcome = match command.as_str() {
        "test" => test::run(arguments),
        "conformance" => conformance::run(arguments),
        "tidy" => tidy::run(arguments),
        "advisories" => tidy::advisories(&arguments),
        "ci" => ci::run(arguments),
        "bench" => bench::run(arguments),
        "fuzz" => fuzz::run(arguments),
        "soak" => soak::run(arguments),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask {command}: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Takes `--name` out of the arguments.
fn take_flag(arguments: &mut Vec<String>, name: &str) -> bool {
    let before = arguments.len();
    arguments.retain(|argument| argument != name);
    arguments.len() < before
}

/// Takes `--name value` out of the arguments.
fn take_value(arguments: &mut Vec<String>, name: &str) -> Result<Option<String>> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(None) };
    arguments.remove(at);
    if at == arguments.len() {
        return Err(format!("{name} needs a value").into());
    }
    Ok(Some(arguments.remove(at)))
}

fn no_more(arguments: &[String]) -> Result<()> {
    match arguments.first() {
        Some(unknown) => Err(format!("{unknown} is not understood\n\n{USAGE}").into()),
        None => Ok(()),
    }
}
