"""Operations of later issues: refused like AWS refuses, never answered as if done."""

import pytest

from kit.operations import BUILT, LATER, MODEL, request
from kit.raw import post


def test_every_built_operation_is_in_the_model():
    assert set(MODEL.operation_names) >= BUILT


@pytest.mark.parametrize("operation", LATER)
def test_an_operation_not_built_yet_is_refused(server, stream, operation):
    answer = post(server, operation, request(operation, stream))
    assert 400 <= answer.status < 600, answer
    assert answer.type.endswith("Exception") and "#" not in answer.type, answer.body
    assert answer.headers["x-amzn-RequestId"]
