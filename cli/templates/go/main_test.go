package main

import (
	"testing"

	"stead.dev/sdk"
	"stead.dev/sdk/sdktest"
)

func TestItGreets(t *testing.T) {
	answer, err := sdktest.Run(sdk.Func(greet), map[string]string{"name": "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ Text string }
	if err := answer.DataAs(&out); err != nil || out.Text != "Hello, Ada" {
		t.Fatalf("got %q, %v", out.Text, err)
	}
}

func TestItWantsAName(t *testing.T) {
	if _, err := sdktest.Run(sdk.Func(greet), map[string]string{}); err == nil {
		t.Fatal("it should have been rejected")
	}
}
