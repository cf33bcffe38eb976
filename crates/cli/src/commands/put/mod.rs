//! `headwater put`.

mod input;
pub(crate) mod key;
mod progress;

use std::path::PathBuf;

use clap::Args;
use headwater_client::{NewRecord, PutReport};
use input::{Item, Source};
use key::Keys;
use progress::Progress;
use tokio::sync::mpsc;

use super::remark;
use crate::connect::{Connect, Session};
use crate::failure::Failure;

/// Put records into a stream: one from the command line, a file as one record, or one record a line.
///
/// Without DATA and --file, lines are read from standard input. Blank lines are passed over.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headwater put orders '{\"id\":1}' --key customer-7\n  \
                        headwater put images --file photo.jpg\n  \
                        headwater put orders --file orders.ndjson --lines --key-field customer.id\n  \
                        tail -f app.log | headwater put logs")]
pub(crate) struct Put {
    /// The stream
    name: String,

    /// The data of one record
    #[arg(conflicts_with_all = ["file", "lines"])]
    data: Option<String>,

    /// A file: one record, or with --lines one a line; - is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// One record a line
    #[arg(long, requires = "file")]
    lines: bool,

    /// The partition key of every record [default: another random one each]
    #[arg(long, value_name = "KEY", conflicts_with = "key_field")]
    key: Option<String>,

    /// The path of the partition key, such as customer.id, in each record, which must be JSON
    #[arg(long, value_name = "PATH", value_parser = key::KeyField::parse)]
    key_field: Option<key::KeyField>,

    /// The hash key of every record, 0 to 2^128-1, which decides the shard instead of the partition key
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u128))]
    explicit_hash_key: Option<u128>,

    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// Limits of one PutRecords: 500 records, and AWS's older 5 MiB, which every server accepts.
const MAX_BATCH_RECORDS: usize = 500;
const MAX_BATCH_BYTES: usize = 5 << 20;
/// The largest record there is.
pub(super) const MAX_RECORD_BYTES: usize = 10 << 20;

pub(crate) async fn run(args: Put, session: Session) -> Result<(), Failure> {
    let keys = Keys { fixed: args.key, field: args.key_field, random: session.client.random() };
    let hash_key = args.explicit_hash_key.map(|key| key.to_string());
    let record = |item: Item| {
        let key = keys.of(&item.data).map_err(|why| Failure::Failed(format!("{}: {why}", item.place)))?;
        Ok(NewRecord { data: item.data, partition_key: key, explicit_hash_key: hash_key.clone() })
    };
    let source = match (args.data, args.file) {
        (Some(data), _) => return put_one(&session, &args.name, record(Item::argument(data))?).await,
        (None, Some(file)) if !args.lines => {
            let item = input::whole_file(&file).map_err(Failure::Failed)?;
            return put_one(&session, &args.name, record(item)?).await;
        }
        (None, file) => input::open(file.as_deref()).map_err(Failure::Failed)?,
    };
    put_lines(&session, &args.name, source, record).await
}

async fn put_one(session: &Session, name: &str, record: NewRecord) -> Result<(), Failure> {
    let stored = session.client.put_record(name, &record).await?;
    remark(&format!("1 record stored in {} as {}", stored.shard_id, stored.sequence_number));
    Ok(())
}

async fn put_lines(
    session: &Session,
    name: &str,
    source: Source,
    record: impl Fn(Item) -> Result<NewRecord, Failure>,
) -> Result<(), Failure> {
    let mut progress = Progress::new(source.size_bytes);
    let mut lines = input::lines(source);
    let mut carried = None;
    let mut stored = 0;
    let outcome = loop {
        let (batch, stop) = next_batch(&mut lines, &mut carried, &record).await;
        if !batch.is_empty() {
            // What was read before a line that is no record is still stored: the count then says where to go on.
            match put_batch(session, name, &batch).await {
                Ok(count) => stored += count,
                Err((count, failure)) => {
                    stored += count;
                    break Err(failure);
                }
            }
            progress.stored(stored, batch.iter().map(|record| record.data.len() + 1).sum());
        }
        match stop {
            Stop::Full => {}
            Stop::End => break Ok(()),
            Stop::Failed(failure) => break Err(failure),
        }
    };
    progress.finish();
    let records = if stored == 1 { "1 record" } else { &format!("{stored} records") };
    match outcome {
        Ok(()) => {
            remark(&format!("{records} stored"));
            Ok(())
        }
        Err(failure) => {
            let Failure::Failed(text) = failure.at(session.client.config()) else {
                return Err(Failure::Closed);
            };
            Err(Failure::Failed(format!("{records} stored, not the rest: {text}")))
        }
    }
}

async fn put_batch(session: &Session, name: &str, batch: &[NewRecord]) -> Result<usize, (usize, Failure)> {
    let PutReport { stored, failed } =
        session.client.put_all(name, batch).await.map_err(|error| (0, Failure::Call(error)))?;
    match failed.first() {
        None => Ok(stored),
        Some(first) => {
            let text = format!(
                "{} of a batch were refused, the first with {}: {}",
                failed.len(),
                first.code,
                first.message
            );
            Err((stored, Failure::Failed(text)))
        }
    }
}

/// Why a batch ends.
enum Stop {
    /// It is full, or nothing more is there just now.
    Full,
    /// The input has ended.
    End,
    /// The next line is no record.
    Failed(Failure),
}

/// Waits for a first record and takes what else is there, so that a trickle is sent at once and a flood in full
/// batches.
async fn next_batch(
    lines: &mut mpsc::Receiver<Result<Item, String>>,
    carried: &mut Option<NewRecord>,
    record: &impl Fn(Item) -> Result<NewRecord, Failure>,
) -> (Vec<NewRecord>, Stop) {
    let mut batch: Vec<NewRecord> = carried.take().into_iter().collect();
    let weight = |record: &NewRecord| record.data.len() + record.partition_key.len();
    let mut bytes: usize = batch.iter().map(weight).sum();
    while batch.len() < MAX_BATCH_RECORDS {
        let line = if batch.is_empty() {
            lines.recv().await
        } else {
            match lines.try_recv() {
                Ok(line) => Some(line),
                Err(mpsc::error::TryRecvError::Empty) => return (batch, Stop::Full),
                Err(mpsc::error::TryRecvError::Disconnected) => None,
            }
        };
        let next = match line {
            None => return (batch, Stop::End),
            Some(line) => line.map_err(Failure::Failed).and_then(record),
        };
        match next {
            Err(failure) => return (batch, Stop::Failed(failure)),
            Ok(next) if !batch.is_empty() && bytes + weight(&next) > MAX_BATCH_BYTES => {
                *carried = Some(next);
                return (batch, Stop::Full);
            }
            Ok(next) => {
                bytes += weight(&next);
                batch.push(next);
            }
        }
    }
    (batch, Stop::Full)
}
