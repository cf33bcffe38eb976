"""lifion-kinesis: polling and enhanced fan-out, its leases and checkpoints in tables of Headwater's."""

import re
from pathlib import Path

import pytest

from kit.client import create, until
from kit.shards import list_shards, open_shards, split
from rig import drain, hosts
from rig.node import QUIET, node, program
from rig.process import Program
from rig.server import kill_and_start

APP = Path(__file__).parent / "app"
KEYS, ROUNDS, BATCH = 10, 10, 10
SUBSCRIBE_HOST = "kinesis.us-east-1.amazonaws.com"


@pytest.fixture
def home(tmp_path):
    return program(APP, tmp_path / "app")


def consumer(home, server, stream, mode, log):
    """What it prints says everything. By fan-out it asks the host of AWS, on the endpoint's port."""
    names = hosts.write(home, [SUBSCRIBE_HOST] if mode == "fan-out" else [])
    command = (node(), home / "consume.js", stream, mode, server.url)
    return Program(log, *hosts.command(names, *command), cwd=home, env=QUIET | {
        "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1",
    })


def write(kinesis, stream, part):
    """A third of the records: their data in the order of each key."""
    for n in range(ROUNDS):
        for key in range(KEYS):
            kinesis.put_records(StreamName=stream, Records=[
                {"PartitionKey": f"key-{key}", "Data": f"key-{key}/{part}/{n}/{i}".encode()} for i in range(BATCH)
            ])


def records(text):
    """(shard, sequence number, data) in the order in which they came."""
    return re.findall(r"^RECORD (\S+) (\d+) (\S+)$", text, re.MULTILINE)


def judge(kinesis, stream, text):
    """Each shard's records, all of them and in order; of what was under way at the kill a part may come again."""
    got = records(text)
    for shard, stored in drain.drain(kinesis, stream):
        mine = [sequence for name, sequence, _ in got if name == shard["ShardId"]]
        assert list(dict.fromkeys(mine)) == [record["SequenceNumber"] for record in stored], shard["ShardId"]
    assert len(got) - len({sequence for _, sequence, _ in got}) <= ROUNDS * BATCH, "more again than was under way"


@pytest.mark.parametrize("mode", ["polling", "fan-out"])
def test_every_record_through_a_kill_and_a_split(home, server, kinesis, tmp_path, mode):
    stream = create(kinesis, shards=2)
    total = 3 * ROUNDS * KEYS * BATCH
    with consumer(home, server, stream, mode, tmp_path / "consumer.log") as client:
        client.wait_for("STARTED")

        def seen(part):
            def whole():
                assert client.process.poll() is None, client.text()[-8000:]
                return len({data for _, _, data in records(client.text())}) >= part * total // 3

            until(whole, 120, every=0.2)

        write(kinesis, stream, 0)
        seen(1)
        kill_and_start(server, after_s=1)
        write(kinesis, stream, 1)
        seen(2)
        split(kinesis, stream, open_shards(kinesis, stream)[0])
        write(kinesis, stream, 2)
        seen(3)
    assert len(list_shards(kinesis, stream)) == 4
    judge(kinesis, stream, client.text())
