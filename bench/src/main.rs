//! The load generator: closed loops over plain HTTP/1.1 against anything that speaks Kinesis.
//!
//! Constraints:
//! - It shares two cores with the server it measures, so a request costs it two system calls and
//!   a glance at the answer. Requests are built beforehand, one blocking thread a connection.
//! - Every answer is judged: a status other than 200 or a failed record ends the run.
//! - It signs with the workspace's `wire`. Otherwise it knows nothing of our server that another server's user would
//!   not know, but how to start it.
#![allow(clippy::disallowed_methods, reason = "a measuring tool reads the real clock and real files")]

mod api;
mod ceiling;
mod check;
mod cli;
mod fan_out;
mod fan_out_soak;
mod figures;
mod http;
mod leases;
mod load;
mod mixed_soak;
mod payload;
mod process;
mod random;
mod raw_disk;
mod scratch;
mod server;
mod soak;
mod startup;
mod subscription;
mod sweep;
mod table;
mod target;
mod workload;

/// Error, in one line.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Failure>;

fn main() -> std::process::ExitCode {
    match cli::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("headwater-bench: {failure}");
            std::process::ExitCode::FAILURE
        }
    }
}
