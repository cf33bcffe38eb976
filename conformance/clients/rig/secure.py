"""A server that speaks TLS with a certificate by an authority of its own."""

from kit.server import run_to_end
from rig.server import SamePort


def authority(folder):
    """`ca.pem` is who signed `server.pem`, whose key is `server.key`; the folder again."""
    made = run_to_end("tls", "init", str(folder))
    assert made.returncode == 0, made.stderr
    return folder


def server(directory, certs):
    """With AWS's limits; to be entered."""
    flags = ("--tls-cert", str(certs / "server.pem"), "--tls-key", str(certs / "server.key"))
    return SamePort(directory, limits="aws", scheme="https", flags=flags)
