//! `headwater repair-tables`: what damage has taken of tables, and the decision to go on without it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use headwater_host::exists;
use headwater_server::{Host, MasterKeySource, repair_tables};
use headwater_vault::Secret;

use super::print;
use crate::failure::Failure;
use crate::text::{counted, table};

/// Arguments of `headwater repair-tables`.
#[derive(Debug, Args)]
pub(crate) struct RepairTables {
    /// Directory of the data
    #[arg(long, env = "HEADWATER_DATA_DIR", value_name = "DIR", default_value = "headwater-data")]
    data_dir: PathBuf,
    /// The file of master keys, if tables are encrypted [default: the key that HEADWATER_MASTER_KEY holds, and the one in
    /// the data directory]
    #[arg(long, env = "HEADWATER_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// Only show what is lost; the tables stay as they are
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: RepairTables) -> Result<(), Failure> {
    // To open a directory that holds nothing would make a store in it.
    if !exists(&args.data_dir.join("FORMAT")) {
        return Err(Failure::Usage(format!("{} holds no data of a server", args.data_dir.display())));
    }
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
        return print(&format!("Nothing is lost: {} whole.\n", are(losses.whole)));
    }
    let regions: BTreeSet<_> = losses.tables.iter().map(|(table, _)| table.realm.region).collect();
    let rows = losses.tables.iter().map(|(table, cause)| {
        let region = if regions.len() > 1 { format!("{}/", table.realm.region) } else { String::new() };
        [table.realm.account.to_string(), format!("{region}{}", table.name), cause.clone()]
    });
    let rows: Vec<_> = rows.collect();
    let mut text = table::table(["ACCOUNT", "TABLE", "LOST TO"], &[], &rows);
    if losses.nameless > 0 {
        text += &format!("{} more lost altogether, their names with them.\n", are(losses.nameless));
    }
    if let Some(cause) = &losses.unknown {
        text += &format!("Other tables may be lost altogether: {cause}.\n");
    }
    let (kept, lost) = (losses.whole, losses.tables.len());
    let kept = are(kept);
    text += &match args.dry_run {
        true => format!(
            "{kept} whole. {} would be served again without what was lost. The tables stay as they were.\n",
            counted(lost, "table")
        ),
        false => format!("{kept} whole. {} served again without what was lost.\n", are(lost)),
    };
    print(&text)
}

/// "1 table is", "2 tables are".
fn are(tables: usize) -> String {
    format!("{} {}", counted(tables, "table"), if tables == 1 { "is" } else { "are" })
}
