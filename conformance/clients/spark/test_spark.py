"""Spark Streaming's Kinesis connector (`spark-streaming-kinesis-asl`), whose leases and metrics are on the same server.

The connector takes an endpoint for Kinesis only. The AWS SDK for Java v1 within it takes the others from a file of regions.
"""

import re

import pytest

from kit.client import connect, create, until
from kit.shards import is_open, list_shards, open_shards, parents, split
from rig import java, secure, spark
from rig.leases import Record, user_records
from rig.process import Program
from rig.records import Writer
from rig.server import kill_and_start
from rig.services import connect as connect_to
from rig.services import metrics

APPLICATION = "spark-reader"
KNOWN = {
    "WARN NativeCodeLoader Unable to load native-hadoop library for your platform... using builtin-java classes where applicable",
    # It is being stopped.
    "ERROR ReceiverTracker Deregistered receiver for stream 0: Stopped by driver",
    "ERROR ShardSyncTask Caught exception while sync'ing Kinesis shards and leases",
}
REGIONS = """<?xml version="1.0" encoding="UTF-8"?>
<XML><Regions><Region><Name>us-east-1</Name><Domain>amazonaws.com</Domain>{}</Region></Regions></XML>
"""
ENDPOINT = "<Endpoint><ServiceName>{}</ServiceName><Http>false</Http><Https>true</Https><Hostname>{}</Hostname></Endpoint>"


@pytest.fixture
def certificates(tmp_path):
    return secure.authority(tmp_path / "certs")


@pytest.fixture
def server(tmp_path, certificates):
    """Over TLS, as the SDK speaks nothing else to where a file of regions sends it."""
    with secure.server(tmp_path / "headwater", certificates) as running:
        yield running


@pytest.fixture
def kinesis(server, certificates):
    return connect(server, str(certificates / "ca.pem"))


@pytest.fixture
def reader(server, certificates, tmp_path):
    """`reader(stream, "first")` starts Spark."""
    host = f"127.0.0.1:{server.port}"
    regions = tmp_path / "regions.xml"
    regions.write_text(REGIONS.format("".join(ENDPOINT.format(name, host) for name in ("dynamodb", "monitoring"))))
    options = (
        f"-Dcom.amazonaws.regions.RegionUtils.fileOverride={regions}",
        *java.trust(certificates / "ca.pem", tmp_path / "trust.p12"),
    )

    def started(stream, name):
        return Program(tmp_path / f"{name}.log", *spark.command(stream, server.url, APPLICATION, options), cwd=tmp_path,
                       env=spark.environment(tmp_path / "spark"))

    return started


def records(reader):
    """(sequence number, sub-sequence number, key, data) in the order in which they came."""
    found = re.findall(r"^RECORD (\d+) (\d+) (\S+) (\S+)$", reader.text(), re.MULTILINE)
    return [Record(sequence, int(sub), key, data) for sequence, sub, key, data in found]


def wait_for(readers, sent):
    """Until everything that was sent came to one of them, of which the last still runs."""
    def whole():
        last = readers[-1]
        assert last.process.poll() is None, last.text()[-8000:]
        return {record.data for one in readers for record in records(one)} >= sent

    until(whole, 120, every=0.2)


def committed(held, checkpoint):
    """How many of a shard's records the lease table has as done."""
    if checkpoint == "SHARD_END":
        return len(held)
    return next((n + 1 for n, record in enumerate(held) if checkpoint == (record.sequence, record.sub)), 0)


def judge(kinesis, stream, runs):
    """Every record of every shard in order. `runs` are the checkpoints that each found, on from which it has to go, and what
    it got."""
    place_of = {}
    for shard in list_shards(kinesis, stream):
        name = shard["ShardId"]
        held = user_records(kinesis, stream, name)
        place = {(record.sequence, record.sub): n for n, record in enumerate(held)}
        done = 0
        for found, given in runs:
            mine = [record for record in given if (record.sequence, record.sub) in place]
            assert all(record == held[place[record.sequence, record.sub]] for record in mine)
            # KCL removes the lease of a shard that is done once those of its children are being read.
            checkpoint = found.get(name, "SHARD_END" if done and not is_open(shard) else "TRIM_HORIZON")
            start = committed(held, checkpoint)
            places = [place[record.sequence, record.sub] for record in mine]
            assert places == list(range(start, start + len(places))), f"{name}: {places} from {checkpoint}, which is {start}"
            done = max([done, *(at + 1 for at in places)])
        assert done == len(held), f"{name}: {done} of {len(held)}"
        place_of[name] = place
    (_, first), *_ = runs
    for shard in list_shards(kinesis, stream):
        for parent in parents(shard):
            at = {name: [n for n, record in enumerate(first) if (record.sequence, record.sub) in place_of[name]]
                  for name in (parent, shard["ShardId"])}
            assert max(at[parent]) < min(at[shard["ShardId"]]), f"{shard['ShardId']} before {parent} had ended"


def test_every_record_through_a_split_a_kill_of_the_server_and_two_restarts(reader, server, kinesis, certificates):
    stream = create(kinesis, shards=2)
    writer = Writer(kinesis, stream)
    authority = str(certificates / "ca.pem")

    def leases():
        """Of each shard that is leased, its checkpoint: a word, or sequence and sub-sequence number."""
        rows = connect_to(server, "dynamodb", authority).scan(TableName=APPLICATION)["Items"]
        found = {row["leaseKey"]["S"]: (row["checkpoint"]["S"], int(row["checkpointSubSequenceNumber"]["N"])) for row in rows}
        return {name: at if at[0].isdigit() else at[0] for name, at in found.items()}

    def all_committed():
        """The last Kinesis record of each open shard is that of the checkpoint."""
        found = leases()
        last = {shard["ShardId"]: user_records(kinesis, stream, shard["ShardId"])[-1].sequence
                for shard in open_shards(kinesis, stream)}
        return all(found.get(name, " ")[0] == sequence for name, sequence in last.items())

    writer.write()
    with reader(stream, "first") as first:
        wait_for([first], writer.sent)
        split(kinesis, stream, open_shards(kinesis, stream)[0])
        writer.write()
        wait_for([first], writer.sent)
        undisturbed = first.text()
        kill_and_start(server, after_s=1)
        writer.write()
        wait_for([first], writer.sent)
        until(all_committed, 60, every=0.5)
        until(lambda: "RecordsProcessed" in metrics(server, APPLICATION, authority), 60, every=0.5)
        first.stop()
    after_first = leases()
    writer.write()
    with reader(stream, "second") as second:
        wait_for([first, second], writer.sent)
        second.kill()
    after_second = leases()
    writer.write()
    with reader(stream, "third") as third:
        wait_for([first, second, third], writer.sent)
        third.stop()
    judge(kinesis, stream, [({}, records(first)), (after_first, records(second)), (after_second, records(third))])
    for text in (undisturbed, second.text(), third.text()):
        assert set(re.findall(r"^(?:WARN|ERROR) .*$", text, re.MULTILINE)) <= KNOWN, text
