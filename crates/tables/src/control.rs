//! Changes of tables themselves: plans, made from what there is.

use std::time::Duration;

use headwater_host::Random;
use headwater_types::{Realm, Timestamp};
use headwater_vault::KeyId;

use crate::change::Change;
use crate::description::{IndexChange, Status, TableChange, Tags};
use crate::error::{Result, TablesError};
use crate::limits::{GLOBAL_INDEXES_MAX, TABLES_MAX, TAGS_MAX};
use crate::meta::{IndexMeta, Owner, Phase, PointInTimeMeta, TableMeta, TimeToLiveMeta};
use crate::options::{EncryptionChoice, OnDemand, PointInTime, TableOptions};
use crate::schema::{Billing, IndexScope, IndexSpec, KeySchema, TableKey, TableName, TableSpec, Throughput};
use crate::state::{State, Table};
use crate::write::invalid;

/// State, time and setting that plans are made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planning<'a> {
    pub(crate) state: &'a State,
    pub(crate) now: Timestamp,
    /// Source of ids.
    pub(crate) random: &'a dyn Random,
    /// Shortest duration of a transition.
    pub(crate) transition: Duration,
}

impl Planning<'_> {
    fn until(&self) -> Timestamp {
        self.now.plus(self.transition)
    }

    /// The table, if it may be changed.
    fn settled(&self, key: &TableKey) -> Result<&Table> {
        let (table, status) = self.state.whole(key, self.now)?;
        let doing = match status {
            Status::Active | Status::Inaccessible => return Ok(table),
            Status::Creating => "created",
            Status::Updating => "updated",
            Status::Deleting => "deleted",
        };
        Err(TablesError::InUse { table: key.name.clone(), doing })
    }

    pub(crate) fn create(&self, key: &TableKey, spec: TableSpec) -> Result<Vec<Change>> {
        match self.state.find(key, self.now) {
            Ok((_, Status::Deleting)) => {
                return Err(TablesError::InUse { table: key.name.clone(), doing: "deleted" });
            }
            Ok(_) => return Err(TablesError::TableExists(key.name.clone())),
            Err(TablesError::TableNotFound(_)) => {}
            Err(lost) => return Err(lost),
        }
        self.check_quota(key.realm)?;
        check_tags(&spec.tags)?;
        let phase = Phase::Creating { until: self.until() };
        let on_demand = spec.billing == Billing::PayPerRequest;
        let mut meta = TableMeta {
            uid: self.fresh_uid(),
            owner: Owner::new(key.realm, self.state.home()),
            name: key.name.clone(),
            id: self.random.uuid(),
            created: self.now,
            phase,
            schema: spec.schema,
            indexes: spec
                .indexes
                .into_iter()
                .map(|spec| IndexMeta { spec, phase, estimate_bytes: 0 })
                .collect(),
            billing: spec.billing,
            pay_per_request_since: on_demand.then_some(self.now),
            throughput_raised: None,
            throughput_lowered: None,
            class: spec.class.map(|class| (class, None)),
            deletion_protection: spec.deletion_protection,
            time_to_live: None,
            tags: spec.tags,
            encryption: Default::default(),
            on_demand: None,
            warm: None,
            point_in_time: None,
        };
        self.set_options(&mut meta, spec.options)?;
        // An earlier table of the name is gone by now, and has perhaps not been noticed yet.
        // A former table of this name, which is gone.
        let former = self.state.last_of_name(key).map(|table| Change::Gone(table.meta.uid));
        let mut changes = Vec::from_iter(former);
        changes.push(Change::Table(Box::new(meta)));
        Ok(changes)
    }

    fn check_quota(&self, realm: Realm) -> Result<()> {
        if self.state.names(realm, None, self.now).take(TABLES_MAX).count() < TABLES_MAX {
            return Ok(());
        }
        Err(TablesError::LimitExceeded(format!(
            "Subscriber limit exceeded: There is a limit of {TABLES_MAX} tables per subscriber"
        )))
    }

    fn fresh_uid(&self) -> u64 {
        loop {
            // Half of the range: any reader of JSON knows such numbers.
            let uid = self.random.next_u64() >> 12;
            if self.state.table(uid).is_none() {
                return uid;
            }
        }
    }

    /// Tables whose deletion has ended.
    pub(crate) fn purge(&self) -> Vec<Change> {
        let gone = |table: &&Table| table.meta.status(self.now).is_none();
        self.state.tables().filter(gone).map(|table| Change::Gone(table.meta.uid)).collect()
    }

    pub(crate) fn delete(&self, key: &TableKey) -> Result<Vec<Change>> {
        let (table, status) = self.state.find(key, self.now)?;
        let in_use = |doing| Err(TablesError::InUse { table: key.name.clone(), doing });
        match status {
            Status::Creating => return in_use("created"),
            Status::Deleting => return in_use("deleted"),
            Status::Updating | Status::Active | Status::Inaccessible => {}
        }
        if table.meta.deletion_protection {
            return Err(invalid(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion \
                 protection first.",
            ));
        }
        let meta = TableMeta { phase: Phase::Deleting { until: self.until() }, ..table.meta.clone() };
        Ok(vec![Change::Table(Box::new(meta))])
    }

    /// With the memory that a new index is estimated to take, in bytes.
    pub(crate) fn update(
        &self,
        key: &TableKey,
        change: TableChange,
        index_bytes: usize,
    ) -> Result<Vec<Change>> {
        let table = self.settled(key)?;
        let mut meta = table.meta.clone();
        // Those whose deletion has ended.
        meta.indexes.retain(|index| index.phase.status(self.now).is_some());
        let before = meta.clone();
        let creating =
            change.indexes.iter().filter(|change| matches!(change, IndexChange::Create(_))).count();
        let deleting =
            change.indexes.iter().filter(|change| matches!(change, IndexChange::Delete(_))).count();
        if creating + deleting > 1 {
            return Err(TablesError::LimitExceeded(
                "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
                    .into(),
            ));
        }
        if let Some(billing) = change.billing {
            self.bill(&mut meta, billing)?;
        }
        if let Some(class) = change.class {
            meta.class = Some((class, Some(self.now)));
        }
        if let Some(protected) = change.deletion_protection {
            meta.deletion_protection = protected;
        }
        for index in change.indexes {
            self.change_index(table, &mut meta, index, index_bytes)?;
        }
        match &change.options.encryption {
            Some(EncryptionChoice::Off) if meta.encryption.active.is_none() => {
                return Err(invalid(
                    "One or more parameter values were invalid: Table is already encrypted by default",
                ));
            }
            Some(EncryptionChoice::Key(given)) => {
                let master = self.master(key, given.as_deref())?;
                if meta.encryption.active.as_ref().is_some_and(|active| active.master == master) {
                    return Err(invalid(
                        "One or more parameter values were invalid: Table is already encrypted by given KMSMasterKeyId",
                    ));
                }
            }
            Some(EncryptionChoice::Off) | None => {}
        }
        self.set_options(&mut meta, change.options)?;
        check_billing(&meta)?;
        // Protection is changed at once.
        let quiet = TableMeta { deletion_protection: before.deletion_protection, ..meta.clone() };
        if quiet != before {
            meta.phase = Phase::Updating { until: self.until() };
        }
        if meta == table.meta {
            return Ok(Vec::new());
        }
        Ok(vec![Change::Table(Box::new(meta))])
    }

    /// The master key that is meant.
    fn master(&self, table: &TableKey, given: Option<&str>) -> Result<KeyId> {
        let unusable = |trouble| TablesError::Key { table: table.name.clone(), trouble };
        self.state.vault().master(given, table.realm.region).map_err(unusable)
    }

    fn set_options(&self, meta: &mut TableMeta, options: TableOptions) -> Result<()> {
        let TableOptions { encryption, on_demand, warm } = options;
        match encryption {
            None => {}
            Some(EncryptionChoice::Off) => meta.encryption.active = None,
            Some(EncryptionChoice::Key(given)) => {
                let key = meta.key(self.state.home());
                let master = self.master(&key, given.as_deref())?;
                let started = meta.encryption.start(meta.uid, &master, self.state.vault());
                started.map_err(|trouble| TablesError::Key { table: key.name, trouble })?;
            }
        }
        if let Some(on_demand) = on_demand {
            if meta.billing != Billing::PayPerRequest {
                return Err(invalid(
                    "One or more parameter values were invalid: OnDemandThroughput can only be specified when BillingMode \
                     is PAY_PER_REQUEST",
                ));
            }
            let changed = meta.on_demand.unwrap_or_default().changed(on_demand);
            meta.on_demand = Some(changed).filter(|changed| *changed != OnDemand::default());
        }
        meta.warm = warm.or(meta.warm);
        Ok(())
    }

    /// Upkeep of all data keys.
    pub(crate) fn tend_keys(&self) -> Vec<Change> {
        let tended = self.state.tables().filter_map(|table| {
            let encryption = table.meta.encryption.tended(table.meta.uid, &table.keys, self.state.vault())?;
            Some(Change::Table(Box::new(TableMeta { encryption, ..table.meta.clone() })))
        });
        tended.collect()
    }

    pub(crate) fn point_in_time(&self, key: &TableKey, wanted: Option<PointInTime>) -> Result<Vec<Change>> {
        let table = self.settled(key)?;
        let point_in_time = wanted.map(|wanted| PointInTimeMeta { days: wanted.days });
        Ok(vec![Change::Table(Box::new(TableMeta { point_in_time, ..table.meta.clone() }))])
    }

    fn bill(&self, meta: &mut TableMeta, billing: Billing) -> Result<()> {
        match (meta.billing, billing) {
            (Billing::Provisioned(old), Billing::Provisioned(new)) => {
                self.rate(meta, old, new)?;
            }
            // It is asked for again by clients that send all settings, and has no effect.
            (Billing::PayPerRequest, Billing::PayPerRequest) => {}
            (Billing::Provisioned(_), Billing::PayPerRequest) => {
                meta.pay_per_request_since = Some(self.now);
                for index in &mut meta.indexes {
                    index.spec.throughput = None;
                }
            }
            (Billing::PayPerRequest, Billing::Provisioned(_)) => meta.on_demand = None,
        }
        meta.billing = billing;
        Ok(())
    }

    fn rate(&self, meta: &mut TableMeta, old: Throughput, new: Throughput) -> Result<()> {
        if old == new {
            return Err(invalid(format!(
                "The provisioned throughput for the table will not change. The requested value equals the current \
                 value. Current ReadCapacityUnits provisioned for the table: {}. Requested ReadCapacityUnits: {}. \
                 Current WriteCapacityUnits provisioned for the table: {}. Requested WriteCapacityUnits: {}. Refer to \
                 the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
                old.read, new.read, old.write, new.write
            )));
        }
        if new.read > old.read || new.write > old.write {
            meta.throughput_raised = Some(self.now);
        }
        if new.read < old.read || new.write < old.write {
            meta.throughput_lowered = Some(self.now);
        }
        Ok(())
    }

    fn change_index(
        &self,
        table: &Table,
        meta: &mut TableMeta,
        change: IndexChange,
        estimate_bytes: usize,
    ) -> Result<()> {
        let at = |meta: &TableMeta, name: &TableName| {
            let found = meta.indexes.iter().position(|index| {
                index.spec.name == *name
                    && index.spec.scope == IndexScope::Global
                    && index.phase.status(self.now) != Some(Status::Deleting)
            });
            found.ok_or_else(|| {
                TablesError::IndexNotFound(format!("The table does not have the specified index: {name}"))
            })
        };
        match change {
            IndexChange::Create(spec) => self.create_index(meta, spec, estimate_bytes)?,
            IndexChange::Update(name, throughput) => {
                let at = at(meta, &name)?;
                if table.meta.billing == Billing::PayPerRequest && meta.billing == Billing::PayPerRequest {
                    return Err(invalid(
                        "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits \
                         can be specified when BillingMode is PAY_PER_REQUEST",
                    ));
                }
                let index = &mut meta.indexes[at];
                index.spec.throughput = Some(throughput);
                index.phase = Phase::Updating { until: self.until() };
            }
            IndexChange::Delete(name) => {
                let at = at(meta, &name)?;
                meta.indexes[at].phase = Phase::Deleting { until: self.until() };
            }
        }
        Ok(())
    }

    fn create_index(&self, meta: &mut TableMeta, spec: IndexSpec, estimate_bytes: usize) -> Result<()> {
        if meta.indexes.iter().any(|index| index.spec.name == spec.name) {
            return Err(invalid(format!(
                "Attempting to create an index which already exists: {}",
                spec.name
            )));
        }
        let global = meta.indexes.iter().filter(|index| index.spec.scope == IndexScope::Global).count();
        if global >= GLOBAL_INDEXES_MAX {
            return Err(TablesError::LimitExceeded(format!(
                "Subscriber limit exceeded: The table has {GLOBAL_INDEXES_MAX} global secondary indexes"
            )));
        }
        check_types(meta, &spec.schema)?;
        let phase = Phase::Creating { until: self.until() };
        meta.indexes.push(IndexMeta { spec, phase, estimate_bytes });
        Ok(())
    }

    pub(crate) fn time_to_live(
        &self,
        key: &TableKey,
        attribute: String,
        enabled: bool,
    ) -> Result<Vec<Change>> {
        let table = self.settled(key)?;
        let current = table.meta.time_to_live.as_ref();
        if current.is_some_and(|current| self.now < current.until) {
            return Err(invalid("Time to live has been modified multiple times within a fixed interval"));
        }
        match current.filter(|current| current.enabled) {
            Some(current) if current.attribute != attribute => {
                return Err(invalid(format!(
                    "TimeToLive is active on a different AttributeName: current AttributeName is {}",
                    current.attribute
                )));
            }
            Some(_) if enabled => return Err(invalid("TimeToLive is already enabled")),
            None if !enabled => return Err(invalid("TimeToLive is already disabled")),
            Some(_) | None => {}
        }
        let time_to_live = Some(TimeToLiveMeta { attribute, enabled, until: self.until() });
        Ok(vec![Change::Table(Box::new(TableMeta { time_to_live, ..table.meta.clone() }))])
    }

    pub(crate) fn tag(&self, key: &TableKey, tags: Tags) -> Result<Vec<Change>> {
        let (table, _) = self.state.whole(key, self.now)?;
        let mut meta = table.meta.clone();
        meta.tags.extend(tags);
        check_tags(&meta.tags)?;
        Ok(vec![Change::Table(Box::new(meta))])
    }

    pub(crate) fn untag(&self, key: &TableKey, keys: &[String]) -> Result<Vec<Change>> {
        let (table, _) = self.state.whole(key, self.now)?;
        let mut meta = table.meta.clone();
        meta.tags.retain(|tag, _| !keys.contains(tag));
        Ok(vec![Change::Table(Box::new(meta))])
    }
}

