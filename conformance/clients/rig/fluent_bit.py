"""Fluent Bit's plugin for Kinesis, which is in no registry: built from its source into the library that Fluent Bit loads.

`HEADWATER_FLUENT_BIT_KINESIS` names a clone of https://github.com/aws/amazon-kinesis-streams-for-fluent-bit; the tag is built.
"""

import os
import subprocess

from rig import cache, go
from rig.process import run

TAG = "v1.10.2"
CC = "apt-get install gcc libc6-dev"
MISSING = """The plugin is in no registry. This has it built from source:
  git clone https://github.com/aws/amazon-kinesis-streams-for-fluent-bit
  export HEADWATER_FLUENT_BIT_KINESIS=$PWD/amazon-kinesis-streams-for-fluent-bit"""


def plugin():
    """The library; made on the first call."""
    home = cache.home(f"fluent-bit-kinesis-{TAG}")
    if not (home / "complete").exists():
        clone = os.environ.get("HEADWATER_FLUENT_BIT_KINESIS")
        assert clone, MISSING
        cache.tool("gcc", CC)
        source = home / "source"
        source.mkdir(exist_ok=True)
        archive = subprocess.run(["git", "-C", clone, "archive", TAG], check=True, capture_output=True, timeout=120)
        subprocess.run(["tar", "-x", "-C", source], check=True, input=archive.stdout, timeout=120)
        run(
            "nice", "-n", "15", cache.tool("go", go.GO), "build", "-p", "1", "-trimpath", "-buildvcs=false", "-mod=readonly",
            "-buildmode=c-shared", "-o", home / "kinesis.so", ".",
            cwd=source, env={"GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "1"}, seconds=1800,
        )
        (home / "complete").touch()
    return home / "kinesis.so"
