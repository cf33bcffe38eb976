//! `headwater repair-tables`: what damage has taken of tables, and the decision to go on without it.

use std::path::PathBuf;

use clap::Args;
use headwater_server::{Host, MasterKeySource, repair_tables};
use headwater_vault::Secret;

use super::print;
use crate::failure::Failure;
use crate::text::table;

/// Show which tables have lost changes to damage, and serve them again as they are
///
/// For a server that is stopped. A damaged table is not served, because a lease or a checkpoint that goes back in time has
/// two owners. Where the damaged file can be put back from a backup, do that instead: nothing is lost then. Where not, this
/// accepts the loss. It cannot be undone.
#[derive(Debug, Args)]
pub(crate) struct RepairTables {
    /// Directory of the data
    #[arg(long, env = "HEADWATER_DATA_DIR", value_name = "DIR", default_value = "headwater-data")]
    data_dir: PathBuf,
    /// The file of master keys, if tables are encrypted; otherwise the key that HEADWATER_MASTER_KEY holds
    #[arg(long, env = "HEADWATER_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// Only show what is lost
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: RepairTables) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("the system gives no threads: {error}")))?;
    let keys = match (args.master_key_file, std::env::var("HEADWATER_MASTER_KEY")) {
        (Some(file), _) => MasterKeySource::File(file),
        (None, Ok(text)) => {
            let secret = Secret::from_base64(&text);
            let wrong = || Failure::Usage("HEADWATER_MASTER_KEY must be the base64 of 32 bytes".into());
            MasterKeySource::Key(secret.ok_or_else(wrong)?)
        }
        (None, Err(_)) => MasterKeySource::None,
    };
    let repairing = repair_tables(&args.data_dir, Host::system(), &keys, !args.dry_run);
    let losses = runtime.block_on(repairing).map_err(|error| Failure::Failed(error.to_string()))?;
    if !losses.are_there() {
        return print(&format!("Nothing is lost: {} tables are whole.\n", losses.whole));
    }
    let rows = losses.tables.iter();
    let rows: Vec<_> = rows
        .map(|(table, cause)| [table.account.to_string(), table.name.to_string(), cause.clone()])
        .collect();
    let mut text = table::table(["ACCOUNT", "TABLE", "LOST TO"], &[], &rows);
    if losses.nameless > 0 {
        text += &format!("{} more tables are lost altogether, their names with them.\n", losses.nameless);
    }
    if let Some(cause) = &losses.unknown {
        text += &format!("Other tables may be lost altogether: {cause}.\n");
    }
    let (kept, lost) = (losses.whole, losses.tables.len());
    text += &match args.dry_run {
        true => format!(
            "{kept} tables are whole. {lost} tables would be served again without what they lost. Nothing was changed.\n"
        ),
        false => format!("{kept} tables are whole. {lost} tables are served again without what they lost.\n"),
    };
    print(&text)
}
