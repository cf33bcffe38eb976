"""The numbered cases: streams, cases 18 to 33."""

import re

from kit.client import (
    IA,
    LE,
    RIU,
    RNF,
    VE,
    connect,
    create,
    must,
    not_found,
    ok,
    refusal,
    unique,
    until,
    wait_active,
    wait_gone,
)
from kit.raw import post
from kit.shards import (
    assert_equal_ranges,
    assert_tiles,
    initial_span,
    list_shards,
    open_shards,
    parents,
    shard_id,
    span,
    split,
)


def test_case_18_create_without_a_name(server):
    answer = post(server, "CreateStream", {})
    assert (answer.status, answer.type) == (400, VE)
    assert must("streamName", "not be null") in answer.json()["message"]


def test_case_19_creating_without_shards_then_active(slow_kinesis):
    name = unique()
    slow_kinesis.create_stream(StreamName=name, ShardCount=2)
    new = slow_kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert (new["StreamStatus"], new["Shards"], new["HasMoreShards"]) == ("CREATING", [], False)
    wait_active(slow_kinesis, name)
    described = slow_kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert [s["ShardId"] for s in described["Shards"]] == [shard_id(0), shard_id(1)]


def test_case_20_the_same_name_again(kinesis, stream):
    assert refusal(kinesis.create_stream, StreamName=stream, ShardCount=1) == (
        RIU, f"Stream {stream} under account 000000000000 already exists."
    )


def test_case_21_three_shards_exact_ranges(kinesis):
    shards = list_shards(kinesis, create(kinesis, 3))
    assert [span(s) for s in shards] == [
        (0, 113427455640312821154458202477256070484),
        (113427455640312821154458202477256070485, 226854911280625642308916404954512140969),
        (226854911280625642308916404954512140970, 340282366920938463463374607431768211455),
    ]
    assert [s["ShardId"] for s in shards] == [shard_id(0), shard_id(1), shard_id(2)]


def test_case_21_other_counts_follow_the_same_rule(kinesis):
    for count in (1, 2, 7, 50):
        shards = list_shards(kinesis, create(kinesis, count))
        assert [span(s) for s in shards] == [initial_span(i, count) for i in range(count)]


def test_case_22_on_demand_begins_with_four_shards(kinesis):
    name = create(kinesis, None, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    shards = open_shards(kinesis, name)
    assert len(shards) == 4
    assert_tiles(shards)
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}


def test_case_23_over_the_shard_quota(limited_kinesis):
    refused = refusal(limited_kinesis.create_stream, StreamName=unique(), ShardCount=20_001)
    assert refused.code == LE
    assert re.fullmatch(
        r"This request would exceed the shard limit for the account 000000000000 in us-east-1\. "
        r"Current shard count for the account: \d+\. Limit: 20000\. Number of additional shards that "
        r"would have resulted from this request: 20001\. Refer to the AWS Service Limits page "
        r"\(http://docs\.aws\.amazon\.com/general/latest/gr/aws_service_limits\.html\) for current "
        r"limits and how to request higher limits\.", refused.message,
    )


def test_case_24_put_while_creating(slow_kinesis):
    name = unique()
    slow_kinesis.create_stream(StreamName=name, ShardCount=1)
    put = refusal(slow_kinesis.put_record, StreamName=name, PartitionKey="a", Data=b"x")
    assert put == not_found(name)
    records = [{"PartitionKey": "a", "Data": b"x"}]
    assert refusal(slow_kinesis.put_records, StreamName=name, Records=records) == not_found(name)


def test_case_25_describe_in_pages(kinesis):
    name = create(kinesis, 3)
    first = kinesis.describe_stream(StreamName=name, Limit=1)["StreamDescription"]
    assert [s["ShardId"] for s in first["Shards"]] == [shard_id(0)] and first["HasMoreShards"]
    rest = kinesis.describe_stream(StreamName=name, ExclusiveStartShardId=shard_id(0))
    rest = rest["StreamDescription"]
    assert [s["ShardId"] for s in rest["Shards"]] == [shard_id(1), shard_id(2)]
    assert not rest["HasMoreShards"]


def test_case_26_defaults(kinesis, stream):
    described = kinesis.describe_stream(StreamName=stream)["StreamDescription"]
    assert described["EncryptionType"] == "NONE" and "KeyId" not in described
    assert described["RetentionPeriodHours"] == 24
    assert described["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert described["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}


def test_case_27_list_streams_continues_after_a_name(kinesis):
    prefix = unique("case27")
    names = [f"{prefix}-{letter}" for letter in "abc"]
    for name in reversed(names):
        kinesis.create_stream(StreamName=name, ShardCount=1)
    page = kinesis.list_streams(Limit=1, ExclusiveStartStreamName=names[0])
    assert page["StreamNames"] == [names[1]]
    assert page["HasMoreStreams"] is True
    assert [s["StreamName"] for s in page["StreamSummaries"]] == [names[1]]
    following = kinesis.list_streams(Limit=1, NextToken=page["NextToken"])
    assert following["StreamNames"] == [names[2]]


def test_case_28_open_shard_count_excludes_closed_shards(kinesis, stream):
    (shard,) = list_shards(kinesis, stream)
    split(kinesis, stream, shard)
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2
    assert len(list_shards(kinesis, stream)) == 3


