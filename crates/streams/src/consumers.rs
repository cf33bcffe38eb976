//! Registered consumers: RegisterStreamConsumer and its kin.
//!
//! # Constraints
//! Consumers are a part of their stream's metadata, so that quotas, a stream's deletion and a registration are
//! decided by the same compare-and-set. Like a stream's, a consumer's status is computed from what is stored and
//! the clock: nothing has to run for it to become ACTIVE or to be gone.
//!
//! A consumer is its name and its second of creation, as its ARN shows them. One that is registered again gets a
//! later second, whatever the clock says.

use std::collections::BTreeMap;

use headwater_types::limits::{LIST_TOKEN_AGE_MS_MAX, Limit, TAGS_MAX};
use headwater_types::{ConsumerId, ConsumerName, StreamKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::account::CommitmentStatus;
use crate::error::{Result, StreamsError};
use crate::handle::StreamHandle;
use crate::meta::{StreamMeta, StreamMode, StreamStatus};
use crate::service::{Change, StreamService};
use crate::token::{TokenError, TokenKind};

/// Stage of a consumer's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Registered { active_at: Timestamp },
    Deleting { until: Timestamp },
}

/// Status that the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerStatus {
    /// Being registered: it cannot subscribe yet.
    Creating,
    /// Ready.
    Active,
    /// Being deregistered: its subscriptions have ended.
    Deleting,
}

/// Stored state of a consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerMeta {
    created: Timestamp,
    phase: Phase,
    tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
}

impl ConsumerMeta {
    /// Id of this registration of the consumer with this name.
    pub(crate) fn id(&self, name: &ConsumerName) -> ConsumerId {
        ConsumerId { name: name.clone(), created_s: self.created.as_secs() }
    }

    /// The status at `now`; `None` once it is gone.
    pub(crate) fn status(&self, now: Timestamp) -> Option<ConsumerStatus> {
        match self.phase {
            Phase::Registered { active_at } if now < active_at => Some(ConsumerStatus::Creating),
            Phase::Registered { .. } => Some(ConsumerStatus::Active),
            Phase::Deleting { until } if now < until => Some(ConsumerStatus::Deleting),
            Phase::Deleting { .. } => None,
        }
    }
}

/// A consumer as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name and registration.
    pub id: ConsumerId,
    /// When it was registered, in whole seconds.
    pub created: Timestamp,
    /// Its status.
    pub status: ConsumerStatus,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its policy, as it was put.
    pub policy: Option<String>,
}

/// Reference to a consumer in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsumerRef {
    /// Whichever has this name now.
    Name(ConsumerName),
    /// This registration and no other.
    Id(ConsumerId),
}

impl ConsumerRef {
    /// The name.
    pub fn name(&self) -> &ConsumerName {
        match self {
            Self::Name(name) => name,
            Self::Id(id) => &id.name,
        }
    }

    fn means(&self, created: Timestamp) -> bool {
        match self {
            Self::Name(_) => true,
            Self::Id(id) => id.created_s == created.as_secs(),
        }
    }
}

/// Place at which a list of consumers goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerPageToken {
    uid: u64,
    after: ConsumerName,
}

impl ConsumerPageToken {
    /// The name after which it goes on, if the list is of this stream.
    pub fn after(self, handle: &StreamHandle) -> Option<ConsumerName> {
        (handle.view.load().meta.uid == self.uid).then_some(self.after)
    }
}

impl StreamMeta {
    /// Every consumer that exists at `now`, by name.
    pub fn consumers(&self, now: Timestamp) -> impl Iterator<Item = Consumer> {
        self.consumers.iter().filter_map(move |(name, meta)| shown(name, meta, now))
    }

    /// The consumer that is meant, if it exists at `now`.
    pub fn consumer(&self, wanted: &ConsumerRef, now: Timestamp) -> Option<Consumer> {
        let meta = self.consumers.get(wanted.name()).filter(|meta| wanted.means(meta.created))?;
        shown(wanted.name(), meta, now)
    }

    /// True if this registration may read now.
    pub(crate) fn consumer_is_active(&self, id: &ConsumerId, now: Timestamp) -> bool {
        self.consumers.get(&id.name).is_some_and(|meta| {
            meta.created.as_secs() == id.created_s && meta.status(now) == Some(ConsumerStatus::Active)
        })
    }

