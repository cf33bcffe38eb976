//! The credentials file: what `headwater credentials` writes and the server reads.
//!
//! # Format
//! TOML, mode 0600. A `[[user]]` has an account, a name (none: the account itself), policies and keys; a key has an
//! id, a secret, and where it is temporary a session token and an end. Policies are JSON documents, or files named
//! relative to this one. Whatever is not known is refused: a policy that is misspelt must not be one that is missing.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headwater_host::{Random, SecretFileLock, read_secret_file, read_trusted_file};
use headwater_types::{AccountId, Timestamp};
use headwater_wire::date;
use serde::{Deserialize, Serialize};

use super::secret::{Secret, access_key_id};
use crate::policy::{IdentityPolicy, PolicyError};

/// The shortest secret that is taken.
const SECRET_CHARS_MIN: usize = 16;

const HEAD: &str = "\
# Credentials of Headwater: whoever reads this file can sign as everybody in it. Keep its mode at 0600.
# `headwater credentials` changes it and keeps no other comments. docs/security.md describes it.

";

/// Why a credentials file is not used: one line that names the file, the cause and the mend.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// Path of the file.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// It cannot be replaced.
    #[error("cannot write {path}: {cause}")]
    Write {
        /// Path of the file.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// It is not TOML, or not of this form.
    #[error("the credentials file {path} is wrong: {cause}")]
    Malformed {
        /// Path of the file.
        path: String,
        /// The mistake.
        cause: String,
    },
    /// A policy in it is wrong.
    #[error("a policy of {user} is wrong: {cause}")]
    Policy {
        /// The user it belongs to.
        user: String,
        /// The mistake.
        cause: PolicyError,
    },
    /// The edit that was asked for is not possible.
    #[error("{0}")]
    Edit(String),
}

type Result<T> = std::result::Result<T, CredentialsError>;

/// Everything in the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsFile {
    /// Users, in the order in which they were added.
    #[serde(default, rename = "user")]
    pub users: Vec<UserEntry>,
}

/// A user, or an account itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UserEntry {
    /// The account, 12 digits.
    pub account: String,
    /// The user's name; without one it is the account itself, which may do everything in its account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Policies as JSON documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Files with policies, relative to the credentials file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_files: Vec<PathBuf>,
    /// Keys.
    #[serde(default, rename = "key", skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyEntry>,
}

/// A key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeyEntry {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: Secret,
    /// When it was made, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// From when on it is not taken any more, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Session token that a temporary key must be sent with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret>,
}

/// Reference to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRef<'a> {
    /// The account.
    pub account: AccountId,
    /// The name; none for the account itself.
    pub name: Option<&'a str>,
}

/// Lifetime of a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is removed.
    Lasting,
    /// So long, and only with its session token.
    Temporary(Duration),
}

impl UserEntry {
    /// `alice of account 111122223333`.
    pub fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} of account {}", self.account),
            None => format!("account {}", self.account),
        }
    }

    fn is(&self, wanted: UserRef<'_>) -> bool {
        self.account == wanted.account.as_str() && self.name.as_deref() == wanted.name
    }

    /// The user's policies, read and checked; `directory` is where the credentials file is.
    pub(super) fn read_policies(&self, directory: &Path) -> Result<Vec<IdentityPolicy>> {
        let parse = |text: &str| {
            IdentityPolicy::parse(text)
                .map_err(|cause| CredentialsError::Policy { user: self.shown(), cause })
        };
        let mut all = self.policies.iter().map(|text| parse(text)).collect::<Result<Vec<_>>>()?;
        for file in &self.policy_files {
            let path = directory.join(file);
            let text = read_trusted_file(&path)
                .map_err(|cause| CredentialsError::Read { path: path.display().to_string(), cause })?;
            all.push(parse(&text)?);
        }
        Ok(all)
    }
}

impl KeyEntry {
    /// When it ends, if it does.
    pub fn ends(&self) -> Option<Timestamp> {
        self.expires.as_deref().and_then(date::parse_rfc3339)
    }
}

