"""What a scenario writes for a consumer library to read."""

from aws_kinesis_agg.aggregator import RecordAggregator

KEYS = 12


class Writer:
    """Numbered records for each of some keys, every fifth Kinesis record an aggregated one of five."""

    def __init__(self, kinesis, stream):
        self.kinesis, self.stream, self.sent, self.n = kinesis, stream, set(), 0

    def write(self, rounds=10):
        for _ in range(rounds):
            for key in map("key-{}".format, range(KEYS)):
                count = 5 if self.n % 5 == 4 else 1
                texts = [f"{key}/{self.n}/{i}" for i in range(count)]
                aggregator = RecordAggregator()
                for text in texts:
                    aggregator.add_user_record(key, text.encode())
                data = texts[0].encode() if count == 1 else aggregator.clear_and_get().get_contents()[2]
                self.kinesis.put_record(StreamName=self.stream, PartitionKey=key, Data=data)
                self.sent.update(texts)
            self.n += 1
        return self.sent
