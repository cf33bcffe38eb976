"""Policies of users, streams and consumers, as boto3 meets them; several accounts on one server."""

import json

import pytest

from kit.access import OTHER, OWN, add, allow, connect_as, deny, in_force, policy
from kit.client import Refusal, refusal, wait_active
from kit.server import Server

DENIED = "AccessDeniedException"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    place = tmp_path_factory.mktemp("policies")
    file = place / "credentials.toml"
    own = f"arn:aws:kinesis:us-east-1:{OWN}:stream"
    writer = policy(place, "writer", allow("kinesis:PutRecord*", "kinesis:DescribeStreamSummary",
                                          resource=f"{own}/orders-*"))
    careful = policy(place, "careful", allow("kinesis:*"), deny("kinesis:Delete*"),
                     deny("kinesis:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    home = policy(place, "home", allow("kinesis:*", resource=own + "/${aws:username}-*"))
    elsewhere = policy(place, "elsewhere", allow("kinesis:*", Condition={
        "NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}}))
    people = {
        "root": add(file),
        "other": add(file, OTHER),
        "partner": add(file, OTHER, "partner", ["full-access"]),
        "nobody": add(file, OWN, "nobody"),
        "writer": add(file, OWN, "writer", [writer]),
        "careful": add(file, OWN, "careful", [careful]),
        "home": add(file, OWN, "home", [home]),
        "elsewhere": add(file, OWN, "elsewhere", [elsewhere]),
    }
    with Server(place / "server", flags=["--credentials", str(file)]) as running:
        yield {name: connect_as(running, person) for name, person in people.items()}


def arn(name, account=OWN):
    return f"arn:aws:kinesis:us-east-1:{account}:stream/{name}"


def create(kinesis, name):
    kinesis.create_stream(StreamName=name, ShardCount=1)
    wait_active(kinesis, name)
    return name


def no_identity(user, action, resource, account=OWN):
    return Refusal(DENIED, f"User: arn:aws:iam::{account}:user/{user} is not authorized to perform: "
                           f"kinesis:{action} on resource: {resource} because no identity-based policy allows "
                           f"the kinesis:{action} action")


def test_nothing_is_allowed_by_default(guarded):
    nobody = guarded["nobody"]
    assert refusal(nobody.list_streams) == no_identity("nobody", "ListStreams", "*")
    assert refusal(nobody.describe_stream, StreamName="none") == no_identity("nobody", "DescribeStream", arn("none"))
    assert refusal(nobody.create_stream, StreamName="x", ShardCount=1) == no_identity(
        "nobody", "CreateStream", arn("x"))


def test_what_a_policy_allows_and_no_more(guarded):
    create(guarded["root"], "orders-1")
    create(guarded["root"], "invoices")
    writer = guarded["writer"]
    writer.put_record(StreamName="orders-1", Data=b"x", PartitionKey="k")
    writer.put_records(StreamARN=arn("orders-1"), Records=[{"Data": b"x", "PartitionKey": "k"}])
    assert refusal(writer.put_record, StreamName="invoices", Data=b"x", PartitionKey="k") == no_identity(
        "writer", "PutRecord", arn("invoices"))
    assert refusal(writer.get_shard_iterator, StreamName="orders-1", ShardId="shardId-000000000000",
                   ShardIteratorType="LATEST") == no_identity("writer", "GetShardIterator", arn("orders-1"))


def test_a_denial_beats_a_permission(guarded):
    careful = guarded["careful"]
    create(careful, "kept")
    refused = refusal(careful.delete_stream, StreamName="kept")
    assert refused == Refusal(DENIED, f"User: arn:aws:iam::{OWN}:user/careful is not authorized to perform: "
                                      f"kinesis:DeleteStream on resource: {arn('kept')} with an explicit deny in an "
                                      "identity-based policy")


def test_variables_and_conditions(guarded):
    create(guarded["home"], "home-1")
    assert refusal(guarded["home"].describe_stream, StreamName="kept").code == DENIED
    assert refusal(guarded["elsewhere"].list_streams).code == DENIED


def test_two_accounts_have_streams_of_one_name(guarded):
    own, other = guarded["root"], guarded["other"]
    create(own, "same")
    create(other, "same")
    own.put_record(StreamName="same", Data=b"own", PartitionKey="k")
    other.put_record(StreamName="same", Data=b"other", PartitionKey="k")

    def read(kinesis):
        start = kinesis.get_shard_iterator(StreamName="same", ShardId="shardId-000000000000",
                                           ShardIteratorType="TRIM_HORIZON")
        return [record["Data"] for record in kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]]

    assert (read(own), read(other)) == ([b"own"], [b"other"])
    assert other.list_streams()["StreamNames"] == ["same"]
    assert other.describe_limits()["OpenShardCount"] == 1
    refused = refusal(other.describe_stream, StreamARN=arn("same"))
    assert refused == Refusal(DENIED, f"User: arn:aws:iam::{OTHER}:root is not authorized to perform: "
                                      f"kinesis:DescribeStream on resource: {arn('same')} because no resource-based "
                                      "policy allows the kinesis:DescribeStream action")
    other.delete_stream(StreamName="same")
    assert read(own) == [b"own"]


def test_a_stream_is_shared_with_another_account(guarded):
    own, partner = guarded["root"], guarded["partner"]
    create(own, "shared")
    own.put_record(StreamName="shared", Data=b"for you", PartitionKey="k")
    document = {"Version": "2012-10-17", "Statement": [
        {"Sid": "read", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:user/partner"},
         **allow("kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards", resource=arn("shared"))},
        {"Sid": "never", "Principal": "*", **deny("kinesis:SplitShard", resource=arn("shared"))},
    ]}
    own.put_resource_policy(ResourceARN=arn("shared"), Policy=json.dumps(document))
    assert json.loads(own.get_resource_policy(ResourceARN=arn("shared"))["Policy"]) == document
    shards = partner.list_shards(StreamARN=arn("shared"))["Shards"]
    start = partner.get_shard_iterator(StreamARN=arn("shared"), ShardId=shards[0]["ShardId"],
                                       ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert partner.get_records(ShardIterator=start)["Records"][0]["Data"] == b"for you"
    assert refusal(partner.put_record, StreamARN=arn("shared"), Data=b"x", PartitionKey="k").code == DENIED
    # The account as such is not the user who is named.
    assert refusal(guarded["other"].list_shards, StreamARN=arn("shared")).code == DENIED
    # A denial by the stream's policy holds for its own account too.
    refused = refusal(own.split_shard, StreamName="shared", ShardToSplit="0", NewStartingHashKey="5")
    assert refused.message.endswith("with an explicit deny in a resource-based policy"), refused
    own.delete_resource_policy(ResourceARN=arn("shared"))
    assert refusal(partner.get_records, ShardIterator=start).code == DENIED


def test_a_stream_s_policy_is_enough_in_its_own_account(guarded):
    create(guarded["root"], "open")
    document = {"Version": "2012-10-17", "Statement": {
        "Principal": {"AWS": f"arn:aws:iam::{OWN}:user/nobody"}, **allow("kinesis:PutRecord", resource=arn("open"))}}
    guarded["root"].put_resource_policy(ResourceARN=arn("open"), Policy=json.dumps(document))
    guarded["nobody"].put_record(StreamName="open", Data=b"x", PartitionKey="k")
    assert refusal(guarded["nobody"].delete_stream, StreamName="open").code == DENIED


def test_a_consumer_is_shared(guarded):
    own, partner = guarded["root"], guarded["partner"]
    create(own, "fan")
    consumer = own.register_stream_consumer(StreamARN=arn("fan"), ConsumerName="c")["Consumer"]["ConsumerARN"]
    assert refusal(partner.describe_stream_consumer, ConsumerARN=consumer).code == DENIED
    until_active(own, consumer)
    document = {"Version": "2012-10-17", "Statement": {
        "Principal": {"AWS": OTHER},
        **allow("kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard", resource=consumer)}}
    own.put_resource_policy(ResourceARN=consumer, Policy=json.dumps(document))
    described = partner.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]
    assert described["ConsumerStatus"] == "ACTIVE"
    own.put_record(StreamName="fan", Data=b"x", PartitionKey="k")
    events = partner.subscribe_to_shard(ConsumerARN=consumer, ShardId="shardId-000000000000",
                                        StartingPosition={"Type": "TRIM_HORIZON"})["EventStream"]
    event = next(iter(events))["SubscribeToShardEvent"]
    assert [record["Data"] for record in event["Records"]] == [b"x"]
    events.close()
    assert refusal(partner.deregister_stream_consumer, ConsumerARN=consumer).code == DENIED


def until_active(kinesis, consumer):
    from kit.client import until
    until(lambda: kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]["ConsumerStatus"]
          == "ACTIVE")


def test_case_80(kinesis, server, stream):
    """GetResourcePolicy where none is set: `{}`; a second Delete is an error."""
    where = server.arn(stream)
    assert kinesis.get_resource_policy(ResourceARN=where)["Policy"] == "{}"
    text = '{"Version":"2012-10-17","Statement":[]}'
    kinesis.put_resource_policy(ResourceARN=where, Policy=text)
    assert kinesis.get_resource_policy(ResourceARN=where)["Policy"] == text
    kinesis.delete_resource_policy(ResourceARN=where)
    assert kinesis.get_resource_policy(ResourceARN=where)["Policy"] == "{}"
    assert refusal(kinesis.delete_resource_policy, ResourceARN=where).code == "ResourceNotFoundException"


@pytest.mark.parametrize("text", [
    "", "{}", "[]", "null", "{", '{"Statement":{}}', '{"Statement":[],"Statement":[]}', "[" * 10_000,
    '{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Extra":1}]}',
    '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"No":{"aws:x":"1"}}}]}',
], ids=lambda text: text[:20] or "empty")
def test_documents_that_are_refused(kinesis, server, stream, text):
    refused = refusal(kinesis.put_resource_policy, ResourceARN=server.arn(stream), Policy=text)
    assert refused.code == "ValidationException", refused
    assert kinesis.get_resource_policy(ResourceARN=server.arn(stream))["Policy"] == "{}"


def test_a_policy_is_replaced_while_the_server_runs(tmp_path):
    from kit.access import credentials
    from kit.client import until

    file = tmp_path / "credentials.toml"
    alice = add(file, OWN, "alice", ["read-only"])
    with Server(tmp_path / "server", flags=["--credentials", str(file)]) as server:
        in_force(server, alice)
        kinesis = connect_as(server, alice)
        assert refusal(kinesis.create_stream, StreamName="x", ShardCount=1).code == DENIED
        credentials(file, "policy", "--account", OWN, "--user", "alice", "--set", "full-access")

        def allowed():
            try:
                kinesis.create_stream(StreamName="x", ShardCount=1)
            except kinesis.exceptions.AccessDeniedException:
                return False
            return True
        until(allowed, every=0.3)
        credentials(file, "policy", "--account", OWN, "--user", "alice", "--clear")
        until(lambda: _denied(kinesis), every=0.3)


def _denied(kinesis):
    try:
        kinesis.list_streams()
    except kinesis.exceptions.ClientError as error:
        return error.response["Error"]["Code"] == DENIED
    return False
