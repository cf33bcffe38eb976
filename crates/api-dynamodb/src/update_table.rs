//! UpdateTable.

use std::collections::BTreeSet;

use bytes::Bytes;
use headwater_edge::Nothing;
use headwater_tables::limits::KEY_PARTS_MAX;
use headwater_tables::{Billing, IndexChange, IndexScope, TableChange, TableDescription, TableName};
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, List, Text};

use super::asker::Asker;
use super::create_table::{check_billing, check_global, class_of};
use super::definition::{
    Definition, Definitions, Index, Streamed, Units, check_definitions, check_index, check_stream,
    check_units, refuse, refuse_stream, throughput,
};
use super::description::TableAnswer;
use super::error::{DynamoDbError, Result};
use super::names::{check_own_table, check_table, permitted};
use super::operation;
use super::options::{self, Encrypted, MaxUnits, Warm, bounds};
use crate::checks::{Checks, TABLE_NAME};

operation!("UpdateTable", Administers);

headwater_wire::shape! {
    struct Input<'a> {
        definitions: List<Definition<'a>> = "AttributeDefinitions",
        table_name: Text<'a> = "TableName",
        billing_mode: Text<'a> = "BillingMode",
        throughput: Units = "ProvisionedThroughput",
        indexes: List<Changed<'a>> = "GlobalSecondaryIndexUpdates",
        stream: Streamed<'a> = "StreamSpecification",
        encryption: Encrypted<'a> = "SSESpecification",
        replicas: List<Nothing> = "ReplicaUpdates",
        class: Text<'a> = "TableClass",
        deletion_protection: Bool = "DeletionProtectionEnabled",
        consistency: Text<'a> = "MultiRegionConsistency",
        witnesses: List<Nothing> = "GlobalTableWitnessUpdates",
        on_demand: MaxUnits = "OnDemandThroughput",
        warm: Warm = "WarmThroughput",
        global_settings: Text<'a> = "GlobalTableSettingsReplicationMode",
        disassociation: Bool = "DisassociationProtectionEnabled",
        vectors: List<Nothing> = "VectorIndexUpdates",
    }
}

headwater_wire::shape! {
    struct Changed<'a> {
        update: Index<'a> = "Update",
        create: Index<'a> = "Create",
        delete: Index<'a> = "Delete",
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    check(&input)?;
    check_updates(&input)?;
    let table = permitted(asker, &input.table_name)?;
    let current = asker.tables().describe(&table.key).map_err(DynamoDbError::of_table)?;
    let change = change(&input, &current)?;
    let changed = asker.tables().update_table(&table.key, change).await.map_err(DynamoDbError::of_table)?;
    Ok(TableAnswer::changed(&changed))
}

fn check(input: &Input<'_>) -> Result<()> {
    check_own_table(&input.table_name)?;
    let mut checks = Checks::default();
    check_definitions(&mut checks, &input.definitions);
    check_table(&mut checks, "tableName", &input.table_name);
    check_billing(&mut checks, &input.billing_mode, &input.class);
    check_units(&mut checks, "provisionedThroughput", &input.throughput);
    for (i, changed) in input.indexes.iter().flat_map(|list| list.iter()).enumerate() {
        let path = |member: &str| format!("globalSecondaryIndexUpdates.{}.member.{member}", i + 1);
        if let Some(update) = &changed.update {
            checks.required_text(&path("update.indexName"), &update.name, TABLE_NAME);
            checks.required(&path("update.provisionedThroughput"), &update.throughput);
            check_units(&mut checks, &path("update.provisionedThroughput"), &update.throughput);
        }
        if let Some(create) = &changed.create {
            check_index(&mut checks, &path("create"), create, 2 * KEY_PARTS_MAX);
        }
        if let Some(delete) = &changed.delete {
            checks.required_text(&path("delete.indexName"), &delete.name, TABLE_NAME);
        }
    }
    check_stream(&mut checks, &input.stream);
    options::check(&mut checks, &input.encryption, &input.global_settings);
    checks.done()?;
    refuse_stream(&input.stream)?;
    refuse(&[
        ("ReplicaUpdates", input.replicas.is_some()),
        ("MultiRegionConsistency", input.consistency.is_some()),
        ("GlobalTableWitnessUpdates", input.witnesses.is_some()),
        ("GlobalTableSettingsReplicationMode", options::replicates(&input.global_settings)),
        ("DisassociationProtectionEnabled", input.disassociation.is_some()),
        ("VectorIndexUpdates", input.vectors.is_some()),
    ])?;
    let has_any = input.throughput.is_some()
        || input.billing_mode.is_some()
        || input.indexes.as_ref().is_some_and(|indexes| !indexes.is_empty())
        || input.class.is_some()
        || input.deletion_protection.is_some()
        || input.stream.is_some()
        || input.encryption.is_some()
        || input.on_demand.is_some()
        || input.warm.is_some();
    if has_any {
        return Ok(());
    }
    Err(DynamoDbError::validation(
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or \
         SSESpecification or ReplicaUpdates is required",
    ))
}

