//! PutRecords, and the loop around it that sends again what was refused.

use headwater_wire::shape;
use headwater_wire::shape::{Blob, List, Text};
use serde::Deserialize;

use crate::{Client, Error, NewRecord, backoff};

shape! {
    struct Input<'a> {
        stream_name: Text<'a> = "StreamName",
        records: List<Entry<'a>> = "Records",
    }
}

shape! {
    struct Entry<'a> {
        data: Blob<'a> = "Data",
        partition_key: Text<'a> = "PartitionKey",
        explicit_hash_key: Text<'a> = "ExplicitHashKey",
    }
}

/// The answer to one PutRecords.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutPage {
    /// Number of entries that carry an error.
    #[serde(default)]
    pub failed_record_count: i64,
    /// One entry a record, in the order of the request.
    pub records: Vec<PutEntry>,
}

/// Outcome for one record.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PutEntry {
    /// The shard, if it was stored.
    pub shard_id: Option<String>,
    /// The number it got there.
    pub sequence_number: Option<String>,
    /// Why it was not stored.
    pub error_code: Option<String>,
    /// The text of that.
    pub error_message: Option<String>,
}

/// Outcome for a batch after all attempts.
#[derive(Debug, Clone, Default)]
pub struct PutReport {
    /// Records that are stored.
    pub stored: usize,
    /// Records that are not, in the order of the batch.
    pub failed: Vec<NotStored>,
}

/// A record that is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotStored {
    /// Index in the batch, from 0.
    pub index: usize,
    /// The service's name for the reason.
    pub code: String,
    /// The service's text.
    pub message: String,
}

impl Client {
    /// Stores up to 500 records and 10 MiB; single ones may fail while the call succeeds.
    pub async fn put_records<'a>(
        &self,
        name: &str,
        records: impl IntoIterator<Item = &'a NewRecord>,
    ) -> Result<PutPage, Error> {
        let entry = |record: &'a NewRecord| Entry {
            data: Some(Blob::new(record.data.as_slice())),
            partition_key: Some(record.partition_key.as_str().into()),
            explicit_hash_key: record.explicit_hash_key.as_deref().map(Text::from),
        };
        let input =
            Input { stream_name: Some(name.into()), records: Some(records.into_iter().map(entry).collect()) };
        self.call("PutRecords", &input).await
    }

    /// Stores a batch, sending failed entries again (after a wait, and behind what was stored: order within a
    /// shard is kept only while nothing fails). An error means that what was not yet stored is not stored.
    pub async fn put_all(&self, name: &str, records: &[NewRecord]) -> Result<PutReport, Error> {
        let mut waiting: Vec<usize> = (0..records.len()).collect();
        let mut report = PutReport::default();
        for attempt in 1.. {
            if waiting.is_empty() {
                break;
            }
            let page = self.put_records(name, waiting.iter().map(|&index| &records[index])).await?;
            let mut failed = Vec::new();
            let mut entries = page.records.into_iter();
            for &index in &waiting {
                // A server that answers fewer entries than it was sent has not said that it stored the rest.
                match entries.next().map(|entry| (entry.error_code, entry.error_message)) {
                    Some((None, _)) => report.stored += 1,
                    Some((Some(code), message)) => {
                        failed.push(NotStored { index, code, message: message.unwrap_or_default() });
                    }
                    None => failed.push(NotStored {
                        index,
                        code: "InternalFailure".to_owned(),
                        message: "the answer has no entry for this record".to_owned(),
                    }),
                }
            }
            if failed.is_empty() || attempt == backoff::MAX_ATTEMPTS {
                report.failed = failed;
                break;
            }
            waiting = failed.iter().map(|failure| failure.index).collect();
            self.back_off(attempt, true).await;
        }
        Ok(report)
    }
}
