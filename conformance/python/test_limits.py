"""Limits as a client meets them: AWS's texts, one limit set or switched off, and clients that go on by themselves.

The exact value of every limit, and the time that brings a rate back, are Rust tests with a moved clock.
"""

import time

import boto3
import pytest
from botocore.config import Config

from kit.client import LE, PTE, Refusal, connect, create, refusal, unique
from kit.server import run_to_end
from kit.shards import shard_id
from test_cases_writing import records

ACCOUNT = "Rate exceeded for account 000000000000."


def of_stream(name):
    return f"Rate exceeded for stream {name} under account 000000000000."


def outcomes(call, times, /, **parameters):
    """What each of several calls at once is told: None, or a refusal."""
    told = []
    for _ in range(times):
        try:
            call(**parameters)
            told.append(None)
        except call.__self__.exceptions.ClientError as error:
            told.append(Refusal(error.response["Error"]["Code"], error.response["Error"]["Message"]))
    return told


@pytest.fixture
def aws(own_server):
    return connect(own_server(limits="aws"))


def test_an_account_lists_its_streams_five_times_a_second(aws):
    told = outcomes(aws.list_streams, 30)
    assert told[:5] == [None] * 5
    assert set(told[5:]) - {None} == {Refusal(LE, ACCOUNT)}
    time.sleep(1.1)
    assert outcomes(aws.list_streams, 5) == [None] * 5


def test_a_streams_tags_are_listed_five_times_a_second(aws):
    one, other = create(aws), create(aws)
    told = outcomes(aws.list_tags_for_stream, 30, StreamName=one)
    assert told[:5] == [None] * 5
    assert set(told[5:]) - {None} == {Refusal(LE, of_stream(one))}
    assert outcomes(aws.list_tags_for_stream, 5, StreamName=other) == [None] * 5


def test_dry_runs_have_one_call_a_second(aws):
    name = create(aws)
    told = outcomes(aws.put_record, 10, StreamName=name, PartitionKey="a", Data=b"x", DryRun=True)
    assert told[0].code == "DryRunOperationException"
    assert Refusal("ThrottlingException", of_stream(name)) in told
    aws.put_record(StreamName=name, PartitionKey="a", Data=b"x")


def test_one_limit_is_set(own_server):
    server = own_server(limits="aws", limit=["shard-write-records=5"])
    assert "limits aws (1 changed)\n" in server.stdout.read_text()
    kinesis = connect(server)
    name = create(kinesis)
    answer = kinesis.put_records(StreamName=name, Records=records(*["a"] * 8))
    assert answer["FailedRecordCount"] == 3
    assert [set(entry) for entry in answer["Records"]] == (
        [{"SequenceNumber", "ShardId"}] * 5 + [{"ErrorCode", "ErrorMessage"}] * 3
    )
    assert answer["Records"][7] == {
        "ErrorCode": PTE,
        "ErrorMessage": f"Rate exceeded for shard {shard_id(0)} in stream {name} under account 000000000000.",
    }


def test_one_limit_is_switched_off(own_server):
    kinesis = connect(own_server(env={"HEADWATER_LIMIT": "list-streams-calls=off"}, limits="aws"))
    assert outcomes(kinesis.list_streams, 30) == [None] * 30
    assert Refusal(LE, ACCOUNT) in outcomes(kinesis.describe_limits, 10)


def test_one_limit_is_enforced(own_server):
    server = own_server(limits="off", limit=["streams-in-transition=aws"], transition_ms=60_000)
    kinesis = connect(server)
    for _ in range(5):
        kinesis.create_stream(StreamName=unique(), ShardCount=1)
    assert refusal(kinesis.create_stream, StreamName=unique(), ShardCount=1) == (
        LE, "This request would have exceed the limit on the number of streams that can simultaneously be in "
            "CREATING or DELETING for the account 000000000000. Limit: 5.")


def test_a_client_that_tries_again_gets_through(own_server):
    server = own_server(limits="aws")
    kinesis = boto3.client(
        "kinesis", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="a",
        aws_secret_access_key="b", config=Config(retries={"max_attempts": 10, "mode": "standard"}),
    )
    names = sorted(unique() for _ in range(12))
    for name in names:
        kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 0.1})
    assert kinesis.list_streams()["StreamNames"] == names


def test_the_command_line_gets_through(own_server):
    server = own_server(limits="aws", limit=["describe-stream-summary-calls=2"])
    names = sorted(unique() for _ in range(8))
    reach = {"AWS_ENDPOINT_URL_KINESIS": server.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    for name in names:
        made = run_to_end("create", name, "--retention-hours", "48", env=reach, seconds=60)
        assert made.returncode == 0, made.stderr
    listed = run_to_end("streams", env=reach, seconds=60)
    assert listed.returncode == 0 and all(name in listed.stdout for name in names), listed


@pytest.mark.parametrize("change, mend", [
    ("shard-write-record=5", "did you mean shard-write-records?"),
    ("shard-write-records=0", "it is a whole number from 1 to 1000000000000, 'off' or 'aws'"),
    ("speed=1", "the limits are control-plane, shard-write-bytes, "),
])
def test_a_wrong_limit_is_refused(tmp_path, change, mend):
    for arguments, env in [(["--limit", change], {}), ([], {"HEADWATER_LIMIT": change})]:
        ended = run_to_end("serve", "--data-dir", str(tmp_path / "data"), *arguments, env=env)
        assert ended.returncode != 0
        assert mend in ended.stderr and ended.stderr.count("\n") == 1, ended.stderr
        assert not (tmp_path / "data").exists()
