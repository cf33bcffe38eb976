"""Enhanced fan-out: registering consumers, and subscriptions with boto3 or on a socket."""

import http.client
import json
import threading
from collections import defaultdict

from botocore.exceptions import EventStreamError

from kit.client import unique, until
from kit.frames import FIRST_HEADERS, Frames
from kit.raw import open_socket, request_bytes, reset
from kit.shards import list_shards, shard_id


def register(server, kinesis, stream, name=None, **more):
    """The ARN of a new ACTIVE consumer."""
    registered = kinesis.register_stream_consumer(
        StreamARN=server.arn(stream), ConsumerName=name or unique("reader"), **more
    )
    arn = registered["Consumer"]["ConsumerARN"]
    wait_consumer(kinesis, arn)
    return arn


def register_many(server, kinesis, stream, count):
    """The ARNs of that many ACTIVE consumers, by name; one wait for all."""
    prefix, arns = unique("reader"), []
    for i in range(count):
        registered = kinesis.register_stream_consumer(
            StreamARN=server.arn(stream), ConsumerName=f"{prefix}-{i:03}"
        )
        arns.append(registered["Consumer"]["ConsumerARN"])
    for arn in arns:
        wait_consumer(kinesis, arn)
    return arns


def describe(kinesis, arn):
    return kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]


def wait_consumer(kinesis, arn):
    until(lambda: describe(kinesis, arn)["ConsumerStatus"] == "ACTIVE")


def consumer_gone(kinesis, arn):
    try:
        describe(kinesis, arn)
    except kinesis.exceptions.ResourceNotFoundException:
        return True
    return False


def request(arn, shard=0, kind="TRIM_HORIZON", **position):
    """The parameters of SubscribeToShard; `shard` is an index or an id."""
    shard = shard_id(shard) if isinstance(shard, int) else shard
    return {"ConsumerARN": arn, "ShardId": shard, "StartingPosition": {"Type": kind, **position}}


class Subscription:
    """A subscription with boto3. What it was told last is in `continuation` and `children`."""

    def __init__(self, kinesis, arn, shard=0, kind="TRIM_HORIZON", **position):
        self.stream = kinesis.subscribe_to_shard(**request(arn, shard, kind, **position))["EventStream"]
        self.events = iter(self.stream)
        self.continuation = None
        self.children = None

    def next(self):
        """The next event; None at the end of the stream."""
        item = next(self.events, None)
        if item is None:
            return None
        assert list(item) == ["SubscribeToShardEvent"], item
        event = item["SubscribeToShardEvent"]
        assert self.children is None, "an event after the end of the shard"
        self.continuation = event.get("ContinuationSequenceNumber")
        self.children = event.get("ChildShards")
        assert (self.continuation is None) == bool(self.children), event
        for child in self.children or []:
            assert child["ParentShards"] and child["HashKeyRange"], child
        return event

    def records(self, count):
        """The next records, at least so many."""
        records = []
        while len(records) < count:
            event = self.next()
            assert event, f"ended after {len(records)} of {count} records"
            records += event["Records"]
        return records

    def to_end(self):
        """(records, children): to the end of the shard, and then the end of the stream."""
        records = []
        while event := self.next():
            records += event["Records"]
        assert self.children, "ended without children"
        return records, self.children

    def failure(self):
        """The error that ends it: (code, message)."""
        try:
            while self.next():
                pass
        except EventStreamError as error:
            return error.response["Error"]["Code"], error.response["Error"]["Message"]
        raise AssertionError("ended without an error")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()


class RawSubscription:
    """The same on a socket of one's own: HTTP/1.1, frame by frame."""

    def __init__(self, server, arn, shard=0, kind="TRIM_HORIZON", buffer_bytes=None, **position):
        body = json.dumps(request(arn, shard, kind, **position)).encode()
        self.sock = open_socket(server, buffer_bytes=buffer_bytes)
        self.sock.sendall(request_bytes("SubscribeToShard", body))
        self.frames, self.ready = Frames(), []
        self.response = self.first = None

    def begin(self):
        """Reads the head of the answer and the first frame."""
        self.response = http.client.HTTPResponse(self.sock)
        self.response.begin()
        assert self.response.status == 200, self.response.read()
        assert self.response.headers["Content-Type"] == "application/vnd.amazon.eventstream"
        self.first = self.next()
        assert (self.first.headers, self.first.payload) == (FIRST_HEADERS, b"{}")
        return self

    def next(self):
        """The next frame; None at the end."""
        while not self.ready:
            received = self.response.read1(65536)
            if not received:
                assert not self.frames.rest, "ended in the middle of a frame"
                return None
            self.ready = self.frames.feed(received)
        return self.ready.pop(0)

    def records(self, count):
        records = []
        while len(records) < count:
            records += self.next().event["Records"]
        return records

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()
        if self.response:
            self.response.close()

    def vanish(self):
        reset(self.sock.dup())
        self.close()


class Follower:
    """One consumer that reads a whole stream as KCL does: a shard to its end, then its children,
    each with a subscription and a thread of its own."""

    def __init__(self, kinesis, stream, arn):
        self.kinesis, self.stream, self.arn = kinesis, stream, arn
        self.lock = threading.Lock()
        self.by_key = defaultdict(list)
        self.finished, self.begun, self.threads, self.failures = set(), set(), [], []
        for shard in list_shards(kinesis, stream, ShardFilter={"Type": "AT_TRIM_HORIZON"}):
            self._begin(shard["ShardId"])

    def total(self):
        with self.lock:
            return sum(map(len, self.by_key.values()))

    def _begin(self, shard):
        self.begun.add(shard)
        thread = threading.Thread(target=self._run, args=(shard,))
        self.threads.append(thread)
        thread.start()

    def _run(self, shard):
        try:
            with Subscription(self.kinesis, self.arn, shard) as subscription:
                while event := subscription.next():
                    self._keep(shard, event["Records"])
                assert subscription.children, "ended before the shard did"
            self._finish(shard, subscription.children)
        except EventStreamError as error:
            # Deregistered: this is how the test ends it.
            if "is not in ACTIVE status" not in str(error):
                self.failures.append(error)
        except Exception as failure:  # noqa: BLE001 - told by the main thread
            self.failures.append(failure)

    def _keep(self, shard, records):
        with self.lock:
            for record in records:
                entry = (shard, record["SequenceNumber"], int(record["Data"]))
                self.by_key[record["PartitionKey"]].append(entry)

    def _finish(self, shard, children):
        with self.lock:
            self.finished.add(shard)
            for child in children:
                ready = self.finished.issuperset(child["ParentShards"])
                if ready and child["ShardId"] not in self.begun:
                    self._begin(child["ShardId"])

    def end(self):
        """Deregisters the consumer, which ends its subscriptions."""
        self.kinesis.deregister_stream_consumer(ConsumerARN=self.arn)
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a subscription outlives its consumer"
        assert not self.failures, self.failures
