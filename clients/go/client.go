// Package client calls functions that Stead runs: execute, submit, result, cancel.
//
//	stead, err := client.New(client.Config{})  // $STEAD_ADDR or 127.0.0.1:7600
//	event, err := client.NewEvent("com.example.greet.v1", map[string]string{"name": "Ada"})
//	result, err := stead.Execute(ctx, "hello", event)
//
// Errors are *FunctionError (the function ran and said no), *OutcomeError (a stored result says that the request ended
// otherwise), *PlatformError (it could not be run), or an error of the event itself before anything was sent.
//
// A call that ends as UNAVAILABLE is tried again while its context and Config.Retries allow, always with the same event
// id, so that Stead tells a repeated request from a new one: whatever was accepted runs once and has one result. The
// delay is what the server asks for (RetryInfo), else 0.1 s doubled up to 2 s, the upper half of it random; a negative
// grpc-retry-pushback-ms forbids it. gRPC's own retries are not used because they hide whether an earlier attempt was
// lost on the way, and then PlatformError.NotStarted could not be trusted.
package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"stead.dev/client/internal/wire"
)

const (
	// DefaultAddress is used if neither Config.Address nor STEAD_ADDR is set.
	DefaultAddress = "127.0.0.1:7600"
	// DefaultRetries bridges an absence of about five seconds.
	DefaultRetries = 7

	delayFirst      = 100 * time.Millisecond
	delayMax        = 2 * time.Second
	probeMax        = 20 * time.Second // an answer to a probe may take as long as the silence before it, and no longer
	messageBytesMax = 64 << 20
	service         = "/function.v1.FunctionService/"
)

// Config says how to reach Stead. The zero value is a good one.
type Config struct {
	Address     string            // "host:port" or "unix:/path"; else $STEAD_ADDR, else DefaultAddress
	Connections int               // size of the pool; 0 takes 2
	Retries     int               // of an UNAVAILABLE call within its context; 0 takes DefaultRetries, -1 none
	Keepalive   time.Duration     // silence in a call after which its connection is probed; 0 takes 30 s, -1 never, 10 s is the least
	Dial        []grpc.DialOption // applied last, e.g. transport credentials for a TLS proxy in front
}

// Client is a pool of connections, made at the first call. It is safe for any number of goroutines.
type Client struct {
	retries int
	lock    sync.Mutex
	lanes   []*lane
}

type lane struct {
	connection *grpc.ClientConn
	busy       int // calls in flight, under Client.lock
}

// Result is a success.
type Result struct {
	Event     *Event // the whole result event
	RequestID string // names the stored result
	Attempts  uint32 // how often the function ran; known from Result only, like the next two
	Function  string // language/name
	Version   string
}

// DataAs reads the data of the result event into value.
func (r *Result) DataAs(value any) error { return r.Event.DataAs(value) }

// New makes a client. It fails only for an address or an option that gRPC does not understand.
func New(config Config) (*Client, error) {
	address := config.Address
	if address == "" {
		address = os.Getenv("STEAD_ADDR")
	}
	if address == "" {
		address = DefaultAddress
	}
	c := &Client{retries: config.Retries}
	if c.retries == 0 {
		c.retries = DefaultRetries
	}
	count := config.Connections
	if count < 1 {
		count = 2
	}
	for range count {
		connection, err := grpc.NewClient(address, dialOptions(config)...)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.lanes = append(c.lanes, &lane{connection: connection})
	}
	return c, nil
}

func dialOptions(config Config) []grpc.DialOption {
	reconnect := grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: delayFirst, Multiplier: 1.6, Jitter: 0.2, MaxDelay: delayMax},
		MinConnectTimeout: 5 * time.Second,
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithConnectParams(reconnect),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageBytesMax), grpc.MaxCallSendMsgSize(messageBytesMax)),
	}
	if config.Keepalive >= 0 {
		silence := config.Keepalive
		if silence == 0 {
			silence = 30 * time.Second
		}
		probe := keepalive.ClientParameters{Time: silence, Timeout: min(silence, probeMax)}
		options = append(options, grpc.WithKeepaliveParams(probe))
	}
	return append(options, config.Dial...)
}

// Close ends the calls that are in flight, too.
func (c *Client) Close() error {
	var all error
	for _, lane := range c.lanes {
		all = errors.Join(all, lane.connection.Close())
	}
	return all
}

