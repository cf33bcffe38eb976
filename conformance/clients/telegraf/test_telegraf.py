"""Telegraf: one instance writes metrics to a stream, another reads them back, while shards are split and merged, while
the server is killed, and while the reader is restarted.
"""

import re
import time
from collections import Counter
from pathlib import Path

import boto3
import pytest

from kit.client import until, wait_active
from kit.reading import read
from kit.shards import list_shards, merge, open_shards, split
from rig import go
from rig.server import SamePort, kill_and_start
from rig.process import Program

# The first run builds Telegraf, which takes a minute or two.
pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TAGS = (
    "custom", "inputs.tail", "inputs.kinesis_consumer", "outputs.kinesis", "outputs.file",
    "parsers.influx", "serializers.influx",
)
SHOPS = 20
METRIC = re.compile(r"orders,shop=(\d+) n=(\d+)i \d+")


@pytest.fixture(scope="module")
def telegraf():
    return go.build(HERE / "program", tags=TAGS, package="github.com/influxdata/telegraf/cmd/telegraf")


@pytest.fixture
def server(tmp_path):
    """Without AWS's limits: Telegraf's output counts what was throttled, and does not send it again."""
    with SamePort(tmp_path / "headwater", limits="off") as running:
        yield running


@pytest.fixture
def metrics(kinesis):
    """The stream; Telegraf does not make it."""
    kinesis.create_stream(StreamName="metrics", ShardCount=2)
    wait_active(kinesis, "metrics")
    return "metrics"


class Journal:
    """The file that the writer follows: numbered metrics of twenty shops."""

    def __init__(self, path):
        self.path = path
        self.count = 0
        path.touch()

    def add(self, count):
        with open(self.path, "a") as file:
            for number in range(self.count, self.count + count):
                # A time of its own for each, or the reader's output would be free to take them for one.
                file.write(f"orders,shop={number % SHOPS} n={number}i {1_800_000_000_000_000_000 + number}\n")
        self.count += count


class Outcome:
    """What readers wrote: one file each."""

    def __init__(self, *paths):
        self.paths = paths

    def numbers(self):
        found = []
        for path in self.paths:
            text = path.read_text() if path.exists() else ""
            # The last line may be on its way.
            for line in text.splitlines(keepends=True):
                if line.endswith("\n"):
                    found.append(tuple(map(int, METRIC.fullmatch(line.rstrip()).groups())))
        return found

    def wait_for(self, count, seconds=60):
        until(lambda: len({n for _, n in self.numbers()}) >= count, seconds, every=0.2)

    def judge(self, count):
        """Every metric, in order within a shop; how many copies there are beyond the first."""
        found = self.numbers()
        copies = Counter(n for _, n in found)
        assert set(copies) == set(range(count)), f"missing: {sorted(set(range(count)) - set(copies))[:20]}"
        first, seen = {}, set()
        for shop, n in found:
            assert n % SHOPS == shop
            if n not in seen:
                assert n > first.get(shop, -1), f"{n} of shop {shop} came after {first[shop]}"
                first[shop] = n
                seen.add(n)
        return sum(copies.values()) - count


def run(telegraf, tmp_path, name, configuration, server, metrics, **env):
    return Program(
        tmp_path / f"{name}.log", telegraf, "--strict-env-handling", "--config", HERE / configuration,
        # The input starts a goroutine a shard, and they write to one map without a lock: on two cores Telegraf dies of
        # "concurrent map writes" now and then as soon as there are two shards. On one it does not.
        env={"HEADWATER": server.url, "METRICS": str(metrics), "GOMAXPROCS": "1"} | env,
    )


def complaints(program):
    """Lines of warnings and errors in Telegraf's log."""
    return [line for line in program.text().splitlines() if re.search(r" [WE]! ", line)]


def test_every_metric_comes_back_once_through_a_split_and_a_merge(server, kinesis, metrics, telegraf, tmp_path):
    journal, outcome = Journal(tmp_path / "in"), Outcome(tmp_path / "out")
    with run(telegraf, tmp_path, "writer", "writer.conf", server, journal.path) as writer, \
            run(telegraf, tmp_path, "reader", "reader.conf", server, outcome.paths[0]) as reader:
        journal.add(2000)
        outcome.wait_for(1000)
        split(kinesis, metrics, open_shards(kinesis, metrics)[0])
        journal.add(2000)
        outcome.wait_for(3000)
        merge(kinesis, metrics, *open_shards(kinesis, metrics)[:2])
        journal.add(2000)
        outcome.wait_for(6000)
        assert writer.stop() == 0 and reader.stop() == 0
    assert outcome.judge(6000) == 0
    assert complaints(writer) == [] and complaints(reader) == []


