//! A progress bar for long input, on standard error if that is a terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

/// Input shorter than this is over before a bar is of use.
const LONG_RECORDS: usize = 1000;

pub(super) struct Progress {
    size_bytes: Option<u64>,
    done_bytes: u64,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(size_bytes: Option<u64>) -> Self {
        Self { size_bytes, done_bytes: 0, wanted: io::stderr().is_terminal(), bar: None }
    }

    /// Says that `records` are stored by now, `bytes` of the input more than before.
    pub(super) fn stored(&mut self, records: usize, bytes: usize) {
        self.done_bytes += bytes as u64;
        if !self.wanted || records < LONG_RECORDS {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| start(self.size_bytes));
        bar.set_position(self.done_bytes);
        bar.set_message(format!("{records} records"));
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn start(size_bytes: Option<u64>) -> ProgressBar {
    let template = match size_bytes {
        Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}",
        None => "{spinner} {bytes} {bytes_per_sec} {msg}",
    };
    let bar = size_bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    // Templates are fixed, so one that fails would fail for everybody: the plain bar does then.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
