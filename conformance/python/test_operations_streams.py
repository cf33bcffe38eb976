"""Stream control as a user writes it with boto3, and at the edges."""

import re
import time

import pytest
from botocore.exceptions import WaiterError

from kit.client import (
    IA,
    RIU,
    RNF,
    VE,
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
    wait_active,
    wait_gone,
)
from kit.operations import BUILT, members, request
from kit.raw import post
from kit.shards import list_shards, open_shards, shard_id

ON_DEMAND = {"StreamMode": "ON_DEMAND"}
PROVISIONED = {"StreamMode": "PROVISIONED"}
KIB_RULES = [(1023, "greater than or equal to 1024"), (10_241, "less than or equal to 10240")]


def summary(kinesis, stream):
    return kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]


def test_create_with_everything_and_describe(server, kinesis):
    began = time.time()
    name = create(
        kinesis, 2, StreamModeDetails=PROVISIONED, Tags={"team": "water", "env": "test"},
        MaxRecordSizeInKiB=4096,
    )
    described = summary(kinesis, name)
    assert described["StreamName"] == name
    assert described["StreamARN"] == server.arn(name)
    assert described["StreamStatus"] == "ACTIVE"
    assert described["StreamModeDetails"] == PROVISIONED
    assert described["MaxRecordSizeInKiB"] == 4096
    assert described["RetentionPeriodHours"] == 24
    assert described["OpenShardCount"] == 2 and described["ConsumerCount"] == 0
    assert described["EncryptionType"] == "NONE"
    assert described["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert abs(described["StreamCreationTimestamp"].timestamp() - began) < 10
    # Not of the form [a-z0-9]{20}-[a-z0-9]{3}: the SDKs send what has such an id to AWS, whatever their endpoint.
    assert re.fullmatch(r"[a-z0-9]{24}", described["StreamId"])
    tags = kinesis.list_tags_for_stream(StreamName=name)["Tags"]
    assert tags == [{"Key": "env", "Value": "test"}, {"Key": "team", "Value": "water"}]


def test_the_record_size_given_at_creation_is_applied(kinesis):
    name = create(kinesis, MaxRecordSizeInKiB=10_240)
    # A record is its data and its partition key.
    blob = bytes(10 * 1024 * 1024 - 1)
    kinesis.put_record(StreamName=name, PartitionKey="a", Data=blob)
    token = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard_id(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    (record,) = kinesis.get_records(ShardIterator=token)["Records"]
    assert record["Data"] == blob
    assert refusal(
        kinesis.put_record, StreamName=name, PartitionKey="a", Data=blob + b"x"
    ).code in (IA, VE)


def test_warm_throughput_with_the_account_commitment(own_server):
    kinesis = connect(own_server())
    enabled = {"Status": "ENABLED"}
    kinesis.update_account_settings(MinimumThroughputBillingCommitment=enabled)
    name = create(kinesis, None, StreamModeDetails=ON_DEMAND, WarmThroughputMiBps=10)
    assert summary(kinesis, name)["WarmThroughput"]["TargetMiBps"] == 10
    assert len(open_shards(kinesis, name)) >= 4


def test_account_settings(own_server):
    kinesis = connect(own_server())

    def commitment():
        return kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]

    assert commitment()["Status"] == "DISABLED"
    changed = kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    assert changed["MinimumThroughputBillingCommitment"]["Status"] == "ENABLED"
    assert commitment()["Status"] == "ENABLED" and commitment()["StartedAt"]
    refused = refusal(
        kinesis.update_account_settings, MinimumThroughputBillingCommitment={"Status": "MAYBE"}
    )
    assert refused.code == VE
    assert refusal(kinesis.update_account_settings).code == VE


@pytest.mark.parametrize("parameters", [
    {"ShardCount": 0}, {"ShardCount": -1}, {"StreamModeDetails": PROVISIONED},
    {"ShardCount": 1, "StreamModeDetails": ON_DEMAND}, {"ShardCount": 1, "WarmThroughputMiBps": 5},
    {"ShardCount": 1, "RecordDistributionStrategy": "AUTO"}, {"RecordDistributionStrategy": "OTHER"},
    {"Tags": {"a\tb": "x"}}, {"Tags": {"a": "x\n"}}, {"Tags": {"aws:a": "x"}},
    {"ShardCount": 1, "StreamModeDetails": {}}, {"ShardCount": 1, "StreamModeDetails": {"StreamMode": "X"}},
    {"ShardCount": 1, "MaxRecordSizeInKiB": 1023}, {"ShardCount": 1, "MaxRecordSizeInKiB": 10_241},
    {"ShardCount": 1, "Tags": {"": "x"}}, {"ShardCount": 1, "Tags": {"k" * 129: "x"}},
    {"ShardCount": 1, "Tags": {"k": "v" * 257}}, {"ShardCount": 1, "Tags": {"k!": "v"}},
], ids=short)
def test_create_refuses(kinesis, parameters):
    name = unique()
    assert refusal(kinesis.create_stream, StreamName=name, **parameters).code in (VE, IA)
    assert refusal(kinesis.describe_stream, StreamName=name) == not_found(name)


def test_without_mode_and_shard_count_a_stream_is_on_demand(kinesis):
    name = create(kinesis, None)
    described = summary(kinesis, name)
    assert described["StreamModeDetails"] == ON_DEMAND
    assert described["OpenShardCount"] == 4


def test_every_member_of_create_stream_is_kept(own_server):
    """Nothing that the newest SDK can send is accepted and then ignored."""
    kinesis = connect(own_server())
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    promised = {
        "Tags": {"a": "1"}, "StreamModeDetails": ON_DEMAND, "WarmThroughputMiBps": 6,
        "MaxRecordSizeInKiB": 2048, "RecordDistributionStrategy": "AUTO",
    }
    known = kinesis.meta.service_model.operation_model("CreateStream").input_shape.members
    assert set(known) == set(promised) | {"StreamName", "ShardCount"}
    name = create(kinesis, None, **promised)
    described = summary(kinesis, name)
    assert described["StreamModeDetails"] == ON_DEMAND
    assert (described["WarmThroughput"]["TargetMiBps"], described["OpenShardCount"]) == (6, 6)
    assert described["MaxRecordSizeInKiB"] == 2048
    assert described["RecordDistributionStrategy"] == "AUTO"
    assert kinesis.list_tags_for_stream(StreamName=name)["Tags"] == [{"Key": "a", "Value": "1"}]


def test_create_says_which_constraint(kinesis):
    refused = refusal(kinesis.create_stream, StreamName="", ShardCount=0, MaxRecordSizeInKiB=1)
    found = violations(refused)
    assert must("streamName", "have length greater than or equal to 1", "") in found
    assert must("shardCount", "have value greater than or equal to 1", 0) in found
    assert must("maxRecordSizeInKiB", "have value greater than or equal to 1024", 1) in found


def test_describe_stream_paginator_and_waiters(kinesis):
    name = unique()
    kinesis.create_stream(StreamName=name, ShardCount=5)
    quickly = {"Delay": 0.02, "MaxAttempts": 500}
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig=quickly)
    pages = kinesis.get_paginator("describe_stream").paginate(
        StreamName=name, PaginationConfig={"PageSize": 2}
    )
    found = [[s["ShardId"] for s in p["StreamDescription"]["Shards"]] for p in pages]
    assert found == [[shard_id(0), shard_id(1)], [shard_id(2), shard_id(3)], [shard_id(4)]]
    kinesis.delete_stream(StreamName=name)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig=quickly)


