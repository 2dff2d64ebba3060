// Package event holds CloudEvents as functions see them: attributes as text, and data as bytes that DataAs decodes.
package event

import (
	"encoding/base64"
	"fmt"
	"sort"
	"strconv"
	"time"
)

// Attributes of one event are bounded, as the service checks them too.
const (
	AttributesMax    = 64
	NameBytesMax     = 64
	ValueBytesMax    = 8192
	timeFormatMicros = "2006-01-02T15:04:05.000000Z"
)

type attribute struct{ name, value string }

// Event is a CloudEvent. An event that a function was called with must not be changed; one that it answers with may be,
// by Set and SetData.
type Event struct {
	attributes []attribute
	data       []byte
	origin     string // language/name of the function that replies come from
	request    string // names the request that replies answer
}

// New makes an event of that type with v as its data (see SetData). An id, a source and a time are added to an answer
// that lacks them when it is sent.
func New(eventType string, v any) (*Event, error) {
	e := &Event{}
	e.put("specversion", "1.0")
	e.put("type", eventType)
	return e, e.SetData("", v)
}

// Received makes an event of what came from the service. It is meant for the SDK and for tests: origin is the
// function's language/name, request the id of the request; both may be "".
func Received(attributes map[string]string, data []byte, origin, request string) *Event {
	e := &Event{data: data, origin: origin, request: request}
	for name, value := range attributes {
		e.put(name, value)
	}
	return e
}

func (e *Event) put(name, value string) {
	for i := range e.attributes {
		if e.attributes[i].name == name {
			e.attributes[i].value = value
			return
		}
	}
	e.attributes = append(e.attributes, attribute{name, value})
}

// Lookup gives an attribute's text and whether it is there.
func (e *Event) Lookup(name string) (string, bool) {
	for i := range e.attributes {
		if e.attributes[i].name == name {
			return e.attributes[i].value, true
		}
	}
	return "", false
}

// Get gives an attribute's text, "" if it is absent. Extensions are attributes like all others.
func (e *Event) Get(name string) string {
	value, _ := e.Lookup(name)
	return value
}

// ID identifies the event together with Source.
func (e *Event) ID() string { return e.Get("id") }

// Source says where the event comes from.
func (e *Event) Source() string { return e.Get("source") }

// Type says what happened.
func (e *Event) Type() string { return e.Get("type") }

// Subject says what it happened to.
func (e *Event) Subject() string { return e.Get("subject") }

// DataContentType is the media type of Data.
func (e *Event) DataContentType() string { return e.Get("datacontenttype") }

// DataSchema names the schema of Data.
func (e *Event) DataSchema() string { return e.Get("dataschema") }

// Time says when it happened; false if that is absent or no RFC 3339 time.
func (e *Event) Time() (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, e.Get("time"))
	return t, err == nil
}

// Attributes gives a copy of all attributes.
func (e *Event) Attributes() map[string]string {
	all := make(map[string]string, len(e.attributes))
	for _, a := range e.attributes {
		all[a.name] = a.value
	}
	return all
}

// Names gives the attributes' names in alphabetical order.
func (e *Event) Names() []string {
	names := make([]string, 0, len(e.attributes))
	for _, a := range e.attributes {
		names = append(names, a.name)
	}
	sort.Strings(names)
	return names
}

// Each calls visit with every attribute.
func (e *Event) Each(visit func(name, value string)) {
	for _, a := range e.attributes {
		visit(a.name, a.value)
	}
}

// Set sets an attribute: text, a number, a bool, bytes (as base64) or a time, in its CloudEvents form.
func (e *Event) Set(name string, value any) error {
	if !nameValid(name) {
		return fmt.Errorf("attribute name %q: only a-z and 0-9, at most %d", name, NameBytesMax)
	}
	text := canonical(value)
	if len(text) > ValueBytesMax {
		return fmt.Errorf("attribute %s has %d bytes; the limit is %d", name, len(text), ValueBytesMax)
	}
	e.put(name, text)
	return nil
}

// Check says what is wrong with an event as an answer, nil if nothing is.
func (e *Event) Check() error {
	if len(e.attributes) > AttributesMax {
		return fmt.Errorf("the answer has %d attributes; the limit is %d", len(e.attributes), AttributesMax)
	}
	for _, a := range e.attributes {
		if !nameValid(a.name) {
			return fmt.Errorf("attribute name %q: only a-z and 0-9, at most %d", a.name, NameBytesMax)
		}
		if len(a.value) > ValueBytesMax {
			return fmt.Errorf("attribute %s has %d bytes; the limit is %d", a.name, len(a.value), ValueBytesMax)
		}
	}
	if e.Type() == "" {
		return fmt.Errorf("the answer has no type")
	}
	return nil
}

// Reply makes an event that answers this one: a new id, the function as its source, causationid, correlationid and the
// trace. v is its data, as for SetData with an empty content type.
func (e *Event) Reply(eventType string, v any) (*Event, error) {
	answer := &Event{origin: e.origin, request: e.request}
	answer.put("specversion", "1.0")
	answer.put("type", eventType)
	answer.CompleteFrom(e)
	if cause := e.ID(); cause != "" {
		answer.put("causationid", cause)
		correlation := e.Get("correlationid")
		if correlation == "" {
			correlation = cause
		}
		answer.put("correlationid", correlation)
	}
	for _, name := range [...]string{"traceparent", "tracestate"} {
		if value, ok := e.Lookup(name); ok {
			answer.put(name, value)
		}
	}
	if err := answer.SetData("", v); err != nil {
		return nil, err
	}
	return answer, nil
}

// MustReply is Reply for data that is known to be encodable; it panics if it is not.
func (e *Event) MustReply(eventType string, v any) *Event {
	answer, err := e.Reply(eventType, v)
	if err != nil {
		panic(err)
	}
	return answer
}

// CompleteFrom adds what an answer to `call` needs and lacks: specversion, id, source and time. The SDK does it to every
// answer.
func (e *Event) CompleteFrom(call *Event) {
	if e.Get("specversion") == "" {
		e.put("specversion", "1.0")
	}
	if e.ID() == "" {
		request := call.request
		if request == "" {
			request = call.ID()
		}
		e.put("id", request+".result")
	}
	if e.Source() == "" {
		origin := call.origin
		if origin == "" {
			origin = "go/function"
		}
		e.put("source", "stead:function/"+origin)
	}
	if e.Get("time") == "" {
		e.put("time", time.Now().UTC().Format(timeFormatMicros))
	}
}

// String is a short description for logs.
func (e *Event) String() string { return fmt.Sprintf("%s %s, %d bytes", e.Type(), e.ID(), len(e.data)) }

func nameValid(name string) bool {
	if name == "" || len(name) > NameBytesMax {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func canonical(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(value)
}
