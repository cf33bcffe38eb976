package main

import (
	"bytes"
	"context"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func shardID(number int) string { return fmt.Sprintf("shardId-%012d", number) }

// read follows a shard until it has ended or has nothing more to give; the children are there if it has ended.
func (w *World) read(ctx context.Context, from *kinesis.GetShardIteratorInput) ([]types.Record, []types.ChildShard) {
	from.StreamName = &w.stream
	iterator := must(w.kinesis.GetShardIterator(ctx, from)).ShardIterator
	var found []types.Record
	for {
		page := must(w.kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{
			ShardIterator: iterator, StreamARN: &w.arn, Limit: aws.Int32(200),
		}))
		found = append(found, page.Records...)
		if page.NextShardIterator == nil {
			return found, page.ChildShards
		}
		equal("children of a shard that is open", len(page.ChildShards), 0)
		if len(page.Records) == 0 && *page.MillisBehindLatest == 0 {
			return found, nil
		}
		iterator = page.NextShardIterator
		// Five reads a second are what AWS allows for a shard.
		time.Sleep(210 * time.Millisecond)
	}
}

func putAndGet(ctx context.Context, w *World) {
	start := time.Now()
	// Binary data, text and an explicit hash key; each goes to the shard that its key says.
	large := bytes.Repeat([]byte{0, 255, 10}, 500_000)
	first := must(w.kinesis.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: &w.stream, PartitionKey: aws.String("large"), Data: large, ExplicitHashKey: aws.String("0"),
	}))
	equal("shard", *first.ShardId, shardID(0))
	second := must(w.kinesis.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamARN: &w.arn, PartitionKey: aws.String("naïve ключ"), Data: []byte{0}, ExplicitHashKey: aws.String("1"),
		SequenceNumberForOrdering: first.SequenceNumber,
	}))
	time.Sleep(1100 * time.Millisecond)

	where := map[string]string{}
	for batch := range 4 {
		var entries []types.PutRecordsRequestEntry
		for number := range 250 {
			key := fmt.Sprintf("%d", batch*250+number)
			entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte("record " + key)})
		}
		answer := must(w.kinesis.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &w.stream, Records: entries}))
		equal("failed records", *answer.FailedRecordCount, 0)
		equal("answers", len(answer.Records), len(entries))
		for number, one := range answer.Records {
			where[*entries[number].PartitionKey] = *one.ShardId
		}
	}

	seen := map[string]bool{}
	for number := range 2 {
		shard := shardID(number)
		found, _ := w.read(ctx, &kinesis.GetShardIteratorInput{
			ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		if number == 0 {
			check(bytes.Equal(found[0].Data, large), "%d bytes came back of %d", len(found[0].Data), len(large))
			equal("key", *found[1].PartitionKey, "naïve ключ")
			equal("sequence number", *found[1].SequenceNumber, *second.SequenceNumber)
			age := found[0].ApproximateArrivalTimestamp.Sub(start)
			check(age > -time.Second && age < 10*time.Second, "arrived %s after it was sent", age)
			found = found[2:]
		}
		before, last := "", -1
		for _, record := range found {
			key := *record.PartitionKey
			equal("data", string(record.Data), "record "+key)
			equal("shard of "+key, where[key], shard)
			check(!seen[key], "%s was read twice", key)
			seen[key] = true
			var index int
			must(fmt.Sscan(key, &index))
			check(index > last && *record.SequenceNumber > before, "%s is out of order", key)
			before, last = *record.SequenceNumber, index
		}
	}
	equal("records", len(seen), 1000)

	// The other ways to say where to begin.
	zero := shardID(0)
	at, _ := w.read(ctx, &kinesis.GetShardIteratorInput{
		ShardId: &zero, ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber,
		StartingSequenceNumber: second.SequenceNumber,
	})
	equal("AT_SEQUENCE_NUMBER", *at[0].SequenceNumber, *second.SequenceNumber)
	after, _ := w.read(ctx, &kinesis.GetShardIteratorInput{
		ShardId: &zero, ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber,
		StartingSequenceNumber: second.SequenceNumber,
	})
	equal("AFTER_SEQUENCE_NUMBER", len(after), len(at)-1)
	stamped, _ := w.read(ctx, &kinesis.GetShardIteratorInput{
		ShardId: &zero, ShardIteratorType: types.ShardIteratorTypeAtTimestamp,
		Timestamp: after[0].ApproximateArrivalTimestamp,
	})
	equal("AT_TIMESTAMP", *stamped[0].SequenceNumber, *after[0].SequenceNumber)
	latest, _ := w.read(ctx, &kinesis.GetShardIteratorInput{
		ShardId: &zero, ShardIteratorType: types.ShardIteratorTypeLatest,
	})
	equal("LATEST", len(latest), 0)
}

// shards are all that ListShards gives for a filter, in pages of `limit`. The SDK has no paginator for it: NextToken goes
// alone.
func (w *World) shards(ctx context.Context, limit int32, filter *types.ShardFilter) []types.Shard {
	input := &kinesis.ListShardsInput{StreamName: &w.stream, MaxResults: &limit, ShardFilter: filter}
	var found []types.Shard
	for {
		page := must(w.kinesis.ListShards(ctx, input))
		check(len(page.Shards) <= int(limit), "%d shards on a page of %d", len(page.Shards), limit)
		found = append(found, page.Shards...)
		if page.NextToken == nil {
			return found
		}
		input = &kinesis.ListShardsInput{NextToken: page.NextToken, MaxResults: &limit}
	}
}

func (w *World) openShards(ctx context.Context) []types.Shard {
	return w.shards(ctx, 1000, &types.ShardFilter{Type: types.ShardFilterTypeAtLatest})
}

func number(decimal *string) *big.Int {
	value, ok := new(big.Int).SetString(*decimal, 10)
	check(ok, "%s is no number", *decimal)
	return value
}

func splitAndMerge(ctx context.Context, w *World) {
	before := w.openShards(ctx)
	from, to := number(before[0].HashKeyRange.StartingHashKey), number(before[0].HashKeyRange.EndingHashKey)
	middle := from.Add(from, to).Rsh(from, 1).String()
	must(w.kinesis.SplitShard(ctx, &kinesis.SplitShardInput{
		StreamName: &w.stream, ShardToSplit: before[0].ShardId, NewStartingHashKey: &middle,
	}))
	w.settle(ctx)
	// Records that were there before are read from the parent, to its end; then it names its children.
	found, children := w.read(ctx, &kinesis.GetShardIteratorInput{
		ShardId: before[0].ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	check(len(found) > 400, "%d records in the parent", len(found))
	equal("children", len(children), 2)
	for number, child := range children {
		equal("child", *child.ShardId, shardID(2+number))
		check(slices.Equal(child.ParentShards, []string{*before[0].ShardId}), "parents %v", child.ParentShards)
	}
	equal("first key of the second child", *children[1].HashKeyRange.StartingHashKey, middle)

	must(w.kinesis.MergeShards(ctx, &kinesis.MergeShardsInput{
		StreamName: &w.stream, ShardToMerge: children[0].ShardId, AdjacentShardToMerge: children[1].ShardId,
	}))
	w.settle(ctx)
	_, children = w.read(ctx, &kinesis.GetShardIteratorInput{
		ShardId: children[0].ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	equal("children", len(children), 1)
	equal("child", *children[0].ShardId, shardID(4))
	equal("parents", len(children[0].ParentShards), 2)
}

func listShards(ctx context.Context, w *World) {
	var found []string
	for _, shard := range w.shards(ctx, 2, nil) {
		found = append(found, *shard.ShardId)
		closed := shard.SequenceNumberRange.EndingSequenceNumber != nil
		equal("closed "+*shard.ShardId, closed, *shard.ShardId != shardID(1) && *shard.ShardId != shardID(4))
	}
	check(slices.Equal(found, []string{shardID(0), shardID(1), shardID(2), shardID(3), shardID(4)}), "%v", found)
	equal("open shards", len(w.openShards(ctx)), 2)
	oldest := w.shards(ctx, 1, &types.ShardFilter{Type: types.ShardFilterTypeAtTrimHorizon})
	equal("shards at the trim horizon", len(oldest), 2)
}

func updateShardCount(ctx context.Context, w *World) {
	answer := must(w.kinesis.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
		StreamName: &w.stream, TargetShardCount: aws.Int32(4), ScalingType: types.ScalingTypeUniformScaling,
	}))
	equal("shards before", *answer.CurrentShardCount, 2)
	equal("shards after", *answer.TargetShardCount, 4)
	equal("open shards", *w.settle(ctx).OpenShardCount, 4)
	equal("open shards", len(w.openShards(ctx)), 4)
}
