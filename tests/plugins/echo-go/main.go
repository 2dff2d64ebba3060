// Answers with the event's own data; the attribute "test" comes back as "echoed".
package main

import (
	"context"

	"stead.dev/sdk"
	"stead.dev/sdk/event"
)

func main() { sdk.Serve(sdk.Func(echo)) }

func echo(_ context.Context, in *event.Event) (*event.Event, error) {
	out, err := in.Reply("test.echo.v1", in.Data())
	if err == nil && in.DataContentType() != "" {
		err = out.Set("datacontenttype", in.DataContentType())
	}
	if test, there := in.Lookup("test"); err == nil && there {
		err = out.Set("echoed", test)
	}
	return out, err
}
