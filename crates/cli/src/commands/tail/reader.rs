//! Reads one shard from its start to its end, over expired iterators, throttling and servers that restart.

use std::time::Duration;

use headwater_client::{Client, Error, Record, RecordPage, StartAt};
use tokio::sync::mpsc;

use crate::commands::remark;
use crate::failure::Failure;

/// Event that a reader reports.
pub(super) enum Event {
    /// Records, in order.
    Page(String, Vec<Record>),
    /// The newest record was reached, and that is where it was to end.
    Tip(String),
    /// The shard is closed and read to its end.
    End(String),
    /// Reading cannot go on.
    Failed(Failure),
}

pub(super) struct Reader {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) shard_id: String,
    pub(super) start: StartAt,
    /// True if reading ends at the newest record.
    pub(super) to_tip_only: bool,
    pub(super) events: mpsc::Sender<Event>,
}

/// AWS allows five GetRecords a second on a shard.
const PAUSE_AT_TIP: Duration = Duration::from_millis(210);
const PAUSE_AFTER_FAULT: Duration = Duration::from_secs(1);
/// Enough to catch up quickly, little enough that the first of them are shown soon.
const PAGE_RECORDS: i32 = 1000;

impl Reader {
    pub(super) async fn run(mut self) {
        let last = match self.read().await {
            Ok(last) => last,
            Err(error) => Event::Failed(Failure::Call(error)),
        };
        // Nobody listens once the output has ended.
        let _ = self.events.send(last).await;
    }

    async fn read(&mut self) -> Result<Event, Error> {
        let mut troubled = false;
        let mut iterator = None;
        loop {
            let page = match self.page(&mut iterator).await {
                Ok(page) => page,
                // Whoever follows a stream wants to go on when the server is back.
                Err(error) if error.is_transient() && !self.to_tip_only => {
                    if !troubled {
                        remark(&format!("headwater: {error} Trying again."));
                        troubled = true;
                    }
                    self.client.clock().sleep(PAUSE_AFTER_FAULT).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            troubled = false;
            let at_tip = page.millis_behind_latest == 0;
            let empty = page.records.is_empty();
            if let Some(newest) = page.records.last() {
                self.start = StartAt::After(newest.sequence_number.clone());
                let event = Event::Page(self.shard_id.clone(), page.records);
                if self.events.send(event).await.is_err() {
                    return Ok(Event::Tip(self.shard_id.clone()));
                }
            }
            iterator = page.next_shard_iterator;
            if iterator.is_none() {
                return Ok(Event::End(self.shard_id.clone()));
            }
            if at_tip && empty && self.to_tip_only {
                return Ok(Event::Tip(self.shard_id.clone()));
            }
            if at_tip {
                self.client.clock().sleep(PAUSE_AT_TIP).await;
            }
        }
    }

    /// The next page; `iterator` is made where there is none, and anew where the server no longer takes it.
    async fn page(&mut self, iterator: &mut Option<String>) -> Result<RecordPage, Error> {
        if let Some(current) = iterator.as_deref() {
            match self.client.get_records(current, PAGE_RECORDS).await {
                // Old, or signed by a server that has been replaced.
                Err(error)
                    if matches!(
                        error.code(),
                        Some("ExpiredIteratorException" | "InvalidArgumentException")
                    ) => {}
                other => return other,
            }
        }
        let fresh = self.client.get_shard_iterator(&self.name, &self.shard_id, &self.start).await?;
        if self.start == StartAt::Latest {
            // From here on "latest" is this moment, whenever a new iterator is needed.
            self.start = StartAt::Time(self.client.clock().now());
        }
        let page = self.client.get_records(&fresh, PAGE_RECORDS).await;
        *iterator = Some(fresh);
        page
    }
}
