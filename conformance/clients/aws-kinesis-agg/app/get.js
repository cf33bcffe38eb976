// Read every shard with the AWS SDK for JavaScript v3, take the records apart with npm's aws-kinesis-agg, print what is
// in them.
//
//     AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 node get.js STREAM
import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand } from "@aws-sdk/client-kinesis";
import agg from "aws-kinesis-agg";

const kinesis = new KinesisClient();
const StreamName = process.argv[2];

async function* records(ShardId) {
  const start = { StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" };
  let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(start));
  for (;;) {
    const answer = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
    yield* answer.Records;
    ShardIterator = answer.NextShardIterator;
    if (answer.Records.length === 0 && answer.MillisBehindLatest === 0) return;
  }
}

const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName }));
for (const { ShardId } of Shards) {
  for await (const record of records(ShardId)) {
    // The module wants the data in base64, and the record as Lambda has it.
    const given = {
      partitionKey: record.PartitionKey, sequenceNumber: record.SequenceNumber,
      data: Buffer.from(record.Data).toString("base64"),
    };
    agg.deaggregateSync(given, true, (error, users) => {
      if (error) throw error;
      for (const user of users) {
        console.log(JSON.stringify({
          shard: ShardId, key: user.partitionKey, hash: user.explicitPartitionKey ?? null,
          sequence: user.sequenceNumber, sub: user.subSequenceNumber ?? null,
          data: Buffer.from(user.data, "base64").toString(),
        }));
      }
    });
  }
}
