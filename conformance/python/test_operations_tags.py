"""The six tag operations as a user writes them with boto3, and at the edges."""

import pytest

from kit.client import IA, VE, create, must, ok, refusal, short, unique, violations


def tags(kinesis, stream):
    return {t["Key"]: t["Value"] for t in kinesis.list_tags_for_stream(StreamName=stream)["Tags"]}


def test_by_name_and_by_arn_are_the_same_tags(server, kinesis, stream):
    arn = server.arn(stream)
    kinesis.add_tags_to_stream(StreamName=stream, Tags={"a": "1"})
    kinesis.add_tags_to_stream(StreamARN=arn, Tags={"b": "2"})
    kinesis.tag_resource(ResourceARN=arn, Tags={"c": "3", "a": "4"})
    assert tags(kinesis, stream) == {"a": "4", "b": "2", "c": "3"}
    listed = [{"Key": k, "Value": v} for k, v in (("a", "4"), ("b", "2"), ("c", "3"))]
    assert kinesis.list_tags_for_stream(StreamARN=arn)["Tags"] == listed
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == listed
    kinesis.remove_tags_from_stream(StreamARN=arn, TagKeys=["a"])
    ok(kinesis.untag_resource(ResourceARN=arn, TagKeys=["b", "unknown"]))
    assert tags(kinesis, stream) == {"c": "3"}


def test_pages_of_tags(kinesis, stream):
    kinesis.add_tags_to_stream(StreamName=stream, Tags={k: k for k in "edcba"})
    first = kinesis.list_tags_for_stream(StreamName=stream, Limit=2)
    assert [t["Key"] for t in first["Tags"]] == ["a", "b"] and first["HasMoreTags"] is True
    rest = kinesis.list_tags_for_stream(StreamName=stream, ExclusiveStartTagKey="b")
    assert [t["Key"] for t in rest["Tags"]] == ["c", "d", "e"] and rest["HasMoreTags"] is False
    absent = kinesis.list_tags_for_stream(StreamName=stream, ExclusiveStartTagKey="bb", Limit=1)
    assert [t["Key"] for t in absent["Tags"]] == ["c"]


def test_no_tags(server, kinesis, stream):
    listed = kinesis.list_tags_for_stream(StreamName=stream)
    assert (listed["Tags"], listed["HasMoreTags"]) == ([], False)
    assert kinesis.list_tags_for_resource(ResourceARN=server.arn(stream)).get("Tags", []) == []


def test_fifty_tags_and_not_one_more(server, kinesis, stream):
    kinesis.add_tags_to_stream(StreamName=stream, Tags={f"k{i:02}": "v" for i in range(50)})
    refused = refusal(kinesis.add_tags_to_stream, StreamName=stream, Tags={"k50": "v"})
    assert refused.code == IA
    assert refused.message.startswith(
        f"Failed to add tags to stream {stream} under account 000000000000 because a given stream "
        "cannot have more than "
    )
    arn = server.arn(stream)
    assert refusal(kinesis.tag_resource, ResourceARN=arn, Tags={"k51": "v"}).code in (IA, "LimitExceededException")
    ok(kinesis.add_tags_to_stream(StreamName=stream, Tags={"k49": "overwritten"}))
    assert len(tags(kinesis, stream)) == 50


@pytest.mark.parametrize("limit", [0, 51])
def test_limit_of_list_tags(kinesis, stream, limit):
    assert refusal(kinesis.list_tags_for_stream, StreamName=stream, Limit=limit).code == VE


@pytest.mark.parametrize("bad", [{}, {"": "v"}, {"k" * 129: "v"}, {"k": "v" * 257}], ids=short)
def test_tags_outside_their_lengths(server, kinesis, stream, bad):
    assert refusal(kinesis.add_tags_to_stream, StreamName=stream, Tags=bad).code == VE
    assert refusal(kinesis.tag_resource, ResourceARN=server.arn(stream), Tags=bad).code == VE
    assert tags(kinesis, stream) == {}


def test_tag_keys_outside_their_lengths(kinesis, stream):
    for keys in ([], [""], ["k" * 129], [f"k{i}" for i in range(51)]):
        assert refusal(kinesis.remove_tags_from_stream, StreamName=stream, TagKeys=keys).code == VE


def test_missing_members(kinesis, stream):
    assert violations(refusal(kinesis.add_tags_to_stream, StreamName=stream)) == {
        must("tags", "not be null")
    }
    assert violations(refusal(kinesis.tag_resource)) == {
        must("tags", "not be null"), must("resourceARN", "not be null")
    }


