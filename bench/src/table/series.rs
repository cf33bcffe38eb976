//! Results of one server under one load, a value a round.

use std::path::Path;

use crate::Result;
use crate::figures::median;
use crate::load::{Load, Tally, Window, percentile_us};
use crate::scratch::Scratch;
use crate::server::{Program, Server};
use crate::workload::Work;

#[derive(Default)]
pub(super) struct Series {
    records_per_second: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    server_cpus: Vec<f64>,
    generator_cpus: Vec<f64>,
    pub(super) other_cpus: Vec<f64>,
    request_us: Vec<f64>,
    megabyte_ms: Vec<f64>,
}

/// Medians of a series; NaN where nothing was measured.
pub(super) struct Medians {
    pub(super) records_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) server_cpus: f64,
    pub(super) generator_cpus: f64,
    /// Processor time of the server for a request.
    pub(super) request_us: f64,
    /// The same for 10^6 bytes of record data.
    pub(super) megabyte_ms: f64,
}

impl Series {
    /// Measures once. A new server for every measurement, so that none has another's data to carry or to tidy up.
    pub(super) fn measure(
        &mut self,
        program: &Program,
        work: Work,
        load: Load,
        window: Window,
        work_dir: &Path,
    ) -> Result<()> {
        let scratch = Scratch::new(work_dir, "row")?;
        let server = Server::start(program, scratch.path())?;
        self.add(work.run(server.target(), load, window, Some(server.pid()))?, work.record_bytes());
        server.kill()
    }

    fn add(&mut self, mut tally: Tally, record_bytes: Option<usize>) {
        self.records_per_second.push(tally.records_per_second());
        self.p50_ms.push(f64::from(percentile_us(&mut tally.latencies_us, 0.5)) / 1000.0);
        self.p99_ms.push(f64::from(percentile_us(&mut tally.latencies_us, 0.99)) / 1000.0);
        self.generator_cpus.push(tally.shares.own);
        self.other_cpus.push(tally.shares.others);
        self.server_cpus.extend(tally.shares.server);
        if let Some(time) = tally.server_time() {
            self.request_us.push(time.as_secs_f64() * 1e6 / tally.requests as f64);
            if let Some(bytes) = record_bytes {
                let megabytes = tally.records as f64 * bytes as f64 / 1e6;
                self.megabyte_ms.push(time.as_secs_f64() * 1e3 / megabytes);
            }
        }
    }

    pub(super) fn medians(&self) -> Medians {
        Medians {
            records_per_second: median(&self.records_per_second),
            p50_ms: median(&self.p50_ms),
            p99_ms: median(&self.p99_ms),
            server_cpus: median(&self.server_cpus),
            generator_cpus: median(&self.generator_cpus),
            request_us: median(&self.request_us),
            megabyte_ms: median(&self.megabyte_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::process::Shares;

    #[test]
    fn processor_time_is_shared_out_over_requests_and_data() {
        let mut series = Series::default();
        assert!(series.medians().request_us.is_nan());
        let tally = Tally {
            records: 4000,
            requests: 1000,
            elapsed: Duration::from_secs(2),
            latencies_us: vec![1000; 1000],
            shares: Shares { own: 0.1, server: Some(0.5), others: 0.0 },
        };
        series.add(tally, Some(500));
        let medians = series.medians();
        assert_eq!(medians.records_per_second, 2000.0);
        // One second of processor time for a thousand requests and two megabytes.
        assert_eq!((medians.request_us, medians.megabyte_ms), (1000.0, 500.0));
    }
}
