"""A client's process: its output goes to a file that a scenario waits on, and judges when it has ended."""

import signal
import subprocess
import time

from kit.server import clean_environment

# What the SDKs want to be told; the server of a scenario accepts any signature.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def run(*command, cwd=None, env=None, seconds=600):
    """Run to the end; what it printed. Anything but exit code 0 fails and shows the output."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean_environment(**CREDENTIALS | (env or {})),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}\n{done.stdout[-8000:]}"
    return done.stdout


class Program:
    """A program that runs beside the scenario until it is stopped or killed."""

    def __init__(self, log, *command, cwd=None, env=None):
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                [str(part) for part in command], cwd=cwd, env=clean_environment(**CREDENTIALS | (env or {})),
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, words, seconds=60):
        """Until its output has these words."""
        deadline = time.monotonic() + seconds
        while words not in self.text():
            assert self.process.poll() is None, f"it ended with {self.process.returncode}\n{self.text()[-8000:]}"
            assert time.monotonic() < deadline, f"no {words!r} within {seconds} s\n{self.text()[-8000:]}"
            time.sleep(0.05)

    def end(self, seconds=60):
        """Until it ends by itself, with exit code 0."""
        status = self.process.wait(seconds)
        assert status == 0, f"it ended with {status}\n{self.text()[-8000:]}"

    def stop(self, seconds=60):
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self):
        """SIGKILL."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
