package headwater;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.metrics.MetricsLevel;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * A KCL application as people write it. Where its server is, is told by the environment: {@code AWS_ENDPOINT_URL}
 * reaches Kinesis, DynamoDB and CloudWatch alike.
 *
 * <p>Arguments are {@code name=value}; {@link #main} has all of them.
 */
public final class Worker {
    public static void main(String[] arguments) throws Exception {
        Map<String, String> given = new HashMap<>();
        for (String argument : arguments) {
            String[] pair = argument.split("=", 2);
            given.put(pair[0], pair[1]);
        }
        String application = given.get("application");
        String stream = given.get("stream");
        String worker = given.get("worker");
        Events events = new Events(Path.of(given.get("events")));
        long checkpointMillis = Long.parseLong(given.getOrDefault("checkpoint-millis", "0"));
        boolean fanOut = given.getOrDefault("retrieval", "polling").equals("fan-out");
        InitialPositionInStreamExtended start = position(given.getOrDefault("start", "TRIM_HORIZON"));

        KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder());
        ConfigsBuilder configs = new ConfigsBuilder(
                new SingleStreamTracker(stream, start),
                application,
                kinesis,
                DynamoDbAsyncClient.create(),
                CloudWatchAsyncClient.create(),
                worker,
                () -> new Processor(events, checkpointMillis));

        RetrievalSpecificConfig retrieval = fanOut
                ? new FanOutConfig(kinesis).streamName(stream).applicationName(application)
                : new PollingConfig(stream, kinesis)
                        .idleTimeBetweenReadsInMillis(Long.parseLong(given.getOrDefault("idle-millis", "250")));

        // Everything below only makes the scenarios quick; the defaults work as well.
        var leases = configs.leaseManagementConfig()
                .failoverTimeMillis(Long.parseLong(given.getOrDefault("failover-millis", "3000")))
                .shardSyncIntervalMillis(5_000);
        leases.leasesRecoveryAuditorExecutionFrequencyMillis(5_000);
        Settings.quick(leases);
        var coordinator = configs.coordinatorConfig()
                .parentShardPollIntervalMillis(500)
                .shardConsumerDispatchPollIntervalMillis(250);

        Scheduler scheduler = new Scheduler(
                configs.checkpointConfig(),
                coordinator,
                leases,
                configs.lifecycleConfig(),
                configs.metricsConfig().metricsLevel(MetricsLevel.valueOf(given.getOrDefault("metrics", "NONE"))),
                configs.processorConfig().callProcessRecordsEvenForEmptyRecordList(true),
                configs.retrievalConfig().retrievalSpecificConfig(retrieval));

        Thread running = new Thread(scheduler, "scheduler");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                try {
                    boolean done = scheduler.startGracefulShutdown().get(10, TimeUnit.SECONDS);
                    events.write(done ? "stopped" : "stop_refused");
                } catch (TimeoutException late) {
                    // KCL 2 waits for shards that have ended as well, whose leases it keeps for five minutes.
                    scheduler.shutdown();
                    events.write("stopped_late");
                }
                running.join(10_000);
            } catch (Exception error) {
                events.write("stop_failed", error);
            }
        }));
        running.start();
        running.join();
    }

    private static InitialPositionInStreamExtended position(String name) {
        return switch (name) {
            case "TRIM_HORIZON", "LATEST" ->
                InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.valueOf(name));
            default -> InitialPositionInStreamExtended.newInitialPositionAtTimestamp(Date.from(Instant.parse(name)));
        };
    }
}