def test_stream_exists_waiter_gives_up_on_what_is_not_there(kinesis):
    with pytest.raises(WaiterError):
        kinesis.get_waiter("stream_exists").wait(
            StreamName=unique(), WaiterConfig={"Delay": 0.01, "MaxAttempts": 2}
        )


def test_describe_stream_shows_at_most_100_shards_a_page(kinesis):
    name = create(kinesis, 150)
    for limit in ({}, {"Limit": 500}):
        first = kinesis.describe_stream(StreamName=name, **limit)["StreamDescription"]
        assert (len(first["Shards"]), first["HasMoreShards"]) == (100, True)
    assert len(list_shards(kinesis, name)) == 150


def test_list_streams_ascending_in_pages(own_server):
    kinesis = connect(own_server())
    assert kinesis.list_streams()["StreamNames"] == []
    names = [f"s-{n}" for n in (3, 1, 2, 5, 4)]
    for name in names:
        kinesis.create_stream(StreamName=name, ShardCount=1)
    pages = list(kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2}))
    assert [p["StreamNames"] for p in pages] == [["s-1", "s-2"], ["s-3", "s-4"], ["s-5"]]
    assert [p["HasMoreStreams"] for p in pages] == [True, True, False]
    last = pages[-1]["StreamSummaries"][0]
    assert last["StreamName"] == "s-5" and last["StreamARN"].endswith(":stream/s-5")
    assert last["StreamModeDetails"] == PROVISIONED
    assert {"StreamStatus", "StreamCreationTimestamp"} <= last.keys()
    assert refusal(kinesis.list_streams, Limit=0).code == VE
    assert refusal(kinesis.list_streams, NextToken="garbage").code in (IA, "ExpiredNextTokenException")


