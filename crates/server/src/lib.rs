//! Assembly: settings, wiring, listener, shutdown. The only crate that names an engine.

mod banner;
mod connections;
mod files;
mod health;
mod home;
mod idle_timeout;
mod key_sources;
mod master_keys;
mod process;
mod repair;
mod repair_tables;
mod routes;
mod sampling;
mod scrubbing;
mod server;
mod settings;
mod store_health;
mod tables_health;
mod tls;

pub use master_keys::{MasterKeyFile, MasterKeyFileError, MasterKeySource};
pub use process::run;
pub use repair::{RepairOutcome, repair};
pub use repair_tables::{RepairTablesError, repair_tables};
pub use server::{Host, Server, StartError};
pub use settings::{LimitsChoice, ServeArgs, Settings, SettingsError, TlsChoice};
pub use tls::{MadeTls, MakeTls, MakeTlsError, TlsError, TlsFiles, default_names, make};
