// SubscribeToShard through the SDK's async iterator.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { connect, OneConnection, sdk } from "../kit/sdk.js";
import { Server } from "../kit/server.js";
import { bytes, create, put, register, registerMany, shardId, split, Subscription, texts } from "../kit/streams.js";
import { until } from "../kit/wait.js";

const server = await Server.forThisFile();
const kinesis = connect(server);
const connections = () => server.metric("headwater_connections");

/** What a promise is rejected with. */
const failure = (promise) => promise.then(() => assert.fail("accepted"), (error) => error);

test("records as they are put, in one event what was put together", async () => {
  const StreamName = await create(kinesis);
  const subscription = await Subscription.open(
    kinesis, await register(server, kinesis, StreamName), { type: "LATEST" },
  );
  const first = await subscription.next();
  assert.deepEqual(first.Records, []);
  assert.match(first.ContinuationSequenceNumber, /^\d{56}$/);
  const Records = [1, 2, 3, 4, 5].map((i) => ({ PartitionKey: `k${i}`, Data: bytes(`${i}`) }));
  await kinesis.putRecords({ StreamName, Records });
  const event = await subscription.next();
  assert.deepEqual(texts(event.Records), ["1", "2", "3", "4", "5"]);
  assert.equal(event.MillisBehindLatest, 0);
  assert.ok(event.Records[0].ApproximateArrivalTimestamp instanceof Date);
  subscription.close();
});

test("heartbeats, and the takeover as an error in the stream", async () => {
  const StreamName = await create(kinesis);
  const arn = await register(server, kinesis, StreamName);
  const started = Date.now();
  const subscription = await Subscription.open(kinesis, arn);
  await subscription.next();
  const before = subscription.continuation;
  const refused = await failure(Subscription.open(kinesis, arn));
  assert.ok(refused instanceof sdk.ResourceInUseException);
  assert.equal(
    refused.message,
    `Another active subscription exists for this consumer: ${server.account}:${StreamName}:${shardId(0)}:`
      + arn.match(/consumer\/(.*):/)[1],
  );
  const heartbeat = await subscription.next();
  const waitedMs = Date.now() - started;
  assert.ok(4_500 < waitedMs && waitedMs < 7_000, `${waitedMs} ms`);
  assert.deepEqual(heartbeat.Records, []);
  assert.ok(BigInt(subscription.continuation) > BigInt(before));
  const second = await Subscription.open(kinesis, arn);
  const ended = await failure(subscription.next());
  assert.ok(ended instanceof sdk.ResourceInUseException, `${ended.name}`);
  assert.equal(ended.message, refused.message);
  await put(kinesis, StreamName, "x");
  assert.deepEqual(texts(await second.records(1)), ["x"]);
  second.close();
});

test("the end of a shard", async () => {
  const StreamName = await create(kinesis);
  const [live, late] = await registerMany(server, kinesis, StreamName, 2);
  const subscription = await Subscription.open(kinesis, live);
  await put(kinesis, StreamName, "x");
  assert.deepEqual(texts(await subscription.records(1)), ["x"]);
  await split(kinesis, StreamName);
  const end = await subscription.next();
  assert.equal(end.ContinuationSequenceNumber, undefined);
  assert.deepEqual(end.ChildShards.map((child) => child.ShardId), [shardId(1), shardId(2)]);
  for (const child of end.ChildShards) {
    assert.deepEqual(child.ParentShards, [shardId(0)]);
    assert.ok(child.HashKeyRange.StartingHashKey && child.HashKeyRange.EndingHashKey);
  }
  assert.equal(await subscription.next(), undefined);
  const again = await Subscription.open(kinesis, late);
  assert.deepEqual(texts(await again.records(1)), ["x"]);
  assert.equal((await again.next()).ChildShards.length, 2);
  assert.equal(await again.next(), undefined);
});

for (const type of ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"]) {
  test(`resumed ${type} after every event, nothing is lost or repeated`, async () => {
    const StreamName = await create(kinesis);
    const numbers = [];
    for (let i = 0; i < 4; i++) {
      const Records = Array.from({ length: 50 }, () => ({ PartitionKey: "a", Data: new Uint8Array(5_000) }));
      const answer = await kinesis.putRecords({ StreamName, Records });
      numbers.push(...answer.Records.map((record) => record.SequenceNumber));
    }
    const received = [];
    let position = {};
    let events = 0;
    for (const arn of await registerMany(server, kinesis, StreamName, 20)) {
      const subscription = await Subscription.open(kinesis, arn, position);
      const event = await subscription.next();
      subscription.close();
      received.push(...event.Records.map((record) => record.SequenceNumber));
      events += 1;
      position = { type, SequenceNumber: subscription.continuation };
      if (received.length >= numbers.length) break;
    }
    assert.deepEqual(received, numbers);
    assert.ok(events > 2, "several events, or nothing was tried");
  });
}

