//! Speed of the disk alone: batches overwritten in place in a pre-written file, fdatasync after each.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;
use crate::load::percentile_us;
use crate::random::Random;

const FILE_BYTES: usize = 256 << 20;

pub(crate) struct RawDisk {
    file: File,
    bytes: Vec<u8>,
    at: usize,
}

pub(crate) struct RawRate {
    pub(crate) batches_per_second: f64,
    pub(crate) p50_us: u32,
    pub(crate) p99_us: u32,
}

impl RawDisk {
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        let file = File::create(directory.join("raw-disk"))?;
        let bytes = Random::new(7).bytes(8 << 20);
        for at in (0..FILE_BYTES).step_by(bytes.len()) {
            file.write_all_at(&bytes, at as u64)?;
        }
        file.sync_all()?;
        Ok(RawDisk { file, bytes, at: 0 })
    }

    pub(crate) fn measure(&mut self, batch_bytes: usize, time: Duration) -> Result<RawRate> {
        let started = Instant::now();
        let mut latencies_us = Vec::new();
        while started.elapsed() < time {
            if self.at + batch_bytes > FILE_BYTES {
                self.at = 0;
            }
            let sent = Instant::now();
            self.file.write_all_at(&self.bytes[..batch_bytes], self.at as u64)?;
            self.file.sync_data()?;
            latencies_us.push(sent.elapsed().as_micros() as u32);
            self.at += batch_bytes;
        }
        let batches_per_second = latencies_us.len() as f64 / started.elapsed().as_secs_f64();
        let p50_us = percentile_us(&mut latencies_us, 0.5);
        Ok(RawRate { batches_per_second, p50_us, p99_us: percentile_us(&mut latencies_us, 0.99) })
    }
}
