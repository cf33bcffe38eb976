"""Stops, kills and starts on the same data directory, and starts that must be refused."""

import os
import threading

import pytest

from kit.client import connect, create, unique, until, wait_active
from kit.reading import data, follow, iterator, read, read_stream
from kit.server import run_to_end
from kit.shards import assert_tiles, list_shards, open_shards, split


@pytest.fixture(params=["sigterm", "sigkill"])
def restart(request):
    def again(server):
        server.stop() if request.param == "sigterm" else server.kill()
        server.start()
        return connect(server)
    return again


def put(kinesis, name, *blobs):
    return [
        kinesis.put_record(StreamName=name, PartitionKey="a", Data=blob)["SequenceNumber"]
        for blob in blobs
    ]


def test_everything_acknowledged_is_there(own_server, restart):
    server = own_server()
    kinesis = connect(server)
    name = create(kinesis, 2, Tags={"a": "b"}, MaxRecordSizeInKiB=2048)
    batch = [{"PartitionKey": f"key-{i}", "Data": b"%d" % i} for i in range(500)]
    kinesis.put_records(StreamName=name, Records=batch)
    # With its key it is as large as a record of this stream may be.
    put(kinesis, name, bytes(2 * 1024 * 1024 - 1), b"")
    split(kinesis, name, list_shards(kinesis, name)[0])
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=100)
    wait_active(kinesis, name)
    put(kinesis, name, b"last")
    before = snapshot(kinesis, name)
    kinesis = restart(server)
    assert snapshot(kinesis, name) == before
    assert snapshot(restart(server), name) == before, "and a second time"


def test_the_data_is_for_its_owner_only(own_server):
    server = own_server()
    create(connect(server))
    for directory in [server.data_dir, *(path for path in server.data_dir.rglob("*") if path.is_dir())]:
        assert directory.stat().st_mode & 0o777 == 0o700, directory


def snapshot(kinesis, name):
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return (
        summary, list_shards(kinesis, name), kinesis.list_tags_for_stream(StreamName=name)["Tags"],
        read_stream(kinesis, name),
    )


def test_iterators_stay_valid(own_server, restart):
    server = own_server()
    kinesis = connect(server)
    name = create(kinesis)
    put(kinesis, name, b"0", b"1", b"2")
    horizon, latest = iterator(kinesis, name), iterator(kinesis, name, kind="LATEST")
    following = kinesis.get_records(ShardIterator=horizon, Limit=2)["NextShardIterator"]
    kinesis = restart(server)
    put(kinesis, name, b"3")
    assert data(follow(kinesis, horizon)[0]) == [b"0", b"1", b"2", b"3"]
    assert data(follow(kinesis, following)[0]) == [b"2", b"3"]
    assert data(follow(kinesis, latest)[0]) == [b"3"]


def test_sequence_numbers_go_on_growing(own_server, restart):
    server = own_server()
    kinesis = connect(server)
    name = create(kinesis)
    numbers = put(kinesis, name, b"0", b"1")
    for _ in range(3):
        kinesis = restart(server)
        numbers += put(kinesis, name, b"2", b"3")
    assert [int(n) for n in numbers] == sorted({int(n) for n in numbers})
    assert [r["SequenceNumber"] for r in read(kinesis, name)] == numbers


def test_a_deleted_stream_stays_deleted(own_server, restart):
    server = own_server(transition_ms=0)
    kinesis = connect(server)
    gone, kept = create(kinesis), create(kinesis)
    kinesis.delete_stream(StreamName=gone)
    kinesis = restart(server)
    assert kinesis.list_streams()["StreamNames"] == [kept]