def test_describe_limits(own_server):
    kinesis = connect(own_server(limits="aws"))
    create(kinesis, 3)
    create(kinesis, None, StreamModeDetails=ON_DEMAND)
    until(lambda: limits(kinesis))
    limit = until(lambda: limits(kinesis), every=0.2)
    assert limit["ShardLimit"] == 20_000 and limit["OpenShardCount"] >= 3
    assert (limit["OnDemandStreamCount"], limit["OnDemandStreamCountLimit"]) == (1, 50)


def limits(kinesis):
    """DescribeLimits may be called once a second."""
    try:
        return kinesis.describe_limits()
    except kinesis.exceptions.LimitExceededException:
        return None


@pytest.mark.parametrize("hours, rule", [(0, None), (-1, None), (23, None), (8761, None)])
def test_retention_outside_its_range(kinesis, stream, hours, rule):
    for call in (kinesis.increase_stream_retention_period, kinesis.decrease_stream_retention_period):
        assert refusal(call, StreamName=stream, RetentionPeriodHours=hours).code in (IA, VE)
    assert refusal(kinesis.increase_stream_retention_period, StreamName=stream).code == VE


def test_update_stream_mode_there_and_back_keeps_the_shards(server, kinesis):
    name = create(kinesis, 3)
    for mode in (ON_DEMAND, PROVISIONED):
        ok(kinesis.update_stream_mode(StreamARN=server.arn(name), StreamModeDetails=mode))
        wait_active(kinesis, name)
        assert summary(kinesis, name)["StreamModeDetails"] == mode
        assert len(list_shards(kinesis, name)) == 3


def test_update_stream_mode_refuses(server, kinesis, stream):
    arn = server.arn(stream)
    assert refusal(kinesis.update_stream_mode, StreamARN=arn).code == VE
    assert refusal(
        kinesis.update_stream_mode, StreamARN=arn, StreamModeDetails={"StreamMode": "SOMETIMES"}
    ).code == VE
    assert violations(refusal(kinesis.update_stream_mode, StreamModeDetails=ON_DEMAND)) == {
        must("streamARN", "not be null")
    }


def test_on_demand_streams_are_not_reshaped_by_hand(kinesis):
    name = create(kinesis, None, StreamModeDetails=ON_DEMAND)
    told = (VE, f"Request is invalid. Stream {name} under account 000000000000 is in On-Demand mode.")
    assert refusal(
        kinesis.split_shard, StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey="1000"
    ) == told
    assert refusal(
        kinesis.merge_shards, StreamName=name,
        ShardToMerge=shard_id(0), AdjacentShardToMerge=shard_id(1),
    ) == told
    assert refusal(
        kinesis.update_shard_count, StreamName=name, TargetShardCount=8, ScalingType="UNIFORM_SCALING"
    ).code == VE


def test_update_max_record_size(server, kinesis, stream):
    arn = server.arn(stream)
    for size in (10_240, 1024):
        ok(kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=size))
        wait_active(kinesis, stream)
        assert summary(kinesis, stream)["MaxRecordSizeInKiB"] == size
    for size, rule in KIB_RULES:
        refused = refusal(kinesis.update_max_record_size, StreamARN=arn, MaxRecordSizeInKiB=size)
        assert violations(refused) == {must("maxRecordSizeInKiB", f"have value {rule}", size)}


