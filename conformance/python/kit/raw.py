"""Requests below the SDK: any body, any header, bytes on a socket."""

import base64
import http.client
import json
import socket
from typing import NamedTuple

JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor-1.1"
SIGNED = {
    "Authorization": (
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kinesis/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" + "0" * 64
    ),
    "X-Amz-Date": "20260101T000000Z",
}


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        return json.loads(self.body)

    @property
    def type(self):
        return self.json()["__type"]


def target(operation):
    return f"Kinesis_20131202.{operation}"


def headers_for(operation, content_type=JSON, signed=True, **extra):
    named = {k.replace("_", "-"): v for k, v in extra.items()}
    chosen = {"Content-Type": content_type, "X-Amz-Target": operation and target(operation)}
    return {k: v for k, v in ((SIGNED if signed else {}) | chosen | named).items() if v is not None}


class Connection:
    """One kept-alive HTTP/1.1 connection; reconnects if the server closed it."""

    def __init__(self, server, timeout=20):
        self.http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        self.http.request(method, path, body, headers or {})
        response = self.http.getresponse()
        return Answer(response.status, response.headers, response.read())

    def post(self, operation, body, path="/", **options):
        if isinstance(body, dict):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        return self.request("POST", path, body, headers_for(operation, **options))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.close()


def post(server, operation, body, **options):
    with Connection(server) as connection:
        return connection.post(operation, body, **options)


def send(server, method, path, body=None, headers=None):
    with Connection(server) as connection:
        return connection.request(method, path, body, headers)


def open_socket(server, timeout=20, buffer_bytes=None):
    """With `buffer_bytes` the kernel takes in about so much before we read. It gives the sender room for
    twenty segments, which are 64 KiB each on this machine unless smaller ones are asked for."""
    sock = socket.socket()
    if buffer_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
    sock.settimeout(timeout)
    sock.connect(("127.0.0.1", server.port))
    return sock


def reset(sock):
    """Closes as a machine that crashed would: no farewell but RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    sock.close()


def request_bytes(operation, body, extra="", version="1.1", length=None):
    """A whole HTTP request; `length` is what Content-Length claims."""
    head = "".join(f"{k}: {v}\r\n" for k, v in headers_for(operation).items())
    length = len(body) if length is None else length
    framing = "" if "Transfer-Encoding" in extra else f"Content-Length: {length}\r\n"
    return f"POST / HTTP/{version}\r\nHost: localhost\r\n{head}{framing}{extra}\r\n".encode() + body


def read_answer(sock):
    """One HTTP/1 response from a socket."""
    response = http.client.HTTPResponse(sock)
    response.begin()
    return Answer(response.status, response.headers, response.read())


def read_until_closed(sock):
    """Whatever comes before the peer closes; a reset counts as closed."""
    received = b""
    try:
        while chunk := sock.recv(65536):
            received += chunk
    except ConnectionError:
        pass
    return received


def b64(blob):
    return base64.b64encode(blob).decode()
