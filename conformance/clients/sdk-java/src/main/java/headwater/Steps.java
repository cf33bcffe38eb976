package headwater;

import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.CompletionException;

/** Named steps that are checked, in order; the scenario reads which have passed. */
final class Steps {
    interface Step {
        void run() throws Exception;
    }

    private Steps() {}

    /** Prints {@code PASSED name}; whatever a step throws ends the program. */
    static void step(String name, Step step) throws Exception {
        Instant start = Instant.now();
        step.run();
        System.out.printf("PASSED %s (%d ms)%n", name, Duration.between(start, Instant.now()).toMillis());
    }

    static void same(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    static void that(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    /** The exception of exactly this class that the call ends with. */
    static <E extends Exception> E refused(Class<E> with, Step call) {
        try {
            call.run();
        } catch (Exception error) {
            Throwable cause = error instanceof CompletionException ? error.getCause() : error;
            if (cause.getClass() == with) {
                return with.cast(cause);
            }
            throw new AssertionError("expected " + with.getSimpleName(), cause);
        }
        throw new AssertionError("accepted, expected " + with.getSimpleName());
    }

    /** Until the condition holds, twenty seconds at most. */
    static void until(Condition condition) throws Exception {
        Instant deadline = Instant.now().plusSeconds(20);
        while (!condition.holds()) {
            that(Instant.now().isBefore(deadline), "not within 20 seconds");
            Thread.sleep(20);
        }
    }

    interface Condition {
        boolean holds() throws Exception;
    }
}
