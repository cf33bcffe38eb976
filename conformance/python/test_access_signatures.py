"""SigV4 as botocore makes it, held against a server with credentials: header, query and chunked forms."""

import datetime
import hashlib
import hmac
import http.client
import json
from types import SimpleNamespace

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from kit.access import OTHER, OWN, Person, add, allow, connect_as, own_address, policy
from kit.client import refusal, until
from kit.raw import JSON, target
from kit.server import Server

MISMATCH = "The request signature we calculated does not match the signature you provided."


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    place = tmp_path_factory.mktemp("signatures")
    file = place / "credentials.toml"
    people = {
        "root": add(file),
        "alice": add(file, OWN, "alice", ["full-access"]),
        "temporary": add(file, OWN, "job", ["full-access"], "--for", "1h"),
    }
    server = Server(place / "server", flags=["--credentials", str(file)])
    with server as running:
        yield running, people


@pytest.mark.parametrize("name", ["root", "alice", "temporary"])
def test_right_secrets(guarded, name):
    server, people = guarded
    kinesis = connect_as(server, people[name])
    stream = f"of-{name}"
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    kinesis.put_record(StreamName=stream, Data=b"\x00" * 100_000, PartitionKey="k")
    kinesis.put_records(StreamName=stream, Records=[{"Data": b"x", "PartitionKey": "ü"}] * 10)
    start = kinesis.get_shard_iterator(
        StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    assert len(kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]) == 11
    assert kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"] == (
        f"arn:aws:kinesis:us-east-1:{OWN}:stream/{stream}"
    )


def test_wrong_ones(guarded):
    server, people = guarded
    alice, temporary = people["alice"], people["temporary"]
    cases = [
        (alice._replace(secret="wrong"), "InvalidSignatureException", MISMATCH),
        (alice._replace(key="AKIAAAAAAAAAAAAAAAAA"), "UnrecognizedClientException",
         "The security token included in the request is invalid."),
        (alice._replace(token="made-up"), "UnrecognizedClientException",
         "The security token included in the request is invalid."),
        (temporary._replace(token=None), "UnrecognizedClientException",
         "The security token included in the request is invalid."),
        (temporary._replace(token=temporary.token[:-4] + "AAAA"), "UnrecognizedClientException",
         "The security token included in the request is invalid."),
    ]
    for person, code, text in cases:
        refused = refusal(connect_as(server, person).list_streams)
        assert refused.code == code and refused.message.startswith(text), refused
    elsewhere = refusal(connect_as(server, alice, region="eu-west-1").list_streams)
    assert elsewhere.message == "Credential should be scoped to a valid region, not 'eu-west-1'. "


def sign(auth, server, person, operation, body, path="/", headers=(), **options):
    request = AWSRequest(
        "POST", server.url + path, data=body,
        headers={"Content-Type": JSON, "X-Amz-Target": target(operation), **dict(headers)},
    )
    auth(Credentials(*person), "kinesis", "us-east-1", **options).add_auth(request)
    return request


