"""aiobotocore by itself: a stream's life, a paginator, a waiter, and a subscription over HTTP/1.1.

    AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 python operations.py
"""

import asyncio

from aiobotocore.session import get_session


async def main():
    async with get_session().create_client("kinesis") as kinesis:
        await kinesis.create_stream(StreamName="life", ShardCount=1)
        await kinesis.get_waiter("stream_exists").wait(StreamName="life", WaiterConfig={"Delay": 1})
        pages = kinesis.get_paginator("list_streams").paginate()
        names = [name async for page in pages for name in page["StreamNames"]]
        assert names == ["life"], names
        await asyncio.gather(*(put(kinesis, n) for n in range(50)))
        stream = (await kinesis.describe_stream_summary(StreamName="life"))["StreamDescriptionSummary"]["StreamARN"]
        consumer = (await kinesis.register_stream_consumer(StreamARN=stream, ConsumerName="app"))["Consumer"]
        while consumer["ConsumerStatus"] != "ACTIVE":
            await asyncio.sleep(0.1)
            described = await kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
            consumer = described["ConsumerDescription"]
        subscription = await kinesis.subscribe_to_shard(
            ConsumerARN=consumer["ConsumerARN"], ShardId="shardId-000000000000",
            StartingPosition={"Type": "TRIM_HORIZON"},
        )
        seen = []
        async for event in subscription["EventStream"]:
            seen += [record["Data"] for record in event["SubscribeToShardEvent"]["Records"]]
            if len(seen) == 50:
                break
        assert sorted(seen) == sorted(b"%d" % n for n in range(50)), seen
        subscription["EventStream"].close()
        await kinesis.delete_stream(StreamName="life", EnforceConsumerDeletion=True)
        await kinesis.get_waiter("stream_not_exists").wait(StreamName="life", WaiterConfig={"Delay": 1})
    print("done")


async def put(kinesis, n):
    await kinesis.put_record(StreamName="life", PartitionKey=str(n), Data=b"%d" % n)


asyncio.run(main())
