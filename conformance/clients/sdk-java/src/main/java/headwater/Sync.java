package headwater;

import static headwater.Steps.refused;
import static headwater.Steps.same;
import static headwater.Steps.step;
import static headwater.Steps.that;
import static headwater.Steps.until;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.retries.DefaultRetryStrategy;
import software.amazon.awssdk.retries.api.BackoffStrategy;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.Consumer;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.InvalidArgumentException;
import software.amazon.awssdk.services.kinesis.model.KinesisException;
import software.amazon.awssdk.services.kinesis.model.ProvisionedThroughputExceededException;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResultEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardFilterType;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.awssdk.services.kinesis.waiters.KinesisWaiter;

/** The synchronous client, over HTTP/1.1. */
final class Sync {
    private final KinesisClient kinesis;
    private final KinesisWaiter waiter;

    private Sync(KinesisClient kinesis) {
        this.kinesis = kinesis;
        // The SDK's waiters look every ten seconds; a stream here is there sooner.
        this.waiter = KinesisWaiter.builder()
                .client(kinesis)
                .overrideConfiguration(c -> c.backoffStrategyV2(BackoffStrategy.fixedDelay(Duration.ofMillis(50))))
                .build();
    }

    /** {@code apache} or {@code url-connection}; where the server is says {@code AWS_ENDPOINT_URL}. */
    static void run(String http) throws Exception {
        SdkHttpClient.Builder<?> builder =
                http.equals("apache") ? ApacheHttpClient.builder() : UrlConnectionHttpClient.builder();
        try (KinesisClient kinesis =
                KinesisClient.builder().httpClientBuilder(builder).build()) {
            new Sync(kinesis).all();
        }
    }

    private void all() throws Exception {
        step("create and wait", () -> {
            kinesis.createStream(r -> r.streamName("s").shardCount(2));
            StreamDescriptionSummary stream = waiter.waitUntilStreamExists(r -> r.streamName("s"))
                    .matched()
                    .response()
                    .map(found -> kinesis.describeStreamSummary(r -> r.streamName("s"))
                            .streamDescriptionSummary())
                    .orElseThrow();
            same(StreamStatus.ACTIVE, stream.streamStatus());
            same(2, stream.openShardCount());
            recent(stream.streamCreationTimestamp());
        });

        step("put and get every record in order", () -> {
            Map<String, List<String>> written = put(1_000);
            same(written, read(written.keySet()));
        });

        step("every byte arrives", () -> {
            byte[] bytes = new byte[1 << 16];
            IntStream.range(0, bytes.length).forEach(i -> bytes[i] = (byte) (i ^ i >> 8));
            var put = kinesis.putRecord(
                    r -> r.streamName("s").partitionKey("b\u00e4\u2713").data(SdkBytes.fromByteArray(bytes)));
            Record record = get(iterator(put.shardId(), ShardIteratorType.AT_SEQUENCE_NUMBER, put.sequenceNumber()))
                    .get(0);
            that(Arrays.equals(bytes, record.data().asByteArray()), "other bytes came back");
            same("b\u00e4\u2713", record.partitionKey());
            same(put.sequenceNumber(), record.sequenceNumber());
            recent(record.approximateArrivalTimestamp());
        });

        step("iterators of every kind", this::iterators);

        step("list with pages", () -> {
            for (String name : List.of("p1", "p2", "p3")) {
                kinesis.createStream(r -> r.streamName(name).shardCount(1));
                waiter.waitUntilStreamExists(r -> r.streamName(name));
            }
            List<String> names = kinesis.listStreamsPaginator(r -> r.limit(1)).streamNames().stream().toList();
            same(List.of("p1", "p2", "p3", "s"), names);
            List<String> shards = new ArrayList<>();
            var page = kinesis.listShards(r -> r.streamName("s").maxResults(1));
            page.shards().forEach(shard -> shards.add(shard.shardId()));
            while (page.nextToken() != null) {
                String token = page.nextToken();
                page = kinesis.listShards(r -> r.nextToken(token).maxResults(1));
                page.shards().forEach(shard -> shards.add(shard.shardId()));
            }
            same(List.of("shardId-000000000000", "shardId-000000000001"), shards);
        });

        step("split, merge and read on in the children", this::reshard);

        step("tags and retention", () -> {
            kinesis.addTagsToStream(r -> r.streamName("s").tags(Map.of("team", "a", "empty", "")));
            Map<String, String> tags = new TreeMap<>();
            kinesis.listTagsForStream(r -> r.streamName("s")).tags().forEach(t -> tags.put(t.key(), t.value()));
            same(Map.of("team", "a", "empty", ""), tags);
            kinesis.increaseStreamRetentionPeriod(r -> r.streamName("s").retentionPeriodHours(48));
            active();
            same(48, summary().retentionPeriodHours());
        });

        step("consumers with pages", () -> {
            String arn = summary().streamARN();
            for (String name : List.of("c1", "c2", "c3")) {
                kinesis.registerStreamConsumer(r -> r.streamARN(arn).consumerName(name));
            }
            List<String> names = kinesis.listStreamConsumersPaginator(r -> r.streamARN(arn).maxResults(1))
                    .stream().flatMap(page -> page.consumers().stream()).map(Consumer::consumerName).sorted().toList();
            same(List.of("c1", "c2", "c3"), names);
            refused(ResourceInUseException.class,
                    () -> kinesis.registerStreamConsumer(r -> r.streamARN(arn).consumerName("c1")));
        });

        step("errors by their types", this::errors);

        step("throttled calls are repeated by the client", () -> {
            SdkBytes large = SdkBytes.fromByteArray(new byte[900_000]);
            try (KinesisClient once = KinesisClient.builder()
                    .overrideConfiguration(c -> c.retryStrategy(DefaultRetryStrategy.doNotRetry()))
                    .build()) {
                refused(ProvisionedThroughputExceededException.class, () -> {
                    for (int i = 0; i < 5; i++) {
                        once.putRecord(r -> r.streamName("p1").partitionKey("k").data(large));
                    }
                });
            }
            try (KinesisClient patient = KinesisClient.builder()
                    .overrideConfiguration(c -> c.retryStrategy(
                            DefaultRetryStrategy.standardStrategyBuilder().maxAttempts(12).build()))
                    .build()) {
                for (int i = 0; i < 3; i++) {
                    patient.putRecord(r -> r.streamName("p1").partitionKey("k").data(large));
                }
            }
        });

        step("delete and wait", () -> {
            kinesis.deleteStream(r -> r.streamName("s").enforceConsumerDeletion(true));
            that(waiter.waitUntilStreamNotExists(r -> r.streamName("s")).matched().exception().isPresent(),
                    "the waiter ends with the stream's ResourceNotFoundException");
        });
    }

