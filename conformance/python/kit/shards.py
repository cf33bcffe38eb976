"""The shard map as a client sees it: ranges, sequence numbers, lineage."""

import hashlib
from typing import NamedTuple

from kit.client import wait_active

RING = 2**128
LAST = RING - 1


def shard_id(index):
    return f"shardId-{index:012d}"


def index_of(shard):
    return int(shard["ShardId"].removeprefix("shardId-"))


def hash_of(partition_key):
    return int.from_bytes(hashlib.md5(partition_key.encode()).digest(), "big")


def span(shard):
    """Inclusive (start, end) of a shard's hash range."""
    held = shard["HashKeyRange"]
    return int(held["StartingHashKey"]), int(held["EndingHashKey"])


def initial_span(index, count):
    step = RING // count
    return index * step, LAST if index == count - 1 else (index + 1) * step - 1


def is_open(shard):
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def parents(shard):
    return [shard[k] for k in ("ParentShardId", "AdjacentParentShardId") if k in shard]


class Sequence(NamedTuple):
    """A version 2 sequence number taken apart; times in epoch seconds."""

    created: int
    index: int
    time: int
    shard: int

    @classmethod
    def parse(cls, text):
        assert len(text) == 56, text
        nibbles = f"{int(text):047x}"
        assert len(nibbles) == 47, text
        assert nibbles[0] == "2" and nibbles[27:29] == "00" and nibbles[46] == "2", nibbles
        number = cls(
            created=int(nibbles[1:10], 16),
            index=int(nibbles[11:27], 16),
            time=int(nibbles[29:38], 16),
            shard=int(nibbles[38:46], 16),
        )
        assert int(nibbles[10], 16) == number.shard & 0xF, nibbles
        return number

    def text(self):
        return str(int(
            f"2{self.created:09x}{self.shard & 0xF:x}{self.index:016x}00{self.time:09x}{self.shard:08x}2", 16
        ))


def starting(shard):
    return Sequence.parse(shard["SequenceNumberRange"]["StartingSequenceNumber"])


def ending(shard):
    return Sequence.parse(shard["SequenceNumberRange"]["EndingSequenceNumber"])


def shard_pages(kinesis, name, **parameters):
    """Pages by NextToken alone. botocore's own paginator sends the name again with
    each token, which AWS refuses, so it cannot be used beyond one page."""
    page = kinesis.list_shards(StreamName=name, **parameters)
    yield page["Shards"]
    size = {k: v for k, v in parameters.items() if k == "MaxResults"}
    while token := page.get("NextToken"):
        page = kinesis.list_shards(NextToken=token, **size)
        yield page["Shards"]


def list_shards(kinesis, name, **parameters):
    return [shard for page in shard_pages(kinesis, name, **parameters) for shard in page]


def open_shards(kinesis, name):
    """Open shards by range."""
    return sorted((s for s in list_shards(kinesis, name) if is_open(s)), key=span)


def assert_tiles(shards):
    """The ranges cover the whole ring, each point once."""
    spans = sorted(map(span, shards))
    assert spans[0][0] == 0 and spans[-1][1] == LAST, spans
    for (_, end), (start, _) in zip(spans, spans[1:]):
        assert start == end + 1, spans


def assert_equal_ranges(shards):
    """n shards whose borders are those of an even division of the ring."""
    count = len(shards)
    for index, shard in enumerate(sorted(shards, key=span)):
        start, end = span(shard)
        ideal_start, ideal_end = initial_span(index, count)
        assert abs(start - ideal_start) <= count and abs(end - ideal_end) <= count, (index, count)


def assert_lineage(shards):
    """Every parent is closed before its children begin, and its range lives on in them."""
    known = {s["ShardId"]: s for s in shards}
    children = {}
    for shard in shards:
        assert (ending(shard).index == 2**63 - 1) if not is_open(shard) else True
        for parent in parents(shard):
            children.setdefault(parent, []).append(shard)
            assert not is_open(known[parent]), f"{parent} is open and has a child"
            assert index_of(known[parent]) < index_of(shard)
            assert starting(shard).created == ending(known[parent]).time + 1
    for shard in shards:
        born = children.get(shard["ShardId"], [])
        assert bool(born) != is_open(shard), f"{shard['ShardId']} closed without a child"
        if born:
            start, end = span(shard)
            assert min(span(c)[0] for c in born) <= start and end <= max(span(c)[1] for c in born)


def split(kinesis, name, shard, at=None):
    """Split in the middle (or at `at`) and wait; the children, lower first."""
    start, end = span(shard)
    kinesis.split_shard(
        StreamName=name, ShardToSplit=shard["ShardId"],
        NewStartingHashKey=str(at or (start + end + 1) // 2),
    )
    return children_of(kinesis, name, shard)


def merge(kinesis, name, lower, upper):
    """Merge two neighbours and wait; the child."""
    kinesis.merge_shards(
        StreamName=name, ShardToMerge=lower["ShardId"], AdjacentShardToMerge=upper["ShardId"]
    )
    (child,) = children_of(kinesis, name, lower)
    return child


def children_of(kinesis, name, shard):
    wait_active(kinesis, name)
    return [s for s in list_shards(kinesis, name) if shard["ShardId"] in parents(s)]
