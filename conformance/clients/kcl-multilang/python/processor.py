"""A record processor for KCL's multi-language daemon: writes down what it is given, a file a lease and process."""

import os
import time

from amazon_kclpy import kcl
from amazon_kclpy.v3 import processor


class Processor(processor.RecordProcessorBase):
    def initialize(self, given):
        # The daemon starts a process of this program for every lease it takes.
        self.file = open(os.path.join(os.environ["SEEN"], f"{given.shard_id}.{os.getpid()}"), "w", buffering=1)
        self.say("start")

    def say(self, *words):
        print(time.time(), *words, file=self.file)

    def process_records(self, given):
        for record in given.records:
            self.say("record", record.sequence_number, record.sub_sequence_number, record.partition_key,
                     record.binary_data.decode())
        if given.records:
            given.checkpointer.checkpoint()
            self.say("checkpoint")

    def lease_lost(self, given):
        self.say("lease-lost")

    def shard_ended(self, given):
        given.checkpointer.checkpoint()
        self.say("shard-ended")

    def shutdown_requested(self, given):
        given.checkpointer.checkpoint()
        self.say("shutdown")


kcl.KCLProcess(Processor()).run()