def retention(kinesis, stream):
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    return summary["RetentionPeriodHours"]


def test_case_30_retention_within_24_to_8760_hours(kinesis, stream):
    assert refusal(
        kinesis.decrease_stream_retention_period, StreamName=stream, RetentionPeriodHours=23
    ) == (IA, "Minimum allowed retention period is 24 hours. "
              "Requested retention period (23 hours) is too short.")
    assert refusal(
        kinesis.increase_stream_retention_period, StreamName=stream, RetentionPeriodHours=8761
    ) == (IA, "Maximum allowed retention period is 8760 hours. "
              "Requested retention period (8761 hours) is too long.")


def test_case_30_retention_moves_only_in_the_named_direction(kinesis, stream):
    increase, decrease = (
        kinesis.increase_stream_retention_period, kinesis.decrease_stream_retention_period
    )
    ok(increase(StreamName=stream, RetentionPeriodHours=48))
    wait_active(kinesis, stream)
    assert refusal(increase, StreamName=stream, RetentionPeriodHours=47) == (
        IA, f"Requested retention period (47 hours) for stream {stream} can not be shorter than "
            "existing retention period (48 hours). Use DecreaseRetentionPeriod API.")
    assert refusal(decrease, StreamName=stream, RetentionPeriodHours=49) == (
        IA, f"Requested retention period (49 hours) for stream {stream} can not be longer than "
            "existing retention period (48 hours). Use IncreaseRetentionPeriod API.")
    ok(increase(StreamName=stream, RetentionPeriodHours=8760))
    until(lambda: retention(kinesis, stream) == 8760)
    wait_active(kinesis, stream)
    ok(decrease(StreamName=stream, RetentionPeriodHours=24))
    until(lambda: retention(kinesis, stream) == 24)


def test_case_30_retention_that_is_already_so_is_200(kinesis, stream):
    """Terraform asks to increase to 24 after each creation."""
    ok(kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=24))
    wait_active(kinesis, stream)
    ok(kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24))


def tags(kinesis, stream):
    return [(t["Key"], t["Value"]) for t in kinesis.list_tags_for_stream(StreamName=stream)["Tags"]]


def test_case_31_tags_are_overwritten_and_sorted_by_code_point(kinesis, stream):
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"b": "1", "ü": "2", "B": "3", "a 1": ""})
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"b": "4"})
    assert tags(kinesis, stream) == [("B", "3"), ("a 1", ""), ("b", "4"), ("ü", "2")]


def test_case_31_removing_an_unknown_tag_is_fine(kinesis, stream):
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"a": "1", "b": "2"})
    ok(kinesis.remove_tags_from_stream(StreamName=stream, TagKeys=["never", "a"]))
    assert tags(kinesis, stream) == [("b", "2")]


def test_case_31_bad_characters_in_tags(kinesis, stream):
    text = ("Some tags contain invalid characters. Valid characters: "
            "Unicode letters, digits, white space, _ . / = + - % @.")
    for bad in ({"a!": "b"}, {"a": "b*"}):
        assert refusal(kinesis.add_tags_to_stream, StreamName=stream, Tags=bad) == (IA, text)
    assert refusal(kinesis.add_tags_to_stream, StreamName=stream, Tags={"a%": "b"}) == (
        IA, f"Failed to add tags to stream {stream} under account 000000000000 because some tags "
            "contained illegal characters. The allowed characters are Unicode letters, "
            "white-spaces, '_',',','/','=','+','-','@'.")
    assert tags(kinesis, stream) == []


def test_case_33_update_shard_count_more_than_doubles_is_refused(kinesis):
    name = create(kinesis, 2)
    refused = refusal(
        kinesis.update_shard_count, StreamName=name, TargetShardCount=5, ScalingType="UNIFORM_SCALING"
    )
    assert refused.code in (IA, LE)
    assert len(list_shards(kinesis, name)) == 2


def test_case_33_two_to_four_are_equal_children_of_one_parent_each(kinesis):
    name = create(kinesis, 2)
    answer = kinesis.update_shard_count(
        StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (2, 4)
    wait_active(kinesis, name)
    shards = open_shards(kinesis, name)
    assert len(shards) == 4
    assert_tiles(shards)
    assert_equal_ranges(shards)
    assert [parents(s) for s in shards] == [[shard_id(0)]] * 2 + [[shard_id(1)]] * 2


def test_deleted_stream_is_gone(kinesis, stream):
    ok(kinesis.delete_stream(StreamName=stream))
    wait_gone(kinesis, stream)
    assert refusal(kinesis.describe_stream, StreamName=stream).code == RNF
    assert stream not in kinesis.list_streams(ExclusiveStartStreamName=stream[:-1])["StreamNames"]


def test_a_sixth_stream_in_creation_is_refused(own_server):
    """Only then: Terraform waits and repeats when it reads these words."""
    kinesis = connect(own_server(limits="aws", transition_ms=60_000))
    for _ in range(5):
        kinesis.create_stream(StreamName=unique(), ShardCount=1)

    def told():
        refused = refusal(kinesis.create_stream, StreamName=unique(), ShardCount=1)
        assert refused.code == LE
        return refused.message

    words = "simultaneously be in CREATING or DELETING for the account 000000000000. Limit: 5."
    until(lambda: words in told())
