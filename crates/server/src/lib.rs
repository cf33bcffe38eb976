//! Assembly: settings, wiring, listener, shutdown. The only crate that names an engine.

mod banner;
mod connections;
mod master_keys;
mod patient;
mod process;
mod repair;
mod routes;
mod sampling;
mod server;
mod settings;
mod tls;

pub use master_keys::{MasterKeyFile, MasterKeyFileError, MasterKeySource};
pub use process::run;
pub use repair::{RepairOutcome, repair};
pub use server::{Host, Server, StartError};
pub use settings::{LimitsChoice, ServeArgs, Settings, SettingsError, TlsChoice};
pub use tls::{MadeTls, MakeTls, MakeTlsError, TlsError, TlsFiles, default_names, make};
