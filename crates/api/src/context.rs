//! What requests are answered from.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use headwater_access::Question;
use headwater_host::{Clock, Random};
use headwater_monitoring::MetricStore;
use headwater_streams::{ConsumerRef, EventRoom, StreamHandle, StreamService, StreamStatus};
use headwater_tables::TableService;
use headwater_telemetry::Metrics;
use headwater_types::limits::Scope;
use headwater_types::{AccountId, ConsumerId, StreamKey};
use headwater_wire::shape::Text;
use headwater_wire::sigv4::Target;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::answer::stream_id;
use crate::checks::{Checks, STREAM_ID};
use crate::error::{ApiError, Result};
use crate::guard::{AccessControl, Trail};
use crate::operations::{About, Operation};
use crate::room::Pool;

/// What requests may hold and how long they may take to arrive.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest body that is read, in bytes. 10 MiB of data in base64 is 14 MiB.
    pub body_bytes_max: usize,
    /// What the bodies of all requests together may hold, in bytes.
    pub bodies_bytes_max: usize,
    /// The same for the requests of one connection, so that it leaves room for those of others.
    pub connection_bodies_bytes_max: usize,
    /// Requests of one connection that are worked on at once; further ones wait for these.
    pub connection_requests_max: usize,
    /// What requests hold beside their bodies until they have been answered, in bytes: heads, tasks, small answers.
    pub requests_bytes_max: usize,
    /// The same for the requests of one connection.
    pub connection_requests_bytes_max: usize,
    /// What requests that name no known key hold together, in bytes, bodies and all.
    pub strangers_bytes_max: usize,
    /// The same for those of one connection.
    pub connection_strangers_bytes_max: usize,
    /// What answers that are being sent may hold together, in bytes.
    pub answers_bytes_max: usize,
    /// What the events of all subscriptions may hold until they have been sent, in bytes; further ones wait.
    pub events_bytes_max: usize,
    /// The same as for all answers, for one connection, whose further answers wait for the earlier ones.
    pub connection_answers_bytes_max: usize,
    /// Reads of one connection whose answers are made or wait for its earlier answers; further ones have not begun.
    pub connection_reads_max: usize,
    /// GetRecords, and reads of many items, that are read and encoded at once; others wait. Each may need some 25 MB meanwhile.
    pub reads_max: usize,
    /// How long such a read waits for that, in milliseconds, before it is refused.
    pub read_wait_ms_max: u64,
    /// How long a body may take until it has ended or has come to more than 64 KiB, in milliseconds.
    pub body_begin_ms_max: u64,
    /// How long a body may pause before its connection is given up, in milliseconds.
    pub body_pause_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let mib = headwater_types::limits::MIB;
        Self {
            body_bytes_max: 16 * mib,
            bodies_bytes_max: 512 * mib,
            connection_bodies_bytes_max: 64 * mib,
            connection_requests_max: 32,
            requests_bytes_max: 384 * mib,
            connection_requests_bytes_max: 3 * mib,
            strangers_bytes_max: 64 * mib,
            connection_strangers_bytes_max: mib / 2,
            answers_bytes_max: 512 * mib,
            events_bytes_max: 512 * mib,
            connection_answers_bytes_max: 32 * mib,
            connection_reads_max: 4,
            reads_max: 16,
            read_wait_ms_max: 5_000,
            body_begin_ms_max: 60_000,
            body_pause_ms_max: 30_000,
        }
    }
}

/// The AWS API over its services.
#[derive(Debug, Clone)]
pub struct Api {
    pub(crate) inner: Arc<Inner>,
}

/// What requests are answered from.
#[derive(Debug)]
pub struct Resources {
    /// Kinesis.
    pub streams: Arc<StreamService>,
    /// DynamoDB.
    pub tables: Arc<TableService>,
    /// CloudWatch.
    pub monitoring: Arc<MetricStore>,
    /// Who may come in.
    pub access: AccessControl,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For request ids.
    pub random: Arc<dyn Random>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) streams: Arc<StreamService>,
    pub(crate) tables: Arc<TableService>,
    pub(crate) account: AccountId,
    pub(crate) access: AccessControl,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) monitoring: Arc<MetricStore>,
    pub(crate) limits: Limits,
    /// One permit a KiB of body.
    pub(crate) body_budget: Arc<Semaphore>,
    /// The same for answers.
    pub(crate) answer_budget: Arc<Semaphore>,
    /// The same for requests beside their bodies.
    pub(crate) request_budget: Arc<Semaphore>,
    /// The same for all that strangers send.
    pub(crate) stranger_budget: Arc<Semaphore>,
    pub(crate) reads: Semaphore,
    pub(crate) events: EventRoom,
}

