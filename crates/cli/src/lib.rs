//! The commands of `headwater`: the server, and what people do with streams from a terminal.
//!
//! Everything but `serve`, `repair`, `repair-tables`, `credentials`, `tls` and `keys` goes through the public API of whatever
//! endpoint it is pointed at.

mod commands;
mod connect;
mod failure;
pub mod text;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use commands::{
    create, credentials, delete, describe, keys, put, repair, repair_tables, streams, tail, tls, top,
};
use headwater_server::ServeArgs;

pub use commands::put::key::KeyField;
pub use commands::tail::lineage::{Lineage, Reading};
pub use commands::tail::since::Since;
pub use commands::top::{rates, sample, view};

/// Amazon Kinesis that you run yourself.
///
/// Without a command the server runs, as with `serve`.
#[derive(Debug, Parser)]
#[command(name = "headwater", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(ServeArgs),
    /// Make, list, remove and rotate the credentials of a server
    Credentials(credentials::Credentials),
    /// List the streams
    Streams(streams::Streams),
    /// Create a stream
    Create(create::Create),
    /// Delete a stream and everything in it
    Delete(delete::Delete),
    /// Show a stream, its consumers and its shards
    Describe(describe::Describe),
    /// Put records into a stream
    Put(put::Put),
    /// Show the records of a stream as they arrive
    Tail(tail::Tail),
    /// Watch what goes in and out of streams and shards
    Top(top::Top),
    /// Make certificates for the server
    Tls(tls::Tls),
    /// Make and change the file of master keys, under which streams and tables are encrypted
    Keys(keys::Keys),
    /// Bring a data directory that the server refuses to a state that it takes
    ///
    /// For a directory whose files are damaged, missing, or from different times or servers. No server may be running on
    /// it. Files that cannot be kept are set aside in a folder repair-1 (2, 3...) inside it; nothing is deleted. A copy of
    /// the whole directory from before, if there is one, is better than any repair.
    Repair(repair::Repair),
    /// Show which tables have lost changes to damage, and serve them again as they are
    ///
    /// For a server that is stopped. A damaged table is not served, because a lease or a checkpoint that goes back in time
    /// has two owners. A copy of the whole directory from before the damage, if there is one, loses less. Without one, this
    /// accepts the loss. It cannot be undone.
    RepairTables(repair_tables::RepairTables),
}

const EXAMPLES: &str = "\
Examples:
  headwater                                   run the server on 127.0.0.1:4567
  headwater create orders --shards 4          create a stream
  echo '{\"id\":1}' | headwater put orders      put a record
  headwater tail orders --from horizon        read it back, and what follows

The commands talk to the server on this machine, or to any other Kinesis by --endpoint-url,
AWS_ENDPOINT_URL and the usual AWS credentials.";

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return failure::usage(&error),
        // Help and version, which go to standard output.
        Err(error) => error.exit(),
    };
    let done = match cli.command {
        None => return headwater_server::run(cli.serve),
        Some(Command::Serve(args)) => return headwater_server::run(args),
        Some(Command::Credentials(args)) => credentials::run(args),
        Some(Command::Streams(args)) => {
            connect::run(&args.connect.clone(), |session| streams::run(args, session))
        }
        Some(Command::Create(args)) => {
            connect::run(&args.connect.clone(), |session| create::run(args, session))
        }
        Some(Command::Delete(args)) => {
            connect::run(&args.connect.clone(), |session| delete::run(args, session))
        }
        Some(Command::Describe(args)) => {
            connect::run(&args.connect.clone(), |session| describe::run(args, session))
        }
        Some(Command::Put(args)) => connect::run(&args.connect.clone(), |session| put::run(args, session)),
        Some(Command::Tail(args)) => connect::run(&args.connect.clone(), |session| tail::run(args, session)),
        Some(Command::Tls(args)) => tls::run(args),
        Some(Command::Keys(args)) => keys::run(args),
        Some(Command::Repair(args)) => repair::run(&args),
        Some(Command::RepairTables(args)) => repair_tables::run(args),
        Some(Command::Top(args)) => connect::run(&args.connect.clone(), |session| top::run(args, session)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
