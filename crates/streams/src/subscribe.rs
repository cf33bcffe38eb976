//! SubscribeToShard: records are pushed as they become durable.
//!
//! # Constraints
//! A subscription does nothing unless its owner asks for what comes next ([`Subscription::next`]): a client that
//! does not read costs what it has been handed and no more. There may be thousands: an idle one is a timer and two
//! places in lists of waiters.
//!
//! # Algorithm
//! A consumer has one subscription a shard. The place ([`Seat`]) that it takes outlives it for a while, because the
//! next call is measured by it: within 5 s of a successful call another one is refused, later it takes over and the
//! earlier subscription is told to end. The rate of a seat is a bucket that may owe: an event is sent whole, and the
//! next one waits until it is paid for.
//!
//! What is said next is, in this order: that it is over; records, as many as fit an event; the children, once a
//! closed shard was read to its end; after 5 s of silence an empty event. An empty event comes first of all as well,
//! if there is nothing to read: from then on the client has a number with which it can go on.
//!
//! # Recovery
//! Nothing of this is stored. Every event carries the number with which another subscription goes on, on this server
//! or another, without losing or repeating a record.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_store::{Bounds, ReadBatch, ReadLimit, ShardLog, StoreError, StoredBatch};
use headwater_types::limits::{
    Bucket, Limit, SUBSCRIPTION_EVENT_BYTES, SUBSCRIPTION_HEARTBEAT, SUBSCRIPTION_LIFETIME,
    SUBSCRIPTION_TAKEOVER_AFTER,
};
use headwater_types::{ConsumerArn, ConsumerId, Position, SequenceNumber, Shard, ShardId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::consumers::{ConsumerRef, ConsumerStatus};
use crate::error::{Result, StreamsError};
use crate::handle::{ShardHandle, StreamHandle, StreamView};
use crate::iterator::{StartingPosition, live_shard};
use crate::measure::ConsumerMetric;
use crate::meta::StreamStatus;
use crate::read::{bytes_of, read_kept};
use crate::service::StreamService;

/// Seats that are kept before it is looked which of them are of no more use.
const SEATS_PRUNED_FROM: usize = 64;
/// Records in one event at the most: what stands around each of them in the answer adds up too.
const EVENT_RECORDS_MAX: u32 = 1000;
/// What one record takes in the answer beside its data and its key, in bytes.
const RECORD_OVERHEAD_BYTES: usize = 224;

/// What the events of all subscriptions may hold in memory until they have been sent.
#[derive(Debug)]
pub struct EventRoom {
    /// One permit a KiB.
    kib: Arc<Semaphore>,
    total_kib: u32,
}

impl EventRoom {
    /// Room for this many bytes.
    pub fn new(bytes: usize) -> Self {
        let total_kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX).max(1);
        Self { kib: Arc::new(Semaphore::new(total_kib as usize)), total_kib }
    }

    /// Waits for room for so many KiB, all of it if that is more than there is.
    async fn reserve(&self, kib: u32) -> Result<OwnedSemaphorePermit> {
        let reserved = self.kib.clone().acquire_many_owned(kib.min(self.total_kib)).await;
        reserved.map_err(|cause| StreamsError::Unfinished(cause.to_string()))
    }
}

/// About how many KiB records will take once they are encoded.
fn encoded_kib(records: usize, bytes: usize) -> u32 {
    let bytes = bytes / 3 * 4 + RECORD_OVERHEAD_BYTES * (records + 4);
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// What a subscription says next.
#[derive(Debug)]
pub enum Push {
    /// Records, or none: then it only says that the subscription lives.
    Event(Event),
    /// The shard was read to its end: the others take over. Nothing comes after it.
    Children(Shard, Vec<Shard>),
    /// It cannot go on; the client is told why. Nothing comes after it.
    Failed(StreamsError),
}

/// Records in the order of the shard.
#[derive(Debug)]
pub struct Event {
    /// The shard: its id and creation make the records' sequence numbers.
    pub shard: Shard,
    /// The records; may be none.
    pub batches: Vec<StoredBatch>,
    /// Where another subscription goes on, whether at this number or after it.
    pub continuation: SequenceNumber,
    /// How far what was pushed is behind the newest record, in milliseconds; 0 when caught up.
    pub millis_behind_latest: u64,
    /// To be kept until the event has been sent.
    pub room: Option<OwnedSemaphorePermit>,
}

/// Why a subscription has to end before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eviction {
    /// The same consumer subscribed to the same shard again.
    TakenOver,
    /// The server stops.
    Stopping,
}

