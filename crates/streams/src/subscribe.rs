//! SubscribeToShard: records are pushed as they become durable.
//!
//! # Constraints
//! A subscription does nothing unless its owner asks for what comes next ([`Subscription::next`]): a client that
//! does not read costs what it has been handed and no more ([`event_budget`]). There may be thousands: an idle one is a timer
//! and two places in lists of waiters.
//!
//! # Algorithm
//! A consumer has one subscription a shard ([`seats`]). The rate of a seat is a bucket that may owe: an event is sent
//! whole, and the next one waits until it is paid for.
//!
//! The next message is, in this order: the end of the subscription; records, as many as fit an event; the children,
//! once a closed shard was read to its end; after 5 s of silence an empty event. An empty event comes first of all as
//! well, if there is nothing to read: from then on the client has a number with which it can go on. Whatever is waited
//! for, everything that comes earlier in this list is noticed.
//!
//! # Recovery
//! Nothing of this is stored. Every event carries the number with which another subscription goes on, on this server
//! or another, without losing or repeating a record.

mod event_budget;
mod seats;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use headwater_store::{Bounds, ReadLimit, StoreError};
use headwater_types::limits::{KIB, SUBSCRIPTION_HEARTBEAT, SUBSCRIPTION_LIFETIME};
use headwater_types::{ConsumerArn, ConsumerId, SequenceNumber, Shard, ShardId};

use self::event_budget::{FREE_KIB, FULL, SMALL};
use self::seats::{Eviction, Hold, subscribed_already};
use crate::consumers::{ConsumerRef, ConsumerStatus};
use crate::encryption::ServedBatch;
use crate::error::{Result, StreamsError};
use crate::handle::{ShardHandle, StreamHandle, StreamView};
use crate::iterator::{StartingPosition, live_shard};
use crate::measure::ConsumerMetric;
use crate::meta::StreamStatus;
use crate::read::{bytes_of, lag_ms, read_kept};
use crate::service::StreamService;
use crate::stats::Reader;

pub use self::event_budget::{EventBudget, Reserved, encoded_len, usual_encoded_len};
pub(crate) use self::seats::Seats;

/// Next message of a subscription.
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
    pub batches: Vec<ServedBatch>,
    /// Number with which another subscription goes on, whether at it or after it.
    pub continuation: SequenceNumber,
    /// Lag of what was pushed behind the newest record, in milliseconds; 0 when caught up.
    pub millis_behind_latest: u64,
    /// To be kept until the event has been sent; none if it is so small that nobody counts it.
    pub room: Option<Reserved>,
}

/// One consumer's subscription to one shard.
pub struct Subscription {
    service: Arc<StreamService>,
    stream: Arc<StreamHandle>,
    consumer: ConsumerId,
    uid: u64,
    shard: ShardId,
    source: Arc<ShardHandle>,
    /// The first record that was not pushed.
    reader: Reader,
    hold: Hold,
    ends_at: Duration,
    /// When the next empty event is due.
    heartbeat_at: Duration,
    /// The place in the queue for room, for a record that does not go without.
    waiting: Option<BoxFuture<'static, Option<Reserved>>>,
    /// Room that was waited for.
    reserved: Option<Reserved>,
    over: bool,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stream, consumer, shard, reader, .. } = self;
        write!(f, "Subscription of {} to {shard} of {} at {}", consumer.name, stream.key, reader.position())
    }
}

