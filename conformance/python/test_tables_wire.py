"""What is below the SDK: headers, errors, types, access, metrics, and that the other services stay as they are."""

import json
import zlib

import pytest

from kit.access import OTHER, OWN, add, allow, policy
from kit.client import connect, create, refusal, until
from kit.raw import SIGNED, Connection
from kit.server import Server
from kit.tables import create_table, describe, dynamo, index, item

import boto3

JSON = "application/x-amz-json-1.0"


def post(server, operation, body, headers=SIGNED, content_type=JSON):
    sent = body if isinstance(body, (str, bytes)) else json.dumps(body)
    named = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": content_type}
    with Connection(server) as connection:
        return connection.request("POST", "/", sent, headers | named)


@pytest.fixture(scope="module")
def table(server):
    return create_table(dynamo(server))


def test_every_answer_has_its_headers(server, table):
    for operation, body, status in [
        ("DescribeTable", {"TableName": table}, 200), ("DescribeTable", {}, 400), ("Nothing", {}, 400),
        ("ListTables", "{", 400), ("ListTables", {}, 200),
    ]:
        answer = post(server, operation, body)
        assert answer.status == status
        assert answer.headers["Content-Type"] == JSON
        assert int(answer.headers["x-amz-crc32"]) == zlib.crc32(answer.body)
        assert answer.headers["x-amzn-RequestId"]


