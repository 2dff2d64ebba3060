// Package sdktest runs functions in tests, without a server:
//
//	answer, err := sdktest.Run(sdk.Func(double), map[string]float64{"value": 2})
package sdktest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"stead.dev/sdk"
	"stead.dev/sdk/event"
	"stead.dev/sdk/internal/call"
)

// Event makes an event with sensible attributes, as one that was received; pairs add attributes or replace some.
// data is as for event.SetData; contentType "" stands for what fits.
func Event(data any, contentType string, pairs ...string) *event.Event {
	made, err := event.New("test.event.v1", nil)
	if err == nil {
		err = made.SetData(contentType, data)
	}
	if err != nil {
		panic(err)
	}
	attributes := made.Attributes()
	attributes["id"], attributes["source"] = "test-1", "/test"
	for i := 0; i+1 < len(pairs); i += 2 {
		attributes[pairs[i]] = pairs[i+1]
	}
	return event.Received(attributes, made.Data(), "go/function", "test-request")
}

// Options of one run.
type Options struct {
	Context context.Context // Background if nil
	Attempt int             // 1 if 0
	Budget  time.Duration   // of the request's time; none if 0
	Log     io.Writer       // gets the function's log lines, as slog's text; dropped if nil
}

// Run calls f once with data, which is an *event.Event or what Event takes, and gives its answer as it would be sent.
func Run(f sdk.Function, data any, options ...Options) (*event.Event, error) {
	given, ok := data.(*event.Event)
	if !ok {
		given = Event(data, "")
	}
	var how Options
	if len(options) > 0 {
		how = options[0]
	}
	if how.Context == nil {
		how.Context = context.Background()
	}
	if how.Log == nil {
		how.Log = io.Discard
	}
	info := call.Info{RequestID: "test-request", Attempt: max(how.Attempt, 1), Function: "go/function", Version: "test"}
	info.Log = slog.New(slog.NewTextHandler(how.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx := call.With(how.Context, &info)
	if how.Budget > 0 {
		limited, cancel := context.WithTimeout(ctx, how.Budget)
		defer cancel()
		ctx = limited
	}
	answer, err := f.Execute(ctx, given)
	if err != nil {
		return nil, err
	}
	if answer == nil {
		answer = given.MustReply("function.result.v1", nil)
	}
	answer.CompleteFrom(given)
	if err := answer.Check(); err != nil {
		return nil, fmt.Errorf("the service would refuse this answer: %w", err)
	}
	return answer, nil
}
