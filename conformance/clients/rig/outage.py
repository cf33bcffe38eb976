"""A server that fails and comes back where its clients look for it."""

import time


def outage(server, seconds=1):
    """SIGKILL, a pause, and a start with the same data on the same port."""
    port = server.port
    server.kill()
    server.arguments[server.arguments.index("--listen") + 1] = f"127.0.0.1:{port}"
    time.sleep(seconds)
    server.start()
    assert server.port == port
