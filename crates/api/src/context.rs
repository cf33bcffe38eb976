//! What requests are answered from.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_host::{Clock, Random};
use headwater_monitoring::MetricStore;
use headwater_streams::{EventRoom, StreamHandle, StreamService, StreamStatus};
use headwater_telemetry::Metrics;
use headwater_types::limits::Scope;
use headwater_types::{AccountId, StreamKey};
use tokio::sync::Semaphore;

use crate::error::{ApiError, Result};
use crate::operations::Operation;

/// What requests may hold and how long they may take to arrive.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest body that is read, in bytes. 10 MiB of data in base64 is 14 MiB.
    pub body_bytes_max: usize,
    /// What the bodies of all requests together may hold, in bytes.
    pub bodies_bytes_max: usize,
    /// What large answers that are being sent may hold together, in bytes.
    pub answers_bytes_max: usize,
    /// What the events of all subscriptions may hold until they have been sent, in bytes; further ones wait.
    pub events_bytes_max: usize,
    /// The same as for all answers, for one connection, whose further answers wait for the earlier ones.
    pub connection_answers_bytes_max: usize,
    /// GetRecords that are being read and encoded at once; others wait. Each may need some 25 MB meanwhile.
    pub reads_max: usize,
    /// How long a body may pause before its connection is given up, in milliseconds.
    pub body_pause_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let mib = headwater_types::limits::MIB;
        Self {
            body_bytes_max: 16 * mib,
            bodies_bytes_max: 512 * mib,
            answers_bytes_max: 512 * mib,
            events_bytes_max: 512 * mib,
            connection_answers_bytes_max: 32 * mib,
            reads_max: 16,
            body_pause_ms_max: 30_000,
        }
    }
}

/// The AWS API over its services.
#[derive(Debug, Clone)]
pub struct Api {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) streams: Arc<StreamService>,
    pub(crate) account: AccountId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) monitoring: Arc<MetricStore>,
    pub(crate) limits: Limits,
    /// One permit a KiB of body.
    pub(crate) body_budget: Arc<Semaphore>,
    /// One permit a KiB of answer.
    pub(crate) answer_budget: Arc<Semaphore>,
    pub(crate) reads: Semaphore,
    pub(crate) events: Arc<EventRoom>,
}

impl Api {
    /// `account` is whose streams a bare name means.
    pub fn new(
        streams: Arc<StreamService>,
        account: AccountId,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        metrics: Arc<Metrics>,
        monitoring: Arc<MetricStore>,
        limits: Limits,
    ) -> Self {
        let budget = |bytes: usize| Arc::new(Semaphore::new((bytes / 1024).min(Semaphore::MAX_PERMITS)));
        let (body_budget, answer_budget) =
            (budget(limits.bodies_bytes_max), budget(limits.answers_bytes_max));
        let inner = Inner {
            streams,
            account,
            clock,
            random,
            metrics,
            monitoring,
            limits,
            body_budget,
            answer_budget,
            reads: Semaphore::new(limits.reads_max),
            events: Arc::new(EventRoom::new(limits.events_bytes_max)),
        };
        Self { inner: Arc::new(inner) }
    }
}

impl Inner {
    pub(crate) fn context(&self, operation: &'static Operation) -> Context<'_> {
        Context {
            streams: &self.streams,
            account: self.account,
            reads: &self.reads,
            events: &self.events,
            operation,
            counted: AtomicBool::new(false),
        }
    }
}

/// What the large answers of one connection hold until they have been sent. One permit a KiB.
#[derive(Debug, Clone)]
pub struct ConnectionAnswers(pub(crate) Arc<Semaphore>);

impl Api {
    /// For a new connection.
    pub fn connection_answers(&self) -> ConnectionAnswers {
        ConnectionAnswers(Arc::new(Semaphore::new(self.inner.limits.connection_answers_bytes_max / 1024)))
    }
}

/// What an operation is given beside its input.
pub(crate) struct Context<'a> {
    pub(crate) streams: &'a Arc<StreamService>,
    /// Whose streams a bare name means.
    pub(crate) account: AccountId,
    /// Held while records are read and encoded.
    pub(crate) reads: &'a Semaphore,
    /// What events may hold.
    pub(crate) events: &'a Arc<EventRoom>,
    operation: &'static Operation,
    /// Whether the call was counted against its stream's rate.
    counted: AtomicBool,
}

impl Context<'_> {
    /// Counts the call against its account's rate, if the operation has one.
    pub(crate) fn count_call(&self) -> Result<()> {
        let limit = self.operation.rate.of(Scope::Account);
        limit.map_or(Ok(()), |limit| Ok(self.streams.count_account_call(self.account, limit)?))
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
