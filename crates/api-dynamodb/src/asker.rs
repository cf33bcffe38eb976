//! Caller of an operation, and their authorization.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_access::Question;
use headwater_edge::{Call, EdgeError};
use headwater_tables::{TableKey, TableName, TableService};
use headwater_types::Realm;
use tokio::sync::SemaphorePermit;

use crate::error::Result;
use crate::{DynamoDb, Operation};

/// Prefix of operations in policies, and name of the service in the scope of a signature.
pub(super) const SERVICE: &str = "dynamodb";

/// Resource that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resource<'a> {
    /// Nothing in particular.
    Account,
    /// A table, whether it exists or not.
    Table(&'a TableKey),
    /// An index of a table, whether it exists or not. As with AWS, who may have it need not have the table.
    Index(&'a TableKey, &'a TableName),
}

/// Context of an operation beside its input.
pub(super) struct Asker<'a> {
    service: &'a DynamoDb,
    call: &'a Call,
    /// Account and region in which a bare name of a table is looked up.
    pub(super) realm: Realm,
    /// Host by which the client calls this server.
    pub(super) host: &'a str,
    operation: &'static Operation,
    asked: AtomicBool,
    request_tags: OnceLock<BTreeMap<String, String>>,
    tag_keys: OnceLock<Vec<String>>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(service: &'a DynamoDb, call: &'a Call, operation: &'static Operation) -> Self {
        Self {
            service,
            call,
            realm: call.realm(),
            host: call.host(),
            operation,
            asked: AtomicBool::new(false),
            request_tags: OnceLock::new(),
            tag_keys: OnceLock::new(),
        }
    }

    /// The tables. An operation that forgot to ask goes no further, whatever it was sent.
    pub(super) fn tables(&self) -> &TableService {
        assert!(self.asked.load(Ordering::Relaxed), "an operation did not ask whether it may be done");
        &self.service.tables
    }

    /// True if everybody is served in one account.
    pub(super) fn is_open(&self) -> bool {
        self.call.access().credentials.is_none()
    }

    /// A place among the reads that need much memory.
    pub(super) async fn read_slot(&self) -> Result<SemaphorePermit<'_>> {
        Ok(self.call.spend_read().await?)
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
        let (tables, access, call) = (&self.service.tables, self.call.access(), self.call);
        call.note_asked();
        if access.credentials.is_none() && !self.operation.is_recorded() {
            return Ok(());
        }
        let (owner, arn, table) = match resource {
            Resource::Account => (self.realm.account, "*".to_owned(), None),
            Resource::Table(key) => (key.realm.account, key.arn(), Some(key)),
            Resource::Index(key, index) => {
                (key.realm.account, format!("{}/index/{index}", key.arn()), Some(key))
            }
        };
        if access.credentials.is_some() {
            let tags = table.and_then(|key| tables.tags(key).ok());
            // Nobody gets here with credentials configured and without having signed.
            let caller = call.trail().caller().ok_or_else(|| EdgeError::internal(&"a request of nobody"))?;
            let mut facts = call.trail().facts(caller, call.now(), owner);
            facts.resource_tags = tags.as_ref();
            facts.request_tags = self.request_tags.get();
            facts.tag_keys = self.tag_keys.get().map(Vec::as_slice);
            let action = format!("{SERVICE}:{action}");
            let question = Question { action: &action, resource: &arn, owner, facts, resource_policy: None };
            call.authorize(&question)?;
        }
        call.trail().note_resource(arn);
        Ok(())
    }
}
