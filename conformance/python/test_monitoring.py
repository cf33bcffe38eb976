"""Enhanced monitoring, and CloudWatch as its clients speak to it."""

import gzip
import json
import os
import subprocess
import sys
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
import cbor2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from kit.access import OTHER, OWN, add, allow, connect_as, policy
from kit.client import connect, create, refusal, status, unique, until, wait_active
from kit.raw import SIGNED, send
from kit.reading import read
from kit.server import Server

SEVEN = [
    "IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords",
    "WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
]
FORM = "application/x-www-form-urlencoded; charset=utf-8"
XML = "{http://monitoring.amazonaws.com/doc/2010-08-01/}"


PROTOCOLS = ["smithy-rpc-v2-cbor", "json", "query"]


def cloudwatch(server, protocol, key="test", secret="test"):
    """boto3, made to speak one of the protocols of its model."""
    session = boto3.Session(
        aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1"
    )
    loader = session._session.get_component("data_loader")
    whole = loader.load_service_model

    def only(service, kind, *rest, **options):
        model = whole(service, kind, *rest, **options)
        if service == "cloudwatch" and kind == "service-2":
            chosen = {"protocol": protocol, "protocols": [protocol]}
            model = dict(model, metadata=model["metadata"] | chosen)
        return model

    loader.load_service_model = only
    client = session.client(
        "cloudwatch", endpoint_url=server.url,
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    assert client.meta.service_model.resolved_protocol == protocol
    return client


@pytest.fixture(scope="module", params=PROTOCOLS)
def metrics(server, request):
    return cloudwatch(server, request.param)


def minutes():
    """The present minute, as the server rounds it."""
    return datetime.now(timezone.utc).replace(second=0, microsecond=0)


def span():
    now = datetime.now(timezone.utc)
    return {"StartTime": now - timedelta(minutes=10), "EndTime": now + timedelta(minutes=1)}


def test_metrics_of_linked_accounts_are_ones_own(metrics):
    namespace = unique("owners")
    metrics.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", "Value": 1}])
    listed = metrics.list_metrics(Namespace=namespace, IncludeLinkedAccounts=True)
    assert len(listed["Metrics"]) == 1 and listed["OwningAccounts"] == ["000000000000"]
    assert "OwningAccounts" not in metrics.list_metrics(Namespace=namespace)
    for owner, many in (("000000000000", 1), ("111122223333", 0)):
        of = {"IncludeLinkedAccounts": True, "OwningAccount": owner}
        assert len(metrics.list_metrics(Namespace=namespace, **of)["Metrics"]) == many


def test_a_wrong_entity_costs_its_metrics_only_if_one_is_strict(metrics):
    namespace = unique("entities")
    named = {"Type": "Service", "Name": "shop", "Environment": "test"}

    def put(metric, entity, **more):
        data = [{"Entity": entity, "MetricData": [{"MetricName": metric, "Value": 1}]}]
        metrics.put_metric_data(Namespace=namespace, EntityMetricData=data, **more)

    put("lenient", {"KeyAttributes": {"Type": "Service"}})
    put("strict", {"KeyAttributes": named, "Attributes": {"Team": "a"}}, StrictEntityValidation=True)
    for wrong in ({"KeyAttributes": {"Type": "Service"}}, {"KeyAttributes": named | {"Name": " "}}):
        with pytest.raises(ClientError) as caught:
            put("refused", wrong, StrictEntityValidation=True)
        assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"
    names = {metric["MetricName"] for metric in metrics.list_metrics(Namespace=namespace)["Metrics"]}
    assert names == {"lenient", "strict"}


def test_terraform_enables_and_waits(slow, slow_kinesis):
    name = create(slow_kinesis)
    answer = slow_kinesis.enable_enhanced_monitoring(
        StreamName=name, ShardLevelMetrics=["IncomingBytes", "OutgoingBytes"]
    )
    assert answer["StreamName"] == name and answer["StreamARN"].endswith(f":stream/{name}")
    assert answer["CurrentShardLevelMetrics"] == []
    assert sorted(answer["DesiredShardLevelMetrics"]) == ["IncomingBytes", "OutgoingBytes"]
    assert status(slow_kinesis, name) == "UPDATING"
    refused = refusal(
        slow_kinesis.enable_enhanced_monitoring, StreamName=name, ShardLevelMetrics=["ALL"]
    )
    assert refused.code == "ResourceInUseException"
    wait_active(slow_kinesis, name)
    summary = slow_kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["EnhancedMonitoring"] == [
        {"ShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"]}
    ]
    answer = slow_kinesis.disable_enhanced_monitoring(
        StreamName=name, ShardLevelMetrics=["OutgoingBytes"]
    )
    assert answer["DesiredShardLevelMetrics"] == ["IncomingBytes"]


