package headwater;

import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;

/** Sees every request as it is sent; the SDK finds it by the file among the resources. */
public final class Wire implements ExecutionInterceptor {
    static final Set<String> SENT = new ConcurrentSkipListSet<>();

    @Override
    public void beforeTransmission(Context.BeforeTransmission context, ExecutionAttributes attributes) {
        for (String header : new String[] {"Content-Type", "Content-Encoding"}) {
            context.httpRequest().firstMatchingHeader(header).ifPresent(SENT::add);
        }
    }
}
