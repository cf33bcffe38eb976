package headwater;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;
import org.springframework.boot.ApplicationArguments;
import org.springframework.boot.ApplicationRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.stream.function.StreamBridge;
import org.springframework.context.annotation.Bean;
import org.springframework.messaging.Message;
import org.springframework.messaging.support.MessageBuilder;

/**
 * A consumer that prints every record; with {@code --send=PART} it also sends a third of the records, numbered, when it
 * has started.
 */
@SpringBootApplication
public class Application {
    private static final int KEYS = 10;
    private static final int COUNT = 50;

    public static void main(String[] arguments) {
        SpringApplication.run(Application.class, arguments);
    }

    @Bean
    Consumer<Message<byte[]>> records() {
        return message -> System.out.printf("RECORD %s %s %s%n", message.getHeaders().get("aws_shard"),
            message.getHeaders().get("aws_receivedSequenceNumber"),
            new String(message.getPayload(), StandardCharsets.UTF_8));
    }

    @Bean
    ApplicationRunner sender(StreamBridge bridge) {
        return (ApplicationArguments arguments) -> {
            List<String> parts = arguments.getOptionValues("send");
            for (String part : parts == null ? List.<String>of() : parts) {
                for (int n = 0; n < COUNT; n++) {
                    for (int key = 0; key < KEYS; key++) {
                        String text = "key-" + key + "/" + part + "/" + n;
                        Message<String> message = MessageBuilder.withPayload(text).setHeader("key", "key-" + key).build();
                        if (!bridge.send("sent", message)) {
                            throw new IllegalStateException("not sent: " + text);
                        }
                    }
                }
                System.out.println("SENT " + part);
            }
        };
    }
}
