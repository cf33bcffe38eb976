"""async-kinesis as a consumer: prints every message until there are TOTAL different ones.

    AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 python consumer.py STREAM TOTAL

With `--checkpoints NAME` they are kept in DynamoDB (AWS_ENDPOINT_URL_DYNAMODB), and whoever comes next with that name
goes on where this one was. `--aggregated` takes records of the KPL's format apart.
"""

import argparse
import asyncio
import logging

from kinesis import Consumer, MemoryCheckPointer
from kinesis.processors import JsonProcessor, KPLJsonProcessor

logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def checkpointer(name):
    if name is None:
        return MemoryCheckPointer(name="memory")
    from kinesis import DynamoDBCheckPointer
    return DynamoDBCheckPointer(name=name, session_timeout=10, heartbeat_frequency=3)


async def main(options):
    seen = set()
    async with Consumer(
        stream_name=options.stream,
        processor=KPLJsonProcessor() if options.aggregated else JsonProcessor(),
        checkpointer=checkpointer(options.checkpoints),
        sleep_time_no_records=0.2, shard_fetch_rate=5,
    ) as consumer:
        while len(seen) < options.total:
            # The iteration ends whenever nothing came for two seconds.
            async for message in consumer:
                seen.add((message["key"], message["n"]))
                print("message", message["key"], message["n"], flush=True)
                if len(seen) == options.total:
                    break
        print("closing", flush=True)


arguments = argparse.ArgumentParser()
arguments.add_argument("stream")
arguments.add_argument("total", type=int)
arguments.add_argument("--checkpoints")
arguments.add_argument("--aggregated", action="store_true")
asyncio.run(main(arguments.parse_args()))
