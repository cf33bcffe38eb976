//! Assembly: settings, wiring, listener, shutdown. The only crate that names an engine.

mod banner;
mod connections;
mod health;
mod master_keys;
mod patient;
mod process;
mod repair_tables;
mod routes;
mod sampling;
mod server;
mod settings;
mod tls;

pub use master_keys::{MasterKeyFile, MasterKeyFileError, MasterKeySource};
pub use process::run;
pub use repair_tables::{RepairTablesError, repair_tables};
pub use server::{Host, Server, StartError};
pub use settings::{LimitsChoice, ServeArgs, Settings, SettingsError, TlsChoice};
pub use tls::{MadeTls, MakeTls, MakeTlsError, TlsError, TlsFiles, default_names, make};
