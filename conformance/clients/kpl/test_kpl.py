"""Amazon's Kinesis Producer Library over TLS: aggregated records, while the stream is resharded and the server fails.

KPL is a Java library around a native daemon that speaks TLS only. It predicts the shard of each record and packs records
for the same shard into one. Where a record ends up in a shard that its hash key does not belong to, because the stream was
split meanwhile, KPL puts it again; whoever reads leaves out the first copy, as KCL does, because it is in a shard that it
does not belong to.
"""

import base64
import collections
import datetime
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest

from kit.client import connect, create, wait_active
from kit.server import clean_environment
from rig import cache, java, secure
from rig.aggregation import belongs, given, user_records
from rig.drain import drain, shards_of
from rig.server import kill_and_start
from rig.process import Program, run

HERE = Path(__file__).parent


@pytest.fixture
def authority(tmp_path):
    """The folder of an authority of our own and a certificate by it."""
    return secure.authority(tmp_path / "certs")


@pytest.fixture
def server(tmp_path, authority):
    with secure.server(tmp_path / "headwater", authority) as running:
        yield running


@pytest.fixture
def kinesis(server, authority):
    return connect(server, verify=str(authority / "ca.pem"))


class Outcome(NamedTuple):
    """What KPL said of one user record."""

    put: bool
    shard: str
    sequence: str
    attempts: int
    errors: list


class Producer:
    """The Java program with KPL in it."""

    def __init__(self, tmp_path, server, stream, *, count, rate, linger=0, build="kpl-1", properties=(), **settings):
        self.outcome = tmp_path / "outcome.tsv"
        self.count = count
        config = {
            "Region": "us-east-1",
            "KinesisEndpoint": "localhost",
            "KinesisPort": server.port,
            "MetricsLevel": "none",
            "TempDirectory": tmp_path / "kpl",
        } | settings
        file = tmp_path / "kpl.properties"
        file.write_text("".join(f"{name} = {value}\n" for name, value in config.items()))
        (tmp_path / "kpl").mkdir()
        class_path = java.build(HERE / build, properties)
        self.program = Program(
            tmp_path / "kpl.log",
            *java.command(class_path, "Produce", file, stream, count, rate, self.outcome, linger),
        )

    def at(self, number, seconds=60):
        self.program.wait_for(f"AT {number}\n", seconds)

    def outcomes(self, seconds=120):
        self.program.wait_for("DONE\n", seconds)
        self.program.end()
        found = {}
        for line in self.outcome.read_text().splitlines():
            number, put, shard, sequence, attempts, errors = line.split("\t", 5)
            assert int(number) not in found, f"{number} has two outcomes"
            found[int(number)] = Outcome(put == "true", shard, sequence, int(attempts), [e for e in errors.split("\t") if e])
        assert sorted(found) == list(range(self.count))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.kill()


def judge(kinesis, stream, outcomes, by_key=True):
    """Every record is where KPL was told that it is, and nowhere else but for what its failed attempts explain."""
    refused = {number: outcome for number, outcome in outcomes.items() if not outcome.put}
    assert not refused, list(refused.items())[:5]
    places = collections.defaultdict(list)
    for shard, records in drain(kinesis, stream):
        for record in records:
            for user_record in user_records(record):
                number = int(user_record.data[:8])
                assert len(user_record.data) == 200 and user_record.key == f"key-{number % 400}"
                places[number].append((shard["ShardId"], record["SequenceNumber"], not by_key or belongs(user_record, shard)))
    assert sorted(places) == sorted(outcomes), "records are missing"
    copies = strays = 0
    for number, found in places.items():
        outcome = outcomes[number]
        assert (outcome.shard, outcome.sequence, True) in found, (number, outcome, found)
        # A copy in a shard that is not the expected one, and what was sent and not answered: it may be there or not.
        wrong = sum(error.startswith("Wrong Shard") for error in outcome.errors)
        unanswered = sum(not error.startswith(("Wrong Shard", "Provisioned")) for error in outcome.errors)
        assert wrong <= len(found) - 1 <= wrong + unanswered, (number, outcome, found)
        assert sum(not place[2] for place in found) <= wrong, (number, outcome, found)
        copies += len(found) - 1
        strays += sum(not place[2] for place in found)
    errors = collections.Counter(re.sub(r"\d{3,}", "N", e)[:150] for o in outcomes.values() for e in o.errors)
    print(f"records before an earlier one of their key and shard: {inversions(outcomes)}")
    print(f"{len(places)} user records, {copies} copies, {strays} of them where they do not belong; most attempts "
          f"{max(outcome.attempts for outcome in outcomes.values())}; errors {dict(errors)}")


