import com.google.common.util.concurrent.FutureCallback;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.MoreExecutors;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import com.amazonaws.services.kinesis.producer.Attempt;
import com.amazonaws.services.kinesis.producer.KinesisProducer;
import com.amazonaws.services.kinesis.producer.KinesisProducerConfiguration;
import com.amazonaws.services.kinesis.producer.UserRecordFailedException;
import com.amazonaws.services.kinesis.producer.UserRecordResult;

/**
 * Puts records at a steady rate and writes down what became of each: its number, whether it was put, where, and the
 * error of every attempt. Arguments: the producer's settings (KPL's own properties file), the stream, how many records,
 * how many a second, the file for the outcome, and how many seconds to stay after the last one.
 */
public class Produce {
    private static final int KEYS = 400;

    public static void main(String[] arguments) throws Exception {
        KinesisProducerConfiguration settings = KinesisProducerConfiguration.fromPropertiesFile(arguments[0]);
        String stream = arguments[1];
        int count = Integer.parseInt(arguments[2]);
        int rate = Integer.parseInt(arguments[3]);
        PrintWriter outcome = new PrintWriter(Files.newBufferedWriter(Path.of(arguments[4])));
        KinesisProducer producer = new KinesisProducer(settings);
        CountDownLatch left = new CountDownLatch(count);
        long start = System.nanoTime();
        for (int number = 0; number < count; number++) {
            long due = start + TimeUnit.SECONDS.toNanos(1) * number / rate;
            long wait = due - System.nanoTime();
            if (wait > 0) {
                TimeUnit.NANOSECONDS.sleep(wait);
            }
            String key = "key-" + number % KEYS;
            String data = String.format("%08d %s ", number, key);
            data += ".".repeat(200 - data.length());
            int its = number;
            Futures.addCallback(
                producer.addUserRecord(stream, key, ByteBuffer.wrap(data.getBytes(StandardCharsets.UTF_8))),
                new FutureCallback<UserRecordResult>() {
                    @Override
                    public void onSuccess(UserRecordResult result) {
                        write(outcome, its, result);
                        left.countDown();
                    }

                    @Override
                    public void onFailure(Throwable why) {
                        if (why instanceof UserRecordFailedException failed) {
                            write(outcome, its, failed.getResult());
                        } else {
                            System.err.println("ERROR " + its + " " + why);
                        }
                        left.countDown();
                    }
                },
                MoreExecutors.directExecutor());
            if (number % 5000 == 0) {
                System.out.println("AT " + number);
            }
        }
        System.out.println("ALL GIVEN");
        producer.flush();
        if (!left.await(120, TimeUnit.SECONDS)) {
            System.err.println("ERROR " + left.getCount() + " records have no outcome after two minutes");
        }
        outcome.close();
        // Time for the last metrics to be sent.
        TimeUnit.SECONDS.sleep(Integer.parseInt(arguments[5]));
        producer.destroy();
        System.out.println("DONE");
    }

    private static synchronized void write(PrintWriter outcome, int number, UserRecordResult result) {
        List<Attempt> attempts = result.getAttempts();
        String errors = attempts.stream()
            .filter(attempt -> !attempt.isSuccessful())
            .map(attempt -> attempt.getErrorCode() + "|" + attempt.getErrorMessage())
            .collect(Collectors.joining("\t"));
        outcome.println(number + "\t" + result.isSuccessful() + "\t" + result.getShardId() + "\t"
            + result.getSequenceNumber() + "\t" + attempts.size() + "\t" + errors.replace('\n', ' '));
    }
}
