"""A server that is killed and comes back where its clients look for it."""

import time


def killed_and_back(server, after_s=0):
    """SIGKILL, a pause, and a new process on the same data directory and port."""
    server.kill()
    time.sleep(after_s)
    back(server)


def back(server):
    """A new process where the one before it was."""
    server.arguments[server.arguments.index("--listen") + 1] = f"127.0.0.1:{server.port}"
    server.start()
