"""One HTTP/2 connection by prior knowledge whose frames and windows the test holds in its hands."""

import contextlib
import json
from collections import defaultdict

import h2.config
import h2.connection
import h2.events
import h2.settings
from hyperframe.frame import GoAwayFrame

from kit.frames import Frames
from kit.raw import headers_for, open_socket

CONNECTION_WINDOW = 8 * 1024 * 1024


class Http2:
    """Streams by number. What is not acknowledged with `consume` stays in the windows."""

    def __init__(self, server, stream_window=65_535):
        self.sock = open_socket(server)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        # The library takes the first GOAWAY for the end. In a graceful stop (RFC 9113, 6.8) streams go on after it.
        self.h2._frame_dispatch_table[GoAwayFrame] = self._told_to_go
        self.goaways = []
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: stream_window})
        self.h2.increment_flow_control_window(CONNECTION_WINDOW)
        self.status, self.headers, self.received = {}, {}, defaultdict(int)
        self.frames = defaultdict(list)
        self._parsers = defaultdict(Frames)
        self._unread = defaultdict(int)
        self.ended, self.reset, self.acknowledged = set(), set(), []
        self._flush()

    def post(self, operation, body):
        """The number of the stream that asks for it."""
        number = self.h2.get_next_available_stream_id()
        headers = [(k.lower(), v) for k, v in headers_for(operation).items()]
        self.h2.send_headers(number, [
            (":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "localhost"), *headers,
        ])
        self.h2.send_data(number, json.dumps(body).encode(), end_stream=True)
        self._flush()
        return number

    def ping(self, payload):
        self.h2.ping(payload)
        self._flush()

    def cancel(self, number):
        self.h2.reset_stream(number, error_code=8)
        self._flush()

    def consume(self, number):
        """Opens the window for what has come on this stream."""
        if unread := self._unread.pop(number, 0):
            self.h2.acknowledge_received_data(unread, number)
            self._flush()

    def until(self, condition, consume=()):
        """Receives until `condition()`, reading on the streams of `consume`."""
        while not condition():
            for number in consume:
                self.consume(number)
            received = self.sock.recv(65536)
            assert received, "the connection was closed"
            for event in self.h2.receive_data(received):
                self._take(event)
            self._flush()

    def _told_to_go(self, frame):
        self.goaways.append(frame.error_code)
        return [], []

    def _take(self, event):
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.ResponseReceived):
            self.headers[number] = {k.decode(): v.decode() for k, v in event.headers}
            self.status[number] = int(self.headers[number][":status"])
        elif isinstance(event, h2.events.DataReceived):
            self.received[number] += len(event.data)
            self._unread[number] += event.flow_controlled_length
            if self.status[number] == 200:
                self.frames[number] += self._parsers[number].feed(event.data)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(number)
        elif isinstance(event, h2.events.StreamReset):
            self.reset.add(number)
        elif isinstance(event, h2.events.PingAckReceived):
            self.acknowledged.append(event.ping_data)

    def until_closed(self):
        with contextlib.suppress(ConnectionError):
            while received := self.sock.recv(65536):
                for event in self.h2.receive_data(received):
                    self._take(event)
                self._flush()

    def events(self, number):
        """The events that have come, without the initial response."""
        return [frame.event for frame in self.frames[number][1:]]

    def records(self, number):
        return [record for event in self.events(number) for record in event["Records"]]

    def _flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()
