//! Sources of master keys: a file, or an environment variable.
//!
//! # Format
//! ```toml
//! format = 1
//!
//! [[key]]
//! id = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
//! aliases = ["alias/aws/kinesis"]
//! enabled = true
//! created = 1700000000                # seconds since 1970
//!
//! [[key.version]]                     # the last one wraps, all of them unwrap
//! number = 1
//! created = 1700000000
//! secret = "base64 of 32 bytes"
//! ```
//! # Constraints
//! The file is read only if nobody else can read it, and is written whole or not at all. No error quotes it.
//!
//! # Recovery
//! A running server looks at the file every few seconds ([`crate::key_sources`]). It takes up what is right, and keeps
//! the keys it has while the file is wrong or gone, which its log says once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use headwater_host::{SecretFileLock, create_secret_file, read_secret_file};
use headwater_vault::{Alias, KeyId, Keyring, KeyringError, MasterKey, MasterKeyVersion, Secret};
use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

const FORMAT: u32 = 1;

/// Source of master keys.
#[derive(Debug, Clone, Default)]
pub enum MasterKeySource {
    /// None were given.
    #[default]
    None,
    /// A file.
    File(PathBuf),
    /// One key, which is the default one.
    Key(Secret),
}

/// Why a master key file cannot be used: one line that names the file and the mend, and no secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MasterKeyFileError {
    /// It cannot be read.
    #[error("cannot read the master key file {path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
    /// It is not what such a file is.
    #[error("the master key file {path} is wrong: {cause}")]
    Malformed {
        /// The file.
        path: String,
        /// The mistake in it.
        cause: String,
    },
    /// It cannot be written.
    #[error("cannot write the master key file {path}: {cause}")]
    Unwritable {
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
}

