package pipe

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

type readWriter struct {
	io.Reader
	io.Writer
}

func reading(r io.Reader) *Channel { return NewChannel(readWriter{r, io.Discard}) }

func sent(t *testing.T, frames ...Frame) []byte {
	t.Helper()
	var out bytes.Buffer
	channel := NewChannel(readWriter{nil, &out})
	for _, frame := range frames {
		if err := channel.Send(frame); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestThePageOfTheProtocol(t *testing.T) {
	ping := []byte{0x0a, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 'h', 'i'}
	if got := sent(t, Frame{Type: Ping, Body: []byte("hi")}); !bytes.Equal(got, ping) {
		t.Errorf("PING is % x", got)
	}
	header, _ := AppendEntry(nil, ":pipe", "1")
	hello := []byte{0x11, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 5, ':', 'p', 'i', 'p', 'e', 1, 0, '1'}
	if got := sent(t, Frame{Type: Hello, Header: header}); !bytes.Equal(got, hello) {
		t.Errorf("HELLO is % x", got)
	}
}

func TestFramesOfAllSizes(t *testing.T) {
	var frames []Frame
	for i, size := range []int{0, 1, 100, inputBytes - 12, inputBytes, inputBytes + 1, joinBytesMax * 3, 1 << 20} {
		body := bytes.Repeat([]byte{byte(i)}, size)
		frames = append(frames, Frame{Type: Call, Flags: Optional, Stream: uint16(i * 9000), Header: []byte{1, 'a', 0, 0}, Body: body})
	}
	data := sent(t, frames...)
	for name, reader := range map[string]io.Reader{
		"whole": bytes.NewReader(data), "halves": iotest.HalfReader(bytes.NewReader(data)), "bytes": iotest.OneByteReader(bytes.NewReader(data)),
	} {
		channel := reading(reader)
		for _, want := range frames {
			got, err := channel.Next()
			if err != nil || got.Type != want.Type || got.Flags != want.Flags || got.Stream != want.Stream ||
				!bytes.Equal(got.Header, want.Header) || !bytes.Equal(got.Body, want.Body) {
				t.Fatalf("%s: stream %d came back as type %d, %d bytes, %v", name, want.Stream, got.Type, len(got.Body), err)
			}
		}
		if _, err := channel.Next(); err != io.EOF {
			t.Errorf("%s: the end is %v", name, err)
		}
	}
}

func TestBadFrames(t *testing.T) {
	rows := map[string][]byte{
		"short":        {7, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0},
		"over limit":   {0xff, 0xff, 0xff, 0x7f, 0x20, 0, 0, 0, 0, 0, 0, 0},
		"header":       {8, 0, 0, 0, 0x20, 0, 0, 0, 1, 0, 0, 0},
		"long header":  {0xff, 0xff, 0xff, 0, 0x20, 0, 0, 0, 1, 0, 0x10, 0},
		"unknown flag": {8, 0, 0, 0, 0x20, 4, 0, 0, 0, 0, 0, 0},
	}
	for name, data := range rows {
		if _, err := reading(bytes.NewReader(data)).Next(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
	channel := reading(bytes.NewReader(sent(t, Frame{Type: Ping, Body: make([]byte, 100)})))
	channel.SetLimit(107)
	if _, err := channel.Next(); !errors.Is(err, ErrProtocol) {
		t.Errorf("a frame over the limit of CONFIG: %v", err)
	}
	cutOff := sent(t, Frame{Type: Ping, Body: make([]byte, 100)})
	for _, length := range []int{0, 3, 12, 50} {
		if _, err := reading(bytes.NewReader(cutOff[:length])).Next(); err == nil || errors.Is(err, ErrProtocol) {
			t.Errorf("cut off after %d: %v", length, err)
		}
	}
}

func TestBlocks(t *testing.T) {
	block, _ := AppendEntry(nil, "a", "1")
	block, _ = AppendEntry(block, "empty", "")
	block, _ = AppendEntry(block, "a", "2")
	var got []string
	if err := ReadBlock(block, func(name, value string) { got = append(got, name+"="+value) }); err != nil || len(got) != 3 || got[0] != "a=1" {
		t.Errorf("%v %v", got, err)
	}
	none := func(string, string) {}
	for _, bad := range [][]byte{{0, 0, 0}, {1}, {1, 'a'}, {1, 'a', 0}, {1, 'a', 1, 0}, {255, 'a'}} {
		if ReadBlock(bad, none) == nil {
			t.Errorf("% x was taken", bad)
		}
	}
	if ReadBlock(bytes.Repeat([]byte{1, 'a', 0, 0}, EntriesMax), none) != nil ||
		ReadBlock(bytes.Repeat([]byte{1, 'a', 0, 0}, EntriesMax+1), none) == nil {
		t.Error("the limit of entries is not where it should be")
	}
	if _, ok := AppendEntry(nil, "", "x"); ok {
		t.Error("an empty name was taken")
	}
}

func FuzzReadBlock(f *testing.F) {
	f.Add([]byte{1, 'a', 1, 0, 'x'})
	f.Fuzz(func(t *testing.T, block []byte) {
		var again []byte
		if ReadBlock(block, func(name, value string) { again, _ = AppendEntry(again, name, value) }) == nil && !bytes.Equal(again, block) {
			t.Errorf("% x became % x", block, again)
		}
	})
}
