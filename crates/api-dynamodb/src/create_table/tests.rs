use headwater_tables::KeyAttribute;

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
    // What has no kind of its own is the partition key, or the sort key if it comes later.
    let kinds = std::iter::once("HASH").chain(std::iter::repeat("RANGE"));
    let element = |(element, kind): (&str, &str)| {
        let (name, kind) = element.split_once(':').unwrap_or((element, kind));
        format!(r#"{{"AttributeName":"{name}","KeyType":"{kind}"}}"#)
    };
    let key: Vec<_> = key.split_whitespace().zip(kinds).map(element).collect();
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
    refused("a", ON_DEMAND, "Invalid KeySchema: Some index key attribute have no definition");
    refused(
        "a b",
        &index("GlobalSecondaryIndexes", "c", ALL),
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [c], AttributeDefinitions: [a, b]",
    );
    refused(
        "a b",
        &index("GlobalSecondaryIndexes", "c d e", ALL),
        "Invalid KeySchema: Some index key attribute have no definition",
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
        (
            r#""StreamSpecification":{}"#,
            "Value null at 'streamSpecification.streamEnabled' failed to satisfy constraint: Member must not be null",
        ),
        (
            r#""StreamSpecification":{"StreamEnabled":false,"StreamViewType":"ALL"}"#,
            "Member must satisfy enum value set: [NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, KEYS_ONLY]",
        ),
        (
            r#""StreamSpecification":{"StreamEnabled":false,"StreamViewType":"NEW_IMAGE"}"#,
            "StreamViewType can only be specified when StreamEnabled is true",
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

#[test]
fn a_global_index_takes_up_to_four_attributes_for_each_key() {
    let all = "a b c d e f g h";
    let schema = |key: &str| {
        let spec = table(all, &index("GlobalSecondaryIndexes", key, ALL));
        let schema = spec.map(|spec| spec.indexes[0].schema.clone()).expect(key);
        let names = |part: &KeyAttribute| part.name.clone();
        (
            schema.hash_attributes().map(names).collect::<Vec<_>>(),
            schema.range_attributes().map(names).collect::<Vec<_>>(),
        )
    };
    let (hashes, ranges) = schema("d:HASH c:HASH b:HASH a:HASH h g f e");
    assert_eq!((hashes.join(""), ranges.join("")), ("dcba".to_owned(), "hgfe".to_owned()));
    const EXCEEDS: &str = "The KeySchema exceeds the maximum allowed number of";
    for (key, text) in [
        ("a:HASH b:HASH c:HASH d:HASH e:HASH", format!("{EXCEEDS} HASH key attributes")),
        ("a b c d e f", format!("{EXCEEDS} RANGE key attributes")),
        (
            "a:HASH b c:HASH",
            "All HASH key attributes must precede RANGE key attributes in the KeySchema".to_owned(),
        ),
        ("a:RANGE b", "Invalid KeySchema: The first KeySchemaElement is not a HASH key type".to_owned()),
        ("a b b", "The KeySchema contains multiple key attributes with the same name".to_owned()),
        ("a:HASH a:HASH", "The KeySchema contains multiple key attributes with the same name".to_owned()),
        ("a a", "Both the Hash Key and the Range Key element in the KeySchema have the same name".to_owned()),
    ] {
        refused(all, &index("GlobalSecondaryIndexes", key, ALL), &text);
    }
}

#[test]
fn a_local_index_has_one_sort_key() {
    refused(
        "a b c d",
        &index("LocalSecondaryIndexes", "a c d", ALL),
        "Value '[KeySchemaElement(attributeName=a, keyType=HASH), KeySchemaElement(attributeName=c, keyType=RANGE), \
         KeySchemaElement(attributeName=d, keyType=RANGE)]' at 'keySchema' failed to \
         satisfy constraint: Member must have length less than or equal to 2",
    );
}

#[test]
fn members_of_newer_models_are_refused_by_name() {
    refused("a b", &format!(r#"{ON_DEMAND},"VectorIndexes":[{{}}]"#), "VectorIndexes is not supported");
}

#[test]
fn names_of_included_attributes_have_a_length() {
    let long = "x".repeat(256);
    let included = format!(r#","Projection":{{"ProjectionType":"INCLUDE","NonKeyAttributes":["{long}"]}}"#);
    refused(
        "a b",
        &index("GlobalSecondaryIndexes", "b", &included),
        "at 'globalSecondaryIndexes.1.member.projection.nonKeyAttributes.1.member' failed to satisfy constraint: Member \
         must have length less than or equal to 255",
    );
}
