"""Reading as KCL does it: a shard to its end, then its children."""

import time

from kit.client import until
from kit.shards import list_shards, parents, shard_id


def iterator(kinesis, name, shard=0, kind="TRIM_HORIZON", **position):
    """A shard iterator; `shard` is an index or an id."""
    shard = shard_id(shard) if isinstance(shard, int) else shard
    return kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType=kind, **position
    )["ShardIterator"]


def read(kinesis, name, shard=0, kind="TRIM_HORIZON", **position):
    """All records from a position to the tip or the end of the shard."""
    return follow(kinesis, iterator(kinesis, name, shard, kind, **position))[0]


def follow(kinesis, token, limit=10_000):
    """(records, last answer): read until caught up or until the shard ends."""
    records, deadline = [], time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline, "neither caught up nor at an end"
        answer = kinesis.get_records(ShardIterator=token, Limit=limit)
        records += answer["Records"]
        token = answer.get("NextShardIterator")
        assert_end_is_whole(answer)
        if token is None or (not answer["Records"] and answer["MillisBehindLatest"] == 0):
            return records, answer


def assert_end_is_whole(answer):
    """KCL rejects an end without children and children without an end."""
    children = answer.get("ChildShards", [])
    assert (answer.get("NextShardIterator") is None) == bool(children), answer
    for child in children:
        assert child["ParentShards"] and child["HashKeyRange"], child


def read_stream(kinesis, name, expected=None, seconds=60):
    """Every record of the stream with parents before children, as (shard, record).

    Starts at AT_TRIM_HORIZON and learns of children only from the ends of their
    parents. With `expected` it goes on at the open tips until that many arrived.
    """
    at_horizon = list_shards(kinesis, name, ShardFilter={"Type": "AT_TRIM_HORIZON"})
    known = {s["ShardId"]: parents(s) for s in list_shards(kinesis, name)}
    tokens = {s["ShardId"]: iterator(kinesis, name, s["ShardId"]) for s in at_horizon}
    finished, records = set(), []

    def round_of_reads():
        for shard in list(tokens):
            batch, last = follow(kinesis, tokens[shard])
            records.extend((shard, record) for record in batch)
            tokens[shard] = last.get("NextShardIterator")
            if tokens[shard] is None:
                del tokens[shard]
                finished.add(shard)
                adopt(last["ChildShards"])
        return not pending() and (expected is None or len(records) >= expected)

    def adopt(children):
        for child in children:
            known.setdefault(child["ShardId"], child["ParentShards"])
            if finished.issuperset(child["ParentShards"]):
                tokens[child["ShardId"]] = iterator(kinesis, name, child["ShardId"])

    def pending():
        """Shards that were born but whose parents have not been read to the end."""
        return [s for s in known if s not in finished and s not in tokens]

    until(round_of_reads, seconds)
    return records


def data(records):
    return [record["Data"] for record in records]
