"""Connections that hold memory for nothing: by the hundred, against what docs/limits.md says that they may hold.

`kit/hostile.py` has the attacks. What is measured is resident memory, never time. The figures are of `docs/limits.md`
("The server has bounds of its own"): so much for any connection, and budgets for all that connections do.
"""

import json

import pytest

from kit.access import OWN, add
from kit.client import until
from kit.hostile import (
    KINDS,
    SILENT_KINDS,
    STREAMS,
    Hostile2,
    full_windows,
    many_fields,
    one_byte_bodies,
    resets,
    unread_metrics,
)
from kit.raw import post, read_until_closed, send
from kit.server import Server

MIB = 1024
# A connection that is idle, or whose request has not come whole, in KiB.
CONNECTION_KIB = 128
# What requests without a known key hold together, and each connection of theirs.
STRANGERS_KIB, STRANGER_KIB = 64 * MIB, 512
# Requests with a known key: beside bodies and answers of one connection, and bodies of all.
REQUESTS_KIB, BODIES_KIB = 3 * MIB, 512 * MIB
# What the allocator keeps for a moment: a part of what is held, and buffers of its threads.
SLACK, SLACK_KIB = 1.5, 24 * MIB
# What an attack leaves once it is over. A debug build begins with 27 MiB, a release build with 12.
QUIET_MIB = 60


@pytest.fixture(params=["strangers", "anybody"])
def server(request, tmp_path):
    """A server that knows one key, which attackers do not; or one that serves anybody."""
    flags = []
    if request.param == "strangers":
        add(tmp_path / "credentials.toml", OWN)
        flags = ["--credentials", str(tmp_path / "credentials.toml")]
    with Server(tmp_path / "server", flags=flags) as running:
        running.strangers = request.param == "strangers"
        yield running


def held_kib(server, kind, count):
    """What so many connections of a kind hold, and the connections."""
    before = server.memory_mib()
    connections = [kind(server) for _ in range(count)]
    return (server.memory_mib() - before) * MIB, connections


def assert_answers(server, *also):
    """It answers those who mean well meanwhile."""
    assert send(server, "GET", "/health").status == 200
    assert post(server, "ListStreams", "{}").status in (400 if server.strangers else 200, *also)


@pytest.mark.parametrize("kind", SILENT_KINDS)
def test_connections_that_have_asked_nothing_hold_little(server, kind):
    count = 300
    held, connections = held_kib(server, KINDS[kind], count)
    assert held < count * CONNECTION_KIB, f"{held / count:.0f} KiB a connection"
    assert_answers(server)
    for connection in connections:
        connection.sock.close()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SILENT_KINDS])
def test_connections_that_ask_for_much_hold_what_is_granted(server, kind):
    count = 15
    share = STRANGER_KIB if server.strangers else REQUESTS_KIB
    if kind == "full_windows" and not server.strangers:
        # Beginnings of bodies, each of which may become large.
        share += 64 * MIB
    held, connections = held_kib(server, KINDS[kind], count)
    assert held < count * (CONNECTION_KIB + share * SLACK) + SLACK_KIB, f"{held / count:.0f} KiB a connection"
    assert_answers(server)
    for connection in connections:
        connection.sock.close()


def test_all_strangers_together_hold_what_is_granted_to_strangers(tmp_path):
    add(tmp_path / "credentials.toml", OWN)
    with Server(tmp_path / "server", flags=["--credentials", str(tmp_path / "credentials.toml")]) as server:
        server.strangers = True
        count = 400
        held, connections = held_kib(server, unread_metrics, count // 2)
        more, further = held_kib(server, one_byte_bodies, count // 2)
        held += more
        bound = count * CONNECTION_KIB + STRANGERS_KIB * SLACK + SLACK_KIB
        assert held < bound, f"{held / MIB:.0f} MiB"
        for connection in [*connections, *further]:
            connection.sock.close()


def test_bodies_that_have_begun_share_one_budget_and_are_given_back(tmp_path):
    """An attack takes what all bodies may; when it is over, the system has it back."""
    with Server(tmp_path / "server") as server:
        server.strangers = False
        count = 80
        held, connections = held_kib(server, full_windows, count)
        assert held < count * (CONNECTION_KIB + REQUESTS_KIB) + BODIES_KIB * 1.25, f"{held / MIB:.0f} MiB"
        assert held > 100 * MIB, "the attack is one"
        assert_answers(server, 503)
        for connection in connections:
            connection.sock.close()
        until(lambda: server.memory_mib() < QUIET_MIB, seconds=90, every=1)


def test_a_large_deletion_is_given_back(tmp_path):
    """Tables are kept in memory: a table of 150 MiB, deleted."""
    with Server(tmp_path / "server") as server:
        def call(operation, body):
            answer = post(server, operation, json.dumps(body), content_type="application/x-amz-json-1.0",
                          X_Amz_Target=f"DynamoDB_20120810.{operation}")
            assert answer.status == 200, answer
        call("CreateTable", {
            "TableName": "large", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        })
        for batch in range(25):
            items = [{"k": {"S": f"{batch}-{i}"}, "v": {"S": "v" * 250_000}} for i in range(24)]
            call("BatchWriteItem", {"RequestItems": {"large": [{"PutRequest": {"Item": item}} for item in items]}})
        assert server.memory_mib() > 120
        call("DeleteTable", {"TableName": "large"})
        until(lambda: server.memory_mib() < QUIET_MIB, seconds=90, every=1)


def test_a_connection_that_is_reset_again_and_again_is_closed(server):
    assert resets(server).closed


def test_a_connection_that_goes_on_without_room_is_closed(server):
    connection = many_fields(server)
    connection.sock.settimeout(20)
    read_until_closed(connection.sock)
    assert_answers(server)


def test_the_windows_and_streams_are_what_the_documents_say(server):
    with Hostile2(server) as connection:
        told = (connection.streams, connection.stream_window, connection.window, connection.head_bytes)
        assert told == (128, 1 << 20, 8 << 20, 32 << 10)
        assert connection.streams < STREAMS