test("a hundred subscriptions over one connection", async () => {
  const StreamName = await create(kinesis, 100);
  const arn = await register(server, kinesis, StreamName);
  const before = await connections();
  const one = connect(server, { requestHandler: new OneConnection() });
  const subscriptions = [];
  for (let shard = 0; shard < 100; shard++) subscriptions.push(await Subscription.open(one, arn, { shard }));
  await Promise.all(subscriptions.map((subscription) => subscription.next()));
  assert.equal((await connections()) - before, 1);

  const readers = subscriptions.map(async (subscription) => texts(await subscription.records(1)));
  const step = 2n ** 128n / 100n;
  await one.putRecords({
    StreamName,
    Records: Array.from({ length: 100 }, (_, i) => ({
      PartitionKey: "a", Data: bytes(`${i}`), ExplicitHashKey: (BigInt(i) * step + 5n).toString(),
    })),
  });
  const read = await Promise.all(readers);
  assert.deepEqual(read.flat().map(Number), Array.from({ length: 100 }, (_, i) => i));
  one.destroy();
  await until(async () => (await connections()) <= before);
});

test("connections of one's own, as the SDK does it by itself, and they are given back", async () => {
  const StreamName = await create(kinesis);
  const arns = await registerMany(server, kinesis, StreamName, 10);
  const before = await connections();
  const subscriptions = await Promise.all(arns.map((arn) => Subscription.open(kinesis, arn)));
  await Promise.all(subscriptions.map((subscription) => subscription.next()));
  // Not what came since: an earlier test's may have ended meanwhile.
  assert.ok((await connections()) >= 10);
  await put(kinesis, StreamName, "x");
  for (const subscription of subscriptions) {
    assert.deepEqual(texts(await subscription.records(1)), ["x"]);
    subscription.close();
  }
  await until(async () => (await connections()) <= before);
});

test("a subscription that is aborted while it waits", async () => {
  const StreamName = await create(kinesis);
  const before = await connections();
  const subscription = await Subscription.open(kinesis, await register(server, kinesis, StreamName));
  await subscription.next();
  const waiting = subscription.next().catch(() => undefined);
  subscription.close();
  assert.equal(await waiting, undefined);
  await until(async () => (await connections()) <= before);
});

test("a reader that takes its time gets everything in order", async () => {
  const StreamName = await create(kinesis);
  for (let i = 0; i < 5; i++) {
    await kinesis.putRecord({ StreamName, PartitionKey: "a", Data: new Uint8Array(1_000_000).fill(i) });
  }
  const subscription = await Subscription.open(kinesis, await register(server, kinesis, StreamName));
  const seen = [];
  while (seen.length < 5) {
    const event = await subscription.next();
    seen.push(...event.Records.map((record) => record.Data[999_999]));
    await sleep(20);
  }
  assert.deepEqual(seen, [0, 1, 2, 3, 4]);
  subscription.close();
});

test("a consumer that is deregistered, a stream that is deleted", async () => {
  const StreamName = await create(kinesis);
  const [one, two] = await registerMany(server, kinesis, StreamName, 2);
  const [first, second] = await Promise.all([one, two].map((arn) => Subscription.open(kinesis, arn)));
  await Promise.all([first.next(), second.next()]);
  await kinesis.deregisterStreamConsumer({ ConsumerARN: one });
  assert.ok((await failure(first.next())) instanceof sdk.ResourceInUseException);
  await kinesis.deleteStream({ StreamName, EnforceConsumerDeletion: true });
  assert.ok((await failure(second.next())) instanceof sdk.ResourceNotFoundException);
});

test("what is refused before the first frame", async () => {
  const StreamName = await create(kinesis, 2);
  const arn = await register(server, kinesis, StreamName);
  const elsewhere = `${server.arn("none")}/consumer/reader:1700000000`;
  assert.ok((await failure(Subscription.open(kinesis, elsewhere))) instanceof sdk.ResourceNotFoundException);
  assert.ok((await failure(Subscription.open(kinesis, arn, { shard: 7 }))) instanceof sdk.ResourceNotFoundException);
  const wrong = { type: "AT_SEQUENCE_NUMBER" };
  assert.ok((await failure(Subscription.open(kinesis, arn, wrong))) instanceof sdk.InvalidArgumentException);
});

test("a server that stops ends the iterators without an error", async () => {
  const own = await Server.start();
  const client = connect(own);
  const StreamName = await create(client);
  const arns = await registerMany(own, client, StreamName, 4);
  const subscriptions = await Promise.all(arns.map((arn) => Subscription.open(client, arn)));
  await Promise.all(subscriptions.map((subscription) => subscription.next()));
  const started = Date.now();
  const [ends] = await Promise.all([
    Promise.all(subscriptions.map((subscription) => subscription.next())),
    own.stop(),
  ]);
  assert.deepEqual(ends, [undefined, undefined, undefined, undefined]);
  assert.ok(Date.now() - started < 5_000);
  client.destroy();
});
