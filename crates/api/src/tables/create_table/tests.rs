use super::*;

fn read(json: &str) -> std::result::Result<TableSpec, String> {
    let input: Input<'_> = Codec::Json10.decode(json.as_bytes()).expect(json);
    let spec = check(&input).and_then(|()| spec(&input));
    spec.map_err(|refused| String::from_utf8(refused.encode()).expect("text"))
}

/// A table with hash key `a` and sort key `b`, and these members beside.
fn table(definitions: &str, more: &str) -> std::result::Result<TableSpec, String> {
    let defined: Vec<_> = definitions
        .split_whitespace()
        .map(|name| format!(r#"{{"AttributeName":"{name}","AttributeType":"S"}}"#))
        .collect();
    read(&format!(
        r#"{{"TableName":"orders","AttributeDefinitions":[{}],"KeySchema":[{{"AttributeName":"a","KeyType":"HASH"}},{{"AttributeName":"b","KeyType":"RANGE"}}],{more}}}"#,
        defined.join(",")
    ))
}

fn refused(definitions: &str, more: &str, text: &str) {
    let refusal = table(definitions, more).expect_err(more);
    assert!(refusal.contains(text), "{more}: {refusal}");
}

const ON_DEMAND: &str = r#""BillingMode":"PAY_PER_REQUEST""#;

fn index(list: &str, key: &str, more: &str) -> String {
    let kinds = ["HASH", "RANGE"];
    let key: Vec<_> = key
        .split_whitespace()
        .zip(kinds)
        .map(|(name, kind)| format!(r#"{{"AttributeName":"{name}","KeyType":"{kind}"}}"#))
        .collect();
    format!(r#"{ON_DEMAND},"{list}":[{{"IndexName":"index","KeySchema":[{}]{more}}}]"#, key.join(","))
}

const ALL: &str = r#","Projection":{"ProjectionType":"ALL"}"#;

#[test]
fn tables_are_provisioned_unless_they_are_not() {
    assert_eq!(table("a b", ON_DEMAND).map(|spec| spec.billing), Ok(Billing::PayPerRequest));
    let units = r#""ProvisionedThroughput":{"ReadCapacityUnits":3,"WriteCapacityUnits":4}"#;
    let provisioned = Billing::Provisioned(Throughput { read: 3, write: 4 });
    assert_eq!(table("a b", units).map(|spec| spec.billing), Ok(provisioned));
    let both =
        "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED";
    refused("a b", r#""TableClass":"STANDARD""#, both);
    let neither = "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST";
    refused("a b", &format!("{ON_DEMAND},{units}"), neither);
    let zero = r#""ProvisionedThroughput":{"ReadCapacityUnits":0,"WriteCapacityUnits":4}"#;
    refused(
        "a b",
        zero,
        "Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint",
    );
}

#[test]
fn definitions_are_those_of_keys() {
    refused(
        "a",
        ON_DEMAND,
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [a, b], AttributeDefinitions: [a]",
    );
    refused(
        "a b c",
        ON_DEMAND,
        "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
    );
    let with_index = index("GlobalSecondaryIndexes", "b a", ALL);
    refused(
        "a b c",
        &with_index,
        "Some AttributeDefinitions are not used. AttributeDefinitions: [a, b, c], keys used: [a, b]",
    );
    assert!(table("a b", &with_index).is_ok());
}

#[test]
fn indexes_keep_their_rules() {
    assert!(table("a b c", &index("LocalSecondaryIndexes", "a c", ALL)).is_ok());
    refused(
        "a b c",
        &index("LocalSecondaryIndexes", "c b", ALL),
        "Index KeySchema does not have the same leading hash key as table KeySchema for index: index. index hash key: c, table hash key: a",
    );
    refused(
        "a b",
        &index("LocalSecondaryIndexes", "a", ALL),
        "Index KeySchema does not have a range key for index: index",
    );
    let keys = r#","Projection":{"ProjectionType":"KEYS_ONLY","NonKeyAttributes":["x"]}"#;
    refused(
        "a b",
        &index("GlobalSecondaryIndexes", "b", keys),
        "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified",
    );
    refused(
        "a b",
        &index("GlobalSecondaryIndexes", "b", r#","Projection":{}"#),
        "Unknown ProjectionType: null",
    );
    refused(
        "a b",
        &index("GlobalSecondaryIndexes", "b", ""),
        "Value null at 'globalSecondaryIndexes.1.member.projection' failed to satisfy constraint: Member must not be null",
    );
    refused(
        "a b",
        &format!(r#"{ON_DEMAND},"GlobalSecondaryIndexes":[]"#),
        "List of GlobalSecondaryIndexes is empty",
    );
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    for (option, name) in [
        (
            r#""StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}"#,
            "StreamSpecification",
        ),
        (r#""GlobalTableSourceArn":"arn""#, "GlobalTableSourceArn"),
        (r#""GlobalTableSettingsReplicationMode":"ENABLED""#, "GlobalTableSettingsReplicationMode"),
        (r#""ResourcePolicy":"{}""#, "ResourcePolicy"),
    ] {
        refused("a b", &format!("{ON_DEMAND},{option}"), name);
    }
    for option in [
        r#""StreamSpecification":{"StreamEnabled":false}"#,
        r#""SSESpecification":{"Enabled":false}"#,
        r#""SSESpecification":{"Enabled":true,"SSEType":"KMS"}"#,
        r#""OnDemandThroughput":{"MaxReadRequestUnits":1}"#,
        r#""WarmThroughput":{"ReadUnitsPerSecond":1,"WriteUnitsPerSecond":1}"#,
        r#""GlobalTableSettingsReplicationMode":"DISABLED""#,
        r#""DeletionProtectionEnabled":true"#,
        r#""TableClass":"STANDARD_INFREQUENT_ACCESS""#,
    ] {
        assert!(table("a b", &format!("{ON_DEMAND},{option}")).is_ok(), "{option}");
    }
}
