"""Files of another time or of another server in a data directory, records that imitate the log, and locks that go.

The start refuses, names the file, changes nothing; `headwater repair --dry-run` says what `headwater repair` does; then
the server starts, serves nothing that was not written, and keeps what it is given.
"""

import hashlib
import os
import re
import shutil
import struct
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from kit.client import connect, create, until
from kit.reading import read_stream
from kit.server import Server, run_to_end

# A server clusters what its journals hold once it has eight of them: each start begins one.
STARTS = 9


def put(kinesis, name, tag, count=20):
    """Puts records and returns their data."""
    blobs = [b"%s %d" % (tag.encode(), i) for i in range(count)]
    entries = [{"PartitionKey": f"key-{i}", "Data": blob} for i, blob in enumerate(blobs)]
    assert kinesis.put_records(StreamName=name, Records=entries)["FailedRecordCount"] == 0
    return set(blobs)


def found(server, name):
    data = [record["Data"] for _, record in read_stream(connect(server), name)]
    assert len(data) == len(set(data)), "nothing is read twice"
    return set(data)


def fill(server, name, tag):
    """Puts records over so many starts that there are new segments, and ends with the server stopped."""
    written = set()
    for number in range(STARTS):
        written |= put(connect(server), name, f"{tag}-{number}")
        server.stop()
        server.start()
    until(lambda: segments(server.data_dir), 20)
    written |= put(connect(server), name, f"{tag}-last")
    server.stop()
    return written


def segments(data_dir):
    return sorted(path.name for path in (data_dir / "seg").glob("*.seg"))


