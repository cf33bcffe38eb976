"""Spring Cloud Stream with its Kinesis binder: it sends and receives; locks and checkpoints are in tables of Headwater's."""

import re
from pathlib import Path

import pytest

from kit.client import create, until
from kit.shards import open_shards, split
from rig import drain, java
from rig.process import Program
from rig.server import kill_and_start

HERE = Path(__file__).parent
PART = 10 * 50
# Of Spring Cloud AWS, about credentials that nobody wants.
KNOWN = (
    "WARN  CredentialsProviderAutoConfiguration Skipping creating `StsCredentialsProvider`. `software.amazon.awssdk:sts` is on "
    "the classpath, but neither `spring.cloud.aws.credentials.sts` properties are configured nor `AWS_WEB_IDENTITY_TOKEN_FILE` "
    "or the javaproperty `aws.webIdentityTokenFile` is set"
)


@pytest.fixture(scope="module")
def class_path():
    return java.build(HERE)


@pytest.fixture
def application(class_path, server, tmp_path):
    def started(log, stream, *arguments):
        command = java.command(class_path, "headwater.Application", *arguments)
        return Program(tmp_path / log, *command, cwd=tmp_path, env={"STREAM": stream, "ENDPOINT": server.url})

    return started


def records(text):
    """(shard, sequence number, data) in the order in which they came."""
    return re.findall(r"^RECORD (\S+) (\d+) (\S+)$", text, re.MULTILINE)


def wait_for(application, parts):
    def whole():
        assert application.process.poll() is None, application.text()[-8000:]
        return len({data for _, _, data in records(application.text())}) >= parts * PART

    until(whole, 120, every=0.2)


def test_every_record_through_a_kill_and_a_split(application, server, kinesis):
    stream = create(kinesis, shards=2)
    with application("first.log", stream, "--send=0") as first:
        first.wait_for("SENT 0", 120)
        wait_for(first, 1)
        kill_and_start(server, after_s=1)
        with application("sender.log", stream, "--send=1", "--spring.cloud.function.definition=") as sender:
            sender.wait_for("SENT 1", 120)
        wait_for(first, 2)
        split(kinesis, stream, open_shards(kinesis, stream)[0])
        with application("sender-2.log", stream, "--send=2", "--spring.cloud.function.definition=") as sender:
            sender.wait_for("SENT 2", 120)
        wait_for(first, 3)
        first.stop()
    # Another instance of the group goes on where the first stored its checkpoints.
    with application("second.log", stream, "--send=3") as second:
        second.wait_for("SENT 3", 120)
        wait_for(second, 1)
        second.stop()
    got = records(first.text()) + records(second.text())
    assert len(got) == 4 * PART
    for log in (first, second):
        assert set(re.findall(r"^(?:WARN|ERROR) .*$", log.text(), re.MULTILINE)) <= {KNOWN}
    for shard, stored in drain.drain(kinesis, stream):
        mine = [sequence for name, sequence, _ in got if name == shard["ShardId"]]
        assert mine == [record["SequenceNumber"] for record in stored], shard["ShardId"]
