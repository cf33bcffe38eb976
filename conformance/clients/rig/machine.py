"""A machine within the machine: a loopback interface and an `/etc/hosts` of its own, so that a server can have port 443 and
AWS's names lead to it, whatever the real machine does with either.

Made of namespaces (`unshare` and `nsenter`, of util-linux; `ip`, of iproute2), which need no root where users may have them.
"""

import subprocess

from rig import cache, hosts
from kit.server import Server, binary

IP = "apt-get install iproute2"


class Machine:
    """To be entered; `command` is what runs in it."""

    def __init__(self, folder, names):
        self.folder, self.file = folder, hosts.write(folder, names)

    def __enter__(self):
        cache.tool("ip", IP)
        script = "ip link set lo up && echo ready && exec sleep infinity"
        whole = hosts.command(self.file, "sh", "-c", script)
        at = whole.index("sh")
        self.process = subprocess.Popen(
            [str(part) for part in (*whole[:at], "--net", *whole[at:])],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )
        assert self.process.stdout.readline() == "ready\n", "namespaces cannot be had here: see user_namespaces(7)"
        return self

    def command(self, *command):
        namespaces = ("--user", "--mount", "--net", "--preserve-credentials")
        return [cache.tool("nsenter", hosts.UNSHARE), "--target", self.process.pid, *namespaces, *command]

    def server(self, directory, monkeypatch, *, listen, **options):
        """A server in it that listens there; to be entered."""
        program = self.folder / "headwater"
        inside = " ".join(f"'{part}'" for part in self.command(binary()))
        program.write_text(f'#!/bin/sh\nexec {inside} "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("HEADWATER_BIN", str(program))
        server = Server(directory, **options)
        server.arguments[server.arguments.index("--listen") + 1] = listen
        return server

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
