package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func (w *World) register(ctx context.Context, name string) string {
	made := must(w.kinesis.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: &w.arn, ConsumerName: &name,
	}))
	for {
		found := must(w.kinesis.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{
			ConsumerARN: made.Consumer.ConsumerARN,
		})).ConsumerDescription
		if found.ConsumerStatus == types.ConsumerStatusActive {
			equal("stream", *found.StreamARN, w.arn)
			return *found.ConsumerARN
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func consumers(ctx context.Context, w *World) {
	var wanted []string
	for number := range 3 {
		name := fmt.Sprintf("reader-%d", number)
		w.register(ctx, name)
		wanted = append(wanted, name)
	}
	var found []string
	pages := kinesis.NewListStreamConsumersPaginator(w.kinesis, &kinesis.ListStreamConsumersInput{
		StreamARN: &w.arn, MaxResults: aws.Int32(2),
	})
	for pages.HasMorePages() {
		for _, one := range must(pages.NextPage(ctx)).Consumers {
			found = append(found, *one.ConsumerName)
		}
	}
	slices.Sort(found)
	check(slices.Equal(found, wanted), "%v, not %v", found, wanted)
	for _, name := range wanted {
		must(w.kinesis.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{
			StreamARN: &w.arn, ConsumerName: &name,
		}))
	}
}

// subscribe reads a shard by push while it is written, and to its end.
func subscribe(ctx context.Context, w *World) {
	consumer := w.register(ctx, "subscriber")
	shard := w.openShards(ctx)[0]
	put := func(number int) (*kinesis.PutRecordOutput, error) {
		return w.kinesis.PutRecord(ctx, &kinesis.PutRecordInput{
			StreamName: &w.stream, PartitionKey: aws.String("pushed"), Data: []byte(fmt.Sprint(number)),
			ExplicitHashKey: shard.HashKeyRange.StartingHashKey,
		})
	}
	const records = 20
	first := must(put(0))
	written := make(chan error)
	go func() {
		written <- func() error {
			for number := 1; number < records; number++ {
				if _, err := put(number); err != nil {
					return err
				}
			}
			from, to := number(shard.HashKeyRange.StartingHashKey), number(shard.HashKeyRange.EndingHashKey)
			middle := from.Add(from, to).Rsh(from, 1).String()
			_, err := w.kinesis.SplitShard(ctx, &kinesis.SplitShardInput{
				StreamName: &w.stream, ShardToSplit: shard.ShardId, NewStartingHashKey: &middle,
			})
			return err
		}()
	}()

	var found []string
	var children []types.ChildShard
	position := types.StartingPosition{
		Type: types.ShardIteratorTypeAtSequenceNumber, SequenceNumber: first.SequenceNumber,
	}
	stream := w.open(ctx, consumer, *shard.ShardId, position)
	for event := range stream.Events() {
		check(children == nil, "an event after the shard's end")
		value := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		for _, record := range value.Records {
			found = append(found, string(record.Data))
		}
		// The shard's end: nowhere to continue, and children.
		equal("the end has children", value.ContinuationSequenceNumber == nil, len(value.ChildShards) > 0)
		children = value.ChildShards
	}
	check(stream.Err() == nil, "%v", stream.Err())
	check(children != nil, "it ended before the shard did")
	stream.Close()
	if err := <-written; err != nil {
		panic(err)
	}
	equal("records", len(found), records)
	for number, data := range found {
		equal("data", data, fmt.Sprint(number))
	}
	equal("children", len(children), 2)
	w.settle(ctx)
}

func (w *World) open(
	ctx context.Context, consumer, shard string, position types.StartingPosition,
) *kinesis.SubscribeToShardEventStream {
	return must(w.kinesis.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: &consumer, ShardId: &shard, StartingPosition: &position,
	})).GetStream()
}

const (
	atOnce = 40
	rounds = 10
)

// subscribeAtOnce opens forty subscriptions at the same moment, ten times, and listens to each for a while. Over HTTP/1.1 the
// SDK closes the connection of an answer that comes before its own sending goroutine is done with the request.
func subscribeAtOnce(ctx context.Context, w *World) {
	must(w.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &w.stream, ShardCount: aws.Int32(atOnce)}))
	w.arn = *must(w.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{
		StreamName: &w.stream,
	})).StreamDescriptionSummary.StreamARN
	w.settle(ctx)
	shards := w.openShards(ctx)
	var opened, ended int
	for round := range rounds {
		consumer := w.register(ctx, fmt.Sprintf("at-once-%d", round))
		ends := make(chan error, atOnce)
		var all sync.WaitGroup
		for _, shard := range shards {
			all.Add(1)
			go func() {
				defer all.Done()
				if err := w.listen(ctx, consumer, *shard.ShardId, 700*time.Millisecond); err != nil {
					ends <- err
				}
			}()
		}
		all.Wait()
		close(ends)
		opened += atOnce
		for err := range ends {
			ended++
			fmt.Println("ENDED", err)
		}
	}
	fmt.Printf("OPENED %d ENDED %d\n", opened, ended)
}

// listen subscribes at the end of a shard where nothing comes, and says why that ended before its time.
func (w *World) listen(ctx context.Context, consumer, shard string, enough time.Duration) error {
	answer, err := w.kinesis.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: &consumer, ShardId: &shard,
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest},
	})
	if err != nil {
		return err
	}
	stream := answer.GetStream()
	defer stream.Close()
	for until := time.After(enough); ; {
		select {
		case _, more := <-stream.Events():
			if !more {
				return fmt.Errorf("the stream ended: %w", stream.Err())
			}
		case <-until:
			return nil
		}
	}
}
