"""Writers that never stop while the stream changes its shape under them."""

import itertools
import threading
from collections import defaultdict
from contextlib import contextmanager

import pytest

from kit.client import connect, create, unique, until, wait_active
from kit.fan_out import Follower, register_many
from kit.reading import data, follow, iterator, read_stream
from kit.shards import assert_lineage, assert_tiles, is_open, list_shards, merge, open_shards, split

WRITERS = 4
KEYS_EACH = 5


class Writers:
    """Threads that put counters, each under keys of its own, and keep what was acknowledged."""

    def __init__(self, server, name):
        self.name = name
        self.kinesis = connect(server)
        self.stopping = threading.Event()
        self.failures = []
        self.acknowledged = defaultdict(list)
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(WRITERS)]

    def _run(self, writer):
        keys = [f"writer-{writer}-key-{k}" for k in range(KEYS_EACH)]
        try:
            for number in itertools.count():
                if self.stopping.is_set():
                    return
                self._single(keys[0], number) if writer % 2 else self._batch(keys, number)
        except Exception as failure:  # noqa: BLE001 - told by the main thread
            self.failures.append(failure)

    def _single(self, key, number):
        answer = self.kinesis.put_record(StreamName=self.name, PartitionKey=key, Data=b"%d" % number)
        self.acknowledged[key].append((answer["ShardId"], answer["SequenceNumber"], number))

    def _batch(self, keys, number):
        batch = [{"PartitionKey": key, "Data": b"%d" % number} for key in keys]
        answer = self.kinesis.put_records(StreamName=self.name, Records=batch)
        assert answer["FailedRecordCount"] == 0, answer
        for key, entry in zip(keys, answer["Records"]):
            self.acknowledged[key].append((entry["ShardId"], entry["SequenceNumber"], number))

    def total(self):
        return sum(map(len, self.acknowledged.copy().values()))

    def write_on(self, more=100):
        """Until so many further records were acknowledged."""
        enough = self.total() + more
        until(lambda: self.total() >= enough or self.failures, seconds=60)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, f"a put failed: {self.failures[0]!r}"


@contextmanager
def writing(server, name):
    writers = Writers(server, name)
    for thread in writers.threads:
        thread.start()
    try:
        writers.write_on()
        yield writers
        writers.write_on()
    finally:
        writers.stop()


def assert_all_read_back(kinesis, name, acknowledged):
    """Each acknowledged record once, where it was said to be, per key in order."""
    stored = defaultdict(list)
    for shard, record in read_stream(kinesis, name, sum(map(len, acknowledged.values()))):
        stored[record["PartitionKey"]].append((shard, record["SequenceNumber"], int(record["Data"])))
    assert stored == acknowledged
    for key, entries in stored.items():
        numbers = [number for _, _, number in entries]
        assert numbers == list(range(len(numbers))), key
        sequence = [int(s) for _, s, _ in entries]
        assert sequence == sorted(set(sequence)), key


def split_all(kinesis, name):
    for shard in open_shards(kinesis, name):
        split(kinesis, name, shard)


def merge_all(kinesis, name):
    shards = open_shards(kinesis, name)
    for lower, upper in zip(shards[::2], shards[1::2]):
        merge(kinesis, name, lower, upper)


def scale_to(*targets):
    def scale(kinesis, name):
        for target in targets:
            kinesis.update_shard_count(
                StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
            )
            wait_active(kinesis, name, seconds=60)
    return scale


def split_then_merge(kinesis, name):
    split_all(kinesis, name)
    merge_all(kinesis, name)


@pytest.mark.parametrize("reshape", [
    split_all, merge_all, split_then_merge, scale_to(4), scale_to(3, 2), scale_to(3, 5, 4),
], ids=["split", "merge", "split-then-merge", "2-to-4", "2-to-3-to-2", "2-to-3-to-5-to-4"])
def test_no_put_fails_and_none_is_lost_while_reshaping(server, kinesis, reshape):
    name = create(kinesis, 2)
    with writing(server, name) as writers:
        reshape(kinesis, name)
    assert_all_read_back(kinesis, name, writers.acknowledged)
    assert_tiles(open_shards(kinesis, name))
    assert_lineage(list_shards(kinesis, name))


