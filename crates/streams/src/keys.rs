//! Every key of the metadata store that this crate writes, and the names of its logs.

use headwater_store::{LogId, LogIdError};
use headwater_types::{Realm, Region, ShardId, StreamKey, StreamName};

/// Prefix of all streams' keys.
pub(crate) const STREAMS: &str = "kds/stream/";
/// Prefix of all logs of shards.
pub(crate) const LOGS: &str = "kds/";

/// A metadata key.
pub(crate) enum Key<'a> {
    /// A stream ([`crate::StreamMeta`]).
    Stream(&'a StreamKey),
    /// An account's settings in a region.
    Account(Realm),
    /// The secret with which iterators and list tokens are signed.
    TokenSecret,
}

impl Key<'_> {
    /// The key in a directory of this home region, whose own keys name no region.
    pub(crate) fn text(&self, home: Region) -> String {
        match self {
            Self::Stream(key) => format!("{STREAMS}{}/{}", key.realm.stored(home), key.name),
            Self::Account(realm) => format!("kds/account/{}", realm.stored(home)),
            Self::TokenSecret => "kds/token-secret".to_owned(),
        }
    }
}

/// The stream that a key names.
pub(crate) fn stream_of(key: &str, home: Region) -> Option<StreamKey> {
    let (realm, name) = key.strip_prefix(STREAMS)?.split_once('/')?;
    Some(StreamKey { realm: Realm::of_stored(realm, home)?, name: StreamName::new(name)? })
}

/// The log of a shard. `uid` tells a stream from earlier ones of the same name.
pub(crate) fn log_of(uid: u64, shard: ShardId) -> Result<LogId, LogIdError> {
    LogId::new(&format!("{LOGS}{uid:016x}/{}", shard.index()))
}

/// Prefix of the names of all logs of a stream.
pub(crate) fn logs_of(uid: u64) -> String {
    format!("{LOGS}{uid:016x}/")
}
