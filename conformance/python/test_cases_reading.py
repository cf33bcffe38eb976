"""The numbered cases: reading, cases 46 to 60."""

import time
from datetime import datetime, timedelta, timezone

import pytest

from kit.client import IA, PTE, RNF, VE, create, must, refusal, unique, until, violations, wait_gone
from kit.reading import data, follow, iterator, read
from kit.shards import list_shards, shard_id


def fill(kinesis, stream, count=5, **more):
    """Put 0, 1, 2, ... one by one; their sequence numbers."""
    return [
        kinesis.put_record(StreamName=stream, PartitionKey="a", Data=str(i).encode(), **more)[
            "SequenceNumber"
        ]
        for i in range(count)
    ]


def numbers(records):
    return [r["SequenceNumber"] for r in records]


def position(stream, kind, **more):
    return dict(StreamName=stream, ShardId=shard_id(0), ShardIteratorType=kind, **more)


def test_case_46_trim_horizon_reads_all_in_order_up_to_the_tip(kinesis, stream):
    written = fill(kinesis, stream, 50)
    records, last = follow(kinesis, iterator(kinesis, stream), limit=7)
    assert numbers(records) == written
    assert last["MillisBehindLatest"] == 0


def test_case_46_behind_the_tip_the_lag_is_told(kinesis, stream):
    began = time.monotonic()
    fill(kinesis, stream, 2)
    until(lambda: time.monotonic() - began > 0.3)
    fill(kinesis, stream, 2)
    answer = kinesis.get_records(ShardIterator=iterator(kinesis, stream), Limit=1)
    elapsed_ms = (time.monotonic() - began) * 1000
    assert 0 < answer["MillisBehindLatest"] <= elapsed_ms + 1000


def test_case_46_a_record_has_what_was_put_and_when(kinesis, stream):
    before = datetime.now(timezone.utc)
    blob = bytes(range(256))
    kinesis.put_record(StreamName=stream, PartitionKey="ключ", Data=blob)
    (record,) = read(kinesis, stream)
    assert (record["PartitionKey"], record["Data"]) == ("ключ", blob)
    slack = timedelta(seconds=1)
    assert before - slack <= record["ApproximateArrivalTimestamp"] <= datetime.now(timezone.utc) + slack


def test_case_47_latest_sees_what_is_put_after_it(kinesis, stream):
    fill(kinesis, stream, 3)
    token = iterator(kinesis, stream, kind="LATEST")
    (number,) = fill(kinesis, stream, 1)
    records, _ = follow(kinesis, token)
    assert numbers(records) == [number]


