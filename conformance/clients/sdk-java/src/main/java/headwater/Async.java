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
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.retries.api.BackoffStrategy;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StartingPosition;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;
import software.amazon.awssdk.services.kinesis.waiters.KinesisAsyncWaiter;

/** The asynchronous client, over HTTP/2, and enhanced fan-out with it. */
final class Async {
    private static final String FIRST = "shardId-000000000000";

    private final KinesisAsyncClient kinesis;
    private final KinesisAsyncWaiter waiter;

    private Async(KinesisAsyncClient kinesis) {
        this.kinesis = kinesis;
        this.waiter = KinesisAsyncWaiter.builder()
                .client(kinesis)
                .overrideConfiguration(c -> c.backoffStrategyV2(BackoffStrategy.fixedDelay(Duration.ofMillis(50))))
                .build();
    }

    static void run() throws Exception {
        try (KinesisAsyncClient kinesis = KinesisAsyncClient.create()) {
            new Async(kinesis).all();
        }
    }

    private void all() throws Exception {
        step("create and wait", () -> {
            kinesis.createStream(r -> r.streamName("s").shardCount(1)).join();
            waiter.waitUntilStreamExists(r -> r.streamName("s")).join();
            same(1, kinesis.describeStreamSummary(r -> r.streamName("s")).join().streamDescriptionSummary()
                    .openShardCount());
        });

        List<String> written = new ArrayList<>();
        step("a hundred calls at once", () -> {
            // In the order of the sequence numbers, which is the shard's.
            Map<BigInteger, String> answered = new TreeMap<>();
            List<CompletableFuture<?>> calls = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                String data = "single-" + i;
                calls.add(kinesis.putRecord(r -> r.streamName("s").partitionKey(data)
                                .data(SdkBytes.fromUtf8String(data)))
                        .thenAccept(put -> {
                            synchronized (answered) {
                                answered.put(new BigInteger(put.sequenceNumber()), data);
                            }
                        }));
            }
            CompletableFuture.allOf(calls.toArray(CompletableFuture[]::new)).join();
            same(100, answered.size());
            written.addAll(answered.values());
        });

        step("put records", () -> {
            List<String> data = IntStream.range(0, 500).mapToObj(i -> "batch-" + i).toList();
            var answer = kinesis.putRecords(r -> r.streamName("s").records(data.stream()
                    .map(one -> PutRecordsRequestEntry.builder()
                            .partitionKey(one).data(SdkBytes.fromUtf8String(one)).build())
                    .toList())).join();
            same(0, answer.failedRecordCount());
            same(500, answer.records().size());
            written.addAll(data);
        });

        step("get records", () -> {
            String iterator = kinesis.getShardIterator(r -> r.streamName("s").shardId(FIRST)
                    .shardIteratorType(ShardIteratorType.TRIM_HORIZON)).join().shardIterator();
            var page = kinesis.getRecords(r -> r.shardIterator(iterator)).join();
            same(written, texts(page.records()));
            Instant arrived = page.records().get(0).approximateArrivalTimestamp();
            that(Duration.between(arrived, Instant.now()).abs().toSeconds() < 60, "not now: " + arrived);
        });

        step("list with pages", () -> {
            kinesis.createStream(r -> r.streamName("t").shardCount(1)).join();
            waiter.waitUntilStreamExists(r -> r.streamName("t")).join();
            List<String> names = new ArrayList<>();
            kinesis.listStreamsPaginator(r -> r.limit(1)).streamNames().subscribe(names::add).join();
            same(List.of("s", "t"), names);
        });

        step("errors by their types", () -> {
            var error = refused(ResourceNotFoundException.class,
                    () -> kinesis.describeStreamSummary(r -> r.streamName("absent")).join());
            same(400, error.statusCode());
            that(error.requestId() != null, "no request id: " + error);
            refused(ResourceInUseException.class,
                    () -> kinesis.createStream(r -> r.streamName("s").shardCount(1)).join());
            refused(ResourceNotFoundException.class, () -> subscribe(
                    kinesis.describeStreamSummary(r -> r.streamName("s")).join().streamDescriptionSummary()
                            .streamARN() + "/consumer/nobody:1", FIRST, trimHorizon(), new Events()).join());
        });

        Events goingOn = new Events();
        step("go on after a cancelled subscription", () -> {
            String consumer = consumer("second");
            Events before = new Events();
            subscribe(consumer, FIRST, trimHorizon(), before, 1).exceptionally(cancelled -> null)
                    .get(20, TimeUnit.SECONDS);
            for (int i = 0; i < 10; i++) {
                put("later-" + i, written);
            }
            String from = before.seen.peek().continuationSequenceNumber();
            // The server lets the consumer go when it sees that the stream was closed.
            until(() -> {
                try {
                    CompletableFuture<Void> whole = subscribe(consumer, FIRST, StartingPosition.builder()
                            .type(ShardIteratorType.AFTER_SEQUENCE_NUMBER).sequenceNumber(from).build(), goingOn);
                    until(() -> whole.isDone() || !goingOn.seen.isEmpty());
                    return !whole.isDone() || whole.get() == null;
                } catch (ExecutionException refused) {
                    that(refused.getCause() instanceof ResourceInUseException, "" + refused.getCause());
                    return false;
                }
            });
            until(() -> before.texts().size() + goingOn.texts().size() == written.size());
            List<String> both = new ArrayList<>(before.texts());
            both.addAll(goingOn.texts());
            same(written, both);
        });