def test_allowed_characters(server, kinesis, stream):
    fine = {"Az09 _./=+-@": "ünï 鍵 _./=+-@", "empty": ""}
    kinesis.add_tags_to_stream(StreamName=stream, Tags=fine)
    assert tags(kinesis, stream) == fine
    ok(kinesis.tag_resource(ResourceARN=server.arn(stream), Tags={"with:colon": "a:b"}))
    assert tags(kinesis, stream)["with:colon"] == "a:b"


BLANKS = "a b\u00a0c\u3000d"
CONTROLS = ["a\tb", "a\nb", "a\rb", "a\x0bb", "a\u0085b", "a\x00b"]
STREAM_CHARACTERS = (
    "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @."
)


def test_white_space_is_blanks_and_neither_tabs_nor_line_ends(server, kinesis, stream):
    arn = server.arn(stream)
    kinesis.add_tags_to_stream(StreamName=stream, Tags={BLANKS: BLANKS})
    kinesis.tag_resource(ResourceARN=arn, Tags={BLANKS + "2": BLANKS})
    for bad in CONTROLS:
        for wrong in ({bad: "v"}, {"k": bad}):
            assert refusal(kinesis.add_tags_to_stream, StreamName=stream, Tags=wrong) == (IA, STREAM_CHARACTERS)
            assert refusal(kinesis.tag_resource, ResourceARN=arn, Tags=wrong).code == IA
            assert refusal(kinesis.create_stream, StreamName=unique(), ShardCount=1, Tags=wrong).code == IA
            assert refusal(
                kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="c", Tags=wrong
            ).code == IA
        assert refusal(kinesis.remove_tags_from_stream, StreamName=stream, TagKeys=[bad]) == (IA, STREAM_CHARACTERS)
        assert refusal(kinesis.untag_resource, ResourceARN=arn, TagKeys=[bad]).code == IA
    assert tags(kinesis, stream) == {BLANKS: BLANKS, BLANKS + "2": BLANKS}
    kinesis.remove_tags_from_stream(StreamName=stream, TagKeys=[BLANKS])
    kinesis.untag_resource(ResourceARN=arn, TagKeys=[BLANKS + "2"])
    assert tags(kinesis, stream) == {}


def test_removing_a_percent_sign_is_refused_as_adding_it_is(kinesis, stream):
    allowed = (
        "because some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, "
        "'_',',','/','=','+','-','@'."
    )
    where = f"stream {stream} under account 000000000000"
    added = refusal(kinesis.add_tags_to_stream, StreamName=stream, Tags={"a%": "v"})
    assert added == (IA, f"Failed to add tags to {where} {allowed}")
    removed = refusal(kinesis.remove_tags_from_stream, StreamName=stream, TagKeys=["a%"])
    assert removed == (IA, f"Failed to remove tags from {where} {allowed}")


@pytest.mark.parametrize("key", ["aws:", "aws:a", "AWS:a", "Aws:cloudformation:stack-name"])
def test_keys_that_begin_with_aws_are_reserved(server, kinesis, stream, key):
    arn = server.arn(stream)
    for call in (
        lambda: refusal(kinesis.add_tags_to_stream, StreamName=stream, Tags={key: "v"}),
        lambda: refusal(kinesis.create_stream, StreamName=unique(), ShardCount=1, Tags={key: "v"}),
        lambda: refusal(kinesis.remove_tags_from_stream, StreamName=stream, TagKeys=[key]),
        lambda: refusal(kinesis.tag_resource, ResourceARN=arn, Tags={key: "v"}),
        lambda: refusal(kinesis.untag_resource, ResourceARN=arn, TagKeys=[key]),
        lambda: refusal(kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="c", Tags={key: "v"}),
    ):
        assert call().code == IA
    ok(kinesis.tag_resource(ResourceARN=arn, Tags={"awsome": "aws:v"}))
    assert tags(kinesis, stream) == {"awsome": "aws:v"}


def test_tags_given_at_creation_are_overwritten_later(kinesis):
    name = create(kinesis, Tags={"a": "1"})
    kinesis.add_tags_to_stream(StreamName=name, Tags={"a": "2"})
    assert tags(kinesis, name) == {"a": "2"}


def test_bad_tags_at_creation_create_nothing(kinesis):
    name = unique()
    assert refusal(kinesis.create_stream, StreamName=name, ShardCount=1, Tags={"a;": "1"}).code == IA
    assert refusal(kinesis.describe_stream, StreamName=name).code == "ResourceNotFoundException"
