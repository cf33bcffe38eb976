//! Reads everything that is stored again and again, slowly, so that damage is known before somebody needs the data.
//!
//! One pass takes as long as is set, or less: 1 MiB/s is nothing to any disk, and where so much is stored that this is
//! too slow, as fast as it takes to be done in time.

use std::sync::Arc;
use std::time::Duration;

use headwater_host::Clock;
use headwater_store_embedded::EmbeddedStore;
use headwater_telemetry::{Level, Metrics};
use tracing::{info, warn};

/// Read in a second at least.
const RATE_MIN: u64 = 1 << 20;
/// Before the first pass, so that a server that has just started serves first; and after a step that failed.
const PAUSE: Duration = Duration::from_secs(60);

/// Reads until the task is dropped.
pub(crate) async fn run(
    store: Arc<EmbeddedStore>,
    every: Duration,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
) {
    clock.sleep(PAUSE).await;
    loop {
        let begun = clock.elapsed();
        pass(&store, every, &*clock, &metrics).await;
        let seconds = clock.now().as_millis() / 1000;
        metrics.set(Level::ScrubLastComplete, seconds);
        info!(damaged_places = store.damaged_places(), "everything that is stored was read");
        let took = clock.elapsed().saturating_sub(begun);
        clock.sleep(every.saturating_sub(took).max(PAUSE)).await;
    }
}

/// Reads everything once.
async fn pass(store: &Arc<EmbeddedStore>, every: Duration, clock: &dyn Clock, metrics: &Metrics) {
    // Which segment is first changes from hour to hour.
    let mut scrub = store.scrub(clock.now().as_millis() / 3_600_000);
    let rate = (scrub.total_bytes() / every.as_secs().max(1)).max(RATE_MIN);
    loop {
        let step = tokio::task::spawn_blocking(move || {
            let read = scrub.step();
            (scrub, read)
        });
        // A step that panicked has said so; the next pass begins anew.
        let Ok((back, read)) = step.await else { return };
        scrub = back;
        match read {
            Ok(Some(bytes)) => {
                metrics.scrubbed(bytes);
                clock.sleep(Duration::from_secs_f64(bytes as f64 / rate as f64)).await;
            }
            Ok(None) => return,
            Err(error) => {
                warn!(%error, "the scrubber cannot read on and tries again");
                clock.sleep(PAUSE).await;
            }
        }
    }
}
