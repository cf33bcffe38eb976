"""TLS on the port that also takes plaintext: certificates, versions, HTTP/1.1 and HTTP/2 with and without ALPN."""

import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
from pathlib import Path

import botocore.exceptions
import pytest

from kit.client import connect, create, until
from kit.server import Server, clean_environment, run_to_end

EVERY_NAME = ("localhost", "127.0.0.1", "::1", "kinesis.example.test")


def tool(name, package):
    """The path of a program that the test cannot do without."""
    path = shutil.which(name)
    assert path, f"{name} is missing; on Debian: apt-get install {package}"
    return path


def run(*command, data="", env=None, seconds=20):
    done = subprocess.run(
        command, input=data, capture_output=True, text=True, timeout=seconds, env=env or clean_environment()
    )
    return done


def make(directory, *names):
    named = [f"--name={name}" for name in names]
    done = run_to_end("tls", "init", str(directory), *named)
    assert done.returncode == 0, done.stderr
    return done.stdout


def described(certificate):
    return run(tool("openssl", "openssl"), "x509", "-in", str(certificate), "-noout", "-text").stdout


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls") / "certs"
    make(directory, "kinesis.example.test")
    return directory


@pytest.fixture(scope="module")
def secure(tmp_path_factory, certificates):
    flags = ("--tls-cert", str(certificates / "server.pem"), "--tls-key", str(certificates / "server.key"))
    with Server(tmp_path_factory.mktemp("secure"), scheme="https", flags=flags) as running:
        yield running


@pytest.fixture(scope="module")
def ca(certificates):
    return str(certificates / "ca.pem")


def served(server, ca, name="localhost"):
    """The certificate that the server shows, in DER form, after it was verified for this name."""
    context = ssl.create_default_context(cafile=ca)
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        with context.wrap_socket(plain, server_hostname=name) as connection:
            return connection.getpeercert(binary_form=True)


@pytest.mark.tools
def test_tls_init_makes_an_authority_and_a_certificate(tmp_path):
    said = make(tmp_path / "c", "kinesis.example.test", "10.1.2.3")
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "c").iterdir()}
    assert files == {"ca.pem": 0o644, "server.pem": 0o644, "ca.key": 0o600, "server.key": 0o600}
    authority, server = (described(tmp_path / "c" / name) for name in ("ca.pem", "server.pem"))
    assert "CA:TRUE" in authority and "Certificate Sign" in authority
    assert "CA:FALSE" in server and "TLS Web Server Authentication" in server
    for name in ("DNS:localhost", "IP Address:127.0.0.1", "DNS:kinesis.example.test", "IP Address:10.1.2.3"):
        assert name in server
    verified = run(tool("openssl", "openssl"), "verify", "-x509_strict", "-CAfile", str(tmp_path / "c" / "ca.pem"),
                   str(tmp_path / "c" / "server.pem"))
    assert verified.returncode == 0, verified.stderr
    assert "a new authority" in said and "AWS_CA_BUNDLE" in said
    assert "PRIVATE KEY" not in said


@pytest.mark.tools
def test_tls_init_takes_the_names_of_aws(tmp_path, own_server):
    """For clients that take no endpoint: docs/clients/aws-names.md."""
    names = [
        f"{name}.us-east-1.amazonaws.com"
        for name in ("kinesis", "dynamodb", "monitoring", "sts", "000000000000.data-kinesis", "000000000000.control-kinesis")
    ]
    certs = tmp_path / "certs"
    make(certs, *names)
    text = described(certs / "server.pem")
    flags = ("--tls-cert", str(certs / "server.pem"), "--tls-key", str(certs / "server.key"))
    server = own_server(scheme="https", flags=flags)
    trusting = ssl.create_default_context(cafile=certs / "ca.pem")
    for name in names:
        assert f"DNS:{name}" in text, text
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            with trusting.wrap_socket(plain, server_hostname=name) as secured:
                assert secured.version() == "TLSv1.3"


