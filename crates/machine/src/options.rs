//! Options that a machine is opened with.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::{Clock, Random};
use headwater_store::{LogStore, MetaStore};

use crate::lease::Owners;
use crate::machine::Machine;
use crate::names::Names;
use crate::payloads::Payloads;

/// Store, clock and randomness under a machine.
#[derive(Debug, Clone)]
pub struct Substrate {
    /// Journal, snapshots and payloads.
    pub logs: Arc<dyn LogStore>,
    /// Manifest and lease.
    pub meta: Arc<dyn MetaStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Numbers of snapshots.
    pub random: Arc<dyn Random>,
}

/// Options of a machine.
#[derive(Debug)]
pub struct Options<M: Machine> {
    /// Names of the machine's logs and manifest.
    pub names: Names,
    /// Bytes in the journal before a snapshot is made; and not before there are twice as many as the state takes.
    /// Usually [`SNAPSHOT_AFTER_BYTES`].
    pub snapshot_after_bytes: usize,
    /// Bytes that the state may take (see [`Changes::check_room`](crate::Changes::check_room)).
    pub budget_bytes: usize,
    /// Bytes that are appended in one piece.
    pub append_bytes: usize,
    /// Bytes of a stretch: what is read of the state for a snapshot, or applied to it, before others have their turn.
    pub stretch_bytes: usize,
    /// Bytes of the longest record.
    pub record_bytes_max: usize,
    /// True if a journal that ends before the place to which it once went is damage as any other ([`Machine::on_damage`]),
    /// for repair. Otherwise the machine is not opened: an older copy of the journal may have been put in its place.
    pub contains_cut: bool,
    /// The log of payloads, if the machine has one.
    pub payloads: Option<Arc<Payloads>>,
    /// Ownership by lease. Without it the process that opens the machine owns it.
    pub lease: Option<LeaseOptions<M>>,
}

/// Ownership by lease.
#[derive(Debug)]
pub struct LeaseOptions<M: Machine> {
    /// Name of this process, unlike that of any other.
    pub owner: String,
    /// Duration of the lease without renewal. It is renewed three times as often.
    pub lasts: Duration,
    /// Passes commands on to other owners. Without it they are refused.
    pub owners: Option<Arc<dyn Owners<M>>>,
}

/// See [`Options::snapshot_after_bytes`]. Reading so much takes a fraction of a second.
pub const SNAPSHOT_AFTER_BYTES: usize = 16 << 20;

impl<M: Machine> Options<M> {
    /// The usual figures: no lease, no payloads, 1 GiB of state, 8 MiB an append, 256 KiB a stretch,
    /// 56 MiB a record.
    pub fn new(names: Names) -> Self {
        Self {
            names,
            snapshot_after_bytes: SNAPSHOT_AFTER_BYTES,
            budget_bytes: 1 << 30,
            append_bytes: 8 << 20,
            stretch_bytes: 256 << 10,
            record_bytes_max: 56 << 20,
            contains_cut: false,
            payloads: None,
            lease: None,
        }
    }
}
