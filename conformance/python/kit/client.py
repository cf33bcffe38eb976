"""boto3 against our server, and errors as values.

Parameter validation is off: what the client would refuse must reach the server.
Retries are off: what the server refuses must reach the test.
"""

import contextlib
import time
import uuid
from typing import NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

RNF = "ResourceNotFoundException"
RIU = "ResourceInUseException"
IA = "InvalidArgumentException"
LE = "LimitExceededException"
PTE = "ProvisionedThroughputExceededException"
VE = "ValidationException"
SERIALIZATION = "SerializationException"

POLL_S = 0.005
_session = boto3.Session(
    aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
)


def connect(server, verify=None):
    """A client; `verify` is the file of the authority to trust where the server speaks TLS."""
    return _session.client(
        "kinesis",
        endpoint_url=server.url,
        verify=verify,
        config=Config(
            parameter_validation=False,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=64,
            connect_timeout=10,
            read_timeout=30,
        ),
    )


class Refusal(NamedTuple):
    code: str
    message: str


def refusal(call, /, **parameters):
    """The error that `call` is refused with. Modelled client errors are HTTP 400."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error
        return Refusal(error.response["Error"]["Code"], error.response["Error"]["Message"])
    answer.pop("ResponseMetadata", None)
    raise AssertionError(f"accepted, with {answer}")


def violations(refused):
    """The items of a ValidationException, whose order AWS does not promise."""
    assert refused.code == VE, refused
    head, _, items = refused.message.partition(" detected: ")
    found = set(items.split("; "))
    assert head == f"{len(found)} validation error{'s' if len(found) > 1 else ''}", refused
    return found


def must(path, rule, value=None):
    """One item of a ValidationException."""
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {rule}"


def ok(answer):
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    return answer


def until(condition, seconds=20, every=POLL_S):
    """Poll until `condition()` is true and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(every)
    return value


def unique(prefix="stream"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def status(kinesis, name):
    """The stream's state, or None once it is gone; patient with rate limits."""
    while True:
        with contextlib.suppress(kinesis.exceptions.LimitExceededException):
            try:
                summary = kinesis.describe_stream_summary(StreamName=name)
            except kinesis.exceptions.ResourceNotFoundException:
                return None
            return summary["StreamDescriptionSummary"]["StreamStatus"]
        time.sleep(0.1)


def wait_active(kinesis, name, seconds=30):
    until(lambda: status(kinesis, name) == "ACTIVE", seconds)


def wait_gone(kinesis, name, seconds=30):
    until(lambda: status(kinesis, name) is None, seconds)


def create(kinesis, shards=1, prefix="stream", **options):
    """A new ACTIVE stream's name. `shards=None` leaves the count out."""
    name = unique(prefix)
    if shards is not None:
        options["ShardCount"] = shards
    kinesis.create_stream(StreamName=name, **options)
    wait_active(kinesis, name)
    return name


def not_found(name, account="000000000000"):
    return Refusal(RNF, f"Stream {name} under account {account} not found.")


def short(parameters):
    """A test id from parameters, long values cut."""
    return str(parameters)[:60]
