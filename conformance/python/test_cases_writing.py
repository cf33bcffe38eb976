"""The numbered cases: writing, cases 34 to 45."""

import pytest

from kit.client import (
    IA,
    PTE,
    VE,
    create,
    must,
    not_found,
    ok,
    refusal,
    unique,
    violations,
    wait_active,
)
from kit.raw import post
from kit.reading import data, iterator, read
from kit.shards import LAST, RING, Sequence, hash_of, shard_id

MIB = 1024 * 1024


def put(kinesis, stream, key="a", blob=b"x", **more):
    return kinesis.put_record(StreamName=stream, PartitionKey=key, Data=blob, **more)


def records(*keys, blob=b"x"):
    return [{"PartitionKey": key, "Data": blob} for key in keys]


def test_case_34_keys_go_to_the_shard_of_their_md5(kinesis):
    name = create(kinesis, 3)
    one_by_one = [put(kinesis, name, key)["ShardId"] for key in "abef"]
    assert one_by_one == [shard_id(i) for i in (0, 1, 2, 1)]
    together = kinesis.put_records(StreamName=name, Records=records(*"abef"))["Records"]
    assert [r["ShardId"] for r in together] == one_by_one


def test_case_34_keys_are_hashed_as_utf_8(kinesis):
    name = create(kinesis, 3)
    for key in ("ключ", "鍵", "🔑", "a" * 256, "é" * 128):
        expected = min(hash_of(key) // (RING // 3), 2)
        assert put(kinesis, name, key)["ShardId"] == shard_id(expected)


def test_case_35_explicit_hash_key_at_the_borders(kinesis):
    name = create(kinesis, 3)
    third = RING // 3
    for hash_key, expected in ((0, 0), (third - 1, 0), (third, 1), (2 * third, 2), (LAST, 2)):
        answer = put(kinesis, name, ExplicitHashKey=str(hash_key))
        assert answer["ShardId"] == shard_id(expected), hash_key


def test_case_35_explicit_hash_key_beyond_the_ring(kinesis, stream):
    expected = (IA, "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: "
                    f"[0, 2^128-1]. Specified value was {RING}")
    assert refusal(put, kinesis=kinesis, stream=stream, ExplicitHashKey=str(RING)) == expected
    batch = records("a") + [{"PartitionKey": "a", "Data": b"x", "ExplicitHashKey": str(RING)}]
    assert refusal(kinesis.put_records, StreamName=stream, Records=batch) == expected
    assert read(kinesis, stream) == []


@pytest.mark.parametrize("text", ["-1", "00", "1e3", "0x1", "1" + "0" * 39, " 1"])
def test_case_35_explicit_hash_key_outside_its_pattern(kinesis, stream, text):
    refused = refusal(put, kinesis=kinesis, stream=stream, ExplicitHashKey=text)
    assert violations(refused) == {
        must("explicitHashKey", r"satisfy regular expression pattern: 0|([1-9]\d{0,38})", text)
    }


def test_case_36_numbers_increase_within_one_call(kinesis):
    name = create(kinesis, 2)
    keys = [f"key-{i}" for i in range(500)]
    answer = kinesis.put_records(StreamName=name, Records=records(*keys))
    assert answer["FailedRecordCount"] == 0 and len(answer["Records"]) == 500
    for index in range(2):
        numbers = [
            int(r["SequenceNumber"]) for r in answer["Records"] if r["ShardId"] == shard_id(index)
        ]
        assert numbers == sorted(set(numbers)) and len(numbers) > 100
        stored = read(kinesis, name, index)
        assert [int(r["SequenceNumber"]) for r in stored] == numbers
        assert [r["PartitionKey"] for r in stored] == [
            k for k, r in zip(keys, answer["Records"]) if r["ShardId"] == shard_id(index)
        ]


def test_case_36_numbers_are_of_the_documented_form(kinesis):
    name = create(kinesis, 20)
    shards = kinesis.list_shards(StreamName=name)["Shards"]
    for shard in shards[-3:]:
        start = Sequence.parse(shard["SequenceNumberRange"]["StartingSequenceNumber"])
        answer = put(kinesis, name, ExplicitHashKey=shard["HashKeyRange"]["StartingHashKey"])
        number = Sequence.parse(answer["SequenceNumber"])
        assert (start.index, start.time) == (0, start.created)
        assert (number.created, number.shard) == (start.created, start.shard)
        assert number.index > 0 and number.text() == answer["SequenceNumber"]
        (stored,) = read(kinesis, name, shard["ShardId"])
        assert abs(stored["ApproximateArrivalTimestamp"].timestamp() - number.time) <= 3
    starts = [int(s["SequenceNumberRange"]["StartingSequenceNumber"]) for s in shards]
    assert starts[1] - starts[0] == 2**144 + 16


def test_case_37_no_encryption_type_when_unencrypted(server, kinesis, stream):
    assert "EncryptionType" not in put(kinesis, stream)
    answer = kinesis.put_records(StreamName=stream, Records=records("a"))
    assert "EncryptionType" not in answer
    got = post(server, "GetRecords", {"ShardIterator": iterator(kinesis, stream)}).json()
    assert all("EncryptionType" not in record for record in got["Records"])


def test_case_38_at_most_500_records(kinesis, stream):
    (item,) = violations(refusal(
        kinesis.put_records, StreamName=stream, Records=records(*["a"] * 501)
    ))
    assert "at 'records'" in item
    assert item.endswith("Member must have length less than or equal to 500")


def test_case_38_at_least_one_record(kinesis, stream):
    (item,) = violations(refusal(kinesis.put_records, StreamName=stream, Records=[]))
    assert "at 'records'" in item
    assert item.endswith("Member must have length greater than or equal to 1")


@pytest.mark.parametrize("length, rule", [
    (0, "greater than or equal to 1"), (257, "less than or equal to 256"),
])
def test_case_39_partition_key_length(kinesis, stream, length, rule):
    expected = must("partitionKey", f"have length {rule}", "k" * length)
    assert violations(refusal(put, kinesis=kinesis, stream=stream, key="k" * length)) == {expected}


def test_case_39_partition_key_length_counts_characters_not_bytes(kinesis, stream):
    put(kinesis, stream, "é" * 256)
    assert read(kinesis, stream)[0]["PartitionKey"] == "é" * 256


def test_case_39_partition_key_is_needed(kinesis, stream):
    assert refusal(kinesis.put_record, StreamName=stream, Data=b"x").code in (VE, IA)


def test_case_40_sum_above_10_mib(kinesis, stream):
    key = "k"
    fits = records(*[key] * 10, blob=bytes(MIB - 1))
    assert kinesis.put_records(StreamName=stream, Records=fits)["FailedRecordCount"] == 0
    over = records(*[key] * 10, blob=bytes(MIB - 1)) + records(key, blob=b"")
    assert refusal(kinesis.put_records, StreamName=stream, Records=over).code == IA
    assert len(read(kinesis, stream)) == 10


def test_case_41_record_size_is_1_mib_until_raised(kinesis, server, stream):
    blob = bytes(MIB + 1)
    assert refusal(put, kinesis=kinesis, stream=stream, blob=blob).code in (IA, VE)
    batch = records("a") + records("a", blob=blob)
    assert refusal(kinesis.put_records, StreamName=stream, Records=batch).code in (IA, VE)
    assert read(kinesis, stream) == [], "an invalid record fails the whole call"
    full = bytes(MIB - 1)
    assert refusal(put, kinesis=kinesis, stream=stream, key="ab", blob=full).code == IA, "the key counts"
    put(kinesis, stream, blob=full)
    kinesis.update_max_record_size(StreamARN=server.arn(stream), MaxRecordSizeInKiB=2048)
    wait_active(kinesis, stream)
    put(kinesis, stream, blob=blob)
    assert refusal(put, kinesis=kinesis, stream=stream, blob=bytes(2 * MIB)).code == IA
    assert [len(d) for d in data(read(kinesis, stream))] == [MIB - 1, MIB + 1]


def test_case_42_more_than_a_shard_takes_is_told_per_record(limited_kinesis):
    name = create(limited_kinesis)
    answer = limited_kinesis.put_records(
        StreamName=name, Records=records(*["a"] * 10, blob=bytes(MIB // 2))
    )
    failed = [r for r in answer["Records"] if "ErrorCode" in r]
    stored = [r for r in answer["Records"] if "SequenceNumber" in r]
    assert answer["FailedRecordCount"] == len(failed)
    assert failed and stored and len(failed) + len(stored) == 10
    for entry in failed:
        assert entry == {
            "ErrorCode": PTE,
            "ErrorMessage": f"Rate exceeded for shard {shard_id(0)} in stream {name} "
                            "under account 000000000000.",
        }
    read_back = read(limited_kinesis, name)
    assert [r["SequenceNumber"] for r in read_back] == [r["SequenceNumber"] for r in stored]


def test_case_42_a_single_put_over_budget(limited_kinesis):
    name = create(limited_kinesis)
    told = [put_outcome(limited_kinesis, name, bytes(MIB // 2)) for _ in range(10)]
    assert told[0] is None and any(told)
    text = f"Rate exceeded for shard {shard_id(0)} in stream {name} under account 000000000000."
    assert set(filter(None, told)) == {text}


def put_outcome(kinesis, stream, blob):
    try:
        put(kinesis, stream, blob=blob)
    except kinesis.exceptions.ProvisionedThroughputExceededException as error:
        return error.response["Error"]["Message"]


def test_case_42_more_than_1000_records_a_second(limited_kinesis):
    name = create(limited_kinesis)
    answers = [
        limited_kinesis.put_records(StreamName=name, Records=records(*["a"] * 500)) for _ in range(4)
    ]
    assert answers[0]["FailedRecordCount"] == 0
    assert sum(a["FailedRecordCount"] for a in answers) > 0


def test_case_43_future_sequence_number_for_ordering(kinesis, stream):
    number = Sequence.parse(put(kinesis, stream)["SequenceNumber"])
    future = number._replace(time=number.time + 3600, index=number.index + 2**40).text()
    assert refusal(put, kinesis=kinesis, stream=stream, SequenceNumberForOrdering=future) == (
        IA, f"ExclusiveMinimumSequenceNumber {future} used in PutRecord on stream {stream} "
            "under account 000000000000 is invalid.")


def test_case_43_an_acknowledged_number_orders_the_next(kinesis, stream):
    first = put(kinesis, stream)["SequenceNumber"]
    second = put(kinesis, stream, SequenceNumberForOrdering=first)["SequenceNumber"]
    assert int(second) > int(first)


def dry_run(operation):
    return ("DryRunOperationException",
            f"DryRunOperation validation succeeded while calling {operation} operation.: "
            "Request would have succeeded, but DryRun flag is set.")


def test_case_45_dry_run_puts_store_nothing(kinesis, stream):
    assert refusal(put, kinesis=kinesis, stream=stream, DryRun=True) == dry_run("PutRecord")
    assert refusal(
        kinesis.put_records, StreamName=stream, Records=records("a", "b"), DryRun=True
    ) == dry_run("PutRecords")
    assert read(kinesis, stream) == []
    ok(put(kinesis, stream, DryRun=False))


def test_case_45_dry_run_reads_move_no_data(kinesis, stream):
    put(kinesis, stream)
    assert refusal(
        kinesis.get_shard_iterator, StreamName=stream, ShardId=shard_id(0),
        ShardIteratorType="TRIM_HORIZON", DryRun=True,
    ) == dry_run("GetShardIterator")
    token = iterator(kinesis, stream)
    assert refusal(kinesis.get_records, ShardIterator=token, DryRun=True) == dry_run("GetRecords")


def test_case_45_dry_run_still_checks(kinesis, stream):
    name = unique()
    assert refusal(put, kinesis=kinesis, stream=name, DryRun=True) == not_found(name)
    assert refusal(put, kinesis=kinesis, stream=stream, key="", DryRun=True).code == VE
    assert refusal(
        put, kinesis=kinesis, stream=stream, ExplicitHashKey=str(RING), DryRun=True
    ).code == IA


def test_case_45_a_dry_run_checks_what_the_stream_itself_allows(kinesis, stream):
    large = b"x" * (1024 * 1024 + 1)
    assert refusal(put, kinesis=kinesis, stream=stream, blob=large, DryRun=True).code == IA
    future = "49" + "9" * 54
    assert refusal(put, kinesis=kinesis, stream=stream, SequenceNumberForOrdering=future, DryRun=True).code == IA
