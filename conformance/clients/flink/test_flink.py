"""Apache Flink: a job that counts by key, from stream to stream, through everything that befalls it.

A record of the source stream is "KEY NUMBER"; those of a key are numbered from 1. The job counts each key's records in
its state and writes "KEY NUMBER SHARD COUNT" to the target stream. If nothing was lost, doubled or turned around on the
way into Flink's state, NUMBER and COUNT are the same in every record. The sink promises less, at least once: a record may
be there twice, but the same.
"""

import collections
import json
import re
import threading
import time
from pathlib import Path

import pytest

from kit.client import ClientError, PTE, connect, create, until, wait_active
from rig import cache, flink_connector, java, secure
from rig.drain import drain, shards_of
from rig.server import kill_and_start
from rig.process import Program, run

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

    def __init__(self, tmp_path, source, target, options=(), main="Count", **settings):
        self.home = tmp_path / "flink"
        self.home.mkdir()
        self.main, self.options = main, (*OPTIONS, *options)
        self.settings = {"from": source, "to": target, "parallelism": 2, "savepoints": self.home / "savepoints"} | settings
        self.runs = 0
        self.program = None
        version = flink_connector.installed()
        self.class_path = java.build(HERE / "flink-job", [f"connector.version={version}"])

    def start(self, resume=None):
        self.runs += 1
        self.checkpoints = self.home / f"checkpoints-{self.runs}"
        self.stop_file = self.home / f"stop-{self.runs}"
        settings = self.settings | {"checkpoints": self.checkpoints, "stop": self.stop_file}
        if resume:
            settings["resume"] = resume
        file = self.home / f"job-{self.runs}.properties"
        file.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        self.program = Program(self.home / f"job-{self.runs}.log", *java.command(self.class_path, self.main, file, options=self.options))
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
        # In the middle between two of them.
        time.sleep(0.7)
        self.program.kill()
        done = [path.parent for path in self.checkpoints.glob("*/chk-*/_metadata")]
        return f"file://{max(done, key=lambda path: int(path.name.removeprefix('chk-')))}"

    def logs(self, last=True):
        """Of all runs, or of all but the last."""
        runs = range(1, self.runs + 1 if last else self.runs)
        return "".join((self.home / f"job-{run}.log").read_text() for run in runs)

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


# What Flink warns of by itself, in a cluster of one process and without Hadoop.
LOCAL = (r"DefaultDelegationTokenManager", r"WebMonitorUtils .*[Ll]og file")
# A run that is stopped or fails ends a checkpoint that was under way.
CHECKPOINT = (r"CheckpointFailureManager Failed to trigger or complete checkpoint",)
# AWS's limits are on: a job that catches up writes more than 1,000 records a second and shard.
THROTTLED = (r"KDS Sink failed to write and will retry \d+ entries",)
# While the server is away; after that the job goes on, or Flink starts it again from its last checkpoint.
AWAY = (
    r"DefaultChannelPipeline An exceptionCaught\(\) event was fired",
    r"Recoverable exception encountered for shard", r"Error onError subscribing to shard",
    r"switched from RUNNING to FAILED", r"Uncaught exception in the SplitEnumerator", r"SplitFetcher", r"SourceReaderBase",
    r"KDS Sink failed to write",
)
# A subscription that Flink gives up itself, when it has the last event of a shard.
CANCELLED = (r"exceptionCaught\(\) event .*Subscriber cancelled before all events were published",)
# The consumer of a job that was killed is there when the next run registers it, which then does not take it away.
REGISTERED = (r"StreamConsumerRegistrar Found existing consumer", r"Unable to deregister stream consumer")


def judge_log(text, *allowed):
    """No warning and no error but those allowed; how often each was there."""
    counted = collections.Counter()
    lines = text.splitlines()
    for line, reason in zip(lines, [*lines[1:], ""]):
        if re.match(r"[\d:.]+ (WARN|ERROR) ", line):
            line += " | " + reason
            found = next((pattern for pattern in (*LOCAL, *allowed) if re.search(pattern, line)), None)
            assert found, line
            counted[found] += 1
    return counted


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


def reading(server):
    """What every job is told; new shards are looked for every three seconds instead of ten."""
    return {
        "aws.region": "us-east-1",
        "aws.endpoint": server.url,
        "source.init.position": "TRIM_HORIZON",
        "source.shard.discovery.interval": "3 s",
    }


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["POLLING", "EFO"])
def test_a_job_through_everything(tmp_path, server, kinesis, reader):
    """Shards split and merged while it runs, doubled while it is stopped with a savepoint; the job killed and resumed from
    its last checkpoint; the server killed and started again."""
    source, target = create(kinesis, shards=2, prefix="source"), create(kinesis, shards=8, prefix="target")
    settings = reading(server) | {"source.reader.type": reader}
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
            kill_and_start(server, after_s=1)
        written.wait_for(feed.count + 3000)
        feed.stop()
        written.wait_for(feed.count)
        job.stop()
        judge(written, feed.rounds)
    # The outage is the only thing that the clients may complain of, and they do so in the last run only.
    judge_log(job.logs(last=False), *CHECKPOINT, *THROTTLED, *REGISTERED, *CANCELLED)
    judge_log(job.logs(), *CHECKPOINT, *THROTTLED, *REGISTERED, *AWAY)


@pytest.fixture
def authority(tmp_path):
    return secure.authority(tmp_path / "certs")


@pytest.fixture
def encrypted(tmp_path, authority):
    with secure.server(tmp_path / "encrypted", authority) as running:
        yield running


