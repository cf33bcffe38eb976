package headwater;

import software.amazon.kinesis.leases.LeaseManagementConfig;

/** What only KCL 3 can be told, which has a leader that hands out the leases by how busy the workers are. */
final class Settings {
    static void quick(LeaseManagementConfig leases) {
        // A new leader comes two minutes after the old one was killed unless it is told otherwise.
        leases.dynamoDbLockBasedLeaderLeaseDurationInMillis(6_000);
        leases.dynamoDbLockBasedLeaderHeartbeatPeriodInMillis(1_500);
        leases.leaseAssignmentIntervalMillis(2_000L);
        leases.workerUtilizationAwareAssignmentConfig().workerMetricsReporterFreqInMillis(2_000);
    }

    private Settings() {}
}
