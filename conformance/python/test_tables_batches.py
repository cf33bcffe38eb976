"""Batches and transactions."""

import threading

import pytest

from kit.client import RNF, VE, Refusal, must, refusal, violations
from kit.tables import create_table, dynamo, index, item, value, without_metadata

CANCELLED = "Transaction cancelled, please refer cancellation reasons for specific reasons "
DUPLICATES = Refusal(VE, "Provided list of item keys contains duplicates")
FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}


@pytest.fixture(scope="module")
def db(server):
    return dynamo(server)


@pytest.fixture(scope="module")
def table(db):
    return create_table(db)


@pytest.fixture(scope="module")
def other(db):
    return create_table(db, "k", "r", types={"r": "N", "l": "S"}, LocalSecondaryIndexes=[index("local", "k", "l")])


def get(db, table, **key):
    return db.get_item(TableName=table, Key=item(**key)).get("Item")


def put(**values):
    return {"PutRequest": {"Item": item(**values)}}


def delete(**key):
    return {"DeleteRequest": {"Key": item(**key)}}


def test_a_batch_writes_and_reads(db, table, other):
    db.put_item(TableName=table, Item=item(a="batch-old"))
    done = db.batch_write_item(RequestItems={
        table: [*(put(a=f"batch-{i}", n=i) for i in range(20)), delete(a="batch-old"), delete(a="batch-none")],
        other: [put(k="x", r=i, l="l") for i in range(3)],
    }, ReturnConsumedCapacity="TOTAL", ReturnItemCollectionMetrics="SIZE")
    assert done["UnprocessedItems"] == {}
    assert done["ConsumedCapacity"][0] == {"TableName": table, "CapacityUnits": 22.0}
    assert done["ItemCollectionMetrics"].keys() == {other}
    assert get(db, table, a="batch-old") is None
    got = db.batch_get_item(RequestItems={
        table: {
            "Keys": [item(a=f"batch-{i}") for i in (3, 4, 99)],
            "ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "n"},
        },
        other: {"Keys": [item(k="x", r=1)], "ConsistentRead": True},
    }, ReturnConsumedCapacity="TOTAL")
    assert sorted(got["Responses"][table], key=str) == [item(n=3), item(n=4)]
    assert got["Responses"][other] == [item(k="x", r=1, l="l")]
    assert got["UnprocessedKeys"] == {}
    assert got["ConsumedCapacity"] == [
        {"TableName": table, "CapacityUnits": 1.5}, {"TableName": other, "CapacityUnits": 1.0}
    ]


def test_batches_have_limits(db, table):
    assert refusal(db.batch_write_item, RequestItems={
        table: [put(a=str(i)) for i in range(26)]
    }).message.endswith("Member must have length greater than or equal to 1]")
    assert refusal(db.batch_write_item, RequestItems={}).message == (
        "The requestItems parameter is required for BatchWriteItem"
    )
    assert refusal(db.batch_write_item, RequestItems={table: [put(a="x"), delete(a="x")]}) == DUPLICATES
    assert refusal(db.batch_get_item, RequestItems={table: {"Keys": [item(a="x"), item(a="x")]}}) == DUPLICATES
    too_many = refusal(db.batch_get_item, RequestItems={table: {"Keys": [item(a=str(i)) for i in range(101)]}})
    assert too_many.code == VE and "length less than or equal to 100" in too_many.message
    arn = db.describe_table(TableName=table)["Table"]["TableArn"]
    twice = {table: {"Keys": [item(a="x")]}, arn: {"Keys": [item(a="x")]}}
    assert refusal(db.batch_get_item, RequestItems=twice).code == VE
    both = {**put(a="x"), **delete(a="y")}
    assert refusal(db.batch_write_item, RequestItems={table: [both]}).code == VE
    assert refusal(db.batch_write_item, RequestItems={table: [{}]}).code == VE
    assert refusal(db.batch_write_item, RequestItems={"no-such-table": [put(a="x")]}).code == RNF
    wrong = refusal(db.batch_write_item, RequestItems={table: [put(a="nothing-of-this"), put(b="x")]})
    assert wrong.code == VE
    assert get(db, table, a="nothing-of-this") is None


def test_a_batch_answers_16_megabytes(db):
    name = create_table(db)
    for i in range(50):
        db.put_item(TableName=name, Item=item(a=str(i), b="x" * 380_000))
    wanted, seen = {name: {"Keys": [item(a=str(i)) for i in range(50)]}}, []
    rounds = 0
    while wanted:
        got = db.batch_get_item(RequestItems=wanted)
        seen += [one["a"]["S"] for one in got["Responses"][name]]
        wanted, rounds = got["UnprocessedKeys"], rounds + 1
    assert sorted(map(int, seen)) == list(range(50)) and rounds == 2


def test_a_throttled_batch_is_left_in_part(limited):
    db = dynamo(limited)
    name = create_table(db, ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})
    left = {}
    for round in range(100):
        try:
            left = db.batch_write_item(RequestItems={
                name: [put(a=f"{round}-{i}", b="x" * 10_000) for i in range(25)]
            })["UnprocessedItems"]
        except db.exceptions.ProvisionedThroughputExceededException:
            break
        if left:
            break
    else:
        raise AssertionError("it was never throttled")
    if left:
        [first, *_] = left[name]
        assert first["PutRequest"]["Item"]["b"] == value("x" * 10_000)


