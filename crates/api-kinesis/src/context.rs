//! The doors of an operation: streams, after authorization, and everything about its caller.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use headwater_access::Question;
use headwater_edge::{Call, EdgeError};
use headwater_host::Clock;
use headwater_streams::{ConsumerRef, EventBudget, StreamHandle, StreamService, StreamStatus};
use headwater_types::limits::Scope;
use headwater_types::{ConsumerArn, ConsumerId, Realm, StreamKey};
use headwater_wire::shape::Text;
use tokio::sync::SemaphorePermit;

use crate::Kinesis;
use crate::answer::stream_id;
use crate::checks::{Checks, STREAM_ID};
use crate::error::{KinesisError, Result};
use crate::operations::{About, Operation};

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

/// Resource that a request names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource<'a> {
    /// Nothing in particular.
    Account,
    /// A stream, whether it exists or not.
    Stream(&'a StreamKey),
    /// A consumer of a stream, whether it exists or not.
    Consumer(&'a StreamKey, &'a ConsumerRef),
}

/// Surroundings of an operation, beside its input.
pub(crate) struct Context<'a> {
    pub(crate) streams: Gate<'a>,
    /// Account and region in which a bare name of a stream is looked up.
    pub(crate) realm: Realm,
    call: &'a Call,
    /// The memory for events.
    pub(crate) events: &'a EventBudget,
    operation: &'static Operation,
    /// True once the call was counted against its stream's rate.
    counted: AtomicBool,
    request_tags: OnceLock<BTreeMap<String, String>>,
    tag_keys: OnceLock<Vec<String>>,
    stream_id: OnceLock<String>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(kinesis: &'a Kinesis, call: &'a Call, operation: &'static Operation) -> Self {
        Self {
            streams: Gate { streams: &kinesis.streams, open: AtomicBool::new(false) },
            realm: call.realm(),
            call,
            events: &kinesis.events,
            operation,
            counted: AtomicBool::new(false),
            request_tags: OnceLock::new(),
            tag_keys: OnceLock::new(),
            stream_id: OnceLock::new(),
        }
    }
}

impl Context<'_> {
    /// To be held while records are read and encoded. Refused if it does not come in time.
    pub(crate) async fn read_slot(&self) -> Result<SemaphorePermit<'_>> {
        Ok(self.call.spend_read().await?)
    }

    /// True if everybody has to sign.
    fn is_guarded(&self) -> bool {
        self.call.access().credentials.is_some()
    }

    /// The clock, for pauses.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        self.call.clock()
    }

    /// Opens tokens that were handed out. Of which stream they are, and so whether the caller may have it, is known
    /// afterwards only.
    pub(crate) fn tokens(&self) -> &StreamService {
        self.streams.streams
    }

    /// Notes tags that the request sends, for conditions. Before anything is asked.
    pub(crate) fn note_tags(&self, tags: &BTreeMap<String, String>) {
        if self.is_guarded() && !tags.is_empty() {
            let _ = self.request_tags.set(tags.clone());
            let _ = self.tag_keys.set(tags.keys().cloned().collect());
        }
    }

    /// Notes keys of tags that the request removes, for conditions. Before anything is asked.
    pub(crate) fn note_tag_keys(&self, keys: &[String]) {
        if self.is_guarded() {
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
            return Err(KinesisError::invalid_argument(format!("StreamId {id} is not that of {key}.")));
        }
        // Only what is allowed counts: otherwise who may do nothing could use up what others may do.
        if !self.streams.open.swap(true, Ordering::Relaxed) {
            self.count_call()?;
        }
        Ok(())
    }

    /// Asks whether the caller may have another action done to this, which the operation includes.
    pub(crate) fn authorize_action(&self, action: &str, resource: Resource<'_>) -> Result<()> {
        self.call.note_asked();
        if !self.is_guarded() && !self.operation.is_recorded() {
            return Ok(());
        }
        let streams = self.streams.streams;
        let (owner, arn, consumer) = match resource {
            Resource::Account => (self.realm.account, "*".to_owned(), None),
            Resource::Stream(key) => (key.realm.account, key.arn(), None),
            Resource::Consumer(key, wanted) => {
                let now_s = streams.now().as_secs();
                let found =
                    streams.find(key).and_then(|(handle, _)| streams.find_consumer(&handle, wanted)).ok();
                let id = match (&found, wanted) {
                    (Some(found), _) => found.id.clone(),
                    (None, ConsumerRef::Id(id)) => id.clone(),
                    (None, ConsumerRef::Name(name)) => ConsumerId { name: name.clone(), created_s: now_s },
                };
                (key.realm.account, ConsumerArn { stream: key.clone(), id }.to_string(), found)
            }
        };
        if self.is_guarded() {
            let view = match resource {
                Resource::Stream(key) => streams.find(key).ok().map(|(handle, _)| handle.view()),
                Resource::Account | Resource::Consumer(..) => None,
            };
            let meta = view.as_ref().map(|view| view.meta());
            let tags = meta.map(|meta| &meta.tags).or(consumer.as_ref().map(|consumer| &consumer.tags));
            let policy = meta.and_then(|meta| meta.policy.as_deref());
            let policy = policy.or(consumer.as_ref().and_then(|consumer| consumer.policy.as_deref()));
            let policy = policy.map(|text| self.call.access().resource_policy(&arn, text)).transpose()?;
            // Nobody gets here with credentials configured and without having signed.
            let caller =
                self.call.trail().caller().ok_or_else(|| EdgeError::internal(&"a request of nobody"))?;
            let mut facts = self.call.trail().facts(caller, streams.now(), owner);
            facts.resource_tags = tags;
            facts.request_tags = self.request_tags.get();
            facts.tag_keys = self.tag_keys.get().map(Vec::as_slice);
            let action = format!("kinesis:{action}");
            let resource_policy = policy.as_deref();
            let question = Question { action: &action, resource: &arn, owner, facts, resource_policy };
            let named = match resource {
                // When it was registered, and so whether it was, is not for everybody to know.
                Resource::Consumer(key, ConsumerRef::Name(name)) => {
                    format!("{}/consumer/{name}", key.arn())
                }
                Resource::Account | Resource::Stream(_) | Resource::Consumer(..) => arn.clone(),
            };
            self.call.authorize_named(&question, &named)?;
        }
        self.call.trail().note_resource(arn);
        Ok(())
    }

    /// Asks for what is about no resource in particular.
    pub(crate) fn authorize_account(&self) -> Result<()> {
        match self.operation.about {
            About::Account => self.authorize(Resource::Account),
            About::Resource => Ok(()),
        }
    }

    /// Counts the call against its account's rate in the region, if the operation has one.
    fn count_call(&self) -> Result<()> {
        let limit = self.operation.rate.of(Scope::Account);
        limit.map_or(Ok(()), |limit| Ok(self.tokens().count_account_call(self.realm, limit)?))
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

    /// Answer of a dry run, after everything else was checked.
    pub(crate) fn dry_run(&self, stream: &StreamKey) -> KinesisError {
        match self.streams.count_dry_run(stream) {
            Ok(()) => KinesisError::dry_run(self.operation.name),
            Err(refused) => refused.into(),
        }
    }
}
