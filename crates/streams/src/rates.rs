//! Rates at which operations may be called: by an account, or on a stream.
//!
//! The rest of a stream's rates lives and dies with its handle, and accounts are few: nothing grows with what is asked
//! for in vain.

use headwater_types::limits::Limit;
use headwater_types::{AccountId, StreamKey};

use crate::error::{Result, StreamsError};
use crate::handle::StreamHandle;
use crate::service::StreamService;

impl StreamService {
    /// Counts a call against its account's rate, or refuses it.
    pub fn count_account_call(&self, account: AccountId, limit: Limit) -> Result<()> {
        let mut accounts = self.account_calls.lock();
        let calls = accounts.entry(account).or_default();
        let allowed = calls.take(&self.config.limits, limit, self.clock.elapsed());
        if allowed { Ok(()) } else { Err(StreamsError::AccountCallRate(account)) }
    }

    /// Counts a call against its stream's rate, or refuses it.
    pub fn count_stream_call(&self, handle: &StreamHandle, limit: Limit) -> Result<()> {
        let allowed = handle.calls.lock().take(&self.config.limits, limit, self.clock.elapsed());
        if allowed { Ok(()) } else { Err(StreamsError::StreamCallRate(handle.key.clone())) }
    }

    /// Counts a dry run against its stream's rate, or refuses it.
    pub fn count_dry_run(&self, stream: &StreamKey) -> Result<()> {
        let (handle, _) = self.find(stream)?;
        let counted = self.count_stream_call(&handle, Limit::DryRunCalls);
        counted.map_err(|_| StreamsError::DryRunRate(stream.clone()))
    }
}