impl CredentialsFile {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = || path.display().to_string();
        let text = read_secret_file(path).map_err(|cause| CredentialsError::Read { path: shown(), cause })?;
        let malformed = |cause| CredentialsError::Malformed { path: shown(), cause };
        if text.trim().is_empty() {
            // Cut off while it was written by something else: what this command writes has a comment at least.
            return Err(malformed("it is empty".to_owned()));
        }
        let file: Self = toml::from_str(&text).map_err(|error| {
            // The text of the error alone: what stands in the file may be a secret.
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.bytes().take(at).filter(|&b| b == b'\n').count() + 1;
            malformed(format!("line {line}: {}", harmless(error.message())))
        })?;
        file.check().map_err(malformed)?;
        Ok(file)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let (mut users, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for user in &self.users {
            if AccountId::new(&user.account).is_none() {
                return Err(format!("the account {:?} is not 12 digits", user.account));
            }
            if let Some(name) = &user.name {
                check_name(name)?;
            } else if !user.policies.is_empty() || !user.policy_files.is_empty() {
                return Err(format!(
                    "{} has policies, but an account itself may do everything: give the user a name",
                    user.shown()
                ));
            }
            if !users.insert((&user.account, &user.name)) {
                return Err(format!("{} occurs twice", user.shown()));
            }
            for key in &user.keys {
                check_key(key)?;
                if !ids.insert(&key.id) {
                    return Err(format!("the key {} occurs twice", key.id));
                }
            }
        }
        Ok(())
    }

    /// Directory in which the files of policies are looked for.
    pub(super) fn directory(path: &Path) -> PathBuf {
        path.parent().map(Path::to_owned).unwrap_or_default()
    }

