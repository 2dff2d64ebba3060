// Command {{name}} greets whom the event names.
package main

import (
	"context"

	"stead.dev/sdk"
	"stead.dev/sdk/event"
)

func main() { sdk.Serve(sdk.Func(greet)) }

func greet(ctx context.Context, e *event.Event) (*event.Event, error) {
	var in struct{ Name string }
	if err := e.DataAs(&in); err != nil {
		return nil, sdk.Reject(err) // permanent: never tried again
	}
	if in.Name == "" {
		return nil, sdk.Rejectf("data.name is missing")
	}
	sdk.Log(ctx).Info("greeting", "name", in.Name)
	return e.Reply("com.example.greeting.v1", map[string]string{"text": "Hello, " + in.Name})
}
