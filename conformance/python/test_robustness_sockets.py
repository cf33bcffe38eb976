"""Connections nobody should make, on raw sockets; and HTTP/2 beside them on the same port."""

import select
import socket
import time

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from kit.client import connect, create, until
from kit.raw import (
    b64,
    headers_for,
    open_socket,
    post,
    read_answer,
    read_until_closed,
    request_bytes,
)
from kit.reading import data, read
from kit.server import Server

MIB = 1024 * 1024
MEMORY_LIMIT_MIB = 384
LIST = request_bytes("ListStreams", b"{}")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this file's own, whose memory is looked at when all is over."""
    with Server(tmp_path_factory.mktemp("hostile-sockets")) as running:
        yield running
        assert running.memory_mib("VmHWM") < MEMORY_LIMIT_MIB, running.memory_mib("VmHWM")


@pytest.fixture(scope="module")
def kinesis(server):
    return connect(server)


@pytest.fixture(autouse=True)
def answers_normally_afterwards(server):
    yield
    began = time.monotonic()
    assert post(server, "ListStreams", "{}").status == 200
    assert time.monotonic() - began < 5


def test_a_body_shorter_than_announced(server, kinesis):
    name = create(kinesis)
    body = b'{"StreamName":"%s","PartitionKey":"a","Data":"eA=="}' % name.encode()
    with open_socket(server) as sock:
        sock.sendall(request_bytes("PutRecord", body, length=len(body) + 100))
        sock.shutdown(socket.SHUT_WR)
        received = read_until_closed(sock)
    assert b" 200 " not in received[:20]
    assert read(kinesis, name) == []


def status_while_sending(sock, piece, times):
    """Send until something comes back, as a careful client does; the status line's start."""
    for _ in range(times):
        try:
            if select.select([sock], [], [], 0)[0]:
                break
            sock.sendall(piece)
        except ConnectionError:
            return b""
        except TimeoutError:
            break
    if not select.select([sock], [], [], 5)[0]:
        return None
    try:
        return sock.recv(12)
    except ConnectionError:
        return b""


REFUSED = (b"", b"HTTP/1.1 400", b"HTTP/1.1 413")


def test_a_body_of_200_mib_announced(server):
    """Refused or cut off from the number alone; it must not be waited for."""
    with open_socket(server, timeout=5) as sock:
        sock.sendall(request_bytes("PutRecord", b"{", length=200 * MIB))
        assert status_while_sending(sock, b" " * 65536, 16 * 100) in REFUSED


@pytest.mark.parametrize("length", ["-1", "abc", "99999999999999999999999", "1, 2", ""])
def test_a_length_that_is_none(server, length):
    with open_socket(server) as sock:
        sock.sendall(request_bytes("ListStreams", b"{}", length=length))
        sock.shutdown(socket.SHUT_WR)
        assert read_until_closed(sock)[:12] in REFUSED


def test_requests_that_trickle_in(server):
    """Fifty connections in the middle of their headers, each sending a byte now and then."""
    slow = [open_socket(server) for _ in range(50)]
    try:
        for at in range(40):
            for sock in slow:
                sock.sendall(LIST[at:at + 1])
            if at % 10 == 0:
                assert post(server, "ListStreams", "{}").status == 200
        for sock in slow:
            sock.sendall(LIST[40:])
            assert read_answer(sock).status == 200, "slow, but whole: answered"
    finally:
        for sock in slow:
            sock.close()


def test_two_thousand_idle_connections(server):
    before = server.memory_mib()
    idle = [open_socket(server) for _ in range(2000)]
    try:
        began = time.monotonic()
        for _ in range(20):
            assert post(server, "ListStreams", "{}").status == 200
        assert time.monotonic() - began < 5
        idle[1999].sendall(LIST)
        assert read_answer(idle[1999]).status == 200
        assert server.memory_mib() - before < 100
    finally:
        for sock in idle:
            sock.close()


def test_pipelined_requests_are_answered_in_order(server):
    with open_socket(server) as sock:
        sock.sendall(LIST + request_bytes("Nope", b"{}") + LIST)
        reader = sock.makefile("rb")

        class Shared:
            """http.client reads ahead; three responses must share one buffer."""
            def makefile(self, _mode):
                return Unclosed(reader)

        assert [read_answer(Shared()).status for _ in range(3)] == [200, 400, 200]


class Unclosed:
    def __init__(self, reader):
        self.reader = reader

    def __getattr__(self, name):
        return getattr(self.reader, name)

    def close(self):
        pass


def test_http_1_0(server):
    with open_socket(server) as sock:
        sock.sendall(request_bytes("ListStreams", b"{}", version="1.0"))
        received = read_until_closed(sock)
    assert received.startswith(b"HTTP/1.") and b" 200 " in received[:20]
    assert b"transfer-encoding: chunked" not in received.lower()


def test_expect_100_continue(server):
    with open_socket(server) as sock:
        sock.sendall(request_bytes("ListStreams", b"", extra="Expect: 100-continue\r\n", length=2))
        assert sock.recv(25).startswith(b"HTTP/1.1 100 Continue")
        sock.sendall(b"{}")
        assert read_answer(sock).status == 200