    /// Makes a key for a user, who is added if there is none such; `policies` are added to the user's.
    pub fn add_key(
        &mut self,
        wanted: UserRef<'_>,
        policies: &[String],
        lifetime: Lifetime,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<KeyEntry> {
        if let Some(name) = wanted.name {
            check_name(name).map_err(CredentialsError::Edit)?;
        } else if !policies.is_empty() {
            let why = "an account itself may do everything: give --user NAME to bind somebody to policies";
            return Err(CredentialsError::Edit(why.to_owned()));
        }
        let key = new_key(lifetime, now, random);
        if !self.users.iter().any(|user| user.is(wanted)) {
            self.users.push(UserEntry {
                account: wanted.account.to_string(),
                name: wanted.name.map(str::to_owned),
                policies: Vec::new(),
                policy_files: Vec::new(),
                keys: Vec::new(),
            });
        }
        if let Some(user) = self.users.iter_mut().find(|user| user.is(wanted)) {
            user.policies.extend_from_slice(policies);
            user.keys.push(key.clone());
        }
        Ok(key)
    }

    /// Makes another key for the user of key `id`, which must be a lasting one. The old one is good until it is removed, or for `grace`.
    pub fn rotate_key(
        &mut self,
        id: &str,
        grace: Option<Duration>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<KeyEntry> {
        let user = self.user_of_key(id)?;
        if user.keys.iter().any(|key| key.id == id && key.session_token.is_some()) {
            return Err(CredentialsError::Edit(format!(
                "{id} is a temporary key; make another with `headwater credentials add --for TIME`"
            )));
        }
        let key = new_key(Lifetime::Lasting, now, random);
        if let (Some(grace), Some(old)) = (grace, user.keys.iter_mut().find(|key| key.id == id)) {
            let end = now.plus(grace);
            old.expires = Some(text_of(old.ends().map_or(end, |earlier| earlier.min(end))));
        }
        user.keys.push(key.clone());
        Ok(key)
    }

    /// Removes a key; a user stays without keys if `keep_user`, or goes with the last one.
    pub fn remove_key(&mut self, id: &str) -> Result<()> {
        let user = self.user_of_key(id)?;
        user.keys.retain(|key| key.id != id);
        self.users.retain(|user| !user.keys.is_empty());
        Ok(())
    }

    /// The user who has this key.
    pub fn user_of_key(&mut self, id: &str) -> Result<&mut UserEntry> {
        let found = self.users.iter_mut().find(|user| user.keys.iter().any(|key| key.id == id));
        found.ok_or_else(|| {
            CredentialsError::Edit(format!("there is no key {id}; `headwater credentials list` shows all"))
        })
    }

    /// The user that is meant.
    pub fn user(&mut self, wanted: UserRef<'_>) -> Result<&mut UserEntry> {
        let found = self.users.iter_mut().find(|user| user.is(wanted));
        found.ok_or_else(|| {
            let who = wanted.name.unwrap_or("the account itself");
            CredentialsError::Edit(format!("there is no {who} of account {}", wanted.account))
        })
    }
}

/// Changes the file, or makes it: one change at a time, whole or not at all, and only if the outcome would be read.
pub fn update<T>(path: &Path, change: impl FnOnce(&mut CredentialsFile) -> Result<T>) -> Result<T> {
    let shown = || path.display().to_string();
    let write = |cause| CredentialsError::Write { path: shown(), cause };
    let lock = SecretFileLock::take(path).map_err(write)?;
    let mut file = match CredentialsFile::read(path) {
        Err(CredentialsError::Read { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
            CredentialsFile::default()
        }
        other => other?,
    };
    let answer = change(&mut file)?;
    file.check().map_err(CredentialsError::Edit)?;
    let directory = CredentialsFile::directory(path);
    file.users.iter().try_for_each(|user| user.read_policies(&directory).map(drop))?;
    let text = toml::to_string(&file)
        .map_err(|error| CredentialsError::Edit(format!("the file cannot be written as TOML: {error}")))?;
    lock.replace(&(HEAD.to_owned() + &text)).map_err(write)?;
    Ok(answer)
}

fn new_key(lifetime: Lifetime, now: Timestamp, random: &dyn Random) -> KeyEntry {
    let temporary = matches!(lifetime, Lifetime::Temporary(_));
    KeyEntry {
        id: access_key_id(random, temporary),
        // 40 characters, as AWS's are.
        secret: Secret::generate(random, 30),
        created: Some(text_of(now)),
        expires: match lifetime {
            Lifetime::Lasting => None,
            Lifetime::Temporary(by) => Some(text_of(now.plus(by))),
        },
        session_token: temporary.then(|| Secret::generate(random, 96)),
    }
}

/// IAM's rule for names of users.
fn check_name(name: &str) -> std::result::Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(format!("the user name {name:?} is not 1 to 64 letters, digits and _ + = , . @ -"))
}

fn check_key(key: &KeyEntry) -> std::result::Result<(), String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !(3..=128).contains(&key.id.len()) || !key.id.bytes().all(fits) {
        return Err("the id of a key is not 3 to 128 letters, digits, _ and -".to_owned());
    }
    if key.secret.reveal().chars().count() < SECRET_CHARS_MIN {
        return Err(format!("the secret of {} is shorter than {SECRET_CHARS_MIN} characters", key.id));
    }
    // What stands there is not repeated: it may be a secret in the wrong place.
    for (name, time) in [("created", &key.created), ("expires", &key.expires)] {
        if time.as_ref().is_some_and(|time| date::parse_rfc3339(time).is_none()) {
            return Err(format!("`{name}` of {} is no time such as 2026-12-31T23:59:59Z", key.id));
        }
    }
    Ok(())
}

/// RFC 3339 in whole seconds.
fn text_of(time: Timestamp) -> String {
    date::shown(time, "%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A message of the parser, cut before what it repeats of the file.
fn harmless(message: &str) -> String {
    // serde names the unexpected value: `invalid type: string "...", expected ...`.
    let line = message.lines().next().unwrap_or_default();
    match line.find(['"', '`']) {
        Some(_) if line.starts_with("invalid") => {
            let (kind, expected) =
                (line.split(':').next().unwrap_or_default(), line.split("expected").nth(1));
            expected.map_or_else(|| kind.to_owned(), |expected| format!("{kind}, expected{expected}"))
        }
        // serde names a field that it does not know: "unknown field `...`, expected ...".
        Some(_) if line.starts_with("unknown") => {
            let (kind, expected) = (
                line.split('`').next().unwrap_or_default(),
                line.split_once("expected").map(|(_, rest)| rest),
            );
            let kind = kind.trim_end();
            expected.map_or_else(|| kind.to_owned(), |expected| format!("{kind}, expected{expected}"))
        }
        _ => line.to_owned(),
    }
}