/// The shard that somebody wants to subscribe to.
struct Wanted {
    stream: Arc<StreamHandle>,
    view: Arc<StreamView>,
    shard: Shard,
    source: Arc<ShardHandle>,
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
        let reader = source.stats.subscribed(position);
        Ok(Subscription {
            service: self.clone(),
            consumer: consumer.id.clone(),
            uid: view.meta.uid,
            shard: shard.id,
            source,
            reader,
            hold,
            ends_at: now + SUBSCRIPTION_LIFETIME,
            heartbeat_at: now,
            waiting: None,
            reserved: None,
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
        let key = &consumer.stream;
        let unknown = || StreamsError::ShardNotFound { stream: key.clone(), shard: shard.to_owned() };
        let id = ShardId::parse(shard).ok_or_else(unknown)?;
        let (stream, status) = self.find(key)?;
        let found = self.find_consumer(&stream, &ConsumerRef::Id(consumer.id.clone()))?;
        if found.status != ConsumerStatus::Active {
            return Err(not_active(&stream, &consumer.id));
        }
        if !matches!(status, StreamStatus::Active | StreamStatus::Updating) {
            return Err(StreamsError::NotActive { stream: stream.key.clone(), status });
        }
        let view = stream.view();
        let (shard, source) = live_shard(&view, id, self.clock.now())
            .map(|(shard, source)| (shard.clone(), source.clone()))
            .ok_or_else(|| StreamsError::NoSuchShard { stream: stream.key.clone(), shard: id })?;
        Ok(Wanted { stream, view, shard, source })
    }
}

fn not_active(stream: &StreamHandle, consumer: &ConsumerId) -> StreamsError {
    StreamsError::ConsumerNotActive { stream: stream.key.clone(), consumer: consumer.clone() }
}

enum Looked {
    Push(Push),
    /// Nothing to be said; the bounds at that time.
    Nothing(Bounds),
}

impl Subscription {
    /// When it ends at the latest, by [`headwater_host::Clock::elapsed`].
    pub fn ends_at(&self) -> Duration {
        self.ends_at
    }

    /// Waits for what is to be said next; `None` once everything was said.
    pub async fn next(&mut self, room: &EventBudget) -> Option<Push> {
        while !self.over {
            // Before anything is looked at, so that nothing that changes meanwhile is missed.
            let stream = self.stream.clone();
            let mut changed = std::pin::pin!(stream.changed.notified());
            changed.as_mut().enable();
            let elapsed = self.service.clock.elapsed();
            let evicted = *self.hold.evicted.borrow();
            if let Some(eviction) = evicted {
                self.end();
                return match eviction {
                    Eviction::Stopping => None,
                    Eviction::TakenOver => {
                        Some(Push::Failed(subscribed_already(&self.stream, &self.consumer, self.shard)))
                    }
                };
            }
            if elapsed >= self.ends_at {
                self.end();
                return None;
            }
            let owed =
                self.hold.pushed.lock().as_mut().map_or(Duration::ZERO, |bucket| bucket.ready_in(elapsed));
            let bounds = match self.look(elapsed, owed.is_zero(), room).await {
                Ok(Looked::Push(push)) => return Some(push),
                Ok(Looked::Nothing(bounds)) => bounds,
                Err(error) => {
                    self.end();
                    return Some(Push::Failed(error));
                }
            };
            if elapsed >= self.heartbeat_at {
                return Some(self.heartbeat(bounds, elapsed).await);
            }
            let until = self.heartbeat_at.min(self.ends_at).saturating_sub(elapsed);
            let until = if owed.is_zero() { until } else { until.min(owed) };
            // A sealed log never moves again: its shard's children come with the next change of the stream.
            let may_move = owed.is_zero() && !bounds.sealed && self.waiting.is_none();
            tokio::select! {
                _ = self.source.log.moved_past(self.reader.position()), if may_move => {}
                reserved = granted(&mut self.waiting) => {
                    (self.reserved, self.waiting) = (reserved, None);
                }
                () = &mut changed => {}
                // The sender goes when the seat is forgotten, which happens only after the subscription.
                _ = self.hold.evicted.changed() => {}
                () = self.service.clock.sleep(until) => {}
            }
        }
        None
    }

    /// Looks whether there is something to push; reads only what is paid for and has room.
    async fn look(&mut self, elapsed: Duration, may_read: bool, room: &EventBudget) -> Result<Looked> {
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
        let position = self.reader.position();
        if position < bounds.end && may_read && self.waiting.is_none() {
            let mut reserved = self.reserved.take().or_else(|| room.try_reserve(FULL.kib()));
            let granted_kib = reserved.as_ref().map_or(0, Reserved::num_permits);
            let size = if granted_kib >= FULL.kib() as usize { FULL } else { SMALL };
            let max = ReadLimit { records: size.records, bytes: size.bytes };
            let found = read_kept(&source.log, position, max, view.meta.horizon(now)).await;
            let found = found.map_err(|error| match error {
                StoreError::NoSuchLog(_) => gone(),
                error => error.into(),
            })?;
            let bounds = found.bounds;
            let opened = service.opened(&stream, &view, shard.id, found.batches, found.next).await?;
            let needed_kib = encoded_len(&opened.batches).div_ceil(KIB);
            let is_enough = |kib: usize| needed_kib <= kib.max(FREE_KIB as usize) || room.is_all(kib);
            if !is_enough(granted_kib) {
                let needed_kib = u32::try_from(needed_kib).unwrap_or(u32::MAX);
                drop(reserved.take());
                reserved = room.try_reserve(needed_kib);
                if reserved.is_none() {
                    // What was read is let go, and read again when there is room for it.
                    self.waiting = Some(room.reserve(needed_kib));
                    return Ok(Looked::Nothing(bounds));
                }
            }
            self.reader.advance(opened.next.max(position));
            if !opened.batches.is_empty() {
                if let Some(reserved) = &mut reserved {
                    drop(reserved.split(reserved.num_permits().saturating_sub(needed_kib)));
                }
                return Ok(Looked::Push(self.event(shard, opened.batches, reserved, bounds, elapsed)));
            }
        }
        let bounds = source.log.bounds();
        if self.reader.position() >= bounds.end && bounds.sealed && !shard.is_open() {
            self.end();
            let children = shard.children().iter().filter_map(|&id| view.meta.shards.get(id).cloned());
            return Ok(Looked::Push(Push::Children(shard.clone(), children.collect())));
        }
        Ok(Looked::Nothing(bounds))
    }

