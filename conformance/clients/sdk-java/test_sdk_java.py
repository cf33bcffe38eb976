"""The AWS SDK for Java v2: synchronous over HTTP/1.1, asynchronous over HTTP/2, CBOR and JSON, plaintext and TLS.

What is called and what is expected is in `src/main/java/headwater`: a step prints `PASSED` when all that it asserts held.
"""

import datetime
import re
from pathlib import Path

import pytest

from kit.server import Server
from rig import java
from rig.process import run
from rig.relay import Relay
from rig.services import connect

HERE = Path(__file__).parent

SYNC = {
    "create and wait", "put and get every record in order", "every byte arrives", "iterators of every kind",
    "list with pages", "split, merge and read on in the children", "tags and retention", "consumers with pages",
    "errors by their types", "throttled calls are repeated by the client", "delete and wait",
}
ASYNC = {
    "create and wait", "a hundred calls at once", "put records", "get records", "list with pages",
    "errors by their types", "subscribe to a shard until it ends", "go on after a cancelled subscription",
    "ten subscriptions on one connection", "delete and wait",
}
METRICS = {"put metric data", "put much metric data", "put metric data asynchronously"}


@pytest.fixture(scope="module")
def class_path():
    return java.build(HERE)


JSON, CBOR = "application/x-amz-json-1.1", "application/x-amz-cbor-1.1"
HTTP_1, HTTP_2 = b"POST / HTTP/1.1", b"PRI * HTTP/2.0"


def sent(client, cbor):
    """What bodies are said to be. A subscription is asked for in JSON, whatever else is not."""
    if not cbor:
        return {JSON}
    return {CBOR, JSON} if client == "netty" else {CBOR}


def passed(server, class_path, client, *, cbor=True, options=(), kinds=None):
    """The steps that passed, with a log that has nothing in it, and bodies of the kinds that were asked for."""
    output = run(
        *java.command(class_path, "headwater.Main", client,
                      options=("-Xmx256m", f"-Daws.cborEnabled={str(cbor).lower()}", *options)),
        env={"AWS_ENDPOINT_URL": server.url}, seconds=120,
    )
    warnings = [line for line in output.splitlines() if line.startswith(("WARN", "ERROR"))]
    assert not warnings, output
    assert output.endswith("DONE\n"), output
    assert set(re.findall(r"^SENT (.*)$", output, re.MULTILINE)) == (kinds or sent(client, cbor)), output
    return set(re.findall(r"^PASSED (.*) \(\d+ ms\)$", output, re.MULTILINE))


@pytest.fixture
def secure(tmp_path):
    """A server that speaks TLS, and the options by which Java trusts it."""
    with Server(tmp_path / "headwater", limits="aws", scheme="https", flags=("--tls-self-signed",)) as running:
        yield running, java.trust(running.data_dir / "tls" / "ca.pem", tmp_path / "trust.p12")


SLOW = pytest.mark.slow
# Every combination that differs on the wire; the unmarked ones have each of them once.
COMBINATIONS = [
    pytest.param("apache", SYNC, True, id="apache-cbor"),
    pytest.param("apache", SYNC, False, id="apache-json", marks=SLOW),
    pytest.param("netty", ASYNC, True, id="netty-cbor", marks=SLOW),
    pytest.param("netty", ASYNC, False, id="netty-json"),
]


@pytest.mark.parametrize(("client", "steps", "cbor"), COMBINATIONS)
def test_plaintext(server, class_path, client, steps, cbor):
    with Relay(server) as relay:
        assert passed(relay, class_path, client, cbor=cbor) == steps
    # HTTP/2 without asking first, for every operation.
    wanted = HTTP_2 if client == "netty" else HTTP_1
    assert relay.firsts and all(first.startswith(wanted) for first in relay.firsts), relay.firsts


@SLOW
@pytest.mark.parametrize("cbor", [True, False], ids=["cbor", "json"])
def test_tls(secure, class_path, cbor):
    running, options = secure
    assert passed(running, class_path, "apache", cbor=cbor, options=options) == SYNC


@pytest.mark.parametrize("cbor", [True, pytest.param(False, marks=SLOW)], ids=["cbor", "json"])
def test_tls_asynchronous(secure, class_path, cbor):
    running, options = secure
    assert passed(running, class_path, "netty", cbor=cbor, options=options) == ASYNC


@SLOW
def test_url_connection_client(server, class_path):
    assert passed(server, class_path, "url-connection") == SYNC


def test_metrics(server, class_path):
    kinds = {"application/cbor", "gzip"}
    assert passed(server, class_path, "cloudwatch", kinds=kinds) == METRICS
    cloudwatch = connect(server, "cloudwatch")
    now = datetime.datetime.now(datetime.UTC)
    # Of each shard as many as the three calls put for it, each of a sum of 3.
    for shard, calls in [(0, 3), (1, 2), (19, 2), (20, 1), (499, 1)]:
        points = cloudwatch.get_metric_statistics(
            Namespace="app", MetricName="RecordsProcessed", Statistics=["Sum"], Period=3600,
            Dimensions=[{"Name": "ShardId", "Value": f"shardId-{shard}"}],
            StartTime=now - datetime.timedelta(hours=2), EndTime=now + datetime.timedelta(hours=1),
        )["Datapoints"]
        assert sum(point["Sum"] for point in points) == 3 * calls, (shard, points)