def test_what_waits_in_closed_shards_is_read_before_their_children(server, kinesis, metrics, telegraf, tmp_path):
    """The input drops what an answer without a next iterator holds, so the end of a shard has to come by itself."""
    journal, outcome = Journal(tmp_path / "in"), Outcome(tmp_path / "out")

    def written():
        return sum(len(read(kinesis, metrics, shard["ShardId"])) for shard in list_shards(kinesis, metrics))

    with run(telegraf, tmp_path, "writer", "writer.conf", server, journal.path) as writer:
        journal.add(1000)
        until(lambda: written() == 1000, 30, every=0.2)
        split(kinesis, metrics, open_shards(kinesis, metrics)[0])
        journal.add(1000)
        until(lambda: written() == 2000, 30, every=0.2)
        merge(kinesis, metrics, *open_shards(kinesis, metrics)[:2])
        journal.add(1000)
        until(lambda: written() == 3000, 30, every=0.2)
        assert writer.stop() == 0
    with run(telegraf, tmp_path, "reader", "reader.conf", server, outcome.paths[0]) as reader:
        outcome.wait_for(3000)
        assert reader.stop() == 0
    assert outcome.judge(3000) == 0
    assert complaints(writer) == [] and complaints(reader) == []


def test_the_server_is_killed_and_comes_back(server, kinesis, metrics, telegraf, tmp_path):
    """Both go on with the SDK's retries. A batch of the writer whose answer was lost is there twice; no more than that."""
    patient = {"AWS_MAX_ATTEMPTS": "20"}
    journal, outcome = Journal(tmp_path / "in"), Outcome(tmp_path / "out")
    with run(telegraf, tmp_path, "writer", "writer.conf", server, journal.path, **patient) as writer, \
            run(telegraf, tmp_path, "reader", "reader.conf", server, outcome.paths[0], **patient) as reader:
        journal.add(3000)
        outcome.wait_for(1000)
        journal.add(3000)
        kill_and_start(server, after_s=2)
        journal.add(3000)
        outcome.wait_for(9000)
        assert writer.stop() == 0 and reader.stop() == 0
    assert outcome.judge(9000) <= 500
    assert complaints(writer) == [] and complaints(reader) == []


@pytest.mark.parametrize("ending", ["stopped", "killed"])
def test_a_reader_goes_on_where_the_one_before_it_was(server, metrics, kinesis, telegraf, tmp_path, ending):
    """Positions are in a table of the DynamoDB subset, each second. What was written out after the last of them, or was
    on its way when Telegraf was stopped, comes again: at least once.
    """
    table(server)
    journal = Journal(tmp_path / "in")
    first, second = Outcome(tmp_path / "first"), Outcome(tmp_path / "second")
    environment = {"AWS_ENDPOINT_URL_DYNAMODB": server.url}
    with run(telegraf, tmp_path, "writer", "writer.conf", server, journal.path) as writer:
        with run(telegraf, tmp_path, "one", "checkpointed.conf", server, first.paths[0], **environment) as reader:
            journal.add(3000)
            first.wait_for(3000)
            # The positions of everything so far are kept by now.
            time.sleep(2.5)
            split(kinesis, metrics, open_shards(kinesis, metrics)[0])
            journal.add(3000)
            first.wait_for(4000)
            if ending == "stopped":
                assert reader.stop() == 0
                assert complaints(reader) == []
            else:
                reader.kill()
        journal.add(1000)
        with run(telegraf, tmp_path, "two", "checkpointed.conf", server, second.paths[0], **environment) as reader:
            until(lambda: len({n for _, n in first.numbers() + second.numbers()}) == 7000, 60, every=0.2)
            assert reader.stop() == 0
            assert complaints(reader) == []
        assert writer.stop() == 0
    both = Outcome(*first.paths, *second.paths)
    assert both.judge(7000) <= 3000, "the first 3000 were read again"
    for one in (first, second):
        assert len(set(one.numbers())) == len(one.numbers()), "a reader read something twice"
    assert min(n for _, n in second.numbers()) >= 3000, "it began before the positions that were kept"


def table(server):
    """The table of positions; Telegraf does not make it."""
    dynamodb = boto3.client(
        "dynamodb", endpoint_url=server.url, region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )
    keys = (("namespace", "HASH"), ("shard_id", "RANGE"))
    dynamodb.create_table(
        TableName="positions", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
    )
    dynamodb.get_waiter("table_exists").wait(TableName="positions", WaiterConfig={"Delay": 1})
