package headwater;

import com.amazonaws.services.kinesis.clientlibrary.types.UserRecord;
import com.amazonaws.services.kinesis.model.Record;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import org.apache.spark.SparkConf;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.streaming.Duration;
import org.apache.spark.streaming.api.java.JavaDStream;
import org.apache.spark.streaming.api.java.JavaStreamingContext;
import org.apache.spark.streaming.kinesis.KinesisInitialPositions;
import org.apache.spark.streaming.kinesis.KinesisInputDStream;
import scala.reflect.ClassTag$;
import scala.runtime.AbstractFunction1;

/** Prints every user record of a stream, as {@code RECORD sequence-number sub-sequence-number key data}. */
public final class Read {
    private static final Duration BATCH = new Duration(500);

    public static void main(String[] arguments) throws InterruptedException {
        SparkConf conf = new SparkConf().setMaster("local[2]").setAppName("reader");
        JavaStreamingContext context = new JavaStreamingContext(conf, BATCH);
        var input = KinesisInputDStream.builder()
                .streamingContext(context)
                .streamName(arguments[0])
                .endpointUrl(arguments[1])
                .regionName("us-east-1")
                .initialPosition(new KinesisInitialPositions.TrimHorizon())
                .checkpointAppName(arguments[2])
                .checkpointInterval(BATCH)
                .storageLevel(StorageLevel.MEMORY_ONLY())
                .buildWithMessageHandler(new Line(), ClassTag$.MODULE$.<String>apply(String.class));
        JavaDStream.fromDStream(input, ClassTag$.MODULE$.<String>apply(String.class))
                .foreachRDD(batch -> batch.collect().forEach(System.out::println));
        context.start();
        System.out.println("STARTED");
        context.awaitTermination();
        System.out.println("STOPPED");
    }

    private static final class Line extends AbstractFunction1<Record, String> implements Serializable {
        @Override
        public String apply(Record record) {
            long sub = record instanceof UserRecord user ? user.getSubSequenceNumber() : 0;
            String data = StandardCharsets.UTF_8.decode(record.getData().duplicate()).toString();
            return "RECORD " + record.getSequenceNumber() + " " + sub + " " + record.getPartitionKey() + " " + data;
        }
    }
}
