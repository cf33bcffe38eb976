//! Description of a table in answers.

use std::collections::BTreeMap;

use headwater_tables::{
    Billing, IndexDescription, IndexProjection, IndexScope, KeyAttribute, KeySchema, Status, TableClass,
    TableDescription, Throughput,
};
use headwater_types::{Arn, Timestamp};
use headwater_wire::Codec;
use headwater_wire::shape::Time;
use serde::Serialize;

/// The table, under the name that the operation has for it.
#[derive(Serialize)]
pub(super) enum TableAnswer<'a> {
    /// Of DescribeTable.
    Table(Table<'a>),
    /// Of what changes it.
    TableDescription(Table<'a>),
}

/// The table that DeleteTable gives, under its name: AWS leaves out the keys and indexes there.
#[derive(Serialize)]
enum DeletedAnswer<'a> {
    TableDescription(Deleted<'a>),
}

impl<'a> TableAnswer<'a> {
    pub(super) fn described(table: &'a TableDescription) -> Vec<u8> {
        Codec::Json10.encode(&Self::Table(Table::of(table)))
    }

    pub(super) fn changed(table: &'a TableDescription) -> Vec<u8> {
        Codec::Json10.encode(&Self::TableDescription(Table::of(table)))
    }

    pub(super) fn deleted(table: &'a TableDescription) -> Vec<u8> {
        let all = Table::of(table);
        Codec::Json10.encode(&DeletedAnswer::TableDescription(Deleted {
            table_name: all.table_name,
            table_status: all.table_status,
            provisioned_throughput: all.provisioned_throughput,
            table_size_bytes: all.table_size_bytes,
            item_count: all.item_count,
            table_arn: all.table_arn,
            table_id: all.table_id,
            billing_mode_summary: all.billing_mode_summary,
            deletion_protection_enabled: all.deletion_protection_enabled,
            table_class_summary: all.table_class_summary,
        }))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Table<'a> {
    attribute_definitions: Vec<Attribute<'a>>,
    table_name: &'a str,
    key_schema: Vec<Element<'a>>,
    table_status: &'static str,
    creation_date_time: Time,
    provisioned_throughput: Provisioned,
    table_size_bytes: usize,
    item_count: usize,
    table_arn: &'a str,
    table_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_mode_summary: Option<BillingMode>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    local_secondary_indexes: Vec<Index<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    global_secondary_indexes: Vec<Index<'a>>,
    deletion_protection_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_class_summary: Option<Class>,
    /// Absent unless items are encrypted under a master key.
    #[serde(rename = "SSEDescription", skip_serializing_if = "Option::is_none")]
    encryption: Option<Encryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_demand_throughput: Option<MaxUnits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_throughput: Option<Warm>,
}

#[derive(Serialize)]
struct Encryption {
    #[serde(rename = "Status")]
    status: &'static str,
    #[serde(rename = "SSEType")]
    kind: &'static str,
    #[serde(rename = "KMSMasterKeyArn")]
    key: String,
}

/// -1 is no bound.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MaxUnits {
    max_read_request_units: i64,
    max_write_request_units: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Warm {
    read_units_per_second: u64,
    write_units_per_second: u64,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Deleted<'a> {
    table_name: &'a str,
    table_status: &'static str,
    provisioned_throughput: Provisioned,
    table_size_bytes: usize,
    item_count: usize,
    table_arn: &'a str,
    table_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_mode_summary: Option<BillingMode>,
    deletion_protection_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_class_summary: Option<Class>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute<'a> {
    attribute_name: &'a str,
    attribute_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Element<'a> {
    attribute_name: &'a str,
    key_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Provisioned {
    #[serde(skip_serializing_if = "Option::is_none")]
    last_increase_date_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_decrease_date_time: Option<Time>,
    number_of_decreases_today: u32,
    read_capacity_units: u64,
    write_capacity_units: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BillingMode {
    billing_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_to_pay_per_request_date_time: Option<Time>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Class {
    table_class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_date_time: Option<Time>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Index<'a> {
    index_name: &'a str,
    key_schema: Vec<Element<'a>>,
    projection: Projection<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index_status: Option<&'static str>,
    /// True while a new index is being filled; absent afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    backfilling: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioned_throughput: Option<Provisioned>,
    index_size_bytes: usize,
    item_count: usize,
    index_arn: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Projection<'a> {
    projection_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_key_attributes: Option<Vec<&'a str>>,
}

impl<'a> Table<'a> {
    fn of(table: &'a TableDescription) -> Self {
        let since = table.pay_per_request_since;
        let billing_mode_summary = match table.billing {
            Billing::PayPerRequest => Some(BillingMode {
                billing_mode: "PAY_PER_REQUEST",
                last_update_to_pay_per_request_date_time: since.map(Time),
            }),
            // Only what was once something else says that it is provisioned.
            Billing::Provisioned(_) => since.map(|since| BillingMode {
                billing_mode: "PROVISIONED",
                last_update_to_pay_per_request_date_time: Some(Time(since)),
            }),
        };
        let throughput = match table.billing {
            Billing::PayPerRequest => None,
            Billing::Provisioned(throughput) => Some(throughput),
        };
        let indexes = |scope: IndexScope| {
            let indexes = table.indexes.iter().filter(|index| index.scope == scope);
            indexes.map(|index| Index::of(index, table.status)).collect()
        };
        Self {
            attribute_definitions: attributes(table),
            table_name: table.key.name.as_str(),
            key_schema: key(&table.schema),
            table_status: status(table.status),
            creation_date_time: Time(table.created),
            provisioned_throughput: provisioned(throughput, table.throughput_changed),
            table_size_bytes: table.size_bytes,
            item_count: table.items,
            table_arn: &table.arn,
            table_id: &table.id,
            billing_mode_summary,
            local_secondary_indexes: indexes(IndexScope::Local),
            global_secondary_indexes: indexes(IndexScope::Global),
            deletion_protection_enabled: table.deletion_protection,
            table_class_summary: table.class.map(|(class, since)| Class {
                table_class: match class {
                    TableClass::Standard => "STANDARD",
                    TableClass::InfrequentAccess => "STANDARD_INFREQUENT_ACCESS",
                },
                last_update_date_time: since.map(Time),
            }),
            encryption: table.settings.master_key.as_ref().map(|key| Encryption {
                status: "ENABLED",
                kind: "KMS",
                key: master_key_arn(table, key.as_str()),
            }),
            on_demand_throughput: table.settings.on_demand.map(|max| {
                let shown =
                    |units: Option<u64>| units.map_or(-1, |units| i64::try_from(units).unwrap_or(i64::MAX));
                MaxUnits {
                    max_read_request_units: shown(max.read),
                    max_write_request_units: shown(max.write),
                }
            }),
            warm_throughput: table.settings.warm.map(|warm| Warm {
                read_units_per_second: warm.read,
                write_units_per_second: warm.write,
                status: "ACTIVE",
            }),
        }
    }
}

/// In the region and the account of the table.
fn master_key_arn(table: &TableDescription, key: &str) -> String {
    Arn::of("kms", &table.key.realm, &format!("key/{key}")).to_string()
}

impl<'a> Index<'a> {
    fn of(index: &'a IndexDescription, table: Status) -> Self {
        let is_global = index.scope == IndexScope::Global;
        let fills = is_global && index.status == Status::Creating && table != Status::Creating;
        let (projection_type, non_key_attributes) = match &index.projection {
            IndexProjection::All => ("ALL", None),
            IndexProjection::KeysOnly => ("KEYS_ONLY", None),
            IndexProjection::Include(names) => ("INCLUDE", Some(names.iter().map(String::as_str).collect())),
        };
        Self {
            index_name: index.name.as_str(),
            key_schema: key(&index.schema),
            projection: Projection { projection_type, non_key_attributes },
            index_status: is_global.then(|| status(index.status)),
            backfilling: fills.then_some(true),
            provisioned_throughput: is_global.then(|| provisioned(index.throughput, (None, None))),
            index_size_bytes: index.size_bytes,
            item_count: index.items,
            index_arn: &index.arn,
        }
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Creating => "CREATING",
        Status::Active => "ACTIVE",
        Status::Updating => "UPDATING",
        Status::Deleting => "DELETING",
        Status::Inaccessible => "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
    }
}

/// The attributes of all keys, by name.
fn attributes(table: &TableDescription) -> Vec<Attribute<'_>> {
    let keys = std::iter::once(&table.schema).chain(table.indexes.iter().map(|index| &index.schema));
    let all = keys.flat_map(KeySchema::attributes);
    let by_name: BTreeMap<_, _> = all.map(|attribute| (attribute.name.as_str(), attribute.kind)).collect();
    let shown = |(attribute_name, kind): (_, headwater_tables::KeyType)| Attribute {
        attribute_name,
        attribute_type: kind.attribute_type().name(),
    };
    by_name.into_iter().map(shown).collect()
}

fn key<'a>(schema: &'a KeySchema) -> Vec<Element<'a>> {
    let element =
        |key_type| move |attribute: &'a KeyAttribute| Element { attribute_name: &attribute.name, key_type };
    let ranges = schema.range_attributes().map(element("RANGE"));
    schema.hash_attributes().map(element("HASH")).chain(ranges).collect()
}

fn provisioned(
    throughput: Option<Throughput>,
    (raised, lowered): (Option<Timestamp>, Option<Timestamp>),
) -> Provisioned {
    let Throughput { read, write } = throughput.unwrap_or(Throughput { read: 0, write: 0 });
    Provisioned {
        last_increase_date_time: raised.map(Time),
        last_decrease_date_time: lowered.map(Time),
        number_of_decreases_today: 0,
        read_capacity_units: read,
        write_capacity_units: write,
    }
}

#[cfg(test)]
mod tests {
    use headwater_tables::{KeyAttribute, KeyType, TableKey, TableName};
    use headwater_types::{AccountId, Realm, Region};

    use super::*;

    #[test]
    fn a_table_is_described_as_aws_does() {
        let attribute = |name: &str| KeyAttribute { name: name.into(), kind: KeyType::S };
        let name = |text: &str| TableName::new(text).expect("a name");
        let account = AccountId::new("111122223333").expect("an account");
        let index = IndexDescription {
            name: name("by-owner"),
            arn: "ARN/index/by-owner".into(),
            scope: IndexScope::Global,
            status: Status::Active,
            schema: KeySchema::new(attribute("owner"), None),
            projection: IndexProjection::KeysOnly,
            throughput: None,
            items: 1,
            size_bytes: 20,
        };
        let table = TableDescription {
            key: TableKey { realm: Realm { account, region: Region::US_EAST_1 }, name: name("leases") },
            arn: "ARN".into(),
            id: "ID".into(),
            status: Status::Active,
            created: Timestamp::from_millis(1_700_000_000_500),
            schema: KeySchema::new(attribute("key"), None),
            indexes: vec![index],
            billing: Billing::PayPerRequest,
            pay_per_request_since: Some(Timestamp::from_millis(1_700_000_000_500)),
            throughput_changed: (None, None),
            class: None,
            deletion_protection: false,
            settings: Default::default(),
            items: 2,
            size_bytes: 40,
        };
        let expected = concat!(
            r#"{"Table":{"AttributeDefinitions":[{"AttributeName":"key","AttributeType":"S"},"#,
            r#"{"AttributeName":"owner","AttributeType":"S"}],"TableName":"leases","#,
            r#""KeySchema":[{"AttributeName":"key","KeyType":"HASH"}],"TableStatus":"ACTIVE","#,
            r#""CreationDateTime":1700000000.5,"ProvisionedThroughput":{"NumberOfDecreasesToday":0,"#,
            r#""ReadCapacityUnits":0,"WriteCapacityUnits":0},"TableSizeBytes":40,"ItemCount":2,"#,
            r#""TableArn":"ARN","TableId":"ID","BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST","#,
            r#""LastUpdateToPayPerRequestDateTime":1700000000.5},"GlobalSecondaryIndexes":[{"IndexName":"by-owner","#,
            r#""KeySchema":[{"AttributeName":"owner","KeyType":"HASH"}],"Projection":{"ProjectionType":"KEYS_ONLY"},"#,
            r#""IndexStatus":"ACTIVE","ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":0,"#,
            r#""WriteCapacityUnits":0},"IndexSizeBytes":20,"ItemCount":1,"IndexArn":"ARN/index/by-owner"}],"#,
            r#""DeletionProtectionEnabled":false}}"#
        );
        assert_eq!(String::from_utf8(TableAnswer::described(&table)).expect("text"), expected);
    }
}
