"""boto3 as applications set it up (validation and retries on, which the suite in conformance/python has off):
paginators, waiters, and its retry modes against a shard that is full."""

import threading
from collections import Counter

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from kit.client import create, wait_active
from kit.reading import read
from kit.shards import open_shards, shard_id, split

FAST = {"Delay": 1, "MaxAttempts": 30}


def client(server, **config):
    return boto3.client(
        "kinesis", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test", config=Config(**config),
    )


@pytest.fixture
def app(server):
    return client(server)


def test_waiters(app):
    app.create_stream(StreamName="orders", ShardCount=1)
    app.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig=FAST)
    assert app.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"
    app.delete_stream(StreamName="orders")
    app.get_waiter("stream_not_exists").wait(StreamName="orders", WaiterConfig=FAST)
    assert app.list_streams()["StreamNames"] == []


def test_paginators(app, kinesis, server):
    names = sorted(create(kinesis) for _ in range(4)) + [create(kinesis, shards=7, prefix="wide")]
    wide = names[-1]
    pages = list(app.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2}))
    assert [name for page in pages for name in page["StreamNames"]] == names
    assert [len(page["StreamNames"]) for page in pages] == [2, 2, 1]
    described = app.get_paginator("describe_stream").paginate(StreamName=wide, PaginationConfig={"PageSize": 3})
    shards = [shard["ShardId"] for page in described for shard in page["StreamDescription"]["Shards"]]
    assert shards == [shard_id(n) for n in range(7)]
    for n in range(3):
        app.register_stream_consumer(StreamARN=server.arn(wide), ConsumerName=f"app-{n}")
    listed = app.get_paginator("list_stream_consumers").paginate(
        StreamARN=server.arn(wide), PaginationConfig={"PageSize": 1}
    )
    assert [one["ConsumerName"] for page in listed for one in page["Consumers"]] == [f"app-{n}" for n in range(3)]


def test_the_paginator_of_list_shards_is_good_for_one_page(app, kinesis):
    """It sends StreamName again with NextToken, which AWS refuses. It shows with more than 1000 shards, or with a page
    size; NextToken alone works."""
    stream = create(kinesis, shards=7)
    pages = app.get_paginator("list_shards").paginate(StreamName=stream)
    assert [shard["ShardId"] for page in pages for shard in page["Shards"]] == [shard_id(n) for n in range(7)]
    small = iter(app.get_paginator("list_shards").paginate(StreamName=stream, PaginationConfig={"PageSize": 3}))
    first = next(small)
    assert len(first["Shards"]) == 3
    refused = "InvalidArgumentException.*NextToken and StreamName cannot be provided together"
    with pytest.raises(ClientError, match=refused):
        next(small)
    rest = app.list_shards(NextToken=first["NextToken"])
    assert len(rest["Shards"]) == 4 and "NextToken" not in rest


@pytest.mark.parametrize("mode", ["standard", "adaptive"])
def test_a_full_shard_loses_nothing(server, kinesis, mode):
    """Four threads want to write more than a shard takes (1 MiB a second) for as long as it takes; a PutRecord
    that is refused is retried inside boto3. Half-way the shard is split."""
    stream = create(kinesis)
    writer = client(server, retries={"mode": mode, "max_attempts": 30}, max_pool_connections=4)
    refused = Counter()

    def look(response, **_):
        if response and "Error" in response[1]:
            refused[response[1]["Error"]["Code"]] += 1

    writer.meta.events.register("needs-retry.kinesis.PutRecord", look)
    each, failures = 600, []

    def write(thread):
        try:
            for n in range(each):
                writer.put_record(StreamName=stream, PartitionKey=f"{thread}", Data=f"{thread}/{n} ".encode() * 800)
        except Exception as failure:  # the thread's, shown below
            failures.append(failure)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    threads[0].join(3)
    split(kinesis, stream, open_shards(kinesis, stream)[0])
    for thread in threads:
        thread.join(300)
    assert not failures and not any(thread.is_alive() for thread in threads)
    assert set(refused) == {"ProvisionedThroughputExceededException"}, refused
    wait_active(kinesis, stream)
    stored = [record["Data"].split()[0].decode() for shard in range(3) for record in read_slowly(server, stream, shard)]
    for thread in range(4):
        mine = [int(text.partition("/")[2]) for text in stored if text.startswith(f"{thread}/")]
        assert mine == list(range(each)), f"thread {thread}"


def read_slowly(server, stream, shard):
    """A reader is throttled as well, and retries as well."""
    return read(client(server, retries={"mode": "standard", "max_attempts": 30}), stream, shard)
