// Package call carries what is known about a running call in its context.
package call

import (
	"context"
	"log/slog"
)

// Info is what the service says about a call.
type Info struct {
	RequestID         string
	Attempt           int
	Function, Version string
	Log               *slog.Logger
}

type key struct{}

// With gives a context that carries info.
func With(ctx context.Context, info *Info) context.Context {
	return context.WithValue(ctx, key{}, info)
}

// From finds it; nil outside of calls.
func From(ctx context.Context) *Info {
	info, _ := ctx.Value(key{}).(*Info)
	return info
}
