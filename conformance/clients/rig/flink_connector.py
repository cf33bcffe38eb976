"""Flink's Kinesis connector, where the registry that Maven asks does not have it: built from its source.

The scenario's pom names `flink-connector-aws-kinesis-streams`. Some registries have old versions of it only. Then
`HEADWATER_FLINK_CONNECTOR` names a clone of https://github.com/apache/flink-connector-aws, and the tag is built, without its
tests, into Maven's local repository under a version of its own, so that nobody takes it for the published one.
"""

import os
import re
import subprocess
from pathlib import Path

from rig import cache, java
from rig.process import run

TAG = "v6.0.1-rc1"
TAGGED = "6.0.1"
VERSION = "6.0.1-2.0"
BUILT = "6.0.1-built-from-rc1"
FLINK = "2.0.0"
PARENT, STREAMS = "flink-connector-aws", "flink-connector-aws/flink-connector-aws-kinesis-streams"
MISSING = f"""flink-connector-aws-kinesis-streams {VERSION} is in no repository that Maven asks. This has it built from source:
  git clone https://github.com/apache/flink-connector-aws; export HEADWATER_FLINK_CONNECTOR=$PWD/flink-connector-aws"""


def installed():
    """The version of the connector that Maven has after this, or it fails with the lines that bring it."""
    home = cache.home(f"flink-connector-{BUILT}")
    if (home / "complete").exists():
        return BUILT
    maven = cache.tool("mvn", java.JAVA)
    wanted = f"org.apache.flink:flink-connector-aws-kinesis-streams:{VERSION}"
    found = subprocess.run([maven, "--batch-mode", "--quiet", "dependency:get", f"-Dartifact={wanted}"],
                           capture_output=True, text=True, timeout=600)
    if not found.returncode:
        return VERSION
    clone = os.environ.get("HEADWATER_FLINK_CONNECTOR")
    assert clone, f"{MISSING}\n\nMaven said: {found.stdout[-2000:]}{found.stderr[-2000:]}"
    build(maven, clone, home / "source")
    (home / "complete").touch()
    return BUILT


def build(maven, clone, source):
    source.mkdir(exist_ok=True)
    archive = subprocess.run(["git", "-C", clone, "archive", TAG], check=True, capture_output=True, timeout=120).stdout
    subprocess.run(["tar", "-x", "-C", source], check=True, input=archive, timeout=120)
    for folder in (".", "flink-connector-aws-base", PARENT, STREAMS):
        pom = source / folder / "pom.xml"
        text = pom.read_text().replace(f"<version>{TAGGED}</version>", f"<version>{BUILT}</version>")
        # What only tests need is not there either.
        text = re.sub(r"<dependency>(?:(?!</dependency>).)*?<scope>test</scope>.*?</dependency>", "", text, flags=re.S)
        wanted = {".": ("flink-connector-aws-base", PARENT), PARENT: (Path(STREAMS).name,)}.get(folder, ())
        modules = "".join(f"<module>{name}</module>" for name in wanted)
        pom.write_text(re.sub(r"<modules>.*?</modules>", f"<modules>{modules}</modules>", text, flags=re.S))
    skip = ("maven.test.skip", "rat.skip", "checkstyle.skip", "spotless.check.skip", "enforcer.skip", "japicmp.skip")
    run(maven, "--batch-mode", "--quiet", "install", f"-Dflink.version={FLINK}", *(f"-D{one}=true" for one in skip),
        cwd=source, seconds=1800)
