"""The numbered cases: enhanced fan-out, cases 29 and 70 to 79."""

import re
import time

import pytest
from botocore.exceptions import ClientError

from kit.client import (
    LE,
    RIU,
    RNF,
    connect,
    create,
    not_found,
    refusal,
    unique,
    until,
    wait_active,
    wait_gone,
)
from kit.fan_out import (
    RawSubscription,
    Subscription,
    consumer_gone,
    describe,
    register,
    register_many,
    request,
    wait_consumer,
)
from kit.reading import data, follow, iterator, read
from kit.shards import Sequence, list_shards, merge, shard_id, split

ACCOUNT = "000000000000"
TAKEOVER_S = HEARTBEAT_S = 5


def put(kinesis, name, *blobs):
    for blob in blobs:
        kinesis.put_record(StreamName=name, PartitionKey="a", Data=blob)


def busy(stream, arn, shard=0):
    reader = arn.split("/consumer/")[1].split(":")[0]
    who = f"{ACCOUNT}:{stream}:{shard_id(shard)}:{reader}"
    return RIU, f"Another active subscription exists for this consumer: {who}"


def unknown(stream, reader):
    return RNF, f"Consumer {reader} under stream: {stream}, account {ACCOUNT} not found."


def test_case_29_a_stream_with_a_consumer_is_deleted_only_by_force(server, kinesis, stream):
    arn = register(server, kinesis, stream)
    for options in ({}, {"EnforceConsumerDeletion": False}):
        code, message = refusal(kinesis.delete_stream, StreamName=stream, **options)
        assert code == RIU and stream in message and "EnforceConsumerDeletion" in message
    assert describe(kinesis, arn)["ConsumerStatus"] == "ACTIVE"
    with Subscription(kinesis, arn) as subscription:
        subscription.next()
        kinesis.delete_stream(StreamName=stream, EnforceConsumerDeletion=True)
        assert subscription.failure() == not_found(stream)
    wait_gone(kinesis, stream)
    assert refusal(kinesis.describe_stream_consumer, ConsumerARN=arn) == not_found(stream)
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    wait_active(kinesis, stream)
    assert kinesis.list_stream_consumers(StreamARN=server.arn(stream))["Consumers"] == []
    assert refusal(kinesis.describe_stream_consumer, ConsumerARN=arn).code == RNF


def test_case_29_a_stream_whose_consumers_were_deregistered(server, kinesis, stream):
    arn = register(server, kinesis, stream)
    kinesis.deregister_stream_consumer(ConsumerARN=arn)
    until(lambda: consumer_gone(kinesis, arn))
    kinesis.delete_stream(StreamName=stream)
    wait_gone(kinesis, stream)


def test_case_70_71_79_the_life_of_a_consumer(own_server):
    server = own_server(transition_ms=600)
    kinesis = connect(server)
    stream = create(kinesis)
    named = {"StreamARN": server.arn(stream), "ConsumerName": "reader"}
    before_s = int(time.time())
    first = kinesis.register_stream_consumer(**named)["Consumer"]
    created_s = int(first["ConsumerCreationTimestamp"].timestamp())
    assert set(first) == {"ConsumerName", "ConsumerARN", "ConsumerStatus", "ConsumerCreationTimestamp"}
    assert (first["ConsumerName"], first["ConsumerStatus"]) == ("reader", "CREATING")
    assert first["ConsumerARN"] == f"{server.arn(stream)}/consumer/reader:{created_s}"
    assert before_s <= created_s <= time.time()
    arn = first["ConsumerARN"]

    not_active = (
        RIU, f"Consumer reader with creation timestamp {created_s} under stream: {stream} , "
             f"account {ACCOUNT} is not in ACTIVE status.")
    assert refusal(kinesis.subscribe_to_shard, **request(arn)) == not_active, "case 71"
    assert refusal(kinesis.register_stream_consumer, **named).code == RIU
    assert refusal(kinesis.delete_stream, StreamName=stream).code == RIU

    wait_consumer(kinesis, arn)
    assert describe(kinesis, arn) == first | {"ConsumerStatus": "ACTIVE", "StreamARN": server.arn(stream)}
    assert refusal(kinesis.register_stream_consumer, **named).code == RIU
    with Subscription(kinesis, arn) as subscription:
        subscription.next()
        kinesis.deregister_stream_consumer(ConsumerARN=arn)
        assert subscription.failure() == not_active, "deregistering ends what is open"
    assert describe(kinesis, arn)["ConsumerStatus"] == "DELETING"
    assert refusal(kinesis.subscribe_to_shard, **request(arn)) == not_active
    assert refusal(kinesis.register_stream_consumer, **named).code == RIU, "while it is DELETING"

    until(lambda: consumer_gone(kinesis, arn))
    for call in (kinesis.describe_stream_consumer, kinesis.deregister_stream_consumer):
        assert refusal(call, ConsumerARN=arn) == unknown(stream, "reader")
    assert refusal(kinesis.subscribe_to_shard, **request(arn)) == unknown(stream, "reader")
    again = kinesis.register_stream_consumer(**named)["Consumer"]["ConsumerARN"]
    assert again != arn, "case 79"
    assert refusal(kinesis.describe_stream_consumer, ConsumerARN=arn).code == RNF
    assert describe(kinesis, again)["ConsumerStatus"] == "CREATING"