    /// An event with these records, which are counted and paid for.
    fn event(
        &mut self,
        shard: &Shard,
        batches: Vec<ServedBatch>,
        room: Option<Reserved>,
        bounds: Bounds,
        elapsed: Duration,
    ) -> Push {
        self.heartbeat_at = elapsed + SUBSCRIPTION_HEARTBEAT;
        let (records, bytes) = bytes_of(&batches);
        self.stream.metrics.read(records, bytes);
        self.source.stats.read(records, bytes);
        if let Some(bucket) = self.hold.pushed.lock().as_mut() {
            bucket.take(bytes);
        }
        let now = self.service.clock.now();
        let behind = batches.last().filter(|_| self.reader.position() < bounds.end);
        let millis_behind_latest = behind.map_or(0, |newest| now.millis_since(newest.arrival));
        self.measure(records, bytes, millis_behind_latest);
        let continuation = self.continuation(shard, bounds);
        Push::Event(Event { shard: shard.clone(), batches, continuation, millis_behind_latest, room })
    }

    /// An event without records.
    async fn heartbeat(&mut self, bounds: Bounds, elapsed: Duration) -> Push {
        self.heartbeat_at = elapsed + SUBSCRIPTION_HEARTBEAT;
        let view = self.stream.view();
        let Some((shard, source)) = view.shard(self.shard) else {
            self.end();
            let (stream, shard) = (self.stream.key.clone(), self.shard);
            return Push::Failed(StreamsError::NoSuchShard { stream, shard });
        };
        let now = self.service.clock.now();
        // A shard that cannot be read is told of when its records are due.
        let millis_behind_latest = lag_ms(&source.log, self.reader.position(), now).await.unwrap_or(0);
        self.measure(0, 0, millis_behind_latest);
        let continuation = self.continuation(shard, bounds);
        let shard = shard.clone();
        Push::Event(Event { shard, batches: Vec::new(), continuation, millis_behind_latest, room: None })
    }

    /// Tells CloudWatch of an event.
    fn measure(&self, records: u64, bytes: u64, millis_behind_latest: u64) {
        self.source.stats.measured_age(millis_behind_latest);
        self.stream.consumer_measures.add(
            &self.consumer.name,
            &[
                (ConsumerMetric::EventSuccess, 1.0),
                (ConsumerMetric::EventBytes, bytes as f64),
                (ConsumerMetric::EventRecords, records as f64),
                (ConsumerMetric::EventMillisBehindLatest, millis_behind_latest as f64),
            ],
        );
    }

    /// Nothing comes any more, and nothing is waited for.
    fn end(&mut self) {
        self.over = true;
        (self.waiting, self.reserved) = (None, None);
    }

    fn continuation(&self, shard: &Shard, bounds: Bounds) -> SequenceNumber {
        let now = self.service.clock.now();
        SequenceNumber::continuation(
            shard.id,
            shard.created,
            self.reader.position(),
            bounds.last_arrival,
            now,
        )
    }
}

/// The room that is waited for; never, if none is.
async fn granted(waiting: &mut Option<BoxFuture<'static, Option<Reserved>>>) -> Option<Reserved> {
    match waiting {
        Some(waiting) => waiting.await,
        None => std::future::pending().await,
    }
}
