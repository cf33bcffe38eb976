"""Names that lead to this machine, for clients that take no endpoint: an `/etc/hosts` that only they see.

Done in a mount namespace (`unshare`, of util-linux), so the machine's own file stays as it is.
"""

from rig import cache

UNSHARE = "apt-get install util-linux"
# Of one's own, where whoever runs it is not root, and may have them; see `user_namespaces(7)`.
NAMESPACES = ("--user", "--map-root-user", "--mount")


def write(folder, names):
    """The file: these names and localhost, all of them 127.0.0.1."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "hosts"
    file.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *names)))
    return file


def command(file, *command):
    """The command, with this file as its `/etc/hosts`."""
    script = 'mount --bind "$0" /etc/hosts && exec "$@"'
    return [cache.tool("unshare", UNSHARE), *NAMESPACES, "sh", "-c", script, file, *command]
