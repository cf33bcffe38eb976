//! PutRecord and PutRecords.
//!
//! # Algorithm
//! Entries are routed by the shard map of one moment, grouped by shard, and each group becomes one batch.
//! All batches are handed to their logs before any is waited for, so that one commit takes them together. A
//! log that answers `Closed` was sealed by a reshard: the change is awaited, and its entries are routed again
//! by the new map. A sealed log has taken none of them, so nothing is stored twice, and what a client put
//! before is in the parent, so nothing is reordered.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use futures_util::future::join_all;
use headwater_store::{AppendBatch, Expect, StoreError};
use headwater_types::limits::KIB;
use headwater_types::{
    AnySequenceNumber, HashKey, Record, RecordBatch, RecordBatchBuilder, SequenceNumber, ShardId,
};
use tracing::{error, warn};

use crate::encryption::{SEALED_RECORD_OVERHEAD, Sealer};
use crate::error::{Result, StreamsError};
use crate::handle::{StreamHandle, StreamView};
use crate::meta::{Distribution, StreamMode, StreamStatus};
use crate::service::StreamService;

/// One record to be put. Sizes were checked against the model; the stream's own maximum is checked here.
#[derive(Debug, Clone)]
pub struct PutEntry<'a> {
    /// Partition key; empty only where the stream does not need one.
    pub partition_key: Cow<'a, str>,
    /// Replaces the key's hash.
    pub explicit_hash_key: Option<HashKey>,
    /// The payload.
    pub data: &'a [u8],
}

/// Place where a record was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutPlaced {
    /// Its shard.
    pub shard: ShardId,
    /// Its number.
    pub sequence_number: SequenceNumber,
    /// True if it was stored encrypted.
    pub encrypted: bool,
}

/// Why one record of several was not stored while others may have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutFailure {
    /// The shard's write rate, or the server's queue, is used up. Try again.
    Throttled(ShardId),
    /// The server could not store it; its log says why. Try again.
    Internal,
}

/// A put that meets seals more often than this has met a bug.
const ROUNDS_MAX: usize = 100;

struct Group {
    /// Index into the view's shards.
    shard: usize,
    /// Indices into the entries, ascending.
    entries: Vec<u32>,
    records: RecordBatch,
    bytes: u64,
}

impl StreamService {
    /// Stores one record, which is durable when this returns.
    ///
    /// # Errors
    /// The stream is gone ([`StreamsError::StreamNotFound`]), the record is too large or has no key, its shard's rate is
    /// used up ([`StreamsError::WriteThrottled`]), its key cannot be used, or the store refused it. Only after
    /// [`StreamsError::Unfinished`] it may have been stored all the same.
    pub async fn put_record(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        entry: PutEntry<'_>,
        ordering_number: Option<&str>,
    ) -> Result<PutPlaced> {
        let started = self.clock.elapsed();
        let bytes = size_of(&entry);
        let placed = self.store_record(handle, entry, ordering_number).await;
        let outcome = placed.as_ref().map(|_| ());
        let outcome = outcome.map_err(|error| matches!(error, StreamsError::WriteThrottled { .. }));
        handle.measures.put_record(self.clock.elapsed().saturating_sub(started), bytes, outcome);
        placed
    }

    async fn store_record(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        entry: PutEntry<'_>,
        ordering_number: Option<&str>,
    ) -> Result<PutPlaced> {
        self.check_ordering_number(handle, ordering_number)?;
        let stream = handle.key.clone();
        match self.store_records(handle, std::slice::from_ref(&entry)).await?.pop() {
            Some(Ok(placed)) => Ok(placed),
            Some(Err(PutFailure::Throttled(shard))) => Err(StreamsError::WriteThrottled { stream, shard }),
            Some(Err(PutFailure::Internal)) | None => {
                Err(StreamsError::Unfinished("the record was not stored".into()))
            }
        }
    }

