"""The operations of the model: which are built, and a plausible request for each."""

import time

import botocore.session

MODEL = botocore.session.get_session().get_service_model("kinesis")

BUILT = {
    "AddTagsToStream", "CreateStream", "DecreaseStreamRetentionPeriod", "DeleteResourcePolicy", "DeleteStream",
    "DeregisterStreamConsumer", "DescribeAccountSettings", "DescribeLimits", "DescribeStream",
    "DescribeStreamConsumer", "DescribeStreamSummary", "DisableEnhancedMonitoring",
    "EnableEnhancedMonitoring", "GetRecords", "GetResourcePolicy", "GetShardIterator",
    "IncreaseStreamRetentionPeriod", "ListShards", "ListStreamConsumers", "ListStreams",
    "ListTagsForResource", "ListTagsForStream", "MergeShards", "PutRecord", "PutRecords", "PutResourcePolicy",
    "RegisterStreamConsumer", "RemoveTagsFromStream", "SplitShard", "StartStreamEncryption",
    "StopStreamEncryption", "SubscribeToShard", "TagResource",
    "UntagResource", "UpdateAccountSettings", "UpdateMaxRecordSize", "UpdateShardCount",
    "UpdateStreamMode", "UpdateStreamRecordDistributionStrategy", "UpdateStreamWarmThroughput",
}
LATER = sorted(set(MODEL.operation_names) - BUILT)

_ARN = "arn:aws:kinesis:us-east-1:000000000000"
_TEXT = {
    "StreamARN": _ARN + ":stream/{stream}",
    "ResourceARN": _ARN + ":stream/{stream}",
    "ConsumerARN": _ARN + ":stream/{stream}/consumer/reader:1700000000",
    "QueueARN": _ARN + ":queue/abcdefghij",
    "ChannelARN": _ARN + ":channel/abcdefghij",
    "StreamName": "{stream}",
    "ShardId": "shardId-000000000000",
    "ShardToSplit": "shardId-000000000000",
    "ShardToMerge": "shardId-000000000000",
    "AdjacentShardToMerge": "shardId-000000000001",
    "NewStartingHashKey": "1000",
    "KeyId": "alias/aws/kinesis",
    "EncryptionType": "KMS",
    "Policy": '{"Version":"2012-10-17","Statement":[]}',
    "ShardIteratorType": "TRIM_HORIZON",
}
_NUMBER = {"RetentionPeriodHours": 24, "MaxRecordSizeInKiB": 1024}
# Optional in the model, and yet a request without them is not one a user would send.
_MEANT = {
    "StreamName", "StreamARN", "ConsumerName", "ShardCount", "PartitionKey",
}


def members(operation):
    shape = MODEL.operation_model(operation).input_shape
    return shape.members if shape else {}


def request(operation, stream):
    """A JSON request with the required members and those a user would add."""
    shape = MODEL.operation_model(operation).input_shape
    return _value(None, shape, stream) if shape else {}


def _value(name, shape, stream):
    if shape.type_name == "structure":
        wanted = set(shape.required_members) | (_MEANT & set(shape.members))
        return {m: _value(m, shape.members[m], stream) for m in sorted(wanted)}
    if shape.type_name == "list":
        return [_value(name, shape.member, stream)]
    if shape.type_name == "map":
        return {"key": "value"}
    if shape.type_name in ("integer", "long"):
        return _NUMBER.get(name, max(1, shape.metadata.get("min", 1)))
    if shape.type_name == "boolean":
        return False
    if shape.type_name == "timestamp":
        return time.time() - 60
    if shape.type_name == "blob":
        return "eA=="
    if shape.enum and name not in _TEXT:
        return shape.enum[0]
    return _TEXT.get(name, "name").replace("{stream}", stream)
