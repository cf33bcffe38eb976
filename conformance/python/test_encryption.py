"""Encryption at rest: boto3 and the binary with its master key file, as an operator uses them."""

import threading
import time

import pytest

from botocore.exceptions import BotoCoreError, ClientError

from kit.client import IA, RIU, RNF, VE, connect, create, refusal, status, until, violations, wait_active
from kit.server import MASTER_KEY, run_to_end

KMS = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
DATA, KEY = b"a payload that stands out", "a-partition-key-that-stands-out"


def start(kinesis, name, **options):
    kinesis.start_stream_encryption(StreamName=name, **(KMS | options))
    wait_active(kinesis, name)


def put(kinesis, name, data=DATA):
    return kinesis.put_record(StreamName=name, PartitionKey=KEY, Data=data)


def iterator(kinesis, name):
    return kinesis.get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]


def read(kinesis, name):
    return kinesis.get_records(ShardIterator=iterator(kinesis, name))["Records"]


def attempt(call, **parameters):
    """Calls what may fail with its connection."""
    try:
        call(**parameters)
    except (BotoCoreError, ClientError):
        pass


def files_with(directory, wanted):
    return [path for path in directory.rglob("*") if path.is_file() and wanted in path.read_bytes()]


def test_case_44_put_and_read_show_kms(kinesis, stream):
    put(kinesis, stream, b"plain")
    start(kinesis, stream)
    assert put(kinesis, stream)["EncryptionType"] == "KMS"
    many = kinesis.put_records(StreamName=stream, Records=[{"PartitionKey": "k", "Data": b"many"}])
    assert many["EncryptionType"] == "KMS" and many["FailedRecordCount"] == 0
    kinesis.stop_stream_encryption(StreamName=stream, **KMS)
    wait_active(kinesis, stream)
    assert "EncryptionType" not in put(kinesis, stream, b"after")
    got = [(record["Data"], record.get("EncryptionType")) for record in read(kinesis, stream)]
    assert got == [(b"plain", None), (DATA, "KMS"), (b"many", "KMS"), (b"after", None)]


def test_the_stream_says_so_and_is_updating_meanwhile(slow_kinesis):
    name = create(slow_kinesis)
    slow_kinesis.start_stream_encryption(StreamName=name, **KMS)
    assert status(slow_kinesis, name) == "UPDATING"
    assert refusal(slow_kinesis.stop_stream_encryption, StreamName=name, **KMS).code == RIU
    wait_active(slow_kinesis, name)
    described = slow_kinesis.describe_stream(StreamName=name)["StreamDescription"]
    summary = slow_kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    for shown in (described, summary):
        assert (shown["EncryptionType"], shown["KeyId"]) == ("KMS", "alias/aws/kinesis")
    slow_kinesis.stop_stream_encryption(StreamName=name, **KMS)
    described = slow_kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert described["EncryptionType"] == "NONE" and "KeyId" not in described


@pytest.mark.parametrize("kind", ["KMS", "NONE"])
def test_terraform_stops_what_was_never_started(server, kinesis, stream, kind):
    kinesis.stop_stream_encryption(StreamARN=server.arn(stream), EncryptionType=kind, KeyId="")
    assert status(kinesis, stream) == "ACTIVE"


@pytest.mark.parametrize("operation", ["start_stream_encryption", "stop_stream_encryption"])
def test_what_is_refused(kinesis, stream, operation):
    call = getattr(kinesis, operation)
    if operation == "stop_stream_encryption":
        start(kinesis, stream)
    assert refusal(call, StreamName=stream, **(KMS | {"EncryptionType": "NONE"})).code == IA
    assert refusal(call, StreamName=stream, **(KMS | {"EncryptionType": "AES"})).code == VE
    assert refusal(call, StreamName="nowhere", **KMS).code == RNF
    assert refusal(call, **KMS).code == IA
    assert len(violations(refusal(call, StreamName=stream))) == 2
    assert refusal(call, StreamName=stream, **(KMS | {"KeyId": "k" * 2049})).code == VE