@pytest.mark.tools
def test_tls_init_again_renews_and_keeps_the_authority(tmp_path):
    make(tmp_path)
    before = {name: (tmp_path / name).read_text() for name in ("ca.pem", "ca.key", "server.pem", "server.key")}
    said = make(tmp_path)
    after = {name: (tmp_path / name).read_text() for name in before}
    assert "the authority that was there" in said
    assert {name for name in before if before[name] == after[name]} == {"ca.pem", "ca.key"}
    verified = run(tool("openssl", "openssl"), "verify", "-CAfile", str(tmp_path / "ca.pem"),
                   str(tmp_path / "server.pem"))
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize("arguments", [("--name", "no spaces"), ("--name", "-x.com"), ("--days", "0"), ("--days", "825")])
def test_tls_init_refuses_what_no_certificate_can_have(tmp_path, arguments):
    done = run_to_end("tls", "init", str(tmp_path / "c"), *arguments)
    assert done.returncode != 0 and len(done.stderr.splitlines()) <= 3, done.stderr
    assert not (tmp_path / "c" / "server.pem").exists()


def test_boto3_that_trusts_the_authority(secure, ca):
    kinesis = connect(secure, verify=ca)
    stream = create(kinesis)
    kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"over TLS")
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    at = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]
    assert [record["Data"] for record in records] == [b"over TLS"]
    consumer = kinesis.register_stream_consumer(StreamARN=secure.arn(stream), ConsumerName="c")["Consumer"]
    until(lambda: kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])["ConsumerDescription"]
          ["ConsumerStatus"] == "ACTIVE")
    events = kinesis.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"], ShardId=shard, StartingPosition={"Type": "TRIM_HORIZON"}
    )["EventStream"]
    first = next(iter(events))["SubscribeToShardEvent"]
    assert [record["Data"] for record in first["Records"]] == [b"over TLS"]
    events.close()


def test_boto3_that_does_not_trust_it_says_so(secure):
    with pytest.raises(botocore.exceptions.SSLError):
        connect(secure).list_streams()


@pytest.mark.parametrize("name", EVERY_NAME)
def test_the_certificate_is_good_for_every_name(secure, ca, name):
    assert served(secure, ca, name)


def test_and_for_no_other(secure, ca):
    with pytest.raises(ssl.SSLCertVerificationError):
        served(secure, ca, "kinesis.us-east-1.amazonaws.com")


@pytest.mark.tools
@pytest.mark.parametrize(
    ("flags", "version"),
    [
        (("--http1.1",), "1.1"),
        (("--http2",), "2"),
        # As the Java SDK does it: the preface of HTTP/2 without having been offered it.
        (("--http2-prior-knowledge", "--no-alpn"), "2"),
        (("--http1.1", "--no-alpn"), "1.1"),
        (("--http2", "--tlsv1.2", "--tls-max", "1.2"), "2"),
        (("--http2", "--tlsv1.3"), "2"),
    ],
)
def test_curl(secure, ca, flags, version):
    done = run(tool("curl", "curl"), "--silent", "--show-error", "--cacert", ca, *flags, "--write-out",
               " %{http_version} %{http_code}", f"https://localhost:{secure.port}/health")
    assert done.stdout == f'{{"status":"ok"}}\n {version} 200', done.stderr


