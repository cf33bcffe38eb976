//! Access control: credentials, policy documents in AWS's JSON language, their evaluation, and the record of it.
//!
//! # Constraints
//! Documents and files are untrusted until they have been parsed into types that cannot be wrong ([`IdentityPolicy`],
//! [`ResourcePolicy`], [`CredentialsFile`]); what is not understood is refused and never skipped, because a statement
//! that is ignored is a door that stands open. [`decide()`] is pure. Secrets are kept in a form that can sign, so they
//! live in a file that only its owner can read, and are never printed ([`Secret`]).
//!
//! # Order of things
//! An explicit deny, then an allow, then the denial that is everybody's default; across accounts both sides must allow.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod audit;
mod caller;
mod credentials;
mod decide;
mod facts;
mod policy;

pub use audit::{AuditEvent, AuditLog};
pub use caller::Caller;
pub use credentials::{
    CredentialStore, CredentialsError, CredentialsFile, KeyEntry, Known, Lifetime, Secret, Unknown,
    UserEntry, UserRef, builtin_policy, update,
};
pub use decide::{Denial, Question, decide};
pub use facts::Facts;
pub use policy::{IdentityPolicy, PolicyError, ResourcePolicy};
