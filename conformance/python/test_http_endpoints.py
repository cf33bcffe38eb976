"""GET /health and GET /metrics; the start-up banner."""

from kit.client import until, wait_gone
from kit.metrics import families, total
from kit.raw import send
from kit.reading import read


def test_health(server):
    assert send(server, "GET", "/health").status == 200


def test_metrics_name_what_an_operator_asks_for(server, kinesis, stream):
    kinesis.put_record(StreamName=stream, PartitionKey="a", Data=b"x" * 1000)
    read(kinesis, stream)
    found = families(server)
    assert any(family.type == "histogram" for family in found.values())
    for word in ("request", "sync", "shard", "disk", "bytes", "records"):
        assert any(word in name for name in found), f"no metric about {word}"
    for family in found.values():
        assert family.documentation, f"{family.name} without a HELP line"


def test_metrics_count_bytes_and_records_by_stream(server, kinesis, stream):
    before = families(server)
    kinesis.put_records(
        StreamName=stream, Records=[{"PartitionKey": "a", "Data": b"x" * 1000}] * 5
    )
    after = families(server)
    assert total(after, "records", stream=stream) - total(before, "records", stream=stream) == 5
    assert total(after, "bytes", stream=stream) - total(before, "bytes", stream=stream) >= 5000


def test_metrics_of_a_deleted_stream_go_away(server, kinesis, stream):
    kinesis.put_record(StreamName=stream, PartitionKey="a", Data=b"x")
    assert total(families(server), "records", stream=stream) == 1
    kinesis.delete_stream(StreamName=stream)
    wait_gone(kinesis, stream)

    def forgotten():
        samples = [s for family in families(server).values() for s in family.samples]
        return not any(s.labels.get("stream") == stream for s in samples)

    until(forgotten)


def test_the_banner_says_where_and_how(server):
    banner = server.stdout.read_text()
    assert server.url in banner and str(server.data_dir) in banner
    exports = [line for line in banner.splitlines() if "export " in line]
    assert len(exports) == 2 and any(server.url in line for line in exports)
