"""The same messages in KPL's aggregated records: many to a Kinesis record, no partition keys of one's own.

    AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 python aggregating_producer.py STREAM KEYS COUNT
"""

import asyncio
import logging
import sys

from kinesis import Producer
from kinesis.processors import KPLJsonProcessor

logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


async def main(stream, keys, count):
    async with Producer(stream_name=stream, processor=KPLJsonProcessor()) as producer:
        for n in range(count):
            for key in range(keys):
                await producer.put({"key": f"key-{key}", "n": n})
    print("produced", flush=True)


asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