/// What is known of a consumer's subscriptions to one shard.
#[derive(Debug)]
struct Seat {
    /// When the newest subscription began, by [`headwater_host::Clock::elapsed`].
    taken_at: Option<Duration>,
    calls: Option<Bucket>,
    pushed: Arc<Mutex<Option<Bucket>>>,
    /// Held by the newest subscription.
    evict: watch::Sender<Option<Eviction>>,
}

/// What a subscription has of its seat.
#[derive(Debug)]
struct Hold {
    pushed: Arc<Mutex<Option<Bucket>>>,
    evicted: watch::Receiver<Option<Eviction>>,
}

/// The shard that somebody wants to subscribe to.
struct Wanted {
    stream: Arc<StreamHandle>,
    view: Arc<StreamView>,
    shard: Shard,
    source: Arc<ShardHandle>,
}

/// All seats of one stream.
#[derive(Debug, Default)]
pub(crate) struct Seats(Mutex<HashMap<(ConsumerId, ShardId), Seat>>);

impl Seats {
    /// Ends every subscription.
    pub(crate) fn evict_all(&self) {
        for seat in self.0.lock().values() {
            seat.evict.send_replace(Some(Eviction::Stopping));
        }
    }
}

/// One consumer's subscription to one shard.
#[derive(Debug)]
pub struct Subscription {
    service: Arc<StreamService>,
    stream: Arc<StreamHandle>,
    consumer: ConsumerId,
    uid: u64,
    shard: ShardId,
    source: Arc<ShardHandle>,
    position: Position,
    hold: Hold,
    ends_at: Duration,
    /// When the next empty event is due.
    heartbeat_at: Duration,
    /// Arrival of the newest record that was pushed.
    pushed_up_to: Option<Timestamp>,
    over: bool,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.source.stats.unsubscribed();
    }
}

impl StreamService {
    /// Subscribes a consumer to a shard. `shard` is the text of the request.
    pub async fn subscribe(
        self: &Arc<Self>,
        consumer: &ConsumerArn,
        shard: &str,
        start: &StartingPosition,
    ) -> Result<Subscription> {
        let Wanted { stream, view, shard, source } = self.subscribable(consumer, shard)?;
        let measure = |metric, value| stream.consumer_measures.add(&consumer.id.name, &[(metric, value)]);
        let refused = |error| {
            measure(ConsumerMetric::SubscribeSuccess, 0.0);
            measure(ConsumerMetric::SubscribeRateExceeded, 1.0);
            error
        };
        self.check_seat(&stream, &consumer.id, shard.id).map_err(refused)?;
        let position = self.starting_position(&stream.key, &view, &shard, &source, start).await?;
        let hold = self.take_seat(&stream, &consumer.id, shard.id).map_err(refused)?;
        measure(ConsumerMetric::SubscribeSuccess, 1.0);
        let now = self.clock.elapsed();
        source.stats.subscribed();
        Ok(Subscription {
            service: self.clone(),
            consumer: consumer.id.clone(),
            uid: view.meta.uid,
            shard: shard.id,
            source,
            position,
            hold,
            ends_at: now + SUBSCRIPTION_LIFETIME,
            heartbeat_at: now,
            pushed_up_to: None,
            over: false,
            stream,
        })
    }

    /// Everything that [`StreamService::subscribe`] checks, without subscribing.
    pub async fn check_subscribe(
        &self,
        consumer: &ConsumerArn,
        shard: &str,
        start: &StartingPosition,
    ) -> Result<()> {
        let Wanted { stream, view, shard, source } = self.subscribable(consumer, shard)?;
        self.starting_position(&stream.key, &view, &shard, &source, start).await.map(|_| ())
    }