def inversions(outcomes):
    """KPL promises no order within a key: requests run beside one another. How much of it there was."""
    last, count = {}, 0
    for number in sorted(outcomes):
        at = (number % 400, outcomes[number].shard)
        sequence = int(outcomes[number].sequence)
        count += sequence < last.get(at, 0)
        last[at] = max(sequence, last.get(at, 0))
    return count


# What KPL warns of by itself. Any other warning or error in its log fails.
RESHARDED = r"went to shard \d+ instead of the predicted shard \d+; this usually means the shar[dp] map has changed"
# A provisioned stream has no strategy to tell, on AWS neither: KPL 1.1 says so and aggregates.
NO_STRATEGY = r"Could not determine RecordDistributionStrategy for stream .* falling back to aggregation"
# While the server is away, and for the requests that it was killed under.
AWAY = r"Could not connect to server|Failed to connect|[Cc]onnection reset|SSL|curlCode: \d+|Curl returned error|HTTP response code: -1"


def judge_log(text, *allowed):
    """How often each allowed warning was written."""
    counted = collections.Counter()
    for line in text.splitlines():
        if re.match(r"[\d:.]+ (WARN|ERROR) ", line):
            found = next((pattern for pattern in allowed if re.search(pattern, line)), None)
            assert found, line
            counted[found] += 1
        assert not line.startswith("ERROR"), line
    return counted


def open_shards(kinesis, stream):
    """Those that take records, in the order of their hash ranges."""
    found = [shard for shard in shards_of(kinesis, stream) if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
    return sorted(found, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))


