"""The operations of enhanced fan-out as a user writes them with boto3, and at their edges."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from kit.client import (
    IA,
    LE,
    RIU,
    RNF,
    connect,
    create,
    must,
    not_found,
    ok,
    refusal,
    short,
    unique,
    until,
    violations,
)
from kit.fan_out import (
    Subscription,
    consumer_gone,
    describe,
    register,
    register_many,
    request,
    wait_consumer,
)
from kit.raw import post
from kit.reading import data, iterator, read
from kit.shards import list_shards, shard_id, split

ACCOUNT = "000000000000"
STREAM_ARN = r"satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+"
CONSUMER_ARN = (r"satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:.*stream/"
                r"[a-zA-Z0-9_.-]+/consumer/[a-zA-Z0-9_.-]+:[0-9]+")
NAME = "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
NO_CONSUMER = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/none/consumer/reader:1700000000"


@pytest.fixture
def reader(server, kinesis, stream):
    """The ARN of an ACTIVE consumer of `stream`."""
    return register(server, kinesis, stream, "reader")


def unknown(stream, name="reader"):
    return RNF, f"Consumer {name} under stream: {stream}, account {ACCOUNT} not found."


def names(answer):
    return [consumer["ConsumerName"] for consumer in answer["Consumers"]]


def tags(kinesis, arn):
    return {t["Key"]: t["Value"] for t in kinesis.list_tags_for_resource(ResourceARN=arn).get("Tags", [])}


def fill(kinesis, stream, *blobs):
    return [
        kinesis.put_record(StreamName=stream, PartitionKey="a", Data=blob)["SequenceNumber"]
        for blob in blobs
    ]


# Register, Describe, Deregister


def test_each_way_to_name_a_consumer(server, kinesis, stream, reader):
    by_name = {"StreamARN": server.arn(stream), "ConsumerName": "reader"}
    described = describe(kinesis, reader)
    assert described["ConsumerARN"] == reader
    for named in (by_name, by_name | {"ConsumerARN": reader}, {"ConsumerARN": reader, "ConsumerName": "reader"},
                  {"ConsumerARN": reader, "StreamARN": server.arn(stream)}):
        answer = kinesis.describe_stream_consumer(**named)["ConsumerDescription"]
        assert answer == described, named


@pytest.mark.parametrize("way", ["by ARN", "by name", "by all three"])
def test_deregister(server, kinesis, stream, reader, way):
    by_name = {"StreamARN": server.arn(stream), "ConsumerName": "reader"}
    named = {
        "by ARN": {"ConsumerARN": reader}, "by name": by_name, "by all three": by_name | {"ConsumerARN": reader},
    }[way]
    answer = ok(kinesis.deregister_stream_consumer(**named))
    assert set(answer) == {"ResponseMetadata"}
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "0"
    until(lambda: consumer_gone(kinesis, reader))
    assert refusal(kinesis.deregister_stream_consumer, **named) == unknown(stream)


def test_names_that_contradict_each_other(server, kinesis, stream, reader):
    other = create(kinesis)
    register(server, kinesis, other, "reader")
    for call in (kinesis.describe_stream_consumer, kinesis.deregister_stream_consumer):
        for beside in ({"StreamARN": server.arn(other)}, {"ConsumerName": "else"},
                       {"StreamARN": server.arn(other), "ConsumerName": "reader"}):
            assert refusal(call, ConsumerARN=reader, **beside).code == IA, beside
    assert describe(kinesis, reader)["ConsumerStatus"] == "ACTIVE"


def test_too_little_to_name_a_consumer(server, kinesis, stream, reader):
    for call in (kinesis.describe_stream_consumer, kinesis.deregister_stream_consumer):
        for named in ({}, {"StreamARN": server.arn(stream)}, {"ConsumerName": "reader"}):
            assert refusal(call, **named).code == IA, named


def test_consumers_that_do_not_exist(server, kinesis, stream, reader):
    for call in (kinesis.describe_stream_consumer, kinesis.deregister_stream_consumer):
        named = {"StreamARN": server.arn(stream), "ConsumerName": "nobody"}
        assert refusal(call, **named) == unknown(stream, "nobody")
        assert refusal(call, ConsumerARN=NO_CONSUMER) == not_found("none")
        older = reader.rsplit(":", 1)[0] + ":1700000000"
        assert refusal(call, ConsumerARN=older) == unknown(stream)
    named = {"StreamARN": server.arn("none"), "ConsumerName": "reader"}
    assert refusal(kinesis.register_stream_consumer, **named) == not_found("none")
    assert refusal(kinesis.list_stream_consumers, StreamARN=server.arn("none")) == not_found("none")


def test_register_twice(server, kinesis, stream, reader):
    refused = refusal(
        kinesis.register_stream_consumer, StreamARN=server.arn(stream), ConsumerName="reader"
    )
    assert refused.code == RIU and "reader" in refused.message and stream in refused.message
    assert names(kinesis.list_stream_consumers(StreamARN=server.arn(stream))) == ["reader"]


def test_only_one_of_many_registers(server, kinesis, stream):
    def attempt(_):
        try:
            named = {"StreamARN": server.arn(stream), "ConsumerName": "reader"}
            return kinesis.register_stream_consumer(**named)["Consumer"]["ConsumerARN"]
        except kinesis.exceptions.ResourceInUseException:
            return None

    with ThreadPoolExecutor(8) as pool:
        outcomes = [arn for arn in pool.map(attempt, range(16)) if arn]
    assert len(outcomes) == 1
    wait_consumer(kinesis, outcomes[0])


def test_register_on_a_stream_that_is_not_there_yet(slow, slow_kinesis):
    name = unique()
    slow_kinesis.create_stream(StreamName=name, ShardCount=1)
    refused = refusal(
        slow_kinesis.register_stream_consumer, StreamARN=slow.arn(name), ConsumerName="reader"
    )
    assert refused.code in (RIU, RNF)


@pytest.mark.parametrize("name, rule", [
    ("a b", NAME), ("é", NAME), ("a/b", NAME), ("a" * 129, "have length less than or equal to 128"),
])
def test_names_outside_their_pattern(server, kinesis, stream, name, rule):
    expected = {must("consumerName", rule, name)}
    named = {"StreamARN": server.arn(stream), "ConsumerName": name}
    for call in (kinesis.register_stream_consumer, kinesis.describe_stream_consumer,
                 kinesis.deregister_stream_consumer):
        assert violations(refusal(call, **named)) == expected


def test_the_longest_name_and_every_character(server, kinesis, stream):
    for name in ("a" * 128, "A-z_0.9", "-", "1", "consumer"):
        arn = register(server, kinesis, stream, name)
        assert describe(kinesis, arn)["ConsumerName"] == name
        with Subscription(kinesis, arn) as subscription:
            assert subscription.next()["Records"] == []


@pytest.mark.parametrize("arn", ["", "arn", "arn:aws:kinesis:us-east-1:12:stream/a", "arn:aws:sqs:us-east-1:0:a"])
def test_arns_outside_their_pattern(kinesis, arn):
    lengths = {must("streamARN", "have length greater than or equal to 1", "")} if not arn else set()
    found = violations(refusal(kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="reader"))
    assert found == {must("streamARN", STREAM_ARN, arn)} | lengths
    assert violations(refusal(kinesis.list_stream_consumers, StreamARN=arn)) == found
    found = violations(refusal(kinesis.describe_stream_consumer, ConsumerARN=arn))
    assert must("consumerARN", CONSUMER_ARN, arn) in found


def test_required_members(kinesis, stream):
    missing = {must(m, "not be null") for m in ("streamARN", "consumerName")}
    assert violations(refusal(kinesis.register_stream_consumer)) == missing
    assert violations(refusal(kinesis.list_stream_consumers)) == {must("streamARN", "not be null")}


def test_an_arn_of_another_region(server, kinesis, stream, reader):
    elsewhere = reader.replace("us-east-1", "eu-west-1")
    assert refusal(kinesis.describe_stream_consumer, ConsumerARN=elsewhere).code in (IA, RNF)
    assert refusal(kinesis.subscribe_to_shard, **request(elsewhere)).code in (IA, RNF)


def test_the_summary_counts_consumers(server, kinesis, stream):
    def count():
        summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        return summary.get("ConsumerCount", 0)

    assert count() == 0
    arns = register_many(server, kinesis, stream, 3)
    assert count() == 3
    kinesis.deregister_stream_consumer(ConsumerARN=arns[0])
    until(lambda: count() == 2)


# ListStreamConsumers


def test_list_in_pages(server, kinesis, stream):
    arn = server.arn(stream)
    assert kinesis.list_stream_consumers(StreamARN=arn)["Consumers"] == []
    arns = register_many(server, kinesis, stream, 5)
    whole = kinesis.list_stream_consumers(StreamARN=arn)
    assert [c["ConsumerARN"] for c in whole["Consumers"]] == arns and "NextToken" not in whole
    members = {"ConsumerName", "ConsumerARN", "ConsumerStatus", "ConsumerCreationTimestamp"}
    assert all(set(c) == members for c in whole["Consumers"])

    paginator = kinesis.get_paginator("list_stream_consumers")
    pages = list(paginator.paginate(StreamARN=arn, PaginationConfig={"PageSize": 2}))
    assert [len(page["Consumers"]) for page in pages] == [2, 2, 1]
    assert [c for page in pages for c in page["Consumers"]] == whole["Consumers"]
    exact = kinesis.list_stream_consumers(StreamARN=arn, MaxResults=5)
    assert len(exact["Consumers"]) == 5 and "NextToken" not in exact


def test_a_page_goes_on_after_its_last_was_deregistered(server, kinesis, stream):
    arns = register_many(server, kinesis, stream, 4)
    first = kinesis.list_stream_consumers(StreamARN=server.arn(stream), MaxResults=2)
    for arn in arns[1:3]:
        kinesis.deregister_stream_consumer(ConsumerARN=arn)
    until(lambda: all(consumer_gone(kinesis, arn) for arn in arns[1:3]))
    rest = kinesis.list_stream_consumers(StreamARN=server.arn(stream), NextToken=first["NextToken"])
    assert [c["ConsumerARN"] for c in rest["Consumers"]] == arns[3:]


def test_tokens_that_do_not_fit(server, kinesis, stream):
    register_many(server, kinesis, stream, 2)
    other = create(kinesis)
    arn = server.arn(stream)
    page = kinesis.list_stream_consumers(StreamARN=arn, MaxResults=1)
    token = page["NextToken"]
    assert refusal(kinesis.list_stream_consumers, StreamARN=server.arn(other), NextToken=token).code == IA
    created = kinesis.describe_stream(StreamName=stream)["StreamDescription"]["StreamCreationTimestamp"]
    both = {"NextToken": token, "StreamCreationTimestamp": created}
    assert refusal(kinesis.list_stream_consumers, StreamARN=arn, **both).code == IA
    for garbage in ("garbage", "A" * 200, token[:-8] + "AAAAAAA="):
        refused = refusal(kinesis.list_stream_consumers, StreamARN=arn, NextToken=garbage)
        assert refused.code == IA, garbage
    shards = kinesis.list_shards(StreamName=create(kinesis, 2), MaxResults=1)["NextToken"]
    assert refusal(kinesis.list_stream_consumers, StreamARN=arn, NextToken=shards).code == IA
    assert violations(refusal(kinesis.list_stream_consumers, NextToken=token)) == {
        must("streamARN", "not be null")
    }, "needed even with a token"


def test_stream_creation_timestamp_tells_streams_of_one_name_apart(server, kinesis, stream, reader):
    created = kinesis.describe_stream(StreamName=stream)["StreamDescription"]["StreamCreationTimestamp"]
    arn = server.arn(stream)
    assert names(kinesis.list_stream_consumers(StreamARN=arn, StreamCreationTimestamp=created)) == ["reader"]
    earlier = created - timedelta(days=1)
    assert refusal(
        kinesis.list_stream_consumers, StreamARN=arn, StreamCreationTimestamp=earlier
    ) == not_found(stream)


@pytest.mark.parametrize("value, rule", [(0, "greater than or equal to 1"), (10_001, "less than or equal to 10000")])
def test_max_results(server, kinesis, stream, value, rule):
    refused = refusal(kinesis.list_stream_consumers, StreamARN=server.arn(stream), MaxResults=value)
    assert violations(refused) == {must("maxResults", f"have value {rule}", value)}


# Tags


def test_tags_of_a_consumer(server, kinesis, stream):
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"of": "the stream"})
    arn = register(server, kinesis, stream, Tags={"a": "1", "b": "2"})
    assert tags(kinesis, arn) == {"a": "1", "b": "2"}
    ok(kinesis.tag_resource(ResourceARN=arn, Tags={"b": "3", "c": "4"}))
    assert tags(kinesis, arn) == {"a": "1", "b": "3", "c": "4"}
    ok(kinesis.untag_resource(ResourceARN=arn, TagKeys=["a", "unknown"]))
    listed = kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert listed == [{"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}]
    assert tags(kinesis, server.arn(stream)) == {"of": "the stream"}
    assert tags(kinesis, register(server, kinesis, stream)) == {}


def test_tags_of_a_consumer_that_does_not_exist(kinesis, stream, reader):
    older = reader.rsplit(":", 1)[0] + ":1700000000"
    assert refusal(kinesis.list_tags_for_resource, ResourceARN=older) == unknown(stream)
    assert refusal(kinesis.tag_resource, ResourceARN=older, Tags={"a": "b"}) == unknown(stream)
    assert refusal(kinesis.untag_resource, ResourceARN=older, TagKeys=["a"]) == unknown(stream)
    assert refusal(kinesis.list_tags_for_resource, ResourceARN=NO_CONSUMER) == not_found("none")


def test_too_many_tags_and_bad_ones(server, kinesis, stream):
    named = {"StreamARN": server.arn(stream), "ConsumerName": "tagged"}
    many = {f"k{i:02}": "v" for i in range(51)}
    assert refusal(kinesis.register_stream_consumer, **named, Tags=many).code in (IA, LE)
    assert refusal(kinesis.register_stream_consumer, **named, Tags={"a;": "1"}).code == IA
    assert refusal(kinesis.register_stream_consumer, **named, Tags={}).code == "ValidationException"
    assert kinesis.list_stream_consumers(StreamARN=server.arn(stream))["Consumers"] == []
    del many["k50"]
    arn = register(server, kinesis, stream, "tagged", Tags=many)
    assert refusal(kinesis.tag_resource, ResourceARN=arn, Tags={"k50": "v"}).code in (IA, LE)
    assert len(tags(kinesis, arn)) == 50


# Restarts


def test_consumers_survive_a_kill(own_server):
    server = own_server(transition_ms=300)
    kinesis = connect(server)
    stream = create(kinesis)
    arn = server.arn(stream)
    first = register(server, kinesis, stream, "first", Tags={"a": "b"})
    leaving = register(server, kinesis, stream, "leaving")
    coming = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="coming")["Consumer"]
    kinesis.deregister_stream_consumer(ConsumerARN=leaving)
    before = describe(kinesis, first)
    server.kill()
    kinesis = connect(server.start())
    assert describe(kinesis, first) == before
    assert tags(kinesis, first) == {"a": "b"}
    wait_consumer(kinesis, coming["ConsumerARN"])
    until(lambda: consumer_gone(kinesis, leaving))
    assert names(kinesis.list_stream_consumers(StreamARN=arn)) == ["coming", "first"]
    with Subscription(kinesis, first) as subscription:
        assert subscription.next()["Records"] == []


# SubscribeToShard


def test_the_five_starting_positions(server, kinesis, stream):
    a, b, c, d, e, f = register_many(server, kinesis, stream, 6)
    numbers = fill(kinesis, stream, b"0", b"1")
    until(lambda: datetime.now(timezone.utc) > read(kinesis, stream)[1]["ApproximateArrivalTimestamp"] + timedelta(
        milliseconds=20))
    numbers += fill(kinesis, stream, b"2", b"3")
    arrival = read(kinesis, stream)[2]["ApproximateArrivalTimestamp"]
    for arn, kind, position, expected in (
        (a, "TRIM_HORIZON", {}, [b"0", b"1", b"2", b"3"]),
        (b, "AT_SEQUENCE_NUMBER", {"SequenceNumber": numbers[1]}, [b"1", b"2", b"3"]),
        (c, "AFTER_SEQUENCE_NUMBER", {"SequenceNumber": numbers[1]}, [b"2", b"3"]),
        (d, "AT_TIMESTAMP", {"Timestamp": arrival}, [b"2", b"3"]),
        (e, "AT_TIMESTAMP", {"Timestamp": arrival - timedelta(days=400)}, [b"0", b"1", b"2", b"3"]),
    ):
        with Subscription(kinesis, arn, kind=kind, **position) as subscription:
            assert data(subscription.records(len(expected))) == expected, kind
    with Subscription(kinesis, f, kind="LATEST") as subscription:
        assert subscription.next()["Records"] == []
        fill(kinesis, stream, b"4")
        assert data(subscription.records(1)) == [b"4"]


def test_latest_begins_where_the_call_was_answered(server, kinesis, stream):
    """Not where its first event is read: what was put in between is pushed."""
    fill(kinesis, stream, b"before")
    with Subscription(kinesis, register(server, kinesis, stream), kind="LATEST") as subscription:
        fill(kinesis, stream, b"after")
        assert data(subscription.records(1)) == [b"after"]


def test_nothing_comes_after_the_end_of_a_closed_shard(server, kinesis, stream):
    """Iterators and subscriptions; at the end begins what is read to its end at once."""
    consumer = register(server, kinesis, stream)
    split(kinesis, stream, list_shards(kinesis, stream)[0])
    end = list_shards(kinesis, stream)[0]["SequenceNumberRange"]["EndingSequenceNumber"]
    told = (IA, "Invalid SequenceNumber for ShardIteratorType AFTER_SEQUENCE_NUMBER, SequenceNumber has reached max "
                "possible value for the shard.")
    where = {"StreamName": stream, "ShardId": shard_id(0), "StartingSequenceNumber": end}
    after = where | {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
    assert refusal(kinesis.get_shard_iterator, **after) == told
    position = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": end}
    subscribe = {"ConsumerARN": consumer, "ShardId": shard_id(0), "StartingPosition": position}
    assert refusal(kinesis.subscribe_to_shard, **subscribe) == told
    token = kinesis.get_shard_iterator(**where, ShardIteratorType="AT_SEQUENCE_NUMBER")["ShardIterator"]
    read = kinesis.get_records(ShardIterator=token)
    assert read["Records"] == [] and "NextShardIterator" not in read and len(read["ChildShards"]) == 2


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_the_number_with_which_a_shard_begins(server, kinesis, stream, reader, kind):
    fill(kinesis, stream, b"0")
    start = list_shards(kinesis, stream)[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    with Subscription(kinesis, reader, kind=kind, SequenceNumber=start) as subscription:
        assert data(subscription.records(1)) == [b"0"]


@pytest.mark.parametrize("spelling", ["0", "shard-0", "shardId-0"])
def test_shard_ids_are_normalised(server, kinesis, stream, reader, spelling):
    fill(kinesis, stream, b"0")
    with Subscription(kinesis, reader, spelling) as subscription:
        assert data(subscription.records(1)) == [b"0"]


def test_a_record_is_pushed_as_it_was_put(server, kinesis):
    stream = create(kinesis, MaxRecordSizeInKiB=10240)
    reader = register(server, kinesis, stream)
    with Subscription(kinesis, reader, kind="LATEST") as subscription:
        subscription.next()
        kinesis.put_record(StreamName=stream, PartitionKey="ключ", Data=bytes(range(256)))
        kinesis.put_record(StreamName=stream, PartitionKey="large", Data=b"z" * 9_000_000)
        kinesis.put_record(StreamName=stream, PartitionKey="empty", Data=b"")
        assert subscription.records(3) == read(kinesis, stream)


MUST = ("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
        "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. ")


@pytest.mark.parametrize("position, message", [
    ({"Type": "AT_SEQUENCE_NUMBER"}, MUST + "Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber."),
    ({"Type": "AFTER_SEQUENCE_NUMBER"},
     MUST + "Request specified AFTER_SEQUENCE_NUMBER and no StartingSequenceNumber."),
    ({"Type": "LATEST", "SequenceNumber": "1"},
     MUST + "Request specified LATEST and also a StartingSequenceNumber."),
    ({"Type": "TRIM_HORIZON", "SequenceNumber": "1"},
     MUST + "Request specified TRIM_HORIZON and also a StartingSequenceNumber."),
    ({"Type": "AT_TIMESTAMP"}, "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "
                               "Current request has no timestamp parameter."),
], ids=short)
def test_positions_that_are_none(kinesis, reader, position, message):
    refused = refusal(
        kinesis.subscribe_to_shard, ConsumerARN=reader, ShardId=shard_id(0), StartingPosition=position
    )
    assert refused == (IA, message)


def test_a_time_in_the_future(kinesis, reader):
    future = datetime.now(timezone.utc) + timedelta(hours=1)
    refused = refusal(kinesis.subscribe_to_shard, **request(reader, kind="AT_TIMESTAMP", Timestamp=future))
    assert refused.code == IA
    assert refused.message.startswith(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
    )


def test_a_number_of_another_shard(server, kinesis):
    stream = create(kinesis, 2)
    reader = register(server, kinesis, stream)
    number = list_shards(kinesis, stream)[1]["SequenceNumberRange"]["StartingSequenceNumber"]
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        refused = refusal(kinesis.subscribe_to_shard, **request(reader, 0, kind, SequenceNumber=number))
        assert refused == (
            IA, "Invalid StartingSequenceNumber. It encodes shardId-000000000001, "
                "while it was used in a call to a shard with shardId-000000000000")
    with Subscription(kinesis, reader, 0) as subscription:
        assert subscription.next(), "what was refused has not taken the place"


def test_numbers_that_are_none(kinesis, stream, reader):
    refused = refusal(kinesis.subscribe_to_shard, **request(reader, kind="AT_SEQUENCE_NUMBER", SequenceNumber="1"))
    assert refused.code == IA and "StartingSequenceNumber" in refused.message
    refused = refusal(kinesis.subscribe_to_shard, **request(reader, kind="AT_SEQUENCE_NUMBER", SequenceNumber="01"))
    assert violations(refused) == {
        must("startingPosition.sequenceNumber", r"satisfy regular expression pattern: 0|([1-9]\d{0,128})", "01")
    }


def test_required_members_of_a_subscription(kinesis, stream, reader):
    assert violations(refusal(kinesis.subscribe_to_shard)) == {
        must(m, "not be null") for m in ("consumerARN", "shardId", "startingPosition")
    }
    named = {"ConsumerARN": reader, "ShardId": shard_id(0)}
    assert violations(refusal(kinesis.subscribe_to_shard, **named, StartingPosition={})) == {
        must("startingPosition.type", "not be null")
    }
    kinds = "[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
    refused = refusal(kinesis.subscribe_to_shard, **named, StartingPosition={"Type": "OLDEST"})
    assert violations(refused) == {
        must("startingPosition.type", f"satisfy enum value set: {kinds}", "OLDEST")
    }
    refused = refusal(kinesis.subscribe_to_shard, **request("arn:aws:kinesis", "a b"))
    assert violations(refused) == {
        must("consumerARN", CONSUMER_ARN, "arn:aws:kinesis"), must("shardId", NAME, "a b")
    }


def test_shards_and_consumers_that_do_not_exist(kinesis, stream, reader):
    where = f"in stream {stream} under account {ACCOUNT}"
    assert refusal(kinesis.subscribe_to_shard, **request(reader, "abc")) == (
        RNF, f"Could not find shard abc {where}."
    )
    assert refusal(kinesis.subscribe_to_shard, **request(reader, 7)) == (
        RNF, f"Shard {shard_id(7)} {where} does not exist"
    )
    nobody = reader.replace("/reader:", "/nobody:")
    assert refusal(kinesis.subscribe_to_shard, **request(nobody)) == unknown(stream, "nobody")
    older = reader.rsplit(":", 1)[0] + ":1700000000"
    assert refusal(kinesis.subscribe_to_shard, **request(older)) == unknown(stream)
    assert refusal(kinesis.subscribe_to_shard, **request(NO_CONSUMER)) == not_found("none")


def test_dry_run(kinesis, stream, reader):
    """Says what would have happened and takes no place."""
    would_do = (
        "DryRunOperationException",
        "DryRunOperation validation succeeded while calling SubscribeToShard operation.: "
        "Request would have succeeded, but DryRun flag is set.",
    )
    assert refusal(kinesis.subscribe_to_shard, **request(reader), DryRun=True) == would_do
    assert refusal(kinesis.subscribe_to_shard, **request(reader, 7), DryRun=True).code == RNF
    assert refusal(kinesis.subscribe_to_shard, **request(NO_CONSUMER), DryRun=True).code == RNF
    wrong = request(reader, kind="AT_SEQUENCE_NUMBER", SequenceNumber="1")
    assert refusal(kinesis.subscribe_to_shard, **wrong, DryRun=True).code == IA
    fill(kinesis, stream, b"0")
    with Subscription(kinesis, reader) as subscription:
        assert data(subscription.records(1)) == [b"0"]


def test_the_wrong_types_in_a_request(server, kinesis, stream, reader):
    for body in (
        {"ConsumerARN": 5}, {"ConsumerARN": reader, "ShardId": []}, {"StartingPosition": "LATEST"},
        {"StartingPosition": {"Type": "AT_TIMESTAMP", "Timestamp": "yesterday"}},
    ):
        answer = post(server, "SubscribeToShard", body)
        assert (answer.status, answer.type) == (400, "SerializationException"), answer


# Limits


def test_calls_for_one_shard_are_limited_to_one_a_second(limited, limited_kinesis):
    """What was refused has counted as well; another shard or another consumer has a second of its own."""
    kinesis, stream = limited_kinesis, create(limited_kinesis, 2)
    reader, other = (register(limited, kinesis, stream) for _ in range(2))
    wrong = {"kind": "AT_SEQUENCE_NUMBER", "SequenceNumber": "1"}
    assert refusal(kinesis.subscribe_to_shard, **request(reader, 0, **wrong)).code == IA
    assert refusal(kinesis.subscribe_to_shard, **request(reader, 0)).code == LE
    for arn, shard in ((reader, 1), (other, 0)):
        with Subscription(kinesis, arn, shard) as subscription:
            assert subscription.next()


def test_a_consumer_is_given_two_mib_a_second(limited, limited_kinesis):
    """Each one for itself, and GetRecords beside them."""
    kinesis = limited_kinesis
    stream = create(kinesis, MaxRecordSizeInKiB=10240)
    one, two = (register(limited, kinesis, stream) for _ in range(2))
    for _ in range(2):
        kinesis.put_record(StreamName=stream, PartitionKey="a", Data=bytes(4 * 1024 * 1024))
    began = time.monotonic()
    with Subscription(kinesis, one) as first, Subscription(kinesis, two) as second:
        for subscription in (first, second):
            assert len(subscription.records(1)) == 1
        token = iterator(kinesis, stream)
        assert len(kinesis.get_records(ShardIterator=token)["Records"]) == 2
        for subscription in (first, second):
            assert len(subscription.records(1)) == 1
            # 4 MiB of which 2 were saved up: a second until they are paid for. That nobody waits for another is
            # shown where the clock is the test's.
            assert time.monotonic() - began > 0.9