def test_case_48_at_is_inclusive_and_after_is_exclusive(kinesis, stream):
    written = fill(kinesis, stream)
    for index, number in enumerate(written):
        at = read(kinesis, stream, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
        after = read(kinesis, stream, kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number)
        assert numbers(at) == written[index:]
        assert numbers(after) == written[index + 1:]


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_case_49_starting_sequence_number_of_the_shard_is_its_start(kinesis, stream, kind):
    written = fill(kinesis, stream)
    start = list_shards(kinesis, stream)[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert numbers(read(kinesis, stream, kind=kind, StartingSequenceNumber=start)) == written


MUST = ("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
        "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. ")


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_case_50_a_kind_that_needs_a_number(kinesis, stream, kind):
    assert refusal(kinesis.get_shard_iterator, **position(stream, kind)) == (
        IA, MUST + f"Request specified {kind} and no StartingSequenceNumber."
    )


@pytest.mark.parametrize("kind", ["TRIM_HORIZON", "LATEST"])
def test_case_50_a_kind_that_takes_no_number(kinesis, stream, kind):
    (number,) = fill(kinesis, stream, 1)
    parameters = position(stream, kind, StartingSequenceNumber=number)
    assert refusal(kinesis.get_shard_iterator, **parameters) == (
        IA, MUST + f"Request specified {kind} and also a StartingSequenceNumber."
    )


def test_case_51_number_of_another_shard(kinesis):
    name = create(kinesis, 2)
    number = list_shards(kinesis, name)[1]["SequenceNumberRange"]["StartingSequenceNumber"]
    parameters = position(name, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
    assert refusal(kinesis.get_shard_iterator, **parameters) == (
        IA, "Invalid StartingSequenceNumber. It encodes shardId-000000000001, "
            "while it was used in a call to a shard with shardId-000000000000")


@pytest.mark.parametrize("number", ["1", "999", "1" + "0" * 100])
def test_case_51_number_that_is_none(kinesis, stream, number):
    parameters = position(stream, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
    refused = refusal(kinesis.get_shard_iterator, **parameters)
    assert refused.code == IA and "StartingSequenceNumber" in refused.message


@pytest.mark.parametrize("number", ["", "01", "-1", "abc", "1" * 130])
def test_case_51_number_outside_its_pattern(kinesis, stream, number):
    parameters = position(stream, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
    assert violations(refusal(kinesis.get_shard_iterator, **parameters)) == {
        must("startingSequenceNumber", r"satisfy regular expression pattern: 0|([1-9]\d{0,128})", number)
    }


def test_case_52_at_timestamp_without_one(kinesis, stream):
    assert refusal(kinesis.get_shard_iterator, **position(stream, "AT_TIMESTAMP")) == (
        IA, "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "
            "Current request has no timestamp parameter.")


def test_case_52_at_timestamp_in_the_future(kinesis, stream):
    future = datetime.now(timezone.utc) + timedelta(hours=1)
    refused = refusal(
        kinesis.get_shard_iterator, **position(stream, "AT_TIMESTAMP", Timestamp=future)
    )
    assert refused.code == IA
    assert refused.message.startswith(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
        f"timestampInMillis: {int(future.timestamp())}"
    )
    assert "currentTimestampInMillis: " in refused.message


def test_case_52_at_timestamp_is_the_first_at_or_after(kinesis, stream):
    written = []
    for i in range(5):
        written += fill(kinesis, stream, 1)
        mark = time.monotonic()
        until(lambda: time.monotonic() - mark > 0.01)
    arrivals = [r["ApproximateArrivalTimestamp"] for r in read(kinesis, stream)]
    for index, arrival in enumerate(arrivals):
        records = read(kinesis, stream, kind="AT_TIMESTAMP", Timestamp=arrival)
        assert numbers(records) == written[index:]
    long_ago = arrivals[0] - timedelta(days=400)
    assert numbers(read(kinesis, stream, kind="AT_TIMESTAMP", Timestamp=long_ago)) == written


def test_case_53_shard_ids_are_normalised(kinesis):
    name = create(kinesis, 2)
    kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"in shard 0")
    for spelling in ("shard-0", "0", "shardId-0", "shardId-000000000000"):
        assert data(read(kinesis, name, spelling)) == [b"in shard 0"], spelling


@pytest.mark.parametrize("raw", ["abc", "shardId-", "shard-x", "shardId-2147483648"])
def test_case_53_a_shard_id_that_is_none(kinesis, stream, raw):
    parameters = position(stream, "LATEST") | {"ShardId": raw}
    assert refusal(kinesis.get_shard_iterator, **parameters) == (
        RNF, f"Could not find shard {raw} in stream {stream} under account 000000000000."
    )


def test_case_53_a_shard_that_does_not_exist(kinesis, stream):
    parameters = position(stream, "LATEST") | {"ShardId": shard_id(7)}
    text = "Shard {} in stream {} under account 000000000000 does not exist"
    assert refusal(kinesis.get_shard_iterator, **parameters) == (RNF, text.format(shard_id(7), stream))
    name = unique()
    assert refusal(kinesis.get_shard_iterator, **position(name, "LATEST")) == (
        RNF, text.format(shard_id(0), name)
    )


def test_case_54_an_iterator_may_be_used_again(kinesis, stream):
    fill(kinesis, stream)
    token = iterator(kinesis, stream)
    answers = [kinesis.get_records(ShardIterator=token, Limit=2) for _ in range(3)]
    assert [data(a["Records"]) for a in answers] == [[b"0", b"1"]] * 3
    fill(kinesis, stream)
    assert data(kinesis.get_records(ShardIterator=token, Limit=2)["Records"]) == [b"0", b"1"]


def test_case_54_each_next_iterator_differs(kinesis, stream):
    """Also when nothing was read."""
    token, seen = iterator(kinesis, stream), set()
    for _ in range(20):
        seen.add(token)
        token = kinesis.get_records(ShardIterator=token)["NextShardIterator"]
    assert len(seen) == 20 and token not in seen
    same = {kinesis.get_records(ShardIterator=token)["NextShardIterator"] for _ in range(5)}
    assert len(same) == 5


def test_case_55_an_iterator_in_quotes(kinesis, stream):
    fill(kinesis, stream, 1)
    answer = kinesis.get_records(ShardIterator=f'"{iterator(kinesis, stream)}"')
    assert data(answer["Records"]) == [b"0"]


# Case 56 (an iterator after 300 s) needs a moved clock and is a Rust test.


@pytest.mark.parametrize("token", ["garbage", "AAAA", "A" * 200, "AAAAAAAAAAE" + "x" * 200, "é", "="])
def test_case_57_a_random_iterator(kinesis, token):
    assert refusal(kinesis.get_records, ShardIterator=token) == (IA, "Invalid ShardIterator.")


def test_case_57_a_tampered_iterator(kinesis, stream):
    token = iterator(kinesis, stream)
    for at in range(0, len(token) - 4, 7):
        forged = token[:at] + ("B" if token[at] != "B" else "C") + token[at + 1:]
        assert refusal(kinesis.get_records, ShardIterator=forged) == (IA, "Invalid ShardIterator.")


@pytest.mark.parametrize("token, rule", [
    ("", "greater than or equal to 1"), ("A" * 513, "less than or equal to 512"),
])
def test_case_57_an_iterator_of_a_wrong_length(kinesis, token, rule):
    refused = refusal(kinesis.get_records, ShardIterator=token)
    assert must("shardIterator", f"have length {rule}", token) in violations(refused)


def test_case_58_limit_zero_and_too_many(kinesis, stream):
    token = iterator(kinesis, stream)
    assert violations(refusal(kinesis.get_records, ShardIterator=token, Limit=0)) == {
        must("limit", "have value greater than or equal to 1", 0)
    }
    refused = refusal(kinesis.get_records, ShardIterator=token, Limit=10_001)
    assert refused.code in (VE, IA)


def test_case_58_limit_two_of_five(kinesis, stream):
    fill(kinesis, stream)
    first = kinesis.get_records(ShardIterator=iterator(kinesis, stream), Limit=2)
    assert data(first["Records"]) == [b"0", b"1"]
    rest = kinesis.get_records(ShardIterator=first["NextShardIterator"])
    assert data(rest["Records"]) == [b"2", b"3", b"4"]


def test_case_59_the_sixth_read_of_a_shard_in_a_second(limited_kinesis):
    name = create(limited_kinesis)
    token = iterator(limited_kinesis, name)
    for _ in range(5):
        limited_kinesis.get_records(ShardIterator=token)
    outcomes = [read_outcome(limited_kinesis, token) for _ in range(5)]
    refused = [o for o in outcomes if o]
    assert refused, "ten reads at once and none refused"
    for code, message in refused:
        assert code == PTE
        assert message.startswith("Rate exceeded for ") and shard_id(0) in message


def read_outcome(kinesis, token):
    try:
        kinesis.get_records(ShardIterator=token)
    except kinesis.exceptions.ProvisionedThroughputExceededException as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]


def test_case_59_an_answer_holds_at_most_10_mib(kinesis, stream):
    for _ in range(3):
        batch = [{"PartitionKey": "a", "Data": bytes(1_000_000)}] * 10
        kinesis.put_records(StreamName=stream, Records=batch)
    token, sizes = iterator(kinesis, stream), []
    while sum(sizes) < 30:
        answer = kinesis.get_records(ShardIterator=token)
        sizes.append(len(answer["Records"]))
        token = answer["NextShardIterator"]
    assert sum(sizes) == 30 and max(sizes) <= 10 * 1024 * 1024 // 1_000_000


def test_case_60_iterator_of_a_deleted_stream(kinesis, stream):
    token = iterator(kinesis, stream)
    kinesis.delete_stream(StreamName=stream)
    wait_gone(kinesis, stream)
    gone = (RNF, f"Shard {shard_id(0)} in stream {stream} under account 000000000000 does not exist")
    assert refusal(kinesis.get_records, ShardIterator=token) == gone


def test_case_60_iterator_does_not_reach_a_new_stream_of_the_same_name(kinesis, stream):
    token = iterator(kinesis, stream)
    kinesis.delete_stream(StreamName=stream)
    wait_gone(kinesis, stream)
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    until(lambda: kinesis.describe_stream(StreamName=stream)["StreamDescription"]["Shards"])
    fill(kinesis, stream, 1)
    assert refusal(kinesis.get_records, ShardIterator=token).code in (RNF, IA)
