package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// throughRestart writes records one by one and reads them at the same time, while somebody kills the server and starts it
// again; all that it does about it is to allow more attempts than three (AWS_MAX_ATTEMPTS). A put that was carried out
// but not answered is sent again: such a record is there twice, with the copies side by side.
func throughRestart(ctx context.Context, w *World) {
	const records = 3000
	must(w.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &w.stream, ShardCount: aws.Int32(1)}))
	w.arn = *w.waitActive(ctx, w.stream).StreamARN

	written := make(chan error)
	go func() {
		written <- func() error {
			for number := range records {
				if _, err := w.kinesis.PutRecord(ctx, &kinesis.PutRecordInput{
					StreamName: &w.stream, PartitionKey: aws.String("k"), Data: []byte(fmt.Sprint(number)),
				}); err != nil {
					return err
				}
				if number == records/3 {
					fmt.Println("A THIRD")
				}
			}
			return nil
		}()
	}()

	iterator := must(w.kinesis.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &w.stream, ShardId: aws.String(shardID(0)), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})).ShardIterator
	next, doubled := 0, 0
	for next < records {
		page := must(w.kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator}))
		for _, record := range page.Records {
			switch string(record.Data) {
			case fmt.Sprint(next):
				next++
			case fmt.Sprint(next - 1):
				doubled++
			default:
				panic(fmt.Sprintf("%s came instead of %d", record.Data, next))
			}
		}
		iterator = page.NextShardIterator
		time.Sleep(210 * time.Millisecond)
	}
	if err := <-written; err != nil {
		panic(err)
	}
	fmt.Printf("READ %d DOUBLED %d\n", next, doubled)
}