impl Api {
    /// `account` is whose streams a bare name means where nobody has to sign.
    pub fn new(account: AccountId, resources: Resources, limits: Limits) -> Self {
        let Resources { streams, tables, monitoring, access, clock, random, metrics } = resources;
        let inner = Inner {
            streams,
            tables,
            account,
            access,
            clock,
            random,
            metrics,
            monitoring,
            limits,
            body_budget: Pool::budget(limits.bodies_bytes_max),
            answer_budget: Pool::budget(limits.answers_bytes_max),
            request_budget: Pool::budget(limits.requests_bytes_max),
            stranger_budget: Pool::budget(limits.strangers_bytes_max),
            reads: Semaphore::new(limits.reads_max),
            events: EventRoom::new(limits.events_bytes_max),
        };
        Self { inner: Arc::new(inner) }
    }
}

impl Inner {
    /// What a signature has to be for.
    pub(crate) fn target<'a>(&'a self, service: &'a str) -> Target<'a> {
        Target { region: self.streams.region(), service }
    }

    /// To be held while much is read and encoded. Refused if it does not come in time; before that it waits for the
    /// connection's earlier answers, so that nothing is read for a client that does not take what it has asked for.
    pub(crate) async fn read_slot(&self, trail: &Trail) -> Result<SemaphorePermit<'_>> {
        trail.wait_for_turn().await;
        let wait = Duration::from_millis(self.limits.read_wait_ms_max);
        tokio::select! {
            biased;
            slot = self.reads.acquire() => slot.map_err(|closed| ApiError::internal(&closed)),
            () = self.clock.sleep(wait) => Err(ApiError::unavailable()),
        }
    }

    /// Whose things a bare name means.
    pub(crate) fn account_of(&self, trail: &Trail) -> AccountId {
        trail.caller().map_or(self.account, |caller| caller.account())
    }

    pub(crate) fn context<'a>(&'a self, operation: &'static Operation, trail: &'a Trail) -> Context<'a> {
        Context {
            streams: Gate { streams: &self.streams, open: AtomicBool::new(false) },
            account: self.account_of(trail),
            inner: self,
            events: &self.events,
            access: &self.access,
            trail,
            operation,
            counted: AtomicBool::new(false),
            request_tags: OnceLock::new(),
            tag_keys: OnceLock::new(),
            stream_id: OnceLock::new(),
        }
    }
}

/// A connection: whose it is, and its share of what all of them have together.
#[derive(Debug, Clone)]
pub struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) secure: bool,
    /// Heads, and whatever else a request holds until it has been answered.
    pub(crate) heads: Pool,
    /// All that requests hold which name no known key.
    pub(crate) strangers: Pool,
    pub(crate) bodies: Pool,
    /// Answers, until they have been sent.
    pub(crate) answers: Pool,
    /// One permit a read whose answer is being made.
    pub(crate) reads: Arc<Semaphore>,
    /// One permit a request that is worked on.
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) overdue: Arc<Notify>,
    progress: Arc<AtomicU64>,
    /// Requests that were refused since one was let in.
    pub(crate) refused: Arc<AtomicU32>,
}

impl Peer {
    /// Waits until the client has left an event stream unread for longer than it may last, or goes on sending what there
    /// is no room for: the connection is to be closed, so that nothing is kept for it.
    pub async fn is_overdue(&self) {
        self.overdue.notified().await;
    }

    /// Grows whenever something that the client sent has come to be a request or a piece of a body.
    pub fn progress(&self) -> Arc<AtomicU64> {
        self.progress.clone()
    }

    pub(crate) fn note_progress(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }
}

