"""Tables themselves: CreateTable to DeleteTable, tags, time to live, and what is refused by name."""

import time

import botocore.session
import pytest
from botocore.exceptions import ClientError

from kit.client import RIU, RNF, VE, Refusal, must, refusal, unique, until, violations
from kit.tables import (
    INVALID, create_table, definitions, describe, dynamo, gone, index, item, keys, wait_active,
    without_metadata,
)

PROVISIONED = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}}
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
SIMPLE = {"AttributeDefinitions": definitions(a="S"), "KeySchema": keys("a")}


@pytest.fixture(scope="module")
def db(server):
    return dynamo(server)


def invalid(text):
    return Refusal(VE, INVALID + text)


def no_table(name):
    return Refusal(RNF, f"Requested resource not found: Table: {name} not found")


def test_a_table_lives_and_dies(server, db):
    name = unique("table")
    made = db.create_table(TableName=name, **SIMPLE, **ON_DEMAND)["TableDescription"]
    assert made["TableStatus"] == "ACTIVE"
    assert made["TableArn"] == f"arn:aws:dynamodb:us-east-1:{server.account}:table/{name}"
    wait_active(db, name)
    table = describe(db, name)
    assert table["KeySchema"] == keys("a")
    assert table["AttributeDefinitions"] == definitions(a="S")
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["ProvisionedThroughput"] == {
        "NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0,
    }
    assert (table["ItemCount"], table["TableSizeBytes"]) == (0, 0)
    assert table["DeletionProtectionEnabled"] is False
    assert table["TableId"] == made["TableId"]
    assert abs(table["CreationDateTime"].timestamp() - time.time()) < 60
    assert describe(db, table["TableArn"]) == table
    assert refusal(db.create_table, TableName=name, **SIMPLE, **ON_DEMAND) == Refusal(
        RIU, f"Table already exists: {name}"
    )
    db.put_item(TableName=name, Item=item(a="x", n=1))
    table = describe(db, name)
    assert (table["ItemCount"], table["TableSizeBytes"]) == (1, 5)
    assert db.delete_table(TableName=name)["TableDescription"]["TableStatus"] == "DELETING"
    until(lambda: gone(db, name))
    assert refusal(db.describe_table, TableName=name) == no_table(name)
    assert refusal(db.delete_table, TableName=name) == no_table(name)
    assert refusal(db.get_item, TableName=name, Key=item(a="x")) == Refusal(
        RNF, "Requested resource not found"
    )
    db.create_table(TableName=name, **SIMPLE, **ON_DEMAND)
    wait_active(db, name)
    assert "Item" not in db.get_item(TableName=name, Key=item(a="x"))


def test_states_can_be_seen(slow):
    db = dynamo(slow)
    name = unique("table")
    db.create_table(TableName=name, **SIMPLE, **ON_DEMAND)
    in_use = f"Attempt to change a resource which is still in use: Table is being created: {name}"
    assert refusal(db.delete_table, TableName=name) == Refusal(RIU, in_use)
    assert refusal(db.put_item, TableName=name, Item=item(a="x")).code == RNF
    db.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    db.put_item(TableName=name, Item=item(a="x"))
    db.update_table(TableName=name, BillingMode="PROVISIONED", **PROVISIONED)
    assert describe(db, name)["TableStatus"] == "UPDATING"
    assert refusal(db.update_table, TableName=name, TableClass="STANDARD").code == RIU
    db.put_item(TableName=name, Item=item(a="y"))
    wait_active(db, name)
    db.delete_table(TableName=name)
    assert describe(db, name)["TableStatus"] == "DELETING"
    db.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def test_tables_are_ready_at_once_unless_told_otherwise(db):
    """Who creates a table and uses it without waiting, as with DynamoDB Local, finds it."""
    name = unique("table")
    for _ in range(3):
        assert db.create_table(TableName=name, **SIMPLE, **ON_DEMAND)["TableDescription"]["TableStatus"] == "ACTIVE"
        db.put_item(TableName=name, Item=item(a="x"))
        assert db.delete_table(TableName=name)["TableDescription"]["TableStatus"] == "DELETING"
        assert gone(db, name)


