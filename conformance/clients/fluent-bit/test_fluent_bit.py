"""Fluent Bit's plugin for Kinesis in Go: plain records and aggregated ones, with each of its compressions.

Fluent Bit itself is in no registry. `host.py` loads the plugin as Fluent Bit does, and hands it chunks of events in its format.
"""

import collections
import gzip
import json
import re
import sys
import zlib
from pathlib import Path

import pytest

from kit.client import connect, create
from rig import fluent_bit, secure
from rig.aggregation import MAGIC, given, user_records
from rig.drain import drain
from rig.process import Program

HERE = Path(__file__).parent
UNPACKED = {None: bytes, "gzip": gzip.decompress, "zlib": zlib.decompress}
# The plugin aggregates nothing that is larger.
AGGREGATED_LIMIT_BYTES = 20 * 1024
PODS = 7


def events(part, count, size_bytes=100):
    return [{"log": f"{part}/{n} " + "x" * size_bytes, "pod": f"pod-{n % PODS}"} for n in range(count)]


CHUNKS = [events("first", 700), events("second", 200) + events("large", 3, 30_000) + events("third", 97)]
SENT = [event for chunk in CHUNKS for event in chunk]
PLACE = {event["log"]: n for n, event in enumerate(SENT)}


def in_order(events):
    """As they were sent, copies of one side by side."""
    return sorted(events, key=lambda event: PLACE[event["log"]])


@pytest.fixture
def host(tmp_path):
    """`host(server.url, stream, chunks, aggregation="true")` is a program that has the plugin send them."""

    def started(endpoint, stream, chunks, env=None, **settings):
        file = tmp_path / "chunks"
        file.write_text("".join(json.dumps(chunk) + "\n" for chunk in chunks))
        settings |= {"stream": stream, "region": "us-east-1", "endpoint": endpoint}
        return Program(tmp_path / "host.log", sys.executable, HERE / "host.py", fluent_bit.plugin(), json.dumps(settings), file,
                       cwd=tmp_path, env=env)

    return started


def sent(host, chunks):
    """The lines of its log that are not about its settings, when every chunk is sent."""
    host.end(120)
    lines = host.text().split("\n")[:-1]
    assert lines.count("FLUSHED") == len(chunks), host.text()
    return [line for line in lines if "level=info" not in line and line not in ("", "FLUSHED")]


@pytest.mark.parametrize("compression", UNPACKED)
@pytest.mark.parametrize("aggregation", [None, "true"])
def test_every_event_once(host, server, kinesis, aggregation, compression):
    """With what KCL would give of it: no user record is where its key does not belong."""
    stream = create(kinesis, shards=2)
    settings = {"aggregation": aggregation, "compression": compression}
    with host(server.url, stream, CHUNKS, **{name: value for name, value in settings.items() if value}) as program:
        assert sent(program, CHUNKS) == []
    found = drain(kinesis, stream)
    got = [[json.loads(UNPACKED[compression](one.data)) for record in records for one in given(record, shard)]
           for shard, records in found]
    if not aggregation:
        # Aggregated, a chunk goes out at its end: after what of it is too large for that.
        assert all(shard == in_order(shard) for shard in got)
    assert in_order(event for shard in got for event in shard) == SENT
    whole = [record["Data"] for _, records in found for record in records]
    packed = [data for data in whole if data.startswith(MAGIC)]
    alone = sum(len(event["log"]) > AGGREGATED_LIMIT_BYTES for event in SENT) if not compression else 0
    assert (len(packed), len(whole)) == ((len(CHUNKS), len(CHUNKS) + alone) if aggregation else (0, len(SENT)))


def test_partition_keys(host, server, kinesis):
    """A field is the key, another field all the data."""
    stream = create(kinesis, shards=2)
    options = {"partition_key": "pod", "log_key": "log", "append_newline": "true"}
    with host(server.url, stream, CHUNKS, **options) as program:
        assert sent(program, CHUNKS) == []
    found = [record for _, records in drain(kinesis, stream) for record in records]
    for n in range(PODS):
        mine = [event["log"].encode() + b"\n" for event in SENT if event["pod"] == f"pod-{n}"]
        assert [record["Data"] for record in found if record["PartitionKey"] == f"pod-{n}"] == mine


def test_aggregated_with_partition_keys(host, server, kinesis):
    """Everything arrives, but which key is whose the plugin does not keep: it takes the table of keys from a Go map."""
    stream = create(kinesis, shards=2)
    with host(server.url, stream, CHUNKS, aggregation="true", partition_key="pod") as program:
        (warning,) = sent(program, CHUNKS)
        assert "'partition_key' has different behavior when 'aggregation' enabled" in warning
    shards = drain(kinesis, stream)
    found = [one for _, records in shards for record in records for one in user_records(record)]
    data = [json.loads(one.data) for one in found]
    assert collections.Counter(event["log"] for event in data) == collections.Counter(event["log"] for event in SENT)
    assert {one.key for one in found} == {event["pod"] for event in SENT}
    # KCL gives what went by itself; every chunk has keys of both shards.
    to_kcl = [one for shard, records in shards for record in records for one in given(record, shard)]
    assert len(to_kcl) == sum(len(event["log"]) > AGGREGATED_LIMIT_BYTES for event in SENT)


def test_throttled(host, server, kinesis):
    """The second chunk is more than the shard takes in a second: it is sent again as a whole, and nothing is lost."""
    stream = create(kinesis)
    chunks = [events("first", 800), events("second", 800)]
    with host(server.url, stream, chunks) as program:
        said = sent(program, chunks)
    assert "RETRY" in said, said
    rest = re.compile(r"RETRY|.*records failed to be delivered\. Will retry|.*Throughput limits for the stream may have been exceeded")
    assert all(rest.match(line) for line in said), said
    times = collections.Counter(
        json.loads(record["Data"])["log"] for _, records in drain(kinesis, stream) for record in records)
    assert times.keys() == {event["log"] for chunk in chunks for event in chunk}
    assert all(times[event["log"]] == 1 for event in chunks[0])
    assert max(times.values()) <= 1 + said.count("RETRY")


def test_tls_and_a_server_that_comes_late(host, tmp_path):
    certificates = secure.authority(tmp_path / "certs")
    authority = str(certificates / "ca.pem")
    with secure.server(tmp_path / "headwater", certificates) as server:
        stream = create(connect(server, authority), shards=2)
        server.kill()
        options = {"aggregation": "true", "compression": "gzip"}
        with host(server.url, stream, CHUNKS, env={"AWS_CA_BUNDLE": authority}, **options) as program:
            program.wait_for("RETRY")
            server.start()
            assert "RETRY" in sent(program, CHUNKS)
        found = [one for _, records in drain(connect(server, authority), stream) for record in records for one in user_records(record)]
    assert in_order(json.loads(gzip.decompress(one.data)) for one in found) == SENT
