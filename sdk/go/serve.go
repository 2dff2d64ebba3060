package sdk

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"

	"stead.dev/sdk/event"
	"stead.dev/sdk/internal/pipe"
)

const (
	exitUsage    = 64
	exitProtocol = 65

	// What the Go runtime maps for itself before it counts anything.
	runtimeBytes = 48 << 20
)

// Option steers Serve.
type Option func(*server)

// Concurrency lets up to n calls run at once in this process, each in a goroutine of its own; the default is 1. Stead
// sends as many only if spec.concurrency of stead.yaml says so too.
func Concurrency(n int) Option {
	return func(s *server) { s.concurrency = min(max(n, 1), math.MaxUint16) }
}

// Serve runs f, a Function or a func like Func, until Stead says stop; then it returns. Without Stead it says so and
// ends the process.
func Serve(f any, options ...Option) {
	function, problem := functionOf(f)
	if problem == "" && !channelIsThere() {
		problem = "this is a function, started by Stead with a channel on fd 3.\n" +
			"Try it with: stead plugin check " + os.Args[0] + ", or sdktest.Run(f, data) in a test."
	}
	if problem != "" {
		leave(exitUsage, problem)
	}
	limitMemory()
	s := newServer(function, pipe.NewChannel(hostFile{}))
	for _, option := range options {
		option(s)
	}
	if err := s.handshake(); err != nil {
		leave(exitProtocol, err.Error())
	}
	ctx := context.Background()
	if err := s.initialize(ctx); err != nil {
		leave(1, err.Error())
	}
	go s.read()
	<-s.finished
	if stopper, ok := f.(Stopper); ok {
		if err := stopper.Stop(ctx); err != nil {
			leave(1, "Stop: "+err.Error())
		}
	}
}

func functionOf(f any) (Function, string) {
	switch given := f.(type) {
	case Function:
		return given, ""
	case func(context.Context, *event.Event) (*event.Event, error):
		return Func(given), ""
	case LongLivedFunction:
		return nil, fmt.Sprintf("%T is a long-lived function; this version of Stead runs those with Execute only", f)
	}
	return nil, fmt.Sprintf("sdk.Serve takes a Function, not %T", f)
}

func leave(status int, why string) {
	if why != "" {
		fmt.Fprintln(os.Stderr, "stead:", why)
	}
	os.Exit(status)
}

func channelIsThere() bool {
	var status syscall.Stat_t
	return syscall.Fstat(channelFD, &status) == nil && status.Mode&syscall.S_IFMT == syscall.S_IFSOCK
}

// limitMemory lets the collector know of a limit on the process, so that it collects before an allocation fails.
func limitMemory() {
	var limit syscall.Rlimit
	if os.Getenv("GOMEMLIMIT") != "" || syscall.Getrlimit(syscall.RLIMIT_DATA, &limit) != nil {
		return
	}
	if limit.Cur < math.MaxInt64 {
		debug.SetMemoryLimit(int64(max(limit.Cur/2, limit.Cur-min(limit.Cur, runtimeBytes))))
	}
}

const channelFD = 3

// hostFile is fd 3 by plain system calls: a blocking read costs less than the runtime's poller, and the one goroutine
// that reads has nothing else to do.
type hostFile struct{}

func (hostFile) Read(into []byte) (int, error) {
	for {
		n, err := syscall.Read(channelFD, into)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return 0, errGone
		}
		return n, nil
	}
}

func (hostFile) Write(data []byte) (int, error) {
	for sent := 0; sent < len(data); {
		n, err := syscall.Write(channelFD, data[sent:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return sent, errGone
		}
		sent += n
	}
	return len(data), nil
}

func numberOf(text string, fallback int) int {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		return n
	}
	return fallback
}
