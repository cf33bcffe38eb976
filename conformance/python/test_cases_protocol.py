"""The numbered cases: protocol, cases 1 to 17."""

import base64
import re
import uuid

import pytest

from kit.client import IA, connect, create, must, refusal, unique, violations
from kit.raw import CBOR, JSON, SIGNED, b64, headers_for, post, send
from kit.reading import read

ACCESS_DENIED_XML = (
    b"<AccessDeniedException>\n"
    b"  <Message>Unable to determine service/operation name to be authorized</Message>\n"
    b"</AccessDeniedException>\n"
)
BARE_SERIALIZATION = {"__type": "SerializationException"}


def test_case_01_get_is_answered_403_with_xml(server):
    answer = send(server, "GET", "/")
    assert (answer.status, answer.body) == (403, ACCESS_DENIED_XML)


def test_case_02_empty_body_is_a_bare_serialization_exception(server):
    answer = post(server, "ListStreams", b"")
    assert (answer.status, answer.json()) == (400, BARE_SERIALIZATION)


def test_case_03_unparsable_body_is_a_bare_serialization_exception(server):
    answer = post(server, "ListStreams", b"{")
    assert (answer.status, answer.json()) == (400, BARE_SERIALIZATION)


@pytest.mark.parametrize("operation", ["Nope", "listStreams", ""])
def test_case_04_unknown_target_is_an_unknown_operation_without_message(server, operation):
    answer = post(server, operation, "{}")
    assert (answer.status, answer.json()) == (400, {"__type": "UnknownOperationException"})


def test_case_05_text_plain_with_a_target_is_404(server):
    answer = post(server, "ListStreams", "{}", content_type="text/plain")
    assert (answer.status, answer.body) == (404, b"<UnknownOperationException/>\n")


def test_case_05_text_plain_without_a_target_is_403(server):
    answer = post(server, None, "{}", content_type="text/plain")
    assert (answer.status, answer.body) == (403, ACCESS_DENIED_XML)


def test_case_05_application_json_is_answered_by_another_envelope(server):
    answer = post(server, "ListStreams", "{}", content_type="application/json")
    unknown = {"__type": "com.amazon.coral.service#UnknownOperationException"}
    assert (answer.status, answer.json()) == (404, {"Output": unknown, "Version": "1.0"})


def test_case_06_no_credentials(server):
    answer = post(server, "ListStreams", "{}", signed=False)
    assert answer.status == 400
    assert answer.json() == {
        "__type": "MissingAuthenticationTokenException",
        "message": "Missing Authentication Token",
    }


def test_case_06_parts_of_the_authorization_header_are_named_when_missing(server):
    headers = headers_for("ListStreams", signed=False, Authorization="AWS4-HMAC-SHA256 Signature=x")
    answer = send(server, "POST", "/", b"{}", headers)
    assert answer.status in (400, 403), "AWS's documents and older recordings differ"
    assert answer.type == "IncompleteSignatureException"
    message = answer.json()["message"]
    assert "Authorization header requires 'Credential' parameter." in message
    assert "Authorization header requires 'SignedHeaders' parameter." in message
    assert "existence of either a 'X-Amz-Date' or a 'Date' header." in message
    assert message.endswith("Authorization=AWS4-HMAC-SHA256 Signature=x")


def test_case_07_header_and_query_signature_together(server):
    answer = post(server, "ListStreams", "{}", path="/?X-Amz-Algorithm=AWS4-HMAC-SHA256")
    assert (answer.status, answer.type) == (400, "InvalidSignatureException")
    assert answer.json()["message"] == (
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )


def test_case_08_number_for_a_string_is_told_under_a_capital_message(server):
    answer = post(server, "DescribeStream", '{"StreamName":5}')
    assert answer.status == 400
    assert answer.json() == {
        "__type": "SerializationException",
        "Message": "class com.amazon.coral.value.json.numbers.TruncatingBigNumber "
        "can not be converted to an String",
    }


