//! Policies, credentials and the record, from outside.

mod audit;
mod credentials;
mod decisions;
mod documents;
mod kit;
