"""Servers for the scenarios; the environment is cleaned first. See README.md."""

import os

import pytest

# Nothing of the caller's AWS set-up may reach the clients.
for _name in list(os.environ):
    if _name.startswith("AWS_"):
        del os.environ[_name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

from kit.client import connect  # noqa: E402
from kit.server import Server  # noqa: E402
from rig.server import SamePort  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing scenario shows what the servers had to say."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for server in Server.running:
            report.sections.append((f"server log, {server.directory.name}", server.log(4000)))


@pytest.fixture
def server(tmp_path):
    """A server of the scenario's own, with AWS's limits."""
    with SamePort(tmp_path / "headwater", limits="aws") as running:
        yield running


@pytest.fixture
def kinesis(server):
    """boto3 against it, for what the scenario does around its client."""
    return connect(server)
