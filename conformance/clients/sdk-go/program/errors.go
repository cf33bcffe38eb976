package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

// refused gives the error as the type that the SDK has for it.
func refused[E error](call func() error) E {
	err := call()
	var typed E
	check(errors.As(err, &typed), "%T instead of %T: %v", err, typed, err)
	return typed
}

// once: the SDK takes LimitExceededException for throttling, and would try twice more.
func once(o *kinesis.Options) { o.RetryMaxAttempts = 1 }

func typedErrors(ctx context.Context, w *World) {
	missing := refused[*types.ResourceNotFoundException](func() error {
		_, err := w.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("none")})
		return err
	})
	equal("message", missing.ErrorMessage(), "Stream none under account 000000000000 not found.")
	equal("fault", missing.ErrorFault(), smithy.FaultClient)
	refused[*types.ResourceInUseException](func() error {
		_, err := w.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &w.stream, ShardCount: aws.Int32(1)})
		return err
	})
	refused[*types.InvalidArgumentException](func() error {
		_, err := w.kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("AAAA")})
		return err
	})
	refused[*types.ValidationException](func() error {
		_, err := w.kinesis.PutRecord(ctx, &kinesis.PutRecordInput{
			StreamName: &w.stream, PartitionKey: aws.String(strings.Repeat("k", 257)), Data: []byte("x"),
		})
		return err
	})
	refused[*types.LimitExceededException](func() error {
		_, err := w.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{
			StreamName: aws.String("too-large"), ShardCount: aws.Int32(100_000),
		}, once)
		return err
	})
	refused[*types.ResourceNotFoundException](func() error {
		_, err := w.kinesis.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{
			StreamARN: &w.arn, ConsumerName: aws.String("nobody"),
		})
		return err
	})
	refused[*types.DryRunOperationException](func() error {
		_, err := w.kinesis.PutRecord(ctx, &kinesis.PutRecordInput{
			StreamName: &w.stream, PartitionKey: aws.String("k"), Data: []byte("x"), DryRun: aws.Bool(true),
		})
		return err
	})
	// A throttled record is an answer, not an error: the SDK leaves it to the program.
	shard := w.openShards(ctx)[0]
	var entries []types.PutRecordsRequestEntry
	for range 3 {
		entries = append(entries, types.PutRecordsRequestEntry{
			PartitionKey: aws.String("k"), ExplicitHashKey: shard.HashKeyRange.StartingHashKey, Data: make([]byte, 600_000),
		})
	}
	answer := must(w.kinesis.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &w.stream, Records: entries}))
	failed := 0
	for _, one := range answer.Records {
		if one.ErrorCode != nil {
			equal("code", *one.ErrorCode, "ProvisionedThroughputExceededException")
			failed++
		}
	}
	equal("failed records", *answer.FailedRecordCount, int32(failed))
	check(failed > 0, "1.8 MB in a second were taken by one shard")
}

// putMetricData writes metrics to CloudWatch, which is on the same port, and reads them back.
func putMetricData(ctx context.Context, w *World) {
	now := time.Now().Truncate(time.Minute)
	var data []cloudwatchtypes.MetricDatum
	for number := range 500 {
		data = append(data, cloudwatchtypes.MetricDatum{
			MetricName: aws.String("Orders"), Value: aws.Float64(float64(number)), Timestamp: &now,
			Dimensions: []cloudwatchtypes.Dimension{
				{Name: aws.String("Shop"), Value: aws.String(fmt.Sprint(number % 2))},
			},
			Unit: cloudwatchtypes.StandardUnitCount,
		})
	}
	must(w.cloudwatch.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{
		Namespace: aws.String("SdkGo"), MetricData: data,
	}))
	found := must(w.cloudwatch.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("SdkGo"), MetricName: aws.String("Orders"), Period: aws.Int32(60),
		Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("Shop"), Value: aws.String("1")}},
		StartTime:  aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now.Add(time.Hour)),
		Statistics: []cloudwatchtypes.Statistic{cloudwatchtypes.StatisticSum, cloudwatchtypes.StatisticSampleCount},
	}))
	equal("points", len(found.Datapoints), 1)
	equal("samples", *found.Datapoints[0].SampleCount, 250)
	equal("sum", *found.Datapoints[0].Sum, 250*250)
}