/// The keys of a file, to be looked at and changed.
#[derive(Debug, Clone)]
pub struct MasterKeyFile {
    path: PathBuf,
    /// In the order of the file.
    pub keys: Vec<MasterKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileShape {
    format: u32,
    #[serde(default)]
    key: Vec<KeyShape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyShape {
    #[serde(deserialize_with = "key_id")]
    id: KeyId,
    #[serde(default, deserialize_with = "aliases")]
    aliases: Vec<Alias>,
    enabled: bool,
    created: u64,
    version: Vec<VersionShape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionShape {
    number: u32,
    created: u64,
    #[serde(deserialize_with = "secret")]
    secret: Secret,
}

fn key_id<'de, D: Deserializer<'de>>(from: D) -> Result<KeyId, D::Error> {
    let text = String::deserialize(from)?;
    KeyId::parse(&text).ok_or_else(|| de::Error::custom("an id is a GUID in lower case"))
}

fn aliases<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Alias>, D::Error> {
    let wrong = || de::Error::custom("an alias is alias/ and letters, digits, /, _ and -");
    Vec::<String>::deserialize(from)?.iter().map(|text| Alias::parse(text).ok_or_else(wrong)).collect()
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    let text = Zeroizing::new(String::deserialize(from)?);
    Secret::from_base64(&text).ok_or_else(|| de::Error::custom("a secret is the base64 of 32 bytes"))
}

impl MasterKeyFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, MasterKeyFileError> {
        let shown = || path.display().to_string();
        let text = read_secret_file(path)
            .map(Zeroizing::new)
            .map_err(|error| MasterKeyFileError::Unreadable { path: shown(), cause: error.to_string() })?;
        let wrong = |cause| MasterKeyFileError::Malformed { path: shown(), cause };
        let file: FileShape = toml::from_str(&text).map_err(|error| wrong(told(&error, &text)))?;
        if file.format != FORMAT {
            return Err(wrong(format!("its format is {}, and this version knows {FORMAT}", file.format)));
        }
        let keys = file.key.into_iter().map(KeyShape::into_key).collect();
        let file = Self { path: path.to_owned(), keys };
        file.keyring().map_err(|error| wrong(error.to_string()))?;
        Ok(file)
    }

    /// Makes a file with one key. A file that is there already is left alone.
    pub fn create(path: &Path, first: MasterKey) -> Result<Self, MasterKeyFileError> {
        let file = Self { path: path.to_owned(), keys: vec![first] };
        create_secret_file(path, &file.text()).map_err(|error| file.unwritable(&error))?;
        Ok(file)
    }

    /// The same, for who has to know why it failed: `AlreadyExists` if there is a file.
    pub(crate) fn store_new(path: &Path, only: MasterKey) -> std::io::Result<()> {
        let file = Self { path: path.to_owned(), keys: vec![only] };
        create_secret_file(path, &file.text())
    }

    /// Changes the keys of a file. Whoever else changes it at the same time waits.
    pub fn change<T, E: From<MasterKeyFileError>>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let unwritable = |path: &Path, error: &std::io::Error| MasterKeyFileError::Unwritable {
            path: path.display().to_string(),
            cause: error.to_string(),
        };
        let lock = SecretFileLock::take(path).map_err(|error| unwritable(path, &error))?;
        let mut file = Self::read(path)?;
        let answer = change(&mut file)?;
        file.keyring().map_err(|error| file.unwritable(&std::io::Error::other(error.to_string())))?;
        lock.replace(&file.text()).map_err(|error| file.unwritable(&error))?;
        Ok(answer)
    }

    /// The keys, as they are used.
    pub fn keyring(&self) -> Result<Keyring, KeyringError> {
        Keyring::new(self.keys.iter().cloned())
    }

    fn unwritable(&self, cause: &std::io::Error) -> MasterKeyFileError {
        MasterKeyFileError::Unwritable { path: self.path.display().to_string(), cause: cause.to_string() }
    }

    fn text(&self) -> Zeroizing<String> {
        // With room for all of it, so that no piece is left where the text grew.
        let versions: usize = self.keys.iter().map(|key| 1 + key.versions.len()).sum();
        let aliases: usize =
            self.keys.iter().flat_map(|key| &key.aliases).map(|a| a.as_str().len() + 4).sum();
        let mut text = Zeroizing::new(String::with_capacity(512 + 256 * versions + aliases));
        text.push_str(
            "# Master keys of Headwater. Whoever has this file can read every encrypted stream; without it nobody \
             can.\n# Keep copies of it, and not beside the data. `headwater keys` changes it.\n",
        );
        let _ = writeln!(text, "format = {FORMAT}");
        for MasterKey { id, aliases, enabled, created_s, versions } in &self.keys {
            let aliases: Vec<_> = aliases.iter().map(|alias| format!("\"{alias}\"")).collect();
            let aliases = aliases.join(", ");
            let _ = writeln!(text, "\n[[key]]\nid = \"{id}\"\naliases = [{aliases}]");
            let _ = writeln!(text, "enabled = {enabled}\ncreated = {created_s}");
            for MasterKeyVersion { number, created_s, secret } in versions {
                let _ = writeln!(text, "\n[[key.version]]\nnumber = {number}\ncreated = {created_s}");
                let _ = writeln!(text, "secret = \"{}\"", *secret.to_base64());
            }
        }
        text
    }
}

impl KeyShape {
    fn into_key(self) -> MasterKey {
        let version = |version: VersionShape| MasterKeyVersion {
            number: version.number,
            created_s: version.created,
            secret: version.secret,
        };
        MasterKey {
            id: self.id,
            aliases: self.aliases.into_iter().collect(),
            enabled: self.enabled,
            created_s: self.created,
            versions: self.version.into_iter().map(version).collect(),
        }
    }
}

/// Describes the mistake and its line. A message that quotes a value is not repeated: it might be a secret.
fn told(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let message = error.message();
    let message = if message.contains(['"', '\'', '\n']) { "not what belongs there" } else { message };
    format!("line {line}: {message}")
}

impl MasterKeySource {
    /// The keys there are now.
    pub(crate) fn keys(&self) -> Result<Vec<MasterKey>, MasterKeyFileError> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Key(secret) => Ok(vec![MasterKey::of_secret(secret.clone(), 0)]),
            Self::File(path) => Ok(MasterKeyFile::read(path)?.keys),
        }
    }

    /// The file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::None | Self::Key(_) => None,
        }
    }
}
