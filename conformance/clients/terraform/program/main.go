// What the Terraform AWS provider calls for its Kinesis resources, call by call and with what it asks of each answer, on
// the SDK that it is made of. This is not the provider: see ../test_terraform.py.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

var client *kinesis.Client

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	settings := must(config.LoadDefaultConfig(ctx))
	client = kinesis.NewFromConfig(settings, func(o *kinesis.Options) {
		// The provider tries 25 times, and knows two refusals by their words.
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 25
			o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(knownByWords)}, o.Retryables...)
		})
	})
	steps := map[string]func(context.Context){
		"stream": streamLifecycle, "on-demand": onDemandLifecycle, "many": manyAtOnce,
		"consumer": consumerLifecycle, "policy": policyLifecycle, "account": accountSettings,
	}
	for _, name := range os.Args[1:] {
		steps[name](ctx)
		fmt.Println("PASSED", name)
	}
}

func knownByWords(err error) aws.Ternary {
	var limit *types.LimitExceededException
	if errors.As(err, &limit) && (strings.Contains(limit.ErrorMessage(), "simultaneously be in CREATING or DELETING") ||
		strings.Contains(limit.ErrorMessage(), "Rate exceeded for stream")) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// apply is create or update, then a plan, which must find nothing to do: what is read is what was asked for.
func apply(ctx context.Context, have, want *Stream) *Stream {
	planLimits(ctx, have, want)
	if have == nil {
		create(ctx, want)
	} else {
		update(ctx, have, want)
	}
	found := read(ctx, want.Name)
	check(reflect.DeepEqual(found, want), "the plan is not empty: there is %+v, wanted %+v", found, want)
	planLimits(ctx, found, want)
	return found
}

func streamLifecycle(ctx context.Context) {
	stream := Stream{
		Name: "tf-stream", Mode: types.StreamModeProvisioned, Shards: 2, RetentionHours: 24, MaxRecordKiB: 1024,
		Encryption: types.EncryptionTypeNone, Tags: map[string]string{"team": "orders", "env": "test"},
	}
	have := apply(ctx, nil, &stream)
	change := func(edit func(*Stream)) {
		next := *have
		edit(&next)
		have = apply(ctx, have, &next)
	}
	change(func(s *Stream) { s.Shards = 4 })
	change(func(s *Stream) { s.Shards = 3 })
	change(func(s *Stream) { s.RetentionHours = 168 })
	change(func(s *Stream) { s.RetentionHours = 48 })
	change(func(s *Stream) { s.Metrics = metrics("IncomingBytes", "OutgoingRecords") })
	change(func(s *Stream) { s.Metrics = metrics("IncomingRecords", "OutgoingRecords") })
	change(func(s *Stream) { s.Metrics = nil })
	change(func(s *Stream) { s.Encryption, s.KeyID = types.EncryptionTypeKms, "alias/aws/kinesis" })
	change(func(s *Stream) { s.Encryption, s.KeyID = types.EncryptionTypeNone, "" })
	// encryption_type NONE beside a kms_key_id is a difference that never goes away: every apply stops what is not
	// encrypted, with the type and the key that were read.
	must(client.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{
		StreamName: &have.Name, EncryptionType: types.EncryptionTypeNone, KeyId: aws.String(""),
	}))
	waitUpdated(ctx, have.Name)
	change(func(s *Stream) { s.MaxRecordKiB = 4096 })
	change(func(s *Stream) { s.Tags = map[string]string{"team": "billing", "cost": "1"} })
	change(func(s *Stream) { s.Tags = map[string]string{} })
	change(func(s *Stream) { s.Mode, s.Shards = types.StreamModeOnDemand, 0 })
	change(func(s *Stream) { s.Mode, s.Shards = types.StreamModeProvisioned, 3 })
	// Everything at once.
	change(func(s *Stream) {
		s.Shards, s.RetentionHours, s.Metrics, s.MaxRecordKiB = 6, 24, metrics("ALL"), 1024
		s.Encryption, s.KeyID, s.Tags = types.EncryptionTypeKms, "alias/aws/kinesis", map[string]string{"all": "at once"}
	})
	destroy(ctx, have.Name, false)

	// And everything at the creation.
	all := *have
	all.Name = "tf-all"
	apply(ctx, nil, &all)
	destroy(ctx, all.Name, false)
}

func onDemandLifecycle(ctx context.Context) {
	stream := Stream{
		Name: "tf-on-demand", Mode: types.StreamModeOnDemand, RetentionHours: 24, MaxRecordKiB: 1024,
		Encryption: types.EncryptionTypeNone, Tags: map[string]string{},
	}
	apply(ctx, nil, &stream)
	destroy(ctx, stream.Name, false)
}

// manyAtOnce is Terraform's ten resources at a time, which is more than may be CREATING at once.
func manyAtOnce(ctx context.Context) {
	var group sync.WaitGroup
	for number := range 10 {
		group.Go(func() {
			stream := Stream{
				Name: fmt.Sprintf("tf-many-%d", number), Mode: types.StreamModeProvisioned, Shards: 1,
				RetentionHours: 24, MaxRecordKiB: 1024, Encryption: types.EncryptionTypeNone, Tags: map[string]string{},
			}
			apply(ctx, nil, &stream)
			destroy(ctx, stream.Name, false)
		})
	}
	group.Wait()
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(condition bool, format string, values ...any) {
	if !condition {
		panic(fmt.Sprintf(format, values...))
	}
}
