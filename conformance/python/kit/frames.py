"""The frames of an AWS event stream, taken apart byte by byte and with every checksum checked."""

import json
import struct
import zlib
from typing import NamedTuple

PRELUDE, CRC, STRING = 12, 4, 7
JSON_HEADER = (":content-type", "application/x-amz-json-1.1")
EVENT_HEADERS = [(":event-type", "SubscribeToShardEvent"), JSON_HEADER, (":message-type", "event")]
FIRST_HEADERS = [(":event-type", "initial-response"), JSON_HEADER, (":message-type", "event")]


class Frame(NamedTuple):
    headers: list
    payload: bytes
    bytes: bytes

    @property
    def event(self):
        assert self.headers == EVENT_HEADERS, self.headers
        return json.loads(self.payload)

    @property
    def exception(self):
        """(type, message)"""
        headers = dict(self.headers)
        assert headers == {
            ":message-type": "exception", ":exception-type": headers[":exception-type"],
            ":content-type": JSON_HEADER[1],
        }, headers
        return headers[":exception-type"], json.loads(self.payload)["message"]


class Frames:
    """Frames out of bytes as they come."""

    def __init__(self):
        self.rest = b""

    def feed(self, received):
        self.rest += received
        found = []
        while frame := self._one():
            found.append(frame)
        return found

    def _one(self):
        if len(self.rest) < PRELUDE:
            return None
        total, headers, crc = struct.unpack(">III", self.rest[:PRELUDE])
        assert zlib.crc32(self.rest[:PRELUDE - CRC]) == crc, "checksum of the prelude"
        assert PRELUDE + headers + CRC <= total < 25 * 1024 * 1024, (total, headers)
        if len(self.rest) < total:
            return None
        whole, self.rest = self.rest[:total], self.rest[total:]
        assert struct.pack(">I", zlib.crc32(whole[:-CRC])) == whole[-CRC:], "checksum of the frame"
        return Frame(parsed(whole[PRELUDE:PRELUDE + headers]), whole[PRELUDE + headers:-CRC], whole)


def parsed(block):
    """Name and value of each header, in order; all are strings."""
    headers = []
    while block:
        name, block = block[1:1 + block[0]], block[1 + block[0]:]
        kind, length = struct.unpack(">BH", block[:3])
        assert kind == STRING, kind
        headers.append((name.decode(), block[3:3 + length].decode()))
        block = block[3 + length:]
    return headers
