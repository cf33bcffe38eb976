"""Bodies nobody should send: an AWS error each, and the server goes on as if nothing were."""

import http.client
import json
import random

import pytest

from kit.client import IA, SERIALIZATION, VE, connect, create
from kit.operations import BUILT, MODEL, request
from kit.raw import Connection, b64, post
from kit.reading import data, read, read_stream
from kit.server import Server

MIB = 1024 * 1024
MEMORY_LIMIT_MIB = 512


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this file's own, whose memory is looked at when all is over."""
    with Server(tmp_path_factory.mktemp("hostile-input")) as running:
        yield running
        kinesis = connect(running)
        name = create(kinesis)
        kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"still here")
        assert data(read(kinesis, name)) == [b"still here"]
        assert running.memory_mib("VmHWM") < MEMORY_LIMIT_MIB, running.memory_mib("VmHWM")


@pytest.fixture(scope="module")
def kinesis(server):
    return connect(server)


def test_put_records_cut_at_every_byte(server, kinesis, stream):
    records = [{"Data": b64(b"xyz"), "PartitionKey": "a"}] * 2
    body = json.dumps({"StreamName": stream, "Records": records}).encode()
    with Connection(server) as connection:
        for length in range(len(body)):
            answer = connection.post("PutRecords", body[:length])
            assert answer.status == 400, (length, answer)
            assert answer.json() == {"__type": SERIALIZATION}, length
    assert read(kinesis, stream) == []


WRONG = {
    "number": 5, "text": "text", "boolean": True, "list": [1], "map": {"a": 1},
    "fraction": 1.5, "nested": [[{"a": []}]],
}
FITS = {
    "string": {"text"}, "blob": {"text"}, "integer": {"number", "fraction"}, "boolean": {"boolean", "fraction"},
    "timestamp": {"number", "fraction"}, "structure": {"map"}, "list": {"list", "nested"}, "map": {"map"},
}
TEXTS = {
    ("string", "number"):
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String",
    ("string", "boolean"): "class java.lang.Boolean can not be converted to an String",
    ("string", "list"): "Start of list found where not expected",
    ("string", "map"): "Start of structure or map found where not expected.",
    ("integer", "text"): "class java.lang.String can not be converted to an Integer",
    ("integer", "boolean"): "class java.lang.Boolean can not be converted to an Integer",
    ("integer", "list"): "Start of list found where not expected",
    ("integer", "map"): "Start of structure or map found where not expected.",
    ("timestamp", "text"): "class java.lang.String can not be converted to milliseconds since epoch",
}


@pytest.mark.parametrize("operation", sorted(BUILT))
def test_a_wrong_type_for_each_member(server, stream, operation):
    shape = MODEL.operation_model(operation).input_shape
    with Connection(server) as connection:
        for member, member_shape in (shape.members if shape else {}).items():
            if member == "StreamId":
                continue  # Documented as not implemented: read or ignored, either is right.
            kind = member_shape.type_name
            for wrong in WRONG.keys() - FITS[kind]:
                body = request(operation, stream) | {member: WRONG[wrong]}
                answer = connection.post(operation, body)
                assert (answer.status, answer.type) == (400, SERIALIZATION), (member, wrong, answer)
                expected = TEXTS.get((kind, wrong), answer.json()["Message"])
                assert answer.json()["Message"] == expected, (member, wrong)


@pytest.mark.parametrize("literal", [
    "1e400", "-1e400", "99999999999999999999", "-99999999999999999999", "1" * 10_000, "1.5e308",
    "-0", "1e-400", "0.1", "NaN", "Infinity", "0x10", "01", "+1", "1_000", ".5", "5.",
])
def test_numbers_of_every_kind(server, stream, literal):
    for template in ('{"StreamName":"%s","Limit":%s}', '{"StreamName":"%s","Unheard":%s}'):
        answer = post(server, "DescribeStream", template % (stream, literal))
        assert answer.status in (200, 400), answer
        if answer.status == 400:
            assert answer.type in (SERIALIZATION, VE, IA)