    /// Forgets the consumers that are gone.
    fn drop_gone_consumers(&mut self, now: Timestamp) {
        let gone = self.consumers.values().filter(|meta| meta.status(now).is_none());
        let latest = gone.map(|meta| meta.created).max().unwrap_or_default();
        self.consumers_removed_until = self.consumers_removed_until.max(latest);
        self.consumers.retain(|_, meta| meta.status(now).is_some());
    }
}

fn shown(name: &ConsumerName, meta: &ConsumerMeta, now: Timestamp) -> Option<Consumer> {
    let (status, tags, policy) = (meta.status(now)?, meta.tags.clone(), meta.policy.clone());
    Some(Consumer { id: meta.id(name), created: meta.created, status, tags, policy })
}

impl StreamService {
    /// Registers a consumer; it is CREATING when this returns and becomes ACTIVE by itself.
    pub async fn register_consumer(
        &self,
        handle: &StreamHandle,
        name: &ConsumerName,
        tags: &BTreeMap<String, String>,
    ) -> Result<Consumer> {
        let stream = &handle.key;
        if tags.len() > TAGS_MAX {
            return Err(StreamsError::TooManyTags { stream: stream.clone(), limit: TAGS_MAX });
        }
        let commitment = self.account_settings(stream.realm).await?.commitment;
        let advantage = commitment.status != CommitmentStatus::Disabled;
        self.change(handle, |meta, now| {
            readable(stream, meta, now)?;
            if meta.consumers(now).any(|consumer| consumer.id.name == *name) {
                return Err(StreamsError::ConsumerExists { stream: stream.clone(), consumer: name.clone() });
            }
            self.check_consumer_quotas(stream, meta, advantage, now)?;
            let mut meta = meta.clone();
            meta.drop_gone_consumers(now);
            // Later than any that was removed: usually that is long ago.
            let created_s = now.as_secs().max(meta.consumers_removed_until.as_secs() + 1);
            let consumer = ConsumerMeta {
                created: Timestamp::from_secs(created_s),
                phase: Phase::Registered { active_at: now.plus(self.config.transition) },
                tags: tags.clone(),
                policy: None,
            };
            let answer = shown(name, &consumer, now);
            let answer =
                answer.ok_or_else(|| StreamsError::Unfinished("a new consumer has no status".into()))?;
            meta.consumers.insert(name.clone(), consumer);
            Ok(Change::Write(Box::new(meta), answer))
        })
        .await
    }

    /// Refuses one consumer more than the stream may have. `advantage` says whether the account has the billing
    /// commitment, which allows on-demand streams more.
    fn check_consumer_quotas(
        &self,
        stream: &StreamKey,
        meta: &StreamMeta,
        advantage: bool,
        now: Timestamp,
    ) -> Result<()> {
        let quota = match meta.mode {
            StreamMode::OnDemand if advantage => Limit::ConsumersPerStreamAdvantage,
            StreamMode::OnDemand | StreamMode::Provisioned => Limit::ConsumersPerStream,
        };
        let count = |wanted: fn(&ConsumerStatus) -> bool| {
            meta.consumers(now).filter(|consumer| wanted(&consumer.status)).count() as u64
        };
        let limits = self.limits_in(stream.realm);
        if let Some(limit) = limits.get(quota).filter(|&limit| count(|_| true) >= limit) {
            return Err(StreamsError::ConsumerQuota { stream: stream.clone(), limit });
        }
        let creating = count(|status| *status == ConsumerStatus::Creating);
        match limits.get(Limit::ConsumersCreating).filter(|&limit| creating >= limit) {
            Some(limit) => Err(StreamsError::ConsumersCreating { stream: stream.clone(), limit }),
            None => Ok(()),
        }
    }

    /// Deregisters a consumer: its subscriptions end, it is DELETING when this returns and goes by itself. One
    /// that is DELETING already is left to it.
    pub async fn deregister_consumer(&self, handle: &StreamHandle, wanted: &ConsumerRef) -> Result<()> {
        self.change_consumer(handle, wanted, |consumer, now| match consumer.phase {
            Phase::Registered { .. } => {
                consumer.phase = Phase::Deleting { until: now.plus(self.config.transition) };
                Ok(true)
            }
            Phase::Deleting { .. } => Ok(false),
        })
        .await
    }