impl Api {
    /// For a new connection from this address; `secure` says whether it is encrypted.
    pub fn peer(&self, address: IpAddr, secure: bool) -> Peer {
        let (inner, limits) = (&self.inner, &self.inner.limits);
        let permits = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Peer {
            address: address.to_canonical(),
            secure,
            heads: Pool::new(&inner.request_budget, limits.connection_requests_bytes_max),
            strangers: Pool::new(&inner.stranger_budget, limits.connection_strangers_bytes_max),
            bodies: Pool::new(&inner.body_budget, limits.connection_bodies_bytes_max),
            answers: Pool::new(&inner.answer_budget, limits.connection_answers_bytes_max),
            reads: permits(limits.connection_reads_max),
            requests: permits(limits.connection_requests_max),
            overdue: Arc::default(),
            progress: Arc::default(),
            refused: Arc::default(),
        }
    }
}

/// The streams, for who has asked whether the caller may have what he wants of them.
pub(crate) struct Gate<'a> {
    streams: &'a Arc<StreamService>,
    open: AtomicBool,
}

impl Deref for Gate<'_> {
    type Target = Arc<StreamService>;

    /// An operation that forgot to ask goes no further, whatever it was sent.
    fn deref(&self) -> &Arc<StreamService> {
        assert!(self.open.load(Ordering::Relaxed), "an operation did not ask whether it may be done");
        self.streams
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource<'a> {
    /// Nothing in particular.
    Account,
    /// A stream, whether it exists or not.
    Stream(&'a StreamKey),
    /// A consumer of a stream, whether it exists or not.
    Consumer(&'a StreamKey, &'a ConsumerRef),
}

/// What an operation is given beside its input.
pub(crate) struct Context<'a> {
    pub(crate) streams: Gate<'a>,
    /// Whose streams a bare name means.
    pub(crate) account: AccountId,
    inner: &'a Inner,
    /// What events may hold.
    pub(crate) events: &'a EventRoom,
    access: &'a AccessControl,
    trail: &'a Trail,
    operation: &'static Operation,
    /// Whether the call was counted against its stream's rate.
    counted: AtomicBool,
    request_tags: OnceLock<BTreeMap<String, String>>,
    tag_keys: OnceLock<Vec<String>>,
    stream_id: OnceLock<String>,
}

