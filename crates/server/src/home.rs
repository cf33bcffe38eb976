//! The home region of a data directory.
//!
//! # Constraints
//! Keys that were stored before there were regions name none. They belong to one region for ever, whatever is served and in
//! whatever order it is listed: otherwise a change of the setting would move streams from one region to another.
//!
//! # Format
//! The key `server/home-region` holds the region's name.
//!
//! # Recovery
//! The key is written once, before anything else: by the first start that finds none, which then takes the first region of its
//! setting. A full disk puts that off until a later start.

use bytes::Bytes;
use headwater_store::{Expected, MetaStore, StoreError};
use headwater_types::{Region, Regions};
use tracing::warn;

const KEY: &str = "server/home-region";

/// Why the home region is not known: one line that names the cause.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored name is none of a region.
    #[error("the key {KEY} names no region")]
    Damaged,
}

/// The region that a directory remembers, if it can be told.
pub(crate) async fn stored_home(meta: &dyn MetaStore) -> Option<Region> {
    let stored = meta.get(KEY).await.ok()??;
    std::str::from_utf8(&stored.value).ok().and_then(Region::new)
}

/// The region of stored keys that name none, which the directory remembers from now on.
pub(crate) async fn home_region(meta: &dyn MetaStore, served: &Regions) -> Result<Region, HomeError> {
    let first = served.first();
    loop {
        if let Some(stored) = meta.get(KEY).await? {
            let name = std::str::from_utf8(&stored.value).ok();
            return name.and_then(Region::new).ok_or(HomeError::Damaged);
        }
        let name = Bytes::copy_from_slice(first.as_str().as_bytes());
        match meta.put(KEY, name, Expected::Absent).await {
            Ok(_) => return Ok(first),
            // Another server was faster.
            Err(StoreError::Conflict) => {}
            Err(StoreError::NoSpace(cause)) => {
                warn!(%cause, region = %first, "the data directory cannot remember its region yet");
                return Ok(first);
            }
            Err(error) => return Err(error.into()),
        }
    }
}
