"""KPL's aggregated records, taken apart: https://github.com/awslabs/amazon-kinesis-producer, aggregation-format.md."""

import hashlib
from typing import NamedTuple

MAGIC = b"\xf3\x89\x9a\xc2"


class UserRecord(NamedTuple):
    """One record as its producer gave it; `hash_key` is where it belongs."""

    key: str
    hash_key: int
    data: bytes


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(number, value) of a protobuf message that has integers and bytes only."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        assert tag & 7 in (0, 2), f"wire type {tag & 7}"
        value, at = varint(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        yield tag >> 3, value


def user_records(record):
    """What is in a record of GetRecords; one that is not aggregated is its own only user record."""
    data = record["Data"]
    body, digest = data[len(MAGIC):-16], data[-16:]
    if not data.startswith(MAGIC) or hashlib.md5(body).digest() != digest:
        return [UserRecord(record["PartitionKey"], hashed(record["PartitionKey"]), data)]
    keys, hash_keys, found = [], [], []
    for number, value in fields(body):
        if number == 1:
            keys.append(value.decode())
        elif number == 2:
            hash_keys.append(int(value))
        else:
            inner = dict(fields(value))
            key = keys[inner[1]]
            found.append(UserRecord(key, hash_keys[inner[2]] if 2 in inner else hashed(key), inner[3]))
    return found


def hashed(key):
    return int(hashlib.md5(key.encode()).hexdigest(), 16)


def belongs(user_record, shard):
    """Whether its hash key is one of this shard's: what was packed before a split may be in a shard of others."""
    held = shard["HashKeyRange"]
    return int(held["StartingHashKey"]) <= user_record.hash_key <= int(held["EndingHashKey"])


def given(record, shard):
    """What KCL gives to a processor of this shard: all user records, or none where one of them does not belong there."""
    found = user_records(record)
    return found if all(belongs(one, shard) for one in found) else []