@pytest.mark.parametrize("operation, body, kind", [
    ("DescribeTable", {}, "com.amazon.coral.validate#ValidationException"),
    ("BatchWriteItem", {}, "com.amazon.coral.validate#ValidationException"),
    ("TransactGetItems", {}, "com.amazon.coral.validate#ValidationException"),
    ("Nothing", {}, "com.amazon.coral.service#UnknownOperationException"),
    ("Nothing", "{", "com.amazon.coral.service#SerializationException"),
    ("ListTables", "{", "com.amazon.coral.service#SerializationException"),
    ("ListTables", "", "com.amazon.coral.service#SerializationException"),
    ("ListTables", {"Limit": "a"}, "com.amazon.coral.service#SerializationException"),
    ("PutItem", {"TableName": "abc", "Item": {"a": {"B": "!"}}}, "com.amazon.coral.service#SerializationException"),
    ("PutItem", {"TableName": "abc", "Item": {"a": {"N": 1}}}, "com.amazon.coral.service#SerializationException"),
    ("PutItem", {"TableName": "abc", "Item": {"a": "x"}}, "com.amazon.coral.service#SerializationException"),
    ("DescribeTable", {"TableName": "abc"}, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"),
])
def test_errors_have_their_names(server, operation, body, kind):
    answer = post(server, operation, body)
    assert (answer.status, answer.type) == (400, kind)


def test_what_is_not_signed_is_refused(server):
    answer = post(server, "ListTables", {}, headers={})
    assert answer.type == "com.amazon.coral.service#MissingAuthenticationTokenException"
    assert answer.status == 400


def test_other_content_types_are_not_taken(server):
    answer = post(server, "ListTables", {}, content_type="application/x-amz-json-1.1")
    assert answer.status == 404 and b"UnknownOperationException" in answer.body
    assert post(server, "ListTables", {}, content_type=f"{JSON}; charset=utf-8").status == 200


def test_deep_json_is_no_harm(server, table):
    deep = b'{"TableName":"%s","Item":{"a":' % table.encode() + b'{"L":[' * 50_000 + b"]}" * 50_000 + b"}}"
    answer = post(server, "PutItem", deep)
    assert answer.status == 400 and answer.json()["message"] == "Nesting Levels have exceeded supported limits"
    for body in [b"[" * 100_000, b'{"a":' * 100_000, b'{"Item":' + b"[" * 100_000]:
        assert post(server, "PutItem", body).status == 400


def test_many_small_values_are_no_harm(server, table):
    for part in [b'{"NULL":true},', b'{"S":""},', b"{},"]:
        values = (part * (8_000_000 // len(part)))[:-1]
        body = b'{"TableName":"%s","Item":{"a":{"S":"x"},"b":{"L":[%s]}}}' % (table.encode(), values)
        answer = post(server, "PutItem", body)
        assert answer.status == 400, answer.body[:200]


def test_kinesis_and_its_tags_are_as_they_were(server):
    kinesis = connect(server)
    name = create(kinesis)
    kinesis.tag_resource(ResourceARN=server.arn(name), Tags={"a": "b"})
    assert kinesis.describe_limits()["ShardLimit"] > 0
    assert post(server, "ListTables", {}).status == 200
    with Connection(server) as connection:
        answer = connection.post("ListTables", {})
        assert answer.type == "UnknownOperationException"
        metrics = connection.request("GET", "/metrics").body.decode()
    assert 'headwater_requests_total{service="kinesis",operation="TagResource",outcome="ok"}' in metrics
    assert 'headwater_requests_total{service="dynamodb",operation="ListTables",outcome="ok"}' in metrics
    assert 'service="kinesis",operation="ListTables"' not in metrics


def as_user(server, person):
    session = boto3.Session(
        aws_access_key_id=person.key, aws_secret_access_key=person.secret, region_name="us-east-1"
    )
    return dynamo(server, session)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with credentials, and who may do what."""
    directory = tmp_path_factory.mktemp("guarded")
    file, audit = directory / "credentials.toml", directory / "audit.jsonl"
    arn = f"arn:aws:dynamodb:us-east-1:{OWN}:table/"
    people = {
        "root": add(file),
        "reader": add(file, OWN, "reader", ["read-only"]),
        "full": add(file, OWN, "full", ["full-access"]),
        "stranger": add(file, OTHER),
        "mine": add(file, OWN, "mine", [policy(
            directory, "mine",
            allow("dynamodb:*Item", "dynamodb:Query", resource=arn + "mine-*"),
            allow("dynamodb:CreateTable", "dynamodb:TagResource",
                  Condition={"StringEquals": {"aws:RequestTag/team": "web"}}),
            allow("dynamodb:DeleteTable", Condition={"StringEquals": {"aws:ResourceTag/team": "web"}}),
        )]),
        "index": add(file, OWN, "index", [policy(
            directory, "index", allow("dynamodb:Query", resource=arn + "*/index/by-b")
        )]),
        "gets": add(file, OWN, "gets", [policy(
            directory, "gets", allow("dynamodb:GetItem", "dynamodb:PutItem"),
        )]),
    }
    flags = ["--credentials", str(file), "--audit-log", str(audit)]
    with Server(directory, account=OWN, flags=flags) as running:
        running.people = {name: as_user(running, person) for name, person in people.items()}
        running.audit = audit
        yield running


def denied(call, /, **parameters):
    refused = refusal(call, **parameters)
    assert refused.code == "AccessDeniedException", refused
    return refused.message


def test_signatures_are_checked(guarded):
    answer = post(guarded, "ListTables", {})
    assert answer.type == "com.amazon.coral.service#InvalidSignatureException", "its date is long ago"
    session = boto3.Session(aws_access_key_id="AKIAAAAAAAAAAAAAAAAA", aws_secret_access_key="x" * 20,
                            region_name="us-east-1")
    assert refusal(dynamo(guarded, session).list_tables).code == "UnrecognizedClientException"
    large = {"TableName": "abc", "Item": item(a="x" * 200_000)}
    assert refusal(dynamo(guarded, session).put_item, **large).code == "UnrecognizedClientException"


def test_policies_decide(guarded):
    root, mine, reader = (guarded.people[name] for name in ["root", "mine", "reader"])
    keys = [{"AttributeName": "a", "KeyType": "HASH"}]
    made = {
        "KeySchema": keys, "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    root.create_table(TableName="mine-1", **made)
    root.create_table(TableName="others-1", **made)
    until(lambda: describe(root, "others-1")["TableStatus"] == "ACTIVE")
    mine.put_item(TableName="mine-1", Item=item(a="x"))
    text = denied(mine.put_item, TableName="others-1", Item=item(a="x"))
    assert text == (
        f"User: arn:aws:iam::{OWN}:user/mine is not authorized to perform: dynamodb:PutItem on resource: "
        f"arn:aws:dynamodb:us-east-1:{OWN}:table/others-1 because no identity-based policy allows the "
        "dynamodb:PutItem action"
    )
    assert "no-such" in denied(mine.get_item, TableName="no-such", Key=item(a="x")), "nor whether it is there"
    denied(mine.list_tables)
    denied(mine.create_table, TableName="mine-2", **made)
    mine.create_table(TableName="mine-2", Tags=[{"Key": "team", "Value": "web"}], **made)
    until(lambda: describe(root, "mine-2")["TableStatus"] == "ACTIVE")
    denied(mine.delete_table, TableName="mine-1")
    mine.delete_table(TableName="mine-2")
    batch = {"mine-1": [{"PutRequest": {"Item": item(a="y")}}], "others-1": [{"PutRequest": {"Item": item(a="y")}}]}
    assert "BatchWriteItem" in denied(mine.batch_write_item, RequestItems=batch)
    assert "Item" not in root.get_item(TableName="mine-1", Key=item(a="y"))
    assert reader.get_item(TableName="mine-1", Key=item(a="x"))["Item"] == item(a="x")
    assert reader.scan(TableName="mine-1")["Count"] == 1 and reader.list_tables()["TableNames"]
    denied(reader.put_item, TableName="mine-1", Item=item(a="z"))
    denied(reader.update_table, TableName="mine-1", TableClass="STANDARD")
    full = guarded.people["full"]
    full.put_item(TableName="others-1", Item=item(a="x"))


def test_transactions_ask_for_their_actions(guarded):
    root, gets = guarded.people["root"], guarded.people["gets"]
    name = create_table(root)
    put = {"Put": {"TableName": name, "Item": item(a="x")}}
    gets.transact_write_items(TransactItems=[put])
    gets.transact_get_items(TransactItems=[{"Get": {"TableName": name, "Key": item(a="x")}}])
    check = {"ConditionCheck": {
        "TableName": name, "Key": item(a="y"), "ConditionExpression": "attribute_not_exists(a)",
    }}
    assert "dynamodb:ConditionCheckItem" in denied(gets.transact_write_items, TransactItems=[put, check])
    assert "dynamodb:DeleteItem" in denied(
        gets.transact_write_items, TransactItems=[put, {"Delete": {"TableName": name, "Key": item(a="y")}}]
    )
    denied(gets.batch_get_item, RequestItems={name: {"Keys": [item(a="x")]}})


def test_an_index_is_a_resource_of_its_own(guarded):
    root, user = guarded.people["root"], guarded.people["index"]
    name = create_table(root, types={"b": "S"}, GlobalSecondaryIndexes=[index("by-b", "b")])
    root.put_item(TableName=name, Item=item(a="x", b="y"))
    by_b = {
        "TableName": name, "KeyConditionExpression": "b = :b", "ExpressionAttributeValues": item(**{":b": "y"}),
    }
    assert user.query(IndexName="by-b", **by_b)["Items"] == [item(a="x", b="y")]
    assert f"table/{name} because" in denied(user.query, **by_b)
    assert f"table/{name}/index/by-c because" in denied(user.query, IndexName="by-c", **by_b)


def test_accounts_are_apart(guarded):
    root, stranger = guarded.people["root"], guarded.people["stranger"]
    name = create_table(root)
    assert name not in stranger.list_tables()["TableNames"]
    assert refusal(stranger.describe_table, TableName=name).code == "ResourceNotFoundException"
    denied(stranger.describe_table, TableName=describe(root, name)["TableArn"])
    create_table(stranger)


def test_changes_and_refusals_are_recorded(guarded):
    root, reader = guarded.people["root"], guarded.people["reader"]
    name = create_table(root)
    arn = f"arn:aws:dynamodb:us-east-1:{OWN}:table/{name}"
    root.put_item(TableName=name, Item=item(a="secret"))
    root.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    denied(reader.delete_table, TableName=name)
    root.delete_table(TableName=name)
    lines = [json.loads(line) for line in guarded.audit.read_text().splitlines()]
    about = [(line["action"], line["outcome"]) for line in lines if line.get("resource") == arn]
    assert about == [
        ("dynamodb:CreateTable", "ok"), ("dynamodb:TagResource", "ok"),
        ("dynamodb:DeleteTable", "AccessDeniedException"), ("dynamodb:DeleteTable", "ok"),
    ]


def test_conditions_on_leading_keys_are_refused(tmp_path):
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["x"]}}
    with pytest.raises(AssertionError, match="(?i)leadingkeys"):
        add(tmp_path / "credentials.toml", OWN, "user", [policy(tmp_path, "keys", allow("dynamodb:*", Condition=condition))])
