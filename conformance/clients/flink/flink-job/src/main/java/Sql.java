import java.io.FileReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/** Runs the statements of a file; the last one inserts, and is the job. */
public class Sql {
    public static void main(String[] arguments) throws Exception {
        Properties given = new Properties();
        given.load(new FileReader(arguments[0]));
        StreamTableEnvironment tables = StreamTableEnvironment.create(Local.environment(given));
        TableResult last = null;
        for (String statement : Files.readString(Path.of(given.getProperty("script"))).split(";")) {
            if (!statement.isBlank()) {
                last = tables.executeSql(statement);
            }
        }
        Local.wait(last.getJobClient().orElseThrow(), given);
    }
}
