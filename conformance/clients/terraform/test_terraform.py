"""Terraform's and OpenTofu's AWS provider: what it calls for its Kinesis resources, replayed call by call on the SDK it is
made of, with its order, its waiters' states and its retries. After every apply a refresh must read what was asked for:
that is an empty plan.

The provider itself is not run: its releases are numbered from v2 to v6 under a module path without that number, so a module
proxy has them as single commits at best, and the one at hand refuses those.
"""

import re
from pathlib import Path

import pytest

from kit.server import Server
from rig import go
from rig.process import run

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def program():
    return go.build(HERE / "program")


@pytest.fixture
def server(tmp_path):
    """States that last long enough to be seen; the number of calls a second is not limited."""
    with Server(tmp_path / "headwater", limits="aws", limit=["control-plane=off"], transition_ms=300) as running:
        yield running


@pytest.mark.parametrize("resource", ["stream", "on-demand", "consumer", "policy", "account"])
def test_each_apply_leaves_an_empty_plan(server, program, resource):
    said = run(program, resource, env={"AWS_ENDPOINT_URL_KINESIS": server.url})
    assert said == f"PASSED {resource}\n"


def test_ten_streams_at_a_time(tmp_path, program):
    """Five may be CREATING at once; what is refused with AWS's words the provider tries again."""
    options = dict(limits="aws", limit=["control-plane=off"], transition_ms=1000)
    with Server(tmp_path / "headwater", **options) as server:
        assert run(program, "many", env={"AWS_ENDPOINT_URL_KINESIS": server.url}) == "PASSED many\n"
        refused = re.findall(r'action="kinesis:CreateStream".*outcome="LimitExceededException"', server.log(10**7))
        assert refused, "all ten were made at once"
