"""DynamoDB: clients, tables, and refusals as values."""

import boto3
from botocore.config import Config

from kit.client import unique, until

_session = boto3.Session(
    aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
)
_config = Config(
    parameter_validation=False,
    retries={"total_max_attempts": 1, "mode": "standard"},
    connect_timeout=10,
    read_timeout=30,
)

S = "S"
INVALID = "One or more parameter values were invalid: "


def dynamo(server, session=_session):
    return session.client("dynamodb", endpoint_url=server.url, config=_config)


def resource(server):
    return _session.resource("dynamodb", endpoint_url=server.url, config=_config)


def keys(*names):
    """A key schema: the partition key, and perhaps the sort key."""
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ["HASH", "RANGE"])
    ]


def definitions(**types):
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def index(name, *key, projection="ALL", **more):
    return {
        "IndexName": name, "KeySchema": keys(*key), "Projection": {"ProjectionType": projection} | more
    }


def create_table(client, *key, types=None, **options):
    """A new ACTIVE on-demand table's name."""
    name = unique("table")
    key = key or ("a",)
    client.create_table(
        TableName=name, KeySchema=keys(*key),
        AttributeDefinitions=definitions(**(dict.fromkeys(key, S) | (types or {}))),
        **({} if "ProvisionedThroughput" in options else {"BillingMode": "PAY_PER_REQUEST"}), **options,
    )
    wait_active(client, name)
    return name


def describe(client, name):
    return client.describe_table(TableName=name)["Table"]


def wait_active(client, name):
    def settled():
        table = describe(client, name)
        indexes = table.get("GlobalSecondaryIndexes", [])
        return table["TableStatus"] == "ACTIVE" and all(one["IndexStatus"] == "ACTIVE" for one in indexes)
    until(settled)


def gone(client, name):
    try:
        describe(client, name)
    except client.exceptions.ResourceNotFoundException:
        return True
    return False


def item(**values):
    """Attributes from Python's own values: texts, numbers, bytes, booleans, None, lists, sets, maps."""
    return {name: value(one) for name, one in values.items()}


def value(one):
    match one:
        case bool():
            return {"BOOL": one}
        case None:
            return {"NULL": True}
        case int() | float():
            return {"N": str(one)}
        case str():
            return {"S": one}
        case bytes():
            return {"B": one}
        case list():
            return {"L": [value(part) for part in one]}
        case dict():
            return {"M": item(**one)}
        case set():
            kinds = {str: ("SS", str), int: ("NS", str), bytes: ("BS", bytes)}
            name, convert = kinds[type(next(iter(one)))]
            return {name: sorted(convert(part) for part in one)}
    raise TypeError(one)


def without_metadata(answer):
    return {name: part for name, part in answer.items() if name != "ResponseMetadata"}
