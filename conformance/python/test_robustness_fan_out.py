"""Subscribers that do not read, that vanish, and servers that stop or are killed under them."""

import contextlib
import os
import threading
import time
from pathlib import Path

import pytest

from kit.client import connect, create, until
from kit.fan_out import RawSubscription, Subscription, register, register_many, request
from kit.http2 import Http2
from kit.metrics import families, total
from kit.raw import post
from kit.reading import data, read
from kit.server import Server

MIB = 1024 * 1024
STOP_S = 5
SMALL_BUFFER = 4096


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this file's own: memory is looked at."""
    with Server(tmp_path_factory.mktemp("fan-out")) as running:
        yield running


@pytest.fixture(scope="module")
def kinesis(server):
    return connect(server)


@pytest.fixture(scope="module")
def backlog(server, kinesis):
    """A stream of 40 MiB in one shard."""
    name = create(kinesis)
    batch = [{"PartitionKey": "a", "Data": bytes([i]) * 500_000} for i in range(20)]
    for _ in range(4):
        kinesis.put_records(StreamName=name, Records=batch)
    return name


def fill(kinesis, name, first, count):
    batch = [{"PartitionKey": "a", "Data": b"%d" % i} for i in range(first, first + count)]
    assert kinesis.put_records(StreamName=name, Records=batch)["FailedRecordCount"] == 0


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def connections(server):
    return total(families(server), "connections")


def wait_connections(server, expected, seconds=20):
    """Until there are no more than `expected`, this question's own counted in."""
    deadline = time.monotonic() + seconds
    while (now := connections(server)) > expected:
        files = "\n".join(os.readlink(f) for f in Path(f"/proc/{server.process.pid}/fd").iterdir())
        assert time.monotonic() < deadline, f"{now} connections and not {expected}; open:\n{files}"
        time.sleep(0.02)


def test_sixty_four_subscribers_that_never_read(server, kinesis, backlog):
    """2.5 GiB are there for them; the server holds what fits a few events and sockets."""
    arns = register_many(server, kinesis, backlog, 64)
    before = server.memory_mib()
    with contextlib.ExitStack() as open_ones:
        idle = [
            open_ones.enter_context(RawSubscription(server, arn, buffer_bytes=SMALL_BUFFER)) for arn in arns
        ]
        watched = time.monotonic() + 2
        while time.monotonic() < watched:
            assert server.memory_mib() - before < 100, server.memory_mib()
            time.sleep(0.05)
        fresh = register(server, kinesis, backlog)
        with Subscription(kinesis, fresh) as reading:
            assert len(reading.records(10)) >= 10, "who reads is served meanwhile"
        began = time.monotonic()
        assert post(server, "ListStreams", "{}").status == 200
        assert time.monotonic() - began < 1
        late = idle[17].begin()
        assert len(late.records(10)) >= 10, "and who begins to read late is not too late"
        assert server.memory_mib() - before < 100
    wait_connections(server, 4)


def test_sixty_four_subscriptions_on_one_http_2_connection_that_never_reads(server, kinesis, backlog):
    arns = register_many(server, kinesis, backlog, 64)
    before = server.memory_mib()
    with Http2(server, stream_window=1024) as connection:
        for arn in arns:
            connection.post("SubscribeToShard", request(arn))
        watched = time.monotonic() + 1
        while time.monotonic() < watched:
            assert server.memory_mib() - before < 80, server.memory_mib()
            time.sleep(0.05)


def test_a_client_that_goes_away_is_noticed_while_nothing_is_sent(server, kinesis):
    """By a FIN, by a reset, by an HTTP/2 connection that is cut: files and connections come back."""
    stream = create(kinesis)
    arns = register_many(server, kinesis, stream, 40)
    connections_before, files_before = connections(server), descriptors(server)
    raw = [RawSubscription(server, arn, kind="LATEST").begin() for arn in arns[:20]]
    for subscription in raw:
        subscription.next()
    with Http2(server) as many:
        numbers = [many.post("SubscribeToShard", request(arn)) for arn in arns[20:]]
        many.until(lambda: all(many.events(n) for n in numbers))
        assert connections(server) >= connections_before + 21
    began = time.monotonic()
    for index, subscription in enumerate(raw):
        subscription.vanish() if index % 2 else subscription.close()
    wait_connections(server, connections_before + 1, seconds=4)
    until(lambda: descriptors(server) <= files_before + 1, seconds=1)
    assert time.monotonic() - began < 4, "not only when the next heartbeat fails"


