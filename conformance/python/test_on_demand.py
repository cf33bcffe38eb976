"""On-demand streams: warm throughput, distribution, and a summary that tells the truth.

How traffic splits and merges shards takes minutes and days: Rust tests that move the clock.
"""

import pytest

from kit.client import (
    IA,
    RIU,
    RNF,
    VE,
    connect,
    create,
    must,
    not_found,
    refusal,
    unique,
    violations,
    wait_active,
)
from kit.reading import read
from kit.shards import assert_equal_ranges, assert_lineage, list_shards, open_shards

ON_DEMAND = {"StreamMode": "ON_DEMAND"}
AUTO, BY_KEY = "AUTO", "USER_PARTITION_KEY"


def summary(kinesis, stream):
    return kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]


def commit(kinesis, status="ENABLED"):
    return kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": status})


@pytest.fixture
def committed(own_server):
    """A client whose account has the billing commitment."""
    server = own_server()
    kinesis = connect(server)
    commit(kinesis)
    kinesis.server = server
    return kinesis


def warm(kinesis, name, mibps):
    """(target, current) as the operation answers them, once the stream is ACTIVE again."""
    answer = kinesis.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=mibps)
    assert answer["StreamName"] == name and answer["StreamARN"] == kinesis.server.arn(name)
    wait_active(kinesis, name)
    return shown(answer["WarmThroughput"])


def shown(throughput):
    assert throughput.keys() == {"TargetMiBps", "CurrentMiBps"}
    return throughput["TargetMiBps"], throughput["CurrentMiBps"]


def test_warm_throughput_splits_ahead_and_is_released(committed):
    name = create(committed, None, StreamModeDetails=ON_DEMAND, WarmThroughputMiBps=10)
    assert_equal_ranges(open_shards(committed, name))
    for mibps, current in [(10, 10), (24, 24), (24, 24), (7, 7), (1, 4), (0, 4)]:
        assert warm(committed, name, mibps) == (mibps, current)
        described = summary(committed, name)
        assert described["OpenShardCount"] == current == len(open_shards(committed, name))
        # What was given up is the capacity that the stream has anyway.
        assert shown(described["WarmThroughput"]) == (mibps or current, current)
    assert_equal_ranges(open_shards(committed, name))
    assert_lineage(list_shards(committed, name))


def test_a_stream_is_updating_while_it_warms_up(slow_kinesis):
    commit(slow_kinesis)
    name = create(slow_kinesis, None, StreamModeDetails=ON_DEMAND)
    request = {"StreamName": name, "WarmThroughputMiBps": 6}
    slow_kinesis.update_stream_warm_throughput(**request)
    assert summary(slow_kinesis, name)["StreamStatus"] == "UPDATING"
    slow_kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"x")
    refused = refusal(slow_kinesis.update_stream_warm_throughput, **request)
    assert refused.code == RIU and "not ACTIVE, instead in state UPDATING" in refused.message
    wait_active(slow_kinesis, name)


def test_a_mode_switch_may_warm_up(committed):
    name = create(committed, 1)
    committed.update_stream_mode(
        StreamARN=committed.server.arn(name), StreamModeDetails=ON_DEMAND, WarmThroughputMiBps=8
    )
    wait_active(committed, name)
    assert shown(summary(committed, name)["WarmThroughput"]) == (8, 8)


def test_records_outlive_warming_and_releasing(committed):
    name = create(committed, None, StreamModeDetails=ON_DEMAND)
    sent = set()
    for mibps in (9, 5, 16, 0):
        for i in range(50):
            data = f"{mibps}-{i}".encode()
            committed.put_record(StreamName=name, PartitionKey=str(i), Data=data)
            sent.add(data)
        warm(committed, name, mibps)
    got = [r["Data"] for s in list_shards(committed, name) for r in read(committed, name, s["ShardId"])]
    assert len(got) == len(sent) and set(got) == sent


def test_warm_throughput_needs_the_commitment(own_server):
    kinesis = connect(own_server())
    name = create(kinesis, None, StreamModeDetails=ON_DEMAND)
    assert "WarmThroughput" not in summary(kinesis, name)
    provisioned = kinesis.describe_stream_summary(StreamName=create(kinesis))["StreamDescriptionSummary"]
    for refused in (
        refusal(kinesis.update_stream_warm_throughput, StreamName=name, WarmThroughputMiBps=5),
        refusal(
            kinesis.create_stream, StreamName=unique(), StreamModeDetails=ON_DEMAND, WarmThroughputMiBps=5
        ),
        refusal(
            kinesis.update_stream_mode, StreamARN=provisioned["StreamARN"], StreamModeDetails=ON_DEMAND,
            WarmThroughputMiBps=5,
        ),
    ):
        assert refused.code == IA and "MinimumThroughputBillingCommitment" in refused.message
    commit(kinesis)
    kinesis.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=5)
    wait_active(kinesis, name)
    refused = refusal(commit, kinesis=kinesis, status="DISABLED")
    assert refused.code == IA and name in refused.message
    kinesis.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=0)
    ended = commit(kinesis, "DISABLED")["MinimumThroughputBillingCommitment"]
    # Not before it is a day old.
    assert ended["Status"] == "ENABLED_UNTIL_EARLIEST_ALLOWED_END"