@pytest.mark.slow
def test_tls_without_verifying(tmp_path, encrypted, authority):
    """Polling and the sink take `aws.trust.all.certificates`."""
    kinesis = connect(encrypted, verify=str(authority / "ca.pem"))
    source, target = create(kinesis, shards=2, prefix="source"), create(kinesis, shards=4, prefix="target")
    settings = reading(encrypted) | {"aws.trust.all.certificates": "true"}
    written = Target(kinesis, target)
    with Job(tmp_path, encrypted.arn(source), encrypted.arn(target), **settings) as job, Feed(kinesis, source) as feed:
        job.start()
        written.wait_for(5000)
        feed.stop()
        written.wait_for(feed.count)
        job.stop()
        assert judge(written, feed.rounds) == 0
    judge_log(job.logs(), *CHECKPOINT, *THROTTLED, r"SSL Certificate verification is disabled")


@pytest.mark.slow
@pytest.mark.parametrize("lifecycle", ["JOB_MANAGED", "SELF_MANAGED"])
def test_fan_out_over_tls(tmp_path, encrypted, authority, lifecycle):
    """Fan-out verifies always, so Java is told whom to trust. The job's consumer goes with it, one's own stays."""
    kinesis = connect(encrypted, verify=str(authority / "ca.pem"))
    source, target = create(kinesis, shards=2, prefix="source"), create(kinesis, shards=4, prefix="target")
    run(cache.tool("keytool", java.JAVA), "-importcert", "-noprompt", "-file", authority / "ca.pem",
        "-keystore", tmp_path / "trust.p12", "-storepass", "changeit")
    trust = (f"-Djavax.net.ssl.trustStore={tmp_path / 'trust.p12'}", "-Djavax.net.ssl.trustStorePassword=changeit")
    settings = reading(encrypted) | {
        "source.reader.type": "EFO",
        "source.efo.consumer.name": "counting",
        "source.efo.lifecycle": lifecycle,
    }

    def consumers():
        found = kinesis.list_stream_consumers(StreamARN=encrypted.arn(source))["Consumers"]
        return [(consumer["ConsumerName"], consumer["ConsumerStatus"]) for consumer in found]

    if lifecycle == "SELF_MANAGED":
        kinesis.register_stream_consumer(StreamARN=encrypted.arn(source), ConsumerName="counting")
    written = Target(kinesis, target)
    with Job(tmp_path, encrypted.arn(source), encrypted.arn(target), options=trust, **settings) as job, \
            Feed(kinesis, source) as feed:
        job.start()
        written.wait_for(3000)
        assert consumers() == [("counting", "ACTIVE")]
        split(kinesis, source)
        written.wait_for(6000)
        feed.stop()
        written.wait_for(feed.count)
        job.stop()
        assert judge(written, feed.rounds) == 0
    assert consumers() == ([("counting", "ACTIVE")] if lifecycle == "SELF_MANAGED" else [])
    judge_log(job.logs(), *CHECKPOINT, *THROTTLED, *CANCELLED)


@pytest.mark.slow
def test_fan_out_for_longer_than_a_subscription(tmp_path, server, kinesis):
    """A subscription ends after five minutes; the job takes the next one where it was, without a word of failure."""
    source, target = create(kinesis, shards=2, prefix="source"), create(kinesis, shards=2, prefix="target")
    settings = reading(server) | {"source.reader.type": "EFO", "source.efo.consumer.name": "counting"}
    written = Target(kinesis, target)
    with Job(tmp_path, server.arn(source), server.arn(target), **settings) as job, Feed(kinesis, source, 200) as feed:
        job.start()
        until(lambda: job.logs().count("Subscription complete - shardId") >= 2, 330, every=1)
        written.wait_for(feed.count + 1000)
        feed.stop()
        written.wait_for(feed.count)
        job.stop()
        assert judge(written, feed.rounds) == 0
    judge_log(job.logs(), *CHECKPOINT, *THROTTLED)


@pytest.mark.slow
def test_sql(tmp_path, server, kinesis):
    """The statements of tables.sql: totals by customer and second, whose sums are those of all orders."""
    source, target = create(kinesis, shards=2, prefix="source"), create(kinesis, shards=2, prefix="target")
    statements = (HERE / "tables.sql").read_text()
    for name, value in {"ENDPOINT": server.url, "ORDERS": server.arn(source), "TOTALS": server.arn(target)}.items():
        statements = statements.replace(f"${name}", value)
    (tmp_path / "tables.sql").write_text(statements)
    wanted = collections.Counter()

    def totals():
        """Orders and amount of each customer, summed over what was written."""
        found = collections.Counter()
        for _, records in drain(kinesis, target):
            for total in (json.loads(record["Data"]) for record in records):
                found[total["customer"], "orders"] += total["orders"]
                found[total["customer"], "amount"] += total["amount"]
        return found

    with Job(tmp_path, server.arn(source), server.arn(target), main="Sql", script=tmp_path / "tables.sql") as job:
        job.start()
        for number in range(60):
            orders = [{"customer": f"customer-{i % 7}", "amount": number + i} for i in range(100)]
            kinesis.put_records(StreamName=source, Records=[
                {"PartitionKey": order["customer"], "Data": json.dumps(order)} for order in orders])
            for order in orders:
                wanted[order["customer"], "orders"] += 1
                wanted[order["customer"], "amount"] += order["amount"]
            time.sleep(0.1)
        until(lambda: sum(totals().values()) >= sum(wanted.values()), 60, every=1)
        job.stop()
        assert totals() == wanted
    judge_log(job.logs(), *CHECKPOINT)
