"""Node.js clients: a folder with exactly the packages of a lock file, and the client's program beside them."""

import hashlib
import re
import shutil
from pathlib import Path

from rig import cache
from rig.process import run

NODE = "apt-get install nodejs npm (where that is older than Node.js 20: npm install --global n && n lts)"
# Everything that decides what `npm ci` installs.
INPUTS = ("package.json", "package-lock.json", ".npmrc")
# The AWS SDK says on every start that Node.js 20 is old.
QUIET = {"AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true"}


def node():
    """The interpreter, new enough."""
    program = cache.tool("node", NODE)
    version = run(program, "--version").strip()
    assert int(re.match(r"v(\d+)", version)[1]) >= 20, f"Node.js 20 is needed, this is {version}: {NODE}"
    return program


def packages(project: Path):
    """A folder whose `node_modules` has all that the lock file of `project` names, made on the first call."""
    npm = cache.tool("npm", NODE)
    sha = hashlib.sha256(run(node(), "--version").encode())
    for name in INPUTS:
        sha.update((project / name).read_bytes())
    home = cache.home(f"node-{project.name}-{sha.hexdigest()[:16]}")
    if not (home / "complete").exists():
        shutil.rmtree(home)
        home.mkdir()
        for name in INPUTS:
            shutil.copy(project / name, home)
        run(npm, "ci", "--ignore-scripts", "--loglevel", "error", cwd=home, seconds=1200)
        (home / "complete").touch()
    return home


def program(project: Path, directory: Path):
    """A copy of the project in `directory`, with its packages: where a client expects to find itself."""
    shutil.copytree(project, directory, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    (directory / "node_modules").symlink_to(packages(project) / "node_modules")
    return directory