/// Refuses changes that no table could have: capacities that are too large, and of indexes none, several at once, or one
/// index twice.
fn check_updates(input: &Input<'_>) -> Result<()> {
    if let Some(units) = &input.throughput {
        throughput(units)?;
    }
    let mut names = BTreeSet::new();
    for changed in input.indexes.iter().flat_map(|list| list.iter()) {
        let name = changed.only()?.name.as_deref().unwrap_or_default();
        if !names.insert(name) {
            return Err(DynamoDbError::parameter(format_args!(
                "Only one global secondary index update per index is allowed simultaneously. Index: {name}"
            )));
        }
    }
    Ok(())
}

impl Input<'_> {
    /// True if the request changes more than the way the table is paid for.
    fn has_other_changes(&self) -> bool {
        self.indexes.as_ref().is_some_and(|indexes| !indexes.is_empty())
            || self.class.is_some()
            || self.deletion_protection.is_some()
            || self.encryption.is_some()
            || self.on_demand.is_some()
            || self.warm.is_some()
    }
}

impl<'a> Changed<'a> {
    /// The index of the one change that it is.
    fn only(&self) -> Result<&Index<'a>> {
        match (&self.update, &self.create, &self.delete) {
            (Some(index), None, None) | (None, Some(index), None) | (None, None, Some(index)) => Ok(index),
            (None, None, None) => Err(DynamoDbError::parameter(
                "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, \
                 GlobalSecondaryIndexUpdate.Delete must not be null",
            )),
            _ => Err(DynamoDbError::parameter(
                "Only one of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, \
                 GlobalSecondaryIndexUpdate.Delete can be specified",
            )),
        }
    }
}

fn change(input: &Input<'_>, current: &TableDescription) -> Result<TableChange> {
    if input.stream.is_some() {
        // "You receive a ValidationException if you try to disable a stream on a table that doesn't have a stream" (API
        // reference).
        return Err(DynamoDbError::parameter(format_args!(
            "The table has no stream that could be disabled: {}",
            current.key.name
        )));
    }
    let billing = billing(input, current.billing)?;
    let mut definitions = Definitions::of(&input.definitions)?;
    let mut indexes = Vec::new();
    for changed in input.indexes.iter().flat_map(|list| list.iter()) {
        indexes.push(index_change(changed, &mut definitions, billing.unwrap_or(current.billing))?);
    }
    let deletion_protection = input.deletion_protection.map(|Bool(protected)| protected);
    let options = options::options(&input.encryption, &input.on_demand, &input.warm)?;
    Ok(TableChange { billing, class: class_of(&input.class), deletion_protection, indexes, options })
}

/// New billing mode; `None` where it stays as it is.
fn billing(input: &Input<'_>, current: Billing) -> Result<Option<Billing>> {
    let is_on_demand = current == Billing::PayPerRequest;
    match (input.billing_mode.as_deref(), &input.throughput) {
        (Some("PAY_PER_REQUEST"), None) => Ok((!is_on_demand).then_some(Billing::PayPerRequest)),
        (Some("PAY_PER_REQUEST"), Some(_)) => Err(neither()),
        (None, Some(_)) if is_on_demand => Err(neither()),
        (_, Some(units)) => {
            let wanted = Billing::Provisioned(throughput(units)?);
            // What names the mode again, and the capacity that there is, as Terraform does beside other changes.
            let is_same = wanted == current && input.billing_mode.is_some() && input.has_other_changes();
            Ok((!is_same).then_some(wanted))
        }
        (Some(_), None) if !is_on_demand => Ok(None),
        (Some(_), None) => Err(DynamoDbError::parameter(
            "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
        )),
        (None, None) => Ok(None),
    }
}

fn neither() -> DynamoDbError {
    DynamoDbError::parameter(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
    )
}

fn index_change(
    changed: &Changed<'_>,
    definitions: &mut Definitions,
    billing: Billing,
) -> Result<IndexChange> {
    let name = |index: &Index<'_>| {
        let name = index.name.as_deref().and_then(TableName::new);
        name.ok_or_else(|| DynamoDbError::parameter("IndexName is required"))
    };
    match (&changed.update, &changed.create, &changed.delete) {
        (Some(update), None, None) => {
            refuse(&[
                ("OnDemandThroughput of an index", bounds(&update.on_demand)),
                ("WarmThroughput of an index", update.warm.is_some()),
            ])?;
            let units = update.throughput.as_ref().map(throughput).transpose()?;
            let units = units.ok_or_else(|| DynamoDbError::parameter("ProvisionedThroughput is required"))?;
            Ok(IndexChange::Update(name(update)?, units))
        }
        (None, Some(create), None) => {
            let spec = definitions.index(create, IndexScope::Global, |_, _| Ok(()))?;
            check_global(&spec, billing)?;
            Ok(IndexChange::Create(spec))
        }
        _ => changed.only().and_then(|index| Ok(IndexChange::Delete(name(index)?))),
    }
}
