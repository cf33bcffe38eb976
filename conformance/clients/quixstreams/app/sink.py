"""KinesisSink as an Application drives it, without one: values in, `flush` at a checkpoint.

    AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 python sink.py STREAM COUNT CHECKPOINTS
"""

import sys

from quixstreams.sinks.community.kinesis import KinesisSink

stream, count, checkpoints = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sink = KinesisSink(stream_name=stream)
sink.setup()
for n in range(count):
    key = n % 8
    sink.add(value={"n": n}, key=b"key-%d" % key, timestamp=0, headers=[], topic="orders", partition=key, offset=n)
for _ in range(checkpoints):
    sink.flush()
print("flushed")
