"""A worker on kcl-rs: writes down what its processors are given, a file a lease.

    AWS_ENDPOINT_URL=http://127.0.0.1:4567 python consumer.py STREAM APPLICATION WORKER MODE FOLDER
"""

import itertools
import os
import signal
import sys
import threading
import time

from kcl_rs import CheckpointError, RecordProcessorBase, Scheduler

stream, application, worker, mode, folder = sys.argv[1:]
number = itertools.count()


class Processor(RecordProcessorBase):
    def initialize(self, given):
        self.file = open(os.path.join(folder, f"{given.shard_id}.{worker}-{next(number)}"), "w", buffering=1)
        self.say("start")

    def say(self, *words):
        print(time.time(), *words, file=self.file)

    def process_records(self, given):
        for record in given.records:
            self.say("record", record.sequence_number, record.sub_sequence_number, record.partition_key,
                     record.binary_data.decode())
        if given.records:
            try:
                given.checkpointer.checkpoint()
                self.say("checkpoint")
            except CheckpointError as refused:
                # Another worker has the lease by now, and begins where this one's last checkpoint was.
                self.say("refused", refused.value)

    def lease_lost(self, given):
        self.say("lease-lost")

    def shard_ended(self, given):
        given.checkpointer.checkpoint()
        self.say("shard-ended")

    def shutdown_requested(self, given):
        given.checkpointer.checkpoint()
        self.say("shutdown")


scheduler = Scheduler(
    stream_name=stream, application_name=application, worker_identifier=worker, record_processor_factory=Processor,
    region="us-east-1", initial_position="TRIM_HORIZON", retrieval_mode=mode, shard_sync_interval_millis=2000,
)
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
scheduler.start()
print("started", flush=True)
while not ended.wait(0.2):
    pass
scheduler.shutdown()
print("stopped", flush=True)
