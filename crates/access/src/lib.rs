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
//!
//! # Example
//! ```
//! use headwater_access::{Caller, Denial, Facts, IdentityPolicy, Question, decide};
//! use headwater_types::{AccountId, Partition, Timestamp};
//!
//! let policy = IdentityPolicy::parse(
//!     r#"{"Version": "2012-10-17", "Statement": {
//!         "Effect": "Allow", "Action": "kinesis:Put*", "Resource": "arn:aws:kinesis:*:*:stream/orders"}}"#,
//! )?;
//! let account = AccountId::new("123456789012").unwrap();
//! let caller = Caller::new(Partition::Aws, account, Some("writer".into()), [policy].into());
//! let facts = Facts {
//!     caller: &caller,
//!     source_ip: None,
//!     now: Timestamp::from_secs(1_700_000_000),
//!     secure: true,
//!     user_agent: None,
//!     region: "us-east-1",
//!     resource_account: account,
//!     resource_tags: None,
//!     request_tags: None,
//!     tag_keys: None,
//! };
//! let resource = "arn:aws:kinesis:us-east-1:123456789012:stream/orders";
//! let ask = |action| decide(&Question { action, resource, owner: account, facts, resource_policy: None });
//! assert_eq!(ask("kinesis:PutRecord"), Ok(()));
//! assert_eq!(ask("kinesis:DeleteStream"), Err(Denial::NoIdentityAllow));
//! # Ok::<(), headwater_access::PolicyError>(())
//! ```
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
