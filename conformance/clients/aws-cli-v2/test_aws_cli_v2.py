"""AWS CLI version 2: every Kinesis operation that it knows, its waiters, its pages, its output in other formats."""

import base64
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from kit.client import until, wait_active
from kit.shards import open_shards, shard_id, span
from rig.process import CREDENTIALS, run

INSTALL = "apt-get install awscli (on Debian 12, which has 2.9.19)"


def program():
    """The first `aws` of a version 2: version 1 may well be before it on the path."""
    for folder in [*os.environ["PATH"].split(os.pathsep), "/usr/local/bin", "/usr/bin"]:
        aws = Path(folder) / "aws"
        if os.access(aws, os.X_OK):
            asked = subprocess.run([aws, "--version"], capture_output=True, text=True, timeout=60)
            if re.match(r"aws-cli/2\.", asked.stdout + asked.stderr):
                return aws
    raise AssertionError(f"AWS CLI version 2 is missing; this installs it: {INSTALL}")


class Cli:
    def __init__(self, url):
        self.program, self.url, self.called = program(), url, set()

    def text(self, *arguments, output="json"):
        self.called.add(arguments[0])
        return run(
            self.program, "--endpoint-url", self.url, "--output", output, "kinesis", *arguments,
            env={"AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"},
        )

    def __call__(self, *arguments):
        printed = self.text(*arguments)
        return json.loads(printed) if printed.strip() else None

    def knows(self):
        """What it names when it is asked for something that does not exist."""
        asked = subprocess.run(
            [self.program, "kinesis", "nothing"],
            env=os.environ | CREDENTIALS, capture_output=True, text=True, timeout=60,
        )
        named = set(re.findall(r"^ *([a-z][a-z-]+)(?: +\| *([a-z-]+))? *$", asked.stderr, re.MULTILINE))
        named = {name for pair in named for name in pair if name}
        assert "list-shards" in named, asked.stderr
        return named - {"help"}


@pytest.fixture
def aws(server):
    return Cli(server.url)