def send(server, request, body=None):
    prepared = request.prepare()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    path = prepared.url[len(server.url):] or "/"
    # The length of what is sent, which may not be what was signed.
    headers = {name: value for name, value in prepared.headers.items() if name.lower() != "content-length"}
    connection.request("POST", path, body if body is not None else request.data, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


class Presigned(SigV4QueryAuth):
    """botocore's query form moves a body into the query, which a JSON service does not read: the body stays here,
    and its hash is what is signed."""

    def _modify_request_before_signing(self, request):
        body, request.data = request.data, b""
        super()._modify_request_before_signing(request)
        request.data = body

    def payload(self, request):
        return hashlib.sha256(request.data).hexdigest()


@pytest.mark.parametrize("path", ["/", "/a%20b//c/../d?x=1&a=%2F&b", "/ü?z=ü"])
def test_header_form_with_other_paths(guarded, path):
    server, people = guarded
    if "ü" in path:
        path = path.replace("ü", "%C3%BC")
    status, body = send(server, sign(SigV4Auth, server, people["alice"], "ListStreams", b"{}", path))
    assert status == 200, body


@pytest.mark.parametrize("name", ["alice", "temporary"])
def test_presigned(guarded, name):
    server, people = guarded
    request = sign(Presigned, server, people[name], "ListStreams", b"{}", expires=60)
    assert "X-Amz-Signature=" in request.url
    assert "Authorization" not in request.headers
    status, body = send(server, request)
    assert status == 200, body
    status, body = send(server, request, body=b"{ }")
    assert (status, body["__type"]) == (400, "InvalidSignatureException")
    request.headers.replace_header("X-Amz-Target", target("DescribeLimits"))
    status, body = send(server, request)
    assert (status, body["__type"]) == (400, "InvalidSignatureException")
    for expires in ["0", "604801", "abc"]:
        status, body = send(server, sign(Presigned, server, people[name], "ListStreams", b"{}", expires=expires))
        assert status == 400 and "X-Amz-Expires" in body["message"], body


def test_a_signature_of_botocore_s_request_signer(guarded):
    server, people = guarded
    kinesis = connect_as(server, people["alice"])
    url = kinesis._request_signer.generate_presigned_url(
        {"method": "POST", "url": server.url + "/", "body": b"", "context": {},
         "headers": {"X-Amz-Target": target("ListStreams"), "Content-Type": JSON}},
        "ListStreams", expires_in=60,
    )
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    # An empty body is refused before the signature is looked at, as with AWS.
    connection.request("POST", url[len(server.url):], b"", {"X-Amz-Target": target("ListStreams"), "Content-Type": JSON})
    answer = connection.getresponse()
    assert json.loads(answer.read())["__type"] == "SerializationException"
    connection.close()


def test_http2_signs_the_authority(guarded):
    """HTTP/2 has no host header; what is signed as host is the authority."""
    import httpx

    server, people = guarded
    request = sign(SigV4Auth, server, people["alice"], "ListStreams", b"{}")
    headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
    with httpx.Client(http1=False, http2=True) as client:
        answer = client.post(server.url + "/", content=b"{}", headers=headers)
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2"), answer.text
        answer = client.post(server.url + "/", content=b"{ }", headers=headers)
        assert answer.json()["__type"] == "InvalidSignatureException"


def test_clocks(guarded, monkeypatch):
    server, people = guarded
    import botocore.auth
    import botocore.compat

    real = botocore.auth.get_current_datetime
    for minutes, start in [(-6, "Signature expired: "), (6, "Signature not yet current: "), (-4, None), (4, None)]:
        def shifted(*args, minutes=minutes, **kwargs):
            return real(*args, **kwargs) + datetime.timedelta(minutes=minutes)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", shifted)
        status, body = send(server, sign(SigV4Auth, server, people["alice"], "ListStreams", b"{}"))
        if start is None:
            assert status == 200, body
        else:
            assert body["__type"] == "InvalidSignatureException" and body["message"].startswith(start), body


def test_unsigned_payload_is_the_signer_s_choice(guarded):
    server, people = guarded
    headers = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}

    class Unsigned(SigV4Auth):
        def payload(self, request):
            return "UNSIGNED-PAYLOAD"

    request = sign(Unsigned, server, people["alice"], "ListStreams", b"{}", headers=headers.items())
    assert send(server, request)[0] == 200
    # Who did not choose it cannot have it chosen for him.
    request = sign(SigV4Auth, server, people["alice"], "ListStreams", b"{}")
    request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    status, body = send(server, request)
    assert (status, body["__type"]) == (400, "InvalidSignatureException")


def test_chunked(guarded):
    server, people = guarded
    person = people["alice"]
    name = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    data = json.dumps({"Limit": 7}).encode()

    class Streaming(SigV4Auth):
        def payload(self, request):
            return name

    headers = {"X-Amz-Content-SHA256": name, "X-Amz-Decoded-Content-Length": str(len(data)),
               "Content-Encoding": "aws-chunked"}
    auth = Streaming(Credentials(*person), "kinesis", "us-east-1")
    request = AWSRequest("POST", server.url + "/", data=data, headers={
        "Content-Type": JSON, "X-Amz-Target": target("ListStreams"), **headers})
    auth.add_auth(request)
    stamp = request.context["timestamp"]
    scope = f"{stamp[:8]}/us-east-1/kinesis/aws4_request"
    key = b"AWS4" + person.secret.encode()
    for part in (stamp[:8], "us-east-1", "kinesis", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    previous = request.headers["Authorization"].rpartition("=")[2]
    body = b""
    for chunk in (data[:5], data[5:], b""):
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, previous,
                          hashlib.sha256(b"").hexdigest(), hashlib.sha256(chunk).hexdigest()])
        previous = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + b"\r\n"
    status, answer = send(server, request, body=body)
    assert status == 200, answer
    status, answer = send(server, request, body=body.replace(b"7", b"8", 1))
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")
    status, answer = send(server, request, body=data)
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_nothing_secret_is_said(guarded):
    server, people = guarded
    answered = ""
    for person in people.values():
        swapped = Person(person.secret.replace("/", "-").replace("+", "-"), person.key)
        answered += str(refusal(connect_as(server, swapped).list_streams))
        mistaken = Person(person.key, person.secret + "x", person.token)
        answered += str(refusal(connect_as(server, mistaken).list_streams))
        unknown = Person(person.key, person.secret, "a token" + (person.token or ""))
        answered += str(refusal(connect_as(server, unknown).list_streams))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", "/metrics")
    told = server.log(1_000_000) + connection.getresponse().read().decode()
    connection.close()
    for person in people.values():
        for said in (told, answered):
            assert person.secret not in said
            assert not person.token or person.token not in said
        # An access key is repeated to who sent it, and never written down in full where it is not known.
        assert person.secret.replace("/", "-").replace("+", "-") not in told


