// Aggregate with npm's aws-kinesis-agg, put with the AWS SDK for JavaScript v3.
//
//     AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 node put.js STREAM <rows.jsonl
//
// The rows are those of put.py.
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { KinesisClient, PutRecordsCommand } from "@aws-sdk/client-kinesis";
import agg from "aws-kinesis-agg";

const kinesis = new KinesisClient();
const stream = process.argv[2];

const aggregators = new Map();
const lanes = new Map();

function keep(lane, built) {
  const record = { PartitionKey: built.partitionKey, Data: built.data };
  if (built.ExplicitHashKey) record.ExplicitHashKey = built.ExplicitHashKey;
  if (!lanes.has(lane)) lanes.set(lane, []);
  lanes.get(lane).push(record);
}

for await (const line of createInterface({ input: process.stdin })) {
  const row = JSON.parse(line);
  if (!aggregators.has(row.lane)) aggregators.set(row.lane, new agg.RecordAggregator());
  const aggregator = aggregators.get(row.lane);
  const user = { partitionKey: row.key, data: Buffer.from(row.data), ...(row.hash && { explicitHashKey: row.hash }) };
  if (!aggregator.checkIfUserRecordFits(user)) keep(row.lane, aggregator.build());
  aggregator.addUserRecord(user);
}
for (const [lane, aggregator] of aggregators) keep(lane, aggregator.build());

// The first record of each lane at once, then the second: a lane's next is only sent when its last is in.
let count = 0;
for (const lane of lanes.values()) count += lane.length;
for (;;) {
  const waiting = [...lanes.values()].filter((lane) => lane.length > 0);
  if (waiting.length === 0) break;
  const Records = waiting.map((lane) => lane[0]);
  const answer = await kinesis.send(new PutRecordsCommand({ StreamName: stream, Records }));
  answer.Records.forEach((result, at) => result.ErrorCode ?? waiting[at].shift());
  if (answer.FailedRecordCount > 0) await sleep(200);
}
console.log(count);
