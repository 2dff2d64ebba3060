// The driver of the Go library. See ../README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"stead.dev/client"
)

type command struct {
	Op, Name, ID string
	Wait         *bool
	TimeoutMS    int64 `json:"timeout_ms"`
	Attributes   map[string]string
	Data         json.RawMessage
	DataBase64   []byte `json:"data_base64"`
	Typed        bool
	Count        int
}

type object = map[string]any

func (c command) event() *client.Event {
	event := &client.Event{Data: c.Data, Extensions: map[string]any{}}
	if c.Data != nil {
		event.DataContentType = "application/json"
	}
	if c.DataBase64 != nil {
		event.Data, event.DataContentType = c.DataBase64, "application/octet-stream"
	}
	fields := map[string]*string{
		"id": &event.ID, "source": &event.Source, "type": &event.Type, "subject": &event.Subject,
		"datacontenttype": &event.DataContentType, "dataschema": &event.DataSchema,
	}
	for name, value := range c.Attributes {
		if field := fields[name]; field != nil {
			*field = value
		} else {
			event.Extensions[name] = value
		}
	}
	if c.Typed {
		event.Extensions["flag"], event.Extensions["count"], event.Extensions["blob"] = true, -5, []byte{0, 255}
		event.Extensions["link"], event.Extensions["path"] = client.URI("http://example.com/a"), client.URIRef("/a")
		event.Extensions["expirytime"] = time.Date(2030, 1, 2, 3, 4, 5, 678000000, time.UTC)
	}
	return event
}

func success(result *client.Result) object {
	var parsed any
	_ = result.DataAs(&parsed)
	return object{
		"end": "ok", "data_base64": result.Event.Data, "parsed": parsed, "request_id": result.RequestID,
		"type": result.Event.Type, "content_type": result.Event.DataContentType, "source": result.Event.Source,
		"attempts": result.Attempts, "function": result.Function, "version": result.Version,
	}
}

// status is "NOT_FOUND" for NotFound.
func status(name string) string {
	var text strings.Builder
	for i, letter := range name {
		if i > 0 && unicode.IsUpper(letter) {
			text.WriteByte('_')
		}
		text.WriteRune(unicode.ToUpper(letter))
	}
	return text.String()
}

func failure(err error) object {
	var function *client.FunctionError
	var outcome *client.OutcomeError
	var platform *client.PlatformError
	switch {
	case errors.As(err, &function):
		return object{"end": "function", "message": function.Message, "type": function.Type, "error_class": function.Class,
			"retryable": function.Retryable, "attempts": function.Attempts, "request_id": function.RequestID,
			"outcome": function.Outcome}
	case errors.As(err, &outcome):
		return object{"end": "outcome", "message": outcome.Message, "outcome": outcome.Outcome, "reason": outcome.Reason,
			"attempts": outcome.Attempts, "request_id": outcome.RequestID}
	case errors.As(err, &platform):
		var retryAfter any
		if platform.RetryAfter > 0 {
			retryAfter = platform.RetryAfter.Milliseconds()
		}
		violations := [][]string{}
		for _, one := range platform.Violations {
			violations = append(violations, []string{one.Field, one.Description})
		}
		return object{"end": "platform", "message": platform.Message, "status": status(platform.Status.String()),
			"reason": platform.Reason, "not_started": platform.NotStarted, "retry_after": retryAfter,
			"request_id": platform.RequestID, "violations": violations,
			"deadline": errors.Is(err, context.DeadlineExceeded)}
	}
	return object{"end": "local", "message": err.Error()}
}

func answer(result *client.Result, err error) object {
	if err != nil {
		return failure(err)
	}
	return success(result)
}

func run(stead *client.Client, c command) object {
	if c.TimeoutMS == 0 {
		c.TimeoutMS = 60000
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(c.TimeoutMS)*time.Millisecond)
	defer cancel()
	switch c.Op {
	case "execute":
		return answer(stead.Execute(ctx, c.Name, c.event()))
	case "submit":
		id, duplicate, err := stead.Submit(ctx, c.Name, c.event())
		if err != nil {
			return failure(err)
		}
		return object{"end": "ok", "request_id": id, "duplicate": duplicate}
	case "result":
		return answer(stead.Result(ctx, c.ID, c.Wait == nil || *c.Wait))
	case "cancel":
		if err := stead.Cancel(ctx, c.ID); err != nil {
			return failure(err)
		}
		return object{"end": "ok"}
	}
	return object{"end": "local", "message": "no such op"}
}

func many(stead *client.Client, c command) object {
	var group sync.WaitGroup
	var lock sync.Mutex
	failed := []object{}
	for number := range c.Count {
		group.Add(1)
		go func() {
			defer group.Done()
			each := c
			each.Op = "execute"
			data := object{}
			_ = json.Unmarshal(c.Data, &data)
			data["n"] = number
			each.Data, _ = json.Marshal(data)
			got := run(stead, each)
			parsed, _ := got["parsed"].(map[string]any)
			if got["end"] != "ok" || parsed["n"] != float64(number) {
				lock.Lock()
				failed = append(failed, got)
				lock.Unlock()
			}
		}()
	}
	group.Wait()
	return object{"ok": c.Count - len(failed), "failed": failed}
}

// setting is 0, the default, if it is not set.
func setting(name string) int {
	number, _ := strconv.Atoi(os.Getenv(name))
	return number
}

func main() {
	stead, err := client.New(client.Config{
		Connections: setting("DRIVER_CONNECTIONS"),
		Retries:     setting("DRIVER_RETRIES"),
		Keepalive:   time.Duration(setting("DRIVER_KEEPALIVE_MS")) * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer stead.Close()
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var c command
		if err := json.Unmarshal(line, &c); err != nil {
			log.Fatal(err)
		}
		got := object{}
		if c.Op == "many" {
			got = many(stead, c)
		} else {
			got = run(stead, c)
		}
		text, _ := json.Marshal(got)
		fmt.Println(string(text))
	}
}
