"""boto3 as on AWS: a region, keys, and no endpoint. Without arguments, the URLs that were asked."""

import sys

import boto3

asked = set()


def client(service):
    made = boto3.client(service)
    made.meta.events.register("before-send.*", lambda request, **_: asked.add(request.url))
    return made


kinesis = client("kinesis")
match sys.argv[1:]:
    case [stream, "create"]:
        kinesis.create_stream(StreamName=stream, ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName=stream)
    case [stream, "put"]:
        kinesis.put_records(StreamName=stream, Records=[
            {"PartitionKey": str(n), "Data": f"number-{n}".encode()} for n in range(100)
        ])
    case []:
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName="orders")
        arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
        kinesis.put_record(StreamARN=arn, PartitionKey="key", Data=b"data")
        kinesis.list_tags_for_stream(StreamARN=arn)
        client("dynamodb").list_tables()
        client("cloudwatch").list_metrics()
        client("sts").get_caller_identity()
        print(*sorted(asked), sep="\n")
