//! CreateTable.

use bytes::Bytes;
use headwater_edge::Nothing;
use headwater_tables::limits::{GLOBAL_INDEXES_MAX, KEY_PARTS_MAX, LOCAL_INDEXES_MAX};
use headwater_tables::{
    Billing, IndexScope, IndexSpec, KeySchema, TableClass, TableName, TableSpec, Throughput,
};
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, List, Text};

use super::asker::{Asker, Resource};
use super::definition::{
    Definition, Definitions, Element, Index, Streamed, Units, check_definitions, check_index, check_key,
    check_stream, check_together, check_units, refuse, refuse_stream, throughput,
};
use super::description::TableAnswer;
use super::error::{DynamoDbError, Result};
use super::names::{check_new_table, check_own_table, named};
use super::operation;
use super::options::{self, Encrypted, MaxUnits, Warm};
use super::tags::{self, Tag};
use crate::checks::{Checks, flag};

operation!("CreateTable", Administers);

/// Attributes in the key of a table or a local index.
const PAIR: usize = 2;

headwater_wire::shape! {
    struct Input<'a> {
        definitions: List<Definition<'a>> = "AttributeDefinitions",
        table_name: Text<'a> = "TableName",
        key: List<Element<'a>> = "KeySchema",
        local: List<Index<'a>> = "LocalSecondaryIndexes",
        global: List<Index<'a>> = "GlobalSecondaryIndexes",
        billing_mode: Text<'a> = "BillingMode",
        throughput: Units = "ProvisionedThroughput",
        stream: Streamed<'a> = "StreamSpecification",
        encryption: Encrypted<'a> = "SSESpecification",
        tags: List<Tag<'a>> = "Tags",
        class: Text<'a> = "TableClass",
        deletion_protection: Bool = "DeletionProtectionEnabled",
        warm: Warm = "WarmThroughput",
        policy: Text<'a> = "ResourcePolicy",
        on_demand: MaxUnits = "OnDemandThroughput",
        global_source: Text<'a> = "GlobalTableSourceArn",
        global_settings: Text<'a> = "GlobalTableSettingsReplicationMode",
        vectors: List<Nothing> = "VectorIndexes",
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    check(&input)?;
    let spec = spec(&input)?;
    let table = named(asker, input.table_name.as_deref().unwrap_or_default())?;
    asker.note_tags(&spec.tags);
    asker.authorize(Resource::Table(&table.key))?;
    if !spec.tags.is_empty() {
        asker.authorize_action("TagResource", Resource::Table(&table.key))?;
    }
    let description = asker.tables().create_table(&table.key, spec).await.map_err(DynamoDbError::of_table)?;
    Ok(TableAnswer::changed(&description))
}

fn check(input: &Input<'_>) -> Result<()> {
    if input.table_name.is_none() {
        check_own_table(&input.table_name)?;
    }
    let mut checks = Checks::default();
    checks.required("attributeDefinitions", &input.definitions);
    check_definitions(&mut checks, &input.definitions);
    check_new_table(&mut checks, &input.table_name);
    check_billing(&mut checks, &input.billing_mode, &input.class);
    check_units(&mut checks, "provisionedThroughput", &input.throughput);
    check_key(&mut checks, "keySchema", &input.key, PAIR);
    let lists = [
        ("localSecondaryIndexes", &input.local, PAIR),
        ("globalSecondaryIndexes", &input.global, 2 * KEY_PARTS_MAX),
    ];
    for (path, list, max) in lists {
        for (i, index) in list.iter().flat_map(|list| list.iter()).enumerate() {
            check_index(&mut checks, &format!("{path}.{}.member", i + 1), index, max);
        }
    }
    tags::check(&mut checks, tags::of(&input.tags));
    check_stream(&mut checks, &input.stream);
    options::check(&mut checks, &input.encryption, &input.global_settings);
    checks.done()?;
    refuse_stream(&input.stream)?;
    refuse(&[
        ("ResourcePolicy", input.policy.is_some()),
        ("GlobalTableSourceArn", input.global_source.is_some()),
        ("GlobalTableSettingsReplicationMode", options::replicates(&input.global_settings)),
        ("VectorIndexes", input.vectors.is_some()),
    ])
}

/// Checks how it is paid for.
pub(super) fn check_billing(checks: &mut Checks, mode: &Option<Text<'_>>, class: &Option<Text<'_>>) {
    checks.one_of("billingMode", mode, &["PROVISIONED", "PAY_PER_REQUEST"]);
    checks.one_of("tableClass", class, &["STANDARD", "STANDARD_INFREQUENT_ACCESS"]);
}

