"""ListShards and UpdateShardCount as a user writes them with boto3, and at the edges."""

import time
from datetime import datetime, timedelta, timezone

import pytest

from kit.client import IA, LE, RNF, VE, create, refusal, short, unique, until, wait_active
from kit.reading import data, read_stream
from kit.shards import (
    assert_equal_ranges,
    assert_lineage,
    assert_tiles,
    ending,
    list_shards,
    merge,
    open_shards,
    shard_id,
    shard_pages,
    split,
    starting,
)


def ids(shards):
    return [s["ShardId"] for s in shards]


def at(epoch_seconds):
    return datetime.fromtimestamp(epoch_seconds, timezone.utc)


def test_pages_of_list_shards(kinesis):
    name = create(kinesis, 7)
    pages = list(shard_pages(kinesis, name, MaxResults=3))
    assert [len(p) for p in pages] == [3, 3, 1]
    assert ids(s for p in pages for s in p) == [shard_id(i) for i in range(7)]


def test_the_paginator_of_botocore_on_one_page(kinesis):
    name = create(kinesis, 7)
    (page,) = kinesis.get_paginator("list_shards").paginate(StreamName=name)
    assert len(page["Shards"]) == 7 and "NextToken" not in page


def test_pages_keep_their_filter(kinesis):
    name = create(kinesis, 4)
    split(kinesis, name, list_shards(kinesis, name)[0])
    first = kinesis.list_shards(StreamName=name, MaxResults=2, ShardFilter={"Type": "AT_LATEST"})
    rest = kinesis.list_shards(NextToken=first["NextToken"])
    assert ids(first["Shards"] + rest["Shards"]) == [shard_id(i) for i in range(1, 6)]


def test_a_page_holds_at_most_1000_shards(kinesis):
    name = create(kinesis, 1200)
    first = kinesis.list_shards(StreamName=name)
    assert len(first["Shards"]) == 1000
    rest = kinesis.list_shards(NextToken=first["NextToken"])
    assert len(rest["Shards"]) == 200 and "NextToken" not in rest
    assert_tiles(first["Shards"] + rest["Shards"])


def test_exclusive_start_and_arn(server, kinesis):
    name = create(kinesis, 4)
    listed = kinesis.list_shards(StreamARN=server.arn(name), ExclusiveStartShardId=shard_id(1))
    assert ids(listed["Shards"]) == [shard_id(2), shard_id(3)]


def test_a_list_after_what_is_no_shard_of_the_stream(kinesis):
    name = create(kinesis, 2)
    lists = (
        lambda at: refusal(kinesis.list_shards, StreamName=name, ExclusiveStartShardId=at),
        lambda at: refusal(kinesis.describe_stream, StreamName=name, ExclusiveStartShardId=at),
        lambda at: refusal(
            kinesis.list_shards, StreamName=name, ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": at}
        ),
    )
    for refused in lists:
        for at in ("abc", "shardId-x", shard_id(2), shard_id(99), "shardId-99999999999"):
            assert refused(at) == (RNF, f"Could not find shard {at} in stream {name} under account 000000000000.")
    # The last one is a shard: after it comes nothing.
    assert kinesis.list_shards(StreamName=name, ExclusiveStartShardId=shard_id(1))["Shards"] == []


