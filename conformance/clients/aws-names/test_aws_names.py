"""Clients that take no endpoint: the server on port 443, with a certificate for AWS's names, which lead to it.

The scenario is docs/clients/aws-names.md, on a machine within the machine.
"""

import re
import sys
from pathlib import Path

import pytest

from kit.server import run_to_end
from rig import java, spark
from rig.machine import Machine
from rig.node import QUIET, node, program
from rig.process import Program, run

CLIENTS = Path(__file__).parent.parent
REGION, ACCOUNT = "us-east-1", "000000000000"
# The account's own are those of the SDKs that are given an ARN.
NAMES = [
    f"{name}.{REGION}.amazonaws.com"
    for name in ("kinesis", "dynamodb", "monitoring", "sts", f"{ACCOUNT}.data-kinesis", f"{ACCOUNT}.control-kinesis")
]


@pytest.fixture
def certificates(tmp_path):
    made = run_to_end("tls", "init", str(tmp_path / "certs"), *(f"--name={name}" for name in NAMES))
    assert made.returncode == 0, made.stderr
    return tmp_path / "certs"


@pytest.fixture
def machine(tmp_path, certificates, monkeypatch):
    """With the server in it, where nobody would look for anything but AWS."""
    flags = ("--tls-cert", str(certificates / "server.pem"), "--tls-key", str(certificates / "server.key"))
    with Machine(tmp_path / "machine", NAMES) as machine:
        with machine.server(
            tmp_path / "headwater", monkeypatch, listen="127.0.0.1:443", limits="aws", scheme="https", flags=flags
        ):
            yield machine


def test_boto3(machine, certificates):
    """Every service by name, and a stream by its ARN, for which the SDK asks the account's own host."""
    said = run(*machine.command(sys.executable, CLIENTS / "aws-names" / "calls.py"),
               env={"AWS_CA_BUNDLE": str(certificates / "ca.pem")})
    assert set(said.splitlines()) == {f"https://{name}/" for name in NAMES}, said


def test_sdk_for_java(machine, certificates, tmp_path):
    options = ("-Xmx256m", *java.trust(certificates / "ca.pem", tmp_path / "trust.p12"))
    command = java.command(java.build(CLIENTS / "sdk-java"), "headwater.Main", "netty", options=options)
    said = run(*machine.command(*command), seconds=300)
    assert said.endswith("DONE\n") and "PASSED subscribe to a shard until it ends" in said, said


def test_lifion_kinesis_by_fan_out(machine, certificates, tmp_path):
    home = program(CLIENTS / "lifion-kinesis" / "app", tmp_path / "app")
    calls = machine.command(sys.executable, CLIENTS / "aws-names" / "calls.py", "numbers")
    env = {"AWS_CA_BUNDLE": str(certificates / "ca.pem")}
    run(*calls, "create", env=env)
    consumer = machine.command(node(), home / "consume.js", "numbers", "fan-out")
    with Program(tmp_path / "consumer.log", *consumer, cwd=home, env=QUIET | {
        "NODE_EXTRA_CA_CERTS": str(certificates / "ca.pem"), "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1",
    }) as client:
        client.wait_for("STARTED")
        run(*calls, "put", env=env)
        client.wait_for("number-99", 60)
    assert len(set(re.findall(r"^RECORD \S+ (\d+) number-\d+$", client.text(), re.MULTILINE))) == 100


def test_spark(machine, certificates, tmp_path):
    """Its connector asks for leases and metrics under AWS's names, whatever endpoint it is given for the stream."""
    calls = machine.command(sys.executable, CLIENTS / "aws-names" / "calls.py", "numbers")
    env = {"AWS_CA_BUNDLE": str(certificates / "ca.pem")}
    run(*calls, "create", env=env)
    run(*calls, "put", env=env)
    trust = java.trust(certificates / "ca.pem", tmp_path / "trust.p12")
    reader = machine.command(*spark.command("numbers", f"https://{NAMES[0]}", "numbers-reader", trust))
    with Program(tmp_path / "reader.log", *reader, cwd=tmp_path, env=spark.environment(tmp_path / "spark")) as client:
        client.wait_for("number-99", 120)
        assert len(re.findall(r"^RECORD \d+ 0 \d+ number-\d+$", client.text(), re.MULTILINE)) == 100