def split(kinesis, stream):
    """The first open shard, in the middle."""
    shard = open_shards(kinesis, stream)[0]
    start, end = (int(shard["HashKeyRange"][f"{side}HashKey"]) for side in ("Starting", "Ending"))
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((start + end) // 2))
    wait_active(kinesis, stream)


def merge(kinesis, stream):
    """The first two open shards."""
    first, second = (shard["ShardId"] for shard in open_shards(kinesis, stream)[:2])
    kinesis.merge_shards(StreamName=stream, ShardToMerge=first, AdjacentShardToMerge=second)
    wait_active(kinesis, stream)


def judge_by_kcl(tmp_path, kinesis, stream, count):
    """KCL's own code takes the same records apart, and gives each shard's processor the same ones, in the same order."""
    ours, lines = [], []
    for shard, records in drain(kinesis, stream):
        held = shard["HashKeyRange"]
        for record in records:
            lines.append("\t".join([held["StartingHashKey"], held["EndingHashKey"], record["PartitionKey"],
                                    record["SequenceNumber"], base64.b64encode(record["Data"]).decode()]))
            ours += [f"{record['SequenceNumber']}\t{one.key}\t{one.data.decode()}" for one in given(record, shard)]
    (tmp_path / "records.tsv").write_text("\n".join(lines) + "\n")
    command = java.command(java.build(HERE / "kcl-judge"), "Deaggregate")
    with open(tmp_path / "records.tsv") as records:
        done = subprocess.run(command, stdin=records, capture_output=True, text=True, timeout=120, env=clean_environment())
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ours
    times = collections.Counter(int(line.split("\t")[2][:8]) for line in ours)
    lost = len(set(range(count)) - set(times))
    print(f"KCL gives {len(times)} of {count} records, {sum(times.values()) - len(times)} a second time")
    return lost


def test_a_split_and_the_authority_in_a_file(tmp_path, server, kinesis, authority):
    """The newest KPL, which verifies our certificate; what it predicted wrong after the split it finds out by itself."""
    stream = create(kinesis, shards=2)
    with Producer(tmp_path, server, stream, count=10_001, rate=1000, CaCertFile=authority / "ca.pem") as producer:
        producer.at(5000)
        split(kinesis, stream)
        outcomes = producer.outcomes()
    judge(kinesis, stream, outcomes)
    assert max(outcome.attempts for outcome in outcomes.values()) <= 3
    assert 1 <= judge_log(producer.program.text(), RESHARDED, NO_STRATEGY)[RESHARDED] <= 20


# 0.x cannot be told of an authority, so it must not verify; 1.x takes a file, or a folder as OpenSSL has them.
VERSIONS = {
    "1.1.1": ("kpl-1", (), lambda certs: {"CaCertFile": certs / "ca.pem"}),
    "1.0.9": ("kpl-1", ("kpl.version=1.0.9",), lambda certs: {"CaCertPath": hashed_folder(certs)}),
    "0.15.12": ("kpl-0", (), lambda certs: {"VerifyCertificate": "false"}),
}


def hashed_folder(certs):
    """The authority in a folder of its own, under the name by which OpenSSL looks for it."""
    folder = certs / "trusted"
    folder.mkdir()
    openssl = cache.tool("openssl", "apt-get install openssl")
    name = run(openssl, "x509", "-in", certs / "ca.pem", "-noout", "-subject_hash").strip()
    (folder / f"{name}.0").write_text((certs / "ca.pem").read_text())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_reshards_and_a_server_that_fails(tmp_path, server, kinesis, authority, version):
    """50,000 records through a split, a merge, a doubling of the shards, and a server that is killed and comes back."""
    build, properties, trust = VERSIONS[version]
    stream = create(kinesis, shards=2)
    settings = trust(authority)
    if version.startswith("0."):
        settings |= {"StsEndpoint": "localhost", "StsPort": server.port}
    with Producer(tmp_path, server, stream, count=50_001, rate=1500, build=build, properties=properties,
                  **settings) as producer:
        producer.at(5000)
        split(kinesis, stream)
        producer.at(15_000)
        merge(kinesis, stream)
        producer.at(20_000)
        kinesis.update_shard_count(StreamName=stream, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
        wait_active(kinesis, stream)
        producer.at(35_000)
        kill_and_start(server, after_s=1)
        outcomes = producer.outcomes()
    judge(kinesis, stream, outcomes)
    lost = judge_by_kcl(tmp_path, kinesis, stream, producer.count)
    # Where one record of an aggregate does not belong to the shard, KCL drops the whole aggregate. KPL 1.1 puts the whole
    # aggregate again. Earlier ones put only that record again if they know the shard already, and KCL never sees the
    # rest, on AWS as here: a fault of theirs in the moment of a reshard.
    assert lost == 0 if version.startswith("1.1") else lost < 500
    # Records are retried every 50 ms or so while nobody is there, and not after.
    assert max(outcome.attempts for outcome in outcomes.values()) <= 60
    assert max(sum(e.startswith("Wrong Shard") for e in outcome.errors) for outcome in outcomes.values()) <= 2
    assert 3 <= judge_log(producer.program.text(), RESHARDED, NO_STRATEGY, AWAY)[RESHARDED] <= 100


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["USER_PARTITION_KEY", "AUTO"])
def test_an_on_demand_stream(tmp_path, server, kinesis, authority, strategy):
    """KPL asks such a stream who decides on the shard. Where the service does, KPL need not predict, nor try again."""
    stream = create(kinesis, None, StreamModeDetails={"StreamMode": "ON_DEMAND"}, RecordDistributionStrategy=strategy)
    with Producer(tmp_path, server, stream, count=10_001, rate=2000, CaCertFile=authority / "ca.pem") as producer:
        outcomes = producer.outcomes()
    judge(kinesis, stream, outcomes, by_key=strategy == "USER_PARTITION_KEY")
    assert {outcome.attempts for outcome in outcomes.values()} == {1}
    assert {outcome.shard for outcome in outcomes.values()} == {shard["ShardId"] for shard in open_shards(kinesis, stream)}
    judge_log(producer.program.text())
    assert f'Reported RecordDistributionStrategy "{strategy}"' in producer.program.text()


@pytest.mark.slow
def test_metrics(tmp_path, server, kinesis, authority):
    """KPL's metrics go to the same server, whose CloudWatch has every record in its count."""
    stream = create(kinesis, shards=2)
    metrics = {"MetricsLevel": "detailed", "MetricsUploadDelay": 1000, "CloudwatchEndpoint": "localhost",
               "CloudwatchPort": server.port, "MetricsNamespace": "producers"}
    with Producer(tmp_path, server, stream, count=10_001, rate=1000, linger=5, CaCertFile=authority / "ca.pem",
                  **metrics) as producer:
        outcomes = producer.outcomes()
    judge(kinesis, stream, outcomes)
    judge_log(producer.program.text(), NO_STRATEGY)
    cloudwatch = boto3.client("cloudwatch", region_name="us-east-1", endpoint_url=server.url, aws_access_key_id="test",
                              aws_secret_access_key="test", verify=str(authority / "ca.pem"))
    now = datetime.datetime.now(datetime.timezone.utc)
    points = cloudwatch.get_metric_statistics(
        Namespace="producers", MetricName="UserRecordsPut", Dimensions=[{"Name": "StreamName", "Value": stream}],
        StartTime=now - datetime.timedelta(minutes=10), EndTime=now + datetime.timedelta(minutes=1), Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 10_001
