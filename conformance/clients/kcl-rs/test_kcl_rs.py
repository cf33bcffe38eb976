"""kcl-rs, KCL 3 in Rust with a Python face: two workers share the leases of a stream through a split; one is killed,
the server is killed; leases, records and metrics are all Headwater's."""

import signal
import sys
import time
from pathlib import Path

import pytest

from kit.client import create, until
from kit.shards import open_shards, split
from rig.leases import assert_every_record, runs, seen
from rig.process import Program
from rig.records import Writer
from rig.server import kill_and_start
from rig.services import connect, metrics

APP = Path(__file__).parent / "app"


@pytest.fixture
def workers(server, tmp_path):
    """`workers("one", stream, mode)` starts a worker; all of them write into `workers.seen`."""
    started = []

    def start(name, stream, mode):
        started.append(Program(
            tmp_path / f"worker-{name}.log",
            sys.executable, APP / "consumer.py", stream, f"app-{stream}", name, mode, start.seen,
            env={"AWS_ENDPOINT_URL": server.url, "NO_COLOR": "1"},
        ))
        started[-1].wait_for("started")
        return started[-1]

    start.seen = tmp_path / "seen"
    start.seen.mkdir()
    yield start
    for program in started:
        program.kill()


def data(workers):
    return {record.data for run in runs(workers.seen) for record in seen(run)}


def wait_for_data(workers, expected, seconds=120):
    until(lambda: expected <= data(workers), seconds, every=0.3)


def owners(server, stream):
    """Who holds which lease, as the table has it."""
    leases = connect(server, "dynamodb").scan(TableName=f"app-{stream}")["Items"]
    return {lease["leaseKey"]["S"]: lease.get("leaseOwner", {}).get("S") for lease in leases if "checkpoint" in lease}


def complaints(program):
    return [line for line in program.text().splitlines() if " WARN " in line or "ERROR" in line or "panicked" in line]


@pytest.mark.parametrize("mode", ["POLLING", "FANOUT"])
def test_one_worker(server, kinesis, workers, mode):
    stream = create(kinesis, shards=2)
    writer = Writer(kinesis, stream)
    worker = workers("one", stream, mode)
    wait_for_data(workers, writer.write())
    split(kinesis, stream, open_shards(kinesis, stream)[0])
    wait_for_data(workers, writer.write())
    # It counts what it does in CloudWatch, every ten seconds.
    until(lambda: {"RecordsProcessed", "Success"} <= metrics(server, f"app-{stream}"), 60, every=0.5)
    assert not complaints(worker)
    assert worker.stop() == 0
    assert_every_record(kinesis, stream, runs(workers.seen))
    assert data(workers) == writer.sent


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["POLLING", "FANOUT"])
def test_two_workers_and_two_kills(server, kinesis, workers, mode):
    stream = create(kinesis, shards=4)
    writer = Writer(kinesis, stream)
    first = workers("one", stream, mode)
    wait_for_data(workers, writer.write())
    # A subscription can be taken over five seconds after it began, on AWS as well.
    time.sleep(6)
    second = workers("two", stream, mode)
    # The second worker gets its part of the leases.
    until(lambda: set(owners(server, stream).values()) == {"one", "two"}, 300, every=1)
    wait_for_data(workers, writer.write())
    split(kinesis, stream, open_shards(kinesis, stream)[0])
    wait_for_data(workers, writer.write())
    assert not complaints(first) and not complaints(second)

    kill_and_start(server)
    wait_for_data(workers, writer.write())
    first.process.send_signal(signal.SIGKILL)
    wait_for_data(workers, writer.write(), 400)
    assert set(owners(server, stream).values()) <= {"two", None, "SHARD_END"}
    second.stop()
    # A worker whose lease was taken goes on for a while; its checkpoints are refused, and the other does it all again.
    assert_every_record(kinesis, stream, runs(workers.seen), redone=None)
    assert data(workers) == writer.sent