def test_every_operation_once(aws, server, kinesis):
    named = ("--stream-name", "orders")

    assert aws("create-stream", *named, "--shard-count", "2") is None
    assert aws("wait", "stream-exists", *named) is None
    assert aws("list-streams")["StreamNames"] == ["orders"]
    described = aws("describe-stream", *named)["StreamDescription"]
    assert (described["StreamStatus"], len(described["Shards"])) == ("ACTIVE", 2)
    assert aws("describe-stream-summary", *named)["StreamDescriptionSummary"]["OpenShardCount"] == 2
    limits = aws("describe-limits")
    assert limits["OpenShardCount"] == 2 and limits["ShardLimit"] > 2

    # Version 2 takes a blob in base64; as it is with --cli-binary-format.
    put = aws("put-record", *named, "--partition-key", "a", "--explicit-hash-key", "0", "--data", encoded(b"one"))
    assert put["ShardId"] == shard_id(0)
    records = [{"Data": encoded(text), "PartitionKey": "a", "ExplicitHashKey": "0"} for text in (b"two", b"\x00\xff")]
    many = aws("put-records", *named, "--records", json.dumps(records))
    assert many["FailedRecordCount"] == 0
    aws("put-record", *named, "--partition-key", "a", "--explicit-hash-key", "0", "--data", "four",
        "--cli-binary-format", "raw-in-base64-out")
    place = ("--shard-id", shard_id(0), "--shard-iterator-type", "TRIM_HORIZON")
    token = aws("get-shard-iterator", *named, *place)["ShardIterator"]
    got = aws("get-records", "--shard-iterator", token)
    assert [base64.b64decode(record["Data"]) for record in got["Records"]] == [b"one", b"two", b"\x00\xff", b"four"]

    aws("add-tags-to-stream", *named, "--tags", "a=1,b=2")
    aws("remove-tags-from-stream", *named, "--tag-keys", "a")
    assert aws("list-tags-for-stream", *named)["Tags"] == [{"Key": "b", "Value": "2"}]

    for operation, hours in (("increase", 48), ("decrease", 24)):
        aws(f"{operation}-stream-retention-period", *named, "--retention-period-hours", hours)
        wait_active(kinesis, "orders")
        summary = aws("describe-stream-summary", *named)["StreamDescriptionSummary"]
        assert summary["RetentionPeriodHours"] == hours

    watched = ("--shard-level-metrics", "IncomingBytes", "IteratorAgeMilliseconds")
    enabled = aws("enable-enhanced-monitoring", *named, *watched)
    assert set(enabled["DesiredShardLevelMetrics"]) == {"IncomingBytes", "IteratorAgeMilliseconds"}
    wait_active(kinesis, "orders")
    assert aws("disable-enhanced-monitoring", *named, *watched)["DesiredShardLevelMetrics"] == []
    wait_active(kinesis, "orders")

    key = ("--encryption-type", "KMS", "--key-id", "alias/aws/kinesis")
    for operation, kind in (("start", "KMS"), ("stop", "NONE")):
        assert aws(f"{operation}-stream-encryption", *named, *key) is None
        wait_active(kinesis, "orders")
        assert aws("describe-stream", *named)["StreamDescription"]["EncryptionType"] == kind

    (_, end) = span(open_shards(kinesis, "orders")[0])
    aws("split-shard", *named, "--shard-to-split", shard_id(0), "--new-starting-hash-key", (end + 1) // 2)
    wait_active(kinesis, "orders")
    aws("merge-shards", *named, "--shard-to-merge", shard_id(2), "--adjacent-shard-to-merge", shard_id(3))
    wait_active(kinesis, "orders")
    ended = aws("get-records", "--shard-iterator", got["NextShardIterator"])
    assert ended["Records"] == [] and "NextShardIterator" not in ended
    assert [child["ShardId"] for child in ended["ChildShards"]] == [shard_id(2), shard_id(3)]
    scaled = aws("update-shard-count", *named, "--target-shard-count", "4", "--scaling-type", "UNIFORM_SCALING")
    assert (scaled["CurrentShardCount"], scaled["TargetShardCount"]) == (2, 4)
    wait_active(kinesis, "orders")
    assert len(aws("list-shards", *named, "--shard-filter", "Type=AT_LATEST")["Shards"]) == 4

    of_stream = ("--stream-arn", server.arn("orders"))
    consumer = aws("register-stream-consumer", *of_stream, "--consumer-name", "app")["Consumer"]
    by_arn = ("--consumer-arn", consumer["ConsumerARN"])
    until(lambda: aws("describe-stream-consumer", *by_arn)["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE", 60)
    listed = aws("list-stream-consumers", *of_stream)["Consumers"]
    assert [one["ConsumerARN"] for one in listed] == [consumer["ConsumerARN"]]
    assert aws("deregister-stream-consumer", *by_arn) is None

    aws("update-stream-mode", *of_stream, "--stream-mode-details", "StreamMode=ON_DEMAND")
    wait_active(kinesis, "orders")
    summary = aws("describe-stream-summary", *named)["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"

    assert aws("delete-stream", *named, "--enforce-consumer-deletion") is None
    assert aws("wait", "stream-not-exists", *named) is None
    assert aws("list-streams")["StreamNames"] == []

    # A newer version than 2.9.19 knows more; its operations belong here then.
    assert aws.called == aws.knows()


def encoded(data):
    return base64.b64encode(data).decode()


def test_pages(aws, kinesis):
    """The CLI asks for page after page itself; --page-size says of what size, --max-items when to stop."""
    kinesis.create_stream(StreamName="wide", ShardCount=7)
    for n in range(3):
        kinesis.create_stream(StreamName=f"one-{n}", ShardCount=1)
    names = [f"one-{n}" for n in range(3)] + ["wide"]
    assert aws("list-streams", "--page-size", "1")["StreamNames"] == names
    wait_active(kinesis, "wide")
    shards = aws("describe-stream", "--stream-name", "wide", "--page-size", "3")["StreamDescription"]["Shards"]
    assert [shard["ShardId"] for shard in shards] == [shard_id(n) for n in range(7)]
    first = aws("list-streams", "--max-items", "3")
    rest = aws("list-streams", "--starting-token", first["NextToken"])
    assert first["StreamNames"] + rest["StreamNames"] == names
    # `--no-paginate`, and the service's own token: what works for ListShards on AWS as well.
    page = aws("list-shards", "--stream-name", "wide", "--max-results", "3", "--no-paginate")
    more = aws("list-shards", "--next-token", page["NextToken"], "--no-paginate")
    assert [shard["ShardId"] for shard in page["Shards"] + more["Shards"]] == [shard_id(n) for n in range(7)]


def test_other_formats(aws, kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    wait_active(kinesis, "orders")
    assert aws.text("list-streams", output="text").split()[:2] == ["STREAMNAMES", "orders"]
    assert "orders" in aws.text("list-streams", output="table")
    summary = aws.text("describe-stream-summary", "--stream-name", "orders", output="yaml")
    assert "StreamStatus: ACTIVE" in summary
    # `--query` runs over what the server said; times are ISO 8601 in version 2.
    created = aws("describe-stream-summary", "--stream-name", "orders",
                  "--query", "StreamDescriptionSummary.StreamCreationTimestamp")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", created), created


def test_an_error(server):
    asked = subprocess.run(
        [program(), "--endpoint-url", server.url, "kinesis", "describe-stream", "--stream-name", "none"],
        env=os.environ | CREDENTIALS, capture_output=True, text=True, timeout=60,
    )
    assert asked.returncode == 254
    assert "(ResourceNotFoundException) when calling the DescribeStream operation" in asked.stderr
    assert "Stream none under account 000000000000 not found." in asked.stderr