def test_case_09_base64_of_a_wrong_length(server, stream):
    answer = post(server, "PutRecord", {"StreamName": stream, "PartitionKey": "a", "Data": "23456"})
    assert answer.status == 400
    assert answer.json() == {
        "__type": "SerializationException",
        "Message": "'23456' can not be converted to a Blob: Base64 encoded length is expected "
        "a multiple of 4 bytes but found: 5",
    }


@pytest.mark.parametrize("text", ["=234", "23=4", "2=34", "*234", "a b=", "====", "23\n4"])
def test_case_09_base64_with_wrong_characters(server, stream, text):
    answer = post(server, "PutRecord", {"StreamName": stream, "PartitionKey": "a", "Data": text})
    assert (answer.status, answer.type) == (400, "SerializationException")
    assert "can not be converted to a Blob" in answer.json()["Message"]


def test_case_10_empty_data_is_stored_and_read_back_empty(kinesis, stream):
    kinesis.put_record(StreamName=stream, PartitionKey="a", Data=b"")
    assert [r["Data"] for r in read(kinesis, stream)] == [b""]


def test_case_11_one_item_for_each_missing_member(kinesis):
    missing = violations(refusal(kinesis.get_shard_iterator))
    assert missing == {must("shardId", "not be null"), must("shardIteratorType", "not be null")}


def test_case_12_unknown_members_and_nulls_are_ignored(server, stream):
    body = {"StreamName": stream, "Limit": None, "Unheard": {"of": [1, {"x": None}]}}
    assert post(server, "DescribeStream", body).status == 200


@pytest.mark.parametrize("parameter", ["; charset=utf-8", ";charset=UTF-8", " ; x=y"])
def test_case_12_content_type_with_a_parameter(server, stream, parameter):
    answer = post(server, "DescribeStream", {"StreamName": stream}, content_type=JSON + parameter)
    assert answer.status == 200
    assert answer.headers["Content-Type"].partition(";")[0].strip() == JSON


# Cases 13 and 14 (CBOR) are in test_cbor.py.


def test_case_15_missing_stream_by_arn_is_named_bare(server, kinesis):
    name = unique()
    refused = refusal(kinesis.describe_stream, StreamARN=server.arn(name))
    assert refused == (
        "ResourceNotFoundException", f"Stream {name} under account 000000000000 not found."
    )


def test_case_16_no_output_is_200_and_zero_bytes(server, stream):
    answer = post(server, "AddTagsToStream", {"StreamName": stream, "Tags": {"a": "b"}})
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize("operation, body", [
    ("ListStreams", "{}"), ("ListStreams", "{"), ("DescribeStream", '{"StreamName":"missing"}'),
    ("Nope", "{}"), ("ListStreams", ""),
])
def test_case_17_each_answer_has_fresh_ids(server, operation, body):
    answers = [post(server, operation, body) for _ in range(3)]
    for answer in answers:
        uuid.UUID(answer.headers["x-amzn-RequestId"])
        assert 64 <= len(base64.b64decode(answer.headers["x-amz-id-2"], validate=True)) <= 80
        assert int(answer.headers["Content-Length"]) == len(answer.body)
    for header in ("x-amzn-RequestId", "x-amz-id-2"):
        assert len({a.headers[header] for a in answers}) == 3


def test_cross_origin_preflight(server):
    answer = send(server, "OPTIONS", "/", headers={
        "Origin": "http://example.test", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-amz-target,authorization",
    })
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Max-Age"] == "172800"
    assert "x-amz-id-2" not in answer.headers


def test_cross_origin_requests_may_read_the_ids(server):
    answer = send(server, "POST", "/", b"{}", headers_for("ListStreams", Origin="http://example.test"))
    exposed = {h.strip().lower() for h in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"x-amzn-requestid", "x-amzn-errortype", "x-amz-id-2", "date"} <= exposed


def test_the_path_is_ignored(server):
    assert post(server, "ListStreams", "{}", path="/some/where").status == 200


def test_an_empty_body_with_an_unknown_target(server):
    answer = post(server, "Nope", b"")
    assert (answer.status, answer.json()) == (400, {"__type": "UnknownOperationException"})
    answer = post(server, "Nope", b"", content_type=CBOR)
    assert answer.status == 400 and b"UnknownOperationException" in answer.body


