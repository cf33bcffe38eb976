//! Subscribers to shards: one place for each consumer and shard.
//!
//! The place outlives the subscription for a while, because the next call is measured by it: within 5 s of a successful
//! call another one is refused, later it takes over and the earlier subscription is told to end. What is owed to the
//! rate stays with the place as well.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_types::limits::{Bucket, Limit, LimitPolicy, SUBSCRIPTION_TAKEOVER_AFTER};
use headwater_types::{ConsumerId, ShardId};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::{Result, StreamsError};
use crate::handle::StreamHandle;
use crate::service::StreamService;

/// Seats that are kept before it is looked which of them are of no more use.
const SEATS_PRUNED_FROM: usize = 64;

/// Why a subscription has to end before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eviction {
    /// The same consumer subscribed to the same shard again.
    TakenOver,
    /// The server stops.
    Stopping,
}

/// State of a consumer's subscriptions to one shard.
#[derive(Debug)]
struct Seat {
    /// When the newest subscription began, by [`headwater_host::Clock::elapsed`].
    taken_at: Option<Duration>,
    calls: Option<Bucket>,
    pushed: Arc<Mutex<Option<Bucket>>>,
    /// Held by the newest subscription.
    evict: watch::Sender<Option<Eviction>>,
}

impl Seat {
    fn new(limits: &LimitPolicy) -> Self {
        let bucket = |limit| limits.get(limit).map(Bucket::per_second);
        Self {
            taken_at: None,
            calls: bucket(Limit::SubscribeCalls),
            pushed: Arc::new(Mutex::new(bucket(Limit::SubscriptionBytes))),
            evict: watch::Sender::new(None),
        }
    }

    fn refuse_taken(
        &self,
        stream: &StreamHandle,
        consumer: &ConsumerId,
        shard: ShardId,
        elapsed: Duration,
    ) -> Result<()> {
        if self.taken_at.is_some_and(|at| elapsed < at + SUBSCRIPTION_TAKEOVER_AFTER) {
            return Err(subscribed_already(stream, consumer, shard));
        }
        Ok(())
    }

    /// True if it matters to the next call, or to somebody who holds it.
    fn is_remembered(&self, elapsed: Duration) -> bool {
        self.evict.receiver_count() > 0
            || self.taken_at.is_some_and(|at| elapsed < at + SUBSCRIPTION_TAKEOVER_AFTER)
            || self.pushed.lock().as_mut().is_some_and(|bucket| !bucket.ready_in(elapsed).is_zero())
    }
}

/// Part of the seat that a subscription holds.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) pushed: Arc<Mutex<Option<Bucket>>>,
    pub(super) evicted: watch::Receiver<Option<Eviction>>,
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

pub(super) fn subscribed_already(
    stream: &StreamHandle,
    consumer: &ConsumerId,
    shard: ShardId,
) -> StreamsError {
    let (stream, consumer) = (stream.key.clone(), consumer.name.clone());
    StreamsError::SubscriptionActive { stream, shard, consumer }
}

impl StreamService {
    /// Refuses a call that comes too soon after another one.
    pub(super) fn check_seat(
        &self,
        stream: &StreamHandle,
        consumer: &ConsumerId,
        shard: ShardId,
    ) -> Result<()> {
        let elapsed = self.clock.elapsed();
        let mut seats = stream.seats.0.lock();
        let seat = self.seat(&mut seats, stream, consumer, shard, elapsed);
        seat.refuse_taken(stream, consumer, shard, elapsed)?;
        if let Some(calls) = &mut seat.calls
            && !calls.try_take(elapsed, 1)
        {
            return Err(StreamsError::SubscribeThrottled { stream: stream.key.clone(), shard });
        }
        Ok(())
    }

    /// Takes the seat, from whoever had it.
    pub(super) fn take_seat(
        &self,
        stream: &StreamHandle,
        consumer: &ConsumerId,
        shard: ShardId,
    ) -> Result<Hold> {
        let elapsed = self.clock.elapsed();
        let mut seats = stream.seats.0.lock();
        let seat = self.seat(&mut seats, stream, consumer, shard, elapsed);
        seat.refuse_taken(stream, consumer, shard, elapsed)?;
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
        stream: &StreamHandle,
        consumer: &ConsumerId,
        shard: ShardId,
        elapsed: Duration,
    ) -> &'a mut Seat {
        if seats.len() >= SEATS_PRUNED_FROM && seats.len() == seats.capacity() {
            // Instead of growing: a seat that nobody has, and that is not remembered any more, is as good as new.
            seats.retain(|_, seat| seat.is_remembered(elapsed));
        }
        let limits = self.limits_in(stream.key.realm);
        seats.entry((consumer.clone(), shard)).or_insert_with(|| Seat::new(limits))
    }
}
