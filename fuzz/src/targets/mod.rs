//! One file a target.

mod damage;
mod mend;
mod scratch;
mod service;
mod shapes;

pub(crate) mod cbor;
pub(crate) mod chunks;
pub(crate) mod client_config;
pub(crate) mod credentials;
pub(crate) mod event_stream;
pub(crate) mod expression;
pub(crate) mod journal;
pub(crate) mod json;
pub(crate) mod machine_log;
pub(crate) mod master_keys;
pub(crate) mod names;
pub(crate) mod policy;
pub(crate) mod records;
pub(crate) mod requests;
pub(crate) mod segment;
pub(crate) mod settings;
pub(crate) mod sigv4;
pub(crate) mod snapshot;
pub(crate) mod stream_document;
pub(crate) mod tables_log;
pub(crate) mod tokens;

pub(crate) use damage::directory;
pub(crate) use shapes::Everything;