@pytest.mark.parametrize("exists", [True, False], ids=["stream", "no-stream"])
def test_what_the_request_alone_decides_comes_before_the_stream(server, kinesis, stream, exists):
    """Whether the stream exists or not."""
    name = stream if exists else unique()
    arn = server.arn(name)
    could_not = (RNF, f"Could not find shard abc in stream {name} under account 000000000000.")
    split = {"StreamName": name, "NewStartingHashKey": "5"}
    for call, parameters in (
        (kinesis.split_shard, {**split, "ShardToSplit": "abc"}),
        (kinesis.merge_shards, {"StreamName": name, "ShardToMerge": "abc", "AdjacentShardToMerge": "1"}),
        (kinesis.merge_shards, {"StreamName": name, "ShardToMerge": "0", "AdjacentShardToMerge": "abc"}),
        (kinesis.get_shard_iterator, {"StreamName": name, "ShardId": "abc", "ShardIteratorType": "LATEST"}),
        (kinesis.list_shards, {"StreamName": name, "ExclusiveStartShardId": "abc"}),
        (kinesis.list_shards, {"StreamName": name, "ShardFilter": {"Type": "AFTER_SHARD_ID", "ShardId": "abc"}}),
        (kinesis.describe_stream, {"StreamName": name, "ExclusiveStartShardId": "abc"}),
        (kinesis.subscribe_to_shard, {
            "ConsumerARN": f"{arn}/consumer/c:1", "ShardId": "abc", "StartingPosition": {"Type": "LATEST"},
        }),
    ):
        assert refusal(call, **parameters) == could_not, parameters
    too_big, bad = str(2**128), {"a;": "v"}
    for call, parameters in (
        (kinesis.split_shard, {**split, "ShardToSplit": "0", "NewStartingHashKey": too_big}),
        (kinesis.put_record, {"StreamName": name, "Data": b"", "PartitionKey": "a", "ExplicitHashKey": too_big}),
        (kinesis.list_shards, {"StreamName": name, "ShardFilter": {"Type": "AFTER_SHARD_ID"}}),
        (kinesis.list_stream_consumers, {"StreamARN": arn, "NextToken": "x"}),
        (kinesis.add_tags_to_stream, {"StreamName": name, "Tags": bad}),
        (kinesis.remove_tags_from_stream, {"StreamName": name, "TagKeys": list(bad)}),
        (kinesis.tag_resource, {"ResourceARN": arn, "Tags": bad}),
        (kinesis.untag_resource, {"ResourceARN": arn, "TagKeys": list(bad)}),
        (kinesis.register_stream_consumer, {"StreamARN": arn, "ConsumerName": "c", "Tags": bad}),
        (kinesis.put_resource_policy, {"ResourceARN": arn, "Policy": "{"}),
        (kinesis.start_stream_encryption, {"StreamName": name, "EncryptionType": "NONE", "KeyId": "k"}),
        (kinesis.update_stream_mode, {
            "StreamARN": arn, "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "WarmThroughputMiBps": 5,
        }),
    ):
        assert refusal(call, **parameters).code in (IA, VE), parameters


@pytest.mark.parametrize("parameters", [
    {"MaxResults": 0}, {"MaxResults": 10_001}, {"ShardFilter": {}}, {"ShardFilter": {"Type": "X"}},
    {"ShardFilter": {"Type": "AFTER_SHARD_ID"}}, {"ShardFilter": {"Type": "AT_TIMESTAMP"}},
    {"ShardFilter": {"Type": "FROM_TIMESTAMP"}},
], ids=short)
def test_list_shards_refuses(kinesis, stream, parameters):
    assert refusal(kinesis.list_shards, StreamName=stream, **parameters).code in (VE, IA)


def test_filters_by_time(kinesis):
    """Two shards; the first is split, then its children are merged again."""
    name = create(kinesis, 2)
    first, second = list_shards(kinesis, name)
    before = at(int(time.time()))
    lower, upper = split(kinesis, name, first)
    children_begin = starting(lower).created
    until(lambda: time.time() > children_begin + 0.1)
    between = at(children_begin)
    child = merge(kinesis, name, lower, upper)
    child_begins = starting(child).created
    until(lambda: time.time() > child_begins + 0.1)
    after = at(child_begins)

    def listed(kind, when):
        return list_shards(kinesis, name, ShardFilter={"Type": kind, "Timestamp": when})

    at_times = [listed("AT_TIMESTAMP", t) for t in (before, between, after)]
    assert [ids(s) for s in at_times] == [
        [shard_id(0), shard_id(1)],
        [shard_id(1), shard_id(2), shard_id(3)],
        [shard_id(1), shard_id(4)],
    ]
    for shards in at_times:
        assert_tiles(shards)
    assert [ids(listed("FROM_TIMESTAMP", t)) for t in (before, between, after)] == [
        [shard_id(i) for i in range(5)],
        [shard_id(i) for i in (1, 2, 3, 4)],
        [shard_id(1), shard_id(4)],
    ]
    shards = list_shards(kinesis, name)
    assert ending(shards[0]).time < children_begin and starting(second).created <= before.timestamp()


def test_from_timestamp_before_the_stream_is_everything(kinesis):
    name = create(kinesis, 2)
    split(kinesis, name, list_shards(kinesis, name)[0])
    long_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    shard_filter = {"Type": "FROM_TIMESTAMP", "Timestamp": long_ago}
    assert len(list_shards(kinesis, name, ShardFilter=shard_filter)) == 4


