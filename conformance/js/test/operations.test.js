// Every operation that the JavaScript SDK's users call, over its HTTP/2, with its waiters and paginators.
import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, sdk } from "../kit/sdk.js";
import { Server } from "../kit/server.js";
import { bytes, create, register, registerMany, shardId, split, texts, unique } from "../kit/streams.js";

const server = await Server.forThisFile();
const kinesis = connect(server);
const waiting = { client: kinesis, maxWaitTime: 20, minDelay: 0.02, maxDelay: 0.1 };

async function collect(pages, member) {
  const all = [];
  for await (const page of pages) all.push(page[member]);
  return all;
}

test("a stream from its creation to its end, by the waiters", async () => {
  const StreamName = unique("stream");
  await kinesis.createStream({ StreamName, ShardCount: 2 });
  const waited = await sdk.waitUntilStreamExists(waiting, { StreamName });
  assert.equal(waited.state, "SUCCESS");
  const { StreamDescription } = await kinesis.describeStream({ StreamName });
  assert.equal(StreamDescription.StreamARN, server.arn(StreamName));
  assert.equal(StreamDescription.Shards.length, 2);
  assert.ok(Math.abs(StreamDescription.StreamCreationTimestamp - Date.now()) < 60_000);
  assert.equal(StreamDescription.Shards[0].SequenceNumberRange.EndingSequenceNumber, undefined);
  const { StreamDescriptionSummary } = await kinesis.describeStreamSummary({ StreamARN: server.arn(StreamName) });
  assert.equal(StreamDescriptionSummary.OpenShardCount, 2);
  const { Shards } = await kinesis.listShards({ StreamName, ShardFilter: { Type: "AT_LATEST" } });
  assert.deepEqual(Shards.map((shard) => shard.ShardId), [shardId(0), shardId(1)]);
  await kinesis.deleteStream({ StreamName });
  assert.equal((await sdk.waitUntilStreamNotExists(waiting, { StreamName })).state, "SUCCESS");
});

test("lists in pages", async () => {
  const made = [];
  for (let i = 0; i < 5; i++) made.push(await create(kinesis));
  const pages = await collect(sdk.paginateListStreams({ client: kinesis, pageSize: 2 }, {}), "StreamNames");
  assert.ok(pages.length >= 3 && pages.every((page) => page.length <= 2));
  const names = pages.flat();
  assert.deepEqual(names, [...names].sort());
  assert.ok(made.every((name) => names.includes(name)));
});

test("records go in and come out as bytes", async () => {
  const StreamName = await create(kinesis);
  const blob = Uint8Array.from({ length: 256 }, (_, i) => i);
  const first = await kinesis.putRecord({ StreamName, PartitionKey: "ключ", Data: blob });
  assert.equal(first.ShardId, shardId(0));
  const { FailedRecordCount, Records: placed } = await kinesis.putRecords({
    StreamName,
    Records: [1, 2, 3].map((i) => ({ PartitionKey: `k${i}`, Data: bytes(`${i}`) })),
  });
  assert.equal(FailedRecordCount, 0);
  const position = { StreamName, ShardId: shardId(0), ShardIteratorType: "TRIM_HORIZON" };
  const { ShardIterator } = await kinesis.getShardIterator(position);
  const { Records, MillisBehindLatest, NextShardIterator } = await kinesis.getRecords({ ShardIterator });
  assert.deepEqual(Records[0].Data, blob);
  assert.deepEqual(texts(Records.slice(1)), ["1", "2", "3"]);
  assert.equal(Records[0].PartitionKey, "ключ");
  assert.ok(Records[0].ApproximateArrivalTimestamp instanceof Date);
  assert.deepEqual(
    Records.map((record) => record.SequenceNumber),
    [first, ...placed].map((record) => record.SequenceNumber),
  );
  assert.equal(MillisBehindLatest, 0);
  assert.ok(NextShardIterator);
});

test("ten megabytes go through the windows of HTTP/2", async () => {
  const StreamName = await create(kinesis, 1, { MaxRecordSizeInKiB: 10240 });
  const blob = new Uint8Array(10_000_000).fill(7);
  await kinesis.putRecord({ StreamName, PartitionKey: "a", Data: blob });
  const position = { StreamName, ShardId: shardId(0), ShardIteratorType: "TRIM_HORIZON" };
  const { ShardIterator } = await kinesis.getShardIterator(position);
  const { Records } = await kinesis.getRecords({ ShardIterator });
  assert.equal(Buffer.compare(Records[0].Data, blob), 0);
});