def test_case_79_a_new_arn_within_the_same_second(own_server):
    server = own_server(transition_ms=0)
    kinesis = connect(server)
    stream, seen = create(kinesis), []
    for _ in range(5):
        seen.append(register(server, kinesis, stream, "reader"))
        kinesis.deregister_stream_consumer(ConsumerARN=seen[-1])
    assert len(set(seen)) == 5
    assert all(re.search(r"/consumer/reader:\d{10}$", arn) for arn in seen)


def test_case_72_first_comes_the_initial_response(server, kinesis, stream):
    """Its bytes: a vector recorded from AWS."""
    with RawSubscription(server, register(server, kinesis, stream)) as subscription:
        subscription.begin()
        second = subscription.next()
    first = subscription.first.bytes
    assert len(first) == 114
    assert first[:12] == bytes.fromhex("0000007200000060ab820d9e")
    assert first[12:108] == (
        b"\x0b:event-type\x07\x00\x10initial-response"
        b"\x0d:content-type\x07\x00\x1aapplication/x-amz-json-1.1"
        b"\x0d:message-type\x07\x00\x05event"
    )
    assert first[108:] == b"{}" + bytes.fromhex("acae6b7d")
    assert len(second.bytes) == 242, "an empty event, as seen on AWS"
    number = second.event["ContinuationSequenceNumber"]
    assert second.payload.decode() == (
        f'{{"ContinuationSequenceNumber":"{number}","MillisBehindLatest":0,"Records":[]}}'
    )


def test_case_73_what_was_put_together_comes_in_one_event(server, kinesis, stream):
    live, late = register_many(server, kinesis, stream, 2)
    batch = [{"PartitionKey": f"k{i}", "Data": b"%d" % i} for i in range(5)]
    with Subscription(kinesis, live, kind="LATEST") as subscription:
        subscription.next()
        kinesis.put_records(StreamName=stream, Records=batch)
        event = subscription.next()
    assert event["Records"] == read(kinesis, stream), "just what GetRecords gives"
    assert data(event["Records"]) == [b"%d" % i for i in range(5)]
    assert event["MillisBehindLatest"] == 0
    with Subscription(kinesis, late) as subscription:
        event = subscription.next()
    assert (len(event["Records"]), event["MillisBehindLatest"]) == (5, 0)


def test_case_74_75_idle_events_and_who_may_subscribe_again(server, kinesis):
    """One wait of five seconds for all that needs it."""
    stream = create(kinesis, 2)
    arn, gone, other = register_many(server, kinesis, stream, 3)
    started = time.monotonic()
    with Subscription(kinesis, arn, kind="LATEST") as first:
        with Subscription(kinesis, gone) as closed:
            closed.next()
        assert first.next()["Records"] == [], "a number to go on with comes at once"
        numbers = [first.continuation]
        again = request(arn, kind="TRIM_HORIZON")
        assert refusal(kinesis.subscribe_to_shard, **again) == busy(stream, arn), "case 75, too soon"
        assert refusal(kinesis.subscribe_to_shard, **request(gone)) == busy(stream, gone), (
            "too soon, though its connection is closed")
        with Subscription(kinesis, arn, 1) as beside, Subscription(kinesis, other, 0) as another:
            assert beside.next() and another.next(), "other shards and other consumers are free"

        event = first.next()
        waited_s = time.monotonic() - started
        numbers.append(first.continuation)
        assert HEARTBEAT_S - 0.5 < waited_s < HEARTBEAT_S + 2, "case 74"
        assert (event["Records"], event["MillisBehindLatest"]) == ([], 0)
        assert int(numbers[0]) < int(numbers[1]), "the number grows though nothing came"
        assert [Sequence.parse(n).shard for n in numbers] == [0, 0]

        # Five seconds have passed: the next call takes over.
        with Subscription(kinesis, arn, kind="LATEST") as second:
            assert first.failure() == busy(stream, arn)
            second.next()
            with Subscription(kinesis, gone, kind="LATEST") as third:
                third.next()
                kinesis.put_record(StreamName=stream, PartitionKey="a", ExplicitHashKey="0", Data=b"x")
                assert data(second.records(1)) == data(third.records(1)) == [b"x"]
            assert refusal(kinesis.subscribe_to_shard, **again) == busy(stream, arn), "five seconds anew"


