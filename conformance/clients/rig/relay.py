"""A TCP relay that shows how a client connects: how often, and what its first bytes are."""

import socket
import threading


class Relay:
    """Listens on a port of its own and passes everything on to the server's."""

    def __init__(self, server):
        self.server, self.firsts = server, []

    @property
    def url(self):
        return f"{self.server.scheme}://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            onward = socket.create_connection(("127.0.0.1", self.server.port))
            threading.Thread(target=self._pass, args=(client, onward, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(onward, client, False), daemon=True).start()

    def _pass(self, source, sink, note):
        try:
            while data := source.recv(65536):
                if note:
                    self.firsts.append(data[:16])
                    note = False
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
