package pipe

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// The byte vectors that all SDKs share.
const vectorFolder = "../../../../tests/conformance/vectors"

// pieces are bytes: hex, or {"hex", "times"}.
type pieces []json.RawMessage

func (p pieces) bytes(t *testing.T) []byte {
	var all []byte
	for _, raw := range p {
		piece := struct {
			Hex   string
			Times int
		}{Times: 1}
		if raw[0] == '"' {
			if err := json.Unmarshal(raw, &piece.Hex); err != nil {
				t.Fatal(err)
			}
		} else if err := json.Unmarshal(raw, &piece); err != nil {
			t.Fatal(err)
		}
		some, err := hex.DecodeString(piece.Hex)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bytes.Repeat(some, piece.Times)...)
	}
	return all
}

type vectorFrame struct {
	Type, Flags byte
	Stream      uint16
	Header      [][]any
	Body        pieces
}

type vector struct {
	Name   string
	Bytes  pieces
	Frames []vectorFrame
	Then   string
}

// entry gives a header entry's name and value; the value may be repeated.
func entry(e []any) (string, string) {
	times := 1
	if len(e) == 3 {
		times = int(e[2].(float64))
	}
	return e[0].(string), strings.Repeat(e[1].(string), times)
}

// readAll reads frames until something else comes, and says what.
func readAll(reader io.Reader, size int) ([]Frame, string) {
	var frames []Frame
	channel := reading(reader)
	for {
		frame, err := channel.Next()
		if err == nil {
			err = ReadBlock(frame.Header, func(string, string) {})
		}
		switch {
		case errors.Is(err, ErrProtocol):
			return frames, "bad"
		case err != nil && size > 0:
			return frames, "partial"
		case err != nil:
			return frames, "end"
		}
		size -= prefixBytes + len(frame.Header) + len(frame.Body)
		frames = append(frames, frame)
	}
}

func checkFrame(t *testing.T, got Frame, want vectorFrame) []byte {
	t.Helper()
	if got.Type != want.Type || got.Flags != want.Flags || got.Stream != want.Stream {
		t.Errorf("type %#x flags %d stream %d", got.Type, got.Flags, got.Stream)
	}
	if !bytes.Equal(got.Body, want.Body.bytes(t)) {
		t.Errorf("the body has %d other bytes", len(got.Body))
	}
	var header []byte
	at := 0
	err := ReadBlock(got.Header, func(name, value string) {
		if at < len(want.Header) {
			wantName, wantValue := entry(want.Header[at])
			if name != wantName || value != wantValue {
				t.Errorf("entry %q is %q, want %q, %q", name, value, wantName, wantValue)
			}
			header, _ = AppendEntry(header, wantName, wantValue)
		}
		at++
	})
	if err != nil || at != len(want.Header) {
		t.Errorf("%d entries, want %d, %v", at, len(want.Header), err)
	}
	return sent(t, Frame{Type: want.Type, Flags: want.Flags, Stream: want.Stream, Header: header, Body: want.Body.bytes(t)})
}

func (v vector) check(t *testing.T) {
	data := v.Bytes.bytes(t)
	then := v.Then
	if len(data) == 0 {
		then = "end"
	}
	for _, reader := range []io.Reader{bytes.NewReader(data), iotest.HalfReader(bytes.NewReader(data)),
		iotest.OneByteReader(bytes.NewReader(data))} {
		frames, got := readAll(reader, len(data))
		if got != then || len(frames) != len(v.Frames) {
			t.Fatalf("%d frames and then %s, want %d and %s", len(frames), got, len(v.Frames), then)
		}
		var encoded []byte
		for i, frame := range frames {
			encoded = append(encoded, checkFrame(t, frame, v.Frames[i])...)
		}
		if !bytes.HasPrefix(data, encoded) || then == "end" && len(encoded) != len(data) {
			t.Errorf("encoded: % x", encoded)
		}
	}
}

func TestSharedVectors(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(vectorFolder, "*.json"))
	if len(files) == 0 {
		t.Skip("no vectors here: this is not a clone of Stead")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var all struct{ Vectors []vector }
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range all.Vectors {
			t.Run(filepath.Base(file)+"/"+v.Name, v.check)
		}
	}
}
