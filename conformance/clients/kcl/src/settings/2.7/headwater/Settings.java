package headwater;

import software.amazon.kinesis.leases.LeaseManagementConfig;

/** What only KCL 2 can be told: nothing. */
final class Settings {
    static void quick(LeaseManagementConfig leases) {}

    private Settings() {}
}
