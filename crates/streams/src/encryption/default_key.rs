//! The key `alias/aws/kinesis` of a server that nobody has given master keys.

use std::io::ErrorKind;
use std::sync::Arc;

use headwater_store::StoreError;
use headwater_types::Region;
use headwater_vault::{DEFAULT_ALIAS, KeyRef, KeyTrouble};

use crate::error::{Result, StreamsError};
use crate::service::StreamService;

impl StreamService {
    /// Has the default key made if it is what `asked` means and there is no such key.
    pub(super) async fn provide_default_key(&self, asked: &str, region: Region) -> Result<()> {
        let is_default = matches!(KeyRef::parse(asked, region), Some(KeyRef::Alias(alias)) if alias.as_str() == DEFAULT_ALIAS);
        let is_missing = matches!(
            self.keyring.load().find(asked, region),
            Err(KeyTrouble::NoKeys(_) | KeyTrouble::NotFound(_))
        );
        let Some(maker) = self.config.default_key.clone().filter(|_| is_default && is_missing) else {
            return Ok(());
        };
        let made = tokio::task::spawn_blocking(move || maker.make()).await;
        let made = made.map_err(|cause| StreamsError::Unfinished(cause.to_string()))?;
        let keyring = made.map_err(|cause| match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                StreamsError::Store(StoreError::NoSpace(format!("no room for a master key: {cause}")))
            }
            _ => StreamsError::Unfinished(format!("no master key could be made: {cause}")),
        })?;
        self.replace_keys(Arc::new(keyring)).await;
        Ok(())
    }
}
