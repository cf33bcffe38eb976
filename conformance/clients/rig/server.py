"""A server whose clients do not notice that it is another process, but for the pause."""

import random
import socket

from kit.server import Server


class SamePort(Server):
    """Every start after the first is on the first one's port.

    The port lies below those that the kernel gives to clients: else one of theirs could take it meanwhile.
    """

    def __init__(self, directory, **options):
        super().__init__(directory, **options)
        self.arguments[self.arguments.index("--listen") + 1] = f"127.0.0.1:{_free_port()}"


def _free_port():
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
