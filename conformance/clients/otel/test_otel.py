"""The OpenTelemetry collector with the awskinesis exporter: traces, metrics and logs go in as OTLP and come out as records,
each of them once, in every encoding; and they arrive although the server is killed.
"""

import gzip
import re
import socket
import time
import zlib
from collections import Counter
from pathlib import Path

import httpx
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from kit.client import until, wait_active
from kit.reading import read
from kit.shards import list_shards
from rig import go
from rig.server import SamePort
from rig.process import Program

# The first run builds the collector, which takes about two minutes.
pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
RESOURCES, ITEMS = 4, 5
A_REQUEST = RESOURCES * ITEMS
BEGAN_NS = 1_800_000_000_000_000_000
DECOMPRESS = {
    "none": bytes, "gzip": gzip.decompress, "zlib": zlib.decompress,
    "flate": lambda data: zlib.decompress(data, -zlib.MAX_WBITS),
}


@pytest.fixture(scope="module")
def otelcol():
    return go.build(HERE / "program")


@pytest.fixture
def server(tmp_path):
    """Without AWS's limits: the exporter does not look at which records of an answer were throttled."""
    with SamePort(tmp_path / "headwater", limits="off") as running:
        yield running


class Traces:
    stream, path, request, data = "traces", "/v1/traces", ExportTraceServiceRequest, TracesData

    @staticmethod
    def add(request, shop, numbers):
        group = request.resource_spans.add()
        group.resource.attributes.add(key="shop").value.int_value = shop
        spans = group.scope_spans.add().spans
        for n in numbers:
            spans.add(
                name=f"order {n}", trace_id=n.to_bytes(16, "big"), span_id=(n + 1).to_bytes(8, "big"),
                start_time_unix_nano=BEGAN_NS, end_time_unix_nano=BEGAN_NS + n,
            )

    @staticmethod
    def found(data):
        for group in data.resource_spans:
            for span in group.scope_spans[0].spans:
                yield group.resource, int(span.name.removeprefix("order "))


class Metrics:
    stream, path, request, data = "metrics", "/v1/metrics", ExportMetricsServiceRequest, MetricsData

    @staticmethod
    def add(request, shop, numbers):
        group = request.resource_metrics.add()
        group.resource.attributes.add(key="shop").value.int_value = shop
        points = group.scope_metrics.add().metrics.add(name="orders").gauge.data_points
        for n in numbers:
            points.add(time_unix_nano=BEGAN_NS + n, as_int=n)

    @staticmethod
    def found(data):
        for group in data.resource_metrics:
            for point in group.scope_metrics[0].metrics[0].gauge.data_points:
                yield group.resource, point.as_int


class Logs:
    stream, path, request, data = "logs", "/v1/logs", ExportLogsServiceRequest, LogsData

    @staticmethod
    def add(request, shop, numbers):
        group = request.resource_logs.add()
        group.resource.attributes.add(key="shop").value.int_value = shop
        lines = group.scope_logs.add().log_records
        for n in numbers:
            lines.add(time_unix_nano=BEGAN_NS + n).body.string_value = f"заказ {n}"

    @staticmethod
    def found(data):
        for group in data.resource_logs:
            for line in group.scope_logs[0].log_records:
                yield group.resource, int(line.body.string_value.removeprefix("заказ "))


SIGNALS = (Traces, Metrics, Logs)


