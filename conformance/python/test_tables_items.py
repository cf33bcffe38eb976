"""Items: values there and back, conditions, updates, and both generations of parameters."""

import decimal

import pytest

from kit.client import RNF, VE, Refusal, must, refusal, violations
from kit.tables import (
    INVALID, create_table, dynamo, index, item, resource, value, without_metadata,
)

FAILED = Refusal("ConditionalCheckFailedException", "The conditional request failed")
MIXED = "Can not use both expression and non-expression parameters in the same request: "


@pytest.fixture(scope="module")
def db(server):
    return dynamo(server)


@pytest.fixture(scope="module")
def table(db):
    """A table of which every test has keys of its own."""
    return create_table(db)


def get(db, table, key, **options):
    return db.get_item(TableName=table, Key=item(a=key), **options).get("Item")


EVERYTHING = item(
    text="é", empty="", number=-1.5, binary=b"\0\xff", nothing=None, yes=True, no=False,
    list=[1, "a", [None, {"deep": {"er": [b""]}}]], map={"x": {}, "y": []},
    texts={"a", "b", ""}, numbers={1, 22}, binaries={b"a", b""},
)


def test_values_come_back(db, table):
    db.put_item(TableName=table, Item=EVERYTHING | item(a="everything"))
    assert get(db, table, "everything") == EVERYTHING | item(a="everything")


@pytest.mark.parametrize("sent, stored", [
    ("0", "0"), ("-0", "0"), ("1.0", "1"), ("00012.500", "12.5"), ("1e3", "1000"), ("1E-3", "0.001"),
    ("9" * 38, "9" * 38), ("1E125", "1" + "0" * 125), ("1E-130", "0." + "0" * 129 + "1"),
])
def test_numbers_are_normal(db, table, sent, stored):
    db.put_item(TableName=table, Item=item(a="number") | {"n": {"N": sent}})
    assert decimal.Decimal(get(db, table, "number")["n"]["N"]) == decimal.Decimal(stored)


EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
SEVERAL = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"


