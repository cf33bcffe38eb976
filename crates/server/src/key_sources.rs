//! All master keys of a server: those it was given, and the one it made for itself.
//!
//! # Order of things
//! Keys that were given (a file, or the environment variable) come first: their aliases count. A server that was given
//! none makes one, `alias/aws/kinesis`, in the data directory when it is first asked for it. A server that was given keys
//! later still opens what was sealed under its own, by id.
//!
//! # Recovery
//! The file is written whole before its key wraps anything. Cut short in between, it holds a key that nothing needs yet,
//! which the next call uses.

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use headwater_host::{Clock, FileStamp, Random, create_private_directory};
use headwater_streams::StreamService;
use headwater_tables::TableService;
use headwater_vault::{Alias, DEFAULT_ALIAS, DefaultKey, Keyring, MasterKey};
use tracing::{error, info, warn};

use crate::master_keys::{MasterKeyFile, MasterKeyFileError, MasterKeySource};

/// Time between two looks at the files.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Sources of master keys.
#[derive(Debug, Clone)]
pub(crate) struct KeySources {
    pub(crate) given: MasterKeySource,
    /// The server's own file, which need not be there.
    pub(crate) own: Option<PathBuf>,
}

impl KeySources {
    /// The keys there are now.
    pub(crate) fn keyring(&self) -> Result<Keyring, MasterKeyFileError> {
        let mut keys = self.given.keys()?;
        // One that is there and cannot be read is an error.
        let is_there =
            |path: &&Path| FileStamp::of(path).err().is_none_or(|error| error.kind() != ErrorKind::NotFound);
        let Some(own) = self.own.as_deref().filter(is_there) else { return self.together(keys) };
        let known: BTreeSet<_> = keys.iter().map(|key| key.id.clone()).collect();
        let is_given = self.is_given();
        // A key that was moved to the file that is given now is that file's.
        for mut key in MasterKeyFile::read(own)?.keys.into_iter().filter(|key| !known.contains(&key.id)) {
            if is_given {
                key.aliases.clear();
            }
            keys.push(key);
        }
        self.together(keys)
    }

    /// State of the files that may change.
    pub(crate) fn stamps(&self) -> [Option<FileStamp>; 2] {
        let stamp = |path: Option<&Path>| path.and_then(|path| FileStamp::of(path).ok());
        [stamp(self.given.path()), stamp(self.own.as_deref())]
    }

    /// Makes the server's own key; none where keys were given.
    pub(crate) fn maker(
        &self,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Option<Arc<dyn DefaultKey>> {
        let path = self.own.clone().filter(|_| !self.is_given())?;
        Some(Arc::new(OwnKey { path, sources: self.clone(), clock, random, making: Mutex::default() }))
    }

    fn is_given(&self) -> bool {
        !matches!(self.given, MasterKeySource::None)
    }

    fn together(&self, keys: Vec<MasterKey>) -> Result<Keyring, MasterKeyFileError> {
        let path = self.given.path().or(self.own.as_deref()).unwrap_or(Path::new(""));
        Keyring::new(keys).map_err(|error| MasterKeyFileError::Malformed {
            path: path.display().to_string(),
            cause: error.to_string(),
        })
    }

    /// Takes up changes of the files until the task is dropped.
    pub(crate) async fn follow(
        self,
        mut seen: [Option<FileStamp>; 2],
        streams: Arc<StreamService>,
        tables: Arc<TableService>,
        clock: Arc<dyn Clock>,
    ) {
        if self.given.path().or(self.own.as_deref()).is_none() {
            return;
        }
        let mut had_own = seen[1].is_some();
        loop {
            clock.sleep(LOOKED_AT_EVERY).await;
            let stamps = self.stamps();
            if stamps == seen {
                continue;
            }
            seen = stamps;
            had_own |= seen[1].is_some();
            match self.keyring() {
                // As with a file that was given: a key in use is not forgotten because its file is gone.
                Ok(_) if had_own && seen[1].is_none() => {
                    let path = self.own.as_deref().unwrap_or(Path::new("")).display();
                    error!(%path, "the server's own master key file is gone; the master keys stay as they were");
                }
                Ok(keyring) => {
                    info!(keys = keyring.keys().len(), "the master keys have changed");
                    let keyring = Arc::new(keyring);
                    streams.replace_keys(keyring.clone()).await;
                    if let Err(error) = tables.replace_keys(keyring).await {
                        error!(%error, "tables keep their former keys");
                    }
                }
                Err(error) => error!(%error, "the master keys stay as they were"),
            }
        }
    }
}

/// The server's own key.
#[derive(Debug)]
struct OwnKey {
    path: PathBuf,
    sources: KeySources,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Held while it is made: one process writes one file beside the other.
    making: Mutex<()>,
}

impl DefaultKey for OwnKey {
    fn make(&self) -> std::io::Result<Keyring> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = self.path.parent() {
            create_private_directory(directory)?;
        }
        let mut key = MasterKey::generate(&*self.random, self.clock.now().as_secs());
        key.aliases.extend(Alias::parse(DEFAULT_ALIAS));
        let id = key.id.clone();
        match MasterKeyFile::store_new(&self.path, key) {
            Ok(()) => warn!(
                path = %self.path.display(), key = %id,
                "made the master key {DEFAULT_ALIAS}, because none was given. It lies beside the data that it protects: \
                 keep a copy, and see docs/encryption.md for what that is worth"
            ),
            // Made by another call just now, or before a crash.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::new(error.kind(), format!("{}: {error}", self.path.display()))),
        }
        self.sources.keyring().map_err(Error::other)
    }
}
