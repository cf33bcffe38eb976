"""The Amazon Kinesis Agent, which is in no registry: built from its source.

`HEADWATER_KINESIS_AGENT` names a clone of https://github.com/awslabs/amazon-kinesis-agent; the tag is built, without its tests.
"""

import os
import subprocess

from rig import cache, java
from rig.process import run

TAG = "v2.0.13"
MISSING = """The agent is in no registry. This has it built from source:
  git clone https://github.com/awslabs/amazon-kinesis-agent; export HEADWATER_KINESIS_AGENT=$PWD/amazon-kinesis-agent"""


def class_path():
    """Of the agent and all that it needs; made on the first call."""
    home = cache.home(f"kinesis-agent-{TAG}")
    if not (home / "complete").exists():
        clone = os.environ.get("HEADWATER_KINESIS_AGENT")
        assert clone, MISSING
        source = home / "source"
        source.mkdir(exist_ok=True)
        archive = subprocess.run(["git", "-C", clone, "archive", TAG], check=True, capture_output=True, timeout=120)
        subprocess.run(["tar", "-x", "-C", source], check=True, input=archive.stdout, timeout=120)
        # Its pom asks for Java 7, which compilers of today refuse.
        run(
            cache.tool("mvn", java.JAVA), "--batch-mode", "--quiet", "package", "dependency:copy-dependencies",
            "-Dmaven.test.skip=true", "-Dmaven.compiler.source=8", "-Dmaven.compiler.target=8",
            "-DincludeScope=runtime", f"-DoutputDirectory={home}/jars", cwd=source, seconds=1800,
        )
        (home / "complete").touch()
    # A resource stays among its sources, where Maven does not look for one.
    return f"{home}/source/target/classes:{home}/source/src:{home}/jars/*"
