//! Waits before another attempt: capped exponential growth with full jitter.

use std::time::Duration;

use headwater_host::Random;

/// Attempts at a call before its error is given to the caller.
pub(crate) const MAX_ATTEMPTS: u32 = 5;

const BASE: Duration = Duration::from_millis(100);
/// Throttling mends at the pace of the quota, which is counted in seconds.
const THROTTLED_BASE: Duration = Duration::from_millis(400);
const CAP: Duration = Duration::from_secs(5);

/// The wait after attempt number `attempt` (from 1) has failed.
pub(crate) fn delay(attempt: u32, throttled: bool, random: &dyn Random) -> Duration {
    let base = if throttled { THROTTLED_BASE } else { BASE };
    let ceiling = base.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(CAP);
    let share = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    // Never below a tenth: a wait of nothing would be no wait.
    ceiling.mul_f64(0.1 + 0.9 * share)
}

#[cfg(test)]
mod tests {
    use headwater_host::SeededRandom;

    use super::*;

    #[test]
    fn grows_to_the_cap_and_no_further() {
        let random = SeededRandom::new(1);
        for attempt in 1..200 {
            for (throttled, base) in [(false, BASE), (true, THROTTLED_BASE)] {
                let wait = delay(attempt, throttled, random.as_ref());
                let ceiling = base.saturating_mul(1 << (attempt - 1).min(16)).min(CAP);
                assert!(wait >= ceiling / 10 && wait <= ceiling, "{attempt}: {wait:?} of {ceiling:?}");
            }
        }
    }
}
