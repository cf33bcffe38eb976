"""Regions: one server serves one, several or any; names are apart by region as they are by account.

The fixture is a data directory of the time before, written by
`HEADWATER_BIN=<the binary of then> python test_regions.py`. It is never changed.
"""

import datetime
import json
import sys
import tarfile
import tempfile
from pathlib import Path

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from kit.access import OWN, Person, add, allow, policy
from kit.client import IA, LE, RNF, VE, connect, create, refusal, until, wait_active
from kit.raw import Connection, send
from kit.reading import read_stream
from kit.server import Server, run_to_end
from kit.tables import create_table, definitions, dynamo, item, keys

FIXTURE = Path(__file__).parent / "fixtures" / "before-regions.tar.xz"
# Not the default: a directory belongs to the region that it was written for.
WRITTEN_FOR = "us-west-2"
ROLE = "arn:aws:iam::444455556666:root"


def write():
    """A stream with a consumer, tags, a policy and encryption; the account's setting; a table and its items."""
    assert not FIXTURE.exists(), f"{FIXTURE} is there already"
    server = Server(Path(tempfile.mkdtemp()), region=WRITTEN_FOR).start()
    kinesis, db = connect(server), dynamo(server)
    orders = create(kinesis, 2, "orders")
    arn = server.arn(orders)
    kinesis.add_tags_to_stream(StreamName=orders, Tags={"team": "blue"})
    kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")
    kinesis.put_resource_policy(ResourceARN=arn, Policy=(
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},'
        '"Action":"kinesis:GetRecords","Resource":"%s"}]}' % (ROLE, arn)
    ))
    kinesis.start_stream_encryption(StreamName=orders, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    wait_active(kinesis, orders)
    kinesis.increase_stream_retention_period(StreamName=orders, RetentionPeriodHours=8760)
    wait_active(kinesis, orders)
    for i in range(4):
        kinesis.put_record(StreamName=orders, PartitionKey=f"key-{i}", Data=b"%d" % i)
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    table = create_table(db, "id", Tags=[{"Key": "team", "Value": "blue"}])
    for i in range(4):
        db.put_item(TableName=table, Item=item(id=str(i)))
    server.kill()
    with tarfile.open(FIXTURE, "w:xz") as archive:
        archive.add(server.data_dir, "data")



ANYBODY = Person("AKIAIOSFODNN7EXAMPLE", "secret")
WEST, EUROPE = "us-west-2", "eu-central-1"
BOTH = f"{WEST},{EUROPE}"


def client(server, region, service="kinesis", person=ANYBODY):
    session = boto3.Session(person.key, person.secret, person.token, region)
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return session.client(service, endpoint_url=server.url, config=config)


def arn(region, stream, account="000000000000"):
    return f"arn:aws:kinesis:{region}:{account}:stream/{stream}"


def code(call, **parameters):
    """The error's code, whatever its status."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value.response["Error"]["Code"]


def stream(kinesis, name, shards=1):
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    wait_active(kinesis, name)


def table(db, name):
    db.create_table(TableName=name, KeySchema=keys("id"), AttributeDefinitions=definitions(id="S"),
                    BillingMode="PAY_PER_REQUEST")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("both"), region=BOTH) as running:
        yield running


@pytest.mark.parametrize("service", ["kinesis", "dynamodb", "monitoring", "sts"])
def test_a_region_that_is_not_served_is_refused_by_name(both, service):
    here = client(both, "ap-south-1", {"monitoring": "cloudwatch"}.get(service, service))
    ask = {"kinesis": "list_streams", "dynamodb": "list_tables", "monitoring": "list_metrics",
           "sts": "get_caller_identity"}[service]
    with pytest.raises(ClientError) as refused:
        getattr(here, ask)()
    message = refused.value.response["Error"]["Message"]
    assert "not 'ap-south-1'" in message and f"Regions served here: {WEST}, {EUROPE}." in message, message


def test_streams_of_a_name_are_apart(both):
    west, europe = client(both, WEST), client(both, EUROPE)
    for region, kinesis in [(WEST, west), (EUROPE, europe)]:
        stream(kinesis, "orders", 1)
        kinesis.put_record(StreamName="orders", PartitionKey="k", Data=region.encode())
        kinesis.add_tags_to_stream(StreamName="orders", Tags={"region": region})
        kinesis.register_stream_consumer(StreamARN=arn(region, "orders"), ConsumerName=f"reader-{region}")
    stream(europe, "only-there", 1)
    assert west.list_streams()["StreamNames"] == ["orders"]
    assert europe.list_streams()["StreamNames"] == ["only-there", "orders"]
    for region, kinesis in [(WEST, west), (EUROPE, europe)]:
        summary = kinesis.describe_stream_summary(StreamARN=arn(region, "orders"))["StreamDescriptionSummary"]
        assert summary["StreamARN"] == arn(region, "orders")
        assert [one["Data"] for _, one in read_stream(kinesis, "orders")] == [region.encode()]
        (tag,) = kinesis.list_tags_for_stream(StreamName="orders")["Tags"]
        assert tag["Value"] == region
        (consumer,) = kinesis.list_stream_consumers(StreamARN=arn(region, "orders"))["Consumers"]
        assert consumer["ConsumerARN"].startswith(f"{arn(region, 'orders')}/consumer/reader-{region}:")
    # By ARN a stream is reached from its own region only.
    for call, parameters in [
        (west.put_record, {"StreamARN": arn(EUROPE, "orders"), "PartitionKey": "k", "Data": b""}),
        (west.describe_stream_summary, {"StreamARN": arn(EUROPE, "orders")}),
        (west.list_tags_for_resource, {"ResourceARN": arn(EUROPE, "orders")}),
        (west.list_stream_consumers, {"StreamARN": arn(EUROPE, "orders")}),
    ]:
        refused = refusal(call, **parameters)
        assert refused.code == IA
        assert f"is in region {EUROPE}, and this endpoint serves {WEST}." in refused.message
    assert refusal(west.describe_stream_summary, StreamName="only-there").code == RNF


def test_tokens_are_good_in_their_region(both):
    west, europe = client(both, WEST), client(both, EUROPE)
    for kinesis in (west, europe):
        stream(kinesis, "tokens", 2)
        stream(kinesis, "tokens-too", 1)
    for here, elsewhere in [(west, europe), (europe, west)]:
        iterator = here.get_shard_iterator(
            StreamName="tokens", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        here.get_records(ShardIterator=iterator)
        assert refusal(elsewhere.get_records, ShardIterator=iterator).code == IA
        token = here.list_shards(StreamName="tokens", MaxResults=1)["NextToken"]
        assert len(here.list_shards(NextToken=token)["Shards"]) == 1
        assert refusal(elsewhere.list_shards, NextToken=token).code == IA
        token = here.list_streams(Limit=1)["NextToken"]
        assert here.list_streams(NextToken=token)["StreamNames"]
        assert refusal(elsewhere.list_streams, NextToken=token).code == IA


def test_tables_of_a_name_are_apart(both):
    west, europe = client(both, WEST, "dynamodb"), client(both, EUROPE, "dynamodb")
    for region, db in [(WEST, west), (EUROPE, europe)]:
        table(db, "leases")
        db.put_item(TableName="leases", Item=item(id=region))
    table(europe, "only-there")
    assert west.list_tables()["TableNames"] == ["leases"]
    assert europe.list_tables()["TableNames"] == ["leases", "only-there"]
    for region, db in [(WEST, west), (EUROPE, europe)]:
        own = f"arn:aws:dynamodb:{region}:000000000000:table/leases"
        assert db.describe_table(TableName="leases")["Table"]["TableArn"] == own
        assert db.scan(TableName=own)["Items"] == [item(id=region)]
        token = {"ClientRequestToken": "once"}
        for _ in range(2):
            put = {"Put": {"TableName": "leases", "Item": item(id=f"{region} again")}}
            db.transact_write_items(TransactItems=[put], **token)
        assert db.scan(TableName="leases")["Count"] == 2
    refused = refusal(west.scan, TableName=f"arn:aws:dynamodb:{EUROPE}:000000000000:table/leases")
    assert f"is in region {EUROPE}, and this endpoint serves {WEST}" in refused.message
    europe.delete_table(TableName="leases")
    assert west.scan(TableName="leases")["Count"] == 2


def test_metrics_are_apart(both):
    now = datetime.datetime.now(datetime.UTC)
    query = {"Id": "a", "MetricStat": {"Metric": {"Namespace": "Mine", "MetricName": "Depth"}, "Period": 60,
                                       "Stat": "Sum"}, "Label": "${PROP('Region')}"}
    span = {"StartTime": now - datetime.timedelta(hours=1), "EndTime": now + datetime.timedelta(hours=1)}
    for value, region in [(1, WEST), (2, EUROPE)]:
        watch = client(both, region, "cloudwatch")
        watch.put_metric_data(Namespace="Mine", MetricData=[{"MetricName": "Depth", "Value": value}])
        watch.put_metric_data(Namespace="Mine", MetricData=[{"MetricName": f"Only {region}", "Value": 1}])
    for value, region in [(1.0, WEST), (2.0, EUROPE)]:
        watch = client(both, region, "cloudwatch")
        names = {one["MetricName"] for one in watch.list_metrics(Namespace="Mine")["Metrics"]}
        assert names == {"Depth", f"Only {region}"}
        (found,) = watch.get_metric_data(MetricDataQueries=[query], **span)["MetricDataResults"]
        assert (found["Label"], found["Values"]) == (region, [value])


def test_prometheus_has_the_region_of_each_stream(both):
    for region in (WEST, EUROPE):
        stream(client(both, region), "watched", 1)
    page = send(both, "GET", "/metrics").body.decode()
    for region in (WEST, EUROPE):
        assert f'headwater_stream_open_shards{{account="000000000000",region="{region}",stream="watched"}} 1' in page
        shards = send(both, "GET", f"/metrics/shards?stream=watched&region={region}")
        assert f'region="{region}"' in shards.body.decode()


def test_a_restart_and_another_order_change_nothing(own_server):
    server = own_server(region=BOTH)
    for region in (WEST, EUROPE):
        stream(client(server, region), f"of-{region}", 1)
        table(client(server, region, "dynamodb"), f"of-{region}")
    server.kill()
    for regions in (BOTH, f"{EUROPE},{WEST}", "any"):
        server.arguments[server.arguments.index("--region") + 1] = regions
        server.start()
        for region in (WEST, EUROPE):
            assert client(server, region).list_streams()["StreamNames"] == [f"of-{region}"]
            assert client(server, region, "dynamodb").list_tables()["TableNames"] == [f"of-{region}"]
        server.stop()
    # What is not served is kept, and the log says so.
    server.arguments[server.arguments.index("--region") + 1] = "sa-east-1"
    server.start()
    assert client(server, "sa-east-1").list_streams()["StreamNames"] == []
    told = [line for line in server.stderr.read_text().splitlines() if "a region that is not served" in line]
    assert len(told) == 2, told
    server.stop()


def test_any_region_costs_nothing_until_it_has_something(own_server):
    server = own_server(region="any", limits="aws")
    for i in range(1, 4):
        for place in ("us-east", "eu-south", "cn-north", "us-gov-west"):
            assert client(server, f"{place}-{i}").list_streams()["StreamNames"] == []
    identity = client(server, "cn-north-1", "sts").get_caller_identity()
    assert identity["Arn"] == "arn:aws-cn:iam::000000000000:root"
    # Strangers may name regions without end.
    before = server.memory_mib()
    signature = "AWS4-HMAC-SHA256 Credential=A/20261130/{}/kinesis/aws4_request, SignedHeaders=host, Signature=0"
    letters = "abcdefghijklmnopqrstuvwxyz"
    connection = Connection(server)
    for i in range(5_000):
        region = f"us-{letters[i % 26]}{letters[i // 26 % 26]}{letters[i // 676 % 26]}-{i // 17576 + 1}"
        answer = connection.post("DescribeLimits", {}, Authorization=signature.format(region))
        assert answer.status == 200, answer
    assert server.memory_mib() < before + 32
    for wrong in ("local", "us-east", "any", "US-EAST-1"):
        answer = connection.post("ListStreams", {}, Authorization=signature.format(wrong))
        assert answer.status == 400 and b"Regions served here: any." in answer.body, answer


def test_limits_are_those_of_the_region(own_server):
    server = own_server(region=BOTH, limits="aws")
    west, europe = client(server, WEST), client(server, EUROPE)
    assert west.describe_limits()["ShardLimit"] == 20_000
    assert europe.describe_limits()["ShardLimit"] == 1_000
    stream(europe, "much", 1_000)
    assert refusal(europe.create_stream, StreamName="more", ShardCount=1).code == LE
    stream(west, "more", 1)
    # Rates of calls are apart as well.
    assert refusal(west.describe_limits).code == LE


def test_one_region_is_served_as_it_always_was(server):
    elsewhere = client(server, "eu-west-3")
    name = create(elsewhere)
    summary = connect(server).describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["StreamARN"] == server.arn(name), "any signature is taken, and the ARN is the server's"
    assert refusal(elsewhere.describe_stream_summary, StreamARN=arn("eu-west-3", name)).code == IA


def test_policies_see_the_region(own_server, tmp_path):
    file = tmp_path / "credentials.toml"
    only = {"StringEquals": {"aws:RequestedRegion": EUROPE}}
    alice = add(file, user="alice", policies=[policy(tmp_path, "alice", allow("*", Condition=only))])
    of_west = allow("kinesis:*", resource=arn(WEST, "*", OWN))
    bob = add(file, user="bob", policies=[policy(tmp_path, "bob", of_west)])
    root = add(file)
    log = tmp_path / "audit.jsonl"
    server = own_server(region=BOTH, account=OWN, flags=["--credentials", str(file), "--audit-log", str(log)])
    denied = "AccessDeniedException"
    for region in (WEST, EUROPE):
        stream(client(server, region, person=root), "orders", 1)
    assert client(server, EUROPE, person=alice).list_streams()["StreamNames"] == ["orders"]
    assert code(client(server, WEST, person=alice).list_streams) == denied
    assert client(server, EUROPE, "dynamodb", alice).list_tables()["TableNames"] == []
    assert code(client(server, WEST, "dynamodb", alice).list_tables) == denied
    client(server, WEST, person=bob).describe_stream_summary(StreamName="orders")
    assert code(client(server, EUROPE, person=bob).describe_stream_summary, StreamName="orders") == denied
    # A signature is for one region, and good there only.
    assert code(client(server, "ap-south-1", person=root).list_streams) == "InvalidSignatureException"

    def lines():
        return [json.loads(line) for line in log.read_text().splitlines()]
    until(lambda: len(lines()) >= 6)
    created = [line for line in lines() if line["action"] == "kinesis:CreateStream"]
    assert [line["region"] for line in created] == [WEST, EUROPE]
    assert [line["resource"] for line in created] == [arn(region, "orders", OWN) for region in (WEST, EUROPE)]
    (unserved,) = [line for line in lines() if line["outcome"] == "InvalidSignatureException"]
    assert "region" not in unserved


def test_resource_policies_are_about_their_region(own_server, tmp_path):
    file = tmp_path / "credentials.toml"
    root = add(file)
    bob = add(file, user="bob")
    server = own_server(region=BOTH, account=OWN, flags=["--credentials", str(file)])
    for region in (WEST, EUROPE):
        stream(client(server, region, person=root), "shared", 1)
    own = arn(WEST, "shared", OWN)
    text = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OWN}:user/bob"},
        "Action": "kinesis:DescribeStreamSummary", "Resource": own,
    }]}
    client(server, WEST, person=root).put_resource_policy(ResourceARN=own, Policy=json.dumps(text))
    client(server, WEST, person=bob).describe_stream_summary(StreamName="shared")
    europe = client(server, EUROPE, person=bob)
    assert code(europe.describe_stream_summary, StreamName="shared") == "AccessDeniedException"
    elsewhere = client(server, EUROPE, person=root)
    refused = refusal(elsewhere.put_resource_policy, ResourceARN=arn(EUROPE, "shared", OWN), Policy=json.dumps(text))
    assert refused.code == VE and "is not about" in refused.message


def test_master_keys_are_named_in_the_region_of_the_stream(both):
    for region in (WEST, EUROPE):
        kinesis = client(both, region)
        name = create(kinesis)
        kinesis.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
        wait_active(kinesis, name)
    key = f"arn:aws:kms:{WEST}:000000000000:alias/aws/kinesis"
    assert code(client(both, EUROPE).start_stream_encryption, StreamName=name, EncryptionType="KMS", KeyId=key) in (
        RNF, "KMSNotFoundException")


def presigned(server, region, service, path="/", method="GET"):
    request = AWSRequest(method, server.url + path)
    SigV4QueryAuth(Credentials("AKIAIOSFODNN7EXAMPLE", "secret"), service, region).add_auth(request)
    return request.url.removeprefix(server.url)


def test_the_scope_of_a_presigned_request_counts(both):
    for region in (WEST, EUROPE):
        listing = presigned(both, region, "kinesis", method="POST")
        stream(client(both, region), f"presigned-{region}", 1)
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "Kinesis_20131202.ListStreams"}
        answer = send(both, "POST", listing, b"{}", headers)
        assert answer.status == 200 and f"presigned-{region}" in json.loads(answer.body)["StreamNames"]
    refused = send(both, "POST", presigned(both, "ap-south-1", "kinesis", method="POST"), b"{}", headers)
    assert refused.status == 400 and b"Regions served here" in refused.body


@pytest.mark.parametrize("service, told", [("s3", b"<Code>NotImplemented</Code>"), ("lambda", b"There is no lambda here")])
def test_a_presigned_request_for_a_foreign_service_is_refused_in_its_form(server, service, told):
    answer = send(server, "GET", presigned(server, "us-east-1", service, "/bucket/key"))
    assert told in answer.body, answer


def unpack(directory):
    directory.mkdir()
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(directory, filter="data")


def found(server):
    kinesis, db = client(server, WRITTEN_FOR), client(server, WRITTEN_FOR, "dynamodb")
    (orders,) = kinesis.list_streams()["StreamNames"]
    own = arn(WRITTEN_FOR, orders)
    summary = kinesis.describe_stream_summary(StreamName=orders)["StreamDescriptionSummary"]
    assert (summary["StreamARN"], summary["OpenShardCount"]) == (own, 2)
    assert summary["KeyId"] == "alias/aws/kinesis"
    (consumer,) = kinesis.list_stream_consumers(StreamARN=own)["Consumers"]
    assert consumer["ConsumerARN"].startswith(f"{own}/consumer/reader:")
    (tag,) = kinesis.list_tags_for_resource(ResourceARN=own)["Tags"]
    assert tag == {"Key": "team", "Value": "blue"}
    assert own in kinesis.get_resource_policy(ResourceARN=own)["Policy"]
    settings = kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]
    assert settings["Status"] == "ENABLED"
    (name,) = db.list_tables()["TableNames"]
    assert db.scan(TableName=name)["Count"] == 4
    kinesis.put_record(StreamName=orders, PartitionKey="k", Data=b"now")
    assert b"now" in [one["Data"] for _, one in read_stream(kinesis, orders)]


def test_a_directory_of_the_time_before_is_its_region_s(tmp_path):
    unpack(tmp_path / "server")
    server = Server(tmp_path / "server", region=WRITTEN_FOR)
    # Killed at once: what the first start remembers is durable.
    server.start()
    server.kill()
    for regions in (WRITTEN_FOR, f"us-east-1,{WRITTEN_FOR}", "any"):
        server.arguments[server.arguments.index("--region") + 1] = regions
        with server:
            found(server)
            if regions != WRITTEN_FOR:
                assert client(server, "us-east-1").list_streams()["StreamNames"] == []


def test_a_directory_of_the_time_before_is_told_its_region_once(tmp_path):
    unpack(tmp_path / "server")
    server = Server(tmp_path / "server", region=f"{WRITTEN_FOR},any")
    for regions in (f"{WRITTEN_FOR},any", "any"):
        server.arguments[server.arguments.index("--region") + 1] = regions
        with server:
            found(server)


def test_what_is_no_region_is_refused_at_the_start(tmp_path):
    for wrong in ("", "US", "us-east-1,,eu-west-1", "eu_west_1", "a" * 25):
        ended = run_to_end("serve", "--data-dir", str(tmp_path), "--region", wrong)
        assert ended.returncode != 0 and "region" in ended.stderr, ended


if __name__ == "__main__":
    sys.exit(write())
