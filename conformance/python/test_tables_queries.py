"""Query and Scan: order, pages, indexes, filters, segments."""

import pytest

from kit.client import VE, Refusal, must, refusal, violations
from kit.tables import INVALID, create_table, dynamo, index, item, value

PEOPLE = [
    item(team=f"team-{i % 3}", rank=i, name=f"name-{i}", city="here" if i % 2 else "there", note="x" * 10)
    for i in range(30)
]


@pytest.fixture(scope="module")
def db(server):
    return dynamo(server)


@pytest.fixture(scope="module")
def people(db):
    name = create_table(
        db, "team", "rank", types={"rank": "N", "city": "S", "name": "S"},
        GlobalSecondaryIndexes=[
            index("by-city", "city", "rank"),
            index("by-name", "name", projection="KEYS_ONLY"),
            index("with-note", "city", "name", projection="INCLUDE", NonKeyAttributes=["note"]),
        ],
        LocalSecondaryIndexes=[index("local-name", "team", "name", projection="KEYS_ONLY")],
    )
    for one in PEOPLE:
        db.put_item(TableName=name, Item=one)
    db.put_item(TableName=name, Item=item(team="team-9", rank=1))
    return name


@pytest.fixture
def query(db, people):
    def ask(condition, names=None, **options):
        values = {key: options.pop(key) for key in [key for key in options if key.startswith("_")]}
        return db.query(
            TableName=people, KeyConditionExpression=condition,
            ExpressionAttributeValues=item(**{f":{key[1:]}": one for key, one in values.items()}),
            **({"ExpressionAttributeNames": names} if names else {}), **options,
        )
    return ask


def ranks(page):
    return [int(one["rank"]["N"]) for one in page["Items"]]


def team(n):
    return list(range(n, 30, 3))


def test_a_partition_comes_in_order(query):
    page = query("team = :t", _t="team-1")
    assert ranks(page) == team(1) and page["Items"] == PEOPLE[1::3]
    assert (page["Count"], page["ScannedCount"]) == (10, 10) and "LastEvaluatedKey" not in page
    assert ranks(query("team = :t", _t="team-1", ScanIndexForward=False)) == team(1)[::-1]
    assert query("team = :t", _t="nobody")["Items"] == []


@pytest.mark.parametrize("condition, values, expected", [
    ("#r = :r", {"_r": 7}, [7]),
    ("#r < :r", {"_r": 7}, [1, 4]),
    ("#r <= :r", {"_r": 7}, [1, 4, 7]),
    ("#r > :r", {"_r": 22}, [25, 28]),
    ("#r >= :r", {"_r": 22}, [22, 25, 28]),
    ("#r BETWEEN :r AND :s", {"_r": 5, "_s": 13}, [7, 10, 13]),
])
def test_sort_keys_are_compared(query, condition, values, expected):
    page = query(f"team = :t AND {condition}", {"#r": "rank"}, _t="team-1", **values)
    assert ranks(page) == expected


def test_the_same_in_older_parameters(db, people):
    page = db.query(TableName=people, KeyConditions={
        "team": {"ComparisonOperator": "EQ", "AttributeValueList": [value("team-1")]},
        "rank": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [value(5), value(13)]},
    }, QueryFilter={"city": {"ComparisonOperator": "EQ", "AttributeValueList": [value("here")]}},
        AttributesToGet=["rank"])
    assert page["Items"] == [item(rank=7), item(rank=13)]
    assert (page["Count"], page["ScannedCount"]) == (2, 3)


def test_pages_go_on(db, people, query):
    seen, start = [], {}
    while True:
        page = query("team = :t", _t="team-2", Limit=3, **start)
        seen += ranks(page)
        if "LastEvaluatedKey" not in page:
            break
        assert page["Count"] == 3 and page["LastEvaluatedKey"].keys() == {"team", "rank"}
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert seen == team(2)
    pages = db.get_paginator("query").paginate(
        TableName=people, IndexName="by-city", KeyConditionExpression="city = :c",
        ExpressionAttributeValues=item(**{":c": "here"}), ScanIndexForward=False,
        PaginationConfig={"PageSize": 4},
    )
    assert [rank for page in pages for rank in ranks(page)] == list(range(29, 0, -2))