def test_a_key_must_be_there(kinesis, stream):
    arn = "arn:aws:kms:us-east-1:000000000000:key/1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
    assert refusal(kinesis.start_stream_encryption, StreamName=stream, **(KMS | {"KeyId": ""})).code == VE
    for key in (arn, arn[-36:], "alias/none", arn.replace("us-east-1", "eu-west-1"), "nonsense"):
        refused = refusal(kinesis.start_stream_encryption, StreamName=stream, **(KMS | {"KeyId": key}))
        assert refused.code == "KMSNotFoundException" and f"'{key}' does not exist" in refused.message


def keys(*arguments, env=None):
    done = run_to_end("keys", *arguments, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_life_of_a_master_key(own_server, tmp_path):
    file = tmp_path / "keys.toml"
    named = ("--file", str(file))
    keys("init", *named)
    assert file.stat().st_mode & 0o777 == 0o600
    secrets = [line.split('"')[1] for line in file.read_text().splitlines() if line.startswith("secret")]
    keys("add", "--alias", "alias/orders", *named)
    listed = keys("list", *named)
    assert "alias/aws/kinesis" in listed and "alias/orders" in listed and listed.count("enabled") == 2
    server = own_server(env={"HEADWATER_MASTER_KEY": "", "HEADWATER_MASTER_KEY_FILE": str(file)})
    kinesis = connect(server)
    sealed, plain = create(kinesis), create(kinesis)
    start(kinesis, sealed)
    put(kinesis, sealed)
    assert not files_with(server.data_dir, DATA) and not files_with(server.data_dir, KEY.encode())
    put(kinesis, plain)
    assert files_with(server.data_dir, DATA) and files_with(server.data_dir, KEY.encode())

    start(kinesis, sealed, KeyId="alias/orders")
    put(kinesis, sealed, b"orders")
    keys("rotate", "alias/orders", *named)
    keys("disable", "alias/aws/kinesis", *named)

    def refused():
        try:
            read(kinesis, sealed)
        except kinesis.exceptions.KMSDisabledException as error:
            return str(error)

    assert "is disabled" in until(refused)
    put(kinesis, sealed, b"under the other key")
    server.kill()
    server.start()
    kinesis = connect(server)
    assert [r["Data"] for r in read(kinesis, plain)] == [DATA]
    assert refusal(kinesis.get_records, ShardIterator=iterator(kinesis, sealed)).code == "KMSDisabledException"
    assert server.log().count("until its key is back") == 2, "once when it began, and once after the restart"
    keys("enable", "alias/aws/kinesis", *named)
    server.stop()
    server.start()
    kinesis = connect(server)
    assert [r["Data"] for r in read(kinesis, sealed)] == [DATA, b"orders", b"under the other key"]

    # Another file with another key: what is sealed is refused, all else works.
    other = tmp_path / "other.toml"
    keys("init", "--file", str(other))
    server.stop()
    server.env["HEADWATER_MASTER_KEY_FILE"] = str(other)
    server.start()
    kinesis = connect(server)
    assert refusal(kinesis.get_records, ShardIterator=iterator(kinesis, sealed)).code == "KMSNotFoundException"
    assert refusal(
        kinesis.put_record, StreamName=sealed, PartitionKey="k", Data=b"x"
    ).code == "KMSNotFoundException"
    put(kinesis, plain)
    for secret in secrets:
        assert secret not in server.log() and secret not in listed
        assert not files_with(server.data_dir, secret.encode())


def test_the_default_key_exists_without_ceremony(own_server, tmp_path):
    """The server makes it when it is first asked for; it outlives kill -9 and can be moved away from the data."""
    server = own_server(env={"HEADWATER_MASTER_KEY": ""})
    kinesis = connect(server)
    name = create(kinesis)
    file = server.data_dir / "keys" / "master-keys.toml"
    assert not file.exists()
    refused = refusal(kinesis.start_stream_encryption, StreamName=name, EncryptionType="KMS", KeyId="alias/other")
    assert refused.code == "KMSNotFoundException" and not file.exists()
    start(kinesis, name)
    put(kinesis, name)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "made the master key alias/aws/kinesis" in server.log()
    server.kill()
    assert not files_with(server.data_dir / "journal", DATA)
    server.start()
    kinesis = connect(server)
    assert [record["Data"] for record in read(kinesis, name)] == [DATA]
    assert "alias/aws/kinesis" in keys("list", "--file", str(file))
    keys("rotate", "alias/aws/kinesis", "--file", str(file))
    server.stop()
    elsewhere = tmp_path / "elsewhere.toml"
    file.rename(elsewhere)
    server.env = {"HEADWATER_MASTER_KEY_FILE": str(elsewhere)}
    server.start()
    kinesis = connect(server)
    put(kinesis, name, b"later")
    assert [record["Data"] for record in read(kinesis, name)] == [DATA, b"later"]


def test_kills_while_the_default_key_is_made_lose_nothing(own_server):
    """Killed at any moment of the first call: afterwards the stream is plain or encrypted, and readable."""
    for wait in (0, 0.001, 0.002, 0.004, 0.008, 0.016):
        server = own_server(env={"HEADWATER_MASTER_KEY": ""})
        kinesis = connect(server)
        name = create(kinesis)
        put(kinesis, name, b"before")
        asked = threading.Thread(target=lambda: attempt(kinesis.start_stream_encryption, StreamName=name, **KMS))
        asked.start()
        time.sleep(wait)
        server.kill()
        asked.join()
        server.start()
        kinesis = connect(server)
        assert [record["Data"] for record in read(kinesis, name)] == [b"before"]
        wait_active(kinesis, name)
        start(kinesis, name)
        put(kinesis, name)
        assert [record["Data"] for record in read(kinesis, name)] == [b"before", DATA]
        server.stop()


def test_a_key_moves_from_the_environment_into_a_file(own_server, tmp_path):
    server = own_server()
    kinesis = connect(server)
    name = create(kinesis)
    start(kinesis, name)
    put(kinesis, name)
    server.stop()
    file = tmp_path / "keys.toml"
    keys("init", "--from-environment", "--file", str(file), env={"HEADWATER_MASTER_KEY": MASTER_KEY})
    server.env = {"HEADWATER_MASTER_KEY_FILE": str(file)}
    server.start()
    kinesis = connect(server)
    assert [record["Data"] for record in read(kinesis, name)] == [DATA]


@pytest.mark.parametrize("env, said", [
    ({"HEADWATER_MASTER_KEY": "c2hvcnQ="}, "HEADWATER_MASTER_KEY is wrong: it is to hold the base64 of 32 bytes"),
    ({"HEADWATER_MASTER_KEY": MASTER_KEY, "HEADWATER_MASTER_KEY_FILE": "f"}, "keep one"),
    ({"HEADWATER_MASTER_KEY_FILE": "/nowhere/keys.toml"}, "cannot read the master key file /nowhere/keys.toml"),
])
def test_a_start_with_wrong_keys_is_refused_in_one_line(tmp_path, env, said):
    done = run_to_end("serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), env=env)
    assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1
    assert "c2hvcnQ" not in done.stderr and MASTER_KEY not in done.stderr


def test_a_file_that_others_can_read_is_refused(tmp_path):
    file = tmp_path / "keys.toml"
    keys("init", "--file", str(file))
    file.chmod(0o644)
    done = run_to_end("serve", "--data-dir", str(tmp_path / "data"), "--master-key-file", str(file))
    assert done.returncode == 1 and "chmod 600" in done.stderr
    done = run_to_end("keys", "init", "--file", str(file))
    assert done.returncode == 1 and "exists" in done.stderr
