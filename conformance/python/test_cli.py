"""AWS CLI v1: every operation once, output as JSON, through --endpoint-url."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.client import create, unique, wait_active
from kit.shards import open_shards, shard_id

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "",
}


@pytest.fixture
def aws(server):
    """`aws("describe-stream", "--stream-name", name)` gives the parsed output."""
    program = Path(sys.executable).parent / "aws"
    assert program.exists(), "the AWS CLI belongs into the same environment (requirements.txt)"

    def run(*arguments):
        finished = subprocess.run(
            [program, "--endpoint-url", server.url, "--output", "json", "kinesis", *arguments],
            env=os.environ | ENVIRONMENT, capture_output=True, text=True, timeout=60,
        )
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout) if finished.stdout.strip() else None

    return run


def test_create_wait_describe_list_delete(aws, kinesis):
    name = unique("cli")
    assert aws("create-stream", "--stream-name", name, "--shard-count", "2") is None
    assert aws("wait", "stream-exists", "--stream-name", name) is None
    described = aws("describe-stream", "--stream-name", name)["StreamDescription"]
    assert described["StreamStatus"] == "ACTIVE" and len(described["Shards"]) == 2
    summary = aws("describe-stream-summary", "--stream-name", name)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2
    listed = aws("list-streams", "--exclusive-start-stream-name", name[:-1])
    assert name in listed["StreamNames"]
    assert len(aws("list-shards", "--stream-name", name)["Shards"]) == 2
    assert aws("delete-stream", "--stream-name", name) is None
    assert aws("wait", "stream-not-exists", "--stream-name", name) is None


def test_put_and_get(aws, stream):
    """Version 1 takes blobs as they are and prints them as base64."""
    put = aws("put-record", "--stream-name", stream, "--partition-key", "a", "--data", "hello")
    assert put["ShardId"] == shard_id(0)
    many = aws(
        "put-records", "--stream-name", stream, "--records",
        "Data=world,PartitionKey=a", "Data=!,PartitionKey=b",
    )
    assert many["FailedRecordCount"] == 0
    token = aws(
        "get-shard-iterator", "--stream-name", stream, "--shard-id", "0",
        "--shard-iterator-type", "TRIM_HORIZON",
    )["ShardIterator"]
    got = aws("get-records", "--shard-iterator", token)
    assert [r["Data"] for r in got["Records"]] == ["aGVsbG8=", "d29ybGQ=", "IQ=="]
    assert got["MillisBehindLatest"] == 0 and got["NextShardIterator"]


def test_reshape(aws, kinesis, stream):
    named = ("--stream-name", stream)
    aws("split-shard", *named, "--shard-to-split", shard_id(0), "--new-starting-hash-key", "1000")
    wait_active(kinesis, stream)
    aws("merge-shards", *named, "--shard-to-merge", shard_id(1),
        "--adjacent-shard-to-merge", shard_id(2))
    wait_active(kinesis, stream)
    scaled = aws("update-shard-count", *named, "--target-shard-count", "2",
                 "--scaling-type", "UNIFORM_SCALING")
    assert (scaled["CurrentShardCount"], scaled["TargetShardCount"]) == (1, 2)
    wait_active(kinesis, stream)
    assert len(open_shards(kinesis, stream)) == 2


def test_settings_of_a_stream(aws, server, kinesis):
    name = create(kinesis)
    arn = server.arn(name)
    aws("increase-stream-retention-period", "--stream-arn", arn, "--retention-period-hours", "48")
    wait_active(kinesis, name)
    aws("decrease-stream-retention-period", "--stream-arn", arn, "--retention-period-hours", "24")
    wait_active(kinesis, name)
    aws("update-max-record-size", "--stream-arn", arn, "--max-record-size-in-ki-b", "2048")
    wait_active(kinesis, name)
    aws("update-stream-mode", "--stream-arn", arn, "--stream-mode-details", "StreamMode=ON_DEMAND")
    wait_active(kinesis, name)
    summary = aws("describe-stream-summary", "--stream-arn", arn)["StreamDescriptionSummary"]
    assert summary["MaxRecordSizeInKiB"] == 2048
    assert summary["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"


def test_encryption(aws, kinesis, stream):
    named = ("--stream-name", stream, "--encryption-type", "KMS", "--key-id", "alias/aws/kinesis")
    assert aws("start-stream-encryption", *named) is None
    wait_active(kinesis, stream)
    summary = aws("describe-stream-summary", "--stream-name", stream)["StreamDescriptionSummary"]
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")
    put = aws("put-record", "--stream-name", stream, "--partition-key", "a", "--data", "hello")
    assert put["EncryptionType"] == "KMS"
    assert aws("stop-stream-encryption", *named) is None
    wait_active(kinesis, stream)
    assert aws("describe-stream", "--stream-name", stream)["StreamDescription"]["EncryptionType"] == "NONE"


def test_tags(aws, server, stream):
    aws("add-tags-to-stream", "--stream-name", stream, "--tags", "a=1,b=2")
    aws("remove-tags-from-stream", "--stream-name", stream, "--tag-keys", "a")
    arn = server.arn(stream)
    aws("tag-resource", "--resource-arn", arn, "--tags", "c=3")
    aws("untag-resource", "--resource-arn", arn, "--tag-keys", "b")
    expected = [{"Key": "c", "Value": "3"}]
    assert aws("list-tags-for-stream", "--stream-name", stream)["Tags"] == expected
    assert aws("list-tags-for-resource", "--resource-arn", arn)["Tags"] == expected


def test_consumers(aws, server, stream):
    """There is no subscribe-to-shard: version 1 leaves out what answers with an event stream."""
    arn = server.arn(stream)
    named = ("--stream-arn", arn, "--consumer-name", "cli")
    registered = aws("register-stream-consumer", *named, "--tags", "a=1")["Consumer"]
    assert registered["ConsumerStatus"] in ("CREATING", "ACTIVE")
    consumer = ("--consumer-arn", registered["ConsumerARN"])
    by_name = aws("describe-stream-consumer", *named)["ConsumerDescription"]
    assert by_name == aws("describe-stream-consumer", *consumer)["ConsumerDescription"]
    assert by_name["StreamARN"] == arn
    listed = aws("list-stream-consumers", "--stream-arn", arn, "--page-size", "1")["Consumers"]
    assert [c["ConsumerARN"] for c in listed] == [registered["ConsumerARN"]]
    tags = aws("list-tags-for-resource", "--resource-arn", registered["ConsumerARN"])["Tags"]
    assert tags == [{"Key": "a", "Value": "1"}]
    assert "subscribe-to-shard" not in operations()
    assert aws("deregister-stream-consumer", *consumer) is None
    assert aws("delete-stream", "--stream-name", stream, "--enforce-consumer-deletion") is None


def operations():
    """What the CLI names when it is asked for something that does not exist."""
    program = Path(sys.executable).parent / "aws"
    finished = subprocess.run(
        [program, "kinesis", "nothing"], env=os.environ | ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    named = finished.stderr.split()
    assert "register-stream-consumer" in named, finished.stderr
    return named


def test_account(aws):
    assert aws("describe-limits")["ShardLimit"] > 0
    now = aws("describe-account-settings")["MinimumThroughputBillingCommitment"]["Status"]
    commitment = f"Status={'ENABLED' if now.startswith('ENABLED') else 'DISABLED'}"
    changed = aws("update-account-settings", "--minimum-throughput-billing-commitment", commitment)
    assert changed["MinimumThroughputBillingCommitment"]["Status"] == now


def test_an_error_is_shown_as_the_cli_shows_it(server):
    program = Path(sys.executable).parent / "aws"
    finished = subprocess.run(
        [program, "--endpoint-url", server.url, "kinesis", "describe-stream", "--stream-name", "none"],
        env=os.environ | ENVIRONMENT, capture_output=True, text=True, timeout=60,
    )
    assert finished.returncode != 0
    assert "(ResourceNotFoundException) when calling the DescribeStream operation" in finished.stderr
    assert "Stream none under account 000000000000 not found." in finished.stderr
