"""The Kinesis Client Library for Java: 2.7, 3.1 and 3.5, by polling and by enhanced fan-out.

The application is in `src/main/java/headwater`: a processor that writes down all that happens to it. Kinesis, DynamoDB and
CloudWatch are the one server.
"""

import datetime
import time
from pathlib import Path

import pytest

from kcl.application import Application, Producer
from kit.client import connect, create, until, wait_active
from rig import java
from rig.server import kill_and_start
from rig.services import metrics

HERE = Path(__file__).parent
SETTINGS = {"2.7.2": "2.7", "3.1.3": "3.1", "3.5.1": "3.5"}


def built(version):
    return java.build(HERE, (f"kcl.version={version}", f"kcl.settings={SETTINGS[version]}"))


def split(kinesis, stream, shard):
    """In the middle."""
    (found,) = (one for one in kinesis.list_shards(StreamName=stream)["Shards"] if one["ShardId"] == shard)
    start, end = (int(found["HashKeyRange"][key]) for key in ("StartingHashKey", "EndingHashKey"))
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard, NewStartingHashKey=str((start + end) // 2 + 1))
    wait_active(kinesis, stream)


def merge(kinesis, stream, shard, adjacent):
    kinesis.merge_shards(StreamName=stream, ShardToMerge=shard, AdjacentShardToMerge=adjacent)
    wait_active(kinesis, stream)


def test_every_record_once_over_a_split(server, kinesis, tmp_path):
    """The short story: one worker, plain and aggregated records, a split."""
    stream = create(kinesis, shards=2)
    producer = Producer(kinesis, stream)
    producer.plain(300)
    producer.aggregated(3)
    with Application(server, tmp_path / "short", built("3.5.1"), stream, metrics="DETAILED") as application:
        worker = application.worker("a")
        application.wait_for(producer.written)
        split(kinesis, stream, "shardId-000000000000")
        producer.plain(300)
        producer.aggregated(3)
        application.wait_for(producer.written)
        until(lambda: "RecordsProcessed" in metrics(server, application.options["application"]), 60, every=0.5)
        worker.stop()
        application.each_once_in_order(producer.written)
        assert not application.failures()
        application.children_after_parents(kinesis.list_shards(StreamName=stream)["Shards"])
        assert application.ended() == {"shardId-000000000000"}
        assert application.warnings() == []


@pytest.mark.slow
@pytest.mark.parametrize("retrieval", ["polling", "fan-out"])
@pytest.mark.parametrize("version", SETTINGS)
def test_workers_come_and_go(server, kinesis, tmp_path, version, retrieval):
    """The long story: a second worker, a split, a merge, a killed worker, a killed server, a good end."""
    stream = create(kinesis, shards=4)
    producer = Producer(kinesis, stream)
    with Application(server, tmp_path / "long", built(version), stream,
                     retrieval=retrieval, metrics="DETAILED", **{"checkpoint-millis": 1000}) as application:
        first = application.worker("first")
        producer.plain(400)
        producer.aggregated(2)
        application.wait_for(producer.written)
        application.each_once_in_order(producer.written)

        # A second worker gets some of the shards. KCL 2 counts shards, KCL 3 what comes through them.
        second = application.worker("second")

        def balanced():
            producer.plain(20)
            shares = len(first.owned()), len(second.owned())
            return sum(shares) == 4 and (shares == (2, 2) if version.startswith("2") else all(shares))

        until(balanced, 120, every=0.5)
        producer.plain(400)
        application.wait_for(producer.written)
        print(f"balanced: {len(first.owned())} and {len(second.owned())}")
        if version.startswith("3"):
            # They were handed over: who had them was asked, saved its position, and the other began there.
            asked = {event.shard for event in first.events() if event.what == "shutdown_requested"}
            assert second.owned() and second.owned() <= asked
            application.each_once_in_order(producer.written)
        application.each_from_the_checkpoint(producer.written)

        split(kinesis, stream, "shardId-000000000001")
        merge(kinesis, stream, "shardId-000000000002", "shardId-000000000003")
        producer.plain(400)
        producer.aggregated(2)
        application.wait_for(producer.written)
        assert application.ended() == {f"shardId-00000000000{n}" for n in (1, 2, 3)}

        # One is killed. The other takes over where it had saved its position.
        killed, other = (second, first) if version == "3.1.3" else (first, second)
        until(lambda: producer.plain(20) or killed.owned(), 120, every=0.5)
        producer.plain(200)
        print(f"killed with {len(killed.owned())} of {len(killed.owned() | other.owned())} shards")
        killed.kill()
        died = time.time()
        producer.plain(200)
        application.wait_for(producer.written, 120)
        print(f"taken over after {time.time() - died:.1f} s")

        # The server is killed, and is back on what it had.
        down = time.time()
        kill_and_start(server, after_s=1)
        producer.kinesis = connect(server)
        producer.plain(400)
        application.wait_for(producer.written, 120)
        up = time.time()
        print(f"all read {up - down:.1f} s after the server was killed")

        producer.plain(100)
        application.wait_for(producer.written)
        until(lambda: "RecordsProcessed" in metrics(server, application.options["application"]), 60, every=0.5)
        other.stop()
        repeated = application.each_from_the_checkpoint(producer.written)
        print(f"{repeated} of {producer.count()} records were processed again")
        application.children_after_parents(kinesis.list_shards(StreamName=stream)["Shards"])
        assert application.warnings(apart_from=[(down, up)]) == []


@pytest.mark.slow
@pytest.mark.parametrize("retrieval", ["polling", "fan-out"])
@pytest.mark.parametrize("version", SETTINGS)
def test_new_applications_after_a_reshard(server, kinesis, tmp_path, version, retrieval):
    """From the oldest record, from a moment and from now; KCL looks whether the shards cover all hash keys."""
    stream = create(kinesis, shards=2)
    producer = Producer(kinesis, stream)
    producer.plain(200)
    split(kinesis, stream, "shardId-000000000000")
    producer.plain(200)
    time.sleep(0.1)
    moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    time.sleep(0.1)
    before = {shard: len(records) for shard, records in producer.written.items()}
    producer.plain(200)
    merge(kinesis, stream, "shardId-000000000003", "shardId-000000000001")
    producer.plain(200)

    def application(name, start):
        # Three applications that poll have five reads a second of a shard between them.
        return Application(server, tmp_path / name, built(version), stream, retrieval=retrieval, start=start,
                           **{"idle-millis": 900})

    with application("oldest", "TRIM_HORIZON") as oldest, application("moment", moment) as since, \
            application("now", "LATEST") as now:
        for one in (oldest, since, now):
            one.worker("a")
        oldest.wait_for(producer.written)
        expected = {shard: records[before.get(shard, 0):] for shard, records in producer.written.items()}
        since.wait_for(expected)
        # From now on: known to have begun when it has every open shard.
        opened = {shard["ShardId"] for shard in kinesis.list_shards(
            StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]}
        until(lambda: now.workers[0].owned() == opened, 90, every=0.25)
        time.sleep(3)
        after = {shard: len(records) for shard, records in producer.written.items()}
        producer.plain(200)
        latest = {shard: records[after.get(shard, 0):] for shard, records in producer.written.items()}
        for one, records in ((oldest, producer.written), (now, latest)):
            one.wait_for(records)
        expected = {shard: records[before.get(shard, 0):] for shard, records in producer.written.items()}
        since.wait_for(expected)
        for one, records in ((oldest, producer.written), (since, expected), (now, latest)):
            one.workers[0].stop()
            one.each_once_in_order(records)
            one.children_after_parents(kinesis.list_shards(StreamName=stream)["Shards"])
            assert one.warnings() == []