def put_counters(kinesis, name, keys, begin, count):
    for number in range(begin, begin + count):
        batch = [{"PartitionKey": key, "Data": str(number).encode()} for key in keys]
        assert kinesis.put_records(StreamName=name, Records=batch)["FailedRecordCount"] == 0


@pytest.mark.parametrize("begin, target", [
    (1, 2), (2, 1), (2, 4), (4, 2), (2, 3), (3, 2), (4, 3), (3, 5), (5, 10), (10, 7), (6, 5), (8, 9),
])
def test_update_shard_count_keeps_data_order_and_lineage(server, kinesis, begin, target):
    """All data stays readable, per key in order, parents before children."""
    name = create(kinesis, begin)
    keys = [f"key-{i}" for i in range(20)]
    put_counters(kinesis, name, keys, 0, 3)
    answer = kinesis.update_shard_count(
        StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
    )
    del answer["ResponseMetadata"]
    assert answer == {
        "StreamName": name, "StreamARN": server.arn(name),
        "CurrentShardCount": begin, "TargetShardCount": target,
    }
    wait_active(kinesis, name, seconds=60)
    put_counters(kinesis, name, keys, 3, 3)

    shards = list_shards(kinesis, name)
    now_open = open_shards(kinesis, name)
    assert len(now_open) == target
    assert_tiles(now_open)
    if 4 * target % begin == 0:
        assert_equal_ranges(now_open)
    assert_lineage(shards)
    records = [r for _, r in read_stream(kinesis, name, expected=6 * len(keys))]
    for key in keys:
        seen = data(r for r in records if r["PartitionKey"] == key)
        assert seen == [str(n).encode() for n in range(6)], key


@pytest.mark.parametrize("begin, target, total", [
    (2, 4, 6), (4, 5, 15), (10, 13, 37), (4, 2, 6), (5, 3, 7), (4, 3, 11),
])
def test_update_shard_count_leaves_as_many_shards_as_aws(kinesis, begin, target, total):
    name = create(kinesis, begin)
    kinesis.update_shard_count(StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
    wait_active(kinesis, name, seconds=60)
    assert (len(list_shards(kinesis, name)), len(open_shards(kinesis, name))) == (total, target)
    assert_tiles(open_shards(kinesis, name))
    if (begin, target) == (4, 3):
        assert ids(open_shards(kinesis, name)) == [shard_id(6), shard_id(9), shard_id(10)]


def test_update_shard_count_to_what_it_is(kinesis):
    name = create(kinesis, 2)
    kinesis.update_shard_count(StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    wait_active(kinesis, name)
    assert ids(list_shards(kinesis, name)) == [shard_id(0), shard_id(1)]


@pytest.mark.parametrize("target", [1, 9, 1000])
def test_update_shard_count_between_half_and_double(kinesis, target):
    name = create(kinesis, 4)
    refused = refusal(
        kinesis.update_shard_count, StreamName=name, TargetShardCount=target,
        ScalingType="UNIFORM_SCALING",
    )
    assert refused.code in (IA, LE)
    assert len(list_shards(kinesis, name)) == 4


@pytest.mark.parametrize("parameters", [
    {}, {"TargetShardCount": 2}, {"ScalingType": "UNIFORM_SCALING"},
    {"TargetShardCount": 0, "ScalingType": "UNIFORM_SCALING"},
    {"TargetShardCount": 2, "ScalingType": "OTHER"},
], ids=short)
def test_update_shard_count_refuses(kinesis, stream, parameters):
    assert refusal(kinesis.update_shard_count, StreamName=stream, **parameters).code == VE


@pytest.mark.parametrize("hash_key", ["", "-1", "01", "abc", "1" * 40])
def test_split_needs_a_hash_key(kinesis, stream, hash_key):
    assert refusal(
        kinesis.split_shard, StreamName=stream, ShardToSplit=shard_id(0), NewStartingHashKey=hash_key
    ).code == VE


def test_split_and_merge_by_arn(server, kinesis, stream):
    arn = server.arn(stream)
    kinesis.split_shard(StreamARN=arn, ShardToSplit=shard_id(0), NewStartingHashKey="1000")
    wait_active(kinesis, stream)
    kinesis.merge_shards(
        StreamARN=arn, ShardToMerge=shard_id(1), AdjacentShardToMerge=shard_id(2)
    )
    wait_active(kinesis, stream)
    assert_tiles(open_shards(kinesis, stream))
    assert_lineage(list_shards(kinesis, stream))