def test_a_transaction_is_done_whole(db, table, other):
    db.put_item(TableName=table, Item=item(a="tx-delete"))
    db.put_item(TableName=table, Item=item(a="tx-check", n=1))
    done = db.transact_write_items(TransactItems=[
        {"Put": {"TableName": table, "Item": item(a="tx-put"), "ConditionExpression": "attribute_not_exists(a)"}},
        {"Update": {
            "TableName": other, "Key": item(k="tx", r=1), "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": item(**{":n": 5}),
        }},
        {"Delete": {"TableName": table, "Key": item(a="tx-delete")}},
        {"ConditionCheck": {
            "TableName": table, "Key": item(a="tx-check"), "ConditionExpression": "n = :n",
            "ExpressionAttributeValues": item(**{":n": 1}),
        }},
    ], ReturnConsumedCapacity="TOTAL")
    assert {one["TableName"] for one in done["ConsumedCapacity"]} == {table, other}
    got = db.transact_get_items(TransactItems=[
        {"Get": {"TableName": table, "Key": item(a="tx-put")}},
        {"Get": {"TableName": other, "Key": item(k="tx", r=1), "ProjectionExpression": "n"}},
        {"Get": {"TableName": table, "Key": item(a="tx-delete")}},
    ], ReturnConsumedCapacity="TOTAL")
    assert got["Responses"] == [{"Item": item(a="tx-put")}, {"Item": item(n=5)}, {}]
    assert got["ConsumedCapacity"][0] == {"TableName": table, "CapacityUnits": 4.0}


def test_or_not_at_all(db, table):
    db.put_item(TableName=table, Item=item(a="no-1", n=1))
    condition = {"ConditionExpression": "n = :n", "ExpressionAttributeValues": item(**{":n": 9})}
    with pytest.raises(db.exceptions.TransactionCanceledException) as cancelled:
        db.transact_write_items(TransactItems=[
            {"Put": {"TableName": table, "Item": item(a="no-2")}},
            {"Put": {
                "TableName": table, "Item": item(a="no-1"), "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                **condition,
            }},
            {"ConditionCheck": {"TableName": table, "Key": item(a="no-3"), **condition}},
        ])
    response = cancelled.value.response
    assert response["Error"]["Message"] == CANCELLED + "[None, ConditionalCheckFailed, ConditionalCheckFailed]"
    assert response["CancellationReasons"] == [
        {"Code": "None"}, FAILED | {"Item": item(a="no-1", n=1)}, FAILED
    ]
    assert get(db, table, a="no-2") is None and get(db, table, a="no-1") == item(a="no-1", n=1)
    with pytest.raises(db.exceptions.TransactionCanceledException) as cancelled:
        db.transact_write_items(TransactItems=[
            {"Put": {"TableName": table, "Item": item(b="no key")}},
            {"Put": {"TableName": table, "Item": item(a="no-2")}},
        ])
    reasons = cancelled.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["ValidationError", "None"]
    assert get(db, table, a="no-2") is None


def test_transactions_have_rules(db, table):
    same = Refusal(VE, "Transaction request cannot include multiple operations on one item")
    one = {"Put": {"TableName": table, "Item": item(a="same")}}
    assert refusal(db.transact_write_items, TransactItems=[one, one]) == same
    get = {"Get": {"TableName": table, "Key": item(a="same")}}
    assert refusal(db.transact_get_items, TransactItems=[get, get]) == same
    assert refusal(db.transact_write_items, TransactItems=[{}]) == Refusal(
        VE, "TransactItems can only contain one of Check, Put, Update or Delete"
    )
    many = [{"Put": {"TableName": table, "Item": item(a=str(i))}} for i in range(101)]
    assert "less than or equal to 100" in refusal(db.transact_write_items, TransactItems=many).message
    assert "greater than or equal to 1" in refusal(db.transact_write_items, TransactItems=[]).message
    bare = [{"ConditionCheck": {"TableName": table, "Key": item(a="x")}}, {"Update": {"Key": item(a="x")}}]
    assert violations(refusal(db.transact_write_items, TransactItems=bare)) == {
        must("transactItems.1.member.conditionCheck.conditionExpression", "not be null"),
        must("transactItems.2.member.update.tableName", "not be null"),
        must("transactItems.2.member.update.updateExpression", "not be null"),
    }
    assert refusal(
        db.transact_write_items,
        TransactItems=[{"Put": {"TableName": "no-such-table", "Item": item(a="x")}}],
    ) == Refusal(RNF, "Requested resource not found")
    hundred = many[:100]
    assert without_metadata(db.transact_write_items(TransactItems=hundred)) == {}


def test_a_token_makes_it_happen_once(db, table):
    add = {"Update": {
        "TableName": table, "Key": item(a="token"), "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": item(**{":one": 1}),
    }}
    for _ in range(3):
        db.transact_write_items(TransactItems=[add], ClientRequestToken="once")
    assert get(db, table, a="token") == item(a="token", n=1)
    changed = refusal(
        db.transact_write_items, ClientRequestToken="once",
        TransactItems=[{"Put": {"TableName": table, "Item": item(a="token")}}],
    )
    assert changed.code == "IdempotentParameterMismatchException"
    assert violations(refusal(db.transact_write_items, TransactItems=[add], ClientRequestToken="x" * 37)) == {
        must("clientRequestToken", "have length less than or equal to 36", "x" * 37)
    }


def test_counters_lose_nothing(server, table):
    """Conditional updates of one item by many at once: each is done once, or says that it was not."""
    def work():
        db, done = dynamo(server), 0
        while done < 25:
            n = int(get(db, table, a="counter")["n"]["N"])
            try:
                db.update_item(
                    TableName=table, Key=item(a="counter"), UpdateExpression="SET n = :new",
                    ConditionExpression="n = :old", ExpressionAttributeValues=item(**{":new": n + 1, ":old": n}),
                )
                done += 1
            except db.exceptions.ConditionalCheckFailedException:
                pass
    dynamo(server).put_item(TableName=table, Item=item(a="counter", n=0))
    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert get(dynamo(server), table, a="counter") == item(a="counter", n=200)