def test_delete_by_arn_and_create_again(server, kinesis, stream):
    first = summary(kinesis, stream)
    ok(kinesis.delete_stream(StreamARN=server.arn(stream), EnforceConsumerDeletion=True))
    wait_gone(kinesis, stream)
    kinesis.create_stream(StreamName=stream, ShardCount=2)
    wait_active(kinesis, stream)
    assert summary(kinesis, stream)["StreamId"] != first["StreamId"]
    assert len(list_shards(kinesis, stream)) == 2


NAMED = sorted(op for op in BUILT if "StreamName" in members(op) and op != "CreateStream")
WITH_ARN = sorted(op for op in BUILT if {"StreamARN", "ResourceARN"} & set(members(op)))
# GetRecords knows its stream from the iterator, GetShardIterator blames the shard (case 53).
ELSEWHERE = {"GetRecords", "GetShardIterator"}


@pytest.mark.parametrize("operation", [op for op in NAMED if op not in ELSEWHERE])
def test_unknown_stream_by_name(server, operation):
    name = unique()
    body = request(operation, name)
    body.pop("StreamARN", None)
    answer = post(server, operation, body)
    assert (answer.status, answer.type) == (400, RNF)
    assert answer.json()["message"] == not_found(name).message


@pytest.mark.parametrize("operation", [op for op in WITH_ARN if op not in ELSEWHERE])
def test_unknown_stream_by_arn(server, operation):
    name = unique()
    body = request(operation, name)
    body.pop("StreamName", None)
    answer = post(server, operation, body)
    assert (answer.status, answer.type) == (400, RNF)
    assert answer.json()["message"] == not_found(name).message


@pytest.mark.parametrize("operation", [op for op in WITH_ARN if op != "GetRecords"])
def test_a_stream_of_another_account_is_not_ours(server, stream, operation):
    body = request(operation, stream)
    body.pop("StreamName", None)
    for member in ("StreamARN", "ResourceARN"):
        if member in body:
            body[member] = body[member].replace("000000000000", "999999999999")
    answer = post(server, operation, body)
    assert (answer.status, answer.type) in ((400, RNF), (400, "AccessDeniedException"))


@pytest.mark.parametrize("operation", [op for op in NAMED if "StreamARN" in members(op)])
def test_name_and_arn_of_different_streams(server, stream, operation):
    answer = post(server, operation, request(operation, stream) | {"StreamName": unique()})
    assert (answer.status, answer.type) in ((400, IA), (400, VE))


@pytest.mark.parametrize("arn", [
    "garbage", "arn:aws:kinesis:us-east-1:0:stream/x", "arn:aws:s3:us-east-1:000000000000:stream/x",
    "arn:aws:kinesis:us-east-1:000000000000:table/x", "", "arn:aws:kinesis:us-east-1:000000000000:stream/",
])
def test_a_malformed_arn(kinesis, arn):
    assert refusal(kinesis.describe_stream_summary, StreamARN=arn).code == VE


def test_creating_streams_refuse_changes(slow, slow_kinesis):
    name = unique()
    slow_kinesis.create_stream(StreamName=name, ShardCount=1)
    assert_no_change(slow, name, "CREATING")


def test_updating_streams_refuse_changes_and_carry_data(slow, slow_kinesis):
    name = create(slow_kinesis, 2)
    slow_kinesis.split_shard(StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey="1000")
    assert_no_change(slow, name, "UPDATING")
    ok(slow_kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"x"))
    ok(slow_kinesis.put_records(StreamName=name, Records=[{"PartitionKey": "b", "Data": b"x"}]))
    token = slow_kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard_id(1), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    ok(slow_kinesis.get_records(ShardIterator=token))


def test_deleting_streams_refuse_changes(slow, slow_kinesis):
    name = create(slow_kinesis)
    slow_kinesis.delete_stream(StreamName=name)
    described = slow_kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert described["StreamStatus"] == "DELETING"
    assert_no_change(slow, name, "DELETING")
    assert refusal(slow_kinesis.delete_stream, StreamName=name).code == RIU


def assert_no_change(server, name, state):
    for operation in (
        "SplitShard", "MergeShards", "UpdateShardCount", "UpdateStreamMode", "UpdateMaxRecordSize"
    ):
        answer = post(server, operation, request(operation, name))
        assert (answer.status, answer.type) == (400, RIU), (operation, answer)
        assert answer.json()["message"] == (
            f"Stream {name} under account 000000000000 not ACTIVE, instead in state {state}"
        )