def test_a_stream_in_transition_arrives(own_server, restart):
    server = own_server(transition_ms=500)
    kinesis = connect(server)
    name, creating = create(kinesis, 2), unique()
    kinesis.update_shard_count(StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    kinesis.create_stream(StreamName=creating, ShardCount=2)
    kinesis = restart(server)
    wait_active(kinesis, name)
    wait_active(kinesis, creating)
    assert len(open_shards(kinesis, name)) == 4
    assert_tiles(open_shards(kinesis, name))
    assert_tiles(open_shards(kinesis, creating))


def test_killed_under_writers_nothing_acknowledged_is_lost(own_server):
    server = own_server()
    name = create(connect(server), 2)
    acknowledged = []

    def write(writer, kinesis):
        try:
            while True:
                blob = b"%d/%d" % (writer, len(acknowledged))
                answer = kinesis.put_record(StreamName=name, PartitionKey=f"{writer}", Data=blob)
                acknowledged.append((answer["ShardId"], answer["SequenceNumber"], blob))
        except Exception:  # noqa: BLE001 - the server was killed: this is how it ends
            pass

    for round_ in range(3):
        enough = len(acknowledged) + 200
        threads = [threading.Thread(target=write, args=(i, connect(server))) for i in range(8)]
        for thread in threads:
            thread.start()
        until(lambda: len(acknowledged) >= enough)
        server.kill()
        for thread in threads:
            thread.join()
        kinesis = connect(server.start())
        stored = [(s, r["SequenceNumber"], r["Data"]) for s, r in read_stream(kinesis, name)]
        assert set(acknowledged) <= set(stored), round_
        assert len({number for _, number, _ in stored}) == len(stored)


def test_a_second_server_on_the_same_directory_is_refused(own_server):
    server = own_server()
    second = run_to_end("serve", "--listen", "127.0.0.1:0", "--data-dir", str(server.data_dir))
    assert second.returncode > 0
    (line,) = second.stderr.strip().splitlines()
    assert str(server.data_dir) in line
    assert "http://" not in second.stdout
    create(connect(server))


@pytest.mark.parametrize("flags, named", [
    (["--limits", "maybe"], "maybe"), (["--listen", "nonsense"], "nonsense"),
    (["--listen", "127.0.0.1:99999"], "99999"), (["--account", "12"], "account"),
    (["--account", "abcdefghijkl"], "account"), (["--transition-ms", "soon"], "soon"),
    (["--transition-ms", "-1"], "-1"), (["--no-such-flag"], "no-such-flag"), (["--region", ""], "region"),
])
def test_a_bad_flag_gives_one_clear_line(tmp_path, flags, named):
    assert_one_line(run_to_end("serve", "--data-dir", str(tmp_path / "data"), *flags), named)


@pytest.mark.parametrize("variable, value", [
    ("HEADWATER_LIMITS", "maybe"), ("HEADWATER_LISTEN", "nonsense"), ("HEADWATER_ACCOUNT", "12"),
])
def test_a_bad_variable_gives_one_clear_line(tmp_path, variable, value):
    environment = {"HEADWATER_DATA_DIR": str(tmp_path / "data"), variable: value}
    assert_one_line(run_to_end("serve", env=environment), value)


def test_an_address_in_use_gives_one_clear_line(own_server, tmp_path):
    address = f"127.0.0.1:{own_server().port}"
    ended = run_to_end("serve", "--listen", address, "--data-dir", str(tmp_path / "other"))
    assert_one_line(ended, address)


def test_a_data_directory_that_cannot_be_gives_one_clear_line(tmp_path):
    path = tmp_path / "file"
    path.write_text("not a directory")
    ended = run_to_end("serve", "--listen", "127.0.0.1:0", "--data-dir", str(path))
    assert_one_line(ended, str(path))
    assert path.read_text() == "not a directory"


def assert_one_line(ended, named):
    assert ended.returncode > 0, ended
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1 and named in lines[0], ended.stderr
    assert "panicked" not in ended.stderr


def test_settings_by_environment(own_server, tmp_path):
    server = own_server(env={"HEADWATER_LOG": "debug"})
    assert connect(server).list_streams()["StreamNames"] == []
    assert os.listdir(server.data_dir), "the data lies where it was told to"