    private void iterators() throws Exception {
        Instant before = Instant.now();
        Thread.sleep(20);
        List<String> sequence = new ArrayList<>();
        String latest = null;
        for (String data : List.of("one", "two", "three")) {
            var put = kinesis.putRecord(r -> r.streamName("s")
                    .partitionKey("k").explicitHashKey("0").data(SdkBytes.fromUtf8String(data)));
            same("shardId-000000000000", put.shardId());
            sequence.add(put.sequenceNumber());
            if (data.equals("two")) {
                latest = iterator(put.shardId(), ShardIteratorType.LATEST, null);
            }
        }
        String shard = "shardId-000000000000";
        same(List.of("three"), texts(get(latest)));
        same(List.of("two", "three"),
                texts(get(iterator(shard, ShardIteratorType.AT_SEQUENCE_NUMBER, sequence.get(1)))));
        same(List.of("three"),
                texts(get(iterator(shard, ShardIteratorType.AFTER_SEQUENCE_NUMBER, sequence.get(1)))));
        same(List.of("one", "two", "three"), texts(get(kinesis.getShardIterator(r -> r.streamName("s")
                .shardId(shard).shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(before)).shardIterator())));
    }

    private void reshard() throws Exception {
        kinesis.splitShard(r -> r.streamName("s").shardToSplit("shardId-000000000000")
                .newStartingHashKey(BigInteger.TWO.pow(126).toString()));
        active();
        kinesis.mergeShards(r -> r.streamName("s").shardToMerge("shardId-000000000003")
                .adjacentShardToMerge("shardId-000000000001"));
        active();
        Map<String, List<String>> written = put(300);
        same(Set.of("shardId-000000000002", "shardId-000000000004"), written.keySet());
        same(written, read(written.keySet()));

        List<ChildShard> children = end("shardId-000000000000");
        same(List.of("shardId-000000000002", "shardId-000000000003"),
                children.stream().map(ChildShard::shardId).sorted().toList());
        children.forEach(child -> same(List.of("shardId-000000000000"), child.parentShards()));
        for (String parent : List.of("shardId-000000000001", "shardId-000000000003")) {
            ChildShard child = end(parent).get(0);
            same("shardId-000000000004", child.shardId());
            same(Set.of("shardId-000000000001", "shardId-000000000003"), new HashSet<>(child.parentShards()));
        }

        List<Shard> all = kinesis.listShards(r -> r.streamName("s")).shards();
        same(5, all.size());
        same("shardId-000000000000", all.get(2).parentShardId());
        same("shardId-000000000003", all.get(4).parentShardId());
        same("shardId-000000000001", all.get(4).adjacentParentShardId());
        List<String> open = kinesis.listShards(r -> r.streamName("s").shardFilter(f -> f.type(ShardFilterType.AT_LATEST)))
                .shards().stream().map(Shard::shardId).toList();
        same(List.of("shardId-000000000002", "shardId-000000000004"), open);
    }

