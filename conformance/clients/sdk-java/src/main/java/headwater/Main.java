package headwater;

/** One client a run: {@code apache}, {@code url-connection}, {@code netty} or {@code cloudwatch}. */
public final class Main {
    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "netty" -> Async.run();
            case "cloudwatch" -> Metrics.run();
            default -> Sync.run(arguments[0]);
        }
        Wire.SENT.forEach(type -> System.out.println("SENT " + type));
        System.out.println("DONE");
    }

    private Main() {}
}
