"""Go clients: a module a scenario, built once into one binary."""

import hashlib
import shutil
from pathlib import Path

from rig import cache
from rig.process import run

GO = "Go 1.26 or newer from https://go.dev/dl, or golang-go of a Debian that has it"


def build(project: Path, tags=(), package="."):
    """The binary of a Go module, built on the first call for these sources, versions and tags.

    `package` is what is built, if not the module's own program: one of what its go.mod requires.
    """
    go = cache.tool("go", GO)
    sha = hashlib.sha256("\0".join([package, *tags]).encode())
    for path in sorted(path for path in project.rglob("*") if path.suffix in (".go", ".mod", ".sum")):
        sha.update(path.relative_to(project).as_posix().encode() + b"\0" + path.read_bytes())
    home = cache.home(f"go-{project.parent.name}-{project.name}-{sha.hexdigest()[:16]}")
    if not (home / "complete").exists():
        shutil.rmtree(home)
        shutil.copytree(project, home / "project")
        run(
            # One package at a time, behind everything else.
            "nice", "-n", "15", go, "build", "-p", "1", "-trimpath", "-buildvcs=false", "-mod=readonly",
            "-ldflags", "-s -w", "-tags", ",".join(tags), "-o", home / "program", package,
            # The go that is installed, not one that it would fetch.
            cwd=home / "project", env={"GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}, seconds=3000,
        )
        (home / "complete").touch()
    return home / "program"