def test_tables_are_listed_in_order(db):
    prefix = unique("list")
    names = sorted(f"{prefix}.{i}" for i in range(5))
    for name in names:
        db.create_table(TableName=name, **SIMPLE, **ON_DEMAND)
    pages = db.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2})
    listed = [name for page in pages for name in page["TableNames"]]
    assert listed == sorted(listed) and [one for one in listed if one.startswith(prefix)] == names
    page = db.list_tables(ExclusiveStartTableName=names[1], Limit=2)
    assert page["TableNames"] == names[2:4] and page["LastEvaluatedTableName"] == names[3]
    assert violations(refusal(db.list_tables, Limit=101)) == {must("limit", "have value less than or equal to 100", 101)}
    assert violations(refusal(db.list_tables, Limit=0)) == {must("limit", "have value greater than or equal to 1", 0)}


@pytest.mark.parametrize("name, rule", [
    ("ab", "have length greater than or equal to 3"),
    ("a" * 256, "have length less than or equal to 255"),
    ("a b c", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
])
def test_names_have_a_form(db, name, rule):
    expected = {must("tableName", rule, name)}
    assert violations(refusal(db.create_table, TableName=name, **SIMPLE, **ON_DEMAND)) == expected
    described = refusal(db.describe_table, TableName=name)
    if "length" in rule:
        long = "TableName must be at least 3 characters long and at most 255 characters long"
        assert described == Refusal(VE, long)
    else:
        assert violations(described) == expected
    assert violations(refusal(db.get_item, TableName=name, Key=item(a="x"))) == expected


def test_several_violations_come_together(db):
    found = violations(refusal(db.create_table, TableName="a b", BillingMode="FREE", KeySchema=keys("a")))
    assert found == {
        must("attributeDefinitions", "not be null"),
        must("tableName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+", "a b"),
        must("billingMode", "satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]", "FREE"),
    }


LOCAL = index("local", "a", "c")
LONG = [index(f"index-{i}", "a") for i in range(21)]


@pytest.mark.parametrize("options, text", [
    ({}, "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"),
    (
        ON_DEMAND | PROVISIONED,
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
    ),
    (
        ON_DEMAND | {"AttributeDefinitions": definitions(b="S")},
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [a], AttributeDefinitions: [b]",
    ),
    (
        ON_DEMAND | {"AttributeDefinitions": definitions(a="S", b="S")},
        "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
    ),
    (
        ON_DEMAND | {
            "AttributeDefinitions": definitions(a="S", b="S"), "GlobalSecondaryIndexes": [index("other", "a")],
        },
        "Some AttributeDefinitions are not used. AttributeDefinitions: [a, b], keys used: [a]",
    ),
    (
        ON_DEMAND | {"LocalSecondaryIndexes": [LOCAL]},
        "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
    ),
    (ON_DEMAND | {"GlobalSecondaryIndexes": []}, "List of GlobalSecondaryIndexes is empty"),
    (
        ON_DEMAND | {"GlobalSecondaryIndexes": LONG},
        "GlobalSecondaryIndex count exceeds the per-table limit of 20",
    ),
    (ON_DEMAND | {"GlobalSecondaryIndexes": [index("same", "a")] * 2}, "Duplicate index name: same"),
    (
        ON_DEMAND | {"GlobalSecondaryIndexes": [index("part", "a", projection="ALL", NonKeyAttributes=["x"])]},
        "ProjectionType is ALL, but NonKeyAttributes is specified",
    ),
    (
        ON_DEMAND | {"GlobalSecondaryIndexes": [index("paid", "a") | PROVISIONED]},
        "ProvisionedThroughput should not be specified for index: paid when BillingMode is PAY_PER_REQUEST",
    ),
    (
        PROVISIONED | {"GlobalSecondaryIndexes": [index("unpaid", "a")]},
        "ProvisionedThroughput must be specified for index: unpaid",
    ),
])
def test_tables_keep_rules(db, options, text):
    assert refusal(db.create_table, TableName=unique("table"), **(SIMPLE | options)) == invalid(text)


def test_keys_begin_with_the_partition(db):
    reverse = [{"AttributeName": "a", "KeyType": "RANGE"}]
    made = refusal(
        db.create_table, TableName=unique("table"), AttributeDefinitions=definitions(a="S"),
        KeySchema=reverse, **ON_DEMAND,
    )
    assert made == Refusal(VE, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    made = refusal(
        db.create_table, TableName=unique("table"), AttributeDefinitions=definitions(a="S"),
        KeySchema=keys("a", "a"), **ON_DEMAND,
    )
    assert made == Refusal(VE, "Invalid KeySchema: Some index key attribute have no definition")


@pytest.mark.parametrize("option, named", [
    ({"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}, "StreamSpecification"),
    ({"GlobalTableSettingsReplicationMode": "ENABLED"}, "GlobalTableSettingsReplicationMode"),
])
def test_what_is_not_there_is_refused_by_name(db, option, named):
    refused = refusal(db.create_table, TableName=unique("table"), **SIMPLE, **ON_DEMAND, **option)
    assert refused.code == VE and named in refused.message and "not supported" in refused.message
    name = create_table(db)
    refused = refusal(db.update_table, TableName=name, **option)
    assert refused.code == VE and named in refused.message and "not supported" in refused.message


def test_more_of_that(db):
    refused = refusal(
        db.create_table, TableName=unique("table"), ResourcePolicy="{}", **SIMPLE, **ON_DEMAND
    )
    assert "ResourcePolicy is not supported" in refused.message
    name = create_table(db)
    for option in [
        {"ReplicaUpdates": [{"Create": {"RegionName": "eu-west-1"}}]}, {"MultiRegionConsistency": "STRONG"}
    ]:
        refused = refusal(db.update_table, TableName=name, **option)
        assert f"{next(iter(option))} is not supported" in refused.message
    off = {"StreamSpecification": {"StreamEnabled": False}, "SSESpecification": {"Enabled": False}}
    # What a table has not cannot be switched off.
    refused = refusal(db.update_table, TableName=name, StreamSpecification={"StreamEnabled": False})
    assert refused.code == "ValidationException", refused.message
    refused = refusal(
        db.update_table, TableName=name, StreamSpecification={"StreamEnabled": False, "StreamViewType": "ALL"}
    )
    assert "streamSpecification.streamViewType" in refused.message
    made = create_table(db, TableClass="STANDARD_INFREQUENT_ACCESS", **off)
    table = describe(db, made)
    assert table["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert "SSEDescription" not in table and "StreamSpecification" not in table


def test_options_that_clients_send_are_kept_and_told(server, db):
    name = create_table(
        db, SSESpecification={"Enabled": True}, OnDemandThroughput={"MaxReadRequestUnits": 500},
        WarmThroughput={"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000},
    )
    table = describe(db, name)
    encrypted = table["SSEDescription"]
    assert (encrypted["Status"], encrypted["SSEType"]) == ("ENABLED", "KMS")
    assert encrypted["KMSMasterKeyArn"].startswith(f"arn:aws:kms:{server.region}:{server.account}:key/")
    assert table["OnDemandThroughput"] == {"MaxReadRequestUnits": 500, "MaxWriteRequestUnits": -1}
    assert table["WarmThroughput"] == {
        "ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE",
    }
    db.put_item(TableName=name, Item=item(a="x"))
    same = refusal(db.update_table, TableName=name, SSESpecification={"Enabled": True})
    assert same.code == VE and "already encrypted by given KMSMasterKeyId" in same.message
    db.update_table(
        TableName=name, SSESpecification={"Enabled": False},
        OnDemandThroughput={"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1},
    )
    wait_active(db, name)
    table = describe(db, name)
    assert "SSEDescription" not in table and "OnDemandThroughput" not in table
    missing = refusal(
        db.update_table, TableName=name, SSESpecification={"Enabled": True, "KMSMasterKeyId": "alias/none"}
    )
    assert missing.code == VE and "Key 'alias/none' does not exist" in missing.message


def test_a_provisioned_table(db):
    name = create_table(db, **PROVISIONED)
    table = describe(db, name)
    assert table["ProvisionedThroughput"] == {
        "NumberOfDecreasesToday": 0, "ReadCapacityUnits": 5, "WriteCapacityUnits": 6,
    }
    assert "BillingModeSummary" not in table
    same = refusal(db.update_table, TableName=name, **PROVISIONED)
    assert same.code == VE and same.message.startswith("The provisioned throughput for the table will not change.")
    more = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 2}
    db.update_table(TableName=name, ProvisionedThroughput=more)
    wait_active(db, name)
    throughput = describe(db, name)["ProvisionedThroughput"]
    assert throughput.items() >= more.items()
    assert {"LastIncreaseDateTime", "LastDecreaseDateTime"} <= throughput.keys()
    db.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    wait_active(db, name)
    assert describe(db, name)["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert refusal(db.update_table, TableName=name, ProvisionedThroughput=more) == invalid(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
    )
    assert refusal(db.update_table, TableName=name, BillingMode="PROVISIONED") == invalid(
        "ProvisionedThroughput must be specified when BillingMode is PROVISIONED"
    )
    db.update_table(TableName=name, BillingMode="PROVISIONED", ProvisionedThroughput=more)
    wait_active(db, name)
    assert describe(db, name)["BillingModeSummary"]["BillingMode"] == "PROVISIONED"


def test_an_update_changes_something(db):
    name = create_table(db)
    assert refusal(db.update_table, TableName=name).message.startswith("At least one of ProvisionedThroughput")
    assert refusal(db.update_table, TableName="no-such-table", BillingMode="PAY_PER_REQUEST") == no_table("no-such-table")


def test_indexes_come_and_go(db):
    """As KCL 3 adds one to its lease table."""
    name = create_table(db, "leaseKey")
    for i in range(10):
        db.put_item(TableName=name, Item=item(leaseKey=f"shard-{i}", leaseOwner=f"worker-{i % 2}", counter=i))
    create = index("LeaseOwnerToLeaseKeyIndex", "leaseOwner", "leaseKey", projection="KEYS_ONLY")
    db.update_table(
        TableName=name, AttributeDefinitions=definitions(leaseKey="S", leaseOwner="S"),
        GlobalSecondaryIndexUpdates=[{"Create": create}],
    )
    wait_active(db, name)
    [described] = describe(db, name)["GlobalSecondaryIndexes"]
    assert described["KeySchema"] == keys("leaseOwner", "leaseKey")
    assert described["IndexArn"].endswith(f":table/{name}/index/LeaseOwnerToLeaseKeyIndex")
    assert described["ItemCount"] == 10
    query = {
        "TableName": name, "IndexName": "LeaseOwnerToLeaseKeyIndex",
        "KeyConditionExpression": "leaseOwner = :leaseOwner",
        "ExpressionAttributeValues": item(**{":leaseOwner": "worker-1"}),
    }
    found = db.query(**query)["Items"]
    assert found == [item(leaseKey=f"shard-{i}", leaseOwner="worker-1") for i in (1, 3, 5, 7, 9)]
    assert refusal(
        db.update_table, TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "another"}}]
    ).code == RNF
    db.update_table(
        TableName=name,
        GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "LeaseOwnerToLeaseKeyIndex"}}],
    )
    until(lambda: "GlobalSecondaryIndexes" not in describe(db, name))
    assert refusal(db.query, **query) == Refusal(
        VE, "The table does not have the specified index: LeaseOwnerToLeaseKeyIndex"
    )
    assert describe(db, name)["AttributeDefinitions"] == definitions(leaseKey="S")


