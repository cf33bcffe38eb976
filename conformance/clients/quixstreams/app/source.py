"""KinesisSource as an Application drives it, without Kafka: the producer prints, the state is in memory and in a file.

    AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 python source.py STREAM COUNT STATE
"""

import json
import sys
from pathlib import Path

from quixstreams.sources.community.kinesis import KinesisSource

stream, count, kept = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])


class Printer:
    """In the place of the Kafka producer."""

    produced = 0

    def produce(self, topic, value, key, **_):
        print("message", key.decode(), value.decode(), flush=True)
        self.produced += 1
        if self.produced == count:
            source.stop()

    def flush(self, timeout):
        return 0


class Store:
    """In the place of a partition of RocksDB and its changelog: a transaction is written when it is flushed."""

    def begin(self):
        self.held = json.loads(kept.read_text()) if kept.exists() else {}
        return self

    def as_state(self):
        return self

    def get(self, key, default=None):
        return self.held.get(key, default)

    def set(self, key, value):
        self.held[key] = value

    def prepare(self):
        pass

    def flush(self):
        kept.write_text(json.dumps(self.held))


source = KinesisSource(stream_name=stream, auto_offset_reset="earliest", commit_interval=0.5)
source.configure(topic=source.default_topic(), producer=Printer(), store_partition=Store())
source.start()
print("stopped")
