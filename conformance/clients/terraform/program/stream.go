package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Stream is aws_kinesis_stream: its arguments, and as much of its state.
type Stream struct {
	Name           string
	Mode           types.StreamMode
	Shards         int32
	RetentionHours int32
	MaxRecordKiB   int32
	Metrics        []types.MetricsName
	Encryption     types.EncryptionType
	KeyID          string
	Tags           map[string]string
}

func metrics(names ...types.MetricsName) []types.MetricsName {
	if slices.Contains(names, types.MetricsNameAll) {
		names = types.MetricsNameAll.Values()
		names = slices.DeleteFunc(names, func(name types.MetricsName) bool { return name == types.MetricsNameAll })
	}
	slices.Sort(names)
	return names
}

// planLimits is what a plan asks before anything else: would the account allow it?
func planLimits(ctx context.Context, have, want *Stream) {
	limits := must(client.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{}))
	switch {
	case want.Mode == types.StreamModeOnDemand && have == nil:
		check(*limits.OnDemandStreamCount+1 <= *limits.OnDemandStreamCountLimit, "too many streams on demand: %+v", limits)
	case want.Mode == types.StreamModeProvisioned:
		more := want.Shards
		if have != nil {
			more -= have.Shards
		}
		check(*limits.OpenShardCount+more <= *limits.ShardLimit, "too many shards: %+v", limits)
	}
}

func create(ctx context.Context, want *Stream) {
	input := &kinesis.CreateStreamInput{
		StreamName: &want.Name, MaxRecordSizeInKiB: &want.MaxRecordKiB,
		StreamModeDetails: &types.StreamModeDetails{StreamMode: want.Mode},
	}
	if want.Mode == types.StreamModeProvisioned {
		input.ShardCount = &want.Shards
	}
	if len(want.Tags) > 0 {
		input.Tags = want.Tags
	}
	must(client.CreateStream(ctx, input))
	wait(ctx, want.Name, types.StreamStatusCreating, types.StreamStatusActive)
	// Also where it is 24 hours, which a new stream has already.
	must(client.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: &want.Name, RetentionPeriodHours: &want.RetentionHours,
	}))
	waitUpdated(ctx, want.Name)
	if len(want.Metrics) > 0 {
		enable(ctx, want.Name, want.Metrics)
	}
	if want.Encryption == types.EncryptionTypeKms {
		encrypt(ctx, want)
	}
}

// update makes its calls one after another, each followed by a wait, in the provider's order. Tags are first.
func update(ctx context.Context, have, want *Stream) {
	name := &want.Name
	updateTags(ctx, have, want)
	if want.Mode != have.Mode {
		arn := describe(ctx, want.Name).StreamARN
		must(client.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{
			StreamARN: arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: want.Mode},
		}))
		waitUpdated(ctx, want.Name)
	}
	if want.Mode == types.StreamModeProvisioned && want.Shards != have.Shards {
		must(client.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
			StreamName: name, TargetShardCount: &want.Shards, ScalingType: types.ScalingTypeUniformScaling,
		}))
		waitUpdated(ctx, want.Name)
	}
	if want.RetentionHours > have.RetentionHours {
		must(client.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
			StreamName: name, RetentionPeriodHours: &want.RetentionHours,
		}))
		waitUpdated(ctx, want.Name)
	} else if want.RetentionHours < have.RetentionHours {
		must(client.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{
			StreamName: name, RetentionPeriodHours: &want.RetentionHours,
		}))
		waitUpdated(ctx, want.Name)
	}
	if gone := without(have.Metrics, want.Metrics); len(gone) > 0 {
		must(client.DisableEnhancedMonitoring(ctx, &kinesis.DisableEnhancedMonitoringInput{
			StreamName: name, ShardLevelMetrics: gone,
		}))
		waitUpdated(ctx, want.Name)
	}
	if added := without(want.Metrics, have.Metrics); len(added) > 0 {
		enable(ctx, want.Name, added)
	}
	if want.Encryption != have.Encryption || want.KeyID != have.KeyID {
		if want.Encryption == types.EncryptionTypeKms {
			encrypt(ctx, want)
		} else {
			must(client.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{
				StreamName: name, EncryptionType: have.Encryption, KeyId: &have.KeyID,
			}))
			waitUpdated(ctx, want.Name)
		}
	}
	if want.MaxRecordKiB != have.MaxRecordKiB {
		must(client.UpdateMaxRecordSize(ctx, &kinesis.UpdateMaxRecordSizeInput{
			StreamARN: describe(ctx, want.Name).StreamARN, MaxRecordSizeInKiB: &want.MaxRecordKiB,
		}))
		waitUpdated(ctx, want.Name)
	}
}