def test_seven_metrics_in_prometheus(server, kinesis):
    name = create(kinesis, shards=2)
    kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"x" * 99)
    kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
    read(kinesis, name)
    text = send(server, "GET", "/metrics").body.decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("stream") == name and "kinesis_" in sample.name:
                found.setdefault(family.name.removeprefix("headwater_kinesis_"), {})[
                    sample.labels["shard"]
                ] = sample.value
    assert set(found) >= set(SEVEN) - {"IteratorAgeMilliseconds"}
    assert sum(found["IncomingBytes"].values()) == 100
    assert sum(found["IteratorAgeMilliseconds"].values()) == 0


def test_put_list_and_get(metrics):
    namespace = unique("app")
    dimensions = [{"Name": "host", "Value": "a b+c/é&<>"}]
    at = minutes()
    metrics.put_metric_data(
        Namespace=namespace,
        MetricData=[
            {"MetricName": "one", "Dimensions": dimensions, "Value": 1.5, "Unit": "Bytes/Second",
             "Timestamp": at},
            {"MetricName": "one", "Dimensions": dimensions, "Values": [1, 3], "Counts": [2, 4],
             "Unit": "Bytes/Second", "Timestamp": at},
            {"MetricName": "set", "Timestamp": at + timedelta(seconds=1, milliseconds=500),
             "StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": -1, "Maximum": 9}},
        ],
    )
    listed = metrics.list_metrics(Namespace=namespace)["Metrics"]
    assert sorted(metric["MetricName"] for metric in listed) == ["one", "set"]
    one = next(metric for metric in listed if metric["MetricName"] == "one")
    assert one["Dimensions"] == dimensions and one["Namespace"] == namespace
    filtered = metrics.list_metrics(Namespace=namespace, Dimensions=[{"Name": "host"}])["Metrics"]
    assert [metric["MetricName"] for metric in filtered] == ["one"]
    assert metrics.list_metrics(Namespace=namespace, MetricName="three")["Metrics"] == []

    every = ["SampleCount", "Sum", "Minimum", "Maximum", "Average"]
    got = metrics.get_metric_statistics(
        Namespace=namespace, MetricName="one", Dimensions=dimensions, Period=60, Statistics=every,
        **span(),
    )
    assert got["Label"] == "one" and len(got["Datapoints"]) == 1
    point = got["Datapoints"][0]
    assert point["Timestamp"] == at and point["Unit"] == "Bytes/Second"
    assert (point["SampleCount"], point["Sum"]) == (7, 15.5)
    assert (point["Minimum"], point["Maximum"]) == (1, 3)
    assert point["Average"] == pytest.approx(15.5 / 7)

    stat = {"Metric": {"Namespace": namespace, "MetricName": "set"}, "Period": 300, "Stat": "Average"}
    other = {"Metric": {"Namespace": namespace, "MetricName": "none"}, "Period": 60, "Stat": "Sum"}
    data = metrics.get_metric_data(
        MetricDataQueries=[{"Id": "a", "MetricStat": stat}, {"Id": "b", "MetricStat": other}],
        ScanBy="TimestampAscending", **span(),
    )
    first, second = data["MetricDataResults"]
    assert (first["Id"], first["Values"], first["StatusCode"]) == ("a", [2.5], "Complete")
    assert len(first["Timestamps"]) == 1
    assert (second["Id"], second.get("Values", []), second["StatusCode"]) == ("b", [], "Complete")
    assert "NextToken" not in data