def test_iterators_are_reused_while_others_write(server, kinesis):
    name = create(kinesis, 2)
    with writing(server, name) as writers:
        tokens = [iterator(kinesis, name, i) for i in (0, 1)]
        before = [kinesis.get_records(ShardIterator=t, Limit=20)["Records"] for t in tokens]
        writers.write_on()
        again = [kinesis.get_records(ShardIterator=t, Limit=20)["Records"] for t in tokens]
    for first, second in zip(before, again):
        assert second[:len(first)] == first
    assert_all_read_back(kinesis, name, writers.acknowledged)


def test_latest_taken_while_writing_has_a_clean_cut(server, kinesis):
    """What was acknowledged before LATEST was asked for is not in it; what came after is."""
    name = create(kinesis)
    with writing(server, name) as writers:
        for _ in range(10):
            before = {e[1] for entries in writers.acknowledged.copy().values() for e in list(entries)}
            token = iterator(kinesis, name, kind="LATEST")
            mark = kinesis.put_record(StreamName=name, PartitionKey="mark", Data=b"m")["SequenceNumber"]
            seen = [r["SequenceNumber"] for r in follow_until(kinesis, token, mark)]
            assert mark in seen and not before.intersection(seen)


def follow_until(kinesis, token, number):
    records = []
    while number not in (r["SequenceNumber"] for r in records):
        answer = kinesis.get_records(ShardIterator=token)
        records += answer["Records"]
        token = answer["NextShardIterator"]
    return records


def test_a_tailing_reader_sees_a_put_at_once(kinesis, stream):
    """A put that was acknowledged is in the next read, without waiting."""
    token = iterator(kinesis, stream, kind="LATEST")
    for i in range(50):
        kinesis.put_record(StreamName=stream, PartitionKey="a", Data=b"%d" % i)
        records, last = follow(kinesis, token)
        assert data(records) == [b"%d" % i]
        token = last["NextShardIterator"]


def test_streams_are_created_and_deleted_while_others_write(server, kinesis):
    name = create(kinesis, 2)
    with writing(server, name) as writers:
        for _ in range(5):
            other = create(kinesis, 3)
            kinesis.put_record(StreamName=other, PartitionKey="a", Data=b"x")
            kinesis.delete_stream(StreamName=other)
    assert_all_read_back(kinesis, name, writers.acknowledged)


def test_one_of_many_creators_wins(kinesis):
    """Metadata changes by compare-and-set: the same name is created once."""
    name, outcomes = unique(), []

    def attempt():
        try:
            kinesis.create_stream(StreamName=name, ShardCount=1)
            outcomes.append("created")
        except kinesis.exceptions.ResourceInUseException:
            outcomes.append("in use")

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["created"] + ["in use"] * 7


def test_four_consumers_see_everything_once_while_reshaping(server, kinesis):
    """Each by subscriptions, parents before children: what GetRecords finds afterwards."""
    name = create(kinesis, 2)
    followers = [
        Follower(connect(server), name, arn) for arn in register_many(server, kinesis, name, 4)
    ]
    with writing(server, name) as writers:
        for reshape in (split_all, merge_all, split_then_merge, scale_to(3)):
            reshape(kinesis, name)
            writers.write_on(50)
    for follower in followers:
        until(lambda: follower.failures or follower.total() >= writers.total())
    for follower in followers:
        follower.end()
        assert follower.by_key == writers.acknowledged
        assert follower.finished == {
            s["ShardId"] for s in list_shards(kinesis, name) if not is_open(s)
        }
    assert_all_read_back(kinesis, name, writers.acknowledged)