@pytest.mark.parametrize("wrong, text", [
    ({}, EMPTY),
    ({"L": [{}]}, EMPTY),
    ({"S": "a", "N": "1"}, SEVERAL),
    ({"N": "a"}, "The parameter cannot be converted to a numeric value: a"),
    ({"N": ""}, "The parameter cannot be converted to a numeric value"),
    ({"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number"),
    ({"N": "1E126"}, "Number overflow. Attempting to store a number with magnitude larger than supported range"),
    ({"N": "1E-131"}, "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
    ({"NULL": False}, INVALID + "Null attribute value types must have the value of true"),
    ({"SS": []}, INVALID + "An string set  may not be empty"),
    ({"NS": []}, INVALID + "An number set  may not be empty"),
    ({"BS": []}, INVALID + "Binary sets should not be empty"),
    ({"SS": ["a", "a"]}, INVALID + "Input collection [a, a] contains duplicates."),
    ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
])
def test_what_is_no_value_is_refused(db, table, wrong, text):
    assert refusal(db.put_item, TableName=table, Item=item(a="x") | {"b": wrong}) == Refusal(VE, text)


def test_values_are_nested_so_deep(db, table):
    deep = "x"
    for _ in range(32):
        deep = [deep]
    db.put_item(TableName=table, Item=item(a="deep", b=deep))
    assert get(db, table, "deep")["b"] == value(deep)
    assert refusal(db.put_item, TableName=table, Item=item(a="deep", b=[deep])) == Refusal(
        VE, "Nesting Levels have exceeded supported limits"
    )


def test_items_are_so_large(db, table):
    fits = 400 * 1024 - len("a" "large" "b")
    db.put_item(TableName=table, Item=item(a="large", b="x" * fits))
    assert len(get(db, table, "large")["b"]["S"]) == fits
    too_large = Refusal(VE, "Item size has exceeded the maximum allowed size")
    assert refusal(db.put_item, TableName=table, Item=item(a="large", b="x" * (fits + 1))) == too_large


def test_keys_have_a_form(db, table):
    wrong = Refusal(VE, "The provided key element does not match the schema")
    for key in [item(b="x"), item(a=1), item(a="x", b="x"), {}]:
        assert refusal(db.get_item, TableName=table, Key=key) == wrong, key
    assert refusal(db.put_item, TableName=table, Item=item(b="x")) == Refusal(
        VE, INVALID + "Missing the key a in the item"
    )
    assert refusal(db.put_item, TableName=table, Item=item(a=1)) == Refusal(
        VE, INVALID + "Type mismatch for key a expected: S actual: N"
    )
    assert refusal(db.put_item, TableName=table, Item=item(a="")).message.startswith(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty"
    )
    assert refusal(db.put_item, TableName=table, Item=item(a="x" * 2049)).code == VE


def test_members_that_have_to_be_there(db, table):
    assert violations(refusal(db.put_item)) == {
        must("tableName", "not be null"), must("item", "not be null"),
    }
    assert violations(refusal(db.get_item, TableName=table)) == {must("key", "not be null")}
    assert violations(refusal(db.delete_item, TableName=table)) == {must("key", "not be null")}
    assert violations(refusal(db.update_item, TableName=table, ReturnValues="SOME")) == {
        must("key", "not be null"),
        must(
            "returnValues",
            "satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]", "SOME",
        ),
    }


def test_a_projection_gives_parts(db, table):
    db.put_item(TableName=table, Item=item(a="parts", b={"c": [1, 2, 3]}, d="x"))
    found = get(
        db, table, "parts", ProjectionExpression="#b.c[1], d, nothing", ExpressionAttributeNames={"#b": "b"},
        ConsistentRead=True,
    )
    assert found == item(b={"c": [2]}, d="x")
    assert get(db, table, "parts", AttributesToGet=["d"]) == item(d="x")
    assert get(db, table, "nobody") is None
    both = refusal(
        db.get_item, TableName=table, Key=item(a="x"), AttributesToGet=["d"], ProjectionExpression="d"
    )
    assert both == Refusal(
        VE,
        MIXED + "Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}",
    )
    assert refusal(
        db.get_item, TableName=table, Key=item(a="x"), ExpressionAttributeNames={"#a": "a"}
    ) == Refusal(VE, "ExpressionAttributeNames can only be specified when using expressions")
    unused = refusal(
        db.get_item, TableName=table, Key=item(a="x"), ProjectionExpression="d",
        ExpressionAttributeNames={"#a": "a"},
    )
    assert unused == Refusal(
        VE, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}"
    )


def test_put_returns_what_was_there(db, table):
    put = lambda **options: without_metadata(db.put_item(TableName=table, ReturnValues="ALL_OLD", **options))  # noqa: E731
    assert put(Item=item(a="put", n=1)) == {}
    assert put(Item=item(a="put", n=2)) == {"Attributes": item(a="put", n=1)}
    for wrong in ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"]:
        assert refusal(db.put_item, TableName=table, Item=item(a="put"), ReturnValues=wrong) == Refusal(
            VE, "ReturnValues can only be ALL_OLD or NONE"
        )
        assert refusal(db.delete_item, TableName=table, Key=item(a="put"), ReturnValues=wrong) == Refusal(
            VE, "ReturnValues can only be ALL_OLD or NONE"
        )


def test_delete_returns_what_was_there(db, table):
    db.put_item(TableName=table, Item=item(a="delete", n=1))
    delete = lambda: without_metadata(db.delete_item(TableName=table, Key=item(a="delete"), ReturnValues="ALL_OLD"))  # noqa: E731
    assert delete() == {"Attributes": item(a="delete", n=1)}
    assert delete() == {}


def test_conditions_decide(db, table):
    new = {"TableName": table, "Item": item(a="once", n=1), "ConditionExpression": "attribute_not_exists(a)"}
    db.put_item(**new)
    assert refusal(db.put_item, **new) == FAILED
    with pytest.raises(db.exceptions.ConditionalCheckFailedException) as failed:
        db.put_item(**new, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert failed.value.response["Item"] == item(a="once", n=1)
    values = {"ExpressionAttributeValues": item(**{":n": 2})}
    assert refusal(
        db.delete_item, TableName=table, Key=item(a="once"), ConditionExpression="n = :n", **values
    ) == FAILED
    assert refusal(
        db.update_item, TableName=table, Key=item(a="nobody"), ConditionExpression="attribute_exists(a)",
        UpdateExpression="SET n = :n", **values,
    ) == FAILED
    assert get(db, table, "nobody") is None
    assert refusal(
        db.put_item, TableName=table, Item=item(a="x"), **values
    ) == Refusal(
        VE, "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"
    )
    syntax = refusal(db.put_item, TableName=table, Item=item(a="x"), ConditionExpression="a =")
    assert syntax.code == VE and syntax.message.startswith("Invalid ConditionExpression: Syntax error;")
    bad = refusal(
        db.put_item, TableName=table, Item=item(a="x"), ConditionExpression="a = :b",
        ExpressionAttributeValues={":b": {"N": "x"}},
    )
    assert bad == Refusal(
        VE,
        "ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: x for key :b",
    )


def test_updates_and_what_they_return(db, table):
    def update(expression, returned, **values):
        done = db.update_item(
            TableName=table, Key=item(a="update"), UpdateExpression=expression, ReturnValues=returned,
            **({"ExpressionAttributeValues": item(**{f":{name}": one for name, one in values.items()})} if values else {}),
        )
        return done.get("Attributes")

    assert update("SET b = :b, c = :c", "ALL_OLD", b=1, c="x") is None
    assert update("SET b = b + :one", "UPDATED_NEW", one=1) == item(b=2)
    assert update("SET b = if_not_exists(b, :one), d = if_not_exists(d, :one)", "UPDATED_OLD", one=1) == item(b=2)
    assert update("ADD n :one, s :s REMOVE c", "ALL_NEW", one=5, s={"x"}) == item(a="update", b=2, d=1, n=5, s={"x"})
    assert update("DELETE s :s", "ALL_OLD", s={"x"}) == item(a="update", b=2, d=1, n=5, s={"x"})
    assert update("SET l = list_append(:l, :l)", "UPDATED_NEW", l=[1]) == item(l=[1, 1])
    assert update("REMOVE l[0]", "NONE") is None
    assert get(db, table, "update") == item(a="update", b=2, d=1, n=5, l=[1])
    key = refusal(
        db.update_item, TableName=table, Key=item(a="update"), UpdateExpression="SET a = :a",
        ExpressionAttributeValues=item(**{":a": "y"}),
    )
    assert key == Refusal(VE, INVALID + "Cannot update attribute a. This attribute is part of the key")
    assert refusal(
        db.update_item, TableName=table, Key=item(a="update"), UpdateExpression="SET x = y"
    ).code == VE


def test_an_update_without_anything_makes_the_item(db, table):
    done = db.update_item(TableName=table, Key=item(a="bare"), ReturnValues="ALL_NEW")
    assert done["Attributes"] == item(a="bare") == get(db, table, "bare")


def test_older_parameters_as_kcl_sends_them(db, table):
    """KCL's lease table: Expected and AttributeUpdates."""
    lease = item(a="lease", leaseCounter=0, checkpoint="TRIM_HORIZON")
    absent = {"a": {"Exists": False}}
    db.put_item(TableName=table, Item=lease, Expected=absent)
    assert refusal(db.put_item, TableName=table, Item=lease, Expected=absent) == FAILED
    take = {
        "TableName": table, "Key": item(a="lease"), "ReturnValues": "ALL_NEW",
        "Expected": {"leaseCounter": {"Value": value(0)}, "leaseOwner": {"Exists": False}},
        "AttributeUpdates": {
            "leaseOwner": {"Action": "PUT", "Value": value("worker-1")},
            "leaseCounter": {"Action": "ADD", "Value": value(1)},
            "childShardIds": {"Action": "ADD", "Value": value({"a", "b"})},
            "checkpoint": {"Action": "DELETE"},
        },
    }
    taken = item(a="lease", leaseCounter=1, leaseOwner="worker-1", childShardIds={"a", "b"})
    assert db.update_item(**take)["Attributes"] == taken
    with pytest.raises(db.exceptions.ConditionalCheckFailedException) as failed:
        db.update_item(**take, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert failed.value.response["Item"] == taken
    either = {"leaseCounter": {"ComparisonOperator": "GT", "AttributeValueList": [value(5)]},
              "leaseOwner": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [value("work")]}}
    assert refusal(db.delete_item, TableName=table, Key=item(a="lease"), Expected=either) == FAILED
    db.delete_item(TableName=table, Key=item(a="lease"), Expected=either, ConditionalOperator="OR")


def test_older_parameters_do_not_mix(db, table):
    mixed = refusal(
        db.put_item, TableName=table, Item=item(a="x"), Expected={"a": {"Exists": False}},
        ConditionExpression="attribute_not_exists(a)",
    )
    assert mixed == Refusal(
        VE, MIXED + "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"
    )
    mixed = refusal(
        db.update_item, TableName=table, Key=item(a="x"), AttributeUpdates={}, Expected={},
        UpdateExpression="REMOVE x",
    )
    assert mixed == Refusal(
        VE,
        MIXED + "Non-expression parameters: {AttributeUpdates, Expected} Expression parameters: {UpdateExpression}",
    )
    assert refusal(
        db.put_item, TableName=table, Item=item(a="x"), Expected={"b": {}}
    ) == Refusal(VE, INVALID + "Value must be provided when Exists is null for Attribute: b")


def test_consumed_capacity(db):
    name = create_table(
        db, "a", "b", types={"c": "S"},
        GlobalSecondaryIndexes=[index("global", "c")], LocalSecondaryIndexes=[index("local", "a", "c")],
    )
    whole = item(a="x", b="y", c="z", d="d" * 5000)
    used = lambda answer: answer["ConsumedCapacity"]  # noqa: E731
    put = db.put_item(
        TableName=name, Item=whole, ReturnConsumedCapacity="INDEXES", ReturnItemCollectionMetrics="SIZE"
    )
    assert used(put) == {
        "TableName": name, "CapacityUnits": 15.0, "Table": {"CapacityUnits": 5.0},
        "GlobalSecondaryIndexes": {"global": {"CapacityUnits": 5.0}},
        "LocalSecondaryIndexes": {"local": {"CapacityUnits": 5.0}},
    }
    assert put["ItemCollectionMetrics"] == {
        "ItemCollectionKey": item(a="x"), "SizeEstimateRangeGB": [0.0, 1.0]
    }
    key = item(a="x", b="y")
    got = db.get_item(TableName=name, Key=key, ReturnConsumedCapacity="TOTAL")
    assert used(got) == {"TableName": name, "CapacityUnits": 1.0}
    got = db.get_item(TableName=name, Key=key, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    assert used(got) == {"TableName": name, "CapacityUnits": 2.0}
    got = db.get_item(TableName=name, Key=item(a="n", b="n"), ReturnConsumedCapacity="INDEXES")
    assert used(got) == {"TableName": name, "CapacityUnits": 0.5, "Table": {"CapacityUnits": 0.5}}
    assert "ConsumedCapacity" not in db.get_item(TableName=name, Key=key, ReturnConsumedCapacity="NONE")
    arn = db.describe_table(TableName=name)["Table"]["TableArn"]
    got = db.get_item(TableName=arn, Key=key, ReturnConsumedCapacity="TOTAL")
    assert used(got) == {"TableName": arn, "CapacityUnits": 1.0}
    page = db.query(
        TableName=name, IndexName="global", KeyConditionExpression="c = :c",
        ExpressionAttributeValues=item(**{":c": "z"}), ReturnConsumedCapacity="INDEXES",
    )
    assert used(page) == {
        "TableName": name, "CapacityUnits": 1.0, "Table": {"CapacityUnits": 0.0},
        "GlobalSecondaryIndexes": {"global": {"CapacityUnits": 1.0}},
    }


def test_provisioned_capacity_is_enforced(limited):
    db = dynamo(limited)
    name = create_table(db, ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})
    with pytest.raises(db.exceptions.ProvisionedThroughputExceededException):
        for i in range(1000):
            db.put_item(TableName=name, Item=item(a=str(i), b="x" * 10_000))


def test_the_resource_api(server, db):
    table = resource(server).Table(create_table(db, "a", "b", types={"b": "N"}))
    table.put_item(Item={"a": "x", "b": 1, "tags": {"u", "v"}, "price": decimal.Decimal("12.50"), "m": {"l": [None]}})
    found = table.get_item(Key={"a": "x", "b": 1})["Item"]
    assert found == {"a": "x", "b": 1, "tags": {"u", "v"}, "price": decimal.Decimal("12.5"), "m": {"l": [None]}}
    table.update_item(
        Key={"a": "x", "b": 1}, UpdateExpression="SET #m.l[0] = :v",
        ExpressionAttributeNames={"#m": "m"}, ExpressionAttributeValues={":v": 7},
    )
    with table.batch_writer() as batch:
        for i in range(2, 60):
            batch.put_item(Item={"a": "x", "b": i})
    from boto3.dynamodb.conditions import Attr, Key
    page = table.query(KeyConditionExpression=Key("a").eq("x") & Key("b").between(10, 20), ScanIndexForward=False)
    assert [one["b"] for one in page["Items"]] == list(range(20, 9, -1))
    page = table.scan(FilterExpression=Attr("m").exists())
    assert [one["m"] for one in page["Items"]] == [{"l": [7]}]
    assert table.table_status == "ACTIVE" and table.item_count == 59


def test_tables_that_are_not_there(db):
    missing = Refusal(RNF, "Requested resource not found")
    name = {"TableName": "no-such-table"}
    assert refusal(db.put_item, Item=item(a="x"), **name) == missing
    assert refusal(db.delete_item, Key=item(a="x"), **name) == missing
    assert refusal(db.update_item, Key=item(a="x"), **name) == missing
    assert refusal(db.scan, **name) == missing
    assert refusal(
        db.query, KeyConditionExpression="a = :a", ExpressionAttributeValues=item(**{":a": "x"}), **name
    ) == missing
