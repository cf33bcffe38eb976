// Streams, consumers and subscriptions of the tests.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { until } from "./wait.js";

export const shardId = (index) => `shardId-${String(index).padStart(12, "0")}`;
export const unique = (prefix) => `${prefix}-${randomUUID().slice(0, 12)}`;
export const bytes = (text) => new TextEncoder().encode(text);
export const texts = (records) => records.map((record) => new TextDecoder().decode(record.Data));

/** The name of a new ACTIVE stream. */
export async function create(kinesis, shards = 1, options = {}) {
  const StreamName = unique("stream");
  await kinesis.createStream({ StreamName, ShardCount: shards, ...options });
  await active(kinesis, StreamName);
  return StreamName;
}

export async function active(kinesis, StreamName) {
  await until(async () => {
    const { StreamDescriptionSummary } = await kinesis.describeStreamSummary({ StreamName });
    return StreamDescriptionSummary.StreamStatus === "ACTIVE";
  });
}

/** The ARN of a new ACTIVE consumer. */
export async function register(server, kinesis, stream) {
  const [arn] = await registerMany(server, kinesis, stream, 1);
  return arn;
}

export async function registerMany(server, kinesis, stream, count) {
  const arns = [];
  for (let i = 0; i < count; i++) {
    const named = { StreamARN: server.arn(stream), ConsumerName: unique("reader") };
    arns.push((await kinesis.registerStreamConsumer(named)).Consumer.ConsumerARN);
  }
  for (const ConsumerARN of arns) {
    await until(async () => {
      const { ConsumerDescription } = await kinesis.describeStreamConsumer({ ConsumerARN });
      return ConsumerDescription.ConsumerStatus === "ACTIVE";
    });
  }
  return arns;
}

export async function put(kinesis, StreamName, ...blobs) {
  for (const blob of blobs) {
    await kinesis.putRecord({ StreamName, PartitionKey: "a", Data: bytes(blob) });
  }
}

/** Splits the first shard in the middle and waits. */
export async function split(kinesis, StreamName) {
  const middle = (2n ** 127n).toString();
  await kinesis.splitShard({ StreamName, ShardToSplit: shardId(0), NewStartingHashKey: middle });
  await active(kinesis, StreamName);
}

/** A subscription: its events one by one, and what was said last. */
export class Subscription {
  static async open(kinesis, arn, { shard = 0, type = "TRIM_HORIZON", ...position } = {}) {
    const request = { ConsumerARN: arn, ShardId: shardId(shard), StartingPosition: { Type: type, ...position } };
    const subscription = new Subscription();
    subscription.aborting = new AbortController();
    const options = { abortSignal: subscription.aborting.signal };
    const { EventStream } = await kinesis.subscribeToShard(request, options);
    subscription.iterator = EventStream[Symbol.asyncIterator]();
    return subscription;
  }

  /** The next event; undefined at the end of the stream. */
  async next() {
    const { value, done } = await this.iterator.next();
    if (done) return undefined;
    assert.deepEqual(Object.keys(value), ["SubscribeToShardEvent"]);
    const event = value.SubscribeToShardEvent;
    this.continuation = event.ContinuationSequenceNumber;
    this.children = event.ChildShards;
    assert.equal(this.continuation === undefined, Boolean(this.children?.length), JSON.stringify(event));
    return event;
  }

  /** The next records, at least so many. */
  async records(count) {
    const records = [];
    while (records.length < count) {
      const event = await this.next();
      assert.ok(event, `ended after ${records.length} of ${count} records`);
      records.push(...event.Records);
    }
    return records;
  }

  /** The way to end one with this SDK: leaving its iterator leaves the connection open. */
  close() {
    this.aborting.abort();
  }
}
