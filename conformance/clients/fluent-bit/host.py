"""Fluent Bit's part of the bargain with an output plugin in Go: settings, chunks of events in msgpack, and what `FLB_RETRY` asks.

    host.py PLUGIN SETTINGS CHUNKS

SETTINGS is a JSON object of the plugin's options, CHUNKS a file with a JSON array of events a line. `FLUSHED` says that a chunk
is done, `RETRY` that the plugin wants it again.
"""

import ctypes
import json
import struct
import sys
import time

FLB_OK, FLB_RETRY = 1, 2
NOW = 1_767_225_600
# Fluent Bit's own `Retry_Limit` is a setting; its pauses grow, these do not.
TRIES, PAUSE_S = 60, 1

Property = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


class Api(ctypes.Structure):
    _fields_ = [("output_get_property", Property)]


class Context(ctypes.Structure):
    _fields_ = [("remote_context", ctypes.c_void_p)]


class Instance(ctypes.Structure):
    """`flbgo_output_plugin` of fluent-bit-go."""

    _fields_ = [
        ("_", ctypes.c_void_p), ("api", ctypes.POINTER(Api)), ("o_ins", ctypes.c_void_p), ("context", ctypes.POINTER(Context)),
    ]


class Definition(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("proxy", ctypes.c_int), ("flags", ctypes.c_int),
        ("name", ctypes.c_char_p), ("description", ctypes.c_char_p),
    ]


class Plugin:
    def __init__(self, library, settings):
        self.library = ctypes.CDLL(library)
        for name in ("FLBPluginRegister", "FLBPluginInit", "FLBPluginFlushCtx"):
            getattr(self.library, name).restype = ctypes.c_ssize_t
        definition = Definition()
        assert self.library.FLBPluginRegister(ctypes.byref(definition)) == 0
        assert definition.name == b"kinesis", definition.name
        # Kept, as the plugin is given their addresses.
        self.values = {name.encode(): ctypes.create_string_buffer(value.encode()) for name, value in settings.items()}
        self.api = Api(Property(self.property))
        self.context = Context()
        self.instance = Instance(None, ctypes.pointer(self.api), None, ctypes.pointer(self.context))
        assert self.library.FLBPluginInit(ctypes.byref(self.instance)) == FLB_OK, "the plugin refused its settings"

    def property(self, name, _):
        value = self.values.get(name)
        return ctypes.addressof(value) if value else None

    def flush(self, chunk):
        """Until the plugin has done with it."""
        for _ in range(TRIES):
            context = ctypes.c_void_p(self.context.remote_context)
            done = self.library.FLBPluginFlushCtx(context, chunk, len(chunk), b"app")
            if done != FLB_RETRY:
                assert done == FLB_OK, f"the plugin dropped a chunk: {done}"
                return
            print("RETRY", flush=True)
            time.sleep(PAUSE_S)
        raise AssertionError(f"{TRIES} times in vain")


def packed(events):
    """Each an array of its time, of extension type 0, and a map of strings."""
    return b"".join(b"\x92" + b"\xd7\x00" + struct.pack(">II", NOW + n, 0) + table(event) for n, event in enumerate(events))


def table(event):
    assert len(event) < 16
    return bytes([0x80 | len(event)]) + b"".join(text(name) + text(value) for name, value in event.items())


def text(value):
    data = value.encode()
    return b"\xdb" + struct.pack(">I", len(data)) + data


plugin = Plugin(sys.argv[1], json.loads(sys.argv[2]))
with open(sys.argv[3]) as chunks:
    for line in chunks:
        plugin.flush(packed(json.loads(line)))
        print("FLUSHED", flush=True)