def test_start_keys_have_a_form(db, people, query):
    start = lambda key: pytest.raises(db.exceptions.ClientError, match="starting key")  # noqa: E731
    for key in [item(team="team-1"), item(team="team-1", rank="x"), item(team="team-1", rank=1, x=1), {"team": {}}]:
        with start(key):
            query("team = :t", _t="team-1", ExclusiveStartKey=key)
    with start(None):
        query("team = :t", _t="team-1", ExclusiveStartKey=item(team="team-2", rank=2))


def test_filters_and_counts(db, people, query):
    names = {"#n": "name"}
    page = query("team = :t", names, _t="team-1", _a="name-1", FilterExpression="begins_with(#n, :a)")
    assert ranks(page) == [1, 10, 13, 16, 19] and page["ScannedCount"] == 10
    page = query("team = :t", _t="team-1", Select="COUNT")
    assert (page["Count"], page["ScannedCount"]) == (10, 10) and "Items" not in page
    page = query("team = :t", _t="team-1", ProjectionExpression="note", Limit=1)
    assert page["Items"] == [item(note="x" * 10)]
    with pytest.raises(db.exceptions.ClientError) as refused:
        query("team = :t", {"#r": "rank"}, _t="team-1", _r=1, FilterExpression="#r > :r")
    assert refused.value.response["Error"]["Message"] == (
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: rank"
    )


def test_what_is_selected(db, people):
    ask = {
        "TableName": people, "KeyConditionExpression": "team = :t",
        "ExpressionAttributeValues": item(**{":t": "team-1"}), "Limit": 1,
    }
    one = lambda **options: db.query(**ask, **options)["Items"][0]  # noqa: E731
    by_name = {"IndexName": "local-name"}
    assert one(**by_name).keys() == {"team", "rank", "name"}
    assert one(Select="ALL_PROJECTED_ATTRIBUTES", **by_name).keys() == {"team", "rank", "name"}
    assert one(Select="ALL_ATTRIBUTES", **by_name).keys() == PEOPLE[0].keys()
    assert one(Select="SPECIFIC_ATTRIBUTES", ProjectionExpression="note", **by_name).keys() == {"note"}
    wrong = lambda **options: refusal(db.query, **ask, **options)  # noqa: E731
    assert "can be used only when Querying using an IndexName" in wrong(Select="ALL_PROJECTED_ATTRIBUTES").message
    assert "Must specify the AttributesToGet or ProjectionExpression" in wrong(Select="SPECIFIC_ATTRIBUTES").message
    assert "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES" in wrong(
        Select="ALL_ATTRIBUTES", ProjectionExpression="note"
    ).message
    assert violations(wrong(Select="SOME")) == {must(
        "select",
        "satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]", "SOME",
    )}


def test_global_indexes(db, people):
    ask = lambda name, key, **options: db.query(  # noqa: E731
        TableName=people, IndexName=name, KeyConditionExpression=f"#k = :k", ExpressionAttributeNames={"#k": key[0]},
        ExpressionAttributeValues=item(**{":k": key[1]}), **options,
    )
    assert ranks(ask("by-city", ("city", "there"))) == list(range(0, 30, 2))
    assert ask("by-name", ("name", "name-7"))["Items"] == [item(team="team-1", rank=7, name="name-7")]
    assert ask("with-note", ("city", "here"), Limit=1)["Items"] == [
        item(city="here", name="name-1", team="team-1", rank=1, note="x" * 10)
    ]
    wrong = lambda *key, **options: refusal(lambda: ask(*key, **options))  # noqa: E731
    assert wrong("by-city", ("city", "here"), ConsistentRead=True) == Refusal(
        VE, "Consistent reads are not supported on global secondary indexes"
    )
    assert wrong("none", ("city", "here")) == Refusal(VE, "The table does not have the specified index: none")
    assert wrong("by-name", ("name", "name-7"), Select="ALL_ATTRIBUTES") == Refusal(
        VE, INVALID + "Select type ALL_ATTRIBUTES is not supported for global secondary index by-name because its "
        "projection type is not ALL",
    )
    assert "does not project [note]" in wrong("by-name", ("name", "name-7"), ProjectionExpression="note").message


