"""Servers with credentials, made by the command as people make them, and boto3 as one of them."""

import json
import socket
from typing import NamedTuple

import boto3
from botocore.config import Config

from kit.client import until
from kit.server import run_to_end

OWN, OTHER = "111122223333", "444455556666"


class Person(NamedTuple):
    key: str
    secret: str
    token: str | None = None


def credentials(file, *arguments):
    """`headwater credentials ...` on this file: what it prints as JSON, or the text."""
    done = run_to_end("credentials", *arguments, "--credentials", str(file))
    assert done.returncode == 0, done
    return done.stdout


def add(file, account=OWN, user=None, policies=(), *more):
    who = ["--account", account, *(["--user", user] if user else [])]
    given = [text for policy in policies for text in ("--policy", str(policy))]
    key = json.loads(credentials(file, "add", *who, *given, *more, "--output", "json"))
    return Person(key["access_key_id"], key["secret_access_key"], key["session_token"])


def connect_as(server, person, region="us-east-1", **config):
    session = boto3.Session(
        aws_access_key_id=person.key, aws_secret_access_key=person.secret,
        aws_session_token=person.token, region_name=region,
    )
    options = Config(parameter_validation=False, retries={"total_max_attempts": 1}, **config)
    return session.client("kinesis", endpoint_url=server.url, config=options)


def policy(tmp_path, name, *statements):
    """A file with a policy."""
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return path


def allow(*actions, resource="*", **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def deny(*actions, resource="*", **more):
    return {"Effect": "Deny", "Action": list(actions), "Resource": resource, **more}


def in_force(server, person, known=True):
    """Wait until the server has taken up a change of the file."""
    def asked():
        client = connect_as(server, person)
        try:
            client.list_streams()
        except client.exceptions.ClientError as error:
            return (error.response["Error"]["Code"] != "UnrecognizedClientException") == known
        return known
    until(asked, seconds=20, every=0.2)


def own_address():
    """An address of this machine that is not loopback, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]
