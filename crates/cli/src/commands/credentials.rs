//! `headwater credentials`: the file that a server's `--credentials` names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use headwater_access::{CredentialsFile, KeyEntry, Lifetime, UserEntry, UserRef, builtin_policy, update};
use headwater_host::{Clock, SystemClock, SystemRandom, read_text_file};
use headwater_types::AccountId;
use serde_json::{Value, json};

use super::{print, print_json, remark};
use crate::connect::Output;
use crate::failure::Failure;
use crate::text::table::table;

/// Make, list, remove and rotate the credentials of a server.
///
/// A server that was started with `--credentials FILE` takes up each change within two seconds.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headwater credentials add --user alice --policy read-only\n  \
                        headwater credentials add --user job --policy job.json --for 12h\n  \
                        headwater credentials list\n  headwater credentials rotate AKIA... --keep 24h\n  \
                        headwater credentials remove AKIA...\n  \
                        headwater --credentials headwater-credentials.toml")]
pub(crate) struct Credentials {
    /// The file [default: ./headwater-credentials.toml]
    #[arg(
        long,
        env = "HEADWATER_CREDENTIALS",
        value_name = "FILE",
        global = true,
        default_value = "headwater-credentials.toml",
        hide_default_value = true
    )]
    credentials: PathBuf,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a key, and the user if there is none such; the secret is shown now and never again
    Add(Add),
    /// Show who there is, with which keys; never a secret
    List {
        /// The output format
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
    /// Remove a key; who signs with it is refused from then on
    Remove {
        /// The access key id
        key: String,
    },
    /// Make another key for the same user; the old one stays until it is removed
    Rotate {
        /// The access key id
        key: String,
        /// End the old key after this time, such as 24h
        #[arg(long, value_name = "TIME", value_parser = duration)]
        keep: Option<Duration>,
        /// The output format
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
    /// Show or replace the policies of a user
    Policy(Policy),
}

#[derive(Debug, Args)]
struct Who {
    /// The account, 12 digits
    #[arg(long, env = "HEADWATER_ACCOUNT", value_name = "ID", default_value = "000000000000", value_parser = account)]
    account: AccountId,

    /// The user's name; without it the key is the account's own, which may do everything in its account
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

impl Who {
    fn as_ref(&self) -> UserRef<'_> {
        UserRef { account: self.account, name: self.user.as_deref() }
    }
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    who: Who,

    /// A policy of the user: a file in AWS's JSON language, full-access or read-only; may be given more than once
    #[arg(long = "policy", value_name = "FILE|NAME")]
    policies: Vec<String>,

    /// Make a temporary key, with a session token, that ends after this time, such as 15m, 12h or 7d
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    lifetime: Option<Duration>,

    /// The output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Debug, Args)]
struct Policy {
    #[command(flatten)]
    who: Who,

    /// Take these in the place of all there are: a file, full-access or read-only
    #[arg(long = "set", value_name = "FILE|NAME")]
    policies: Vec<String>,

    /// Take all away
    #[arg(long, conflicts_with = "policies")]
    clear: bool,
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::new(text).ok_or_else(|| "an account is 12 digits".to_owned())
}

/// `90s`, `15m`, `12h`, `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time as 90s, 15m, 12h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| wrong())?;
    if count == 0 { Err(wrong()) } else { Ok(Duration::from_secs(u64::from(count) * seconds)) }
}

pub(crate) fn run(args: Credentials) -> Result<(), Failure> {
    let path = args.credentials.as_path();
    let now = SystemClock::new().now();
    let random = SystemRandom::new();
    match args.what {
        What::Add(add) => {
            let policies = documents(&add.policies)?;
            let lifetime = add.lifetime.map_or(Lifetime::Lasting, Lifetime::Temporary);
            let who = add.who.as_ref();
            if who.name.is_some() && policies.is_empty() {
                remark(
                    "without a policy a user may do nothing; see --policy, or `headwater credentials policy`",
                );
            }
            let key = update(path, |file| file.add_key(who, &policies, lifetime, now, &*random))?;
            show(&key, path, add.output)
        }
        What::List { output } => list(&CredentialsFile::read(path)?, output),
        What::Remove { key } => {
            update(path, |file| file.remove_key(&key))?;
            remark(&format!("{key} is removed"));
            Ok(())
        }
        What::Rotate { key, keep, output } => {
            let made = update(path, |file| file.rotate_key(&key, keep, now, &*random))?;
            remark(&match keep {
                None => format!("{key} is good until it is removed: headwater credentials remove {key}"),
                Some(keep) => format!("{key} ends in {} s", keep.as_secs()),
            });
            show(&made, path, output)
        }
        What::Policy(policy) => run_policy(&policy, path),
    }
}

fn run_policy(policy: &Policy, path: &Path) -> Result<(), Failure> {
    let who = policy.who.as_ref();
    if policy.policies.is_empty() && !policy.clear {
        let mut file = CredentialsFile::read(path)?;
        let user = file.user(who)?;
        let texts = user.policies.iter().cloned();
        let files = user.policy_files.iter().map(|file| format!("(in {})", file.display()));
        return print(&texts.chain(files).map(|text| text + "\n").collect::<String>());
    }
    let policies = documents(&policy.policies)?;
    update(path, |file| {
        let user = file.user(who)?;
        user.policies = policies;
        user.policy_files.clear();
        Ok(())
    })?;
    remark("done");
    Ok(())
}

/// The documents that were named; whether they are right is checked before anything is written.
fn documents(names: &[String]) -> Result<Vec<String>, Failure> {
    let read = |name: &String| match builtin_policy(name) {
        Some(document) => Ok(document.to_owned()),
        None => read_text_file(Path::new(name)).map_err(|error| {
            Failure::Usage(format!(
                "cannot read the policy {name}: {error} (full-access and read-only need no file)"
            ))
        }),
    };
    names.iter().map(read).collect()
}

/// The only time that a secret is shown.
fn show(key: &KeyEntry, path: &Path, output: Output) -> Result<(), Failure> {
    let token = key.session_token.as_ref().map(|token| token.reveal());
    if output == Output::Json {
        return print_json(&json!({
            "access_key_id": key.id,
            "secret_access_key": key.secret.reveal(),
            "session_token": token,
            "expires": key.expires,
        }));
    }
    remark(&format!("written to {}; the secret is not shown again:", path.display()));
    let token = token.map(|token| format!("export AWS_SESSION_TOKEN={token}\n")).unwrap_or_default();
    print(&format!(
        "export AWS_ACCESS_KEY_ID={}\nexport AWS_SECRET_ACCESS_KEY={}\n{token}",
        key.id,
        key.secret.reveal()
    ))
}

fn list(file: &CredentialsFile, output: Output) -> Result<(), Failure> {
    let keys = || file.users.iter().flat_map(|user| user.keys.iter().map(move |key| (user, key)));
    if output == Output::Json {
        let all: Vec<Value> = keys().map(as_json).collect();
        return print_json(&all);
    }
    let rows: Vec<[String; 6]> = keys().map(row).collect();
    print(&table(["KEY", "ACCOUNT", "USER", "POLICIES", "CREATED (UTC)", "ENDS (UTC)"], &[3], &rows))
}

fn policies(user: &UserEntry) -> usize {
    user.policies.len() + user.policy_files.len()
}

fn row((user, key): (&UserEntry, &KeyEntry)) -> [String; 6] {
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    [
        key.id.clone(),
        user.account.clone(),
        user.name.clone().unwrap_or_else(|| "(account)".to_owned()),
        if user.name.is_some() { policies(user).to_string() } else { "all".to_owned() },
        shown(&key.created),
        shown(&key.expires),
    ]
}

fn as_json((user, key): (&UserEntry, &KeyEntry)) -> Value {
    json!({
        "access_key_id": key.id,
        "account": user.account,
        "user": user.name,
        "policies": policies(user),
        "created": key.created,
        "expires": key.expires,
        "temporary": key.session_token.is_some(),
    })
}