def test_a_body_in_chunks(server, kinesis):
    name = create(kinesis)
    body = b'{"StreamName":"%s","PartitionKey":"a","Data":"%s"}' % (
        name.encode(), b64(b"x" * 3000).encode()
    )
    pieces = [body[i:i + 700] for i in range(0, len(body), 700)] + [b""]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces)
    with open_socket(server) as sock:
        sock.sendall(request_bytes("PutRecord", chunks, extra="Transfer-Encoding: chunked\r\n"))
        assert read_answer(sock).status == 200
    assert data(read(kinesis, name)) == [b"x" * 3000]


@pytest.mark.parametrize("chunks", [b"zz\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n{}", b"2\r\n{}"])
def test_chunks_that_are_none(server, chunks):
    with open_socket(server) as sock:
        sock.sendall(request_bytes("ListStreams", chunks, extra="Transfer-Encoding: chunked\r\n"))
        sock.shutdown(socket.SHUT_WR)
        assert b" 200 " not in read_until_closed(sock)[:20]


def test_endless_chunks(server):
    with open_socket(server, timeout=5) as sock:
        sock.sendall(request_bytes("ListStreams", b"", extra="Transfer-Encoding: chunked\r\n"))
        assert status_while_sending(sock, b"10000\r\n" + b" " * 65536 + b"\r\n", 16 * 100) in REFUSED


@pytest.mark.parametrize("garbage", [
    b"\x00" * 100, b"\xff" * 100, b"hello\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + b"\x00" * 64, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
    b"POST / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
    b"POST /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n", b"\r\n" * 1000, b"",
], ids=lambda garbage: repr(garbage[:20]))
def test_garbage_instead_of_http(server, garbage):
    with open_socket(server) as sock:
        try:
            sock.sendall(garbage)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            return
        assert b" 200 " not in read_until_closed(sock)[:20]


def test_connections_dropped_in_the_middle(server):
    for at in range(0, len(LIST), 7):
        with open_socket(server) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            sock.sendall(LIST[:at])


def test_http_2_by_prior_knowledge_on_the_same_port(server, kinesis):
    name = create(kinesis)
    with httpx.Client(http1=False, http2=True, base_url=server.url, trust_env=False) as client:
        for i in range(100):
            body = {"StreamName": name, "PartitionKey": "a", "Data": b64(b"%d" % i)}
            answer = client.post("/", json=body, headers=headers_for("PutRecord"))
            assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        missing = client.post("/", json={"StreamName": "none"}, headers=headers_for("DescribeStream"))
        assert missing.status_code == 400
        assert missing.json()["__type"] == "ResourceNotFoundException"
        large = {"StreamName": name, "PartitionKey": "a", "Data": b64(bytes(MIB - 1))}
        assert client.post("/", json=large, headers=headers_for("PutRecord")).status_code == 200
    assert data(read(kinesis, name)) == [b"%d" % i for i in range(100)] + [bytes(MIB - 1)]


def test_http_2_pings_are_acknowledged_and_streams_run_beside_each_other(server):
    """KCL pings every minute and drops a connection that does not answer."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    connection.ping(b"headwatr")
    headers = [(k.lower(), v) for k, v in headers_for("ListStreams").items()]
    for number in range(1, 41, 2):
        connection.send_headers(number, [
            (":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "localhost"), *headers,
        ])
        connection.send_data(number, b"{}", end_stream=True)
    acknowledged, ended = [], set()
    with open_socket(server) as sock:
        sock.sendall(connection.data_to_send())
        while len(ended) < 20 or not acknowledged:
            received = sock.recv(65536)
            assert received, "closed early"
            for event in connection.receive_data(received):
                if isinstance(event, h2.events.PingAckReceived):
                    acknowledged.append(event.ping_data)
                if isinstance(event, h2.events.StreamEnded):
                    ended.add(event.stream_id)
            sock.sendall(connection.data_to_send())
    assert acknowledged == [b"headwatr"] and ended == set(range(1, 41, 2))


def test_memory_falls_back_after_large_requests(server, kinesis):
    name = create(kinesis)
    batch = [{"PartitionKey": "a", "Data": bytes(MIB - 1)}] * 10
    for _ in range(10):
        kinesis.put_records(StreamName=name, Records=batch)
    assert len(read(kinesis, name)) == 100
    until(lambda: server.memory_mib() < 250)


def test_pipelined_reads_whose_answers_nobody_reads(server, kinesis):
    name = create(kinesis, MaxRecordSizeInKiB=10240)
    kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"z" * 9_000_000)
    token = kinesis.get_shard_iterator(
        StreamName=name, ShardId="0", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    read_it = request_bytes("GetRecords", b'{"ShardIterator":"%s"}' % token.encode())
    with open_socket(server) as sock:
        sock.sendall(read_it * 100)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert server.memory_mib("VmRSS") < MEMORY_LIMIT_MIB
            time.sleep(0.05)