# Case 76: that a subscription ends after five minutes needs a moved clock and is a Rust test.


RESUME = pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])


@RESUME
def test_case_76_broken_after_every_event_nothing_is_lost_or_repeated(server, kinesis, stream, kind):
    """A backlog of many events, and the connection breaks after each of them."""
    for i in range(6):
        batch = [{"PartitionKey": "a", "Data": b"%03d" % (50 * i + j) * 1000} for j in range(50)]
        kinesis.put_records(StreamName=stream, Records=batch)
    arns = iter(register_many(server, kinesis, stream, 20))
    received, position, events = [], {"kind": "TRIM_HORIZON"}, 0
    while len(received) < 300:
        with Subscription(kinesis, next(arns), **position) as subscription:
            event = subscription.next()
            received += event["Records"]
            events += 1
            caught_up = len(received) == 300
            assert (event["MillisBehindLatest"] == 0) == caught_up
            position = {"kind": kind, "SequenceNumber": subscription.continuation}
    assert received == read(kinesis, stream)
    assert events > 3, "several events, or nothing was tried"
    last = subscription.continuation
    put(kinesis, stream, b"later")
    resumed = read(kinesis, stream, kind=kind, StartingSequenceNumber=last)
    assert data(resumed) == [b"later"], "GetShardIterator takes the number as well"


@RESUME
def test_case_76_broken_while_idle(server, kinesis, stream, kind):
    """The number of an empty event, before the first record and after some."""
    before, after, far = register_many(server, kinesis, stream, 3)
    with Subscription(kinesis, before, kind="TRIM_HORIZON") as subscription:
        assert subscription.next()["Records"] == []
        empty = subscription.continuation
        put(kinesis, stream, b"0", b"1")
        subscription.records(2)
        caught_up = subscription.continuation
    put(kinesis, stream, b"2", b"3")
    with Subscription(kinesis, after, kind=kind, SequenceNumber=empty) as subscription:
        assert data(subscription.records(4)) == [b"0", b"1", b"2", b"3"]
    with Subscription(kinesis, far, kind=kind, SequenceNumber=caught_up) as subscription:
        assert data(subscription.records(2)) == [b"2", b"3"]
        put(kinesis, stream, b"4")
        assert data(subscription.records(1)) == [b"4"]


@RESUME
def test_case_76_resumed_at_an_event_whose_shard_was_closed_meanwhile(server, kinesis, stream, kind):
    first, second = register_many(server, kinesis, stream, 2)
    put(kinesis, stream, b"0", b"1")
    with Subscription(kinesis, first) as subscription:
        subscription.records(2)
        number = subscription.continuation
    put(kinesis, stream, b"2")
    split(kinesis, stream, list_shards(kinesis, stream)[0])
    with Subscription(kinesis, second, kind=kind, SequenceNumber=number) as subscription:
        records, children = subscription.to_end()
    assert data(records) == [b"2"] and len(children) == 2


