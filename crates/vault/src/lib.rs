//! Keys and what is sealed under them.
//!
//! # Constraints
//! This crate does no I/O and writes no log. Secrets are erased when they are dropped ([`Secret`]), have no text
//! form but the one that is asked for by name, and are in no error. Whoever seals bytes says what they belong to
//! (associated data): bytes that were moved somewhere else do not open.
//!
//! # Order of things
//! A [`MasterKey`] is kept by people, outside of what it protects. It wraps [`DataKey`]s, which are kept, wrapped,
//! beside the data ([`WrappedKey`]). Data is sealed under data keys only. All of it is AES-256-GCM.
//!
//! # Recovery
//! Sealed data opens as long as the master key that wrapped its data key is in the [`Keyring`], all of its older
//! versions included. Without it nothing opens, for anybody.
//!
//! # Example
//! ```
//! use headwater_host::SeededRandom;
//! use headwater_types::Region;
//! use headwater_vault::{Alias, Keyring, MasterKey};
//!
//! let random = SeededRandom::new(1);
//! let mut master = MasterKey::generate(&*random, 1_700_000_000);
//! master.aliases.extend(Alias::parse("alias/orders"));
//! let keyring = Keyring::new([master])?;
//!
//! let id = keyring.find("alias/orders", Region::US_EAST_1)?;
//! let wrapped = keyring.generate(id, b"stream 1, key 1", &*random)?;
//! let key = keyring.unwrap(&wrapped, b"stream 1, key 1", &*random)?;
//! let mut sealed = Vec::new();
//! key.cipher().seal(b"shard 0", &mut sealed, |out| out.extend_from_slice(b"secret"))?;
//!
//! // The wrapped key is kept beside the data, the master key is not.
//! let key = keyring.unwrap(&wrapped, b"stream 1, key 1", &*random)?;
//! let mut opened = Vec::new();
//! key.cipher().open(b"shard 0", &sealed, &mut opened)?;
//! assert_eq!(opened, b"secret");
//! assert!(key.cipher().open(b"shard 1", &sealed, &mut opened).is_err(), "it was sealed for another place");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod data_key;
mod default_key;
mod keyring;
mod master_key;
mod names;
mod secret;

pub use data_key::{Cipher, DataKey, Exhausted, Forged, SEALED_OVERHEAD};
pub use default_key::DefaultKey;
pub use keyring::{KeyTrouble, Keyring, KeyringError, WrappedKey};
pub use master_key::{MasterKey, MasterKeyVersion};
pub use names::{Alias, DEFAULT_ALIAS, KeyId, KeyRef};
pub use secret::Secret;
