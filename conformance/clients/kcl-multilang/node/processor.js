// The same in JavaScript: a record processor for KCL's multi-language daemon that writes down what it is given.
const fs = require("node:fs");
const path = require("node:path");
const kcl = require("aws-kcl");

let file;

function say(...words) {
  fs.appendFileSync(file, [Date.now() / 1000, ...words].join(" ") + "\n");
}

function checkpoint(given, word, done) {
  given.checkpointer.checkpoint((error) => {
    say(error ? `refused ${error}` : word);
    done();
  });
}

kcl({
  initialize(given, done) {
    file = path.join(process.env.SEEN, `${given.shardId}.${process.pid}`);
    say("start");
    done();
  },
  processRecords(given, done) {
    for (const record of given.records) {
      const data = Buffer.from(record.data, "base64").toString();
      say("record", record.sequenceNumber, record.subSequenceNumber, record.partitionKey, data);
    }
    if (given.records.length === 0) return done();
    checkpoint(given, "checkpoint", done);
  },
  leaseLost(given, done) {
    say("lease-lost");
    done();
  },
  shardEnded(given, done) {
    checkpoint(given, "shard-ended", done);
  },
  shutdownRequested(given, done) {
    checkpoint(given, "shutdown", done);
  },
}).run();
