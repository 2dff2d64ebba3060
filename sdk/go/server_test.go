package sdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stead.dev/sdk/event"
	"stead.dev/sdk/internal/pipe"
)

// host is the other end of a server's channel.
type host struct {
	*testing.T
	channel *pipe.Channel
	server  *server
}

func start(t *testing.T, f Function, config map[string]string, options ...Option) *host {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.SetDeadline(time.Now().Add(time.Hour)) }) // never closed: the end of the channel ends the process
	ours.SetDeadline(time.Now().Add(10 * time.Second))
	h := &host{t, pipe.NewChannel(ours), newServer(f, pipe.NewChannel(theirs))}
	for _, option := range options {
		option(h.server)
	}
	begun := make(chan error, 1)
	go func() {
		err := h.server.handshake()
		if err == nil {
			err = h.server.initialize(context.Background())
		}
		begun <- err
	}()
	if hello := h.take(pipe.Hello); hello[":pipe"] != "1" || hello[":language"] != "go" || hello[":concurrency"] == "" {
		t.Fatalf("HELLO is %v", hello)
	}
	all := map[string]string{":pipe": "1", ":function": "go/test", ":version": "v1"}
	for name, value := range config {
		all[name] = value
	}
	h.send(pipe.Config, 0, all, "")
	h.take(pipe.Ready)
	if err := <-begun; err != nil {
		t.Fatal(err)
	}
	go h.server.read()
	return h
}

func (h *host) send(kind byte, stream uint16, entries map[string]string, body string) {
	h.Helper()
	var header []byte
	for name, value := range entries {
		header, _ = pipe.AppendEntry(header, name, value)
	}
	if err := h.channel.Send(pipe.Frame{Type: kind, Stream: stream, Header: header, Body: []byte(body)}); err != nil {
		h.Fatal(err)
	}
}

func (h *host) call(stream uint16, body string, pairs ...string) {
	h.Helper()
	entries := map[string]string{"specversion": "1.0", "id": "e-1", "source": "/t", "type": "t.v1", "datacontenttype": "text/plain",
		":request-id": "r-1", ":attempt": "2", ":budget-ms": "60000", ":from-the-future": "x"}
	for i := 0; i+1 < len(pairs); i += 2 {
		entries[pairs[i]] = pairs[i+1]
	}
	h.send(pipe.Call, stream, entries, body)
}

func (h *host) next() (pipe.Frame, map[string]string) {
	h.Helper()
	frame, err := h.channel.Next()
	if err != nil {
		h.Fatal(err)
	}
	entries := map[string]string{}
	if err := pipe.ReadBlock(frame.Header, func(name, value string) { entries[name] = value }); err != nil {
		h.Fatal(err)
	}
	entries["body"], entries["stream"] = string(frame.Body), strconv.Itoa(int(frame.Stream))
	return frame, entries
}

func (h *host) take(kind byte) map[string]string {
	h.Helper()
	frame, entries := h.next()
	if frame.Type != kind {
		h.Fatalf("a frame of type 0x%02x came instead of 0x%02x: %v", frame.Type, kind, entries)
	}
	return entries
}

func echo(_ context.Context, e *event.Event) (*event.Event, error) {
	return e.Reply("echo.v1", e.Data())
}

func TestCallAndStop(t *testing.T) {
	h := start(t, Func(func(ctx context.Context, e *event.Event) (*event.Event, error) {
		if Info(ctx) != (CallInfo{"r-1", 2, "go/test", "v1"}) {
			return nil, fmt.Errorf("info is %+v", Info(ctx))
		}
		if left, ok := ctx.Deadline(); !ok || time.Until(left) > time.Minute {
			return nil, fmt.Errorf("the deadline is %v", left)
		}
		if _, there := e.Lookup(":request-id"); there {
			return nil, errors.New("a control entry is an attribute")
		}
		return e.Reply("echo.v1", e.Data())
	}), nil)
	for stream := uint16(1); stream < 200; stream++ {
		h.call(stream, "hello")
		answer := h.take(pipe.Result)
		if answer["body"] != "hello" || answer["stream"] != strconv.Itoa(int(stream)) || answer["id"] != "r-1.result" {
			t.Fatal(answer)
		}
	}
	h.send(pipe.Ping, 0, nil, "there?")
	if h.take(pipe.Pong)["body"] != "there?" {
		t.Error("PONG")
	}
	h.send(pipe.Stop, 0, nil, "")
	<-h.server.finished
}

