"""Global indexes with keys of several attributes, and texts about keys."""

import pytest

from kit.client import VE, Refusal, refusal
from kit.tables import INVALID, S, create_table, definitions, dynamo, index, item, keys, value, wait_active

PARTS = {"tournament": S, "region": S, "round": "N", "bracket": S}


def composite(name, hashes, ranges, projection="ALL"):
    """An index with so many attributes in its partition key and its sort key."""
    kinds = ["HASH"] * len(hashes) + ["RANGE"] * len(ranges)
    schema = [
        {"AttributeName": part, "KeyType": kind} for part, kind in zip([*hashes, *ranges], kinds, strict=True)
    ]
    return index(name, projection=projection) | {"KeySchema": schema}


BY_ROUND = composite("by-round", ["tournament", "region"], ["round", "bracket"])
MATCHES = [
    item(a=f"m{i}", tournament="cup", region="eu" if i % 3 else "us", round=i // 2, bracket="upper" if i % 2 else "lower")
    for i in range(12)
]


@pytest.fixture(scope="module")
def db(server):
    return dynamo(server)


@pytest.fixture(scope="module")
def matches(db):
    name = create_table(db, types=PARTS, GlobalSecondaryIndexes=[BY_ROUND])
    for one in [*MATCHES, item(a="half", tournament="cup", region="eu", round=1)]:
        db.put_item(TableName=name, Item=one)
    return name


@pytest.fixture
def query(db, matches):
    def ask(condition, **options):
        values = {f":{key[1:]}": value(options.pop(key)) for key in list(options) if key.startswith("_")}
        return db.query(
            TableName=matches, IndexName="by-round", KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            **({"ExpressionAttributeNames": {"#region": "region"}} if "#region" in condition else {}), **options,
        )
    return ask


ALL = "tournament = :t AND #region = :r"
HERE = {"_t": "cup", "_r": "eu"}


def ids(page):
    return [one["a"]["S"] for one in page["Items"]]


def test_the_key_is_described_in_order(db, matches):
    [described] = db.describe_table(TableName=matches)["Table"]["GlobalSecondaryIndexes"]
    assert described["KeySchema"] == BY_ROUND["KeySchema"]


def test_sort_keys_are_asked_for_from_the_left(query):
    european = [f"m{i}" for i in range(12) if i % 3]
    assert ids(query(ALL, **HERE)) == european, "and an item without a bracket is not in the index"
    assert ids(query(f"{ALL} AND round = :n", _n=2, **HERE)) == ["m4", "m5"]
    assert ids(query(f"bracket = :b AND round = :n AND {ALL}", _n=2, _b="upper", **HERE)) == ["m5"]
    assert ids(query(f"{ALL} AND round >= :n", _n=4, **HERE)) == ["m8", "m10", "m11"]
    assert ids(query(f"{ALL} AND round = :n AND begins_with(bracket, :b)", _n=2, _b="lo", **HERE)) == ["m4"]
    assert ids(query(ALL, ScanIndexForward=False, **HERE)) == european[::-1]


def test_pages_carry_the_whole_key(query):
    page = query(ALL, Limit=3, **HERE)
    assert sorted(page["LastEvaluatedKey"]) == ["a", "bracket", "region", "round", "tournament"]
    rest = query(ALL, ExclusiveStartKey=page["LastEvaluatedKey"], **HERE)
    assert ids(page) + ids(rest) == [f"m{i}" for i in range(12) if i % 3]


def test_what_is_not_from_the_left_is_refused(query):
    refused = lambda condition, **values: refusal(lambda: query(condition, **values))  # noqa: E731
    assert refused("tournament = :t", _t="cup") == Refusal(
        VE, "HASH key attributes region must have equality conditions specified in the query"
    )
    assert refused(f"{ALL} AND bracket = :b", _b="upper", **HERE) == Refusal(
        VE, "RANGE key attributes round must have equality conditions specified in the query because a condition is "
            "present on key attribute bracket"
    )
    assert refused(f"{ALL} AND round > :n AND bracket = :b", _n=1, _b="upper", **HERE).message.startswith(
        "RANGE key attributes round must have equality conditions"
    )
    assert refused(f"{ALL} AND round = :n AND bracket = :b AND a = :b", _n=1, _b="x", **HERE) == Refusal(
        VE, "The number of query conditions (5) exceeds the number of key attributes defined in the schema (4)"
    )


def test_an_index_is_added_to_items_that_are_there(db):
    name = create_table(db)
    for one in MATCHES:
        db.put_item(TableName=name, Item=one)
    db.update_table(
        TableName=name, AttributeDefinitions=definitions(**PARTS), GlobalSecondaryIndexUpdates=[{"Create": BY_ROUND}]
    )
    wait_active(db, name)
    assert db.scan(TableName=name, IndexName="by-round")["Count"] == len(MATCHES)
    again = refusal(
        db.update_table, TableName=name, AttributeDefinitions=definitions(tournament="N", x=S),
        GlobalSecondaryIndexUpdates=[{"Create": index("other", "tournament")}],
    )
    assert again.message == (
        f"{INVALID}Attributes cannot be redefined. Please check that your attribute has the same type as previously "
        "defined. Existing schema: Schema:[SchemaElement: key{tournament:S:HASH}] New schema: Schema:[SchemaElement: "
        "key{tournament:N:HASH}]"
    )
    undefined = refusal(
        db.update_table, TableName=name, GlobalSecondaryIndexUpdates=[{"Create": index("other", "tournament")}],
    )
    assert undefined.message == "Invalid KeySchema: Some index key attribute have no definition"


def test_key_attributes_are_scalars(db, matches):
    scalars = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
    key = item(a="m1")
    for expression, name in [("a.b", "Key: a"), ("a[0]", "Key: a"), ("x, round.y", "IndexKey: round")]:
        assert refusal(db.get_item, TableName=matches, Key=key, ProjectionExpression=expression) == Refusal(
            VE, scalars + name
        )
    assert refusal(
        db.update_item, TableName=matches, Key=key, UpdateExpression="SET bracket.x = :v",
        ExpressionAttributeValues=item(**{":v": "x"}),
    ) == Refusal(VE, scalars + "IndexKey: bracket")
    assert refusal(
        db.delete_item, TableName=matches, Key=key, ConditionExpression="attribute_exists(a.b)"
    ) == Refusal(VE, scalars + "Key: a")
    assert refusal(
        db.scan, TableName=matches, FilterExpression="attribute_exists(tournament[1])"
    ) == Refusal(VE, scalars + "IndexKey: tournament")


def test_duplicates_of_binary_sets_are_listed_as_they_were_sent(db, matches):
    twice = {"a": {"S": "x"}, "b": {"BS": [b"b", b"a", b"b"]}}
    assert refusal(db.put_item, TableName=matches, Item=twice) == Refusal(
        VE, f"{INVALID}Input collection [Yg==, YQ==, Yg==]of type BS contains duplicates."
    )


def test_lists_in_texts_are_printed_as_java_prints_them(db, matches):
    assert refusal(db.get_item, TableName=matches, Key=item(a="x"), AttributesToGet=[]) == Refusal(
        VE, "1 validation error detected: Value '[]' at 'attributesToGet' failed to satisfy constraint: Member must have "
            "length greater than or equal to 1"
    )
    three = refusal(
        db.create_table, TableName="three-keys", KeySchema=[*keys("a", "b"), {"AttributeName": "c", "KeyType": "RANGE"}],
        AttributeDefinitions=definitions(a=S, b=S, c=S), BillingMode="PAY_PER_REQUEST",
    )
    assert three.message == (
        "1 validation error detected: Value '[KeySchemaElement(attributeName=a, keyType=HASH), "
        "KeySchemaElement(attributeName=b, keyType=RANGE), KeySchemaElement(attributeName=c, keyType=RANGE)]' at "
        "'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2"
    )
    many = [{"PutRequest": {"Item": item(a=f"{i}")}} for i in range(26)]
    batch = refusal(db.batch_write_item, RequestItems={matches: many}).message
    assert batch.startswith(
        f"1 validation error detected: Value '{{{matches}=[WriteRequest(putRequest=PutRequest(item={{a=AttributeValue(s=0, "
    )
    assert batch.endswith(
        "...]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length "
        "less than or equal to 25, Member must have length greater than or equal to 1]"
    )


def test_names_of_attributes_have_a_length(db, matches):
    for name, why in [("", "Empty attribute name"), ("x" * 65536, "Attribute name is too large, must be less than 65536 bytes")]:
        assert refusal(db.put_item, TableName=matches, Item={**item(a="x"), name: {"S": "y"}}) == Refusal(VE, why)
        inner = {**item(a="x"), "m": {"M": {name: {"S": "y"}}}}
        assert refusal(db.put_item, TableName=matches, Item=inner) == Refusal(VE, why)
        assert refusal(db.get_item, TableName=matches, Key=item(a="x"), AttributesToGet=[name]) == Refusal(VE, why)
        assert refusal(
            db.get_item, TableName=matches, Key=item(a="x"), ProjectionExpression="#n",
            ExpressionAttributeNames={"#n": name},
        ) == Refusal(VE, f"ExpressionAttributeNames contains invalid value: {why} for key #n")


def test_what_needs_no_table_is_refused_before_it_is_looked_for(db):
    nowhere = {"TableName": "no-such-table"}
    large = refusal(db.put_item, **nowhere, Item=item(a="x", b="y" * 410_000))
    assert large == Refusal(VE, "Item size has exceeded the maximum allowed size")
    assert refusal(db.query, **nowhere, KeyConditions={
        "a": {"ComparisonOperator": "LT", "AttributeValueList": [{"BOOL": True}]}
    }) == Refusal(VE, f"{INVALID}ComparisonOperator LT is not valid for BOOL AttributeValue type")
    assert refusal(
        db.query, **nowhere, KeyConditionExpression="a = :v OR b = :v", ExpressionAttributeValues=item(**{":v": "x"})
    ) == Refusal(VE, "Invalid operator used in KeyConditionExpression: OR")
    assert refusal(db.update_table, **nowhere, GlobalSecondaryIndexUpdates=[{}]) == Refusal(
        VE, f"{INVALID}One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
            "GlobalSecondaryIndexUpdate.Delete must not be null"
    )


def test_a_transaction_stops_at_what_is_wrong(db, matches):
    puts = [{"Put": {"TableName": matches, "Item": one}} for one in [item(a=1), item(a=2), item(a="y")]]
    error = None
    try:
        db.transact_write_items(TransactItems=puts)
    except db.exceptions.TransactionCanceledException as refused:
        error = refused
    assert [reason["Code"] for reason in error.response["CancellationReasons"]] == ["ValidationError", "None", "None"]


def test_names_of_tables_are_refused_in_two_ways(db):
    required = "The parameter 'TableName' is required but was not present in the request"
    short = "TableName must be at least 3 characters long and at most 255 characters long"
    for operation in [db.describe_table, db.delete_table, db.describe_time_to_live]:
        assert refusal(operation) == Refusal(VE, required)
        assert refusal(operation, TableName="a") == Refusal(VE, short)
    assert refusal(db.get_item, TableName="", Key=item(a="x")) == Refusal(
        VE, "1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: Member must have length "
            "greater than or equal to 1"
    )
    assert refusal(db.get_item, TableName="a;", Key=item(a="x")) == Refusal(
        VE, "1 validation error detected: Value 'a;' at 'tableName' failed to satisfy constraint: Member must have length "
            "greater than or equal to 3"
    )


def test_a_deleted_table_is_described_without_its_keys(db):
    name = create_table(db, types={"b": S}, GlobalSecondaryIndexes=[index("by-b", "b")])
    deleted = db.delete_table(TableName=name)["TableDescription"]
    assert deleted["TableStatus"] == "DELETING" and deleted["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert not {"KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "CreationDateTime"} & set(deleted)
