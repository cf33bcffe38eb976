"""Apache Flink: a job that counts by key, from stream to stream, through everything that befalls it.

A record of the source stream is "KEY NUMBER"; those of a key are numbered from 1. The job counts each key's records in
its state and writes "KEY NUMBER SHARD COUNT" to the target stream. If nothing was lost, doubled or turned around on the
way into Flink's state, NUMBER and COUNT are the same in every record. The sink promises less, at least once: a record may
be there twice, but the same.
"""

import collections
import itertools
import threading
import time
from pathlib import Path

import pytest

from kit.client import ClientError, PTE, create, unique, until, wait_active
from rig import flink_connector, java
from rig.drain import drain, shards_of
from rig.outage import outage
from rig.process import Program

HERE = Path(__file__).parent
KEYS = 100
# What Flink's own start script gives to Java 17.
OPTIONS = ("-Xmx1g", *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in (
    "java.lang", "java.net", "java.io", "java.nio", "java.util", "java.util.concurrent", "java.text", "java.time",
    "java.lang.reflect", "java.util.concurrent.atomic", "java.util.concurrent.locks", "sun.nio.ch", "sun.net.util")))


class Feed:
    """Puts records into the source stream, those of a key in order, until it is told to stop."""

    def __init__(self, kinesis, stream, a_second=1000):
        self.kinesis, self.stream, self.pause_s = kinesis, stream, KEYS / a_second
        self.rounds = 0
        self.stopping = threading.Event()
        # Held while it puts: nothing is under way for whoever holds it.
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopping.is_set():
            with self.lock:
                self.put(self.rounds + 1)
                self.rounds += 1
            time.sleep(self.pause_s)

    def put(self, number):
        """One record of every key, with this number; what is throttled is put until it is taken."""
        left = [{"PartitionKey": f"key-{key}", "Data": f"key-{key} {number}"} for key in range(KEYS)]
        while left:
            answer = self.kinesis.put_records(StreamName=self.stream, Records=left)["Records"]
            left = [record for record, result in zip(left, answer) if "ErrorCode" in result]
            time.sleep(0.1 if left else 0)

    @property
    def count(self):
        return self.rounds * KEYS

    def __enter__(self):
        self.thread.start()
        return self

    def stop(self):
        self.stopping.set()
        self.thread.join()

    def __exit__(self, *_):
        self.stop()


class Job:
    """The job, of which there is one run after another, each from where the one before ended."""

    def __init__(self, tmp_path, source, target, main="Count", **settings):
        self.home = tmp_path / "flink"
        self.home.mkdir()
        self.main = main
        self.settings = {"from": source, "to": target, "parallelism": 2, "savepoints": self.home / "savepoints"} | settings
        self.runs = 0
        self.program = None
        flink_connector.installed()
        self.class_path = java.build(HERE / "flink-job")

    def start(self, resume=None):
        self.runs += 1
        self.checkpoints = self.home / f"checkpoints-{self.runs}"
        self.stop_file = self.home / f"stop-{self.runs}"
        settings = self.settings | {"checkpoints": self.checkpoints, "stop": self.stop_file}
        if resume:
            settings["resume"] = resume
        file = self.home / f"job-{self.runs}.properties"
        file.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        self.program = Program(self.home / f"job-{self.runs}.log", *java.command(self.class_path, self.main, file, options=OPTIONS))
        self.program.wait_for("RUNNING\n", 120)

    def stop(self):
        """With a savepoint, whose path this is."""
        self.stop_file.touch()
        self.program.wait_for("STOPPED\n", 120)
        self.program.end()
        return self.program.text().split("SAVEPOINT ")[1].split()[0]

    def kill(self):
        """SIGKILL, once there is a checkpoint of this run; the path of the last one that was complete."""
        until(lambda: list(self.checkpoints.glob("*/chk-*/_metadata")), 60)
        self.program.kill()
        done = [path.parent for path in self.checkpoints.glob("*/chk-*/_metadata")]
        return f"file://{max(done, key=lambda path: int(path.name.removeprefix('chk-')))}"

    def logs(self):
        return "".join(path.read_text() for path in sorted(self.home.glob("job-*.log")))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.program:
            self.program.kill()