func TestNoDeadlineAndNoAnswer(t *testing.T) {
	h := start(t, Func(func(ctx context.Context, e *event.Event) (*event.Event, error) { return nil, nil }), nil)
	h.send(pipe.Call, 1, map[string]string{"id": "e", "source": "/t", "type": "t", "specversion": "1.0"}, "")
	if answer := h.take(pipe.Result); answer["type"] != "test.result.v1" || answer["body"] != "" || answer["id"] != "e.result" {
		t.Error(answer)
	}
}

func TestErrors(t *testing.T) {
	wrapped := fmt.Errorf("around it: %w", Throttle(errors.New("busy"), 1500*time.Millisecond))
	rows := []struct {
		err                    error
		class, after, kind, in string
	}{
		{errors.New("plain"), "retry", "", "error", "plain"},
		{Reject(errors.New("bad")), "permanent", "", "error", "bad"},
		{Rejectf("bad %d", 7), "permanent", "", "error", "bad 7"},
		{Retry(&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}, time.Second), "retry", "1000", "PathError", "open /x"},
		{wrapped, "throttle", "1500", "error", "around it: busy"},
		{Reject(nil), "permanent", "", "error", "permanent"},
	}
	at := 0
	h := start(t, Func(func(context.Context, *event.Event) (*event.Event, error) { return nil, rows[at].err }), nil)
	for ; at < len(rows); at++ {
		h.call(7, "")
		answer, row := h.take(pipe.Error), rows[at]
		if answer[":class"] != row.class || answer[":after-ms"] != row.after || answer[":type"] != row.kind || !strings.Contains(answer["body"], row.in) {
			t.Errorf("%v was sent as %v", row.err, answer)
		}
	}
}