func updateTags(ctx context.Context, have, want *Stream) {
	var removed []string
	for key := range have.Tags {
		if _, kept := want.Tags[key]; !kept {
			removed = append(removed, key)
		}
	}
	if len(removed) > 0 {
		must(client.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{
			StreamName: &want.Name, TagKeys: removed,
		}))
	}
	changed := maps.Clone(want.Tags)
	maps.DeleteFunc(changed, func(key, value string) bool { return have.Tags[key] == value })
	if len(changed) > 0 {
		must(client.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: &want.Name, Tags: changed}))
	}
}

func enable(ctx context.Context, name string, names []types.MetricsName) {
	must(client.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{
		StreamName: &name, ShardLevelMetrics: names,
	}))
	waitUpdated(ctx, name)
}

func encrypt(ctx context.Context, want *Stream) {
	must(client.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{
		StreamName: &want.Name, EncryptionType: want.Encryption, KeyId: &want.KeyID,
	}))
	waitUpdated(ctx, want.Name)
}

func describe(ctx context.Context, name string) *types.StreamDescriptionSummary {
	return must(client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{
		StreamName: &name,
	})).StreamDescriptionSummary
}

// read is a refresh: two calls.
func read(ctx context.Context, name string) *Stream {
	found := describe(ctx, name)
	stream := &Stream{
		Name: *found.StreamName, Mode: found.StreamModeDetails.StreamMode, RetentionHours: *found.RetentionPeriodHours,
		MaxRecordKiB: *found.MaxRecordSizeInKiB, Encryption: found.EncryptionType, KeyID: aws.ToString(found.KeyId),
		Tags: map[string]string{},
	}
	if stream.Mode == types.StreamModeProvisioned {
		stream.Shards = *found.OpenShardCount
	}
	for _, one := range found.EnhancedMonitoring {
		stream.Metrics = append(stream.Metrics, one.ShardLevelMetrics...)
	}
	slices.Sort(stream.Metrics)
	for _, tag := range must(client.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: &name})).Tags {
		stream.Tags[*tag.Key] = *tag.Value
	}
	return stream
}

func destroy(ctx context.Context, name string, withConsumers bool) {
	must(client.DeleteStream(ctx, &kinesis.DeleteStreamInput{
		StreamName: &name, EnforceConsumerDeletion: &withConsumers,
	}))
	wait(ctx, name, types.StreamStatusDeleting, "")
}

func waitUpdated(ctx context.Context, name string) {
	wait(ctx, name, types.StreamStatusUpdating, types.StreamStatusActive)
}

// wait takes one state for "not yet" and one for "done" ("" is: gone), and fails on any other. The provider looks for the
// first time after ten seconds; this looks at once, so that it sees what is in between.
func wait(ctx context.Context, name string, pending, target types.StreamStatus) {
	for {
		answer, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
		var missing *types.ResourceNotFoundException
		if errors.As(err, &missing) {
			check(target == "", "%s is gone, wanted %s", name, target)
			return
		}
		status := must(answer, err).StreamDescriptionSummary.StreamStatus
		if status == target {
			return
		}
		check(status == pending, "%s is %s, neither %s nor %s", name, status, pending, target)
		select {
		case <-ctx.Done():
			panic(ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func without(names, others []types.MetricsName) []types.MetricsName {
	return slices.DeleteFunc(slices.Clone(names), func(name types.MetricsName) bool {
		return slices.Contains(others, name)
	})
}
