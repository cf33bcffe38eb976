"""Amazon's Kinesis Producer Library over TLS: aggregated records, while the stream is resharded and the server fails.

KPL is a Java library around a native daemon that speaks TLS only. It predicts the shard of each record and packs records
for the same shard into one. Where a record ends up in a shard that its hash key does not belong to, because the stream was
split meanwhile, KPL puts it again; whoever reads leaves out the first copy, as KCL does, because it is in a shard that it
does not belong to.
"""

import collections
import re
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from kit.client import connect, create, wait_active
from kit.server import Server, run_to_end
from rig import java
from rig.aggregation import belongs, user_records
from rig.drain import drain, shards_of
from rig.outage import outage
from rig.process import Program

HERE = Path(__file__).parent


@pytest.fixture
def authority(tmp_path):
    """The folder of an authority of our own and a certificate by it."""
    made = run_to_end("tls", "init", str(tmp_path / "certs"))
    assert made.returncode == 0, made.stderr
    return tmp_path / "certs"


@pytest.fixture
def server(tmp_path, authority):
    flags = ("--tls-cert", str(authority / "server.pem"), "--tls-key", str(authority / "server.key"))
    with Server(tmp_path / "headwater", limits="aws", scheme="https", flags=flags) as running:
        yield running


@pytest.fixture
def kinesis(server, authority):
    return connect(server, verify=str(authority / "ca.pem"))


class Outcome(NamedTuple):
    """What KPL said of one user record."""

    put: bool
    shard: str
    sequence: str
    attempts: int
    errors: list


class Producer:
    """The Java program with KPL in it."""

    def __init__(self, tmp_path, server, stream, *, count, rate, build="kpl-1", properties=(), **settings):
        self.outcome = tmp_path / "outcome.tsv"
        self.count = count
        config = {
            "Region": "us-east-1",
            "KinesisEndpoint": "localhost",
            "KinesisPort": server.port,
            "MetricsLevel": "none",
            "TempDirectory": tmp_path / "kpl",
        } | settings
        file = tmp_path / "kpl.properties"
        file.write_text("".join(f"{name} = {value}\n" for name, value in config.items()))
        (tmp_path / "kpl").mkdir()
        class_path = java.build(HERE / build, properties)
        self.program = Program(
            tmp_path / "kpl.log",
            *java.command(class_path, "Produce", file, stream, count, rate, self.outcome),
        )

    def at(self, number, seconds=60):
        self.program.wait_for(f"AT {number}\n", seconds)

    def outcomes(self, seconds=120):
        self.program.wait_for("DONE\n", seconds)
        self.program.end()
        found = {}
        for line in self.outcome.read_text().splitlines():
            number, put, shard, sequence, attempts, errors = line.split("\t", 5)
            assert int(number) not in found, f"{number} has two outcomes"
            found[int(number)] = Outcome(put == "true", shard, sequence, int(attempts), [e for e in errors.split("\t") if e])
        assert sorted(found) == list(range(self.count))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.kill()


def judge(kinesis, stream, outcomes):
    """Every record is where KPL was told that it is, and nowhere else but for what its failed attempts explain."""
    refused = {number: outcome for number, outcome in outcomes.items() if not outcome.put}
    assert not refused, list(refused.items())[:5]
    places = collections.defaultdict(list)
    for shard, records in drain(kinesis, stream):
        for record in records:
            for user_record in user_records(record):
                number = int(user_record.data[:8])
                assert len(user_record.data) == 200 and user_record.key == f"key-{number % 400}"
                places[number].append((shard["ShardId"], record["SequenceNumber"], belongs(user_record, shard)))
    assert sorted(places) == sorted(outcomes), "records are missing"
    copies = strays = 0
    for number, found in places.items():
        outcome = outcomes[number]
        assert (outcome.shard, outcome.sequence, True) in found, (number, outcome, found)
        # A copy in a shard that is not the expected one, and what was sent and not answered: it may be there or not.
        wrong = sum(error.startswith("Wrong Shard") for error in outcome.errors)
        unanswered = sum(not error.startswith(("Wrong Shard", "Provisioned")) for error in outcome.errors)
        assert wrong <= len(found) - 1 <= wrong + unanswered, (number, outcome, found)
        assert sum(not place[2] for place in found) <= wrong, (number, outcome, found)
        copies += len(found) - 1
        strays += sum(not place[2] for place in found)
    errors = collections.Counter(re.sub(r"\d{3,}", "N", e)[:150] for o in outcomes.values() for e in o.errors)
    print(f"{len(places)} user records, {copies} copies, {strays} of them where they do not belong; most attempts "
          f"{max(outcome.attempts for outcome in outcomes.values())}; errors {dict(errors)}")
    return errors


def test_a_split_and_the_authority_in_a_file(tmp_path, server, kinesis, authority):
    stream = create(kinesis, shards=2)
    with Producer(tmp_path, server, stream, count=10_001, rate=1000, CaCertFile=authority / "ca.pem") as producer:
        producer.at(5000)
        split(kinesis, stream)
        judge(kinesis, stream, producer.outcomes())
    print(producer.program.text())


def split(kinesis, stream):
    """The first open shard, in the middle."""
    shard = next(shard for shard in shards_of(kinesis, stream) if "EndingSequenceNumber" not in shard["SequenceNumberRange"])
    start, end = (int(shard["HashKeyRange"][f"{side}HashKey"]) for side in ("Starting", "Ending"))
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((start + end) // 2))
    wait_active(kinesis, stream)
