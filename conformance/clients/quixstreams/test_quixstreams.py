"""quixstreams' KinesisSink and KinesisSource. Its Application needs a Kafka broker, which there is not here: the two
classes are driven as it drives them, with a producer that prints. So this is about what they ask of Kinesis, not about
an Application."""

import json
from collections import Counter
from pathlib import Path

import pytest

from kit.client import create
from kit.reading import read
from kit.shards import open_shards, split
from rig.process import Program
from rig.python import environment

APP = Path(__file__).parent / "app"
COUNT = 800


@pytest.fixture
def app(server, tmp_path):
    """`app("source.py", …)` starts a program."""
    python, programs = environment(APP / "requirements.txt"), []

    def start(name, *arguments):
        programs.append(Program(
            tmp_path / f"{len(programs)}-{name}.log", python, "-u", APP / name, *arguments,
            env={"AWS_ENDPOINT_URL_KINESIS": server.url},
        ))
        return programs[-1]

    yield start
    for program in programs:
        program.kill()


def messages(program):
    """(key, n) in the order they were printed in."""
    lines = [line.split(" ", 2) for line in program.text().splitlines() if line.startswith("message ")]
    return [(key, json.loads(value)["n"]) for _, key, value in lines]


def by_key(got):
    keys = {}
    for key, n in got:
        keys.setdefault(key, []).append(n)
    return keys


def held(kinesis, stream):
    """(key, n) as the stream has them, shard after shard."""
    return [
        (record["PartitionKey"], json.loads(record["Data"])["n"])
        for shard in range(4) for record in read(kinesis, stream, shard)
    ]


EXPECTED = {f"key-{key}": list(range(key, COUNT, 8)) for key in range(8)}


def test_sink_and_source(app, kinesis, tmp_path):
    stream = create(kinesis, shards=4)
    app("sink.py", stream, COUNT, 1).end()
    # The sink does not look at FailedRecordCount: a shard that is throttled would lose records. This is below that.
    assert by_key(held(kinesis, stream)) == EXPECTED
    source = app("source.py", stream, COUNT, tmp_path / "state")
    source.end()
    assert by_key(messages(source)) == EXPECTED


def test_the_sink_sends_again_at_the_next_checkpoint(app, kinesis):
    """Of the sink, not of the server: `flush` does not empty the buffer (of less than 500 records a partition)."""
    stream = create(kinesis, shards=4)
    app("sink.py", stream, 80, 2).end()
    assert set(Counter(held(kinesis, stream)).values()) == {2}


def test_a_source_goes_on_where_the_last_one_committed(app, kinesis, tmp_path):
    stream = create(kinesis, shards=4)
    app("sink.py", stream, COUNT, 1).end()
    app("source.py", stream, COUNT, tmp_path / "state").end()
    for n in range(COUNT, COUNT + 40):
        kinesis.put_record(StreamName=stream, PartitionKey=f"key-{n % 8}", Data=json.dumps({"n": n}).encode())
    rest = app("source.py", stream, 40, tmp_path / "state")
    rest.end()
    assert by_key(messages(rest)) == {f"key-{key}": list(range(COUNT + key, COUNT + 40, 8)) for key in range(8)}


def test_the_end_of_a_shard_ends_the_source(app, kinesis, tmp_path):
    """The source takes NextShardIterator to be always there. At the end of a closed shard AWS leaves it out, and so do
    we: the source dies of a KeyError, having handed on every record. Started anew it dies of the same, until the
    closed shards have expired: not a client for streams that are resharded."""
    stream = create(kinesis, shards=1)
    for n in range(50):
        kinesis.put_record(StreamName=stream, PartitionKey="a", Data=json.dumps({"n": n}).encode())
    source = app("source.py", stream, 10**9, tmp_path / "state")
    source.wait_for('message a {"n": 49}')
    split(kinesis, stream, open_shards(kinesis, stream)[0])
    assert source.process.wait(60) == 1
    assert "KeyError: 'NextShardIterator'" in source.text()
    assert [n for _, n in messages(source)] == list(range(50))
