"""CBOR, the default of the Java SDK and so of KCL; cases 13 and 14."""

from datetime import datetime, timedelta, timezone

import cbor2
import pytest

from kit.cbor import connect_cbor, dumps, loads
from kit.client import IA, RNF, VE, create, not_found, refusal, unique, until, wait_active, wait_gone
from kit.raw import CBOR, post
from kit.reading import data, iterator, read, read_stream
from kit.shards import assert_tiles, list_shards, shard_id, split


@pytest.fixture(params=[True, False], ids=["indefinite", "definite"])
def kinesis(server, request):
    """Requests with maps and lists of both lengths; replaces the JSON client here."""
    return connect_cbor(server, indefinite=request.param)


@pytest.fixture
def stream(kinesis):
    return create(kinesis)


def test_case_13_put_and_read(kinesis, stream):
    blob = bytes(range(256)) * 10
    put = kinesis.put_record(StreamName=stream, PartitionKey="a", Data=blob)
    assert put["ShardId"] == shard_id(0)
    (record,) = read(kinesis, stream)
    assert (record["Data"], record["SequenceNumber"]) == (blob, put["SequenceNumber"])
    age = datetime.now(timezone.utc) - record["ApproximateArrivalTimestamp"]
    assert abs(age) < timedelta(seconds=5)


def test_case_13_byte_strings_and_times_on_the_wire(server, kinesis, stream):
    kinesis.put_record(StreamName=stream, PartitionKey="key", Data=b"\x00\xffdata")
    token = iterator(kinesis, stream)
    answer = post(server, "GetRecords", dumps({"ShardIterator": token}), content_type=CBOR)
    assert answer.status == 200 and answer.headers["Content-Type"] == CBOR
    assert answer.body[0] == 0xBF and answer.body[-1] == 0xFF, "an indefinite map"
    assert b"\x67Records\x9f" in answer.body, "an indefinite list"
    assert b"\x64Data\x46\x00\xffdata" in answer.body, "major type 2, not base64"
    assert b"\x6cPartitionKey\x63key" in answer.body
    at = answer.body.index(b"\x78\x1bApproximateArrivalTimestamp") + 2 + 27
    assert answer.body[at:at + 2] == b"\xc1\x1b", "tag 1, 64-bit integer"
    milliseconds = int.from_bytes(answer.body[at + 2:at + 10], "big")
    assert abs(milliseconds / 1000 - datetime.now(timezone.utc).timestamp()) < 60
    assert loads(answer.body)["MillisBehindLatest"] == 0


def test_case_14_missing_stream(server, kinesis):
    name = unique()
    body = dumps({"StreamName": name})
    answer = post(server, "DescribeStream", body, content_type=CBOR)
    assert (answer.status, answer.headers["Content-Type"]) == (400, CBOR)
    assert loads(answer.body) == {"__type": RNF, "message": not_found(name).message}
    assert refusal(kinesis.describe_stream, StreamName=name) == not_found(name)


def test_a_stream_from_creation_to_deletion(server, kinesis):
    name = unique()
    kinesis.create_stream(StreamName=name, ShardCount=2, Tags={"a": "b"})
    wait_active(kinesis, name)
    described = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert described["StreamARN"] == server.arn(name)
    assert isinstance(described["StreamCreationTimestamp"], datetime)
    assert_tiles(described["Shards"])
    assert name in kinesis.list_streams(ExclusiveStartStreamName=name[:-1])["StreamNames"]
    assert kinesis.list_tags_for_stream(StreamName=name)["Tags"] == [{"Key": "a", "Value": "b"}]
    batch = [{"PartitionKey": k, "Data": k.encode()} for k in "abcdef"]
    assert kinesis.put_records(StreamName=name, Records=batch)["FailedRecordCount"] == 0
    split(kinesis, name, list_shards(kinesis, name)[0])
    records = [r for _, r in read_stream(kinesis, name, expected=6)]
    assert sorted(data(records)) == [k.encode() for k in "abcdef"]
    kinesis.delete_stream(StreamName=name)
    wait_gone(kinesis, name)