impl Context<'_> {
    /// To be held while records are read and encoded. Refused if it does not come in time.
    pub(crate) async fn read_slot(&self) -> Result<SemaphorePermit<'_>> {
        self.inner.read_slot(self.trail).await
    }

    /// The time, for pauses.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// The region served.
    pub(crate) fn region(&self) -> &str {
        self.streams.streams.region()
    }

    /// What opens tokens that were handed out. Of which stream they are, and so whether the caller may have it, is
    /// known afterwards only.
    pub(crate) fn tokens(&self) -> &StreamService {
        self.streams.streams
    }

    /// Notes tags that the request sends, for conditions. Before anything is asked.
    pub(crate) fn note_tags(&self, tags: &BTreeMap<String, String>) {
        if self.access.credentials.is_some() && !tags.is_empty() {
            let _ = self.request_tags.set(tags.clone());
            let _ = self.tag_keys.set(tags.keys().cloned().collect());
        }
    }

    /// Notes keys of tags that the request removes, for conditions. Before anything is asked.
    pub(crate) fn note_tag_keys(&self, keys: &[String]) {
        if self.access.credentials.is_some() {
            let _ = self.tag_keys.set(keys.to_vec());
        }
    }

    /// Takes the id that the stream has to have, which names none by itself. Before anything is asked.
    pub(crate) fn expect_stream(&self, checks: &mut Checks, id: &Option<Text<'_>>) {
        checks.text("streamId", id, STREAM_ID);
        if let Some(id) = id {
            let _ = self.stream_id.set(id.to_string());
        }
    }

    /// Asks whether the caller may have the operation done to this. Only then are streams reached.
    pub(crate) fn authorize(&self, resource: Resource<'_>) -> Result<()> {
        self.authorize_action(self.operation.name, resource)?;
        if let (Some(id), Resource::Stream(key) | Resource::Consumer(key, _)) =
            (self.stream_id.get(), resource)
            && let Ok((stream, _)) = self.streams.streams.find(key)
            && *id != stream_id(stream.view().meta().uid)
        {
            return Err(ApiError::invalid_argument(format!("StreamId {id} is not that of {key}.")));
        }
        // Only what is allowed counts: otherwise who may do nothing could use up what others may do.
        if !self.streams.open.swap(true, Ordering::Relaxed) {
            self.count_call()?;
        }
        Ok(())
    }

    /// Asks whether the caller may have another action done to this, which the operation includes.
    pub(crate) fn authorize_action(&self, action: &str, resource: Resource<'_>) -> Result<()> {
        if self.access.credentials.is_none() && !self.operation.changes {
            return Ok(());
        }
        let streams = self.streams.streams;
        let (owner, arn, consumer) = match resource {
            Resource::Account => (self.account, "*".to_owned(), None),
            Resource::Stream(key) => (key.account, streams.arn(key).to_string(), None),
            Resource::Consumer(key, wanted) => {
                let now_s = streams.now().as_secs();
                let found =
                    streams.find(key).and_then(|(handle, _)| streams.find_consumer(&handle, wanted)).ok();
                let id = match (&found, wanted) {
                    (Some(found), _) => found.id.clone(),
                    (None, ConsumerRef::Id(id)) => id.clone(),
                    (None, ConsumerRef::Name(name)) => ConsumerId { name: name.clone(), created_s: now_s },
                };
                (key.account, streams.consumer_arn(key, &id).to_string(), found)
            }
        };
        if self.access.credentials.is_some() {
            let view = match resource {
                Resource::Stream(key) => streams.find(key).ok().map(|(handle, _)| handle.view()),
                Resource::Account | Resource::Consumer(..) => None,
            };
            let meta = view.as_ref().map(|view| view.meta());
            let tags = meta.map(|meta| &meta.tags).or(consumer.as_ref().map(|consumer| &consumer.tags));
            let policy = meta.and_then(|meta| meta.policy.as_deref());
            let policy = policy.or(consumer.as_ref().and_then(|consumer| consumer.policy.as_deref()));
            let policy = policy.map(|text| self.access.resource_policy(&arn, text)).transpose()?;
            // Nobody gets here with credentials configured and without having signed.
            let caller = self.trail.caller().ok_or_else(|| ApiError::internal(&"a request of nobody"))?;
            let mut facts = self.trail.facts(caller, self.region(), streams.now(), owner);
            facts.resource_tags = tags;
            facts.request_tags = self.request_tags.get();
            facts.tag_keys = self.tag_keys.get().map(Vec::as_slice);
            let action = format!("kinesis:{action}");
            let resource_policy = policy.as_deref();
            let question = Question { action: &action, resource: &arn, owner, facts, resource_policy };
            let named = match resource {
                // When it was registered, and so whether it was, is not for everybody to know.
                Resource::Consumer(key, ConsumerRef::Name(name)) => {
                    format!("{}/consumer/{name}", streams.arn(key))
                }
                Resource::Account | Resource::Stream(_) | Resource::Consumer(..) => arn.clone(),
            };
            self.access.authorize_named(&question, &named, self.trail)?;
        }
        self.trail.note_resource(arn);
        Ok(())
    }

    /// Asks for what is about no resource in particular.
    pub(crate) fn authorize_account(&self) -> Result<()> {
        match self.operation.about {
            About::Account => self.authorize(Resource::Account),
            About::Resource => Ok(()),
        }
    }

    /// Counts the call against its account's rate, if the operation has one.
    fn count_call(&self) -> Result<()> {
        let limit = self.operation.rate.of(Scope::Account);
        limit.map_or(Ok(()), |limit| Ok(self.tokens().count_account_call(self.account, limit)?))
    }

    /// The stream, in whatever state. The call counts against the stream's rate, if the operation has one.
    pub(crate) fn find(&self, key: &StreamKey) -> Result<(Arc<StreamHandle>, StreamStatus)> {
        let found = self.streams.find(key)?;
        if let Some(limit) = self.operation.rate.of(Scope::Stream) {
            self.counted.store(true, Ordering::Relaxed);
            self.streams.count_stream_call(&found.0, limit)?;
        }
        Ok(found)
    }

    /// False if the operation has a rate for each stream and the call was not counted.
    pub(crate) fn is_counted(&self) -> bool {
        self.operation.rate.of(Scope::Stream).is_none() || self.counted.load(Ordering::Relaxed)
    }

    /// What a dry run is answered after everything else was checked.
    pub(crate) fn dry_run(&self, stream: &StreamKey) -> ApiError {
        match self.streams.count_dry_run(stream) {
            Ok(()) => ApiError::dry_run(self.operation.name),
            Err(refused) => refused.into(),
        }
    }
}
