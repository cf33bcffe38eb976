"""KCL 3.1.3's multi-language daemon with a processor in Python and one in JavaScript: plain and aggregated records, a
split and a merge, and a kill -9 of the server, which keeps the leases as well."""

import re
from pathlib import Path

import pytest

from kit.client import connect, create, until
from kit.server import Server, run_to_end
from kit.shards import merge, open_shards, split
from rig import cache, java, node, python
from rig.leases import assert_every_record, runs, seen
from rig.process import Program, run
from rig.records import KEYS, Writer
from rig.server import kill_and_start
from rig.services import metrics

HERE = Path(__file__).parent

# What the daemon complains about whatever the server does.
ALLOWED = (
    # It asks the machine for its network limits, which only EC2 and ECS tell.
    "Did not find an operating range metadata provider",
    # Before its own first entry in the table of workers.
    "Not able to assign all expiredOrUnAssignedLeases",
    # It keeps its list of shards for half a minute, and looks for a new one in it.
    "Cannot get the shard for this ProcessTask, so duplicate KPL user records",
    # At the end of a shard it cancels its subscription, and says so if the end of the stream overtakes that.
    "complete called on a cancelled subscription. Ignoring completion.",
)


def processors(language, directory):
    """(what runs the processor, the daemon's jars)."""
    interpreter = python.environment(HERE / "python" / "requirements.txt")
    (jars,) = interpreter.parent.parent.glob("lib/python*/site-packages/amazon_kclpy/jars")
    if language == "python":
        return f"{interpreter} {HERE / 'python' / 'processor.py'}", jars
    home = node.program(HERE / "node", directory / "node")
    return f"{node.node()} {home / 'processor.js'}", jars


class Daemon(Program):
    def __init__(self, directory, server, stream, mode, language, options=()):
        processor, jars = processors(language, directory)
        properties = (HERE / "app.properties").read_text().format(
            url=server.url, application=f"app-{stream}", stream=stream, mode=mode,
            processor=processor, language=language,
        )
        directory.joinpath("app.properties").write_text(properties)
        self.seen = directory / "seen"
        self.seen.mkdir()
        super().__init__(
            directory / "daemon.log",
            *java.command(
                f"{jars}/*:{directory}", "software.amazon.kinesis.multilang.MultiLangDaemon",
                "--properties-file", directory / "app.properties", "--log-configuration", HERE / "logback.xml",
                options=("-Xmx512m", *options),
            ),
            env={"SEEN": self.seen},
        )

    def data(self):
        return {record.data for run in runs(self.seen) for record in seen(run)}

    def wait_for_data(self, expected, seconds):
        def all_there():
            assert self.process.poll() is None, self.text()[-8000:]
            return expected <= self.data()
        until(all_there, seconds, every=0.3)

    def grumbles(self):
        complaints = [line for line in self.text().splitlines() if re.match(r"\S+ (WARN|ERROR) ", line)]
        return [line for line in complaints if not any(words in line for words in ALLOWED)]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["python", "node"])
@pytest.mark.parametrize("mode", ["POLLING", "FANOUT"])
def test_a_split_a_merge_and_a_kill(server, kinesis, tmp_path, mode, language):
    stream = create(kinesis, shards=2)
    writer = Writer(kinesis, stream)
    writer.write()
    with Daemon(tmp_path, server, stream, mode, language) as daemon:
        daemon.wait_for_data(writer.sent, 180)
        first, second = open_shards(kinesis, stream)
        split(kinesis, stream, first)
        daemon.wait_for_data(writer.write(), 120)
        merge(kinesis, stream, *open_shards(kinesis, stream)[1:])
        daemon.wait_for_data(writer.write(), 120)
        # It counts what it does in CloudWatch, every ten seconds.
        until(lambda: {"RecordsProcessed", "Success"} <= metrics(server, f"app-{stream}"), 60, every=0.5)
        assert not daemon.grumbles()

        kill_and_start(server)
        daemon.wait_for_data(writer.write(), 180)
        daemon.stop()
    # The lease may have been given up meanwhile; then what was not checkpointed is read again.
    assert_every_record(kinesis, stream, runs(daemon.seen), redone=KEYS * 5)
    assert {record.data for run in runs(daemon.seen) for record in seen(run)} == writer.sent


@pytest.mark.slow
def test_tls(tmp_path):
    """Kinesis, tables and metrics over TLS, where the daemon says nothing of HTTP/2 before it speaks it."""
    certificates, trusted = tmp_path / "certificates", tmp_path / "trusted.p12"
    made = run_to_end("tls", "init", str(certificates))
    assert made.returncode == 0, made.stderr
    run(
        cache.tool("keytool", java.JAVA), "-importcert", "-noprompt", "-alias", "headwater", "-file",
        certificates / "ca.pem", "-keystore", trusted, "-storetype", "PKCS12", "-storepass", "changeit",
    )
    flags = ("--tls-cert", str(certificates / "server.pem"), "--tls-key", str(certificates / "server.key"))
    with Server(tmp_path / "headwater", limits="aws", scheme="https", flags=flags) as server:
        kinesis = connect(server, verify=str(certificates / "ca.pem"))
        stream = create(kinesis, shards=2)
        writer = Writer(kinesis, stream)
        trust = (f"-Djavax.net.ssl.trustStore={trusted}", "-Djavax.net.ssl.trustStorePassword=changeit")
        with Daemon(tmp_path, server, stream, "FANOUT", "python", trust) as daemon:
            daemon.wait_for_data(writer.write(), 180)
            daemon.wait_for_data(writer.write(), 60)
            assert not daemon.grumbles()
            daemon.stop()
        assert_every_record(kinesis, stream, runs(daemon.seen))
