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