    /// The consumer that is meant.
    pub fn find_consumer(&self, handle: &StreamHandle, wanted: &ConsumerRef) -> Result<Consumer> {
        let view = handle.view.load();
        view.meta.consumer(wanted, self.clock.now()).ok_or_else(|| not_found(&handle.key, wanted))
    }

    /// Consumers with names after `after`, in order, and whether there are more than `limit`.
    pub fn list_consumers(
        &self,
        handle: &StreamHandle,
        after: Option<&ConsumerName>,
        limit: usize,
    ) -> (Vec<Consumer>, bool) {
        let (view, now) = (handle.view.load(), self.clock.now());
        let later = |consumer: &Consumer| after.is_none_or(|after| consumer.id.name > *after);
        let mut found: Vec<_> =
            view.meta.consumers(now).filter(later).take(limit.saturating_add(1)).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        (found, more)
    }

    /// Signs the place at which a list of consumers goes on, as bytes to be handed out.
    pub fn sign_consumer_page(&self, handle: &StreamHandle, after: &ConsumerName) -> Vec<u8> {
        let mut payload = handle.view.load().meta.uid.to_be_bytes().to_vec();
        payload.extend_from_slice(after.as_str().as_bytes());
        self.signer.sign(TokenKind::ConsumerPage, self.clock.now(), self.random.next_u64(), &payload, 0)
    }

    /// The token that these bytes hold.
    pub fn open_consumer_page(&self, token: &[u8]) -> std::result::Result<ConsumerPageToken, TokenError> {
        let now = self.clock.now();
        let (payload, _) = self.signer.open(TokenKind::ConsumerPage, now, LIST_TOKEN_AGE_MS_MAX, token)?;
        let (uid, name) = payload.split_first_chunk().ok_or(TokenError::Invalid)?;
        let after = std::str::from_utf8(name).ok().and_then(ConsumerName::new).ok_or(TokenError::Invalid)?;
        Ok(ConsumerPageToken { uid: u64::from_be_bytes(*uid), after })
    }

    /// Changes a consumer's tags.
    pub(crate) async fn change_consumer_tags(
        &self,
        handle: &StreamHandle,
        wanted: &ConsumerRef,
        change: impl Fn(&mut BTreeMap<String, String>),
    ) -> Result<()> {
        self.change_consumer(handle, wanted, |consumer, _| {
            let before = consumer.tags.clone();
            change(&mut consumer.tags);
            if consumer.tags.len() > TAGS_MAX {
                return Err(StreamsError::TooManyTags { stream: handle.key.clone(), limit: TAGS_MAX });
            }
            Ok(consumer.tags != before)
        })
        .await
    }

    /// Changes a consumer that exists; `change` says whether there is something to write.
    pub(crate) async fn change_consumer(
        &self,
        handle: &StreamHandle,
        wanted: &ConsumerRef,
        change: impl Fn(&mut ConsumerMeta, Timestamp) -> Result<bool>,
    ) -> Result<()> {
        self.change(handle, |meta, now| {
            if meta.consumer(wanted, now).is_none() {
                return Err(not_found(&handle.key, wanted));
            }
            let mut meta = meta.clone();
            let Some(consumer) = meta.consumers.get_mut(wanted.name()) else { return Ok(Change::Keep(())) };
            if !change(consumer, now)? {
                return Ok(Change::Keep(()));
            }
            meta.drop_gone_consumers(now);
            Ok(Change::Write(Box::new(meta), ()))
        })
        .await
    }
}

fn not_found(stream: &StreamKey, wanted: &ConsumerRef) -> StreamsError {
    StreamsError::ConsumerNotFound { stream: stream.clone(), consumer: wanted.name().clone() }
}

/// Refuses a stream that does not give records.
fn readable(stream: &StreamKey, meta: &StreamMeta, now: Timestamp) -> Result<()> {
    match meta.status(now) {
        Some(StreamStatus::Active | StreamStatus::Updating) => Ok(()),
        Some(status @ (StreamStatus::Creating | StreamStatus::Deleting)) => {
            Err(StreamsError::NotActive { stream: stream.clone(), status })
        }
        None => Err(StreamsError::StreamNotFound(stream.clone())),
    }
}
