package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"stead.dev/sdk/event"
	"stead.dev/sdk/internal/call"
	"stead.dev/sdk/internal/pipe"
)

const (
	aheadMax         = 3 // calls that a host sends beyond a concurrency of 1
	errorTextMax     = 8192
	typeNameBytesMax = 128
	readOnAfter      = time.Millisecond
)

var (
	errGone     = io.EOF // the host is gone, and with it everyone who waits
	errCanceled = errors.New("nobody waits for this call any more")
)

// openCall is one call between its CALL frame and its answer.
type openCall struct {
	stream    uint16
	event     *event.Event
	info      call.Info
	ctx       context.Context
	cancel    context.CancelFunc
	cancelled bool
}

// server is the process's side of pipe/1. One goroutine reads at a time. The one that reads a call runs it, while another
// one reads on, so that a call is never handed from goroutine to goroutine on its way to the function.
type server struct {
	function    Function
	channel     *pipe.Channel
	concurrency int

	name, origin, version string
	resultMax             int

	lock     sync.Mutex
	open     map[uint16]*openCall
	queue    []*openCall // those that wait for a running one, in the order of their frames
	running  int
	pending  int // calls whose answer is not written yet
	stopping bool
	finished chan struct{}
}

func newServer(f Function, channel *pipe.Channel) *server {
	return &server{function: f, channel: channel, concurrency: 1, open: map[uint16]*openCall{}, finished: make(chan struct{})}
}

func (s *server) handshake() error {
	hello, _ := pipe.AppendEntry(nil, ":pipe", "1")
	hello, _ = pipe.AppendEntry(hello, ":sdk", "stead-go/"+Version)
	hello, _ = pipe.AppendEntry(hello, ":language", "go")
	hello, _ = pipe.AppendEntry(hello, ":concurrency", strconv.Itoa(s.concurrency))
	if s.concurrency == 1 {
		hello, _ = pipe.AppendEntry(hello, ":features", "ahead")
	}
	if err := s.channel.Send(pipe.Frame{Type: pipe.Hello, Header: hello}); err != nil {
		os.Exit(0)
	}
	frame, err := s.channel.Next()
	if err == errGone {
		os.Exit(0)
	}
	if err != nil {
		return err
	}
	config := map[string]string{}
	err = pipe.ReadBlock(frame.Header, func(name, value string) { putFirst(config, name, value) })
	if err != nil || frame.Type != pipe.Config || config[":pipe"] != "1" {
		return errors.New("the host does not speak pipe/1")
	}
	s.origin, s.version = config[":function"], config[":version"]
	s.name = s.origin[strings.IndexByte(s.origin, '/')+1:]
	s.channel.SetLimit(uint32(numberOf(config[":frame-bytes-max"], pipe.FrameBytesMax)))
	s.resultMax = min(numberOf(config[":result-bytes-max"], pipe.FrameBytesMax), s.channel.Limit()-8)
	return nil
}

func putFirst(all map[string]string, name, value string) {
	if _, there := all[name]; !there {
		all[name] = value
	}
}

// initialize prepares the function and says that it is ready, or why not.
func (s *server) initialize(ctx context.Context) error {
	initializer, ok := s.function.(Initializer)
	if ok {
		if err := initializer.Initialize(ctx); err != nil {
			text := "Initialize: " + err.Error()
			s.send(pipe.Frame{Type: pipe.Error, Body: []byte(cut(text, errorTextMax))})
			return errors.New(text)
		}
	}
	s.send(pipe.Frame{Type: pipe.Ready})
	return nil
}

func (s *server) send(frame pipe.Frame) {
	if s.channel.Send(frame) != nil {
		os.Exit(0)
	}
}

func (s *server) read() {
	for {
		frame, err := s.channel.Next()
		if err != nil {
			s.lost(err)
		}
		if frame.Type == pipe.Call {
			if c := s.take(frame); c != nil && !s.runAndReadOn(c) {
				return
			}
			continue
		}
		s.other(frame)
	}
}

// runAndReadOn runs a call on this goroutine while another one reads, and says whether this one shall read on. With one
// call at a time the other one is started only if the function takes long: waking a thread costs more than most calls.
func (s *server) runAndReadOn(c *openCall) bool {
	if s.concurrency > 1 {
		go s.read()
		s.run(c)
		return false
	}
	other := time.AfterFunc(readOnAfter, s.read)
	s.run(c)
	return other.Stop()
}

func (s *server) lost(err error) {
	if errors.Is(err, pipe.ErrProtocol) {
		leave(exitProtocol, "the host sent "+strings.TrimPrefix(err.Error(), pipe.ErrProtocol.Error()+": "))
	}
	os.Exit(0)
}

func (s *server) other(frame pipe.Frame) {
	switch frame.Type {
	case pipe.Ping:
		s.send(pipe.Frame{Type: pipe.Pong, Body: frame.Body})
	case pipe.Cancel:
		s.lock.Lock()
		if c := s.open[frame.Stream]; c != nil {
			c.cancelled = true
			c.cancel()
		}
		s.lock.Unlock()
	case pipe.Stop:
		s.lock.Lock()
		if !s.stopping {
			s.stopping = true
			s.finishIfIdle()
		}
		s.lock.Unlock()
	default:
		if frame.Flags&pipe.Optional == 0 {
			leave(exitProtocol, fmt.Sprintf("the host sent a frame of type 0x%02x, which this SDK does not know", frame.Type))
		}
	}
}

func (s *server) finishIfIdle() {
	if s.stopping && s.pending == 0 {
		close(s.finished)
	}
}