def test_dynamic_labels_as_grafana_asks_for_them(metrics):
    namespace, at = unique("app"), minutes()
    host = [{"Name": "host", "Value": "web-1"}]
    for i, value in enumerate([4, 1.5, 7]):
        metrics.put_metric_data(Namespace=namespace, MetricData=[
            {"MetricName": "depth", "Dimensions": host, "Value": value, "Timestamp": at + timedelta(minutes=i - 2)},
        ])
    metric = {"Namespace": namespace, "MetricName": "depth", "Dimensions": host}
    query = {"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}}

    def label(text, **more):
        results, token = [], {}
        while True:
            data = metrics.get_metric_data(MetricDataQueries=[query | {"Label": text}], **span(), **more, **token)
            results += data["MetricDataResults"]
            if "NextToken" not in data:
                break
            token = {"NextToken": data["NextToken"]}
        (shown,) = {result["Label"] for result in results}
        return shown

    assert label("${PROP('MetricName')} ${PROP('Namespace')} ${PROP('Stat')}") == f"depth {namespace} Average"
    assert label("${PROP('Period')} ${PROP('Region')} ${PROP('AccountId')}") == "60 us-east-1 000000000000"
    assert label("${PROP('AccountLabel')} ${PROP('Dim.host')} ${PROP('Dim.none')}") == "000000000000 web-1 --"
    assert label("${LABEL}: ${SUM}, ${AVG}, ${MIN}, ${MAX}") == f"depth: 12.5, {12.5 / 3}, 1.5, 7"
    assert label("${FIRST} ${LAST} ${FIRST_LAST_RANGE} ${MIN_MAX_RANGE} ${DATAPOINT_COUNT}") == "4 7 3 5.5 3"
    assert label("${FIRST_LAST_TIME_RANGE} ${MIN_MAX_TIME_RANGE}") == "2m 1m"
    assert label("${LAST_TIME}") == at.strftime("%Y-%m-%d %H:%M:%S UTC")
    zone = at.astimezone(timezone(timedelta(hours=1, minutes=30)))
    assert label("${MAX_TIME}", LabelOptions={"Timezone": "+0130"}) == zone.strftime("%Y-%m-%d %H:%M:%S +0130")
    assert label("${LAST_TIME_RELATIVE}").endswith(("s", "m", "h"))
    assert label("as it is: ${NONE} ${PROP('None')} $") == "as it is: ${NONE} ${PROP('None')} $"
    # Of all points, whatever fits into a page.
    assert label("${SUM} of ${DATAPOINT_COUNT}", MaxDatapoints=1) == "12.5 of 3"
    for wrong in ({"text": "${MAX}" * 7}, {"text": "x", "LabelOptions": {"Timezone": "CET"}}):
        with pytest.raises(ClientError) as caught:
            label(**wrong)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_errors_have_the_codes_of_the_query_protocol(metrics):
    def refused(call, **parameters):
        with pytest.raises(ClientError) as caught:
            call(**parameters)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert caught.value.response["Error"]["Message"]
        return caught.value.response["Error"]["Code"]

    wanted = {"Namespace": "n", "MetricName": "m", "Period": 60, **span()}
    datum = {"MetricName": "m", "Value": 1}
    put, get = metrics.put_metric_data, metrics.get_metric_statistics
    assert refused(put, Namespace="AWS/x", MetricData=[datum]) == "InvalidParameterValue"
    assert refused(put, Namespace="n", MetricData=[{"MetricName": "m"}]) == "MissingParameter"
    nan = datum | {"Value": float("nan")}
    assert refused(put, Namespace="n", MetricData=[nan]) == "InvalidParameterValue"
    infinite = datum | {"Value": float("inf")}
    assert refused(put, Namespace="n", MetricData=[infinite]) == "InvalidParameterValue"
    assert refused(get, **wanted) == "InvalidParameterCombination"
    assert refused(get, ExtendedStatistics=["p99"], **wanted) == "InvalidParameterValue"
    extended = {"Statistics": ["Sum"], "ExtendedStatistics": ["Average"]}
    assert refused(get, **extended, **wanted) == "InvalidParameterValue", "refused whatever it is"
    assert refused(metrics.list_metrics, NextToken="x") == "InvalidParameterValue"
    # Everything that is not served says so.
    with pytest.raises(ClientError) as caught:
        metrics.describe_alarms()
    assert caught.value.response["Error"]["Code"] in ("InvalidAction", "UnknownOperationException")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with credentials, and who has some."""
    place = tmp_path_factory.mktemp("guarded")
    file = place / "credentials.toml"
    watcher = policy(place, "watcher", allow("cloudwatch:PutMetricData"))
    people = {
        "own": add(file),
        "other": add(file, OTHER),
        "nobody": add(file, OWN, "nobody"),
        "watcher": add(file, OWN, "watcher", [watcher]),
    }
    with Server(place / "server", flags=["--credentials", str(file)]) as running:
        yield running, people


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_may_do_what(guarded, protocol):
    server, people = guarded
    put = {"Namespace": unique("n"), "MetricData": [{"MetricName": "m", "Value": 1}]}

    def client(name):
        return cloudwatch(server, protocol, people[name].key, people[name].secret)

    def refused(call, **parameters):
        with pytest.raises(ClientError) as caught:
            call(**parameters)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        return caught.value.response["Error"]["Code"]

    assert refused(cloudwatch(server, protocol).list_metrics) == "InvalidClientTokenId"
    wrong = cloudwatch(server, protocol, people["own"].key, "another secret")
    assert refused(wrong.list_metrics) == "SignatureDoesNotMatch"
    assert refused(client("nobody").put_metric_data, **put) == "AccessDenied"
    client("watcher").put_metric_data(**put)
    assert refused(client("watcher").list_metrics) == "AccessDenied"

    def listed(name):
        return client(name).list_metrics(Namespace=put["Namespace"])["Metrics"]

    assert [metric["MetricName"] for metric in listed("own")] == ["m"]
    assert listed("other") == [], "accounts do not see each other's metrics"
    # One key signs for both services, as the KCL's does.
    kinesis = connect_as(server, people["own"])
    for _ in range(2):
        kinesis.list_streams()
        assert listed("own")


def test_pages(metrics):
    namespace = unique("app")
    for half in range(2):
        data = [{"MetricName": f"m{half * 400 + i}", "Value": 1} for i in range(400)]
        metrics.put_metric_data(Namespace=namespace, MetricData=data)
    pages = list(metrics.get_paginator("list_metrics").paginate(Namespace=namespace))
    assert [len(page["Metrics"]) for page in pages] == [500, 300]
    names = {metric["MetricName"] for page in pages for metric in page["Metrics"]}
    assert len(names) == 800
    queries = [
        {"Id": f"q{i}", "MetricStat": {
            "Metric": {"Namespace": namespace, "MetricName": f"m{i}"}, "Period": 60, "Stat": "Sum"}}
        for i in range(5)
    ]
    pages = metrics.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, MaxDatapoints=2, **span()
    )
    values = [v for page in pages for series in page["MetricDataResults"] for v in series["Values"]]
    assert values == [1] * 5


def test_a_client_that_compresses(server):
    """As the Java SDK does for KCL once the body is 10 KiB, and botocore too."""
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    client = session.client(
        "cloudwatch", endpoint_url=server.url,
        config=Config(request_min_compression_size_bytes=128),
    )
    namespace, seen = unique("app"), []
    client.meta.events.register(
        "before-send.cloudwatch",
        lambda request, **_: seen.append(request.headers.get("Content-Encoding")),
    )
    data = [{"MetricName": f"m{i}", "Value": 1} for i in range(1000)]
    client.put_metric_data(Namespace=namespace, MetricData=data)
    assert seen[0] in (b"gzip", "gzip")
    assert len(client.list_metrics(Namespace=namespace)["Metrics"]) == 500


def kcl_form(namespace):
    """A body as KCL 3's CloudWatch client writes it: statistic sets by operation, shard and worker."""
    form = {"Action": "PutMetricData", "Version": "2010-08-01", "Namespace": namespace}
    names = [("RecordsProcessed", "Count"), ("ReadRecords.Time", "Milliseconds"),
             ("MillisBehindLatest", "Milliseconds"), ("Success", "Count")]
    for i, (name, unit) in enumerate(names * 5, start=1):
        at = f"MetricData.member.{i}."
        form |= {
            at + "MetricName": name,
            at + "Dimensions.member.1.Name": "Operation",
            at + "Dimensions.member.1.Value": "ReadTask",
            at + "Dimensions.member.2.Name": "ShardId",
            at + "Dimensions.member.2.Value": f"shardId-{(i - 1) // 4:012}",
            at + "Timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            at + "StatisticValues.SampleCount": "3.0",
            at + "StatisticValues.Sum": "42.0",
            at + "StatisticValues.Minimum": "0.0",
            at + "StatisticValues.Maximum": "1.4E1",
            at + "Unit": unit,
        }
    return urllib.parse.urlencode(form).encode()


def test_a_body_of_the_kcl(server):
    namespace = unique("kcl-app")
    headers = SIGNED | {"Content-Type": FORM, "Content-Encoding": "gzip"}
    answer = send(server, "POST", "/", gzip.compress(kcl_form(namespace)), headers)
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"].startswith("text/xml")
    root = ElementTree.fromstring(answer.body)
    assert root.tag == XML + "PutMetricDataResponse"
    request_id = root.find(f"{XML}ResponseMetadata/{XML}RequestId").text
    assert request_id == answer.headers["x-amzn-RequestId"]
    form = {
        "Action": "GetMetricStatistics", "Version": "2010-08-01", "Namespace": namespace,
        "MetricName": "RecordsProcessed", "Period": "300", "Statistics.member.1": "Sum",
        "Dimensions.member.1.Name": "ShardId", "Dimensions.member.1.Value": "shardId-000000000002",
        "Dimensions.member.2.Name": "Operation", "Dimensions.member.2.Value": "ReadTask",
        "StartTime": (minutes() - timedelta(minutes=10)).isoformat(),
        "EndTime": (minutes() + timedelta(minutes=10)).isoformat(),
    }
    body = urllib.parse.urlencode(form).encode()
    answer = send(server, "POST", "/", body, SIGNED | {"Content-Type": FORM})
    sums = [sum_.text for sum_ in ElementTree.fromstring(answer.body).iter(XML + "Sum")]
    assert sums == ["42.0"], answer.body


def test_a_bomb_is_not_inflated(server):
    headers = SIGNED | {"Content-Type": FORM, "Content-Encoding": "gzip"}
    bomb = gzip.compress(b"Action=PutMetricData&Version=2010-08-01&X=" + b"x" * (200 << 20), 9)
    assert len(bomb) < 1 << 20
    answer = send(server, "POST", "/", bomb, headers)
    assert answer.status == 413, answer
    assert ElementTree.fromstring(answer.body).find(f".//{XML}Code").text == "RequestEntityTooLarge"


def test_rpc_v2_cbor_as_the_rust_sdk_speaks_it(server):
    namespace = unique("rust")
    path = "/service/GraniteServiceVersion20100801/operation/"
    headers = SIGNED | {
        "Content-Type": "application/cbor", "Accept": "application/cbor", "smithy-protocol": "rpc-v2-cbor",
    }
    whole = int(time.time()) // 60 * 60
    for at in (whole, whole + 0.25):
        datum = {"MetricName": "m", "Value": 1.0, "Timestamp": cbor2.CBORTag(1, at)}
        body = cbor2.dumps({"Namespace": namespace, "MetricData": [datum]})
        answer = send(server, "POST", path + "PutMetricData", body, headers)
        assert answer.status == 200 and answer.headers["smithy-protocol"] == "rpc-v2-cbor"
    body = cbor2.dumps({
        "Namespace": namespace, "MetricName": "m", "Period": 60, "Statistics": ["Sum"],
        "StartTime": cbor2.CBORTag(1, whole - 60), "EndTime": cbor2.CBORTag(1, whole + 60),
    })
    answer = send(server, "POST", path + "GetMetricStatistics", body, headers)
    assert answer.headers["Content-Type"] == "application/cbor"
    points = cbor2.loads(answer.body)["Datapoints"]
    assert [(p["Timestamp"].timestamp(), p["Sum"]) for p in points] == [(whole, 2)]
    answer = send(server, "POST", path + "PutMetricData", cbor2.dumps({"Namespace": "AWS/x"}), headers)
    assert answer.status == 400 and answer.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert answer.headers["x-amzn-query-error"] == "InvalidParameterValue;Sender"
    assert cbor2.loads(answer.body)["__type"] == "InvalidParameterValueException"
    unsigned = {k: v for k, v in headers.items() if k not in SIGNED}
    assert send(server, "POST", path + "ListMetrics", cbor2.dumps({}), unsigned).status == 403
    assert send(server, "POST", path + "ListMetrics", b"\xff", headers).status == 400
    assert send(server, "POST", path + "Nothing", cbor2.dumps({}), headers).status == 404


def test_streams_are_sampled(own_server):
    """Real minutes: what was put is there soon after its minute has ended."""
    server = own_server()
    kinesis, metrics = connect(server), cloudwatch(server, "smithy-rpc-v2-cbor")
    name = create(kinesis)
    kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
    kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"x" * 99)
    read(kinesis, name)
    dimensions = [{"Name": "StreamName", "Value": name}]

    def sums(metric, dimensions):
        got = metrics.get_metric_statistics(
            Namespace="AWS/Kinesis", MetricName=metric, Dimensions=dimensions, Period=60,
            Statistics=["Sum"], **span(),
        )
        return sum(point["Sum"] for point in got["Datapoints"])

    until(lambda: sums("IncomingBytes", dimensions) == 100, seconds=90, every=1)
    assert sums("PutRecord.Success", dimensions) == 1
    of_shard = [*dimensions, {"Name": "ShardId", "Value": "shardId-000000000000"}]
    assert sums("IncomingBytes", of_shard) == 100
    listed = metrics.list_metrics(Namespace="AWS/Kinesis", Dimensions=[{"Name": "ShardId"}])["Metrics"]
    assert {metric["MetricName"] for metric in listed} == set(SEVEN)


