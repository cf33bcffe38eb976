"""The numbered cases: resharding, cases 61 to 68."""

import pytest

from kit.client import IA, RIU, RNF, connect, create, refusal, unique, wait_active
from kit.reading import data, follow, iterator, read
from kit.shards import (
    LAST,
    assert_lineage,
    assert_tiles,
    ending,
    is_open,
    list_shards,
    merge,
    open_shards,
    shard_id,
    span,
    split,
    starting,
)

ACCOUNT = "under account 000000000000"


def ids(shards):
    return [s["ShardId"] for s in shards]


def test_case_61_split_makes_two_children_lower_first(kinesis, stream):
    (parent,) = list_shards(kinesis, stream)
    lower, upper = split(kinesis, stream, parent, at=1000)
    assert ids([lower, upper]) == [shard_id(1), shard_id(2)]
    assert (span(lower), span(upper)) == ((0, 999), (1000, LAST))
    for child in (lower, upper):
        assert child["ParentShardId"] == shard_id(0) and "AdjacentParentShardId" not in child
        assert is_open(child)
    closed = list_shards(kinesis, stream)[0]
    assert ending(closed).index == 2**63 - 1
    assert closed["SequenceNumberRange"]["StartingSequenceNumber"] == (
        parent["SequenceNumberRange"]["StartingSequenceNumber"]
    )


def test_case_62_children_are_created_a_second_after_the_close(kinesis, stream):
    (parent,) = list_shards(kinesis, stream)
    lower, upper = split(kinesis, stream, parent)
    child = merge(kinesis, stream, lower, upper)
    shards = {s["ShardId"]: s for s in list_shards(kinesis, stream)}
    for born in (shards[shard_id(1)], shards[shard_id(2)]):
        assert starting(born).created == ending(shards[shard_id(0)]).time + 1
    assert ending(shards[shard_id(1)]).time == ending(shards[shard_id(2)]).time
    assert starting(child).created == ending(shards[shard_id(1)]).time + 1
    assert_lineage(shards.values())


def test_case_63_split_at_the_borders_is_refused(kinesis):
    name = create(kinesis, 2)
    shard = list_shards(kinesis, name)[1]
    start, end = span(shard)
    for at in (0, start - 1, start, start + 1, end, LAST):
        refused = refusal(
            kinesis.split_shard, StreamName=name, ShardToSplit=shard["ShardId"],
            NewStartingHashKey=str(at),
        )
        assert refused == (
            IA, f"NewStartingHashKey {at} used in SplitShard() on shard {shard_id(1)} in stream "
                f"{name} {ACCOUNT} is not both greater than one plus the shard's StartingHashKey "
                f"{start} and less than the shard's EndingHashKey {end}.")


def test_case_63_split_just_inside_the_borders(kinesis, stream):
    (shard,) = list_shards(kinesis, stream)
    lower, upper = split(kinesis, stream, shard, at=2)
    assert (span(lower), span(upper)) == ((0, 1), (2, LAST))
    lower, upper = split(kinesis, stream, upper, at=LAST - 1)
    assert (span(lower), span(upper)) == ((2, LAST - 2), (LAST - 1, LAST))


def test_case_64_merge_records_both_parents(kinesis):
    name = create(kinesis, 3)
    lower, middle, _ = list_shards(kinesis, name)
    child = merge(kinesis, name, lower, middle)
    assert child["ShardId"] == shard_id(3)
    assert child["ParentShardId"] == shard_id(0)
    assert child["AdjacentParentShardId"] == shard_id(1)
    assert span(child) == (0, span(middle)[1])
    assert_tiles(open_shards(kinesis, name))


@pytest.mark.parametrize("first, second", [(1, 0), (0, 2), (1, 1)])
def test_case_64_shards_that_are_not_low_and_high_neighbours(kinesis, first, second):
    name = create(kinesis, 3)
    refused = refusal(
        kinesis.merge_shards, StreamName=name,
        ShardToMerge=shard_id(first), AdjacentShardToMerge=shard_id(second),
    )
    assert refused == (
        IA, f"Shards {shard_id(first)} and {shard_id(second)} in stream {name} {ACCOUNT} "
            "are not an adjacent pair of shards eligible for merging")


def test_case_64_closed_shards_can_be_neither_split_nor_merged(kinesis):
    name = create(kinesis, 2)
    lower, upper = list_shards(kinesis, name)
    merge(kinesis, name, lower, upper)
    refused = refusal(
        kinesis.split_shard, StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey="1000"
    )
    assert refused == (
        IA, f"Shard {shard_id(0)} in stream {name} {ACCOUNT} has already been merged or split, "
            "and thus is not eligible for merging or splitting.")
    assert refusal(
        kinesis.merge_shards, StreamName=name,
        ShardToMerge=shard_id(0), AdjacentShardToMerge=shard_id(1),
    ).code == IA


def test_case_64_unknown_shards(kinesis, stream):
    not_there = (RNF, f"Could not find shard {shard_id(9)} in stream {stream} {ACCOUNT}.")
    assert refusal(
        kinesis.split_shard, StreamName=stream, ShardToSplit=shard_id(9), NewStartingHashKey="1000"
    ) == not_there
    assert refusal(
        kinesis.merge_shards, StreamName=stream,
        ShardToMerge=shard_id(0), AdjacentShardToMerge=shard_id(9),
    ) == not_there


