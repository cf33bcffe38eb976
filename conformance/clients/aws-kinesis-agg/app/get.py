"""Read every shard with boto3, take the records apart with PyPI's aws-kinesis-agg, print what is in them.

    AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 python get.py STREAM
"""

import base64
import json
import sys

import boto3
from aws_kinesis_agg.deaggregator import iter_deaggregate_records

kinesis = boto3.client("kinesis")


def records(stream, shard):
    token = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while True:
        answer = kinesis.get_records(ShardIterator=token)
        yield from answer["Records"]
        token = answer["NextShardIterator"]
        if not answer["Records"] and answer["MillisBehindLatest"] == 0:
            return


def main(stream):
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        for record in iter_deaggregate_records(records(stream, shard["ShardId"]), data_format="Boto3"):
            # What was not aggregated comes out as boto3 had it.
            user = record.get("kinesis", {})
            data = user.get("data")
            print(json.dumps({
                "shard": shard["ShardId"], "key": user["partitionKey"], "hash": user.get("explicitHashKey"),
                "sequence": user["sequenceNumber"], "sub": user.get("subSequenceNumber"), "data": text(data, user),
            }))


def text(data, user):
    """User records carry base64, as Lambda's do; others the bytes."""
    return (base64.b64decode(data) if user.get("aggregated") else data).decode()


main(sys.argv[1])
