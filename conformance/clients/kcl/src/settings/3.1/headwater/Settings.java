package headwater;

import software.amazon.kinesis.leases.LeaseManagementConfig;

/** What KCL 3.1 can be told besides; its leader is fixed to a lease of two minutes. */
final class Settings {
    static void quick(LeaseManagementConfig leases) {
        leases.workerUtilizationAwareAssignmentConfig().workerMetricsReporterFreqInMillis(2_000);
    }

    private Settings() {}
}
