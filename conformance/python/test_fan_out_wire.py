"""Subscriptions as bytes: frames, chunks, HTTP/1.0, HTTP/2 with its windows, CBOR."""

import json
import re

import httpx
import pytest

from kit import cbor
from kit.client import create
from kit.fan_out import RawSubscription, consumer_gone, register, register_many, request
from kit.frames import EVENT_HEADERS, FIRST_HEADERS, Frames
from kit.http2 import Http2
from kit.raw import (
    CBOR,
    b64,
    headers_for,
    open_socket,
    post,
    read_answer,
    read_until_closed,
    request_bytes,
)
from kit.shards import list_shards, split

MIB = 1024 * 1024


def put(kinesis, name, *blobs):
    for blob in blobs:
        kinesis.put_record(StreamName=name, PartitionKey="a", Data=blob)


def body(arn, shard=0, **position):
    return json.dumps(request(arn, shard, **position)).encode()


def chunks_of(received):
    """The chunks of a whole chunked body."""
    chunks = []
    while True:
        size, _, received = received.partition(b"\r\n")
        length = int(size, 16)
        chunk, received = received[:length], received[length:]
        assert received.startswith(b"\r\n")
        received = received[2:]
        if length == 0:
            assert received == b""
            return chunks
        chunks.append(chunk)


def test_frames_and_chunks_to_the_last_byte(server, kinesis, stream):
    """A whole answer of HTTP/1.1: each frame leaves in a chunk of its own."""
    put(kinesis, stream, b"0")
    arn = register(server, kinesis, stream)
    split(kinesis, stream, list_shards(kinesis, stream)[0])
    with open_socket(server) as sock:
        sock.sendall(request_bytes("SubscribeToShard", body(arn), extra="Connection: close\r\n"))
        head, _, rest = read_until_closed(sock).partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in headers)}
    assert status == "HTTP/1.1 200 OK"
    assert headers["transfer-encoding"] == "chunked" and "content-length" not in headers
    assert headers["content-type"] == "application/vnd.amazon.eventstream"
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-amzn-requestid"]) and headers["x-amz-id-2"]
    chunks = chunks_of(rest)
    frames = [frame for chunk in chunks for frame in Frames().feed(chunk)]
    assert [frame.bytes for frame in frames] == chunks
    assert [frame.headers for frame in frames] == [FIRST_HEADERS, EVENT_HEADERS, EVENT_HEADERS]
    (record,) = frames[1].event["Records"]
    assert set(record) == {"SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"}
    assert (record["Data"], record["PartitionKey"]) == (b64(b"0"), "a")
    assert isinstance(record["ApproximateArrivalTimestamp"], float | int)
    assert b" " not in frames[1].payload, "compact"
    assert len(frames[2].event["ChildShards"]) == 2


def test_the_connection_is_of_use_after_a_subscription(server, kinesis, stream):
    arn = register(server, kinesis, stream)
    split(kinesis, stream, list_shards(kinesis, stream)[0])
    with RawSubscription(server, arn) as subscription:
        assert subscription.begin().next().event["ChildShards"]
        assert subscription.next() is None
        subscription.sock.sendall(request_bytes("ListStreams", b"{}"))
        assert read_answer(subscription.sock).status == 200


def test_an_exception_is_a_frame_and_then_the_end(server, kinesis, stream):
    arn = register(server, kinesis, stream, "reader")
    created = arn.rsplit(":", 1)[1]
    with RawSubscription(server, arn) as subscription:
        subscription.begin().next()
        kinesis.deregister_stream_consumer(ConsumerARN=arn)
        assert subscription.next().exception == (
            "ResourceInUseException",
            f"Consumer reader with creation timestamp {created} under stream: {stream} , "
            "account 000000000000 is not in ACTIVE status.",
        )
        assert subscription.next() is None


def test_what_is_refused_is_an_ordinary_answer(server, kinesis, stream):
    arn = register(server, kinesis, stream)
    answer = post(server, "SubscribeToShard", request(arn, 7))
    assert (answer.status, answer.type) == (400, "ResourceNotFoundException")
    assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert answer.headers["Content-Length"] == str(len(answer.body))


def test_http_1_0_gets_frames_and_no_chunks(server, kinesis, stream):
    put(kinesis, stream, b"0")
    arn = register(server, kinesis, stream)
    split(kinesis, stream, list_shards(kinesis, stream)[0])
    with open_socket(server) as sock:
        sock.sendall(request_bytes("SubscribeToShard", body(arn), version="1.0"))
        head, _, rest = read_until_closed(sock).partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0] and b"chunked" not in head.lower()
    parser = Frames()
    assert len(parser.feed(rest)) == 3 and parser.rest == b""