    /// The shard that is meant, if the consumer may read it.
    fn subscribable(&self, consumer: &ConsumerArn, shard: &str) -> Result<Wanted> {
        let (stream, status) = self.find(&consumer.stream.key)?;
        let found = self.find_consumer(&stream, &ConsumerRef::Id(consumer.id.clone()))?;
        if found.status != ConsumerStatus::Active {
            return Err(not_active(&stream, &consumer.id));
        }
        if !matches!(status, StreamStatus::Active | StreamStatus::Updating) {
            return Err(StreamsError::NotActive { stream: stream.key.clone(), status });
        }
        let unknown = || StreamsError::ShardNotFound { stream: stream.key.clone(), shard: shard.to_owned() };
        let id = ShardId::parse(shard).ok_or_else(unknown)?;
        let view = stream.view();
        let (shard, source) = live_shard(&view, id, self.clock.now())
            .map(|(shard, source)| (shard.clone(), source.clone()))
            .ok_or_else(|| StreamsError::NoSuchShard { stream: stream.key.clone(), shard: id })?;
        Ok(Wanted { stream, view, shard, source })
    }

    /// Refuses a call that comes too soon after another one.
    fn check_seat(&self, stream: &StreamHandle, consumer: &ConsumerId, shard: ShardId) -> Result<()> {
        let elapsed = self.clock.elapsed();
        let mut seats = stream.seats.0.lock();
        let seat = self.seat(&mut seats, consumer, shard, elapsed);
        refuse_taken(seat, stream, consumer, shard, elapsed)?;
        if let Some(calls) = &mut seat.calls
            && !calls.try_take(elapsed, 1)
        {
            return Err(StreamsError::SubscribeThrottled { stream: stream.key.clone(), shard });
        }
        Ok(())
    }

    /// Takes the seat, from whoever had it.
    fn take_seat(&self, stream: &StreamHandle, consumer: &ConsumerId, shard: ShardId) -> Result<Hold> {
        let elapsed = self.clock.elapsed();
        let mut seats = stream.seats.0.lock();
        let seat = self.seat(&mut seats, consumer, shard, elapsed);
        refuse_taken(seat, stream, consumer, shard, elapsed)?;
        seat.taken_at = Some(elapsed);
        let earlier = std::mem::replace(&mut seat.evict, watch::Sender::new(None));
        earlier.send_replace(Some(Eviction::TakenOver));
        if self.is_stopping() {
            seat.evict.send_replace(Some(Eviction::Stopping));
        }
        Ok(Hold { pushed: seat.pushed.clone(), evicted: seat.evict.subscribe() })
    }

    fn seat<'a>(
        &self,
        seats: &'a mut HashMap<(ConsumerId, ShardId), Seat>,
        consumer: &ConsumerId,
        shard: ShardId,
        elapsed: Duration,
    ) -> &'a mut Seat {
        if seats.len() >= SEATS_PRUNED_FROM && seats.len() == seats.capacity() {
            // Instead of growing: a seat that nobody has, and that is not remembered any more, is as good as new.
            let remembered = |seat: &Seat| {
                seat.taken_at.is_some_and(|at| elapsed < at + SUBSCRIPTION_TAKEOVER_AFTER)
                    || seat.pushed.lock().as_mut().is_some_and(|bucket| !bucket.ready_in(elapsed).is_zero())
            };
            seats.retain(|_, seat| seat.evict.receiver_count() > 0 || remembered(seat));
        }
        seats.entry((consumer.clone(), shard)).or_insert_with(|| {
            let bucket = |limit| self.config.limits.get(limit).map(Bucket::per_second);
            Seat {
                taken_at: None,
                calls: bucket(Limit::SubscribeCalls),
                pushed: Arc::new(Mutex::new(bucket(Limit::SubscriptionBytes))),
                evict: watch::Sender::new(None),
            }
        })
    }
}

