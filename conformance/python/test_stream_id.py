"""StreamId, which AWS reserves for later: here it may come with a name or an ARN, and has to be that stream's."""

import pytest

from kit.client import create, ok, refusal
from kit.operations import BUILT, members, request
from kit.raw import post

WRONG = "0" * 20 + "-000"


@pytest.fixture(scope="module")
def stream(kinesis):
    return create(kinesis)


@pytest.mark.parametrize("operation", sorted(name for name in BUILT if "StreamId" in members(name)))
def test_what_is_no_id(kinesis, stream, operation):
    refused = refusal(kinesis._make_api_call, operation_name=operation,
                      api_params=request(operation, stream) | {"StreamId": "x"})
    assert refused.code == "ValidationException"
    assert "Value 'x' at 'streamId' failed to satisfy constraint" in refused.message


def calls(server, stream):
    """Operations as they are called, and what of them is the same each time."""
    arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{stream}"
    record = {"Data": "eA==", "PartitionKey": "k"}
    start = {"StreamName": stream, "ShardId": "0", "ShardIteratorType": "LATEST"}
    iterator = post(server, "GetShardIterator", start).json()["ShardIterator"]
    return [
        ("DescribeStream", {"StreamName": stream}),
        ("DescribeStreamSummary", {"StreamARN": arn}),
        ("PutRecord", {"StreamName": stream} | record),
        ("PutRecords", {"StreamARN": arn, "Records": [record]}),
        ("ListShards", {"StreamName": stream}),
        ("ListStreamConsumers", {"StreamARN": arn}),
        ("ListTagsForResource", {"ResourceARN": arn}),
        ("GetShardIterator", start),
        ("GetRecords", {"ShardIterator": iterator}),
        ("GetResourcePolicy", {"ResourceARN": arn}),
        ("IncreaseStreamRetentionPeriod", {"StreamName": stream, "RetentionPeriodHours": 24}),
    ]


def test_boto3_stays_at_its_endpoint(kinesis, stream):
    """An id of the form that the model asks for would send it to a host of AWS's."""
    right = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamId"]
    ok(kinesis.put_record(StreamName=stream, StreamId=right, PartitionKey="k", Data=b"x"))
    refused = refusal(kinesis.list_shards, StreamName=stream, StreamId="f" * 24)
    assert refused.code == "InvalidArgumentException", refused


# Not through boto3, because of the wrong one's form.
def test_the_right_one_and_a_wrong_one(server, kinesis, stream):
    right = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamId"]
    for operation, body in calls(server, stream):
        answer = post(server, operation, body | {"StreamId": right})
        assert answer.status == 200, (operation, answer)
        answer = post(server, operation, body | {"StreamId": WRONG})
        assert (answer.status, answer.type) == (400, "InvalidArgumentException"), (operation, answer)
        assert answer.json()["message"].startswith(f"StreamId {WRONG} is not that of "), operation
    answer = post(server, "DescribeStream", {"StreamId": right})
    assert answer.json()["message"] == "Either StreamName or StreamARN should be provided."