def test_what_no_query_is(db, people):
    assert refusal(db.query, TableName=people) == Refusal(
        VE, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
    )
    assert refusal(
        db.query, TableName=people, KeyConditionExpression="team = :t",
        ExpressionAttributeValues=item(**{":t": 1}),
    ).code == VE
    assert refusal(
        db.query, TableName=people, KeyConditionExpression="#r = :r", ExpressionAttributeNames={"#r": "rank"},
        ExpressionAttributeValues=item(**{":r": 1}),
    ) == Refusal(VE, "Query condition missed key schema element: team")
    assert violations(refusal(
        db.query, TableName=people, KeyConditionExpression="team = :t", Limit=0, IndexName="a b",
        ExpressionAttributeValues=item(**{":t": "x"}),
    )) == {
        "Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
        must("indexName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+", "a b"),
    }
    mixed = refusal(
        db.query, TableName=people, KeyConditions={}, KeyConditionExpression="team = :t", AttributesToGet=["x"],
        ExpressionAttributeValues=item(**{":t": "x"}),
    )
    assert mixed.message.endswith(
        "Non-expression parameters: {AttributesToGet, KeyConditions} Expression parameters: {KeyConditionExpression}"
    )


def scanned(db, **options):
    pages = db.get_paginator("scan").paginate(**options)
    return [one for page in pages for one in page["Items"]]


def key_of(one):
    return one["team"]["S"], int(one["rank"]["N"])


def test_a_scan_sees_each_item_once(db, people):
    everything = scanned(db, TableName=people, Limit=7)
    assert len(everything) == 31 and len({key_of(one) for one in everything}) == 31
    assert sorted(map(key_of, scanned(db, TableName=people))) == sorted(map(key_of, everything))
    assert len(scanned(db, TableName=people, IndexName="by-city")) == 30, "only what has the index's key"
    page = db.scan(TableName=people, Select="COUNT", FilterExpression="city = :c",
                   ExpressionAttributeValues=item(**{":c": "here"}))
    assert (page["Count"], page["ScannedCount"]) == (15, 31)
    older = {"city": {"ComparisonOperator": "NULL"}}
    assert db.scan(TableName=people, ScanFilter=older)["Items"] == [item(team="team-9", rank=1)]


@pytest.mark.parametrize("segments", [1, 2, 7, 100])
def test_segments_are_parts(db, people, segments):
    parts = [
        scanned(db, TableName=people, Segment=i, TotalSegments=segments, Limit=5) for i in range(segments)
    ]
    together = sorted(key_of(one) for part in parts for one in part)
    assert together == sorted(map(key_of, scanned(db, TableName=people)))


def test_what_no_segment_is(db, people):
    scan = lambda **options: refusal(db.scan, TableName=people, **options)  # noqa: E731
    assert scan(Segment=1).message == (
        "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"
    )
    assert scan(TotalSegments=1).message == (
        "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"
    )
    assert scan(Segment=2, TotalSegments=2).message == (
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less "
        "than TotalSegments: 2"
    )
    assert violations(scan(Segment=0, TotalSegments=1_000_001)) == {
        must("totalSegments", "have value less than or equal to 1000000", 1_000_001)
    }


def test_a_page_is_a_megabyte(db):
    name = create_table(db, "a", "b", types={"b": "N"})
    for i in range(12):
        db.put_item(TableName=name, Item=item(a="x", b=i, c="x" * 100_000))
    page = db.query(
        TableName=name, KeyConditionExpression="a = :a", ExpressionAttributeValues=item(**{":a": "x"})
    )
    assert page["Count"] == 11 and page["LastEvaluatedKey"] == item(a="x", b=10)
    assert len(scanned(db, TableName=name)) == 12
