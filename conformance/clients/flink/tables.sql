CREATE TABLE orders (
  customer STRING,
  amount   INT,
  arrived  AS PROCTIME()
) WITH (
  'connector' = 'kinesis',
  'stream.arn' = '$ORDERS',
  'aws.region' = 'us-east-1',
  'aws.endpoint' = '$ENDPOINT',
  'source.init.position' = 'TRIM_HORIZON',
  'format' = 'json'
);

CREATE TABLE totals (
  customer STRING,
  orders   BIGINT,
  amount   BIGINT
) PARTITIONED BY (customer) WITH (
  'connector' = 'kinesis',
  'stream.arn' = '$TOTALS',
  'aws.region' = 'us-east-1',
  'aws.endpoint' = '$ENDPOINT',
  'format' = 'json'
);

INSERT INTO totals
SELECT customer, COUNT(*), SUM(amount)
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(arrived), INTERVAL '1' SECOND))
GROUP BY customer, window_start, window_end;
