import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** A whole Flink cluster in this process: what a real one is given in its configuration, and by its command line. */
class Local {
    static StreamExecutionEnvironment environment(Properties given) {
        Configuration cluster = new Configuration();
        cluster.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, "file://" + given.getProperty("checkpoints"));
        cluster.set(
            CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION,
            ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
        if (given.containsKey("resume")) {
            cluster.set(StateRecoveryOptions.SAVEPOINT_PATH, given.getProperty("resume"));
        }
        int parallelism = Integer.parseInt(given.getProperty("parallelism"));
        StreamExecutionEnvironment flink = StreamExecutionEnvironment.createLocalEnvironment(parallelism, cluster);
        flink.enableCheckpointing(1000);
        return flink;
    }

    static void run(StreamExecutionEnvironment flink, Properties given) throws Exception {
        wait(flink.executeAsync(), given);
    }

    /** Until the file named by `stop` is there; then a savepoint, and the end. */
    static void wait(JobClient job, Properties given) throws Exception {
        Path stop = Path.of(given.getProperty("stop"));
        boolean running = false;
        while (true) {
            JobStatus status = job.getJobStatus().get();
            if (status.isGloballyTerminalState()) {
                System.out.println("ENDED " + status);
                System.exit(1);
            }
            if (!running && status == JobStatus.RUNNING) {
                running = true;
                System.out.println("RUNNING");
            }
            if (Files.exists(stop)) {
                String path = job.stopWithSavepoint(false, given.getProperty("savepoints"), SavepointFormatType.CANONICAL).get();
                System.out.println("SAVEPOINT " + path);
                job.getJobExecutionResult().get();
                System.out.println("STOPPED");
                // The cluster ends by itself, and with it this process: there may be a consumer to take away first.
                return;
            }
            Thread.sleep(100);
        }
    }
}
