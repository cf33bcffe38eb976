//! `headwater repair`.

use std::path::PathBuf;

use clap::Args;
use headwater_host::exists;
use headwater_server::repair;

use super::print;
use crate::failure::Failure;

/// Arguments of `headwater repair`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  headwater repair --data-dir /var/lib/headwater --dry-run   see what is kept and what is \
                        lost\n  headwater repair --data-dir /var/lib/headwater             do it"
)]
pub(crate) struct Repair {
    /// The data directory
    #[arg(long, value_name = "DIR", env = "HEADWATER_DATA_DIR", default_value = "headwater-data")]
    data_dir: PathBuf,

    /// Show what would be kept, lost and set aside, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Repair) -> Result<(), Failure> {
    let Repair { data_dir, dry_run } = args;
    // A repair makes no directory.
    if !exists(data_dir) {
        return Err(Failure::Usage(format!("there is no directory {}", data_dir.display())));
    }
    let outcome = repair(data_dir, *dry_run).map_err(|error| Failure::Failed(error.to_string()))?;
    print(&outcome.report)?;
    match (outcome.is_whole, dry_run) {
        (true, _) => Ok(()),
        (false, true) => print("\nNothing was changed.\n"),
        (false, false) => print("\nDone. The server starts with what is kept.\n"),
    }
}
