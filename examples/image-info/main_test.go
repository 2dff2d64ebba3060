package main

import (
	"os"
	"testing"

	"stead.dev/sdk"
	"stead.dev/sdk/sdktest"
)

func TestDescribe(t *testing.T) {
	picture, err := os.ReadFile("sample.png")
	if err != nil {
		t.Fatal(err)
	}
	var got info
	answer, err := sdktest.Run(sdk.Func(describe), picture)
	if err != nil || answer.DataAs(&got) != nil || got != (info{"png", 64, 48, len(picture), "gray"}) {
		t.Errorf("%v %+v", err, got)
	}
	if _, err := sdktest.Run(sdk.Func(describe), []byte("text")); err == nil {
		t.Error("text was taken for an image")
	}
}