    private void errors() throws Exception {
        KinesisException error = refused(ResourceNotFoundException.class,
                () -> kinesis.describeStreamSummary(r -> r.streamName("absent")));
        same(400, error.statusCode());
        same("ResourceNotFoundException", error.awsErrorDetails().errorCode());
        same("Kinesis", error.awsErrorDetails().serviceName());
        that(error.awsErrorDetails().errorMessage().startsWith("Stream absent under account "), error.getMessage());
        that(error.requestId() != null && !error.requestId().isEmpty(), "no request id: " + error);
        refused(ResourceInUseException.class, () -> kinesis.createStream(r -> r.streamName("s").shardCount(1)));
        refused(InvalidArgumentException.class, () -> kinesis.getRecords(r -> r.shardIterator("nonsense")));
        refused(InvalidArgumentException.class, () -> kinesis.putRecord(r -> r.streamName("s").partitionKey("k")
                .explicitHashKey(BigInteger.TWO.pow(128).toString()).data(SdkBytes.fromUtf8String("x"))));
        same("ValidationException", refused(
                software.amazon.awssdk.services.kinesis.model.ValidationException.class,
                () -> kinesis.putRecord(r -> r.streamName("no spaces").partitionKey("k")
                        .data(SdkBytes.fromUtf8String("x")))).awsErrorDetails().errorCode());
    }

    /** Puts this many, and says which data went to which shard in which order. */
    private Map<String, List<String>> put(int count) {
        Map<String, List<String>> written = new TreeMap<>();
        Map<String, BigInteger> last = new TreeMap<>();
        String run = Long.toString(System.nanoTime(), 36);
        for (int start = 0; start < count; start += 250) {
            List<String> data = IntStream.range(start, Math.min(start + 250, count))
                    .mapToObj(i -> run + "-" + i)
                    .toList();
            PutRecordsResponse response = kinesis.putRecords(r -> r.streamName("s").records(data.stream()
                    .map(one -> PutRecordsRequestEntry.builder()
                            .partitionKey(one).data(SdkBytes.fromUtf8String(one)).build())
                    .toList()));
            same(0, response.failedRecordCount());
            same(data.size(), response.records().size());
            for (int i = 0; i < data.size(); i++) {
                PutRecordsResultEntry result = response.records().get(i);
                written.computeIfAbsent(result.shardId(), shard -> new ArrayList<>()).add(data.get(i));
                BigInteger sequence = new BigInteger(result.sequenceNumber());
                BigInteger before = last.put(result.shardId(), sequence);
                that(before == null || before.compareTo(sequence) < 0, "sequence numbers must ascend");
            }
        }
        return written;
    }

    /** All that is in these shards. */
    private Map<String, List<String>> read(Set<String> shards) throws Exception {
        Map<String, List<String>> found = new TreeMap<>();
        for (String shard : shards) {
            found.put(shard, texts(get(iterator(shard, ShardIteratorType.TRIM_HORIZON, null))));
        }
        return found;
    }

    private String iterator(String shard, ShardIteratorType type, String sequence) {
        GetShardIteratorRequest request = GetShardIteratorRequest.builder()
                .streamName("s").shardId(shard).shardIteratorType(type).startingSequenceNumber(sequence).build();
        return kinesis.getShardIterator(request).shardIterator();
    }

    /** From here to the tip of the shard. */
    private List<Record> get(String iterator) throws Exception {
        List<Record> found = new ArrayList<>();
        while (iterator != null) {
            String at = iterator;
            GetRecordsResponse page = kinesis.getRecords(r -> r.shardIterator(at).limit(400));
            found.addAll(page.records());
            if (page.records().isEmpty() && page.millisBehindLatest() == 0) {
                break;
            }
            iterator = page.nextShardIterator();
            Thread.sleep(210); // five reads a second are AWS's limit
        }
        return found;
    }

    /** The children that the end of a closed shard names. */
    private List<ChildShard> end(String shard) throws Exception {
        String iterator = iterator(shard, ShardIteratorType.TRIM_HORIZON, null);
        while (true) {
            String at = iterator;
            GetRecordsResponse page = kinesis.getRecords(r -> r.shardIterator(at));
            if (page.nextShardIterator() == null) {
                that(!page.childShards().isEmpty(), "a shard ends with its children");
                return page.childShards();
            }
            that(page.childShards().isEmpty(), "children come at the end only");
            iterator = page.nextShardIterator();
            Thread.sleep(210);
        }
    }

    private static List<String> texts(List<Record> records) {
        return records.stream().map(record -> record.data().asUtf8String()).toList();
    }

    private StreamDescriptionSummary summary() {
        return kinesis.describeStreamSummary(r -> r.streamName("s")).streamDescriptionSummary();
    }

    private void active() throws Exception {
        until(() -> summary().streamStatus() == StreamStatus.ACTIVE);
    }

    private static void recent(Instant time) {
        that(Duration.between(time, Instant.now()).abs().compareTo(Duration.ofMinutes(1)) < 0, "not now: " + time);
    }
}
