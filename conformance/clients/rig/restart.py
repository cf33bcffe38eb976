"""A server that dies in the middle: clients know it by its address, so it comes back on the same port."""


def kill_and_start(server):
    """SIGKILL, and a start on the port it had."""
    port = server.port
    server.kill()
    listen = server.arguments.index("--listen") + 1
    server.arguments[listen] = f"127.0.0.1:{port}"
    server.start()
    assert server.port == port
