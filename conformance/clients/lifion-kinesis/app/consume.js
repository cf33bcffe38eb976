'use strict';

// A consumer of lifion-kinesis: a line for each record, and a line for each thing that it logs.

const Kinesis = require('lifion-kinesis');

// Without an endpoint it asks AWS's own names.
const [streamName, mode, endpoint] = process.argv.slice(2);
const where = { region: 'us-east-1', ...(endpoint && { endpoint }) };
const log = (level) => (...words) => console.log(level, ...words);

const consumer = new Kinesis({
  consumerGroup: 'conformance',
  createStreamIfNeeded: false,
  // Told to each client by itself.
  dynamoDb: { ...where, tableName: 'lifion-state' },
  initialPositionInStream: 'TRIM_HORIZON',
  // 20 s otherwise, after each reshard.
  leaseAcquisitionInterval: 1000,
  logger: { debug: log('DEBUG'), error: log('ERROR'), warn: log('WARN') },
  maxEnhancedConsumers: 1,
  streamName,
  useEnhancedFanOut: mode === 'fan-out',
  ...where,
});

consumer.on('data', ({ records, shardId }) => {
  for (const { data, sequenceNumber } of records) console.log('RECORD', shardId, sequenceNumber, String(data));
});
consumer.on('error', (error) => console.log('ERROR', error));
consumer.startConsumer().then(() => console.log('STARTED'));
