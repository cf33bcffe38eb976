"""What a consumer library has to be held to, whoever takes the shards: nothing left out, nothing done again that was
checkpointed, parents before children."""

import base64
from typing import NamedTuple

from aws_kinesis_agg.deaggregator import iter_deaggregate_records

from kit.reading import read
from kit.shards import list_shards, parents


class Record(NamedTuple):
    """A user record: `sub` counts within an aggregated one."""

    sequence: str
    sub: int
    key: str
    data: str


class Run(NamedTuple):
    """What one processor did with one shard: [(time, word, …)], the words start, record, checkpoint, shard-ended."""

    shard: str
    lines: list

    @property
    def start(self):
        return self.lines[0][0]

    def time_of(self, word):
        return next((line[0] for line in self.lines if line[1] == word), None)


def runs(folder):
    """From files SHARD.ANYTHING of lines `TIME WORD …`, by the time they were begun."""
    found = []
    for path in folder.iterdir():
        lines = [line.split(" ", 2) for line in path.read_text().splitlines()]
        if lines:
            found.append(Run(path.name.partition(".")[0], [(float(line[0]), *line[1:]) for line in lines]))
    return sorted(found, key=lambda run: run.start)


def user_records(kinesis, stream, shard):
    """What a shard holds, aggregated records taken apart."""
    held = []
    for record in read(kinesis, stream, shard):
        for user in iter_deaggregate_records([record], data_format="Boto3"):
            user = user["kinesis"]
            # boto3's bytes where nothing was aggregated, base64 as Lambda has it otherwise.
            data = user["data"]
            if user.get("aggregated"):
                data = base64.b64decode(data)
            sub = user.get("subSequenceNumber", 0)
            held.append(Record(user["sequenceNumber"], sub, user["partitionKey"], data.decode()))
    return held


def seen(run):
    """The user records of a run, in its order."""
    found = []
    for line in run.lines:
        if line[1] == "record":
            sequence, sub, key, data = line[2].split(" ", 3)
            found.append(Record(sequence, int(sub or 0), key, data))
    return found


def assert_every_record(kinesis, stream, given, redone=0):
    """Of every shard: all records in order; nothing a second time that was checkpointed, and of what was not at most
    `redone` (None: any number)."""
    shards = list_shards(kinesis, stream)
    ended = {}
    for shard in shards:
        name = shard["ShardId"]
        held = user_records(kinesis, stream, name)
        place = {(record.sequence, record.sub): n for n, record in enumerate(held)}
        done = committed = again = 0
        mine = [run for run in given if run.shard == name]
        for run in mine:
            position = None
            for line in run.lines:
                if line[1] == "checkpoint":
                    committed = max(committed, position + 1)
                if line[1] != "record":
                    continue
                (record,) = seen(Run(name, [line]))
                at = place[record.sequence, record.sub]
                assert record == held[at], f"{name}: {record} should be {held[at]}"
                if position is None:
                    assert committed <= at <= done, f"{name}: begins at {at} of {done} done, {committed} committed"
                else:
                    assert at == position + 1, f"{name}: {at} after {position}"
                again += at < done
                position = at
                done = max(done, at + 1)
        assert done == len(held), f"{name}: {done} of {len(held)}"
        assert redone is None or again <= redone, f"{name}: {again} records again"
        ends = [run.time_of("shard-ended") for run in mine if run.time_of("shard-ended")]
        assert bool(ends) == ("EndingSequenceNumber" in shard["SequenceNumberRange"]), f"{name}: ended {ends}"
        if ends:
            ended[name] = min(ends)
    for shard in shards:
        for parent in parents(shard):
            began = min(run.start for run in given if run.shard == shard["ShardId"])
            assert parent not in ended or ended[parent] <= began, f"{shard['ShardId']} before {parent} had ended"
