"""The AWS SDK for Go v2: every operation once, through its waiters, paginators, typed errors and its event stream reader.

The program is in `program/`; it stops at the first step that does not hold. What it needs to know is in its environment.
"""

import re
from pathlib import Path

import pytest

from kit.server import Server, run_to_end
from rig import go
from rig.server import kill_and_start
from rig.process import Program, run

HERE = Path(__file__).parent
STEPS = re.findall(r'^\t\{"([^"]+)", \w+\},$', (HERE / "program" / "main.go").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def program():
    return go.build(HERE / "program")


def judge(said, protocol):
    """Every step passed, over this protocol alone, and the SDK had nothing to try twice."""
    assert re.findall(r"^PASSED (.+) \(\d+ ms\)$", said, re.MULTILINE) == STEPS and len(STEPS) >= 19, said
    assert re.search(rf"^PROTOCOLS map\[{re.escape(protocol)}:\d+\]$", said, re.MULTILINE), said
    # What is refused on purpose is in the log as well; any line but these fails.
    known = (
        "PASSED ", "PROTOCOLS ", r"SDK \S+ \S+ DEBUG request failed with unretryable error",
        r"SDK \S+ \S+ DEBUG max retry attempts exhausted, max 1$",
    )
    for line in said.splitlines():
        assert re.match("|".join(known), line), line


def test_plaintext(server, program):
    judge(run(program, env={"AWS_ENDPOINT_URL": server.url}), "HTTP/1.1")


def test_tls_with_a_file_of_authorities(tmp_path, program):
    """Over TLS the SDK offers `h2` and `http/1.1` by ALPN, and HTTP/2 is what it gets."""
    certificates = tmp_path / "certs"
    assert run_to_end("tls", "init", str(certificates)).returncode == 0
    flags = ("--tls-cert", str(certificates / "server.pem"), "--tls-key", str(certificates / "server.key"))
    with Server(tmp_path / "headwater", limits="aws", scheme="https", flags=flags) as server:
        said = run(program, env={
            "AWS_ENDPOINT_URL": f"https://localhost:{server.port}", "AWS_CA_BUNDLE": str(certificates / "ca.pem"),
        })
    judge(said, "HTTP/2.0")


def test_of_forty_subscriptions_at_once_none_ends_at_once(server, program):
    """Ten times forty, over plaintext HTTP/1.1."""
    said = run(program, "at-once", env={"AWS_ENDPOINT_URL": server.url})
    assert said.endswith("OPENED 400 ENDED 0\n"), said


def test_the_server_is_killed_and_comes_back(server, program, tmp_path):
    """Every record, in order; a put that lost its answer may be there twice, with the copies side by side."""
    env = {"AWS_ENDPOINT_URL": server.url, "AWS_MAX_ATTEMPTS": "10"}
    with Program(tmp_path / "program.log", program, "through-restart", env=env) as client:
        client.wait_for("A THIRD")
        kill_and_start(server, after_s=1)
        client.end(120)
    said = client.text()
    # One put at a time is on its way; its copies are as many as the attempts that were carried out.
    read = re.search(r"^READ 3000 DOUBLED ([01])$", said, re.MULTILINE)
    assert read, said
    assert "retrying request" in said, "the kill went unnoticed"
