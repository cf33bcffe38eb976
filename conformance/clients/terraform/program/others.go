package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func newStream(ctx context.Context, name string) string {
	apply(ctx, nil, &Stream{
		Name: name, Mode: types.StreamModeProvisioned, Shards: 1, RetentionHours: 24, MaxRecordKiB: 1024,
		Encryption: types.EncryptionTypeNone, Tags: map[string]string{},
	})
	return *describe(ctx, name).StreamARN
}

// consumerLifecycle is aws_kinesis_stream_consumer: its id is the ARN, and everything else goes by that.
func consumerLifecycle(ctx context.Context) {
	stream := newStream(ctx, "tf-consumed")
	for range 2 {
		made := must(client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
			ConsumerName: aws.String("reader"), StreamARN: &stream,
		})).Consumer
		waitConsumer(ctx, *made.ConsumerARN, types.ConsumerStatusCreating, types.ConsumerStatusActive)
		found := must(client.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{
			ConsumerARN: made.ConsumerARN,
		})).ConsumerDescription
		check(*found.ConsumerARN == *made.ConsumerARN && *found.ConsumerName == "reader" && *found.StreamARN == stream &&
			found.ConsumerCreationTimestamp.Equal(*made.ConsumerCreationTimestamp), "%+v is not %+v", found, made)
		must(client.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: made.ConsumerARN}))
		waitConsumer(ctx, *made.ConsumerARN, types.ConsumerStatusDeleting, "")
		// Another one of this name in the same second would have the same ARN.
		time.Sleep(time.Second)
	}
	// A stream that still has a consumer is destroyed with enforce_consumer_deletion only.
	must(client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		ConsumerName: aws.String("left-over"), StreamARN: &stream,
	}))
	_, err := client.DeleteStream(ctx, &kinesis.DeleteStreamInput{
		StreamName: aws.String("tf-consumed"), EnforceConsumerDeletion: aws.Bool(false),
	})
	var used *types.ResourceInUseException
	check(errors.As(err, &used), "%v", err)
	destroy(ctx, "tf-consumed", true)
}

func waitConsumer(ctx context.Context, arn string, pending, target types.ConsumerStatus) {
	for {
		answer, err := client.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: &arn})
		var missing *types.ResourceNotFoundException
		if errors.As(err, &missing) {
			check(target == "", "%s is gone, wanted %s", arn, target)
			return
		}
		status := must(answer, err).ConsumerDescription.ConsumerStatus
		if status == target {
			return
		}
		check(status == pending, "%s is %s, neither %s nor %s", arn, status, pending, target)
		time.Sleep(100 * time.Millisecond)
	}
}

// policyLifecycle is aws_kinesis_resource_policy. Read must give what was put, or the plan is not empty.
func policyLifecycle(ctx context.Context) {
	arn := newStream(ctx, "tf-shared")
	for _, action := range []string{"kinesis:DescribeStreamSummary", "kinesis:GetRecords"} {
		policy := fmt.Sprintf(`{"Statement":[{"Action":[%q],"Effect":"Allow",`+
			`"Principal":{"AWS":"111122223333"},"Resource":%q,"Sid":"reads"}],"Version":"2012-10-17"}`, action, arn)
		must(client.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: &arn, Policy: &policy}))
		found := must(client.GetResourcePolicy(ctx, &kinesis.GetResourcePolicyInput{ResourceARN: &arn}))
		check(*found.Policy == policy, "%s is not %s", *found.Policy, policy)
	}
	must(client.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: &arn}))
	// That somebody deleted it by hand is no error for destroy. The next plan reads an empty document, and puts it again.
	var missing *types.ResourceNotFoundException
	_, err := client.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: &arn})
	check(errors.As(err, &missing), "%v", err)
	found := must(client.GetResourcePolicy(ctx, &kinesis.GetResourcePolicyInput{ResourceARN: &arn}))
	check(*found.Policy == "{}", "%s", *found.Policy)
	destroy(ctx, "tf-shared", false)
}

// accountSettings is aws_kinesis_account_settings; destroy does nothing.
func accountSettings(ctx context.Context) {
	for range 2 {
		must(client.UpdateAccountSettings(ctx, &kinesis.UpdateAccountSettingsInput{
			MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{
				Status: types.MinimumThroughputBillingCommitmentInputStatusEnabled,
			},
		}))
		found := must(client.DescribeAccountSettings(ctx, &kinesis.DescribeAccountSettingsInput{}))
		commitment := found.MinimumThroughputBillingCommitment
		check(commitment.Status == types.MinimumThroughputBillingCommitmentOutputStatusEnabled, "%+v", commitment)
		check(time.Since(*commitment.StartedAt) < time.Minute, "started at %s", commitment.StartedAt)
		check(commitment.EarliestAllowedEndAt.After(*commitment.StartedAt), "%+v", commitment)
	}
}
