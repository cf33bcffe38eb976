"""Calls of services that are not here: each SDK client gets an error that it understands."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from kit.raw import send

UNKNOWN = "UnknownOperationException"
CALLS = [
    ("dynamodbstreams", "list_streams", {}, UNKNOWN, 400),
    ("firehose", "list_delivery_streams", {}, UNKNOWN, 400),
    ("kms", "list_keys", {}, UNKNOWN, 400),
    ("sqs", "list_queues", {}, UNKNOWN, 400),
    ("secretsmanager", "list_secrets", {}, UNKNOWN, 400),
    ("kinesisanalyticsv2", "list_applications", {}, UNKNOWN, 400),
    ("sns", "list_topics", {}, "InvalidAction", 400),
    ("iam", "list_users", {}, "InvalidAction", 400),
    ("cloudformation", "list_stacks", {}, "InvalidAction", 400),
    ("ec2", "describe_vpcs", {}, "InvalidAction", 400),
    ("s3", "list_buckets", {}, "NotImplemented", 501),
    ("s3", "put_object", {"Bucket": "b", "Key": "k", "Body": b"x"}, "NotImplemented", 501),
    ("s3", "delete_object", {"Bucket": "b", "Key": "k"}, "NotImplemented", 501),
    ("route53", "list_hosted_zones", {}, "InvalidAction", 400),
    ("lambda", "list_functions", {}, UNKNOWN, 400),
    ("lambda", "delete_function", {"FunctionName": "f"}, UNKNOWN, 400),
    ("kafka", "list_clusters", {}, UNKNOWN, 400),
]


@pytest.mark.parametrize("service, operation, parameters, code, status", CALLS)
def test_every_protocol_has_its_refusal(server, service, operation, parameters, code, status):
    client = boto3.Session("test", "test", region_name="us-east-1").client(
        service, endpoint_url=server.url,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**parameters)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert "Kinesis Data Streams" in answer["Error"]["Message"]


def test_rpc_v2_of_another_service(server):
    headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
    answer = send(server, "POST", "/service/AWSEventsV2/operation/PutEvents", b"\xa0", headers)
    assert answer.status == 404 and answer.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert UNKNOWN.encode() in answer.body


def test_what_is_nobodys_stays_as_kinesis_refuses_it(server):
    assert send(server, "GET", "/").status == 403
    assert b"<AccessDeniedException>" in send(server, "GET", "/").body