/// Refuses an attribute that has another type in a key that there is.
fn check_types(meta: &TableMeta, schema: &KeySchema) -> Result<()> {
    let of_kind = |kind: &'static str| move |part| (part, kind);
    let ranges = schema.range_attributes().map(of_kind("RANGE"));
    for (part, kind) in schema.hash_attributes().map(of_kind("HASH")).chain(ranges) {
        let Some(known) = meta.key_attribute(&part.name).filter(|known| known.kind != part.kind) else {
            continue;
        };
        let (name, was, is) =
            (&part.name, known.kind.attribute_type().name(), part.kind.attribute_type().name());
        return Err(invalid(format!(
            "One or more parameter values were invalid: Attributes cannot be redefined. Please check that your attribute \
             has the same type as previously defined. Existing schema: Schema:[SchemaElement: key{{{name}:{was}:{kind}}}] \
             New schema: Schema:[SchemaElement: key{{{name}:{is}:{kind}}}]"
        )));
    }
    Ok(())
}

/// Global indexes have a capacity of their own where the table has one, and only there.
fn check_billing(meta: &TableMeta) -> Result<()> {
    let provisioned = meta.billing != Billing::PayPerRequest;
    let is_kept = |index: &&IndexMeta| {
        index.spec.scope == IndexScope::Global && !matches!(index.phase, Phase::Deleting { .. })
    };
    let mut global = meta.indexes.iter().filter(is_kept);
    match global.find(|index| index.spec.throughput.is_some() != provisioned) {
        None => Ok(()),
        Some(index) if provisioned => Err(invalid(format!(
            "One or more parameter values were invalid: ProvisionedThroughput must be specified for index: {}",
            index.spec.name
        ))),
        Some(index) => Err(invalid(format!(
            "One or more parameter values were invalid: ProvisionedThroughput should not be specified for index: {} \
             when BillingMode is PAY_PER_REQUEST",
            index.spec.name
        ))),
    }
}

fn check_tags(tags: &Tags) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(invalid(format!("Too many tags: a table can have {TAGS_MAX}")));
    }
    Ok(())
}
