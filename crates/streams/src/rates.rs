//! Rates at which operations may be called: by an account in a region, or on a stream.
//!
//! # Constraints
//! The rest of a stream's rates lives and dies with its handle. Accounts are few, but where any region is served anybody can
//! name regions without end: only so many are remembered, those that called last.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_types::limits::{CallRates, Limit, LimitPolicy};
use headwater_types::{Realm, StreamKey};

use crate::error::{Result, StreamsError};
use crate::handle::StreamHandle;
use crate::service::StreamService;

/// Accounts in regions whose calls are remembered. All rates are by the second: what was long ago is as good as never.
const REMEMBERED_MAX: usize = 1024;

/// Remaining budgets of calls, by account and region.
#[derive(Debug, Default)]
pub(crate) struct AccountCalls {
    /// With the time of the last call.
    rates: BTreeMap<Realm, (Duration, CallRates)>,
}

impl AccountCalls {
    fn take(&mut self, realm: Realm, policy: &LimitPolicy, limit: Limit, elapsed: Duration) -> bool {
        if policy.get(limit).is_none() {
            return true;
        }
        if self.rates.len() >= REMEMBERED_MAX && !self.rates.contains_key(&realm) {
            let oldest = self.rates.iter().min_by_key(|(_, (at, _))| *at).map(|(realm, _)| *realm);
            oldest.map(|oldest| self.rates.remove(&oldest));
        }
        let (at, rates) = self.rates.entry(realm).or_default();
        *at = elapsed;
        rates.take(policy, limit, elapsed)
    }
}

impl StreamService {
    /// Counts a call against its account's rate in a region, or refuses it.
    pub fn count_account_call(&self, realm: Realm, limit: Limit) -> Result<()> {
        let (policy, elapsed) = (self.limits_in(realm), self.clock.elapsed());
        let allowed = self.account_calls.lock().take(realm, policy, limit, elapsed);
        if allowed { Ok(()) } else { Err(StreamsError::AccountCallRate(realm.account)) }
    }

    /// Counts a call against its stream's rate, or refuses it.
    pub fn count_stream_call(&self, handle: &StreamHandle, limit: Limit) -> Result<()> {
        let policy = self.limits_in(handle.key.realm);
        let allowed = handle.calls.lock().take(policy, limit, self.clock.elapsed());
        if allowed { Ok(()) } else { Err(StreamsError::StreamCallRate(handle.key.clone())) }
    }

    /// Counts a dry run against its stream's rate, or refuses it.
    pub fn count_dry_run(&self, stream: &StreamKey) -> Result<()> {
        let (handle, _) = self.find(stream)?;
        let counted = self.count_stream_call(&handle, Limit::DryRunCalls);
        counted.map_err(|_| StreamsError::DryRunRate(stream.clone()))
    }
}

#[cfg(test)]
mod tests {
    use headwater_types::{AccountId, Region};

    use super::*;

    #[test]
    fn regions_without_end_take_bounded_room() {
        let account = AccountId::new("111122223333").unwrap();
        let realm = |i: usize| Realm { account, region: Region::new(&format!("us-east-{i}")).unwrap() };
        let (policy, limit) = (LimitPolicy::aws(Region::US_EAST_1), Limit::DescribeLimitsCalls);
        let mut calls = AccountCalls::default();
        for i in 0..10 * REMEMBERED_MAX {
            let elapsed = Duration::from_nanos(i as u64);
            assert!(calls.take(realm(i), &policy, limit, elapsed));
            assert!(!calls.take(realm(i), &policy, limit, elapsed), "each has a rate of its own");
        }
        assert_eq!(calls.rates.len(), REMEMBERED_MAX);
        assert!(calls.take(realm(0), &LimitPolicy::OFF, limit, Duration::ZERO));
        assert!(!calls.rates.contains_key(&realm(0)), "what is not limited is not remembered");
    }
}
