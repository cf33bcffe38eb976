package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// quick makes the SDK's waiters ask more often than every ten seconds; AWS answers ten DescribeStream a second.
func quick(o *kinesis.StreamExistsWaiterOptions) {
	o.MinDelay, o.MaxDelay = 250*time.Millisecond, time.Second
}

func (w *World) waitActive(ctx context.Context, stream string) types.StreamDescription {
	waiter := kinesis.NewStreamExistsWaiter(w.kinesis, quick)
	input := &kinesis.DescribeStreamInput{StreamName: &stream}
	return *must(waiter.WaitForOutput(ctx, input, time.Minute)).StreamDescription
}

func (w *World) summary(ctx context.Context) types.StreamDescriptionSummary {
	return *must(w.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{
		StreamARN: &w.arn,
	})).StreamDescriptionSummary
}

// settle asks DescribeStreamSummary, as the Terraform provider does; the waiters have DescribeStream.
func (w *World) settle(ctx context.Context) types.StreamDescriptionSummary {
	for {
		if found := w.summary(ctx); found.StreamStatus == types.StreamStatusActive {
			return found
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func createAndWait(ctx context.Context, w *World) {
	must(w.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{
		StreamName: &w.stream, ShardCount: aws.Int32(2), Tags: map[string]string{"made-by": "go"},
		MaxRecordSizeInKiB: aws.Int32(2048),
	}))
	found := w.waitActive(ctx, w.stream)
	w.arn = *found.StreamARN
	equal("shards", len(found.Shards), 2)
	equal("retention", *found.RetentionPeriodHours, 24)
	equal("encryption", found.EncryptionType, types.EncryptionTypeNone)
	equal("mode", found.StreamModeDetails.StreamMode, types.StreamModeProvisioned)
	age := time.Since(*found.StreamCreationTimestamp)
	check(age > -2*time.Second && age < time.Minute, "made %s ago", age)
	equal("largest record", *w.summary(ctx).MaxRecordSizeInKiB, 2048)
}

func listStreams(ctx context.Context, w *World) {
	wanted := []string{w.stream}
	for number := range 5 {
		stream := fmt.Sprintf("sdk-go-%d", number)
		must(w.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &stream, ShardCount: aws.Int32(1)}))
		w.waitActive(ctx, stream)
		wanted = append(wanted, stream)
	}
	var found []string
	pages := kinesis.NewListStreamsPaginator(w.kinesis, &kinesis.ListStreamsInput{Limit: aws.Int32(2)})
	for pages.HasMorePages() {
		page := must(pages.NextPage(ctx))
		check(len(page.StreamNames) <= 2, "%d streams on a page of 2", len(page.StreamNames))
		for _, one := range page.StreamSummaries {
			equal("state", one.StreamStatus, types.StreamStatusActive)
			found = append(found, *one.StreamName)
		}
	}
	check(slices.Equal(found, wanted), "%v, not %v", found, wanted)
	for _, stream := range wanted[1:] {
		must(w.kinesis.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: &stream}))
	}
}

func describe(ctx context.Context, w *World) {
	var found []string
	pages := kinesis.NewDescribeStreamPaginator(w.kinesis, &kinesis.DescribeStreamInput{
		StreamName: &w.stream, Limit: aws.Int32(1),
	})
	for pages.HasMorePages() {
		for _, shard := range must(pages.NextPage(ctx)).StreamDescription.Shards {
			found = append(found, *shard.ShardId)
		}
	}
	check(slices.Equal(found, []string{shardID(0), shardID(1)}), "%v", found)
}

func retention(ctx context.Context, w *World) {
	must(w.kinesis.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: &w.stream, RetentionPeriodHours: aws.Int32(48),
	}))
	equal("retention", *w.settle(ctx).RetentionPeriodHours, 48)
	must(w.kinesis.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{
		StreamName: &w.stream, RetentionPeriodHours: aws.Int32(24),
	}))
	equal("retention", *w.settle(ctx).RetentionPeriodHours, 24)
}

