// Reads the head of a PNG, JPEG or GIF image and answers with its format and size, without decoding the picture.
package main

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"

	"stead.dev/sdk"
	"stead.dev/sdk/event"
)

type info struct {
	Format string `json:"format"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Bytes  int    `json:"bytes"`
	Colors string `json:"colors"`
}

func main() { sdk.Serve(sdk.Func(describe)) }

func describe(ctx context.Context, e *event.Event) (*event.Event, error) {
	head, format, err := image.DecodeConfig(bytes.NewReader(e.Data()))
	if errors.Is(err, image.ErrFormat) {
		return nil, sdk.Rejectf("the data is no PNG, JPEG or GIF image")
	}
	if err != nil {
		return nil, sdk.Reject(err)
	}
	sdk.Log(ctx).Info("described", "format", format, "bytes", len(e.Data()))
	return e.Reply("dev.stead.example.image.v1", info{format, head.Width, head.Height, len(e.Data()), colors(head.ColorModel)})
}

func colors(model color.Model) string {
	if _, ok := model.(color.Palette); ok {
		return "palette"
	}
	switch model {
	case color.GrayModel, color.Gray16Model:
		return "gray"
	case color.YCbCrModel:
		return "ycbcr"
	case color.CMYKModel:
		return "cmyk"
	}
	return "rgb"
}