/// The class of storage that was asked for.
pub(super) fn class_of(class: &Option<Text<'_>>) -> Option<TableClass> {
    class.as_deref().map(|class| match class {
        "STANDARD_INFREQUENT_ACCESS" => TableClass::InfrequentAccess,
        _ => TableClass::Standard,
    })
}

fn spec(input: &Input<'_>) -> Result<TableSpec> {
    let billing = billing(input)?;
    let mut definitions = Definitions::of(&input.definitions)?;
    let schema = definitions.key(&input.key)?;
    let (local, global) = (input.local.as_ref(), input.global.as_ref());
    let mut indexes = Vec::new();
    if let Some(list) = local {
        count(
            list,
            LOCAL_INDEXES_MAX,
            "LocalSecondaryIndexes",
            "Number of LocalSecondaryIndexes exceeds per-table limit of",
        )?;
        if schema.range.is_none() {
            return Err(DynamoDbError::parameter(
                "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
            ));
        }
        for index in list.iter() {
            let index =
                definitions.index(index, IndexScope::Local, |name, key| check_local(name, key, &schema))?;
            if index.throughput.is_some() {
                return Err(DynamoDbError::parameter(format_args!(
                    "ProvisionedThroughput cannot be specified for a LocalSecondaryIndex: {}",
                    index.name
                )));
            }
            indexes.push(index);
        }
    }
    if let Some(list) = global {
        count(
            list,
            GLOBAL_INDEXES_MAX,
            "GlobalSecondaryIndexes",
            "GlobalSecondaryIndex count exceeds the per-table limit of",
        )?;
        for index in list.iter() {
            let index = definitions.index(index, IndexScope::Global, |_, _| Ok(()))?;
            check_global(&index, billing)?;
            indexes.push(index);
        }
    }
    definitions.all_used(local.is_some() || global.is_some())?;
    check_together(&indexes)?;
    Ok(TableSpec {
        schema,
        indexes,
        billing,
        class: class_of(&input.class),
        deletion_protection: flag(input.deletion_protection),
        tags: tags::owned(tags::of(&input.tags))?,
        options: options::options(&input.encryption, &input.on_demand, &input.warm)?,
    })
}

fn billing(input: &Input<'_>) -> Result<Billing> {
    match (input.billing_mode.as_deref(), &input.throughput) {
        (Some("PAY_PER_REQUEST"), None) => Ok(Billing::PayPerRequest),
        (Some("PAY_PER_REQUEST"), Some(_)) => Err(DynamoDbError::parameter(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        )),
        (_, None) => Err(DynamoDbError::parameter(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        )),
        (_, Some(units)) => Ok(Billing::Provisioned(throughput(units)?)),
    }
}

fn count(list: &[Index<'_>], max: usize, member: &str, too_many: &str) -> Result<()> {
    match list.len() {
        0 => Err(DynamoDbError::parameter(format_args!("List of {member} is empty"))),
        len if len > max => Err(DynamoDbError::parameter(format_args!("{too_many} {max}"))),
        _ => Ok(()),
    }
}

fn check_local(name: &TableName, key: &KeySchema, table: &KeySchema) -> Result<()> {
    if key.range.is_none() {
        return Err(DynamoDbError::parameter(format_args!(
            "Index KeySchema does not have a range key for index: {name}"
        )));
    }
    if key.hash != table.hash {
        return Err(DynamoDbError::parameter(format_args!(
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. index hash \
             key: {}, table hash key: {}",
            key.hash.name, table.hash.name
        )));
    }
    Ok(())
}

/// Checks that a global index has a capacity, as its table has or has not.
pub(super) fn check_global(index: &IndexSpec, billing: Billing) -> Result<()> {
    let name = &index.name;
    match (billing, index.throughput) {
        (Billing::PayPerRequest, None) | (Billing::Provisioned(_), Some(Throughput { .. })) => Ok(()),
        (Billing::PayPerRequest, Some(_)) => Err(DynamoDbError::parameter(format_args!(
            "ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
        ))),
        (Billing::Provisioned(_), None) => Err(DynamoDbError::parameter(format_args!(
            "ProvisionedThroughput must be specified for index: {name}"
        ))),
    }
}

#[cfg(test)]
mod tests;
