"""A whole stream, read with boto3: what a scenario compares a client's own account with."""

import time

from kit.client import PTE, ClientError


def shards_of(kinesis, stream):
    """Every shard that the stream ever had and still keeps, in the order of their ids."""
    answer = kinesis.list_shards(StreamName=stream)
    found = answer["Shards"]
    while "NextToken" in answer:
        answer = kinesis.list_shards(NextToken=answer["NextToken"])
        found += answer["Shards"]
    return sorted(found, key=lambda shard: shard["ShardId"])


def records_of(kinesis, stream, shard_id):
    """Every record of a shard, to its end or to where nothing is left."""
    records = []
    at = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    while at:
        try:
            answer = kinesis.get_records(ShardIterator=at)
        except ClientError as error:
            # Five reads a second and shard, and two MiB: AWS's limits are on.
            assert error.response["Error"]["Code"] == PTE, error
            time.sleep(0.25)
            continue
        records += answer["Records"]
        if not answer["Records"] and answer["MillisBehindLatest"] == 0:
            break
        at = answer.get("NextShardIterator")
    return records


def drain(kinesis, stream):
    """(shard, its records) for every shard of the stream."""
    return [(shard, records_of(kinesis, stream, shard["ShardId"])) for shard in shards_of(kinesis, stream)]
