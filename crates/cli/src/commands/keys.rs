//! `headwater keys`: the master key file. The only command beside `serve` that needs no server.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use headwater_host::{Clock, SystemClock, SystemRandom};
use headwater_server::{MasterKeyFile, MasterKeyFileError};
use headwater_types::Timestamp;
use headwater_vault::{Alias, DEFAULT_ALIAS, MasterKey, Secret};

use super::{print, remark};
use crate::failure::Failure;
use crate::text::{table, time};

/// Make and change the file of master keys, under which streams and tables are encrypted.
///
/// Anybody who has the file can read every encrypted stream, and without it nobody can: keep copies of it, and not
/// beside the data. A running server takes up changes within seconds.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Keys {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  headwater keys init --file master-keys.toml
  headwater --master-key-file master-keys.toml
  headwater keys rotate alias/aws/kinesis --file master-keys.toml";

#[derive(Debug, Args)]
struct File {
    /// The master key file
    #[arg(long, env = "HEADWATER_MASTER_KEY_FILE", value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
struct Named {
    /// The key: its id, or one of its aliases
    key: String,
    #[command(flatten)]
    file: File,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a file with one key, alias/aws/kinesis
    Init {
        #[command(flatten)]
        file: File,
        /// Take the key that HEADWATER_MASTER_KEY holds, which keeps its id
        #[arg(long)]
        from_environment: bool,
    },
    /// Add a key
    Add {
        /// Another name for it, such as alias/orders; may be given more than once
        #[arg(long)]
        alias: Vec<String>,
        #[command(flatten)]
        file: File,
    },
    /// Show the keys, without their secrets
    List {
        #[command(flatten)]
        file: File,
    },
    /// Give a key a new version; the older ones go on opening what they closed
    Rotate(Named),
    /// Let nobody use a key for now: its streams refuse puts and reads
    Disable(Named),
    /// Make a disabled key usable again
    Enable(Named),
}

pub(crate) fn run(args: Keys) -> Result<(), Failure> {
    let now_s = SystemClock::new().now().as_secs();
    let random = SystemRandom::new();
    match args.action {
        Action::Init { file, from_environment } => {
            let mut key = if from_environment {
                MasterKey::of_secret(secret_of_environment()?, now_s)
            } else {
                MasterKey::generate(&*random, now_s)
            };
            key.aliases.extend(Alias::parse(DEFAULT_ALIAS));
            let id = key.id.clone();
            MasterKeyFile::create(&file.file, key)?;
            remark(&format!(
                "{} holds the key {id}, {DEFAULT_ALIAS}. Keep a copy of it, not beside the data: without it no \
                 encrypted record can be read.",
                file.file.display()
            ));
        }
        Action::Add { alias, file } => {
            let mut key = MasterKey::generate(&*random, now_s);
            for text in alias {
                let wrong = || Failure::Usage(format!("'{text}' is no alias: it is alias/ and a name"));
                key.aliases.insert(Alias::parse(&text).ok_or_else(wrong)?);
            }
            let id = key.id.clone();
            MasterKeyFile::change(&file.file, |file| {
                file.keys.push(key);
                Ok::<_, Failure>(())
            })?;
            remark(&format!("{id} was added; the copies of the file are out of date"));
        }
        Action::List { file } => print(&listed(&MasterKeyFile::read(&file.file)?.keys))?,
        Action::Rotate(named) => change(&named, |key| {
            let number = key.rotate(&*random, now_s);
            format!("{} has version {number} now; the copies of the file are out of date", key.id)
        })?,
        Action::Disable(named) => change(&named, |key| {
            key.enabled = false;
            format!("{} is disabled: its streams refuse puts and reads", key.id)
        })?,
        Action::Enable(named) => change(&named, |key| {
            key.enabled = true;
            format!("{} is enabled", key.id)
        })?,
    }
    Ok(())
}

fn change(named: &Named, change: impl FnOnce(&mut MasterKey) -> String) -> Result<(), Failure> {
    let means = |key: &&mut MasterKey| {
        key.id.as_str() == named.key || key.aliases.iter().any(|alias| alias.as_str() == named.key)
    };
    let unknown =
        || Failure::Failed(format!("there is no key '{}'; `headwater keys list` shows them", named.key));
    let told = MasterKeyFile::change(&named.file.file, |file| {
        Ok::<_, Failure>(change(file.keys.iter_mut().find(means).ok_or_else(unknown)?))
    })?;
    remark(&told);
    Ok(())
}

fn secret_of_environment() -> Result<Secret, Failure> {
    let text = std::env::var("HEADWATER_MASTER_KEY").ok();
    text.as_deref()
        .and_then(Secret::from_base64)
        .ok_or_else(|| Failure::Usage("HEADWATER_MASTER_KEY is to hold the base64 of 32 bytes".to_owned()))
}

fn listed(keys: &[MasterKey]) -> String {
    let row = |key: &MasterKey| {
        let aliases: Vec<_> = key.aliases.iter().map(Alias::as_str).collect();
        let newest = key.newest().map_or(key.created_s, |newest| newest.created_s);
        [
            key.id.to_string(),
            aliases.join(" "),
            if key.enabled { "enabled" } else { "disabled" }.to_owned(),
            key.newest().map_or(0, |newest| newest.number).to_string(),
            time::seconds(Timestamp::from_secs(newest)),
        ]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    table::table(["KEY", "ALIASES", "STATE", "VERSION", "OF (UTC)"], &[3], &rows)
}

impl From<MasterKeyFileError> for Failure {
    fn from(error: MasterKeyFileError) -> Self {
        Self::Failed(error.to_string())
    }
}
