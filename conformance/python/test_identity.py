"""STS GetCallerIdentity, from which KPL before 1.0.5 makes the ARN of its stream."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from kit.access import OWN, Person, add
from kit.raw import send

ANYBODY = Person("AKIAIOSFODNN7EXAMPLE", "secret")


def sts(server, person=ANYBODY):
    session = boto3.Session(person.key, person.secret, person.token, "us-east-1")
    return session.client("sts", endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}))


def test_without_credentials_everybody_is_the_account(server):
    identity = sts(server).get_caller_identity()
    assert (identity["Account"], identity["UserId"]) == (server.account, server.account)
    assert identity["Arn"] == f"arn:aws:iam::{server.account}:root"


def test_with_credentials_it_is_who_signed(own_server, tmp_path):
    file = tmp_path / "credentials.toml"
    # A user without any policy may ask as well.
    alice = add(file, user="alice")
    server = own_server(flags=["--credentials", str(file)], account=OWN)
    identity = sts(server, alice).get_caller_identity()
    assert identity["Account"] == OWN
    assert identity["Arn"] == f"arn:aws:iam::{OWN}:user/alice"
    for stranger, code in [(ANYBODY, "InvalidClientTokenId"), (alice._replace(secret="x"), "SignatureDoesNotMatch")]:
        with pytest.raises(ClientError) as refused:
            sts(server, stranger).get_caller_identity()
        assert refused.value.response["Error"]["Code"] == code
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_what_else_sts_has_is_not_there(server):
    with pytest.raises(ClientError) as refused:
        sts(server).get_session_token()
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidAction"
    assert error["Message"] == "Could not find operation GetSessionToken for version 2011-06-15."


def test_a_form_of_nobodys_version_is_not_its(server):
    body = b"Action=GetCallerIdentity&Version=2000-01-01"
    answer = send(server, "POST", "/", body, {"content-type": "application/x-www-form-urlencoded"})
    assert b"GetCallerIdentityResult" not in answer.body
