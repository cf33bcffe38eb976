//! Who asks, and whether it may be done.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_access::Question;
use headwater_tables::{TableKey, TableName, TableService};
use headwater_types::AccountId;
use tokio::sync::SemaphorePermit;

use super::Operation;
use super::error::Result;
use crate::context::Inner;
use crate::error::ApiError;
use crate::guard::Trail;

/// What stands before an operation in a policy, and names the service in the scope of a signature.
pub(super) const SERVICE: &str = "dynamodb";

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resource<'a> {
    /// Nothing in particular.
    Account,
    /// A table, whether it exists or not.
    Table(&'a TableKey),
    /// An index of a table, whether it exists or not. As with AWS, who may have it need not have the table.
    Index(&'a TableKey, &'a TableName),
}

/// What an operation is given beside its input.
pub(super) struct Asker<'a> {
    pub(super) inner: &'a Inner,
    /// Whose tables a bare name means.
    pub(super) account: AccountId,
    /// How the client calls this server.
    pub(super) host: &'a str,
    trail: &'a Trail,
    operation: &'static Operation,
    asked: AtomicBool,
    request_tags: OnceLock<BTreeMap<String, String>>,
    tag_keys: OnceLock<Vec<String>>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(
        inner: &'a Inner,
        trail: &'a Trail,
        operation: &'static Operation,
        host: &'a str,
    ) -> Self {
        Self {
            inner,
            account: inner.account_of(trail),
            host,
            trail,
            operation,
            asked: AtomicBool::new(false),
            request_tags: OnceLock::new(),
            tag_keys: OnceLock::new(),
        }
    }

    /// The tables. An operation that forgot to ask goes no further, whatever it was sent.
    pub(super) fn tables(&self) -> &TableService {
        assert!(self.asked.load(Ordering::Relaxed), "an operation did not ask whether it may be done");
        &self.inner.tables
    }

    /// To be held while much is read and encoded. Refused if it does not come in time.
    pub(super) async fn read_slot(&self) -> Result<SemaphorePermit<'_>> {
        Ok(self.inner.read_slot(self.trail).await?)
    }

    /// Notes tags that the request sends, for conditions. Before anything is asked.
    pub(super) fn note_tags(&self, tags: &BTreeMap<String, String>) {
        if !tags.is_empty() {
            let _ = self.request_tags.set(tags.clone());
            let _ = self.tag_keys.set(tags.keys().cloned().collect());
        }
    }

    /// Notes keys of tags that the request removes, for conditions. Before anything is asked.
    pub(super) fn note_tag_keys(&self, keys: &[String]) {
        let _ = self.tag_keys.set(keys.to_vec());
    }

    /// Asks whether the caller may have the operation done to this. Only then are tables reached.
    pub(super) fn authorize(&self, resource: Resource<'_>) -> Result<()> {
        self.authorize_action(self.operation.name, resource)
    }

    /// Asks whether the caller may have another action done to this, of which the operation consists.
    pub(super) fn authorize_action(&self, action: &str, resource: Resource<'_>) -> Result<()> {
        self.ask(action, resource)?;
        self.asked.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn ask(&self, action: &str, resource: Resource<'_>) -> Result<()> {
        let (inner, access) = (self.inner, &self.inner.access);
        if access.credentials.is_none() && !self.operation.is_recorded() {
            return Ok(());
        }
        let (owner, arn, table) = match resource {
            Resource::Account => (self.account, "*".to_owned(), None),
            Resource::Table(key) => (key.account, inner.tables.arn(key), Some(key)),
            Resource::Index(key, index) => {
                (key.account, format!("{}/index/{index}", inner.tables.arn(key)), Some(key))
            }
        };
        if access.credentials.is_some() {
            let tags = table.and_then(|key| inner.tables.tags(key).ok());
            // Nobody gets here with credentials configured and without having signed.
            let caller = self.trail.caller().ok_or_else(|| ApiError::internal(&"a request of nobody"))?;
            let mut facts = self.trail.facts(caller, inner.streams.region(), inner.clock.now(), owner);
            facts.resource_tags = tags.as_ref();
            facts.request_tags = self.request_tags.get();
            facts.tag_keys = self.tag_keys.get().map(Vec::as_slice);
            let action = format!("{SERVICE}:{action}");
            let question = Question { action: &action, resource: &arn, owner, facts, resource_policy: None };
            access.authorize(&question, self.trail)?;
        }
        self.trail.note_resource(arn);
        Ok(())
    }
}
