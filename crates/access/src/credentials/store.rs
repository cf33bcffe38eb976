//! What the server holds of the credentials: looked up by access key id, read anew when the file has changed.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use headwater_host::FileStamp;
use headwater_types::{AccountId, Timestamp, partition_of};
use headwater_wire::sigv4::canonical::{Scope, SigningKey};
use parking_lot::Mutex;

use super::file::{CredentialsError, CredentialsFile, KeyEntry};
use super::secret::Secret;
use crate::caller::Caller;

/// Why a key does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// There is no such key, or it has ended, or its session token is another.
    Invalid,
    /// It is a temporary one and its time is over.
    Expired,
}

/// A key that somebody may sign with.
pub struct Known {
    secret: Secret,
    session_token: Option<Secret>,
    ends: Option<Timestamp>,
    caller: Arc<Caller>,
    /// The keys of the last days that were asked for: usually today's, and yesterday's around midnight. More would be
    /// room that others can fill.
    keys: Mutex<[Option<(String, SigningKey)>; 2]>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known({})", self.caller.arn())
    }
}

impl Known {
    /// Who signs with it.
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// The key that signs for this scope. The region and the service must be the server's own.
    pub fn signing_key(&self, scope: &Scope<'_>) -> SigningKey {
        let mut keys = self.keys.lock();
        let found = keys.iter().flatten().find(|(day, _)| day == scope.date);
        if let Some((_, key)) = found {
            return key.clone();
        }
        let key = SigningKey::derive(self.secret.reveal(), scope);
        keys.swap(0, 1);
        keys[0] = Some((scope.date.to_owned(), key.clone()));
        key
    }
}

/// The credentials of a server.
#[derive(Debug)]
pub struct CredentialStore {
    path: PathBuf,
    partition: &'static str,
    loaded: ArcSwap<Loaded>,
    /// The file, and those with policies that it names, as they were when they were read.
    seen: Mutex<Vec<Option<FileStamp>>>,
}

#[derive(Debug)]
struct Loaded {
    known: HashMap<String, Known>,
    files: Vec<PathBuf>,
}

impl CredentialStore {
    /// Reads the file of a server in `region`.
    pub fn open(path: &Path, region: &str) -> Result<Self, CredentialsError> {
        let partition = partition_of(region);
        let loaded = ArcSwap::from_pointee(read(path, partition)?);
        let store = Self { path: path.to_owned(), partition, loaded, seen: Mutex::default() };
        // Once more, so that nothing that changes from here on is missed.
        *store.seen.lock() = store.stamps();
        store.reload()?;
        Ok(store)
    }

    /// What `then` makes of the key of this id, if it may be used now with this session token.
    pub fn find<T>(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now: Timestamp,
        then: impl FnOnce(&Known) -> T,
    ) -> Result<T, Unknown> {
        let loaded = self.loaded.load();
        let known = loaded.known.get(access_key_id).ok_or(Unknown::Invalid)?;
        let token_is_right = match (&known.session_token, session_token) {
            (None, None) => true,
            (Some(own), Some(sent)) => own.is(sent),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !token_is_right {
            return Err(Unknown::Invalid);
        }
        match known.ends {
            Some(end) if now >= end && known.session_token.is_some() => Err(Unknown::Expired),
            Some(end) if now >= end => Err(Unknown::Invalid),
            _ => Ok(then(known)),
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.loaded.load().known.len()
    }

    /// True if nobody can sign.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the file anew if it or a file with a policy has changed: `None` if not. If it is wrong, what was there
    /// before stays.
    pub fn check(&self) -> Option<Result<(), CredentialsError>> {
        let now = self.stamps();
        let mut seen = self.seen.lock();
        if *seen == now {
            return None;
        }
        *seen = now;
        Some(self.reload())
    }

    fn reload(&self) -> Result<(), CredentialsError> {
        self.loaded.store(Arc::new(read(&self.path, self.partition)?));
        Ok(())
    }

    fn stamps(&self) -> Vec<Option<FileStamp>> {
        let loaded = self.loaded.load();
        let files = std::iter::once(&self.path).chain(&loaded.files);
        files.map(|file| FileStamp::of(file).ok()).collect()
    }
}

fn read(path: &Path, partition: &str) -> Result<Loaded, CredentialsError> {
    let directory = CredentialsFile::directory(path);
    let (mut known, mut files) = (HashMap::new(), Vec::new());
    for user in CredentialsFile::read(path)?.users {
        let policies = user.read_policies(&directory)?.into();
        files.extend(user.policy_files.iter().map(|file| directory.join(file)));
        // Checked when the file was read.
        let Some(account) = AccountId::new(&user.account) else { continue };
        let caller = Arc::new(Caller::new(partition, account, user.name.clone(), policies));
        for key in user.keys {
            let ends = key.ends();
            let KeyEntry { id, secret, session_token, .. } = key;
            let caller = caller.clone();
            known.insert(id, Known { secret, session_token, ends, caller, keys: Mutex::default() });
        }
    }
    Ok(Loaded { known, files })
}
