import java.io.FileReader;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.connector.kinesis.source.KinesisStreamsSource;
import org.apache.flink.connector.kinesis.source.serialization.KinesisDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import software.amazon.awssdk.services.kinesis.model.Record;

/**
 * Reads a stream, counts the records of each key in Flink's state, and writes every record to another stream together
 * with what the count was. Records are "KEY NUMBER", and those of a key are numbered from 1: so where the state is
 * exactly what was read, in order, the two numbers are the same.
 */
public class Count {
    public static void main(String[] arguments) throws Exception {
        Properties given = new Properties();
        given.load(new FileReader(arguments[0]));

        Configuration reading = new Configuration();
        Properties writing = new Properties();
        for (String name : given.stringPropertyNames()) {
            if (name.startsWith("aws.") || name.startsWith("source.")) {
                reading.setString(name, given.getProperty(name));
            }
            if (name.startsWith("aws.")) {
                writing.setProperty(name, given.getProperty(name));
            }
        }

        StreamExecutionEnvironment flink = Local.environment(given);
        KinesisStreamsSource<String> source = KinesisStreamsSource.<String>builder()
            .setStreamArn(given.getProperty("from"))
            .setSourceConfig(reading)
            .setDeserializationSchema(new WithShard())
            .build();
        KinesisStreamsSink<String> sink = KinesisStreamsSink.<String>builder()
            .setStreamArn(given.getProperty("to"))
            .setKinesisClientProperties(writing)
            .setSerializationSchema(new SimpleStringSchema())
            .setPartitionKeyGenerator(text -> text.split(" ")[0])
            .build();
        flink.fromSource(source, WatermarkStrategy.noWatermarks(), "records", Types.STRING).uid("records")
            .keyBy(text -> text.split(" ")[0])
            .process(new Counted()).uid("counted")
            .sinkTo(sink).uid("sink");
        Local.run(flink, given);
    }

    /** The record and the shard that it came from. */
    static class WithShard implements KinesisDeserializationSchema<String> {
        @Override
        public void deserialize(Record record, String stream, String shard, Collector<String> out) {
            out.collect(record.data().asString(StandardCharsets.UTF_8) + " " + shard);
        }

        @Override
        public TypeInformation<String> getProducedType() {
            return Types.STRING;
        }
    }

    /** The same with how many of its key there have been. */
    static class Counted extends KeyedProcessFunction<String, String, String> {
        private ValueState<Long> count;

        @Override
        public void open(OpenContext context) {
            count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
        }

        @Override
        public void processElement(String text, Context context, Collector<String> out) throws Exception {
            long now = (count.value() == null ? 0 : count.value()) + 1;
            count.update(now);
            out.collect(text + " " + now);
        }
    }
}
