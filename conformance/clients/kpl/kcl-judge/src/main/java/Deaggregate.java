import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/**
 * What KCL makes of records: a line in is the hash range of a shard, a partition key, a sequence number and the data; a
 * line out is a user record that a processor of that shard would be given.
 */
public class Deaggregate {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] part = line.split("\t");
            KinesisClientRecord record = KinesisClientRecord.builder()
                .partitionKey(part[2])
                .sequenceNumber(part[3])
                .data(ByteBuffer.wrap(Base64.getDecoder().decode(part[4])))
                .build();
            List<KinesisClientRecord> found = new AggregatorUtil()
                .deaggregate(List.of(record), new BigInteger(part[0]), new BigInteger(part[1]));
            for (KinesisClientRecord one : found) {
                System.out.println(one.sequenceNumber() + "\t" + one.partitionKey() + "\t"
                    + StandardCharsets.UTF_8.decode(one.data()));
            }
        }
    }
}
