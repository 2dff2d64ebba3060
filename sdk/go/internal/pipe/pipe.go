// Package pipe is the framing of pipe/1: frames over a file descriptor and the attribute blocks in their headers.
package pipe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Types of frames, and flags.
const (
	Hello  = 0x01
	Config = 0x02
	Ready  = 0x03
	Call   = 0x10
	Result = 0x11
	Error  = 0x12
	Cancel = 0x13
	Ping   = 0x20
	Pong   = 0x21
	Log    = 0x28
	Stop   = 0x30

	Optional   = 1
	flagsKnown = 3
)

// Limits of the format.
const (
	FrameBytesMax  = 16 << 20 // until CONFIG states another
	HeaderBytesMax = 1 << 20
	EntriesMax     = 128
	prefixBytes    = 12
	inputBytes     = 64 << 10
	joinBytesMax   = 64 << 10 // a larger body is written without copying it
)

// ErrProtocol is wrapped by every error about what the host sent.
var ErrProtocol = errors.New("protocol error")

// Frame is one frame. Header and Body are the receiver's own.
type Frame struct {
	Type, Flags  byte
	Stream       uint16
	Header, Body []byte
}

// Channel reads frames from one goroutine at a time and writes them from any.
type Channel struct {
	file       io.ReadWriter
	input      []byte
	start, end int
	limit      uint32

	writing sync.Mutex
	output  []byte
}

// NewChannel speaks over file.
func NewChannel(file io.ReadWriter) *Channel {
	return &Channel{file: file, input: make([]byte, inputBytes), limit: FrameBytesMax}
}

// SetLimit sets the largest length of frames in both directions.
func (c *Channel) SetLimit(limit uint32) { c.limit = limit }

// Limit is the largest length of a frame.
func (c *Channel) Limit() int { return int(c.limit) }

// fill reads until n bytes are buffered; n is at most the buffer's size.
func (c *Channel) fill(n int) error {
	if c.start > 0 && (c.start == c.end || len(c.input)-c.start < n) {
		c.end = copy(c.input, c.input[c.start:c.end])
		c.start = 0
	}
	for c.end-c.start < n {
		got, err := c.file.Read(c.input[c.end:])
		c.end += got
		if err != nil && c.end-c.start < n {
			return err
		}
	}
	return nil
}

// Next reads a frame. io.EOF and other errors of reading mean that the host is gone.
func (c *Channel) Next() (Frame, error) {
	var frame Frame
	if err := c.fill(prefixBytes); err != nil {
		return frame, err
	}
	prefix := c.input[c.start : c.start+prefixBytes]
	length := binary.LittleEndian.Uint32(prefix)
	header := binary.LittleEndian.Uint32(prefix[8:])
	frame.Type, frame.Flags, frame.Stream = prefix[4], prefix[5], binary.LittleEndian.Uint16(prefix[6:])
	if length < 8 || length > c.limit || header > length-8 || header > HeaderBytesMax || frame.Flags&^flagsKnown != 0 {
		return frame, fmt.Errorf("%w: a frame with wrong lengths or flags", ErrProtocol)
	}
	c.start += prefixBytes
	content := make([]byte, length-8)
	taken := copy(content, c.input[c.start:c.end])
	c.start += taken
	if _, err := io.ReadFull(c.file, content[taken:]); err != nil {
		return frame, io.EOF
	}
	frame.Header, frame.Body = content[:header:header], content[header:]
	return frame, nil
}

// Send writes a frame whole.
func (c *Channel) Send(frame Frame) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	out := c.output[:0]
	out = binary.LittleEndian.AppendUint32(out, uint32(8+len(frame.Header)+len(frame.Body)))
	out = append(out, frame.Type, frame.Flags)
	out = binary.LittleEndian.AppendUint16(out, frame.Stream)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(frame.Header)))
	out = append(out, frame.Header...)
	rest := frame.Body
	if len(rest) <= joinBytesMax {
		out, rest = append(out, rest...), nil
	}
	if cap(out) <= 2*joinBytesMax {
		c.output = out
	}
	_, err := c.file.Write(out)
	if err == nil && len(rest) > 0 {
		_, err = c.file.Write(rest)
	}
	return err
}

// ReadBlock walks an attribute block; the first entry of a name should count.
func ReadBlock(block []byte, entry func(name, value string)) error {
	text := string(block) // one copy, of which all names and values are parts
	count := 0
	for at := 0; at < len(text); count++ {
		value := at + 1 + int(text[at])
		if text[at] == 0 || value+2 > len(text) || count == EntriesMax {
			return fmt.Errorf("%w: a malformed header", ErrProtocol)
		}
		end := value + 2 + int(text[value]) + int(text[value+1])<<8
		if end > len(text) {
			return fmt.Errorf("%w: a malformed header", ErrProtocol)
		}
		entry(text[at+1:value], text[value+2:end])
		at = end
	}
	return nil
}

// AppendEntry adds an entry; false if the name or value does not fit.
func AppendEntry(block []byte, name, value string) ([]byte, bool) {
	if len(name) == 0 || len(name) > 255 || len(value) > 65535 {
		return block, false
	}
	block = append(block, byte(len(name)))
	block = append(block, name...)
	block = binary.LittleEndian.AppendUint16(block, uint16(len(value)))
	return append(block, value...), true
}