class Target:
    """The target stream, read further on each look."""

    def __init__(self, kinesis, stream):
        self.kinesis, self.stream = kinesis, stream
        self.iterators = {}
        self.seen = collections.Counter()

    def look(self):
        for shard in shards_of(self.kinesis, self.stream):
            name = shard["ShardId"]
            if name not in self.iterators:
                self.iterators[name] = self.kinesis.get_shard_iterator(
                    StreamName=self.stream, ShardId=name, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            while self.iterators[name]:
                try:
                    answer = self.kinesis.get_records(ShardIterator=self.iterators[name])
                except ClientError as error:
                    assert error.response["Error"]["Code"] == PTE, error
                    time.sleep(0.25)
                    continue
                self.iterators[name] = answer.get("NextShardIterator")
                self.seen.update(record["Data"].decode() for record in answer["Records"])
                if not answer["Records"]:
                    break
        return len(self.seen)

    def wait_for(self, count, seconds=90):
        deadline = time.monotonic() + seconds
        while self.look() < count:
            assert time.monotonic() < deadline, f"{len(self.seen)} of {count} records after {seconds} s"
            time.sleep(0.5)


def judge(target, rounds):
    """Every record of the source is in the target, and the state was right at each."""
    target.look()
    wanted = {(f"key-{key}", number) for key in range(KEYS) for number in range(1, rounds + 1)}
    found = collections.defaultdict(set)
    for text in target.seen:
        key, number, shard, count = text.split()
        found[key, int(number)].add((shard, int(count)))
    assert set(found) == wanted, f"{len(wanted - set(found))} are missing, {len(set(found) - wanted)} nobody put"
    wrong = [(what, all_of_it) for what, all_of_it in found.items() if {count for _, count in all_of_it} != {what[1]}]
    assert not wrong, f"{len(wrong)} records were not counted once and in order: {wrong[:10]}"
    total = sum(target.seen.values())
    print(f"{len(wanted)} records, all counted once and in order; {total - len(wanted)} written again")
    return total - len(wanted)


def judge_log(text, *allowed):
    counted = collections.Counter()
    for line in text.splitlines():
        if " WARN " in line[:24] or " ERROR " in line[:24]:
            counted[line[13:150]] += 1
    for line, times in counted.most_common(30):
        print(times, line)


def split(kinesis, stream, which=0):
    shard = [shard for shard in shards_of(kinesis, stream) if "EndingSequenceNumber" not in shard["SequenceNumberRange"]][which]
    start, end = (int(shard["HashKeyRange"][f"{side}HashKey"]) for side in ("Starting", "Ending"))
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((start + end) // 2))
    wait_active(kinesis, stream)


def merge(kinesis, stream):
    """The first two open shards that are neighbours."""
    opened = [shard for shard in shards_of(kinesis, stream) if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
    opened.sort(key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
    kinesis.merge_shards(StreamName=stream, ShardToMerge=opened[0]["ShardId"], AdjacentShardToMerge=opened[1]["ShardId"])
    wait_active(kinesis, stream)


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["POLLING", "EFO"])
def test_a_job_through_everything(tmp_path, server, kinesis, reader):
    source, target = create(kinesis, shards=2, prefix="source"), create(kinesis, shards=4, prefix="target")
    settings = {
        "aws.region": "us-east-1",
        "aws.endpoint": server.url,
        "source.init.position": "TRIM_HORIZON",
        "source.shard.discovery.interval": "1 s",
        "source.reader.type": reader,
    }
    if reader == "EFO":
        settings |= {"source.efo.consumer.name": "counting"}
    written = Target(kinesis, target)
    with Job(tmp_path, server.arn(source), server.arn(target), **settings) as job, Feed(kinesis, source) as feed:
        job.start()
        written.wait_for(5000)
        split(kinesis, source)
        merge(kinesis, source)
        written.wait_for(feed.count)
        savepoint = job.stop()
        kinesis.update_shard_count(StreamName=source, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
        wait_active(kinesis, source)
        job.start(resume=savepoint)
        written.wait_for(feed.count)
        checkpoint = job.kill()
        job.start(resume=checkpoint)
        written.wait_for(feed.count)
        with feed.lock:
            outage(server)
        written.wait_for(feed.count + 3000)
        feed.stop()
        written.wait_for(feed.count)
        job.stop()
        judge(written, feed.rounds)
    judge_log(job.logs())