fn refuse_taken(
    seat: &Seat,
    stream: &StreamHandle,
    consumer: &ConsumerId,
    shard: ShardId,
    elapsed: Duration,
) -> Result<()> {
    if seat.taken_at.is_some_and(|at| elapsed < at + SUBSCRIPTION_TAKEOVER_AFTER) {
        return Err(subscribed_already(stream, consumer, shard));
    }
    Ok(())
}

fn subscribed_already(stream: &StreamHandle, consumer: &ConsumerId, shard: ShardId) -> StreamsError {
    let (stream, consumer) = (stream.key.clone(), consumer.name.clone());
    StreamsError::SubscriptionActive { stream, shard, consumer }
}

fn not_active(stream: &StreamHandle, consumer: &ConsumerId) -> StreamsError {
    StreamsError::ConsumerNotActive { stream: stream.key.clone(), consumer: consumer.clone() }
}

impl Subscription {
    /// Waits for what is to be said next, and for room to say it; `None` once everything was said.
    pub async fn next(&mut self, room: &EventRoom) -> Option<Push> {
        while !self.over {
            // Before anything is looked at, so that nothing that changes meanwhile is missed.
            let stream = self.stream.clone();
            let mut changed = std::pin::pin!(stream.changed.notified());
            changed.as_mut().enable();
            let elapsed = self.service.clock.elapsed();
            let evicted = *self.hold.evicted.borrow();
            if let Some(eviction) = evicted {
                self.over = true;
                return match eviction {
                    Eviction::Stopping => None,
                    Eviction::TakenOver => Some(self.taken_over()),
                };
            }
            if elapsed >= self.ends_at {
                self.over = true;
                return None;
            }
            let owed =
                self.hold.pushed.lock().as_mut().map_or(Duration::ZERO, |bucket| bucket.ready_in(elapsed));
            let bounds = match self.look(elapsed, owed.is_zero(), room).await {
                Ok(Looked::Push(push)) => return Some(push),
                Ok(Looked::Nothing(bounds)) => bounds,
                Err(error) => {
                    self.over = true;
                    return Some(Push::Failed(error));
                }
            };
            if elapsed >= self.heartbeat_at {
                return Some(self.event(Vec::new(), None, bounds, elapsed));
            }
            let until = self.heartbeat_at.min(self.ends_at).saturating_sub(elapsed);
            let until = if owed.is_zero() { until } else { until.min(owed) };
            // A sealed log never moves again: its shard's children come with the next change of the stream.
            let may_move = owed.is_zero() && !bounds.sealed;
            tokio::select! {
                _ = self.source.log.moved_past(self.position), if may_move => {}
                () = &mut changed => {}
                // The sender goes when the seat is forgotten, which happens only after the subscription.
                _ = self.hold.evicted.changed() => {}
                () = self.service.clock.sleep(until) => {}
            }
        }
        None
    }

    /// Looks whether there is something to push; reads only what is paid for.
    async fn look(&mut self, elapsed: Duration, may_read: bool, room: &EventRoom) -> Result<Looked> {
        let (service, stream) = (self.service.clone(), self.stream.clone());
        let view = stream.view.load_full();
        let now = service.clock.now();
        let gone = || StreamsError::NoSuchShard { stream: stream.key.clone(), shard: self.shard };
        if view.meta.uid != self.uid || matches!(view.meta.status(now), None | Some(StreamStatus::Deleting)) {
            return Err(StreamsError::StreamNotFound(stream.key.clone()));
        }
        if !view.meta.consumer_is_active(&self.consumer, now) {
            return Err(not_active(&stream, &self.consumer));
        }
        let (shard, source) = live_shard(&view, self.shard, now).ok_or_else(gone)?;
        let bounds = source.log.bounds();
        if self.position < bounds.end {
            if !may_read {
                return Ok(Looked::Nothing(bounds));
            }
            let read = read_into(room, &source.log, self.position, view.meta.horizon(now)).await;
            let (found, reserved) = read.map_err(|error| match error {
                StreamsError::Store(StoreError::NoSuchLog(_)) => gone(),
                error => error,
            })?;
            self.position = found.next.max(self.position);
            if !found.batches.is_empty() {
                return Ok(Looked::Push(self.event(found.batches, Some(reserved), found.bounds, elapsed)));
            }
        }
        let bounds = source.log.bounds();
        if self.position >= bounds.end && bounds.sealed && !shard.is_open() {
            self.over = true;
            let children = shard.children().iter().filter_map(|&id| view.meta.shards.get(id).cloned());
            return Ok(Looked::Push(Push::Children(shard.clone(), children.collect())));
        }
        Ok(Looked::Nothing(bounds))
    }

