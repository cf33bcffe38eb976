//! The way out for tables that have lost changes to damage: take what is left for all there is.
//!
//! # Constraints
//! The server must not run: the lock of the data directory sees to it. What is lost is said before it is given up, and the
//! caller decides. Nothing else is changed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_store_embedded::{EmbeddedStore, OpenError, Options};
use headwater_tables::{Losses, TableService, TablesError};
use headwater_telemetry::Metrics;
use headwater_types::Region;
use headwater_types::limits::LimitPolicy;

use crate::home::stored_home;
use crate::key_sources::KeySources;
use crate::master_keys::{MasterKeyFileError, MasterKeySource};
use crate::server::Host;
use crate::settings::OWN_MASTER_KEYS;

/// Why tables were not repaired: one line that names the cause.
#[derive(Debug, thiserror::Error)]
pub enum RepairTablesError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The master keys cannot be used.
    #[error(transparent)]
    MasterKeys(#[from] MasterKeyFileError),
    /// The tables cannot be read at all, or the repaired ones not be written.
    #[error(transparent)]
    Tables(#[from] TablesError),
}

/// Says what the tables of a data directory have lost, and accepts it if `accept` is set.
///
/// # Errors
/// If the directory is in use or cannot be read.
pub async fn repair_tables(
    data_dir: &Path,
    host: Host,
    keys: &MasterKeySource,
    accept: bool,
) -> Result<Losses, RepairTablesError> {
    let sources = KeySources { given: keys.clone(), own: Some(data_dir.join(OWN_MASTER_KEYS)) };
    let keys = Arc::new(sources.keyring()?);
    let Host { clock, random, disk } = host;
    let store = EmbeddedStore::open(Options::new(disk, data_dir, clock.clone()))?;
    let substrate = headwater_tables::Substrate {
        logs: store.clone(),
        meta: store.clone(),
        clock,
        random,
        metrics: Arc::new(Metrics::new()),
    };
    let config = headwater_tables::Config {
        home: stored_home(&*store).await.unwrap_or(Region::US_EAST_1),
        limits: LimitPolicy::OFF,
        transition: Duration::ZERO,
        snapshot_after_bytes: usize::MAX,
        memory_bytes_max: headwater_tables::limits::MEMORY_BYTES_MAX,
        keys,
        default_key: None,
    };
    let repaired = async {
        let tables = TableService::open_for_repair(substrate, config).await?;
        let losses = tables.losses();
        let accepted = if accept { tables.accept_losses().await } else { Ok(()) };
        tables.close().await;
        accepted.map(|()| losses)
    };
    let repaired = repaired.await;
    // Closing waits for the journal's thread.
    let _ = tokio::task::spawn_blocking(move || store.close()).await;
    Ok(repaired?)
}