// take opens a call and gives it if it is to run now, by the caller.
func (s *server) take(frame pipe.Frame) *openCall {
	c, err := s.newCall(frame)
	if err != nil {
		s.lost(err)
	}
	s.lock.Lock()
	if frame.Stream == 0 || s.open[frame.Stream] != nil {
		leave(exitProtocol, "the host sent a call on a stream that is not free")
	}
	if s.stopping || len(s.queue) >= max(aheadMax, s.concurrency) {
		s.lock.Unlock()
		c.cancel()
		s.refuse(c.stream, &failure{errors.New("more calls than this process takes"), classThrottle, 0})
		return nil
	}
	defer s.lock.Unlock()
	s.open[c.stream] = c
	s.pending++
	if s.running < s.concurrency {
		s.running++
		return c
	}
	s.queue = append(s.queue, c)
	return nil
}

func (s *server) newCall(frame pipe.Frame) (*openCall, error) {
	c := &openCall{stream: frame.Stream, info: call.Info{Attempt: 1, Function: s.origin, Version: s.version}}
	attributes := make(map[string]string, 16)
	err := pipe.ReadBlock(frame.Header, func(name, value string) { putFirst(attributes, name, value) })
	if err != nil {
		return nil, err
	}
	budget := attributes[":budget-ms"]
	c.info.RequestID = attributes[":request-id"]
	c.info.Attempt = numberOf(attributes[":attempt"], 1)
	for name := range attributes {
		if name[0] == ':' {
			delete(attributes, name)
		}
	}
	c.event = event.Received(attributes, frame.Body, s.origin, c.info.RequestID)
	c.info.Log = slog.New(&logHandler{channel: s.channel, stream: c.stream})
	ctx := call.With(context.Background(), &c.info)
	if left := numberOf(budget, -1); left >= 0 {
		c.ctx, c.cancel = context.WithTimeout(ctx, time.Duration(left)*time.Millisecond)
	} else {
		c.ctx, c.cancel = context.WithCancel(ctx)
	}
	return c, nil
}

// run answers c and then the calls that wait.
func (s *server) run(c *openCall) {
	defer func() {
		if c != nil { // the function ended this goroutine by runtime.Goexit
			if next := s.next(); next != nil {
				go s.run(next)
			}
		}
	}()
	for c != nil {
		s.answer(c)
		c = s.next()
	}
}

func (s *server) next() *openCall {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.pending--
	if len(s.queue) == 0 {
		s.running--
		s.finishIfIdle()
		return nil
	}
	c := s.queue[0]
	s.queue = append(s.queue[:0], s.queue[1:]...)
	return c
}

// answer calls the function and sends what comes of it, whatever that is.
func (s *server) answer(c *openCall) {
	var frame pipe.Frame
	err := errors.New("the function ended its goroutine without an answer")
	defer func() {
		if cause := recover(); cause != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", cause, debug.Stack())
			err = &panicked{fmt.Sprintf("panic: %v", cause)}
		}
		s.lock.Lock()
		delete(s.open, c.stream) // before it is sent: then the host may use the stream again
		s.lock.Unlock()
		c.cancel()
		if err != nil {
			s.refuse(c.stream, err)
		} else {
			s.send(frame)
		}
	}()
	s.lock.Lock()
	cancelled := c.cancelled
	s.lock.Unlock()
	if cancelled { // while it waited for another one
		err = errCanceled
		return
	}
	frame, err = s.execute(c)
}

func (s *server) execute(c *openCall) (pipe.Frame, error) {
	answer, err := s.function.Execute(c.ctx, c.event)
	if err != nil {
		return pipe.Frame{}, err
	}
	if answer == nil {
		if answer, err = c.event.Reply(s.name+".result.v1", nil); err != nil {
			return pipe.Frame{}, err
		}
	}
	answer.CompleteFrom(c.event)
	if err := answer.Check(); err != nil {
		return pipe.Frame{}, Reject(err)
	}
	header := make([]byte, 0, 512)
	answer.Each(func(name, value string) { header, _ = pipe.AppendEntry(header, name, value) })
	if size := len(header) + len(answer.Data()); size > s.resultMax {
		return pipe.Frame{}, Rejectf("the result has %d bytes; the limit is %d", size, s.resultMax)
	}
	return pipe.Frame{Type: pipe.Result, Stream: c.stream, Header: header, Body: answer.Data()}, nil
}

type panicked struct{ text string }

func (p *panicked) Error() string { return p.text }

// refuse sends an ERROR of the class that the error says.
func (s *server) refuse(stream uint16, err error) {
	said := &failure{class: classRetry}
	errors.As(err, &said)
	header, _ := pipe.AppendEntry(nil, ":class", said.class)
	if said.after > 0 {
		header, _ = pipe.AppendEntry(header, ":after-ms", strconv.FormatInt(said.after.Milliseconds(), 10))
	}
	header, _ = pipe.AppendEntry(header, ":type", typeName(err))
	s.send(pipe.Frame{Type: pipe.Error, Stream: stream, Header: header, Body: []byte(cut(err.Error(), errorTextMax))})
}

// typeName is a short name of an error: its type without package and pointer, "error" for those without one of their own.
func typeName(err error) string {
	var said *failure
	if errors.As(err, &said) {
		err = said.cause
	}
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch name := t.Name(); name {
	case "", "errorString", "wrapError", "wrapErrors", "fundamental":
		return "error"
	default:
		return cut(name, typeNameBytesMax)
	}
}
