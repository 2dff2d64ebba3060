// Package sdk runs functions for Stead: main() calls Serve with a function, and Stead calls it with events.
//
//	func main() { sdk.Serve(sdk.Func(double)) }
//
//	func double(ctx context.Context, e *event.Event) (*event.Event, error) {
//		var in struct{ Value float64 }
//		if err := e.DataAs(&in); err != nil {
//			return nil, sdk.Reject(err) // this event will never work
//		}
//		return e.Reply("com.example.doubled.v1", map[string]float64{"value": 2 * in.Value})
//	}
//
// The process talks pipe/1 with Stead over file descriptor 3. Standard output and error are the function's own and become
// its log.
package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"stead.dev/sdk/event"
	"stead.dev/sdk/internal/call"
)

// Version of this SDK.
const Version = "0.1.0"

// Function answers one event with another. The context ends with the request's time, or when nobody waits any more. A nil
// answer is an answer without data.
type Function interface {
	Execute(ctx context.Context, e *event.Event) (*event.Event, error)
}

// Func makes a Function of a func.
type Func func(ctx context.Context, e *event.Event) (*event.Event, error)

// Execute calls f.
func (f Func) Execute(ctx context.Context, e *event.Event) (*event.Event, error) { return f(ctx, e) }

// Initializer is a Function that prepares itself, once, before the first call. An error ends the process.
type Initializer interface {
	Initialize(ctx context.Context) error
}

// Stopper is a Function that cleans up after the last call.
type Stopper interface {
	Stop(ctx context.Context) error
}

// LongLivedFunction keeps state over many events. This version of Stead does not run them yet; the type is here so that
// code can be written against it.
type LongLivedFunction interface {
	Initialize(ctx context.Context) error
	Process(ctx context.Context, e *event.Event) error
	Pause(ctx context.Context) error
	Resume(ctx context.Context) error
	Stop(ctx context.Context) error
	GetState() ([]byte, error)
	SetState(state []byte) error
}

// What becomes of a call that failed.
const (
	classRetry     = "retry"
	classPermanent = "permanent"
	classThrottle  = "throttle"
)

type failure struct {
	cause error
	class string
	after time.Duration
}

func (f *failure) Error() string { return f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

func fail(err error, class string, after time.Duration) error {
	if err == nil {
		err = errors.New(class)
	}
	return &failure{err, class, after}
}

// Reject says that this event will never succeed: it is not tried again.
func Reject(err error) error { return fail(err, classPermanent, 0) }

// Rejectf is Reject with a text.
func Rejectf(format string, arguments ...any) error { return Reject(fmt.Errorf(format, arguments...)) }

// Retry says that the call may succeed later, after that time if it is longer than the usual back-off. An error that is
// none of these three is a Retry too.
func Retry(err error, after time.Duration) error { return fail(err, classRetry, after) }

// Throttle says: not now, and not the event's fault. It is tried again after that time.
func Throttle(err error, after time.Duration) error { return fail(err, classThrottle, after) }

// CallInfo is what is known about the running call.
type CallInfo struct {
	RequestID string // the same for every attempt: the key to make side effects repeatable
	Attempt   int    // from 1
	Function  string // language/name
	Version   string // of the function
}

// Info gives what is known about the call that ctx belongs to; zero outside of calls.
func Info(ctx context.Context) CallInfo {
	if info := call.From(ctx); info != nil {
		return CallInfo{info.RequestID, info.Attempt, info.Function, info.Version}
	}
	return CallInfo{}
}

// Log writes lines that belong to the call; outside of calls it is slog's default logger.
func Log(ctx context.Context) *slog.Logger {
	if info := call.From(ctx); info != nil && info.Log != nil {
		return info.Log
	}
	return slog.Default()
}
