//! Loaded credentials of the server: looked up by access key id, read anew when the file has changed.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use headwater_host::FileStamp;
use headwater_types::{AccountId, Partition, Region, Timestamp};
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
    /// Of each partition, whose name is in the caller's ARN.
    callers: [Arc<Caller>; Partition::ALL.len()],
    /// Keys that have signed, the newest first: of each service and region usually today's, and yesterday's around midnight.
    keys: Mutex<Vec<Derived>>,
}

struct Derived {
    date: String,
    region: String,
    service: String,
    key: SigningKey,
}

impl Derived {
    fn is_for(&self, scope: &Scope<'_>) -> bool {
        self.date == scope.date && self.region == scope.region && self.service == scope.service
    }
}

/// Two days of two services in four regions.
const DERIVED_MAX: usize = 16;

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known({})", self.caller(Region::US_EAST_1).arn())
    }
}

impl Known {
    /// Caller who signs with it in a region.
    #[expect(clippy::indexing_slicing, reason = "there is one for each partition")]
    pub fn caller(&self, region: Region) -> &Arc<Caller> {
        &self.callers[region.partition() as usize]
    }

    /// The key that signs for this scope.
    pub fn signing_key(&self, scope: &Scope<'_>) -> SigningKey {
        let keys = self.keys.lock();
        let found = keys.iter().find(|derived| derived.is_for(scope)).map(|derived| derived.key.clone());
        drop(keys);
        found.unwrap_or_else(|| SigningKey::derive(self.secret.reveal(), scope))
    }

    /// Keeps a key that has signed a request: nobody without the secret can put another in its place.
    fn remember(&self, scope: &Scope<'_>, key: &SigningKey) {
        let mut keys = self.keys.lock();
        if !keys.iter().any(|derived| derived.is_for(scope)) {
            keys.truncate(DERIVED_MAX - 1);
            let [date, region, service] = [scope.date, scope.region, scope.service].map(str::to_owned);
            keys.insert(0, Derived { date, region, service, key: key.clone() });
        }
    }
}

/// The credentials of a server.
#[derive(Debug)]
pub struct CredentialStore {
    path: PathBuf,
    loaded: ArcSwap<Loaded>,
    seen: Mutex<Seen>,
}

/// The files with policies that the file named when it was last read, whatever came of it, and how these files and the
/// file itself were then.
#[derive(Debug, Default)]
struct Seen {
    files: Vec<PathBuf>,
    stamps: Vec<Option<FileStamp>>,
}

#[derive(Debug)]
struct Loaded {
    known: HashMap<String, Known>,
}

impl CredentialStore {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, others than its owner may read it, or something in it is not understood.
    pub fn open(path: &Path) -> Result<Self, CredentialsError> {
        let loaded = ArcSwap::from_pointee(Loaded { known: HashMap::new() });
        let store = Self { path: path.to_owned(), loaded, seen: Mutex::default() };
        store.reload(&mut store.seen.lock())?;
        Ok(store)
    }

    /// Result of `then` for the key of this id, if it may be used now with this session token.
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

    /// True if there is a key of this id, good or not.
    pub fn has(&self, access_key_id: &str) -> bool {
        self.loaded.load().known.contains_key(access_key_id)
    }

    /// Keeps a key of this access key id that has signed a request.
    pub fn remember(&self, access_key_id: &str, scope: &Scope<'_>, key: &SigningKey) {
        if let Some(known) = self.loaded.load().known.get(access_key_id) {
            known.remember(scope, key);
        }
    }

    /// Number of keys.
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
        let mut seen = self.seen.lock();
        (self.stamps(&seen.files) != seen.stamps).then(|| self.reload(&mut seen))
    }

    /// Looks at the files before it reads them, so that nothing that changes meanwhile is missed.
    fn reload(&self, seen: &mut Seen) -> Result<(), CredentialsError> {
        loop {
            seen.stamps = self.stamps(&seen.files);
            let mut files = Vec::new();
            let read = read(&self.path, &mut files);
            if files == seen.files {
                self.loaded.store(Arc::new(read?));
                return Ok(());
            }
            // It names others than before, at which nobody has looked yet.
            seen.files = files;
        }
    }

    fn stamps(&self, files: &[PathBuf]) -> Vec<Option<FileStamp>> {
        std::iter::once(&self.path).chain(files).map(|file| FileStamp::of(file).ok()).collect()
    }
}

/// `files` are those with policies that are named, whether they can be read or not.
fn read(path: &Path, files: &mut Vec<PathBuf>) -> Result<Loaded, CredentialsError> {
    let directory = CredentialsFile::directory(path);
    let mut known = HashMap::new();
    let users = CredentialsFile::read(path)?.users;
    files.extend(users.iter().flat_map(|user| &user.policy_files).map(|file| directory.join(file)));
    for user in users {
        let policies: Arc<[_]> = user.read_policies(&directory)?.into();
        // Checked when the file was read.
        let Some(account) = AccountId::new(&user.account) else { continue };
        let caller = |partition| Caller::new(partition, account, user.name.clone(), policies.clone());
        let callers = Partition::ALL.map(|partition| Arc::new(caller(partition)));
        for key in user.keys {
            let ends = key.ends();
            let KeyEntry { id, secret, session_token, .. } = key;
            let callers = callers.clone();
            known.insert(id, Known { secret, session_token, ends, callers, keys: Mutex::default() });
        }
    }
    Ok(Loaded { known })
}