def test_errors_carry_a_bare_type_and_json_is_compact(server, stream):
    """Fluent Bit compares `__type` and searches `"FailedRecordCount":0` as text."""
    assert post(server, "DescribeStream", {"StreamName": "missing"}).body.startswith(b'{"__type":"')
    records = [{"Data": b64(b"x"), "PartitionKey": "a"}]
    answer = post(server, "PutRecords", {"StreamName": stream, "Records": records})
    assert re.search(rb'"FailedRecordCount":0[,}]', answer.body)


def test_timestamps_are_epoch_seconds_with_a_fraction(server, kinesis, stream):
    created = post(server, "DescribeStreamSummary", {"StreamName": stream})
    seconds = created.json()["StreamDescriptionSummary"]["StreamCreationTimestamp"]
    described = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert 1.7e9 < seconds < 4e9
    assert abs(described["StreamCreationTimestamp"].timestamp() - seconds) < 0.001


def test_integers_clamp_to_32_bits(server, stream):
    body = '{"StreamName":"%s","Limit":99999999999999999999}' % stream
    answer = post(server, "DescribeStream", body)
    assert answer.status == 400
    assert must("limit", "have value less than or equal to 10000", 2**31 - 1) in answer.json()["message"]


def test_checks_come_in_the_documented_order(server):
    """Parsing before the target, the target before credentials, those before types."""
    assert post(server, "Nope", "{").json() == BARE_SERIALIZATION
    assert post(server, "Nope", "{}", signed=False).type == "UnknownOperationException"
    wrong_type = '{"StreamName":5}'
    unsigned = post(server, "DescribeStream", wrong_type, signed=False)
    assert unsigned.type == "MissingAuthenticationTokenException"
    both_wrong = post(server, "DescribeStream", '{"StreamName":"!","Limit":"x"}')
    assert both_wrong.type == "SerializationException"


def test_a_presigned_query_is_a_signature_too(server):
    query = "&".join([
        "X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fkinesis%2Faws4_request",
        "X-Amz-Date=" + SIGNED["X-Amz-Date"], "X-Amz-SignedHeaders=host", "X-Amz-Signature=" + "0" * 64,
    ])
    assert post(server, "ListStreams", "{}", path=f"/?{query}", signed=False).status == 200


def test_a_name_is_checked_against_its_pattern(kinesis):
    refused = violations(refusal(kinesis.describe_stream, StreamName="a b"))
    assert refused == {
        must("streamName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+", "a b")
    }


def test_a_name_is_checked_against_its_length(kinesis):
    long = "a" * 129
    refused = violations(refusal(kinesis.describe_stream, StreamName=long))
    assert refused == {must("streamName", "have length less than or equal to 128", long)}
    assert refusal(kinesis.describe_stream, StreamName="a" * 128).code == "ResourceNotFoundException"


def test_an_enumeration_lists_its_values(kinesis, stream):
    refused = refusal(
        kinesis.get_shard_iterator, StreamName=stream, ShardId="shardId-000000000000",
        ShardIteratorType="SOMEWHERE",
    )
    assert violations(refused) == {must(
        "shardIteratorType",
        "satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, "
        "AT_SEQUENCE_NUMBER, TRIM_HORIZON]", "SOMEWHERE",
    )}


def test_paths_of_list_members_count_from_one(kinesis, stream):
    records = [{"Data": b"x", "PartitionKey": "a"}, {"Data": b"x", "PartitionKey": "a" * 257}]
    (item,) = violations(refusal(kinesis.put_records, StreamName=stream, Records=records))
    assert "'records.2.member.partitionKey'" in item


def test_neither_name_nor_arn(kinesis):
    for call in (kinesis.describe_stream, kinesis.describe_stream_summary, kinesis.delete_stream):
        assert refusal(call).code in (IA, "ValidationException")


def test_region_and_account_are_in_every_arn(own_server):
    server = own_server(region="eu-west-1", account="123456789012")
    kinesis = connect(server)
    name = create(kinesis)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    assert arn == f"arn:aws:kinesis:eu-west-1:123456789012:stream/{name}"
    assert "under account 123456789012 not" in refusal(kinesis.describe_stream, StreamName="gone").message
