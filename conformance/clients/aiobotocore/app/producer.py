"""async-kinesis as a producer: COUNT numbered messages for each of KEYS partition keys, at about RATE a second.

    AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 python producer.py STREAM KEYS COUNT RATE
"""

import asyncio
import logging
import sys

from kinesis import Producer

logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


async def main(stream, keys, count, rate):
    async with Producer(stream_name=stream, buffer_time=0.1) as producer:
        for n in range(count):
            for key in range(keys):
                await producer.put({"key": f"key-{key}", "n": n}, partition_key=f"key-{key}")
            if n == 0:
                print("producing", flush=True)
            await asyncio.sleep(keys / rate)
    print("produced", flush=True)


asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
