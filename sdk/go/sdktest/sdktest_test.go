package sdktest

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"stead.dev/sdk"
	"stead.dev/sdk/event"
)

func double(ctx context.Context, e *event.Event) (*event.Event, error) {
	var in struct{ Value *float64 }
	if err := e.DataAs(&in); err != nil || in.Value == nil {
		return nil, sdk.Rejectf("data.value is missing")
	}
	sdk.Log(ctx).Info("doubling", "attempt", sdk.Info(ctx).Attempt)
	return e.Reply("doubled.v1", map[string]float64{"value": 2 * *in.Value})
}

func TestRun(t *testing.T) {
	var log bytes.Buffer
	answer, err := Run(sdk.Func(double), map[string]int{"value": 21}, Options{Attempt: 3, Log: &log})
	if err != nil || string(answer.Data()) != `{"value":42}` || answer.Type() != "doubled.v1" || answer.ID() == "" {
		t.Errorf("%v %v", answer, err)
	}
	if !strings.Contains(log.String(), "doubling attempt=3") {
		t.Errorf("log: %s", log.String())
	}
	if _, err := Run(sdk.Func(double), Event("text", "text/plain", "subject", "s")); err == nil || err.Error() != "data.value is missing" {
		t.Errorf("%v", err)
	}
}

func TestRunLikeTheService(t *testing.T) {
	wait := sdk.Func(func(ctx context.Context, e *event.Event) (*event.Event, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if _, err := Run(wait, nil, Options{Budget: time.Millisecond}); err != context.DeadlineExceeded {
		t.Errorf("%v", err)
	}
	untyped := sdk.Func(func(context.Context, *event.Event) (*event.Event, error) { return event.New("", nil) })
	if _, err := Run(untyped, nil); err == nil {
		t.Error("an answer without a type was taken")
	}
	silent := sdk.Func(func(context.Context, *event.Event) (*event.Event, error) { return nil, nil })
	if answer, err := Run(silent, nil); err != nil || answer.Type() != "function.result.v1" {
		t.Errorf("%v %v", answer, err)
	}
}