def test_warm_throughput_refuses(committed):
    update = committed.update_stream_warm_throughput
    name, provisioned = create(committed, None, StreamModeDetails=ON_DEMAND), create(committed)
    assert refusal(update, StreamName=provisioned, WarmThroughputMiBps=5).code in (IA, VE)
    assert refusal(update, StreamName="none", WarmThroughputMiBps=5) == not_found("none")
    assert refusal(update, WarmThroughputMiBps=5).code == IA
    path = "warmThroughputMiBps"
    for value, rule in [
        (None, "not be null"),
        (-1, "have value greater than or equal to 0"),
        (10_241, "have value less than or equal to 10240"),
    ]:
        given = {} if value is None else {"WarmThroughputMiBps": value}
        assert violations(refusal(update, StreamName=name, **given)) == {must(path, rule, value)}
    assert summary(committed, name)["OpenShardCount"] == 4


def change(kinesis, arn, strategy):
    return kinesis.update_stream_record_distribution_strategy(
        StreamARN=arn, RecordDistributionStrategy=strategy
    )


def test_distribution_changes_at_once(server, kinesis):
    name = create(kinesis, None, StreamModeDetails=ON_DEMAND)
    arn = server.arn(name)
    assert summary(kinesis, name)["RecordDistributionStrategy"] == BY_KEY
    for strategy in (AUTO, AUTO, BY_KEY):
        answer = change(kinesis, arn, strategy)
        assert answer["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "0"
        described = summary(kinesis, name)
        assert (described["StreamStatus"], described["RecordDistributionStrategy"]) == ("ACTIVE", strategy)


def test_auto_spreads_evenly_and_ignores_keys(server, kinesis):
    name = create(kinesis, None, StreamModeDetails=ON_DEMAND, RecordDistributionStrategy=AUTO)
    records = [
        {"Data": b"1", "PartitionKey": "same"}, {"Data": b"2"},
        {"Data": b"3", "PartitionKey": "other", "ExplicitHashKey": "7"},
    ]
    placed = kinesis.put_records(StreamName=name, Records=[records[i % 3] for i in range(400)])
    assert placed["FailedRecordCount"] == 0
    shards = [r["ShardId"] for r in placed["Records"]]
    assert sorted(shards.count(shard) for shard in set(shards)) == [100] * 4
    assert "ShardId" in kinesis.put_record(StreamName=name, Data=b"2")
    got = [r for shard in set(shards) for r in read(kinesis, name, shard)]
    given = {b"1": "same", b"2": None, b"3": "other"}
    assert len(got) == 401 and all(r.get("PartitionKey") == given[r["Data"]] for r in got)
    change(kinesis, server.arn(name), BY_KEY)
    assert refusal(kinesis.put_record, StreamName=name, Data=b"x").code == IA
    assert refusal(kinesis.put_records, StreamName=name, Records=[{"Data": b"x"}]).code == IA
    shards = {
        kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="same")["ShardId"] for _ in range(20)
    }
    assert len(shards) == 1


def test_distribution_refuses(server, kinesis):
    arn = server.arn(create(kinesis))
    assert refusal(change, kinesis=kinesis, arn=arn, strategy=AUTO).code == IA
    assert "RecordDistributionStrategy" not in summary(kinesis, arn.rpartition("/")[2])
    missing = refusal(change, kinesis=kinesis, arn=server.arn("none"), strategy=AUTO)
    assert missing.code == RNF and missing == not_found("none")
    path = "recordDistributionStrategy"
    assert violations(refusal(kinesis.update_stream_record_distribution_strategy)) == {
        must(path, "not be null"), must("streamARN", "not be null"),
    }
    wrong = violations(refusal(change, kinesis=kinesis, arn=arn, strategy="BOTH"))
    assert wrong == {must(path, f"satisfy enum value set: [{AUTO}, {BY_KEY}]", "BOTH")}


def test_limits_count_on_demand_streams(own_server):
    kinesis = connect(own_server())

    def counts():
        limits = kinesis.describe_limits()
        return limits["OnDemandStreamCount"], limits["OpenShardCount"]

    assert counts() == (0, 0)
    create(kinesis, 2)
    name = create(kinesis, None, StreamModeDetails=ON_DEMAND)
    assert counts() == (1, 6)
    commit(kinesis)
    kinesis.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=11)
    assert counts() == (1, 13)
