// The AWS SDK for Go v2 against a Kinesis endpoint, one named step after another. Everything the SDK needs to know is in
// its environment, as in any other program: AWS_ENDPOINT_URL, AWS_REGION, credentials, AWS_CA_BUNDLE where the server
// speaks TLS.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// World is what the steps share.
type World struct {
	kinesis    *kinesis.Client
	cloudwatch *cloudwatch.Client
	stream     string
	arn        string
	// The HTTP version of each answer, counted, by whoever is answered.
	protocols map[string]int
	counting  sync.Mutex
}

var steps = []struct {
	name string
	run  func(context.Context, *World)
}{
	{"create and wait", createAndWait},
	{"list streams, paged", listStreams},
	{"describe, paged", describe},
	{"put and get records", putAndGet},
	{"split and merge", splitAndMerge},
	{"list shards, paged", listShards},
	{"update shard count", updateShardCount},
	{"retention", retention},
	{"tags", tags},
	{"stream mode", streamMode},
	{"encryption", encryption},
	{"enhanced monitoring", enhancedMonitoring},
	{"resource policy", resourcePolicy},
	{"limits and account settings", limits},
	{"consumers, paged", consumers},
	{"subscribe to shard", subscribe},
	{"typed errors", typedErrors},
	{"put metric data", putMetricData},
	{"delete and wait", deleteAndWait},
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	world := &World{stream: "sdk-go", protocols: map[string]int{}}
	// What is tried again is a line of the log.
	settings := must(config.LoadDefaultConfig(ctx,
		config.WithClientLogMode(aws.LogRetries|aws.LogDeprecatedUsage),
		config.WithLogger(logging.NewStandardLogger(os.Stdout)),
	))
	world.kinesis = kinesis.NewFromConfig(settings, kinesis.WithAPIOptions(world.countProtocols))
	world.cloudwatch = cloudwatch.NewFromConfig(settings)
	if len(os.Args) > 1 && os.Args[1] == "through-restart" {
		throughRestart(ctx, world)
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "at-once" {
		subscribeAtOnce(ctx, world)
		return
	}
	for _, step := range steps {
		began := time.Now()
		step.run(ctx, world)
		fmt.Printf("PASSED %s (%d ms)\n", step.name, time.Since(began).Milliseconds())
	}
	fmt.Println("PROTOCOLS", world.protocols)
}

// countProtocols looks at each answer before the SDK does.
func (w *World) countProtocols(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("CountProtocols",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
			middleware.DeserializeOutput, middleware.Metadata, error,
		) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			if response, ok := out.RawResponse.(*smithyhttp.Response); ok {
				w.counting.Lock()
				w.protocols[response.Proto]++
				w.counting.Unlock()
			}
			return out, metadata, err
		}), middleware.After)
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

func equal[T comparable](what string, got, wanted T) {
	check(got == wanted, "%s: %v, not %v", what, got, wanted)
}
