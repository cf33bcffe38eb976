package headwater;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** What a worker was told, a line each: when (milliseconds since 1970), what, and with what. */
final class Events {
    private final Path file;

    Events(Path file) {
        this.file = file;
    }

    /** Written when it returns, so that a killed worker loses nothing that it has done. */
    synchronized void write(String what, Object... with) {
        StringBuilder line = new StringBuilder().append(System.currentTimeMillis()).append(' ').append(what);
        for (Object one : with) {
            line.append(' ').append(one);
        }
        try {
            Files.writeString(
                    file, line.append('\n'), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
