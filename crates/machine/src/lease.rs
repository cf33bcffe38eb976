//! Ownership by lease: one process of several decides for a machine.
//!
//! # Constraints
//! A lease says who is asked. What keeps two owners from harm is the journal: each names the end that it knows, and a
//! new owner's first record makes every append of the one before fail. The lease bounds how long a former owner may
//! serve reads: by its own clock, less an eighth for clocks that run differently.
//!
//! # Format
//! JSON under [`Names::lease`](crate::Names), changed by compare-and-set: owner, and until when in milliseconds of wall
//! time. A lease that ran out or was given up is taken by whoever comes first.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use headwater_host::Clock;
use headwater_store::{Expected, MetaStore, StoreError, Version};
use headwater_types::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::error::{MachineError, Result};
use crate::machine::Machine;

/// Owner of a machine, and the end of its ownership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Name of the owner.
    pub owner: String,
    /// Until when, unless it is renewed.
    pub until: Timestamp,
}

/// The way to other owners: processes of this cluster, by name.
#[async_trait]
pub trait Owners<M: Machine>: Send + Sync + Debug {
    /// Has the command decided by this owner.
    ///
    /// # Errors
    /// The owner's; `NotOwner` if it is not the owner any more; an error of the store if it cannot be reached, after
    /// which it is unknown whether the command was done.
    async fn ask(&self, owner: &str, command: M::Command) -> Result<M::Answer>;
}

/// Takes, renews and gives up a lease.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) owner: String,
    lasts: Duration,
    key: String,
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    held: Option<Version>,
    /// Until when reads may be served, and when to look again; by the clock that never steps.
    valid_until: Duration,
    next: Duration,
    other: Option<String>,
}

/// Position of this process by the lease.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The owner, without interruption.
    Owner,
    /// The owner from now on: somebody else may have been.
    NewOwner,
    /// Not the owner.
    Other(Option<String>),
}

impl Keeper {
    pub(crate) fn new(
        owner: String,
        lasts: Duration,
        key: String,
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let zero = Duration::ZERO;
        Self { owner, lasts, key, meta, clock, held: None, valid_until: zero, next: zero, other: None }
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Duration {
        self.next
    }

    /// Until when reads may be served.
    pub(crate) fn valid_until(&self) -> Duration {
        self.valid_until
    }

    /// Renews the lease or tries to take it, if it is time to.
    pub(crate) async fn tend(&mut self) -> Standing {
        let elapsed = self.clock.elapsed();
        if elapsed < self.next {
            return match self.held {
                Some(_) if elapsed < self.valid_until => Standing::Owner,
                _ => Standing::Other(self.other.clone()),
            };
        }
        self.next = elapsed + self.lasts / 3;
        if let Some(version) = self.held {
            match self.put(Expected::Version(version)).await {
                Ok(()) => return Standing::Owner,
                Err(StoreError::Conflict) => self.held = None,
                Err(error) => {
                    warn!(key = %self.key, %error, "a lease could not be renewed");
                    let is_valid = self.clock.elapsed() < self.valid_until;
                    return if is_valid { Standing::Owner } else { Standing::Other(None) };
                }
            }
        }
        match self.take().await {
            Ok(true) => Standing::NewOwner,
            Ok(false) => Standing::Other(self.other.clone()),
            Err(error) => {
                warn!(key = %self.key, %error, "a lease could not be looked at");
                Standing::Other(None)
            }
        }
    }

    /// Looks again at once: somebody else has written.
    pub(crate) fn doubt(&mut self) {
        self.next = Duration::ZERO;
    }

    async fn take(&mut self) -> Result<bool> {
        let expected = match self.meta.get(&self.key).await? {
            None => Expected::Absent,
            Some(stored) => {
                let lease: Lease = serde_json::from_slice(&stored.value).map_err(|error| {
                    MachineError::Damaged { machine: "lease", cause: format!("{}: {error}", self.key) }
                })?;
                if lease.owner != self.owner && lease.until > self.clock.now() {
                    self.other = Some(lease.owner);
                    return Ok(false);
                }
                Expected::Version(stored.version)
            }
        };
        match self.put(expected).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn put(&mut self, expected: Expected) -> Result<(), StoreError> {
        // Before it is written: afterwards some of it has passed.
        let (now, elapsed) = (self.clock.now(), self.clock.elapsed());
        let lease = Lease { owner: self.owner.clone(), until: now.plus(self.lasts) };
        let version = self.meta.put(&self.key, encode(&lease)?, expected).await?;
        self.held = Some(version);
        self.other = None;
        self.valid_until = elapsed + self.lasts - self.lasts / 8;
        Ok(())
    }

    /// Lets somebody else be the owner at once.
    pub(crate) async fn give_up(&mut self) {
        let Some(version) = self.held.take() else { return };
        let lease = Lease { owner: self.owner.clone(), until: Timestamp::EPOCH };
        let given_up = match encode(&lease) {
            Ok(text) => self.meta.put(&self.key, text, Expected::Version(version)).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = given_up {
            warn!(key = %self.key, %error, "a lease could not be given up; it runs out");
        }
    }
}

fn encode(lease: &Lease) -> Result<bytes::Bytes, StoreError> {
    serde_json::to_vec(lease).map(Into::into).map_err(|error| StoreError::Invalid(error.to_string()))
}