def test_times_in_requests_are_milliseconds(kinesis, stream):
    written = []
    for i in range(3):
        kinesis.put_record(StreamName=stream, PartitionKey="a", Data=str(i).encode())
        written = read(kinesis, stream)
        soon = written[-1]["ApproximateArrivalTimestamp"] + timedelta(milliseconds=10)
        until(lambda: datetime.now(timezone.utc) > soon)
    second = written[1]["ApproximateArrivalTimestamp"]
    found = read(kinesis, stream, kind="AT_TIMESTAMP", Timestamp=second)
    assert data(found) == [b"1", b"2"]


def test_no_output_is_zero_bytes(server, stream):
    body = dumps({"StreamName": stream, "Tags": {"a": "b"}})
    answer = post(server, "AddTagsToStream", body, content_type=CBOR)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("parameters, code", [
    ({"ShardIterator": "garbage"}, IA), ({"ShardIterator": "x", "Limit": 0}, VE), ({}, VE),
])
def test_errors_are_cbor(kinesis, parameters, code):
    assert refusal(kinesis.get_records, **parameters).code == code


def test_validation_texts_do_not_depend_on_the_encoding(kinesis, stream):
    refused = refusal(kinesis.put_record, StreamName=stream, PartitionKey="", Data=b"x")
    assert refused.message == (
        "1 validation error detected: Value '' at 'partitionKey' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


@pytest.mark.parametrize("body", [
    b"", b"\xbf", b"\xff", b"\xbf\x6aStreamName\x05\xff", b"\xa1\x6aStreamName\xf9\x7e\x00",
    b"\x9f\xff", b"\x05", b"\xbf\x6aStreamName\x61", b"\xa1\x00\x00", b"\xbb" + b"\xff" * 8,
    b"\x5b" + b"\xff" * 8, b"\x9f" * 100_000, b"\x81" * 100_000, b"\xc1" * 100_000, b"\x1c", b"\xf8",
], ids=lambda body: body[:6].hex())
def test_bytes_that_are_no_request(server, body):
    answer = post(server, "DescribeStream", body, content_type=CBOR)
    assert answer.status == 400 and answer.headers["Content-Type"] == CBOR
    assert loads(answer.body)["__type"] in ("SerializationException", VE, IA)


def test_a_request_cut_at_every_byte(server, stream):
    records = [{"PartitionKey": "a", "Data": b"xyz"}] * 2
    for indefinite in (True, False):
        body = dumps({"StreamName": stream, "Records": records}, indefinite)
        for length in range(len(body)):
            answer = post(server, "PutRecords", body[:length], content_type=CBOR)
            assert answer.status == 400, (length, answer)
            assert loads(answer.body)["__type"] == "SerializationException"


def test_text_and_bytes_in_chunks(server, kinesis, stream):
    """Indefinite strings: allowed by CBOR, sent by no SDK we know, cheap to read."""
    body = (b"\xbf\x6aStreamName\x7f" + cbor2.dumps(stream[:3]) + cbor2.dumps(stream[3:]) + b"\xff"
            b"\x6cPartitionKey\x61a\x64Data\x5f\x42xy\x41z\xff\xff")
    assert post(server, "PutRecord", body, content_type=CBOR).status == 200
    assert data(read(kinesis, stream)) == [b"xyz"]


def test_unknown_members_and_nulls_are_ignored(server, stream):
    body = dumps({"StreamName": stream, "Limit": None, "Unheard": [{"of": [1.5, b"x"]}]})
    assert post(server, "DescribeStream", body, content_type=CBOR).status == 200


def test_a_large_record(kinesis):
    name = create(kinesis, MaxRecordSizeInKiB=10_240)
    # With its key, the largest that there is.
    blob = (bytes(range(256)) * (40 * 1024))[:-1]
    kinesis.put_record(StreamName=name, PartitionKey="a", Data=blob)
    assert data(read(kinesis, name)) == [blob]
