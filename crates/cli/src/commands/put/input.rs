//! Sources of records.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use tokio::sync::mpsc;

use super::MAX_RECORD_BYTES;

/// The data of one record, and where it stood.
pub(super) struct Item {
    pub(super) data: Vec<u8>,
    /// For messages: `line 7`.
    pub(super) place: String,
}

impl Item {
    pub(super) fn argument(data: String) -> Self {
        Self { data: data.into(), place: "the data".to_owned() }
    }
}

/// Something to read lines from.
pub(super) struct Source {
    reader: Box<dyn Read + Send>,
    /// Its length, where that is known.
    pub(super) size_bytes: Option<u64>,
}

/// A file, or standard input.
pub(super) fn open(path: Option<&Path>) -> Result<Source, String> {
    let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
        return Ok(Source { reader: Box::new(io::stdin()), size_bytes: None });
    };
    let explain = |error: io::Error| format!("cannot read {}: {error}", path.display());
    #[allow(clippy::disallowed_methods, reason = "a user's file to read, none of the server's")]
    let file = File::open(path).map_err(explain)?;
    let about = file.metadata().map_err(explain)?;
    Ok(Source { size_bytes: about.is_file().then_some(about.len()), reader: Box::new(file) })
}

/// A whole file as one record.
pub(super) fn whole_file(path: &Path) -> Result<Item, String> {
    let source = open(Some(path))?;
    let mut data = Vec::new();
    let limit = MAX_RECORD_BYTES as u64 + 1;
    source
        .reader
        .take(limit)
        .read_to_end(&mut data)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if data.len() > MAX_RECORD_BYTES {
        return Err(format!(
            "{} is longer than a record can be (10 MiB); did you mean --lines?",
            path.display()
        ));
    }
    Ok(Item { data, place: path.display().to_string() })
}

/// The lines that are not blank, read by a thread of their own; an error is the last item.
pub(super) fn lines(source: Source) -> mpsc::Receiver<Result<Item, String>> {
    // Two batches: one in flight, one being read.
    let (sender, receiver) = mpsc::channel(2 * super::MAX_BATCH_RECORDS);
    std::thread::spawn(move || {
        let mut reader = BufReader::with_capacity(1 << 16, source.reader);
        for number in 1u64.. {
            let item = match line(&mut reader, number) {
                Ok(None) => return,
                Ok(Some(data)) if data.trim_ascii().is_empty() => continue,
                Ok(Some(data)) => Ok(Item { data, place: format!("line {number}") }),
                Err(text) => Err(text),
            };
            let last = item.is_err();
            // Nobody listens once the command has failed.
            if sender.blocking_send(item).is_err() || last {
                return;
            }
        }
    });
    receiver
}

fn line(reader: &mut impl BufRead, number: u64) -> Result<Option<Vec<u8>>, String> {
    let mut data = Vec::new();
    // Room for the line's end.
    let limit = MAX_RECORD_BYTES as u64 + 2;
    let read = reader
        .take(limit)
        .read_until(b'\n', &mut data)
        .map_err(|error| format!("cannot read line {number}: {error}"))?;
    if read == 0 {
        return Ok(None);
    }
    if data.last() == Some(&b'\n') {
        data.pop();
        if data.last() == Some(&b'\r') {
            data.pop();
        }
    }
    if data.len() > MAX_RECORD_BYTES {
        return Err(format!("line {number} is longer than a record can be (10 MiB)"));
    }
    Ok(Some(data))
}