class Collector(Program):
    def __init__(self, otelcol, tmp_path, server, encoding, compression="none"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        super().__init__(
            tmp_path / "otelcol.log", otelcol, "--config", HERE / "collector.yaml",
            env={
                "HEADWATER": server.url, "OTLP_PORT": str(port),
                "ENCODING": encoding, "COMPRESSION": compression,
            },
        )
        self.url = f"http://127.0.0.1:{port}"
        self.wait_for("Everything is ready")

    def send(self, signal, first, requests):
        """Requests of numbered items; the collector says 200 once they are in its queue."""
        with httpx.Client() as client:
            for start in range(first, first + requests * A_REQUEST, A_REQUEST):
                request = signal.request()
                for shop in range(RESOURCES):
                    signal.add(request, shop, range(start + shop * ITEMS, start + (shop + 1) * ITEMS))
                answer = client.post(
                    self.url + signal.path, content=request.SerializeToString(),
                    headers={"content-type": "application/x-protobuf"},
                )
                assert answer.status_code == 200, answer.text

    def complaints(self):
        return [line for line in self.text().splitlines() if re.match(r"\S+\t(warn|error)\t", line)]


def make_streams(kinesis):
    for signal in SIGNALS:
        kinesis.create_stream(StreamName=signal.stream, ShardCount=2)
    for signal in SIGNALS:
        wait_active(kinesis, signal.stream)


def arrived(kinesis, signal, encoding, compression="none"):
    """How often each number arrived. A record holds one resource."""
    counts = Counter()
    for shard in list_shards(kinesis, signal.stream):
        for record in read(kinesis, signal.stream, shard["ShardId"]):
            blob = DECOMPRESS[compression](record["Data"])
            data = signal.data()
            if encoding == "otlp_json":
                json_format.Parse(blob, data)
            else:
                data.ParseFromString(blob)
            items = list(signal.found(data))
            assert len(items) == ITEMS and len({resource.SerializeToString() for resource, _ in items}) == 1
            for resource, n in items:
                (shop,) = resource.attributes
                assert shop.key == "shop" and shop.value.int_value == n // ITEMS % RESOURCES
                counts[n] += 1
    return counts


@pytest.mark.parametrize("encoding, compression", [
    ("otlp_proto", "none"), ("otlp_proto", "gzip"), ("otlp_json", "none"), ("otlp_json", "zlib"), ("otlp_proto", "flate"),
])
def test_everything_arrives_once(server, kinesis, otelcol, tmp_path, encoding, compression):
    make_streams(kinesis)
    with Collector(otelcol, tmp_path, server, encoding, compression) as collector:
        for signal in SIGNALS:
            collector.send(signal, 0, requests=100)
        # What is in its queues goes out before it ends.
        assert collector.stop() == 0
    for signal in SIGNALS:
        counts = arrived(kinesis, signal, encoding, compression)
        assert counts == dict.fromkeys(range(100 * A_REQUEST), 1), signal.stream
    assert collector.complaints() == []


def test_the_server_is_killed_and_comes_back(server, kinesis, otelcol, tmp_path):
    """The exporter tries again until it is back. A batch whose answer was lost is there twice; no more than that."""
    make_streams(kinesis)
    with Collector(otelcol, tmp_path, server, "otlp_proto") as collector:
        for signal in SIGNALS:
            collector.send(signal, 0, requests=50)
        server.kill()
        for signal in SIGNALS:
            collector.send(signal, 50 * A_REQUEST, requests=50)
        # Longer than the SDK's own three attempts.
        collector.wait_for("Exporting failed. Will retry the request after interval.", 30)
        time.sleep(2)
        server.start()
        for signal in SIGNALS:
            collector.send(signal, 100 * A_REQUEST, requests=50)
        for signal in SIGNALS:
            until(lambda: len(arrived(kinesis, signal, "otlp_proto")) == 150 * A_REQUEST, 60, every=1)
        assert collector.stop() == 0
    for signal in SIGNALS:
        counts = arrived(kinesis, signal, "otlp_proto")
        assert set(counts) == set(range(150 * A_REQUEST)), signal.stream
        doubled = sum(counts.values()) - len(counts)
        assert max(counts.values()) <= 2 and doubled <= 50 * A_REQUEST, (signal.stream, doubled)
    # It says that it could not write, and nothing else; nothing was dropped.
    for line in collector.complaints():
        assert "Failed to write records to kinesis" in line, line
        # The last is the exporter's own limit for one call, five seconds with what the SDK tries again.
        assert re.search("connection refused|connection reset|EOF|deadline exceeded", line), line
    assert "Dropping data" not in collector.text()
