"""The built binary as a black box: start, stop, kill, look at its log and memory."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

START_DEADLINE_S = 20
STOP_DEADLINE_S = 20
# The base64 of 32 bytes: streams can be encrypted on every server that is not told otherwise.
MASTER_KEY = "aGVhZHdhdGVyLXRlc3QtbWFzdGVyLWtleS0zMi1ieXQ="


def binary():
    path = os.environ.get("HEADWATER_BIN")
    assert path, "HEADWATER_BIN must name the built headwater binary"
    assert os.access(path, os.X_OK), f"HEADWATER_BIN={path} is not an executable file"
    return path


def clean_environment(**extra):
    """Our own environment without anything that could steer the server."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HEADWATER_", "AWS_"))}
    return kept | extra


def run_to_end(*arguments, env=None, seconds=20):
    """Run `headwater <arguments>` that is expected to end by itself."""
    return subprocess.run(
        [binary(), *arguments],
        env=clean_environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


class Server:
    """One server process after another on one data directory.

    Output goes to files beside the directory, so nothing has to be drained and
    a failing test can show it (`conftest.py`).
    """

    running = []

    def __init__(self, directory: Path, *, limits="off", limit=(), transition_ms=50, table_transition_ms=0,
                 region="us-east-1", account="000000000000", flags=(), env=None, scheme="http"):
        self.scheme = scheme
        self.directory = directory
        self.data_dir = directory / "data"
        self.region = region
        self.account = account
        self.env = {"HEADWATER_MASTER_KEY": MASTER_KEY} | (env or {})
        self.arguments = [
            "serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.data_dir),
            "--limits", limits, "--transition-ms", str(transition_ms),
            "--table-transition-ms", str(table_transition_ms),
            "--region", region, "--account", account, *(f"--limit={change}" for change in limit), *flags,
        ]
        self.process = None
        self.port = None
        self.starts = 0

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def arn(self, stream):
        return f"arn:aws:kinesis:{self.region}:{self.account}:stream/{stream}"

    def start(self):
        assert self.process is None, "already running"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.starts += 1
        self.stdout = self.directory / f"stdout-{self.starts}.log"
        self.stderr = self.directory / f"stderr-{self.starts}.log"
        with open(self.stdout, "wb") as out, open(self.stderr, "wb") as err:
            self.process = subprocess.Popen(
                [binary(), *self.arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=clean_environment(**self.env),
            )
        Server.running.append(self)
        self.port = self._port_of_banner()
        return self

    def _port_of_banner(self):
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            banner = re.search(self.scheme + r"://127\.0\.0\.1:(\d+)", self.stdout.read_text(errors="replace"))
            if banner:
                return int(banner[1])
            if self.process.poll() is not None:
                break
            time.sleep(0.003)
        status = self.process.poll()
        self.kill()
        raise AssertionError(f"no banner on stdout, exit status {status}\n{self.log()}")

    def stop(self):
        """SIGTERM: a graceful end is exit code 0 and nothing said about a panic."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            log = self.log()
            self.kill()
            raise AssertionError(f"still running {STOP_DEADLINE_S} s after SIGTERM\n{log}") from None
        self._ended()
        assert status == 0, f"exit status {status} after SIGTERM\n{self.log()}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._ended()

    def _ended(self):
        self.process = None
        Server.running.remove(self)
        self.assert_no_panic()

    def assert_no_panic(self):
        assert "panicked" not in self.log(), self.log()

    def log(self, limit=20_000):
        text = ""
        for path in sorted(self.directory.glob("std*.log")):
            text += f"--- {path.name}\n{path.read_text(errors='replace')[-limit:]}\n"
        return text

    def memory_mib(self, field="VmRSS"):
        """`VmRSS` is what is resident now, `VmHWM` the most that ever was."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) / 1024

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process:
            self.stop()
