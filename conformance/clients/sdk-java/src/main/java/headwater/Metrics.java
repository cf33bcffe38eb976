package headwater;

import static headwater.Steps.step;

import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.cloudwatch.CloudWatchClient;
import software.amazon.awssdk.services.cloudwatch.model.MetricDatum;
import software.amazon.awssdk.services.cloudwatch.model.StandardUnit;

/** What libraries such as the KCL tell CloudWatch, sent to the same port. */
final class Metrics {
    static void run() throws Exception {
        try (CloudWatchClient cloudWatch = CloudWatchClient.create()) {
            step("put metric data", () ->
                    cloudWatch.putMetricData(r -> r.namespace("app").metricData(metrics(1))));
            // From ten kibibytes on the SDK compresses it.
            step("put much metric data", () ->
                    cloudWatch.putMetricData(r -> r.namespace("app").metricData(metrics(500))));
        }
        try (CloudWatchAsyncClient cloudWatch = CloudWatchAsyncClient.create()) {
            step("put metric data asynchronously", () ->
                    cloudWatch.putMetricData(r -> r.namespace("app").metricData(metrics(20))).join());
        }
    }

    private static List<MetricDatum> metrics(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> MetricDatum.builder()
                        .metricName("RecordsProcessed")
                        .dimensions(d -> d.name("ShardId").value("shardId-" + i))
                        .timestamp(Instant.now())
                        .unit(StandardUnit.COUNT)
                        .statisticValues(v -> v.sampleCount(2.0).sum(3.0).minimum(1.0).maximum(2.0))
                        .build())
                .toList();
    }

    private Metrics() {}
}
