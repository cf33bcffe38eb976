//! Journaled state machines: what a service remembers, in memory, and durable before it is acknowledged.
//!
//! A service describes a [`Machine`]: how a command is decided against the state, which changes that makes, and how
//! changes are applied, written and read. [`Handle::open`] does the rest: it reads snapshot and journal, decides
//! commands in order in one task, makes what they change durable in group commits, applies it and answers; it makes
//! snapshots while commands go on, wakes the machine when it is due, and keeps other owners out.
//!
//! - Many small machines of one kind share a journal and a task as members of a [`Group`].
//! - Bulk stays in a log of its own, [`Payloads`], while the state keeps positions.
//! - With a [`Lease`] one process of several owns the machine, and commands are passed on to it ([`Owners`]).
//! - Every machine passes the suite in `conformance` (feature `conformance`).
//!
//! # Example
//! ```
//! use headwater_host::{SeededRandom, SystemClock};
//! use headwater_machine::{Changes, EncodeError, Handle, Machine, Misfit, Names, Options, Substrate};
//! use headwater_store::memory::MemoryStore;
//!
//! /// A counter. A command adds to it, the answer is the sum, and a change says what the sum then is.
//! struct Counter;
//!
//! impl Machine for Counter {
//!     const NAME: &'static str = "counter";
//!     const FORMAT: u32 = 1;
//!     type State = u64;
//!     type Staged = Option<u64>;
//!     type Command = u64;
//!     type Answer = u64;
//!     type Change = u64;
//!     type Cursor = ();
//!
//!     fn initial_state(&self) -> u64 {
//!         0
//!     }
//!
//!     fn decide(&self, state: &u64, add: u64, changes: &mut Changes<'_, Self>) -> u64 {
//!         let sum = changes.staged.unwrap_or(*state) + add;
//!         if changes.record([sum]).is_ok() {
//!             *changes.staged = Some(sum);
//!         }
//!         sum
//!     }
//!
//!     fn apply(&self, state: &mut u64, sum: u64) -> Result<(), Misfit> {
//!         *state = sum;
//!         Ok(())
//!     }
//!
//!     fn encode(&self, _state: &u64, sums: &[u64], to: &mut Vec<u8>) -> Result<(), EncodeError> {
//!         sums.iter().for_each(|sum| to.extend_from_slice(&sum.to_be_bytes()));
//!         Ok(())
//!     }
//!
//!     fn decode(&self, record: &[u8]) -> Result<Vec<u64>, Misfit> {
//!         let (sums, []) = record.as_chunks() else { return Err(Misfit::Malformed("cut".into())) };
//!         Ok(sums.iter().map(|sum| u64::from_be_bytes(*sum)).collect())
//!     }
//!
//!     fn snapshot(&self, state: &u64, _from: Option<&()>, _limit_bytes: usize) -> (Vec<u64>, Option<()>) {
//!         (vec![*state], None)
//!     }
//!
//!     fn size_bytes(&self, _state: &u64) -> usize {
//!         8
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = MemoryStore::new();
//! let (clock, random) = (SystemClock::new(), SeededRandom::new(1));
//! let substrate = Substrate { logs: store.clone(), meta: store, clock, random };
//! let open = async || Handle::open(Counter, substrate.clone(), Options::new(Names::new("counter").unwrap())).await;
//!
//! let counter = open().await.unwrap();
//! assert_eq!(counter.ask(2).await.unwrap(), 2);
//! assert_eq!(counter.ask(3).await.unwrap(), 5);
//! counter.close().await;
//! assert_eq!(*open().await.unwrap().state().unwrap(), 5);
//! # });
//! ```

mod batch;
mod changes;
mod commit;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod group;
mod handle;
mod journal;
mod lease;
mod machine;
mod manifest;
mod names;
mod options;
mod overlay;
mod owner;
mod payloads;
mod replay;
mod shared;
mod snapshot;
mod upkeep;

pub use changes::{Changes, EncodeError, OverBudget, Unrecorded};
pub use error::{MachineError, Result};
pub use group::{
    Group, GroupCursor, GroupState, MEMBER_ID_BYTES_MAX, Member, MemberAnswer, MemberAsk, MemberChange,
    MemberCommand, MemberWatch, StagedMember,
};
pub use handle::{Handle, Report};
pub use lease::{Lease, Owners};
pub use machine::{Damage, DamageKind, Machine, Misfit, OnDamage, SnapshotWish};
pub use manifest::{Generation, Manifest};
pub use names::Names;
pub use options::{LeaseOptions, Options, SNAPSHOT_AFTER_BYTES, Substrate};
pub use overlay::Overlay;
pub use payloads::{Hold, Payloads, Stored};
pub use shared::{StateRef, StateVersion};
