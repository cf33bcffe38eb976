"""Aggregate with PyPI's aws-kinesis-agg, put with boto3.

    AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 python put.py STREAM <rows.jsonl

A row is {"lane", "key", "hash", "data"}: rows of a lane belong into one shard and keep their order, "hash" (an explicit
hash key) may be null.
"""

import json
import sys
import time

import boto3
from aws_kinesis_agg.aggregator import RecordAggregator

kinesis = boto3.client("kinesis")


def put(stream, lanes):
    """The first record of each lane at once, then the second: a lane's next is only sent when its last is in."""
    lanes = [list(lane) for lane in lanes]
    while lanes := [lane for lane in lanes if lane]:
        answer = kinesis.put_records(StreamName=stream, Records=[lane[0] for lane in lanes])
        for lane, result in zip(lanes, answer["Records"]):
            if "ErrorCode" not in result:
                lane.pop(0)
        if answer["FailedRecordCount"]:
            time.sleep(0.2)


def record(aggregated):
    key, explicit_hash, data = aggregated.get_contents()
    return {"PartitionKey": key, "Data": data} | ({"ExplicitHashKey": explicit_hash} if explicit_hash else {})


def main(stream):
    aggregators, lanes = {}, {}
    for row in map(json.loads, sys.stdin):
        aggregator = aggregators.setdefault(row["lane"], RecordAggregator())
        full = aggregator.add_user_record(row["key"], row["data"].encode(), row["hash"])
        if full:
            lanes.setdefault(row["lane"], []).append(record(full))
    for lane, aggregator in aggregators.items():
        lanes.setdefault(lane, []).append(record(aggregator.clear_and_get()))
    put(stream, lanes.values())
    print(sum(map(len, lanes.values())))


main(sys.argv[1])