def test_index_updates_keep_rules(db):
    name = create_table(db)
    undefined = [{"Create": index("other", "b")}]
    assert refusal(
        db.update_table, TableName=name, AttributeDefinitions=definitions(a="S"), GlobalSecondaryIndexUpdates=undefined
    ) == invalid(
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [b], AttributeDefinitions: [a]"
    )
    assert "must not be null" in refusal(
        db.update_table, TableName=name, GlobalSecondaryIndexUpdates=[{}]
    ).message
    twice = [{"Create": index(f"index-{i}", "a")} for i in range(2)]
    assert refusal(
        db.update_table, TableName=name, AttributeDefinitions=definitions(a="S"), GlobalSecondaryIndexUpdates=twice
    ) == Refusal(
        "LimitExceededException",
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
    )


def test_deletion_protection(db):
    name = create_table(db, DeletionProtectionEnabled=True)
    assert describe(db, name)["DeletionProtectionEnabled"] is True
    refused = refusal(db.delete_table, TableName=name)
    assert refused.code == VE and "protected against deletion" in refused.message
    db.update_table(TableName=name, DeletionProtectionEnabled=False)
    until(lambda: describe(db, name)["TableStatus"] == "ACTIVE")
    db.delete_table(TableName=name)


def test_time_to_live(db):
    name = create_table(db)
    status = lambda: db.describe_time_to_live(TableName=name)["TimeToLiveDescription"]  # noqa: E731
    assert status() == {"TimeToLiveStatus": "DISABLED"}
    specification = {"Enabled": True, "AttributeName": "until"}
    done = db.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    assert done["TimeToLiveSpecification"] == specification
    until(lambda: status() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"})
    again = refusal(db.update_time_to_live, TableName=name, TimeToLiveSpecification=specification)
    assert again == Refusal(VE, "TimeToLive is already enabled")
    now = int(time.time())
    db.put_item(TableName=name, Item=item(a="old", until=now - 10))
    db.put_item(TableName=name, Item=item(a="new", until=now + 3600))
    db.put_item(TableName=name, Item=item(a="text", until=str(now - 10)))
    until(lambda: "Item" not in db.get_item(TableName=name, Key=item(a="old")), seconds=40, every=0.5)
    assert "Item" in db.get_item(TableName=name, Key=item(a="new"))
    assert "Item" in db.get_item(TableName=name, Key=item(a="text"))
    assert violations(refusal(
        db.update_time_to_live, TableName=name, TimeToLiveSpecification={"AttributeName": "x"}
    )) == {must("timeToLiveSpecification.enabled", "not be null")}
    assert refusal(db.describe_time_to_live, TableName="no-such-table") == no_table("no-such-table")


def test_tags(db):
    name = create_table(db, Tags=[{"Key": "team", "Value": "web"}])
    arn = describe(db, name)["TableArn"]
    tags = lambda: {tag["Key"]: tag["Value"] for tag in db.list_tags_of_resource(ResourceArn=arn)["Tags"]}  # noqa: E731
    assert tags() == {"team": "web"}
    assert without_metadata(db.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": ""}])) == {}
    assert tags() == {"team": "web", "a": ""}
    db.untag_resource(ResourceArn=arn, TagKeys=["team", "none"])
    assert tags() == {"a": ""}
    many = [{"Key": str(i), "Value": ""} for i in range(50)]
    assert refusal(db.tag_resource, ResourceArn=arn, Tags=many).code == VE
    other = arn.replace(name, "no-such-table")
    assert refusal(db.list_tags_of_resource, ResourceArn=other) == Refusal(
        RNF, f"Requested resource not found: ResourcArn: {other} not found"
    )
    assert refusal(db.list_tags_of_resource, ResourceArn="abc") == Refusal(
        VE, "Invalid TableArn: ARNs must start with 'arn:': abc"
    )
    assert refusal(db.tag_resource, ResourceArn=arn, Tags=[{"Key": "aws:x", "Value": ""}]).code == VE
    assert refusal(db.tag_resource, ResourceArn=arn, Tags=[]).code == VE


def test_backups_are_not_there(db):
    name = create_table(db)
    described = db.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert described["ContinuousBackupsStatus"] == "ENABLED", "as of every table"
    assert described["PointInTimeRecoveryDescription"] == {"PointInTimeRecoveryStatus": "DISABLED"}

    def recovery(**specification):
        done = db.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=specification)
        assert done["ContinuousBackupsDescription"] == (
            db.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        )
        return done["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]

    def restored():
        return refusal(
            db.restore_table_to_point_in_time, SourceTableName=name, TargetTableName=unique("table"),
            UseLatestRestorableTime=True,
        )

    off = restored()
    assert off.code == "PointInTimeRecoveryUnavailableException" and "not enabled" in off.message
    # No time is named to which it could be restored.
    days = {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 35}
    assert recovery(PointInTimeRecoveryEnabled=True) == days
    assert recovery(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=7) == days | {"RecoveryPeriodInDays": 7}
    on = restored()
    assert on.code == "PointInTimeRecoveryUnavailableException" and "no earlier states" in on.message
    assert recovery(PointInTimeRecoveryEnabled=False) == {"PointInTimeRecoveryStatus": "DISABLED"}
    missing = refusal(
        db.restore_table_to_point_in_time, SourceTableName=unique("table"), TargetTableName=unique("table")
    )
    assert missing.code == "TableNotFoundException"


def test_what_is_about_the_account(server, db):
    limits = without_metadata(db.describe_limits())
    assert limits == {
        "AccountMaxReadCapacityUnits": 80000, "AccountMaxWriteCapacityUnits": 80000,
        "TableMaxReadCapacityUnits": 40000, "TableMaxWriteCapacityUnits": 40000,
    }
    [endpoint] = db.describe_endpoints()["Endpoints"]
    assert endpoint == {"Address": f"127.0.0.1:{server.port}", "CachePeriodInMinutes": 1440}


SERVED = {
    "BatchGetItem", "BatchWriteItem", "CreateTable", "DeleteItem", "DeleteTable", "DescribeContinuousBackups",
    "DescribeEndpoints", "DescribeLimits", "DescribeTable", "DescribeTimeToLive", "GetItem", "ListTables",
    "ListTagsOfResource", "PutItem", "Query", "RestoreTableToPointInTime", "Scan", "TagResource", "TransactGetItems", "TransactWriteItems",
    "UntagResource", "UpdateContinuousBackups", "UpdateItem", "UpdateTable", "UpdateTimeToLive",
}


def test_every_other_operation_of_the_model_is_unknown(db):
    names = botocore.session.get_session().get_service_model("dynamodb").operation_names
    assert SERVED <= set(names) and len(names) > 50
    for name in sorted(set(names) - SERVED):
        call = getattr(db, botocore.xform_name(name))
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] == "UnknownOperationException", name
