"""What GET /metrics says, as Prometheus itself reads it."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from kit.raw import send


def families(server):
    """The metrics by name, read by the type the answer claims."""
    answer = send(server, "GET", "/metrics")
    assert answer.status == 200
    kind = answer.headers["Content-Type"]
    assert kind.startswith(("text/plain", "application/openmetrics-text")), kind
    parse = open_metrics if kind.startswith("application/openmetrics") else prometheus_text
    return {family.name: family for family in parse(answer.body.decode())}


def total(found, word, **labels):
    """The sum of all samples whose family mentions `word`, with these labels."""
    samples = [s for name, family in found.items() if word in name for s in family.samples]
    return sum(s.value for s in samples if labels.items() <= s.labels.items())
