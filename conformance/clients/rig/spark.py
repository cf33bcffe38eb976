"""Spark, driver and executor in one process: what reads a stream and prints its records is in `spark/src`."""

from pathlib import Path

from rig import java

PROJECT = Path(__file__).parent.parent / "spark"
# As Spark's own launcher opens them for a Java of today.
OPENED = (
    "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent",
    "java.util.concurrent.atomic", "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar",
)
SETTINGS = (
    "-Dspark.driver.host=127.0.0.1", "-Dspark.driver.bindAddress=127.0.0.1", "-Dspark.ui.enabled=false",
    "-Dspark.streaming.stopGracefullyOnShutdown=true",
)


def command(stream, endpoint, application, options):
    """Reads the stream from its horizon, or on from the leases of this application."""
    opened = (f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED)
    return java.command(java.build(PROJECT), "headwater.Read", stream, endpoint, application,
                        options=("-Xmx512m", "-XX:+IgnoreUnrecognizedVMOptions", *opened, *SETTINGS, *options))


def environment(scratch):
    return {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(scratch)}
