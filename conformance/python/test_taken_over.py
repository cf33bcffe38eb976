"""A data directory that the released version wrote (format 1, without an identity) is taken over.

The fixture is never changed. It was written by `HEADWATER_BIN=<released binary> python test_taken_over.py`, which wants
an empty place for it.
"""

import sys
import tarfile
import tempfile
import time
from pathlib import Path

from kit.client import connect, create, wait_active
from kit.reading import read_stream
from kit.server import Server, run_to_end
from kit.tables import create_table, dynamo, item

FIXTURE = Path(__file__).parent / "fixtures" / "format-1.tar.xz"
# No stream keeps records longer, so what the fixture has of them is gone a year after it was written.
RETENTION_HOURS = 8760
ROUNDS = 10


def write():
    """Something of everything: segments, journals, an open end, streams and a table."""
    assert not FIXTURE.exists(), f"{FIXTURE} is there already"
    directory = Path(tempfile.mkdtemp())
    server = Server(directory)
    for number in range(ROUNDS):
        server.start()
        kinesis, db = connect(server), dynamo(server)
        if number == 0:
            orders, gone = create(kinesis, 2, "orders"), create(kinesis, 1, "gone")
            kinesis.increase_stream_retention_period(StreamName=orders, RetentionPeriodHours=RETENTION_HOURS)
            wait_active(kinesis, orders)
            table = create_table(db, "id")
        for i in range(6):
            kinesis.put_record(StreamName=orders, PartitionKey=f"key-{i}", Data=b"%d/%d" % (number, i))
            db.put_item(TableName=table, Item=item(id=f"{number}/{i}", n=number))
        if number == ROUNDS - 1:
            kinesis.delete_stream(StreamName=gone)
            time.sleep(1)
            server.kill()
        else:
            server.stop()
        deadline = time.monotonic() + 20
        while number == ROUNDS - 2 and not list((server.data_dir / "seg").glob("*.seg")):
            assert time.monotonic() < deadline, "nothing was clustered"
            server.start()
            time.sleep(2)
            server.stop()
    FIXTURE.parent.mkdir(exist_ok=True)
    with tarfile.open(FIXTURE, "w:xz") as archive:
        archive.add(server.data_dir, "data")


def unpack(directory):
    directory.mkdir()
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(directory, filter="data")
    return directory / "data"


def check(server, written_s, more=0):
    kinesis, db = connect(server), dynamo(server)
    (orders,), (table,) = kinesis.list_streams()["StreamNames"], db.list_tables()["TableNames"]
    summary = kinesis.describe_stream_summary(StreamName=orders)["StreamDescriptionSummary"]
    assert (summary["RetentionPeriodHours"], summary["OpenShardCount"]) == (RETENTION_HOURS, 2)
    expected = {b"%d/%d" % (number, i) for number in range(ROUNDS) for i in range(6)}
    if time.time() - written_s > (RETENTION_HOURS - 1) * 3600:
        expected = set()
    found = [record["Data"] for _, record in read_stream(kinesis, orders)]
    assert len(found) == len(set(found)) and set(found) == expected | {b"more %d" % i for i in range(more)}
    pages = db.get_paginator("scan").paginate(TableName=table)
    items = {one["id"]["S"] for page in pages for one in page["Items"]}
    assert items == {data.decode() for data in (b"%d/%d" % (number, i) for number in range(ROUNDS) for i in range(6))}


def test_a_directory_of_the_released_version_is_taken_over_once(tmp_path):
    data = unpack(tmp_path / "server")
    written_s = (data / "FORMAT").stat().st_mtime
    assert (data / "FORMAT").read_text() == "headwater store, format 1\n"
    assert list((data / "seg").glob("*.seg")) and list((data / "journal").glob("*.log"))
    server = Server(tmp_path / "server")
    # Killed at once: taking over can be repeated, and what was done counts.
    server.start()
    server.kill()
    first = (data / "FORMAT").read_text()
    assert first.startswith("headwater store, format 2\nidentity ")
    server.start()
    check(server, written_s)
    kinesis = connect(server)
    (orders,) = kinesis.list_streams()["StreamNames"]
    for i in range(20):
        kinesis.put_record(StreamName=orders, PartitionKey=f"key-{i}", Data=b"more %d" % i)
    server.stop()
    server.start()
    check(server, written_s, more=20)
    server.kill()
    assert (data / "FORMAT").read_text() == first, "once"
    # What carries no identity is believed no more, unless it was there.
    segment = next((data / "seg").glob("*.seg"))
    strange = segment.with_name("00000000000000ff.seg")
    strange.write_bytes(segment.read_bytes())
    ended = run_to_end(*server.arguments)
    assert ended.returncode == 1 and strange.name in ended.stderr, ended.stderr
    strange.unlink()
    server.start()
    check(server, written_s, more=20)
    server.stop()


if __name__ == "__main__":
    sys.exit(write())