@pytest.mark.tools
@pytest.mark.parametrize("offered", ["h2", "http/1.1", "h2,http/1.1", "spdy/3"])
def test_openssl_by_alpn(secure, ca, offered):
    done = run(tool("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{secure.port}", "-CAfile", ca,
               "-verify_return_error", "-servername", "localhost", "-alpn", offered)
    first = offered.split(",")[0]
    if first == "spdy/3":
        assert "no application protocol" in done.stdout + done.stderr
    else:
        assert f"ALPN protocol: {first}" in done.stdout and "Verify return code: 0 (ok)" in done.stdout


@pytest.mark.tools
@pytest.mark.parametrize(("flag", "accepted"), [("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_openssl_by_version(secure, ca, flag, accepted):
    # Old versions need the security level lowered on the client's side even to be offered.
    done = run(tool("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{secure.port}", "-CAfile", ca,
               flag, "-cipher", "DEFAULT@SECLEVEL=0")
    assert ("Verify return code: 0 (ok)" in done.stdout and "Cipher is (NONE)" not in done.stdout) == accepted


@pytest.mark.tools
def test_java(secure, ca, tmp_path):
    """The JDK's own client, over HTTP/2 by ALPN."""
    program = tmp_path / "Client.java"
    program.write_text((Path(__file__).parent / "kit" / "Client.java").read_text())
    done = run(tool("java", "openjdk-17-jdk-headless"), str(program), ca, f"https://localhost:{secure.port}/health",
               seconds=60)
    assert done.stdout == 'HTTP_2 200 {"status":"ok"}\n', done.stderr


@pytest.mark.tools
def test_plaintext_from_this_machine_is_taken_on_the_same_port(secure):
    done = run(tool("curl", "curl"), "--silent", f"http://localhost:{secure.port}/health")
    assert done.stdout == '{"status":"ok"}\n'


def test_tls_to_a_server_without_a_certificate_ends_at_once(server):
    with pytest.raises(OSError):
        served(server, None)
    assert "speaks TLS, and this server has no certificate" in server.log()


def test_garbage_after_the_first_byte_of_tls(secure, ca):
    with socket.create_connection(("127.0.0.1", secure.port)) as connection:
        connection.sendall(b"\x16" + os.urandom(4096))
        connection.settimeout(10)
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass
    assert served(secure, ca)


def test_a_replaced_certificate_is_taken_up_and_a_broken_one_is_not(tmp_path, own_server):
    certs = tmp_path / "certs"
    make(certs)
    flags = ("--tls-cert", str(certs / "server.pem"), "--tls-key", str(certs / "server.key"))
    server = own_server(scheme="https", flags=flags)
    ca = str(certs / "ca.pem")
    first = served(server, ca)
    make(certs)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: served(server, ca) != first)
    second = served(server, ca)
    good = (certs / "server.pem").read_text()
    (certs / "server.pem").write_text("nonsense")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "the certificate stays as it was" in server.log())
    assert served(server, ca) == second
    (certs / "server.pem").write_text(good)
    (certs / "server.key").chmod(0o660)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "others can read or change it (mode 0660)" in server.log())
    assert served(server, ca) == second


def test_self_signed_is_made_once(tmp_path, own_server):
    server = own_server(scheme="https", flags=("--tls-self-signed",))
    ca = server.data_dir / "tls" / "ca.pem"
    assert f"export AWS_CA_BUNDLE={ca}\n" in server.stdout.read_text()
    for private in (server.data_dir, ca.parent):
        assert private.stat().st_mode & 0o777 == 0o700, private
    first = served(server, str(ca))
    server.stop()
    server.start()
    assert served(server, str(ca)) == first
    assert connect(server, verify=str(ca)).list_streams()["StreamNames"] == []


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--tls-cert={certs}/server.pem",), "a certificate needs its private key"),
        (("--tls-key={certs}/server.key",), "a private key needs its certificate"),
        (("--tls-self-signed", "--tls-cert={certs}/server.pem", "--tls-key={certs}/server.key"), "give either"),
        (("--tls-cert={certs}/none.pem", "--tls-key={certs}/server.key"), "none.pem: No such file"),
        (("--tls-cert={certs}/server.key", "--tls-key={certs}/server.key"), "holds no certificate in PEM form"),
        (("--tls-cert={certs}/server.pem", "--tls-key={certs}/ca.key"), "cannot be used together"),
    ],
)
def test_starts_that_are_refused(tmp_path, certificates, flags, said):
    flags = [flag.format(certs=certificates) for flag in flags]
    done = run_to_end("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "d"), *flags)
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path):
    make(tmp_path / "c")
    key = tmp_path / "c" / "server.key"
    key.chmod(0o644)
    done = run_to_end("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "d"),
                      "--tls-cert", str(tmp_path / "c" / "server.pem"), "--tls-key", str(key))
    assert done.returncode == 1 and "others can read or change it (mode 0644); run: chmod 600" in done.stderr


def test_our_own_commands_over_tls(secure, ca):
    env = {"SSL_CERT_FILE": ca, "AWS_ENDPOINT_URL_KINESIS": f"https://localhost:{secure.port}",
           "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
    done = run_to_end("create", "by-command", env=env)
    assert done.returncode == 0, done.stderr
    done = run_to_end("top", "by-command", "--interval", "1", env=env)
    assert done.stdout.startswith("by-command: 1 open shards"), done.stderr