    /// Everything that a put checks before it stores anything.
    pub fn check_put(
        &self,
        handle: &StreamHandle,
        entries: &[PutEntry<'_>],
        ordering_number: Option<&str>,
    ) -> Result<()> {
        self.check_ordering_number(handle, ordering_number)?;
        self.check_entries(handle, &handle.view(), entries)
    }

    /// Stores records; the answers are in the order of the entries.
    ///
    /// # Errors
    /// As for [`StreamService::put_record`], for all of them: nothing was stored.
    pub async fn put_records(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        entries: &[PutEntry<'_>],
    ) -> Result<Vec<std::result::Result<PutPlaced, PutFailure>>> {
        let started = self.clock.elapsed();
        let answers = self.store_records(handle, entries).await;
        let took = self.clock.elapsed().saturating_sub(started);
        match &answers {
            Ok(answers) => {
                let stored = entries.iter().zip(answers).filter(|(_, answer)| answer.is_ok());
                let bytes = stored.map(|(entry, _)| size_of(entry)).sum();
                handle.measures.put_records(took, bytes, answers);
            }
            Err(_) => {
                let failed = vec![Err(PutFailure::Internal); entries.len()];
                handle.measures.put_records(took, 0, &failed);
            }
        }
        answers
    }

    async fn store_records(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        entries: &[PutEntry<'_>],
    ) -> Result<Vec<std::result::Result<PutPlaced, PutFailure>>> {
        let mut view = handle.view.load_full();
        self.check_entries(handle, &view, entries)?;
        let mut answers = vec![Err(PutFailure::Internal); entries.len()];
        let mut waiting: Vec<u32> = (0..entries.len() as u32).collect();
        // A full disk is said of the whole request, if it kept all of it from being stored.
        let mut refused = None;
        for _ in 0..ROUNDS_MAX {
            let groups = match self.group(handle, &view, entries, &waiting, &mut answers) {
                Ok(groups) => groups,
                // The key went away between two rounds, of which the first has stored some.
                Err(cause) if answers.iter().any(|answer| answer.is_ok()) => {
                    warn!(stream = %handle.key.name, %cause, "some records of a put were not stored");
                    return Ok(answers);
                }
                Err(cause) => return Err(cause),
            };
            waiting.clear();
            let arrival = self.clock.now();
            let appends = groups.iter().map(|group| {
                let batch = AppendBatch { arrival, records: group.records.clone(), frees: false };
                view.shards[group.shard].log.append(batch, Expect::Any)
            });
            for (group, appended) in groups.iter().zip(join_all(appends).await) {
                let shard = &view.meta.shards.all()[group.shard];
                match appended {
                    Ok(appended) => {
                        handle.metrics.wrote(group.entries.len() as u64, group.bytes);
                        watch(&view, entries, group);
                        let encrypted = group.records.is_sealed();
                        for (i, &entry) in group.entries.iter().enumerate() {
                            let position = appended.first.plus(i as u64);
                            let sequence_number = SequenceNumber::of_record(
                                shard.id,
                                shard.created,
                                position,
                                appended.arrival,
                            );
                            let shard = shard.id;
                            answers[entry as usize] = Ok(PutPlaced { shard, sequence_number, encrypted });
                        }
                    }
                    Err(StoreError::Closed) => waiting.extend(&group.entries),
                    Err(StoreError::NoSuchLog(_)) => {
                        return Err(StreamsError::StreamNotFound(handle.key.clone()));
                    }
                    Err(StoreError::Busy) => {
                        let failure = Err(PutFailure::Throttled(shard.id));
                        group.entries.iter().for_each(|&entry| answers[entry as usize] = failure);
                        view.shards[group.shard]
                            .stats
                            .throttled_writes(group.entries.len() as u64, group.bytes);
                    }
                    Err(cause) => {
                        warn!(stream = %handle.key.name, shard = %shard.id, %cause, "records were not stored");
                        if matches!(cause, StoreError::NoSpace(_) | StoreError::NoFiles(_)) {
                            refused = Some(cause);
                        }
                    }
                }
            }
            if waiting.is_empty() {
                let throttled = |answer: &&_| matches!(answer, Err(PutFailure::Throttled(_)));
                let throttled = answers.iter().filter(throttled).count() as u64;
                handle.metrics.throttled_writes(throttled);
                return match refused {
                    Some(cause) if throttled == 0 && answers.iter().all(|answer| answer.is_err()) => {
                        Err(cause.into())
                    }
                    _ => Ok(answers),
                };
            }
            waiting.sort_unstable();
            view = self.after_seal(handle, &view).await?;
        }
        error!(stream = %handle.key.name, "a put met a sealed shard in every one of {ROUNDS_MAX} shard maps");
        Ok(answers)
    }

    /// The view after the reshard that sealed a log of `seen`.
    async fn after_seal(
        self: &Arc<Self>,
        handle: &Arc<StreamHandle>,
        seen: &StreamView,
    ) -> Result<Arc<StreamView>> {
        // In a task of its own: the client of this put may go away in the middle.
        let (service, stream) = (self.clone(), handle.clone());
        let finished = tokio::spawn(async move { service.finish_reshard(&stream).await }).await;
        finished.map_err(|cause| StreamsError::Unfinished(cause.to_string()))??;
        let view = handle.view();
        if matches!(view.meta.status(self.clock.now()), None | Some(StreamStatus::Deleting)) {
            return Err(StreamsError::StreamNotFound(handle.key.clone()));
        }
        if view.version == seen.version {
            // Another server has changed the map and this one does not know yet.
            let _changing = handle.changing.lock().await;
            self.reload(handle, &view).await?;
        }
        Ok(handle.view())
    }

    fn check_entries(
        &self,
        handle: &StreamHandle,
        view: &StreamView,
        entries: &[PutEntry<'_>],
    ) -> Result<()> {
        let limit_bytes = usize::try_from(view.meta.max_record_kib).unwrap_or(0) * KIB;
        for entry in entries {
            // A record is its data and its partition key.
            let bytes = entry.data.len() + entry.partition_key.len();
            if bytes > limit_bytes {
                let stream = handle.key.clone();
                return Err(StreamsError::RecordTooLarge { stream, bytes, limit_bytes });
            }
            if entry.partition_key.is_empty() && view.meta.distribution == Distribution::PartitionKey {
                let why = "A partition key is required for streams whose record distribution strategy is \
                           USER_PARTITION_KEY.";
                return Err(StreamsError::InvalidOption(why.into()));
            }
        }
        Ok(())
    }

    /// Groups the waiting entries by shard and seals them, if the stream is encrypted; those that a shard's rate
    /// refuses get their answer here.
    fn group(
        &self,
        stream: &StreamHandle,
        view: &StreamView,
        entries: &[PutEntry<'_>],
        waiting: &[u32],
        answers: &mut [std::result::Result<PutPlaced, PutFailure>],
    ) -> Result<Vec<Group>> {
        let sealer = Sealer::of(view, stream)?;
        let shards = &view.meta.shards;
        let mut turn = match view.meta.distribution {
            Distribution::Auto => self.random.next_u64(),
            Distribution::PartitionKey => 0,
        };
        let mut routed: Vec<(u32, u32)> = waiting
            .iter()
            .map(|&entry| {
                let shard = match view.meta.distribution {
                    Distribution::Auto => {
                        turn = turn.wrapping_add(1);
                        shards.route_turn(turn)
                    }
                    Distribution::PartitionKey => shards.route_index(hash_of(&entries[entry as usize])),
                };
                (shard as u32, entry)
            })
            .collect();
        routed.sort_unstable();
        let mut groups = Vec::new();
        for run in routed.chunk_by(|a, b| a.0 == b.0) {
            let shard = run[0].0 as usize;
            let mut admitted = Vec::with_capacity(run.len());
            let (mut total_bytes, mut refused_bytes) = (0, 0);
            let mut budget = view.shards[shard].budget.lock();
            let elapsed = if budget.takes_any_write() { Default::default() } else { self.clock.elapsed() };
            for &(_, index) in run {
                let entry = &entries[index as usize];
                let bytes = size_of(entry);
                if !budget.write(elapsed, bytes) {
                    answers[index as usize] = Err(PutFailure::Throttled(shards.all()[shard].id));
                    refused_bytes += bytes;
                    continue;
                }
                total_bytes += bytes;
                admitted.push(index);
            }
            drop(budget);
            let refused = (run.len() - admitted.len()) as u64;
            if refused > 0 {
                view.shards[shard].stats.throttled_writes(refused, refused_bytes);
            }
            if let Some(records) = encode(entries, &admitted, sealer.as_ref(), shards.all()[shard].id)? {
                groups.push(Group { shard, entries: admitted, records, bytes: total_bytes });
            }
        }
        Ok(groups)
    }

    /// Positions grow, and a child's numbers are larger than its parents': what is put now gets a number larger than
    /// any that was issued, and nothing has to be waited for. Refuses numbers that no shard could have issued.
    fn check_ordering_number(&self, handle: &StreamHandle, number: Option<&str>) -> Result<()> {
        let Some(number) = number else { return Ok(()) };
        let now_s = self.clock.now().as_secs();
        let is_possible = match AnySequenceNumber::from_str(number) {
            Ok(AnySequenceNumber::Current(number)) => {
                number.time_s() <= now_s && may_be_issued(handle, &number)
            }
            Ok(AnySequenceNumber::Old { shard_created_s, .. }) => shard_created_s <= now_s,
            Err(_) => false,
        };
        let refuse =
            || StreamsError::OrderingNumber { stream: handle.key.clone(), number: number.to_owned() };
        if is_possible { Ok(()) } else { Err(refuse()) }
    }
}

/// False for a number that says of itself that it is older than its shard, and for one of a shard of this stream that
/// the shard has not come to.
fn may_be_issued(handle: &StreamHandle, number: &SequenceNumber) -> bool {
    let view = handle.view();
    let own =
        view.shard(number.shard()).filter(|(shard, _)| shard.created.as_secs() == number.shard_created_s());
    // A child takes records up to a second before the one in which it counts as created.
    let Some((_, shard)) = own else { return number.shard_created_s() <= number.time_s() };
    let bounds = shard.log.bounds();
    match number.position() {
        None => true,
        Some(_) if number.is_ending() => bounds.sealed,
        Some(position) => position < bounds.end,
    }
}

/// One batch of these entries, for this shard.
fn encode(
    entries: &[PutEntry<'_>],
    chosen: &[u32],
    sealer: Option<&Sealer<'_>>,
    shard: ShardId,
) -> Result<Option<RecordBatch>> {
    let overhead = if sealer.is_some() { SEALED_RECORD_OVERHEAD } else { 0 };
    let size = |&entry: &u32| {
        let entry = &entries[entry as usize];
        RecordBatchBuilder::encoded_len_max(entry.partition_key.len(), entry.data.len()) + overhead
    };
    let mut builder = RecordBatchBuilder::with_capacity(chosen.iter().map(size).sum());
    for &index in chosen {
        let entry = &entries[index as usize];
        let record = Record {
            key: &entry.partition_key,
            explicit_hash_key: entry.explicit_hash_key.map(|key| key.0),
            data: entry.data,
        };
        match sealer {
            None => builder.push(record),
            Some(sealer) => sealer.push(&mut builder, shard, record)?,
        }
    }
    Ok(builder.finish())
}

/// Size of a record for rates and limits, in bytes: data and partition key.
fn size_of(entry: &PutEntry<'_>) -> u64 {
    (entry.partition_key.len() + entry.data.len()) as u64
}

fn hash_of(entry: &PutEntry<'_>) -> HashKey {
    entry.explicit_hash_key.unwrap_or_else(|| HashKey::of_partition_key(&entry.partition_key))
}

/// Counts a group that was stored. Its keys matter where a shard may be split because of them.
fn watch(view: &StreamView, entries: &[PutEntry<'_>], group: &Group) {
    let shard = &view.shards[group.shard];
    shard.stats.wrote(group.entries.len() as u64, group.bytes);
    if view.meta.mode == StreamMode::OnDemand && view.meta.distribution == Distribution::PartitionKey {
        let entries = group.entries.iter().map(|&entry| &entries[entry as usize]);
        shard.traffic.sample(entries.map(|entry| (size_of(entry), || hash_of(entry))));
    }
}