test("a shard is split and its end names the children", async () => {
  const StreamName = await create(kinesis);
  const position = { StreamName, ShardId: shardId(0), ShardIteratorType: "TRIM_HORIZON" };
  const { ShardIterator } = await kinesis.getShardIterator(position);
  await split(kinesis, StreamName);
  const { NextShardIterator, ChildShards } = await kinesis.getRecords({ ShardIterator });
  assert.equal(NextShardIterator, undefined);
  assert.deepEqual(ChildShards.map((child) => child.ShardId), [shardId(1), shardId(2)]);
});

test("consumers: register, describe, list in pages, tags, deregister", async () => {
  const stream = await create(kinesis);
  const StreamARN = server.arn(stream);
  const { Consumer } = await kinesis.registerStreamConsumer({
    StreamARN, ConsumerName: "reader", Tags: { a: "1" },
  });
  const { ConsumerARN } = Consumer;
  const created = Consumer.ConsumerCreationTimestamp.getTime() / 1000;
  assert.equal(ConsumerARN, `${StreamARN}/consumer/reader:${created}`);
  const byName = await kinesis.describeStreamConsumer({ StreamARN, ConsumerName: "reader" });
  assert.equal(byName.ConsumerDescription.ConsumerARN, ConsumerARN);
  assert.equal(byName.ConsumerDescription.StreamARN, StreamARN);
  assert.deepEqual((await kinesis.listTagsForResource({ ResourceARN: ConsumerARN })).Tags, [{ Key: "a", Value: "1" }]);
  await registerMany(server, kinesis, stream, 4);
  const pages = await collect(
    sdk.paginateListStreamConsumers({ client: kinesis, pageSize: 2 }, { StreamARN }), "Consumers",
  );
  assert.deepEqual(pages.map((page) => page.length), [2, 2, 1]);
  assert.equal((await kinesis.describeStreamSummary({ StreamARN })).StreamDescriptionSummary.ConsumerCount, 5);
  await kinesis.deregisterStreamConsumer({ ConsumerARN });
  await kinesis.deleteStream({ StreamARN, EnforceConsumerDeletion: true });
});

const named = { StreamName: "none", PartitionKey: "a", Data: bytes("x") };
for (const [kind, call] of [
  ["ResourceNotFoundException", () => kinesis.putRecord(named)],
  ["ResourceNotFoundException", () => kinesis.describeStreamConsumer({ StreamARN: server.arn("none"), ConsumerName: "a" })],
  ["InvalidArgumentException", () => kinesis.getRecords({ ShardIterator: "garbage" })],
  ["ValidationException", () => kinesis.putRecord({ ...named, ExplicitHashKey: "x" })],
]) {
  test(`refused with the class ${kind}: ${call}`, async () => {
    const failure = await call().then(() => assert.fail("accepted"), (error) => error);
    assert.equal(failure.name, kind);
    assert.ok(failure instanceof sdk[kind], "an instance of the modelled class");
    assert.ok(failure instanceof sdk.KinesisServiceException);
    assert.equal(failure.$metadata.httpStatusCode, 400);
    assert.match(failure.$metadata.requestId, /^[0-9a-f-]{36}$/);
    assert.ok(failure.message);
  });
}

test("ResourceInUseException where something exists already", async () => {
  const StreamName = await create(kinesis);
  const taken = [
    () => kinesis.createStream({ StreamName, ShardCount: 1 }),
    () => kinesis.registerStreamConsumer({ StreamARN: server.arn(StreamName), ConsumerName: "reader" }),
    () => kinesis.deleteStream({ StreamName }),
  ];
  await taken[1]();
  for (const call of taken) await assert.rejects(call, sdk.ResourceInUseException);
});

test("DryRun", async () => {
  const StreamName = await create(kinesis);
  const ConsumerARN = await register(server, kinesis, StreamName);
  const subscribing = { ConsumerARN, ShardId: shardId(0), StartingPosition: { Type: "LATEST" }, DryRun: true };
  for (const [operation, call] of [
    ["SubscribeToShard", () => kinesis.subscribeToShard(subscribing)],
    ["PutRecord", () => kinesis.putRecord({ StreamName, PartitionKey: "a", Data: bytes("x"), DryRun: true })],
  ]) {
    await assert.rejects(call, (error) => {
      assert.equal(error.name, "DryRunOperationException");
      return error.message === `DryRunOperation validation succeeded while calling ${operation} operation.: `
        + "Request would have succeeded, but DryRun flag is set.";
    });
  }
});
