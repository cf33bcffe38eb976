"""Java clients: a Maven project a scenario, resolved once into a folder of jars."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from rig import cache
from rig.process import run

JAVA = "apt-get install maven openjdk-17-jdk-headless (or a newer one: Debian 13 has openjdk-21-jdk-headless)"


def build(project: Path, properties=()):
    """The class path of a Maven project, built on the first call for these sources and properties."""
    maven, _ = cache.tool("mvn", JAVA), cache.tool("javac", JAVA)
    sources = sorted(path for path in project.rglob("*") if path.suffix in (".java", ".xml", ".properties"))
    sha = hashlib.sha256("\0".join(properties).encode())
    for path in sources:
        sha.update(path.read_bytes())
    home = cache.home(f"java-{project.name}-{sha.hexdigest()[:16]}")
    if not (home / "complete").exists():
        shutil.rmtree(home)
        shutil.copytree(project, home / "project", ignore=shutil.ignore_patterns("target", "*.py", "__pycache__"))
        run(
            maven, "--batch-mode", "--quiet", "package", "dependency:copy-dependencies",
            "-DskipTests", "-DincludeScope=runtime", f"-DoutputDirectory={home}/jars",
            *(f"-D{one}" for one in properties),
            cwd=home / "project", seconds=1800,
        )
        (home / "complete").touch()
    return f"{home}/project/target/classes:{home}/jars/*"


def command(class_path, main, *arguments, options=("-Xmx512m",)):
    """The command that runs a class of it."""
    return [cache.tool("java", JAVA), *options, "-cp", class_path, main, *map(str, arguments)]


def trust(authority, store):
    """The options that have Java trust this authority, a PEM file, and no other; `store` is made for it."""
    subprocess.run(
        [cache.tool("keytool", JAVA), "-importcert", "-noprompt", "-storepass", "changeit", "-file", authority, "-keystore", store],
        check=True, capture_output=True, timeout=60,
    )
    return f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"