    /// An event with these records, which are counted and paid for.
    fn event(
        &mut self,
        batches: Vec<StoredBatch>,
        room: Option<OwnedSemaphorePermit>,
        bounds: Bounds,
        elapsed: Duration,
    ) -> Push {
        let now = self.service.clock.now();
        self.heartbeat_at = elapsed + SUBSCRIPTION_HEARTBEAT;
        let (records, bytes) = bytes_of(&batches);
        if let Some(newest) = batches.last() {
            self.pushed_up_to = Some(newest.arrival);
            self.stream.metrics.read(records, bytes);
            self.source.stats.read(records, bytes);
            if let Some(bucket) = self.hold.pushed.lock().as_mut() {
                bucket.take(bytes);
            }
        }
        let caught_up = self.position >= bounds.end;
        let up_to = self.pushed_up_to.unwrap_or(bounds.last_arrival);
        let millis_behind_latest = if caught_up { 0 } else { now.millis_since(up_to) };
        self.source.stats.iterator_age(now, millis_behind_latest);
        self.stream.consumer_measures.add(
            &self.consumer.name,
            &[
                (ConsumerMetric::EventSuccess, 1.0),
                (ConsumerMetric::EventBytes, bytes as f64),
                (ConsumerMetric::EventRecords, records as f64),
                (ConsumerMetric::EventMillisBehindLatest, millis_behind_latest as f64),
            ],
        );
        let view = self.stream.view.load();
        let Some((shard, _)) = view.shard(self.shard) else {
            self.over = true;
            let (stream, shard) = (self.stream.key.clone(), self.shard);
            return Push::Failed(StreamsError::NoSuchShard { stream, shard });
        };
        let continuation =
            SequenceNumber::continuation(shard.id, shard.created, self.position, bounds.last_arrival, now);
        Push::Event(Event { shard: shard.clone(), batches, continuation, millis_behind_latest, room })
    }

    fn taken_over(&self) -> Push {
        Push::Failed(subscribed_already(&self.stream, &self.consumer, self.shard))
    }
}

/// Reads what fits an event, once there is room for it, and returns it with the room that it takes.
async fn read_into(
    room: &EventRoom,
    log: &Arc<dyn ShardLog>,
    from: Position,
    horizon: Timestamp,
) -> Result<(ReadBatch, OwnedSemaphorePermit)> {
    let max = ReadLimit { records: EVENT_RECORDS_MAX, bytes: SUBSCRIPTION_EVENT_BYTES };
    let mut kib = encoded_kib(EVENT_RECORDS_MAX as usize, SUBSCRIPTION_EVENT_BYTES);
    loop {
        let mut reserved = room.reserve(kib).await?;
        let found = read_kept(log, from, max, horizon).await?;
        let records = found.batches.iter().map(|batch| batch.records.count() as usize).sum();
        let needed =
            encoded_kib(records, found.batches.iter().map(|batch| batch.records.bytes().len()).sum());
        if needed <= kib {
            let rest = reserved.num_permits().saturating_sub(needed as usize);
            drop(reserved.split(rest));
            return Ok((found, reserved));
        }
        // One record that is larger than events are: what was read is let go while more room is waited for.
        kib = needed;
    }
}

enum Looked {
    Push(Push),
    /// The bounds when there was nothing.
    Nothing(Bounds),
}
