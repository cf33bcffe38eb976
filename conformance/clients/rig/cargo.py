"""Rust clients: a cargo project of its own, compiled outside the tree."""

from pathlib import Path

from rig import cache
from rig.process import run

CARGO = "curl https://sh.rustup.rs | sh"


def build(project: Path):
    """The program of a cargo project. The first time it takes as long as its dependencies do, with an AWS SDK ten
    minutes; one job and low priority, as the machine may have something else to do."""
    target = cache.home(f"cargo-{project.name}")
    run(
        "nice", "-n", "19", cache.tool("cargo", CARGO), "build", "--locked", "--quiet", "--jobs", "1",
        cwd=project, env={"CARGO_TARGET_DIR": str(target)}, seconds=3600,
    )
    return target / "debug" / project.name