@pytest.mark.parametrize("body", [
    b"[" * 100_000, b"[" * 50_000 + b"]" * 50_000, b'{"a":' * 100_000,
    b'{"StreamName":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"Unheard":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    b'{"Records":' + b'[{"Records":' * 50_000,
], ids=["open", "closed", "maps", "known", "unknown", "members"])
def test_deep_nesting(server, body):
    answer = post(server, "DescribeStream", body)
    assert (answer.status, answer.type) in ((400, SERIALIZATION), (400, VE), (400, IA))


@pytest.mark.parametrize("body", [
    b'{"StreamName":"\xff\xfe"}', b'{"StreamName":"\xc0\x80"}', b"\xff\xfe\x00", b'{"\xed\xa0\x80":1}',
    b'{"StreamName":"a\x00b"}', b'{"StreamName":"\\ud800"}', b'{"StreamName":"\\u12"}',
    b'{"StreamName":"\\x41"}', b"\xef\xbb\xbf{}", b"null", b"[]", b'"text"', b"5", b"true", b"{} {}",
    b'{"StreamName":"a",}', b"{'StreamName':'a'}", b'{"StreamName" "a"}', b"\x00" * 1000, b" " * 1000,
    b"{" + b'"a":1,' * 100_000 + b'"b":1}',
])
def test_text_that_is_no_request(server, body):
    answer = post(server, "DescribeStream", body)
    assert answer.status == 400
    assert answer.type in (SERIALIZATION, VE, IA, "ResourceNotFoundException")


def test_a_lone_surrogate_as_partition_key(server, kinesis, stream):
    body = '{"StreamName":"%s","PartitionKey":"\\ud800","Data":"eA=="}' % stream
    answer = post(server, "PutRecord", body)
    assert answer.status in (200, 400)
    for record in read(kinesis, stream):
        assert record["PartitionKey"]


def test_members_given_twice(server, kinesis, stream):
    body = '{"StreamName":"%s","StreamName":"%s","PartitionKey":"a","PartitionKey":"b","Data":"eA=="}'
    answer = post(server, "PutRecord", body % ("x", stream))
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert [r["PartitionKey"] for r in read(kinesis, stream)] == ["b"], "the last one counts"


def test_names_with_escapes_are_the_same_names(server, stream):
    body = '{"\\u0053treamName":"%s"}' % stream.replace("s", "\\u0073")
    assert post(server, "DescribeStream", body).status == 200


@pytest.mark.parametrize("size_mib", [15, 40])
def test_a_body_above_the_limit(server, stream, size_mib):
    """Told or cut off, never taken."""
    body = json.dumps({"StreamName": stream, "PartitionKey": "a", "Data": "A" * size_mib * MIB})
    try:
        answer = post(server, "PutRecord", body)
    except ConnectionError:
        return
    assert answer.status in (400, 413), answer.status


def test_a_body_of_the_largest_request_is_taken(server, kinesis):
    name = create(kinesis)
    batch = [{"PartitionKey": "a", "Data": bytes(MIB - 1)}] * 10
    assert kinesis.put_records(StreamName=name, Records=batch)["FailedRecordCount"] == 0
    assert len(read(kinesis, name)) == 10


def test_random_damage(server, kinesis, stream):
    """Valid requests with a few bytes changed: an answer each, of the expected kinds."""
    chance = random.Random(20261)
    bodies = [
        (operation, json.dumps(request(operation, stream)).encode())
        for operation in sorted(BUILT - {"DeleteStream", "CreateStream", "UpdateShardCount"})
    ]
    with Connection(server) as connection:
        for _ in range(1500):
            operation, body = chance.choice(bodies)
            damaged = bytearray(body)
            for _ in range(chance.randint(1, 3)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            answer = connection.post(operation, bytes(damaged))
            assert answer.status in (200, 400), (operation, bytes(damaged), answer)
    read_stream(kinesis, stream)


def test_headers_that_mislead(server, stream):
    body = {"StreamName": stream}
    assert post(server, "DescribeStream", body, X_Amz_Security_Token="x" * 2000).status == 200
    assert post(server, "DescribeStream", body, Content_Encoding="gzip").status in (200, 400, 415)
    assert post(server, "DescribeStream" + "x" * 5000, body).status in (400, 431)
    try:
        answer = post(server, "DescribeStream", body, **{f"X-Many-{i}": "v" * 50 for i in range(500)})
        assert answer.status in (200, 400, 431)
    except (http.client.RemoteDisconnected, ConnectionError):
        pass  # A closed connection is an answer too.
    assert post(server, "DescribeStream", body).status == 200
