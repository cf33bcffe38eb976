"""Putting and reading as a user writes it with boto3: by ARN, in bulk, over shards."""

import random
from concurrent.futures import ThreadPoolExecutor

from kit.client import IA, VE, create, refusal, wait_active
from kit.reading import data, follow, iterator, read, read_stream
from kit.shards import hash_of, list_shards, shard_id, span

MIB = 1024 * 1024


def test_everything_by_arn(server, kinesis, stream):
    arn = server.arn(stream)
    kinesis.put_record(StreamARN=arn, PartitionKey="a", Data=b"1")
    kinesis.put_records(StreamARN=arn, Records=[{"PartitionKey": "a", "Data": b"2"}])
    token = kinesis.get_shard_iterator(
        StreamARN=arn, ShardId=shard_id(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert data(kinesis.get_records(ShardIterator=token, StreamARN=arn)["Records"]) == [b"1", b"2"]
    kinesis.put_record(StreamName=stream, StreamARN=arn, PartitionKey="a", Data=b"3")
    assert len(read(kinesis, stream)) == 3


def test_get_records_with_the_arn_of_another_stream(server, kinesis, stream):
    other = create(kinesis)
    token = iterator(kinesis, stream)
    assert refusal(kinesis.get_records, ShardIterator=token, StreamARN=server.arn(other)).code == IA


def test_every_record_goes_where_its_hash_says(kinesis):
    name = create(kinesis, 7)
    chance = random.Random(7)
    keys = [f"{chance.random()}" for _ in range(1000)]
    for begin in range(0, 1000, 500):
        batch = [{"PartitionKey": k, "Data": k.encode()} for k in keys[begin:begin + 500]]
        assert kinesis.put_records(StreamName=name, Records=batch)["FailedRecordCount"] == 0
    total = 0
    for shard in list_shards(kinesis, name):
        start, end = span(shard)
        stored = read(kinesis, name, shard["ShardId"])
        assert data(stored) == [k.encode() for k in keys if start <= hash_of(k) <= end]
        total += len(stored)
    assert total == 1000


def test_ten_mib_records_where_the_stream_allows(server, kinesis, stream):
    kinesis.update_max_record_size(StreamARN=server.arn(stream), MaxRecordSizeInKiB=10_240)
    wait_active(kinesis, stream)
    blobs = [random.Random(i).randbytes(10 * MIB - 1) for i in range(3)]
    kinesis.put_records(StreamName=stream, Records=[{"PartitionKey": "a", "Data": blobs[0]}])
    for blob in blobs[1:]:
        kinesis.put_record(StreamName=stream, PartitionKey="a", Data=blob)
    records, _ = follow(kinesis, iterator(kinesis, stream))
    assert data(records) == blobs


def test_lowering_the_record_size_keeps_what_is_stored(server, kinesis):
    name = create(kinesis, MaxRecordSizeInKiB=2048)
    largest = bytes(2 * MIB - 1)
    kinesis.put_record(StreamName=name, PartitionKey="a", Data=largest)
    kinesis.update_max_record_size(StreamARN=server.arn(name), MaxRecordSizeInKiB=1024)
    wait_active(kinesis, name)
    assert refusal(
        kinesis.put_record, StreamName=name, PartitionKey="a", Data=largest
    ).code in (IA, VE)
    assert [len(d) for d in data(read(kinesis, name))] == [2 * MIB - 1]


def test_many_streams_keep_apart(kinesis):
    names = [create(kinesis) for _ in range(20)]

    def fill(name):
        for i in range(10):
            kinesis.put_record(StreamName=name, PartitionKey="a", Data=f"{name}/{i}".encode())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fill, names))
    for name in names:
        assert data(read(kinesis, name)) == [f"{name}/{i}".encode() for i in range(10)]


def test_a_stream_of_a_thousand_shards(kinesis):
    name = create(kinesis, 1000)
    batch = [{"PartitionKey": f"{i}", "Data": f"{i}".encode()} for i in range(500)]
    answer = kinesis.put_records(StreamName=name, Records=batch)
    assert answer["FailedRecordCount"] == 0
    touched = sorted({r["ShardId"] for r in answer["Records"]})
    assert len(touched) > 300
    for shard in touched[:20]:
        assert len(read(kinesis, name, shard)) == sum(r["ShardId"] == shard for r in answer["Records"])


def test_put_records_refuses_the_whole_call_for_one_bad_record(kinesis, stream):
    good = {"PartitionKey": "a", "Data": b"x"}
    for bad in ({"PartitionKey": "", "Data": b"x"}, {"PartitionKey": "a"}, {"Data": b"x"},
                {"PartitionKey": "a", "Data": b"x", "ExplicitHashKey": "nonsense"}):
        refused = refusal(kinesis.put_records, StreamName=stream, Records=[good, bad, good])
        assert refused.code in (VE, IA)
    assert read_stream(kinesis, stream) == []
