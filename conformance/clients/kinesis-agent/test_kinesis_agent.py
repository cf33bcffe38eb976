"""The Amazon Kinesis Agent: follows log files through a rotation, a kill of the server and a kill of its own."""

import json
import re
from pathlib import Path

import pytest

from kit.client import create, until
from rig import drain, java, kinesis_agent
from rig.process import Program
from rig.server import kill_and_start
from rig.services import metrics

HERE = Path(__file__).parent
LINES = 1000


@pytest.fixture
def agent(server, tmp_path):
    """`agent(stream, "first")` starts it; its positions are kept between starts."""

    def started(stream, name):
        settings = tmp_path / "agent.json"
        settings.write_text(json.dumps({
            "kinesis.endpoint": server.url,
            "cloudwatch.endpoint": server.url,
            "cloudwatch.emitMetrics": True,
            # Asks EC2 for the tags of the machine that it is on.
            "cloudwatch.tagInstance": False,
            "awsAccessKeyId": "test",
            "awsSecretAccessKey": "test",
            "checkpointFile": str(tmp_path / "checkpoints"),
            "flows": [{
                "filePattern": str(tmp_path / "logs" / "app.log*"),
                "kinesisStream": stream,
                "initialPosition": "START_OF_FILE",
                "partitionKeyOption": "RANDOM",
                "maxBufferAgeMillis": 1000,
            }],
        }))
        command = java.command(
            kinesis_agent.class_path(), "com.amazon.kinesis.streaming.agent.Agent",
            "-c", settings, options=("-Xmx256m", f"-Dlog4j.configurationFile={HERE / 'log4j2.xml'}"),
        )
        return Program(tmp_path / f"{name}.log", *command, cwd=tmp_path)

    return started


def stored(kinesis, stream):
    """Every line that the stream holds."""
    return [record["Data"].decode().rstrip("\n") for _, records in drain.drain(kinesis, stream) for record in records]


def test_every_line_through_a_rotation_and_two_kills(agent, server, kinesis, tmp_path):
    stream = create(kinesis, shards=2)
    logs = tmp_path / "logs"
    logs.mkdir()
    expected = []

    def log(part):
        with open(logs / "app.log", "a") as file:
            for n in range(LINES):
                expected.append(f"{part}/{n} " + "x" * 80)
                file.write(expected[-1] + "\n")

    def all_there(client):
        def whole():
            assert client.process.poll() is None, client.text()[-8000:]
            return set(stored(kinesis, stream)) == set(expected)

        until(whole, 120, every=1)

    log("before")
    with agent(stream, "first") as first:
        all_there(first)
        log("killed server")
        kill_and_start(server, after_s=1)
        all_there(first)
        (logs / "app.log").rename(logs / "app.log.1")
        log("rotated")
        all_there(first)
        # Its metrics go out every 30 s.
        until(lambda: {"RecordsParsed", "RecordsSent"} & metrics(server, "AWSKinesisAgent"), 90, every=1)
        first.kill()
    log("killed agent")
    with agent(stream, "second") as second:
        all_there(second)
    found = stored(kinesis, stream)
    # At least once: what was on its way at a kill is sent again.
    assert len(found) - len(expected) <= 2 * LINES, f"{len(found)} for {len(expected)}"
    complaints = re.findall(r"^.*\[(?:ERROR|FATAL)\].*$", second.text(), re.MULTILINE)
    assert not complaints, complaints