def tree(directory):
    """Everything in a directory."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def times(tmp_path_factory):
    """(directory at an earlier time, at a later one, stream, records of both, another server's directory)."""
    base = tmp_path_factory.mktemp("times")
    server = Server(base / "server").start()
    name = create(connect(server), 2)
    first = fill(server, name, "first")
    shutil.copytree(server.data_dir, base / "earlier")
    server.start()
    later = create(connect(server), 1)
    second = fill(server, name, "second")
    server.start()
    put(connect(server), later, "later")
    server.stop()
    shutil.copytree(server.data_dir, base / "later")
    other = Server(base / "other").start()
    fill(other, create(connect(other), 2), "foreign")
    assert segments(base / "earlier") and segments(base / "later") and segments(other.data_dir)
    return base / "earlier", base / "later", name, (first, second), other.data_dir


def replace(data, part, by=None):
    """The files of a directory go; those of another come in their place."""
    shutil.rmtree(data / part)
    if by:
        shutil.copytree(by / part, data / part)
    else:
        (data / part).mkdir(mode=0o700)


def parts(*names, root=()):
    def swap(data, earlier, _other):
        for part in names:
            replace(data, part, earlier)
        for file in root:
            shutil.copy(earlier / file, data / file)
    return swap


def gone(*names):
    return lambda data, *_: [replace(data, part) for part in names]


def foreign_segment(data, _earlier, other):
    name = segments(other)[-1]
    for ending in (".seg", ".idx"):
        shutil.copy((other / "seg" / name).with_suffix(ending), (data / "seg" / name).with_suffix(ending))


def foreign_format(data, _earlier, other):
    shutil.copy(other / "FORMAT", data / "FORMAT")


SWAPS = {
    "meta and journal gone": gone("meta", "journal"),
    "meta and journal of an earlier time": parts("meta", "journal"),
    "meta, journal and TAIL of an earlier time": parts("meta", "journal", root=["TAIL"]),
    "journal emptied": gone("journal"),
    "journal of an earlier time": parts("journal"),
    "journal and TAIL of an earlier time": parts("journal", root=["TAIL"]),
    "meta gone": gone("meta"),
    "meta of an earlier time": parts("meta"),
    "segments gone": gone("seg"),
    "a segment of another server": foreign_segment,
    "FORMAT of another server": foreign_format,
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=[name.replace(" ", "-") for name in SWAPS])
def test_what_is_not_whole_is_refused_and_repaired(times, tmp_path, swap):
    earlier, later, name, (first, second), other = times
    server = Server(tmp_path / "server")
    server.directory.mkdir()
    shutil.copytree(later, server.data_dir)
    swap(server.data_dir, earlier, other)
    before = tree(server.data_dir)
    refused = run_to_end(*server.arguments)
    assert refused.returncode == 1, refused
    assert len(refused.stderr.strip().splitlines()) == 1 or "headwater:" in refused.stderr, refused.stderr
    said = refused.stderr.strip().splitlines()[-1]
    assert str(server.data_dir) in said and "headwater repair --dry-run" in said, said
    assert tree(server.data_dir) == before, "nothing is changed"
    dry = run_to_end("repair", "--data-dir", str(server.data_dir), "--dry-run")
    assert dry.returncode == 0 and tree(server.data_dir) == before, dry
    done = run_to_end("repair", "--data-dir", str(server.data_dir))
    assert done.returncode == 0, done
    report = dry.stdout.removesuffix("\nNothing was changed.\n")
    assert report and done.stdout.startswith(report), "both say the same"
    aside = tree(server.data_dir / "repair-1") if (server.data_dir / "repair-1").exists() else {}
    assert set(before.values()) - set(tree(server.data_dir).values()) <= {
        before[path] for path in before if path.name in ("TAIL", "LOCK", "FORMAT")
    } | set(aside.values()), "nothing is deleted"
    server.start()
    kept = set()
    if name in connect(server).list_streams()["StreamNames"]:
        kept = readable(server, name)
        assert kept <= first | second, "nothing that was not written"
        counted = int(re.search(r"kept:  \d+ logs, (\d+) records", report)[1])
        assert len(kept) <= counted
    fresh = create(connect(server), 1)
    added = put(connect(server), fresh, "added", 100)
    for _ in range(STARTS):
        server.stop()
        server.start()
    assert found(server, fresh) == added, "what is written after a repair stays"
    if kept:
        assert readable(server, name) == kept
    server.stop()


def readable(server, name):
    """What can be read of a stream some of whose records may be lost, and answer an error."""
    kinesis, data = connect(server), set()
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        token = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        while True:
            try:
                answer = kinesis.get_records(ShardIterator=token, Limit=10_000)
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 500, error
                break
            data |= {record["Data"] for record in answer["Records"]}
            token = answer["NextShardIterator"]
            if answer["MillisBehindLatest"] == 0:
                break
    return data


def test_a_whole_copy_of_an_earlier_time_starts(times, tmp_path):
    earlier, _, name, (first, _), _ = times
    server = Server(tmp_path / "server")
    server.directory.mkdir()
    shutil.copytree(earlier, server.data_dir)
    server.start()
    assert found(server, name) == first
    server.stop()
    whole = run_to_end("repair", "--data-dir", str(server.data_dir))
    assert whole.returncode == 0 and "nothing to repair" in whole.stdout, whole


CRC_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ 0x82F63B78 * (_byte & 1)
    CRC_TABLE.append(_byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def imitation(journal, offset):
    """The header of a frame that says that everything before it was durable."""
    head = struct.pack("<4sIIIQIIIQQBBHQ", b"HWF1", 64, 0, 0, journal << 32 | offset, offset, 0, 0, 0, 0, 9, 0, 64, 0)
    return head[:8] + struct.pack("<I", crc32c(head)) + head[12:]


LATER_JOURNALS = 60


def next_place(data_dir, blob):
    """(journal that holds this data, which is the newest there, where in it data as long will stand next)."""
    for path in sorted((data_dir / "journal").glob("*.log"), reverse=True):
        data = path.read_bytes()
        at = data.find(blob)
        if at >= 0:
            frame = data.rindex(b"HWF1", 0, at)
            length = struct.unpack_from("<I", data, frame + 4)[0]
            return int(path.stem, 16), frame + length + (at - frame)
    raise AssertionError("it is in no journal")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_records_that_imitate_the_log_do_no_harm(own_server, end):
    """300 puts of headers for journals to come, which will be written into the same files.

    A client guesses the places; here they are looked up, so that all of them are right.
    """
    server = own_server()
    name = create(connect(server))
    written = []

    def again(*blobs):
        for blob in blobs:
            connect(server).put_record(StreamName=name, PartitionKey="a", Data=blob)
            written.append(blob)

    for number in range(30):
        kinesis = connect(server)
        for i in range(20 if number < 15 else 0):
            probe = (b"probe %d %d" % (number, i)).ljust(64 * LATER_JOURNALS, b"\0")
            kinesis.put_record(StreamName=name, PartitionKey="a", Data=probe)
            journal, at = next_place(server.data_dir, probe)
            blob = b"".join(imitation(journal + 1 + k, at + 64 * k) for k in range(LATER_JOURNALS))
            kinesis.put_record(StreamName=name, PartitionKey="a", Data=blob)
            written += [probe, blob]
        # A little in a file that was used before, which then has imitations behind it.
        again(b"little %d" % number)
        getattr(server, end)()
        server.start()
    assert [record["Data"] for _, record in read_stream(connect(server), name)] == written


def stops_writing(server, name):
    """The server answers writes with an error soon, and says so."""
    kinesis = connect(server)

    def refused():
        try:
            kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"x")
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        return False

    until(refused, 10)
    with pytest.raises(urllib.error.HTTPError) as health:
        urllib.request.urlopen(f"{server.url}/health")
    assert health.value.code == 503
    assert "another server may use it now" in server.log()


def test_a_server_whose_lock_is_removed_keeps_others_out_and_stops_writing(own_server):
    server = own_server()
    name = create(connect(server))
    os.remove(server.data_dir / "LOCK")
    second = run_to_end(*server.arguments)
    assert second.returncode == 1 and "is in use by" in second.stderr, second.stderr
    stops_writing(server, name)
    server.stop()
    server.start()
    put(connect(server), name, "again")


def test_a_server_whose_directory_is_moved_stops_writing(own_server):
    server = own_server()
    name = create(connect(server))
    moved = server.data_dir.with_name("moved")
    server.data_dir.rename(moved)
    second = run_to_end("serve", "--listen", "127.0.0.1:0", "--data-dir", str(moved))
    assert second.returncode == 1 and "is in use by" in second.stderr, second.stderr
    stops_writing(server, name)
    before = tree(moved)
    server.stop()
    assert tree(moved) == before, "it leaves alone what may be another's"
    moved.rename(server.data_dir)
    server.start()
    put(connect(server), name, "again")


def test_a_server_whose_format_is_replaced_stops_writing(own_server):
    server = own_server()
    name = create(connect(server))
    path = server.data_dir / "FORMAT"
    text = path.read_bytes()
    path.with_suffix(".new").write_bytes(text)
    path.with_suffix(".new").rename(path)
    stops_writing(server, name)
