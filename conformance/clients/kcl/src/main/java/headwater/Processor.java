package headwater;

import java.nio.charset.StandardCharsets;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/** Writes down all that happens to a shard, and checkpoints now and then. */
final class Processor implements ShardRecordProcessor {
    private final Events events;
    private final long checkpointMillis;
    private String shard;
    private KinesisClientRecord unsaved;
    private long savedAt = System.currentTimeMillis();

    Processor(Events events, long checkpointMillis) {
        this.events = events;
        this.checkpointMillis = checkpointMillis;
    }

    @Override
    public void initialize(InitializationInput input) {
        shard = input.shardId();
        var at = input.extendedSequenceNumber();
        events.write("initialized", shard, at.sequenceNumber(), at.subSequenceNumber());
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        for (KinesisClientRecord record : input.records()) {
            String data = StandardCharsets.UTF_8.decode(record.data()).toString();
            events.write(
                    "record", shard, record.sequenceNumber(), record.subSequenceNumber(), record.partitionKey(), data);
            unsaved = record;
        }
        if (System.currentTimeMillis() - savedAt >= checkpointMillis) {
            checkpoint(input.checkpointer());
        }
    }

    private void checkpoint(RecordProcessorCheckpointer checkpointer) {
        if (unsaved == null) {
            return;
        }
        try {
            checkpointer.checkpoint(unsaved.sequenceNumber(), unsaved.subSequenceNumber());
        } catch (Exception error) {
            events.write("checkpoint_failed", shard, error);
            return;
        }
        events.write("checkpoint", shard, unsaved.sequenceNumber(), unsaved.subSequenceNumber());
        unsaved = null;
        savedAt = System.currentTimeMillis();
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
        events.write("lease_lost", shard);
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
        try {
            input.checkpointer().checkpoint();
        } catch (Exception error) {
            events.write("checkpoint_failed", shard, error);
            return;
        }
        events.write("shard_ended", shard);
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
        events.write("shutdown_requested", shard);
        checkpoint(input.checkpointer());
    }
}