func TestPanicAndGoexit(t *testing.T) {
	h := start(t, Func(func(_ context.Context, e *event.Event) (*event.Event, error) {
		switch string(e.Data()) {
		case "panic":
			panic("oh")
		case "exit":
			runtime.Goexit()
		}
		return echo(nil, e)
	}), nil)
	for range 3 {
		h.call(1, "panic")
		if answer := h.take(pipe.Error); answer[":class"] != "retry" || answer["body"] != "panic: oh" || answer[":type"] != "panicked" {
			t.Error(answer)
		}
		h.call(1, "exit")
		h.take(pipe.Error)
		h.call(1, "fine")
		h.take(pipe.Result)
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	h := start(t, Func(func(_ context.Context, e *event.Event) (*event.Event, error) {
		if string(e.Data()) == "untyped" {
			return event.New("", nil)
		}
		return e.Reply("x", bytes.Repeat([]byte("x"), 5000))
	}), map[string]string{":result-bytes-max": "5000"})
	for body, why := range map[string]string{"untyped": "no type", "large": "the limit is 5000"} {
		h.call(1, body)
		if answer := h.take(pipe.Error); answer[":class"] != "permanent" || !strings.Contains(answer["body"], why) {
			t.Error(answer)
		}
	}
}

// Calls that are sent ahead run one after another, in order, also behind a slow one.
func TestAhead(t *testing.T) {
	var running atomic.Int32
	h := start(t, Func(func(_ context.Context, e *event.Event) (*event.Event, error) {
		if running.Add(1) != 1 {
			t.Error("two calls run at once")
		}
		time.Sleep(20 * time.Millisecond)
		running.Add(-1)
		return echo(nil, e)
	}), nil)
	for stream := uint16(1); stream <= 4; stream++ {
		h.call(stream, "x")
	}
	for stream := 1; stream <= 4; stream++ {
		if answer := h.take(pipe.Result); answer["stream"] != strconv.Itoa(stream) {
			t.Errorf("stream %s came where %d was due", answer["stream"], stream)
		}
	}
}

func TestCancel(t *testing.T) {
	begun := make(chan bool, 2)
	h := start(t, Func(func(ctx context.Context, e *event.Event) (*event.Event, error) {
		begun <- true
		<-ctx.Done()
		return nil, ctx.Err()
	}), nil)
	h.call(1, "")
	<-begun
	h.call(2, "")
	h.send(pipe.Cancel, 99, nil, "") // nobody's
	h.send(pipe.Cancel, 2, nil, "")  // waits behind 1
	h.send(pipe.Cancel, 1, nil, "")
	if answer := h.take(pipe.Error); answer["stream"] != "1" || answer["body"] != context.Canceled.Error() {
		t.Error(answer)
	}
	if answer := h.take(pipe.Error); answer["stream"] != "2" || answer["body"] != errCanceled.Error() {
		t.Error(answer)
	}
	h.call(3, "", ":budget-ms", "5")
	if answer := h.take(pipe.Error); answer["body"] != context.DeadlineExceeded.Error() {
		t.Error(answer)
	}
}

func TestConcurrency(t *testing.T) {
	together := make(chan bool)
	h := start(t, Func(func(_ context.Context, e *event.Event) (*event.Event, error) {
		select { // each waits for another one
		case together <- true:
		case <-together:
		}
		return echo(nil, e)
	}), nil, Concurrency(8))
	for stream := uint16(1); stream <= 8; stream++ {
		h.call(stream, "x")
	}
	seen := map[string]bool{}
	for range 8 {
		seen[h.take(pipe.Result)["stream"]] = true
	}
	if len(seen) != 8 {
		t.Errorf("answered: %v", seen)
	}
}

func TestTooManyCalls(t *testing.T) {
	free := make(chan bool)
	h := start(t, Func(func(_ context.Context, e *event.Event) (*event.Event, error) {
		<-free
		return echo(nil, e)
	}), nil)
	for stream := uint16(1); stream <= 5; stream++ {
		h.call(stream, "x")
	}
	if answer := h.take(pipe.Error); answer[":class"] != "throttle" || answer["stream"] != "5" {
		t.Error(answer)
	}
	h.send(pipe.Stop, 0, nil, "")
	h.send(pipe.Call, 6, nil, "")
	if answer := h.take(pipe.Error); answer[":class"] != "throttle" || answer["stream"] != "6" {
		t.Error(answer)
	}
	close(free)
	for range 4 {
		h.take(pipe.Result)
	}
	<-h.server.finished
}

func TestLog(t *testing.T) {
	h := start(t, Func(func(ctx context.Context, e *event.Event) (*event.Event, error) {
		log := Log(ctx).With("a", 1).WithGroup("g")
		log.Warn("careful", "b", "two", slog.Group("in", "c", true), ":level", "forged")
		Log(ctx).Debug(strings.Repeat("ü", logTextBytesMax))
		return nil, nil
	}), nil)
	h.call(4, "")
	line := h.take(pipe.Log)
	for name, value := range map[string]string{":level": "warn", "body": "careful", "stream": "4", "a": "1", "g.b": "two", "g.in.c": "true", "g.:level": "forged"} {
		if line[name] != value {
			t.Errorf("%s is %q, not %q", name, line[name], value)
		}
	}
	if long := h.take(pipe.Log); long[":level"] != "debug" || len(long["body"]) != logTextBytesMax {
		t.Errorf("%s, %d bytes", long[":level"], len(long["body"]))
	}
	h.take(pipe.Result)
}

type failing struct{ Func }

func (failing) Initialize(context.Context) error { return errors.New("no database") }

func TestInitialize(t *testing.T) {
	ours, theirs := net.Pipe()
	s := newServer(failing{}, pipe.NewChannel(theirs))
	done := make(chan error, 1)
	go func() { done <- s.initialize(context.Background()) }()
	frame, err := pipe.NewChannel(ours).Next()
	if err != nil || frame.Type != pipe.Error || frame.Stream != 0 || string(frame.Body) != "Initialize: no database" {
		t.Errorf("%+v %v", frame, err)
	}
	if <-done == nil {
		t.Error("it goes on")
	}
}

type longLived struct{ LongLivedFunction }

func TestWhatIsServed(t *testing.T) {
	for _, good := range []any{Func(echo), echo, failing{}} {
		if f, problem := functionOf(good); f == nil || problem != "" {
			t.Errorf("%T: %s", good, problem)
		}
	}
	for _, bad := range []any{nil, 7, func() {}, longLived{}} {
		if f, problem := functionOf(bad); f != nil || problem == "" {
			t.Errorf("%T was taken", bad)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	e := event.Received(map[string]string{"id": "e", "source": "/t", "type": "t", "specversion": "1.0"}, []byte(`{"a":1}`), "go/x", "r")
	s := newServer(Func(echo), nil)
	s.resultMax = 1 << 20
	c := &openCall{event: e, ctx: context.Background()}
	for range b.N {
		if _, err := s.execute(c); err != nil {
			b.Fatal(err)
		}
	}
}