def test_case_77_a_shard_that_is_closed_names_its_children(server, kinesis, stream):
    """Seen live, and from the beginning later on, and from its tip."""
    live, late, tip = register_many(server, kinesis, stream, 3)
    put(kinesis, stream, b"0")
    with Subscription(kinesis, live) as subscription:
        assert data(subscription.records(1)) == [b"0"]
        put(kinesis, stream, b"1")
        children = split(kinesis, stream, list_shards(kinesis, stream)[0])
        records, seen_live = subscription.to_end()
    assert data(records) == [b"1"]
    assert seen_live == [
        {"ShardId": c["ShardId"], "ParentShards": [shard_id(0)], "HashKeyRange": c["HashKeyRange"]}
        for c in children
    ]
    assert seen_live == follow(kinesis, iterator(kinesis, stream))[1]["ChildShards"]
    with Subscription(kinesis, late) as subscription:
        records, seen_late = subscription.to_end()
    assert (data(records), seen_late) == ([b"0", b"1"], seen_live)
    with Subscription(kinesis, tip, kind="LATEST") as subscription:
        assert subscription.to_end() == ([], seen_live)


def test_case_77_merged_shards_name_the_one_child(server, kinesis):
    stream = create(kinesis, 2)
    arn = register(server, kinesis, stream)
    with Subscription(kinesis, arn, 0) as lower, Subscription(kinesis, arn, 1) as upper:
        lower.next(), upper.next()
        child = merge(kinesis, stream, *list_shards(kinesis, stream))
        ends = [lower.to_end(), upper.to_end()]
    assert ends == [([], [{
        "ShardId": child["ShardId"], "HashKeyRange": child["HashKeyRange"],
        "ParentShards": [shard_id(0), shard_id(1)],
    }])] * 2
    with Subscription(kinesis, arn, child["ShardId"]) as subscription:
        put(kinesis, stream, b"x")
        assert data(subscription.records(1)) == [b"x"]


def test_case_77_the_bytes_of_an_end(server, kinesis, stream):
    """No member for the number, not even null; then the last chunk."""
    split(kinesis, stream, list_shards(kinesis, stream)[0])
    with RawSubscription(server, register(server, kinesis, stream)) as subscription:
        event = subscription.begin().next().event
        assert set(event) == {"MillisBehindLatest", "Records", "ChildShards"}
        assert (event["MillisBehindLatest"], event["Records"]) == (0, [])
        assert subscription.next() is None


def test_case_78_the_21st_consumer(limited, limited_kinesis):
    kinesis, stream = limited_kinesis, create(limited_kinesis)
    for i in range(20):
        patient(kinesis.register_stream_consumer, StreamARN=limited.arn(stream), ConsumerName=f"reader-{i}")
        until(lambda: status_of(kinesis, limited.arn(stream), f"reader-{i}") == "ACTIVE", every=0.05)
    code, message = refused_but_for_pace(
        kinesis.register_stream_consumer, StreamARN=limited.arn(stream), ConsumerName="reader-20"
    )
    assert code == LE and stream in message, message
    patient(
        kinesis.deregister_stream_consumer, StreamARN=limited.arn(stream), ConsumerName="reader-0"
    )

    def registered():
        try:
            return kinesis.register_stream_consumer(
                StreamARN=limited.arn(stream), ConsumerName="reader-20"
            )
        except kinesis.exceptions.LimitExceededException:
            return None

    assert until(registered, every=0.1), "one went, one may come"


def patient(call, **parameters):
    """The answer, however often the rate of calls is exceeded before."""
    def attempt():
        try:
            return call(**parameters)
        except ClientError as error:
            if "Rate exceeded" not in str(error):
                raise
            return None

    return until(attempt, every=0.1)


def refused_but_for_pace(call, **parameters):
    """The refusal that is not about the rate of calls."""
    def attempt():
        found = refusal(call, **parameters)
        return None if found.message.startswith("Rate exceeded") else found

    return until(attempt, every=0.1)


def status_of(kinesis, stream_arn, name):
    answer = patient(kinesis.describe_stream_consumer, StreamARN=stream_arn, ConsumerName=name)
    return answer["ConsumerDescription"]["ConsumerStatus"]


def test_unlimited_servers_take_more_than_twenty_consumers(server, kinesis, stream):
    assert len(set(register_many(server, kinesis, stream, 30))) == 30


def test_a_name_in_another_stream_is_another_consumer(server, kinesis, stream):
    other = create(kinesis)
    name = unique("reader")
    arns = [register(server, kinesis, s, name) for s in (stream, other)]
    put(kinesis, other, b"x")
    with Subscription(kinesis, arns[1]) as subscription:
        assert data(subscription.records(1)) == [b"x"]
    with Subscription(kinesis, arns[0]) as subscription:
        assert subscription.next()["Records"] == []
