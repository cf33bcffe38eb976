"""A server that dies and comes back where its clients look for it."""

import random
import socket
import time

from kit.server import Server


class SamePort(Server):
    """Every start is on the same port.

    The port lies below those that the kernel gives to clients: else one of theirs could take it meanwhile.
    """

    def __init__(self, directory, **options):
        super().__init__(directory, **options)
        self.arguments[self.arguments.index("--listen") + 1] = f"127.0.0.1:{_free_port()}"


def kill_and_start(server, after_s=0):
    """SIGKILL, a pause, and a new process on the same data and port. Its clients notice nothing but that."""
    server.kill()
    time.sleep(after_s)
    server.start()


def _free_port():
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
