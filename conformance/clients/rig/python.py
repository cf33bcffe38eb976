"""Python clients that need packages of their own: an environment that has exactly what a requirements file names."""

import hashlib
import platform
import shutil
import sys
from pathlib import Path

from rig import cache
from rig.process import run


def environment(requirements: Path):
    """The interpreter of an environment with these packages, made on the first call. Every one of them is pinned in
    the file, also what the client itself only asks for in some version: `pip` is told not to add any."""
    sha = hashlib.sha256(platform.python_version().encode() + requirements.read_bytes()).hexdigest()[:16]
    home = cache.home(f"python-{requirements.parent.name}-{sha}")
    if not (home / "complete").exists():
        shutil.rmtree(home)
        run(sys.executable, "-m", "venv", home)
        run(
            home / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--requirement", requirements, seconds=1200,
        )
        run(home / "bin/python", "-m", "pip", "check")
        (home / "complete").touch()
    return home / "bin/python"