@pytest.mark.parametrize("indefinite", [True, False])
def test_a_request_in_cbor_is_answered_by_events_in_json(server, kinesis, stream, indefinite):
    """Events are JSON whatever was asked in (model); what is refused is refused in CBOR."""
    put(kinesis, stream, b"0")
    arn = register(server, kinesis, stream)
    split(kinesis, stream, list_shards(kinesis, stream)[0])
    answer = post(server, "SubscribeToShard", cbor.dumps(request(arn), indefinite), content_type=CBOR)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/vnd.amazon.eventstream"
    first, records, _ = Frames().feed(answer.body)
    assert first.headers == FIRST_HEADERS
    assert [r["Data"] for r in records.event["Records"]] == [b64(b"0")]
    refused = post(server, "SubscribeToShard", cbor.dumps(request(arn, 7), indefinite), content_type=CBOR)
    assert refused.status == 400 and refused.headers["Content-Type"] == CBOR
    assert cbor.loads(refused.body)["__type"] == "ResourceNotFoundException"


def test_consumers_in_cbor(server, kinesis, stream):
    """The other operations, with the time as tag 1 and milliseconds."""
    client = cbor.connect_cbor(server)
    registered = client.register_stream_consumer(StreamARN=server.arn(stream), ConsumerName="reader")
    arn = registered["Consumer"]["ConsumerARN"]
    created = registered["Consumer"]["ConsumerCreationTimestamp"]
    assert int(created.timestamp()) == int(arn.rsplit(":", 1)[1])
    listed = client.list_stream_consumers(StreamARN=server.arn(stream))["Consumers"]
    assert [c["ConsumerARN"] for c in listed] == [arn]
    assert listed == kinesis.list_stream_consumers(StreamARN=server.arn(stream))["Consumers"]
    client.deregister_stream_consumer(ConsumerARN=arn)
    while not consumer_gone(kinesis, arn):
        pass


# HTTP/2


def test_http_2_with_httpx(server, kinesis, stream):
    put(kinesis, stream, b"0")
    arn = register(server, kinesis, stream)
    parser = Frames()
    with (
        httpx.Client(http1=False, http2=True, base_url=server.url, trust_env=False) as client,
        client.stream("POST", "/", content=body(arn), headers=headers_for("SubscribeToShard")) as answer,
    ):
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
        assert "transfer-encoding" not in answer.headers
        frames = []
        for received in answer.iter_raw():
            frames += parser.feed(received)
            if len(frames) == 2:
                put(kinesis, stream, b"1")
            if len(frames) == 3:
                break
    assert [r["Data"] for f in frames[1:] for r in f.event["Records"]] == [b64(b"0"), b64(b"1")]


def test_http_2_a_shards_end_is_the_streams_end(server, kinesis, stream):
    arn = register(server, kinesis, stream)
    split(kinesis, stream, list_shards(kinesis, stream)[0])
    with Http2(server) as connection:
        number = connection.post("SubscribeToShard", request(arn))
        connection.until(lambda: number in connection.ended)
        assert connection.status[number] == 200
        (end,) = connection.events(number)
        assert end["ChildShards"] and not connection.reset


def test_http_2_many_subscriptions_and_pings_on_one_connection(server, kinesis):
    """One consumer on every shard, as KCL does; PINGs are answered meanwhile, and other calls."""
    shards = 40
    stream = create(kinesis, shards)
    arn = register(server, kinesis, stream)
    with Http2(server) as connection:
        numbers = [connection.post("SubscribeToShard", request(arn, i)) for i in range(shards)]
        connection.until(lambda: all(connection.events(n) for n in numbers), consume=numbers)
        spread = [{"PartitionKey": f"k{i}", "Data": b"%d" % i} for i in range(400)]
        kinesis.put_records(StreamName=stream, Records=spread)
        connection.ping(b"headwatr")
        connection.until(
            lambda: sum(len(connection.records(n)) for n in numbers) == 400 and connection.acknowledged,
            consume=numbers,
        )
        assert connection.acknowledged == [b"headwatr"]
        refused = connection.post("SubscribeToShard", request(arn, shards))
        connection.until(lambda: refused in connection.ended)
        assert connection.status[refused] == 400
        assert connection.ended == {refused} and not connection.reset


def test_http_2_a_cancelled_subscription_leaves_the_others_alone(server, kinesis, stream):
    one, two = register_many(server, kinesis, stream, 2)
    with Http2(server) as connection:
        first, second = (connection.post("SubscribeToShard", request(arn)) for arn in (one, two))
        connection.until(lambda: connection.events(first) and connection.events(second))
        connection.cancel(first)
        put(kinesis, stream, b"0")
        connection.until(lambda: connection.records(second))
        assert not connection.records(first) and second not in connection.ended


def test_http_2_windows_are_respected_and_who_waits_holds_up_nobody(server, kinesis, stream):
    """The first stream is never read: it stops at its window. The second is, and gets everything."""
    for _ in range(4):
        put(kinesis, stream, b"x" * 500_000)
    one, two = register_many(server, kinesis, stream, 2)
    with Http2(server, stream_window=100_000) as connection:
        stuck, read = (connection.post("SubscribeToShard", request(arn)) for arn in (one, two))
        connection.until(
            lambda: len(connection.records(read)) == 4 and connection.received[stuck] == 100_000,
            consume=[read],
        )
        assert connection.records(stuck) == []
        connection.until(lambda: len(connection.records(stuck)) == 4, consume=[stuck])
        assert connection.records(stuck) == connection.records(read)