        step("subscribe to a shard until it ends", () -> {
            String consumer = consumer("first");
            Events events = new Events();
            CompletableFuture<Void> whole = subscribe(consumer, FIRST, trimHorizon(), events);
            until(() -> events.texts().size() == written.size());
            same(written, events.texts());

            // What is put while it is open comes by itself.
            for (int i = 0; i < 10; i++) {
                put("live-" + i, written);
            }
            until(() -> events.texts().size() == written.size());
            same(written, events.texts());

            refused(ResourceInUseException.class,
                    () -> subscribe(consumer, FIRST, trimHorizon(), new Events()).join());

            kinesis.splitShard(r -> r.streamName("s").shardToSplit(FIRST)
                    .newStartingHashKey(BigInteger.TWO.pow(127).toString())).join();
            whole.get(20, TimeUnit.SECONDS);
            same(written, events.texts());
            List<SubscribeToShardEvent> all = List.copyOf(events.seen);
            SubscribeToShardEvent last = all.get(all.size() - 1);
            that(last.continuationSequenceNumber() == null, "nothing continues after the end");
            same(List.of("shardId-000000000001", "shardId-000000000002"),
                    last.childShards().stream().map(child -> child.shardId()).sorted().toList());
            last.childShards().forEach(child -> same(List.of(FIRST), child.parentShards()));
            all.subList(0, all.size() - 1).forEach(event -> {
                that(event.continuationSequenceNumber() != null, "every other event can be continued from");
                that(event.childShards().isEmpty(), "children come at the end only");
            });
        });

        step("ten subscriptions on one connection", () -> {
            kinesis.updateShardCount(r -> r.streamName("t").targetShardCount(2)
                    .scalingType("UNIFORM_SCALING")).join();
            until(() -> kinesis.describeStreamSummary(r -> r.streamName("t")).join().streamDescriptionSummary()
                    .streamStatus() == StreamStatus.ACTIVE);
            String arn = kinesis.describeStreamSummary(r -> r.streamName("t")).join().streamDescriptionSummary()
                    .streamARN();
            List<Events> all = new ArrayList<>();
            for (int c = 0; c < 5; c++) {
                String consumer = consumer(arn, "c" + c);
                for (String shard : List.of("shardId-000000000001", "shardId-000000000002")) {
                    Events events = new Events();
                    all.add(events);
                    subscribe(consumer, shard, trimHorizon(), events);
                }
            }
            kinesis.putRecords(r -> r.streamName("t").records(IntStream.range(0, 200).mapToObj(i ->
                    PutRecordsRequestEntry.builder().partitionKey("k" + i).data(SdkBytes.fromUtf8String("d" + i))
                            .build()).toList())).join();
            until(() -> all.stream().mapToInt(events -> events.texts().size()).sum() == 5 * 200);
        });

        step("delete and wait", () -> {
            kinesis.deleteStream(r -> r.streamName("s").enforceConsumerDeletion(true)).join();
            waiter.waitUntilStreamNotExists(r -> r.streamName("s")).join();
        });
    }

    private void put(String data, List<String> written) {
        kinesis.putRecord(r -> r.streamName("s").partitionKey("k").data(SdkBytes.fromUtf8String(data))).join();
        written.add(data);
    }

    private String consumer(String name) throws Exception {
        return consumer(kinesis.describeStreamSummary(r -> r.streamName("s")).join()
                .streamDescriptionSummary().streamARN(), name);
    }

    private String consumer(String stream, String name) throws Exception {
        String arn = kinesis.registerStreamConsumer(r -> r.streamARN(stream).consumerName(name)).join()
                .consumer().consumerARN();
        until(() -> kinesis.describeStreamConsumer(r -> r.consumerARN(arn)).join().consumerDescription()
                .consumerStatus() == ConsumerStatus.ACTIVE);
        return arn;
    }

    /** What a subscription brought. */
    private static final class Events {
        final ConcurrentLinkedQueue<SubscribeToShardEvent> seen = new ConcurrentLinkedQueue<>();

        List<String> texts() {
            return seen.stream().flatMap(event -> Async.texts(event.records()).stream()).toList();
        }
    }

    private CompletableFuture<Void> subscribe(String consumer, String shard, StartingPosition from, Events events) {
        return subscribe(consumer, shard, from, events, Integer.MAX_VALUE);
    }

    /** Subscribes; the future completes at the end of the shard, or after this many events. */
    private CompletableFuture<Void> subscribe(
            String consumer, String shard, StartingPosition from, Events events, int most) {
        SubscribeToShardResponseHandler handler = SubscribeToShardResponseHandler.builder()
                .onEventStream(stream -> stream.filter(SubscribeToShardEvent.class).limit(most)
                        .subscribe(events.seen::add))
                .onError(error -> { }) // the future has it as well
                .build();
        return kinesis.subscribeToShard(
                r -> r.consumerARN(consumer).shardId(shard).startingPosition(from), handler);
    }

    private static StartingPosition trimHorizon() {
        return StartingPosition.builder().type(ShardIteratorType.TRIM_HORIZON).build();
    }

    private static List<String> texts(List<Record> records) {
        return records.stream().map(record -> record.data().asUtf8String()).toList();
    }
}