def test_beyond_this_machine(tmp_path):
    """With credentials the server may listen everywhere; metrics are then for who signs."""
    address = own_address()
    assert address, "this machine has no address beside the loopback's: give it one"
    file = tmp_path / "credentials.toml"
    alice = add(file, OWN, "alice", ["full-access"])
    bob = add(file, OWN, "bob", ["read-only"])
    other = add(file, OTHER)
    sees_all = policy(tmp_path, "operator", allow("headwater:GetServerMetrics", "kinesis:CreateStream"))
    operator = add(file, OWN, "operator", [sees_all])
    foreign = add(file, OTHER, "operator", [policy(tmp_path, "foreign", allow("headwater:*"))])
    server = Server(tmp_path / "server", account=OWN, flags=["--credentials", str(file)])
    server.arguments[2] = f"{address}:0"
    server._port_of_banner, found = lambda: None, server._port_of_banner
    server.start()
    import re

    banner = until(lambda: re.search(rf"http://{re.escape(address)}:(\d+)", server.stdout.read_text()))
    server.port = int(banner[1])
    assert "WARNING: connections are not encrypted" in until(server.stdout.read_text)

    def get(path, person=None):
        request = AWSRequest("GET", f"http://{address}:{server.port}{path}")
        if person:
            SigV4Auth(Credentials(*person), "kinesis", "us-east-1").add_auth(request)
        connection = http.client.HTTPConnection(address, server.port, timeout=20)
        connection.request("GET", path, headers=dict(request.headers.items()))
        answer = connection.getresponse()
        get.text = answer.read().decode()
        return answer.status

    try:
        assert get("/health") == 200
        assert get("/metrics") == 403
        assert get("/metrics", bob) == 403
        assert get("/metrics", alice) == 200
        assert get("/metrics/shards?stream=none", alice) == 404
        # Each account sees its own streams and nothing of the server; the server's operator all.
        there = SimpleNamespace(url=f"http://{address}:{server.port}")
        for person in (operator, other):
            connect_as(there, person).create_stream(StreamName="same", ShardCount=1)
        own, theirs = (f'account="{account}"' for account in (OWN, OTHER))

        def shards_of(account, person):
            status = get(f"/metrics/shards?stream=same&account={account}", person)
            return status, get.text.replace(account, "ACCOUNT")

        for person, mine, not_mine, account, elsewhere in (
            (alice, own, theirs, OWN, OTHER), (other, theirs, own, OTHER, OWN), (foreign, theirs, own, OTHER, OWN),
        ):
            until(lambda person=person, mine=mine: get("/metrics", person) == 200 and mine in get.text)
            assert not_mine not in get.text and "headwater_requests" not in get.text
            assert "# TYPE headwater_stream_open_shards gauge" in get.text and get.text.endswith("# EOF\n")
            assert get("/metrics/shards?stream=same", person) == 200 and mine in get.text
            assert shards_of(account, person)[0] == 200
            assert shards_of(elsewhere, person) == shards_of("999999999999", person)
        assert get("/metrics", operator) == 200
        assert own in get.text and theirs in get.text and "headwater_requests" in get.text
        assert shards_of(OTHER, operator)[0] == 200
        assert get("/metrics/shards?stream=none") == 403
    finally:
        server._port_of_banner = found
        server.stop()