func tags(ctx context.Context, w *World) {
	must(w.kinesis.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{
		StreamName: &w.stream, Tags: map[string]string{"one": "1"},
	}))
	must(w.kinesis.TagResource(ctx, &kinesis.TagResourceInput{
		ResourceARN: &w.arn, Tags: map[string]string{"two": "2"},
	}))
	must(w.kinesis.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{
		StreamName: &w.stream, TagKeys: []string{"made-by"},
	}))
	wanted := map[string]string{"one": "1", "two": "2"}
	found := map[string]string{}
	for _, tag := range must(w.kinesis.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{
		StreamName: &w.stream,
	})).Tags {
		found[*tag.Key] = *tag.Value
	}
	check(maps.Equal(found, wanted), "%v, not %v", found, wanted)
	must(w.kinesis.UntagResource(ctx, &kinesis.UntagResourceInput{ResourceARN: &w.arn, TagKeys: []string{"one"}}))
	left := must(w.kinesis.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: &w.arn})).Tags
	equal("tags", len(left), 1)
	equal("tag", *left[0].Key, "two")
}

func streamMode(ctx context.Context, w *World) {
	for _, mode := range []types.StreamMode{types.StreamModeOnDemand, types.StreamModeProvisioned} {
		must(w.kinesis.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{
			StreamARN: &w.arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: mode},
		}))
		equal("mode", w.settle(ctx).StreamModeDetails.StreamMode, mode)
	}
}

func encryption(ctx context.Context, w *World) {
	key := aws.String("alias/aws/kinesis")
	must(w.kinesis.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{
		StreamName: &w.stream, EncryptionType: types.EncryptionTypeKms, KeyId: key,
	}))
	found := w.settle(ctx)
	equal("encryption", found.EncryptionType, types.EncryptionTypeKms)
	equal("key", *found.KeyId, *key)
	put := must(w.kinesis.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: &w.stream, PartitionKey: aws.String("secret"), Data: []byte("secret"),
	}))
	equal("encryption", put.EncryptionType, types.EncryptionTypeKms)
	must(w.kinesis.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{
		StreamName: &w.stream, EncryptionType: types.EncryptionTypeKms, KeyId: key,
	}))
	equal("encryption", w.settle(ctx).EncryptionType, types.EncryptionTypeNone)
}

func enhancedMonitoring(ctx context.Context, w *World) {
	wanted := []types.MetricsName{types.MetricsNameIncomingBytes, types.MetricsNameIteratorAgeMilliseconds}
	changed := must(w.kinesis.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{
		StreamName: &w.stream, ShardLevelMetrics: wanted,
	}))
	equal("metrics", len(changed.DesiredShardLevelMetrics), 2)
	check(slices.Equal(w.settle(ctx).EnhancedMonitoring[0].ShardLevelMetrics, wanted), "not the metrics asked for")
	must(w.kinesis.DisableEnhancedMonitoring(ctx, &kinesis.DisableEnhancedMonitoringInput{
		StreamName: &w.stream, ShardLevelMetrics: []types.MetricsName{types.MetricsNameAll},
	}))
	equal("metrics", len(w.settle(ctx).EnhancedMonitoring[0].ShardLevelMetrics), 0)
}

func resourcePolicy(ctx context.Context, w *World) {
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},`+
		`"Action":"kinesis:GetRecords","Resource":%q}]}`, w.arn)
	must(w.kinesis.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: &w.arn, Policy: &policy}))
	found := must(w.kinesis.GetResourcePolicy(ctx, &kinesis.GetResourcePolicyInput{ResourceARN: &w.arn}))
	equal("policy", *found.Policy, policy)
	must(w.kinesis.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: &w.arn}))
	refused[*types.ResourceNotFoundException](func() error {
		_, err := w.kinesis.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: &w.arn})
		return err
	})
}

func limits(ctx context.Context, w *World) {
	found := must(w.kinesis.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{}))
	check(*found.OpenShardCount >= 2 && *found.ShardLimit >= *found.OpenShardCount, "%+v", found)
	account := must(w.kinesis.DescribeAccountSettings(ctx, &kinesis.DescribeAccountSettingsInput{}))
	equal("commitment", account.MinimumThroughputBillingCommitment.Status,
		types.MinimumThroughputBillingCommitmentOutputStatusDisabled)
}

func deleteAndWait(ctx context.Context, w *World) {
	must(w.kinesis.DeleteStream(ctx, &kinesis.DeleteStreamInput{
		StreamName: &w.stream, EnforceConsumerDeletion: aws.Bool(true),
	}))
	waiter := kinesis.NewStreamNotExistsWaiter(w.kinesis, func(o *kinesis.StreamNotExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 250*time.Millisecond, time.Second
	})
	if err := waiter.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &w.stream}, time.Minute); err != nil {
		panic(err)
	}
}