@pytest.fixture
def aws(server):
    program = Path(sys.executable).parent / "aws"
    environment = {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "",
    }

    def run(*arguments):
        finished = subprocess.run(
            [program, "--endpoint-url", server.url, "--output", "json", *arguments],
            env=os.environ | environment, capture_output=True, text=True, timeout=60,
        )
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout) if finished.stdout.strip() else None

    return run


def test_the_aws_cli(aws, stream):
    name = unique("cli")
    put = ("cloudwatch", "put-metric-data", "--namespace", name)
    assert aws(*put, "--metric-name", "m", "--value", "7", "--dimensions", "host=a") is None
    listed = aws("cloudwatch", "list-metrics", "--namespace", name)["Metrics"]
    assert listed[0]["Dimensions"] == [{"Name": "host", "Value": "a"}]
    times = {key: value.isoformat() for key, value in span().items()}
    got = aws(
        "cloudwatch", "get-metric-statistics", "--namespace", name, "--metric-name", "m",
        "--dimensions", "Name=host,Value=a", "--period", "60", "--statistics", "Sum", "Average",
        "--start-time", times["StartTime"], "--end-time", times["EndTime"],
    )
    assert [point["Sum"] for point in got["Datapoints"]] == [7.0]
    answer = aws(
        "kinesis", "enable-enhanced-monitoring", "--stream-name", stream, "--shard-level-metrics", "ALL"
    )
    assert answer["DesiredShardLevelMetrics"] == SEVEN
