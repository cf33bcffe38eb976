"""Where built and downloaded things are kept between runs: outside the tree."""

import os
import shutil
from pathlib import Path


def home(name):
    """A folder of this name that stays."""
    root = os.environ.get("HEADWATER_CLIENTS_CACHE")
    assert root, "HEADWATER_CLIENTS_CACHE must name a folder outside the tree (cargo xtask conformance sets it)"
    path = Path(root) / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def tool(name, install):
    """The program's path; a missing one fails with the line that installs it."""
    found = shutil.which(name)
    assert found, f"{name} is missing; this installs it: {install}"
    return found
