"""botocore taught to speak application/x-amz-cbor-1.1, as the Java SDK does.

Only the outermost layer is replaced: values become CBOR instead of JSON, blobs
are byte strings and times are tag 1 holding integer milliseconds.
"""

import datetime

import cbor2
from botocore.parsers import JSONParser
from botocore.serialize import JSONSerializer
from botocore.utils import parse_to_aware_datetime

from kit.client import connect
from kit.raw import CBOR

EPOCH_TIME = 1


def dumps(value, indefinite=True):
    return cbor2.dumps(value, indefinite_containers=indefinite)


def loads(body):
    """Times stay tags: cbor2 would read tag 1 as seconds, and here it is milliseconds."""
    def keep_tag(value, _immutable):
        return cbor2.CBORTag(EPOCH_TIME, value)

    return cbor2.loads(body, semantic_decoders={EPOCH_TIME: keep_tag})


class Serializer(JSONSerializer):
    def __init__(self, indefinite):
        super().__init__()
        self.indefinite = indefinite

    def serialize_to_request(self, parameters, operation_model):
        request = super().serialize_to_request({}, operation_model)
        body = {}
        if operation_model.input_shape is not None:
            self._serialize(body, parameters, operation_model.input_shape)
        request["headers"]["Content-Type"] = CBOR
        request["body"] = dumps(body, self.indefinite)
        return request

    def _serialize_type_blob(self, serialized, value, shape, key):
        serialized[key] = value.encode() if isinstance(value, str) else bytes(value)

    def _serialize_type_timestamp(self, serialized, value, shape, key):
        moment = parse_to_aware_datetime(value).timestamp()
        serialized[key] = cbor2.CBORTag(EPOCH_TIME, round(moment * 1000))


class Parser(JSONParser):
    def parse(self, response, shape):
        if response["body"]:
            assert response["headers"]["Content-Type"] == CBOR, response
        return super().parse(response, shape)

    def _parse_body_as_json(self, body):
        return loads(body) if body else {}

    def _handle_blob(self, shape, value):
        assert isinstance(value, bytes), value
        return value

    def _handle_timestamp(self, shape, value):
        assert isinstance(value, cbor2.CBORTag) and value.tag == EPOCH_TIME, value
        assert isinstance(value.value, int), value
        return datetime.datetime.fromtimestamp(value.value / 1000, datetime.timezone.utc)

    def create_parser(self, _protocol):
        """botocore asks a factory for its parser; this one is both."""
        return self


def connect_cbor(server, indefinite=True):
    client = connect(server)
    client._serializer = Serializer(indefinite)
    client._endpoint._response_parser_factory = Parser()
    return client