def test_case_65_split_while_updating(slow_kinesis):
    name = create(slow_kinesis, 2)
    splitting = dict(StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey="1000")
    slow_kinesis.split_shard(**splitting)
    assert refusal(slow_kinesis.split_shard, **splitting | {"ShardToSplit": shard_id(1)}) == (
        RIU, f"Stream {name} {ACCOUNT} not ACTIVE, instead in state UPDATING"
    )
    wait_active(slow_kinesis, name)


def test_case_66_a_parent_read_to_its_end_names_its_children(kinesis, stream):
    kinesis.put_record(StreamName=stream, PartitionKey="a", Data=b"before")
    (parent,) = list_shards(kinesis, stream)
    token = iterator(kinesis, stream)
    lower, upper = split(kinesis, stream, parent)
    records, last = follow(kinesis, token)
    assert data(records) == [b"before"]
    assert "NextShardIterator" not in last and last["MillisBehindLatest"] == 0
    assert last["ChildShards"] == [
        {"ShardId": c["ShardId"], "ParentShards": [shard_id(0)], "HashKeyRange": c["HashKeyRange"]}
        for c in (lower, upper)
    ]
    assert follow(kinesis, iterator(kinesis, stream, kind="LATEST"))[1]["ChildShards"]


def test_case_66_the_end_comes_without_records(kinesis, stream):
    """Telegraf's input drops the records of an answer that has no next iterator."""
    kinesis.put_record(StreamName=stream, PartitionKey="a", Data=b"before")
    token = iterator(kinesis, stream)
    split(kinesis, stream, list_shards(kinesis, stream)[0])
    page = kinesis.get_records(ShardIterator=token)
    assert data(page["Records"]) == [b"before"] and page["MillisBehindLatest"] == 0
    end = kinesis.get_records(ShardIterator=page["NextShardIterator"])
    assert end["Records"] == [] and "NextShardIterator" not in end and len(end["ChildShards"]) == 2


def test_case_66_both_merged_parents_name_the_child(kinesis):
    name = create(kinesis, 2)
    child = merge(kinesis, name, *list_shards(kinesis, name))
    for index in (0, 1):
        _, last = follow(kinesis, iterator(kinesis, name, index))
        assert last["ChildShards"] == [{
            "ShardId": child["ShardId"], "HashKeyRange": child["HashKeyRange"],
            "ParentShards": [shard_id(0), shard_id(1)],
        }]


def test_case_66_a_closed_shard_is_read_in_pages_before_its_end(kinesis, stream):
    batch = [{"PartitionKey": "a", "Data": bytes([i])} for i in range(5)]
    kinesis.put_records(StreamName=stream, Records=batch)
    split(kinesis, stream, list_shards(kinesis, stream)[0])
    records, _ = follow(kinesis, iterator(kinesis, stream), limit=2)
    assert data(records) == [bytes([i]) for i in range(5)]
    closed = list_shards(kinesis, stream)[0]["SequenceNumberRange"]["EndingSequenceNumber"]
    past = read(kinesis, stream, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=closed)
    assert past == []


def test_case_67_filters_on_a_reshaped_stream(kinesis):
    """0 and 1 at the start; 0 becomes 2 and 3."""
    name = create(kinesis, 2)
    split(kinesis, name, list_shards(kinesis, name)[0])

    def listed(**shard_filter):
        return ids(list_shards(kinesis, name, ShardFilter=shard_filter))

    assert ids(list_shards(kinesis, name)) == [shard_id(i) for i in range(4)]
    assert listed(Type="AT_LATEST") == [shard_id(i) for i in (1, 2, 3)]
    assert listed(Type="AFTER_SHARD_ID", ShardId=shard_id(1)) == [shard_id(2), shard_id(3)]
    assert listed(Type="AT_TRIM_HORIZON") == [shard_id(0), shard_id(1)]
    assert listed(Type="FROM_TRIM_HORIZON") == [shard_id(i) for i in range(4)]


@pytest.mark.parametrize("beside", ["StreamName", "StreamARN", "ShardFilter", "ExclusiveStartShardId"])
def test_case_68_next_token_stands_alone(server, kinesis, beside):
    name = create(kinesis, 2)
    token = kinesis.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    value = {
        "StreamName": name, "StreamARN": server.arn(name),
        "ShardFilter": {"Type": "AT_LATEST"}, "ExclusiveStartShardId": shard_id(0),
    }[beside]
    assert refusal(kinesis.list_shards, NextToken=token, **{beside: value}) == (
        IA, f"NextToken and {beside} cannot be provided together."
    )


def test_case_68_neither_token_nor_stream(kinesis):
    assert refusal(kinesis.list_shards) == (
        IA, "Either NextToken or StreamName should be provided."
    )


@pytest.mark.parametrize("token", ["garbage", "A" * 300])
def test_case_68_a_token_that_is_none(kinesis, token):
    assert refusal(kinesis.list_shards, NextToken=token).code in (IA, "ExpiredNextTokenException")


# Case 69 (a token after 300 s) needs a moved clock and is a Rust test.


def test_split_of_an_unknown_stream(kinesis):
    name = unique()
    refused = refusal(
        kinesis.split_shard, StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey="1000"
    )
    assert refused.code == RNF and name in refused.message


def test_resharding_survives_many_generations(own_server):
    kinesis = connect(own_server(transition_ms=0))
    name = create(kinesis)
    for _ in range(4):
        left = open_shards(kinesis, name)[0]
        merge(kinesis, name, *split(kinesis, name, left))
        split(kinesis, name, open_shards(kinesis, name)[-1])
    shards = list_shards(kinesis, name)
    assert_tiles([s for s in shards if is_open(s)])
    assert_lineage(shards)
    assert ids(shards) == [shard_id(i) for i in range(len(shards))]
