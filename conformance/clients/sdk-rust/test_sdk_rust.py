"""The AWS SDK for Rust: HTTP/1.1 in plaintext, HTTP/2 in TLS, told nothing but the environment."""

from pathlib import Path

import pytest

from kit.server import Server, run_to_end
from rig.cargo import build
from rig.process import run
from rig.relay import Relay

STEPS = [
    "create and wait", "put and get", "subscribe to shard", "paginators", "errors", "many at once", "delete and wait",
]
# Compiling it takes ten minutes the first time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def program():
    return build(Path(__file__).parent)


def test_plaintext_is_http_1(program, server):
    with Relay(server) as relay:
        printed = run(program, env={"AWS_ENDPOINT_URL_KINESIS": relay.url}, seconds=120)
    assert printed.splitlines() == STEPS
    # 64 calls at once are as many connections.
    assert len(relay.firsts) > 30 and all(first.startswith(b"POST / HTTP/1.1") for first in relay.firsts)


def test_tls_is_http_2(program, tmp_path):
    certificates = tmp_path / "certificates"
    made = run_to_end("tls", "init", str(certificates))
    assert made.returncode == 0, made.stderr
    flags = ("--tls-cert", str(certificates / "server.pem"), "--tls-key", str(certificates / "server.key"))
    with Server(tmp_path / "headwater", limits="aws", scheme="https", flags=flags) as server, Relay(server) as relay:
        printed = run(
            program, env={"AWS_ENDPOINT_URL_KINESIS": relay.url, "SSL_CERT_FILE": str(certificates / "ca.pem")},
            seconds=120,
        )
    assert printed.splitlines() == STEPS
    # All of them, the 64 at once as well, over a connection or two: HTTP/2.
    assert len(relay.firsts) <= 4 and all(first[0] == 22 for first in relay.firsts)
