"""serverless-offline with its Kinesis plugin: a Lambda function on this machine, fed from a stream of Headwater's."""

import base64
import json
import socket
from pathlib import Path

import pytest

from kit.client import until, wait_active
from kit.reading import read
from rig.node import QUIET, node, program
from rig.process import Program

APP = Path(__file__).parent / "app"
KEYS, COUNT = 5, 60


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


@pytest.fixture
def offline(server, tmp_path):
    """`serverless offline start` in a copy of the project."""
    home = program(APP, tmp_path / "app")
    with Program(
        tmp_path / "serverless.log", node(), home / "node_modules/serverless/bin/serverless.js", "offline", "start",
        cwd=home,
        env=QUIET | {
            "AWS_ENDPOINT_URL_KINESIS": server.url, "SEEN": str(tmp_path / "seen"),
            "HTTP_PORT": free_port(), "LAMBDA_PORT": free_port(),
            # Serverless 3 takes plugins by require(), and falls back to import() where that is refused; since 20.19
            # Node.js refuses serverless-offline's later.
            "NODE_OPTIONS": "--no-experimental-require-module",
            # Serverless asks nobody who we are and tells nobody what we do.
            "SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off", "SLS_INTERACTIVE_SETUP_ENABLE": "",
            "HOME": str(tmp_path), "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1",
        },
    ) as running:
        running.seen = tmp_path / "seen"
        yield running


def events(offline):
    """What the function was called with: lists of (key, n)."""
    if not offline.seen.exists():
        return []
    lines = offline.seen.read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_function_gets_every_record(offline, kinesis):
    # It waits for the stream, so that may come later.
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    wait_active(kinesis, "orders")
    for n in range(COUNT):
        kinesis.put_records(StreamName="orders", Records=[
            {"PartitionKey": f"key-{key}", "Data": f"key-{key}/{n}".encode()} for key in range(KEYS)
        ])

    def all_there():
        assert offline.process.poll() is None and "×" not in offline.text(), offline.text()[-4000:]
        return sum(map(len, events(offline))) >= KEYS * COUNT

    until(all_there, 180, every=0.3)
    got = [record for event in events(offline) for record in event]
    assert len(got) == KEYS * COUNT
    for event in events(offline):
        assert len(event) <= 10 and len({record["eventID"].partition(":")[0] for record in event}) == 1
    for shard in range(2):
        stored = read(kinesis, "orders", shard)
        held = [(record["SequenceNumber"], record["PartitionKey"], record["Data"]) for record in stored]
        name = f"shardId-{shard:012d}"
        mine = [record["kinesis"] for record in got if record["eventID"].startswith(name)]
        assert [
            (one["sequenceNumber"], one["partitionKey"], base64.b64decode(one["data"])) for one in mine
        ] == held, name
    complaints = [line for line in offline.text().splitlines() if "rror" in line or "arning" in line]
    assert not complaints, complaints