def test_a_subscriber_that_vanishes_in_the_middle_of_much(server, kinesis, backlog):
    """With a reset, as there is always something that it has not read."""
    arns = register_many(server, kinesis, backlog, 10)
    before = connections(server)
    for arn in arns:
        with RawSubscription(server, arn) as subscription:
            subscription.begin().next()
    wait_connections(server, before)


def test_sigterm_ends_subscriptions_cleanly(own_server):
    """Readers see the end of the stream and no error, over both protocols; the exit code is 0."""
    server = own_server()
    kinesis = connect(server)
    stream = create(kinesis)
    arns = register_many(server, kinesis, stream, 12)
    fill(kinesis, stream, 0, 10)
    raw = [RawSubscription(server, arn).begin() for arn in arns[:5]]
    sdk = [Subscription(kinesis, arn) for arn in arns[5:8]]
    with Http2(server) as connection:
        numbers = [connection.post("SubscribeToShard", request(arn)) for arn in arns[8:]]
        connection.until(lambda: all(connection.records(n) for n in numbers))
        for subscription in (*raw, *sdk):
            assert len(subscription.records(10)) == 10
        began = time.monotonic()
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert all(subscription.next() is None for subscription in (*raw, *sdk))
        connection.until_closed()
        assert connection.ended.issuperset(numbers)
        assert not connection.reset and set(connection.goaways) == {0}
        stopping.join()
    assert time.monotonic() - began < STOP_S
    assert server.process is None, "server.stop() has checked the exit code"


def test_sigterm_while_nobody_reads(own_server):
    """A client that does not read cannot hold up the end for ever."""
    server = own_server()
    kinesis = connect(server)
    stream = create(kinesis)
    for _ in range(4):
        kinesis.put_records(
            StreamName=stream, Records=[{"PartitionKey": "a", "Data": bytes(MIB - 100)}] * 5
        )
    idle = [RawSubscription(server, arn) for arn in register_many(server, kinesis, stream, 5)]
    for subscription in idle:
        subscription.begin()
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 12
    for subscription in idle:
        subscription.close()


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_killed_and_resumed_by_the_number_of_the_last_event(own_server, kind):
    """Under a writer: what was acknowledged comes once and in order, whatever came before the kill."""
    server = own_server()
    kinesis = connect(server)
    stream = create(kinesis)
    arn = register(server, kinesis, stream)
    acknowledged, received, position = [], [], {"kind": "TRIM_HORIZON"}

    def write(client):
        try:
            while True:
                number = client.put_record(StreamName=stream, PartitionKey="a", Data=b"x")
                acknowledged.append(number["SequenceNumber"])
        except Exception:  # noqa: BLE001 - the server was killed: this is how it ends
            pass

    for _ in range(3):
        writer = threading.Thread(target=write, args=(connect(server),))
        writer.start()
        with Subscription(kinesis, arn, **position) as subscription:
            # The same consumer at once: nobody remembers the subscription that the kill ended.
            enough = len(received) + 50
            while len(received) < enough:
                received += subscription.next()["Records"]
            position = {"kind": kind, "SequenceNumber": subscription.continuation}
            server.kill()
        writer.join()
        kinesis = connect(server.start())
    fill(kinesis, stream, 0, 1)
    stored = read(kinesis, stream)
    with Subscription(kinesis, arn, **position) as subscription:
        received += subscription.records(len(stored) - len(received))
    assert received == stored
    assert data(received)[-1] == b"0"
    assert set(acknowledged) <= {r["SequenceNumber"] for r in received}
