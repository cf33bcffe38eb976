"""KPL's aggregated records through Headwater: made in Python or JavaScript, taken apart in Python or JavaScript."""

import json
import sys
from itertools import groupby
from pathlib import Path

import pytest

from kit.client import create
from kit.shards import list_shards, span
from rig.node import QUIET, node, program
from rig.process import run

APP = Path(__file__).parent / "app"
SHARDS = 4
# Rows of a lane: 1.2 MiB, so two aggregated records, the first as big as they get.
ROWS, PADDING = 240, 5 * 1024


@pytest.fixture
def app(tmp_path, server):
    """`app("put.js", stream, stdin=…)` runs one of the programs and gives what it printed."""
    home = program(APP, tmp_path / "app")

    def started(name, *arguments, rows=()):
        given = tmp_path / "rows.jsonl"
        given.write_text("".join(json.dumps(row) + "\n" for row in rows))
        interpreter = sys.executable if name.endswith(".py") else node()
        # A shell only for the redirection; the output is as big as the input.
        return run(
            "/bin/sh", "-c", 'exec "$0" "$@" <' + f"'{given}'", interpreter, home / name, *arguments,
            # The readers are faster than a shard's 2 MiB a second: both SDKs wait that out.
            env={"AWS_ENDPOINT_URL_KINESIS": server.url, "AWS_MAX_ATTEMPTS": "12"} | QUIET,
        )

    return started


def rows_by_hash(shards):
    """A lane a shard, steered by explicit hash keys of which the lane has several, partition keys of no account.

    No key is a number below 2^32: npm's module keeps its keys as properties of an object, which JavaScript puts into
    another order then, and each user record would get another's key.
    """
    for n in range(ROWS):
        for lane, shard in enumerate(shards):
            start, end = span(shard)
            yield {"lane": lane, "key": f"user-{n % 7}", "hash": str(start + (end - start) * (n % 5 + 1) // 5),
                   "data": f"{lane}/{n}/" + "x" * PADDING}


def rows_by_key(_):
    """Lanes by the first partition key of each: which shard that is, is its hash's affair."""
    for n in range(ROWS):
        for lane in range(SHARDS):
            yield {"lane": lane, "key": f"lane-{lane}", "hash": None, "data": f"{lane}/{n}/" + "ü" * (PADDING // 2)}


@pytest.mark.parametrize("rows", [rows_by_hash, rows_by_key])
@pytest.mark.parametrize("reader", ["get.py", "get.js"])
@pytest.mark.parametrize("writer", ["put.py", "put.js"])
def test_across_languages(app, kinesis, writer, reader, rows):
    stream = create(kinesis, shards=SHARDS)
    shards = {shard["ShardId"]: shard for shard in list_shards(kinesis, stream)}
    given = list(rows(shards.values()))
    assert int(app(writer, stream, rows=given)) > SHARDS, "not one of the lanes filled a record"
    # One record that nobody aggregated, between them.
    kinesis.put_record(StreamName=stream, PartitionKey="plain", Data=b"plain", ExplicitHashKey="0")

    got = [json.loads(line) for line in app(reader, stream).splitlines()]
    plain = [user for user in got if user["key"] == "plain"]
    assert [(user["data"], user["sub"]) for user in plain] == [("plain", None)]
    users = [user for user in got if user["key"] != "plain"]
    for lane in range(SHARDS):
        expected = [(row["key"], row["hash"], row["data"]) for row in given if row["lane"] == lane]
        mine = [user for user in users if user["data"].startswith(f"{lane}/")]
        assert [(user["key"], user["hash"], user["data"]) for user in mine] == expected, f"lane {lane}"
        assert len({user["shard"] for user in mine}) == 1, f"lane {lane} in more than one shard"
        for user in mine:
            start, end = span(shards[user["shard"]])
            assert user["hash"] is None or start <= int(user["hash"]) <= end
        # Within one Kinesis record they are counted from 0; its sequence number is theirs.
        for _, group in groupby(mine, key=lambda user: user["sequence"]):
            group = list(group)
            assert [user["sub"] for user in group] == list(range(len(group)))
        sequences = [int(user["sequence"]) for user in mine]
        assert sequences == sorted(sequences) and len(set(sequences)) > 1
    assert len(users) == len(given)