// Execute runs the function once for the event (nil: one without data) and returns its answer.
func (c *Client) Execute(ctx context.Context, name string, event *Event) (*Result, error) {
	message, err := event.toProtobuf()
	if err != nil {
		return nil, err
	}
	var answer wire.ExecuteFunctionResponse
	err = c.call(ctx, "ExecuteFunction", &wire.ExecuteFunctionRequest{Name: name, Event: message}, &answer)
	if err != nil {
		return nil, err
	}
	if _, failed := answer.Result.(*wire.ExecuteFunctionResponse_Error); failed {
		return nil, functionError(answer.GetError(), answer.ErrorDetail, answer.RequestId, "", 0)
	}
	return &Result{Event: fromProtobuf(answer.Event, answer.GetData()), RequestID: answer.RequestId}, nil
}

// Submit returns the request id as soon as the request is stored on the broker; Result reads how it ended. The request
// is a duplicate if the same event was accepted for this function before.
func (c *Client) Submit(ctx context.Context, name string, event *Event) (requestID string, duplicate bool, err error) {
	message, err := event.toProtobuf()
	if err != nil {
		return "", false, err
	}
	var answer wire.SubmitFunctionResponse
	err = c.call(ctx, "SubmitFunction", &wire.SubmitFunctionRequest{Name: name, Event: message}, &answer)
	return answer.RequestId, answer.Duplicate, err
}

// Result reads the stored result of a request, whoever made it. Without one it is a *PlatformError: NotFound at once
// or, with wait, DeadlineExceeded when the context's deadline passes.
func (c *Client) Result(ctx context.Context, requestID string, wait bool) (*Result, error) {
	var answer wire.GetResultResponse
	err := c.call(ctx, "GetResult", &wire.GetResultRequest{RequestId: requestID, Wait: wait}, &answer)
	if err != nil {
		return nil, err
	}
	if answer.Outcome == "succeeded" {
		event := fromProtobuf(answer.Event, answer.GetData())
		return &Result{event, answer.RequestId, answer.Attempts, answer.Function, answer.Version}, nil
	}
	if answer.Reason == "FUNCTION_ERROR" || answer.ErrorDetail != nil {
		return nil, functionError(answer.GetError(), answer.ErrorDetail, answer.RequestId, answer.Outcome, answer.Attempts)
	}
	return nil, &OutcomeError{answer.GetError(), answer.Outcome, answer.Reason, answer.Attempts, answer.RequestId}
}

// Cancel ends a request as cancelled. A *PlatformError with reason ALREADY_ENDED or REQUEST_NOT_FOUND says that it
// could not.
func (c *Client) Cancel(ctx context.Context, requestID string) error {
	return c.call(ctx, "Cancel", &wire.CancelRequest{RequestId: requestID}, &wire.CancelResponse{})
}

// take counts a call on the connection with the fewest calls in flight.
func (c *Client) take() *lane {
	c.lock.Lock()
	defer c.lock.Unlock()
	best := c.lanes[0]
	for _, lane := range c.lanes {
		if lane.busy < best.busy {
			best = lane
		}
	}
	best.busy++
	return best
}

func (c *Client) put(lane *lane) {
	c.lock.Lock()
	lane.busy--
	c.lock.Unlock()
}

func (c *Client) call(ctx context.Context, method string, request, answer proto.Message) error {
	lost, step := false, delayFirst
	for attempt := 0; ; attempt++ {
		var trailer metadata.MD
		lane := c.take()
		err := lane.connection.Invoke(ctx, service+method, request, answer, grpc.Trailer(&trailer))
		c.put(lane)
		if err == nil {
			return nil
		}
		platform, ours := platformError(err)
		// An attempt without Stead's word may have been accepted.
		lost = lost || !ours || platform.Status != codes.Unavailable
		platform.NotStarted = !lost
		if platform.Status != codes.Unavailable || retryForbidden(trailer) || attempt >= c.retries {
			return platform
		}
		delay := platform.RetryAfter
		if delay == 0 {
			delay = step/2 + rand.N(step/2)
		}
		step = min(2*step, delayMax)
		if !sleep(ctx, delay) {
			return platform
		}
	}
}

// sleep is false if the context ends first or would.
func sleep(ctx context.Context, delay time.Duration) bool {
	if deadline, some := ctx.Deadline(); some && time.Until(deadline) <= delay {
		return false
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
