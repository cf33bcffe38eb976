"""aiobotocore, and async-kinesis (producer, consumer, checkpoints) on it: through a kill -9 of the server, through a
split and a merge, and from one consumer to the next."""

from collections import Counter
from pathlib import Path

import pytest

from kit.client import create, wait_active
from kit.reading import read_stream
from kit.shards import merge, open_shards
from rig.process import Program, run
from rig.python import environment
from rig.server import kill_and_start

APP = Path(__file__).parent / "app"
KEYS = 8


def settings(server):
    return {"AWS_ENDPOINT_URL_KINESIS": server.url, "AWS_ENDPOINT_URL_DYNAMODB": server.url}


@pytest.fixture
def start(server, tmp_path):
    """Starts a program of `app`, which is killed at the end."""
    programs = []

    def started(name, *arguments, python=None):
        log = tmp_path / f"{len(programs)}-{name}.log"
        python = python or environment(APP / "requirements.txt")
        programs.append(Program(log, python, "-u", APP / name, *arguments, env=settings(server)))
        return programs[-1]

    yield started
    for program in programs:
        program.kill()


def messages(program):
    """What a consumer printed, as (key, n) in its order."""
    lines = [line.split() for line in program.text().splitlines() if line.startswith("message ")]
    return [(key, int(n)) for _, key, n in lines]


def grumbles(program):
    """What it complained about before it closed: closing drops the connection of a GetRecords that is under way, which
    is then logged as a connection error."""
    lines = program.text().partition("\nclosing\n")[0].splitlines()
    return [line for line in lines if line.startswith(("WARNING", "ERROR", "CRITICAL"))]


def expected(count):
    return {(f"key-{key}", n) for key in range(KEYS) for n in range(count)}


def assert_in_order(got):
    """The first time a message of a key is seen, all of that key that are older have been seen."""
    following = Counter()
    for key, n in got:
        assert n <= following[key], f"{key} jumps from {following[key] - 1} to {n}"
        following[key] = max(following[key], n + 1)


def test_aiobotocore_itself(server):
    python = environment(APP / "requirements.txt")
    assert run(python, APP / "operations.py", env=settings(server)).strip() == "done"


def test_a_producer_and_a_consumer_through_a_kill_of_the_server(start, server, kinesis):
    count = 250
    stream = create(kinesis, shards=2)
    consumer = start("consumer.py", stream, KEYS * count)
    producer = start("producer.py", stream, KEYS, count, 400)
    producer.wait_for("producing")
    for done in (60, 140):
        consumer.wait_for(f"message key-7 {done}")
        kill_and_start(server)
    producer.end()
    consumer.end()
    got = messages(consumer)
    assert set(got) == expected(count)
    assert_in_order(got)
    # A batch whose answer the kill took away is sent again: at least once. The consumer adds nothing to that.
    stored = len(read_stream(kinesis, stream))
    assert len(got) <= stored <= KEYS * count + 2 * 500
    # Of the producer and the consumer only complaints about the server that was not there.
    allowed = ("Connect", "Server disconnected", "Could not connect", "Unknown Exception Caught")
    for program in (producer, consumer):
        assert all(any(words in line for words in allowed) for line in grumbles(program)), grumbles(program)


def test_aggregated_records(start, server, kinesis):
    count = 500
    stream = create(kinesis, shards=2)
    producer = start("aggregating_producer.py", stream, KEYS, count)
    producer.end()
    # 4000 messages are a handful of records.
    assert len(read_stream(kinesis, stream)) < 20
    consumer = start("consumer.py", stream, KEYS * count, "--aggregated")
    consumer.end()
    got = messages(consumer)
    assert len(got) == KEYS * count and set(got) == expected(count)
    assert not grumbles(producer) and not grumbles(consumer)


@pytest.mark.slow
def test_a_split_and_a_merge(start, server, kinesis):
    """The consumer looks for new shards once a minute, so this takes some."""
    count = 200
    stream = create(kinesis, shards=2)
    consumer = start("consumer.py", stream, KEYS * count)
    producer = start("producer.py", stream, KEYS, count, 100)
    consumer.wait_for("message key-7 20")
    kinesis.update_shard_count(StreamName=stream, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    wait_active(kinesis, stream)
    consumer.wait_for("message key-7 100", seconds=120)
    merge(kinesis, stream, *open_shards(kinesis, stream)[:2])
    producer.end()
    consumer.end(180)
    got = messages(consumer)
    assert len(got) == KEYS * count and set(got) == expected(count)
    assert_in_order(got)
    assert not grumbles(producer) and not grumbles(consumer)


@pytest.mark.slow
def test_checkpoints_in_dynamodb(start, server, kinesis):
    """A consumer is killed; the next one of that name takes its shards once they are overdue, and goes on from the
    checkpoints. Then the server, which keeps those as well, is killed under it."""
    count = 300
    python = environment(APP.parent / "dynamodb" / "requirements.txt")
    stream = create(kinesis, shards=2)
    producer = start("producer.py", stream, KEYS, count, 80)
    first = start("consumer.py", stream, KEYS * count, "--checkpoints", "shop", python=python)
    first.wait_for("message key-7 60")
    first.kill()
    second = start("consumer.py", stream, KEYS * count, "--checkpoints", "shop", python=python)
    second.wait_for("message key-7 150", seconds=120)
    kill_and_start(server)
    producer.end(120)
    last = (f"message key-{KEYS - 1} {count - 1}", *(f"message key-{key} {count - 1}" for key in range(KEYS)))
    for words in last:
        second.wait_for(words, seconds=120)
    one, two = messages(first), messages(second)
    assert set(one) | set(two) == expected(count)
    # The second began at a checkpoint, not at the beginning; what it repeats is what was not checkpointed.
    again = set(one) & set(two)
    assert again < set(one), "the second began from the start"
    assert_in_order(one + two)
