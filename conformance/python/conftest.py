"""Servers and clients for the tests; the environment is cleaned first."""

import os
import resource

import pytest

# Nothing of the caller's AWS set-up or proxies may reach the clients.
for _name in list(os.environ):
    if _name.startswith("AWS_") or _name.lower().endswith("_proxy"):
        del os.environ[_name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

from kit.client import connect, create  # noqa: E402
from kit.server import Server  # noqa: E402


def pytest_configure(config):
    """2,000 connections need as many descriptors, here and in the server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows what the servers had to say."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for server in Server.running:
            report.sections.append((f"server log, {server.directory.name}", server.log(4000)))


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server most tests share: no limits, short transitions."""
    with Server(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture(scope="session")
def kinesis(server):
    return connect(server)


@pytest.fixture(scope="session")
def slow(tmp_path_factory):
    """A server whose CREATING, UPDATING and DELETING last long enough to be looked at."""
    with Server(tmp_path_factory.mktemp("slow"), transition_ms=2000, table_transition_ms=2000) as running:
        yield running


@pytest.fixture(scope="session")
def slow_kinesis(slow):
    return connect(slow)


@pytest.fixture(scope="session")
def limited(tmp_path_factory):
    """A server that enforces AWS's limits, but for the call rates of the control plane, which tests would share."""
    with Server(tmp_path_factory.mktemp("limited"), limits="aws", limit=["control-plane=off"]) as running:
        yield running


@pytest.fixture(scope="session")
def limited_kinesis(limited):
    return connect(limited)


@pytest.fixture
def own_server(tmp_path):
    """Make servers that belong to one test: `own_server(limits="aws", ...)`."""
    made = []

    def make(**options):
        made.append(Server(tmp_path / f"server-{len(made)}", **options))
        return made[-1].start()

    yield make
    for one in made:
        if one.process:
            one.stop()


@pytest.fixture
def stream(kinesis):
    """The name of a new ACTIVE stream with one shard on the shared server."""
    return create(kinesis)
