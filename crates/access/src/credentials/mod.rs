//! Credentials: who there is, which keys they sign with, and what their policies are.

mod builtin;
mod file;
mod secret;
mod store;

pub use builtin::builtin_policy;
pub use file::{CredentialsError, CredentialsFile, KeyEntry, Lifetime, UserEntry, UserRef, update};
pub use secret::Secret;
pub use store::{CredentialStore, Known, Unknown};
