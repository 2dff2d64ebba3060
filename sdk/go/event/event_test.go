package event

import (
	"math"
	"strings"
	"testing"
	"time"
)

func received(contentType, data string, pairs ...string) *Event {
	attributes := map[string]string{"specversion": "1.0", "id": "e-1", "source": "/t", "type": "t.v1"}
	if contentType != "" {
		attributes["datacontenttype"] = contentType
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		attributes[pairs[i]] = pairs[i+1]
	}
	return Received(attributes, []byte(data), "go/test", "r-1")
}

func TestDataAsJSON(t *testing.T) {
	for _, contentType := range []string{"", "application/json", "text/json; charset=utf-8", "application/vnd.x+json"} {
		var v struct{ A int }
		if err := received(contentType, `{"a":7}`).DataAs(&v); err != nil || v.A != 7 {
			t.Errorf("%q: %v, %+v", contentType, err, v)
		}
	}
	for contentType, data := range map[string]string{"application/json": "{", "text/plain": `{"a":7}`, "": ""} {
		var v struct{ A int }
		if err := received(contentType, data).DataAs(&v); err == nil {
			t.Errorf("%q %q was taken", contentType, data)
		}
	}
}

func TestDataAsTextAndBytes(t *testing.T) {
	rows := []struct{ contentType, data, text string }{
		{"text/plain", "grün", "grün"},
		{"", "grün", "grün"},
		{"text/plain; charset=latin-1", "gr\xfcn", "grün"},
		{"application/json", `"gr\u00fcn"`, "grün"},
	}
	for _, row := range rows {
		var text string
		var raw []byte
		e := received(row.contentType, row.data)
		if err := e.DataAs(&text); err != nil || text != row.text {
			t.Errorf("%q %q: %v, %q", row.contentType, row.data, err, text)
		}
		if err := e.DataAs(&raw); err != nil || string(raw) != row.data {
			t.Errorf("%q: %v, %q", row.contentType, err, raw)
		}
	}
	var text string
	for contentType, data := range map[string]string{"text/plain": "\xff", "text/a; charset=ebcdic": "x", "application/json": "{}"} {
		if err := received(contentType, data).DataAs(&text); err == nil {
			t.Errorf("%q %q was taken as text", contentType, data)
		}
	}
}

func TestReplyKeepsWhatItShould(t *testing.T) {
	given := received("application/json", "{}", "correlationid", "c-1", "traceparent", "00-1", "other", "gone")
	answer, err := given.Reply("answer.v1", map[string]int{"n": 1})
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]string{"specversion": "1.0", "type": "answer.v1", "id": "r-1.result", "causationid": "e-1",
		"source": "stead:function/go/test", "correlationid": "c-1", "traceparent": "00-1", "datacontenttype": "application/json"}
	for name, value := range wanted {
		if answer.Get(name) != value {
			t.Errorf("%s is %q, not %q", name, answer.Get(name), value)
		}
	}
	if _, there := answer.Lookup("other"); there || string(answer.Data()) != `{"n":1}` {
		t.Errorf("%v %s", answer.Names(), answer.Data())
	}
	if at, ok := answer.Time(); !ok || time.Since(at).Abs() > time.Minute {
		t.Errorf("time is %q", answer.Get("time"))
	}
	if first := received("", "").MustReply("x", nil); first.Get("correlationid") != "e-1" {
		t.Errorf("correlationid is %q", first.Get("correlationid"))
	}
}

func TestSetData(t *testing.T) {
	rows := []struct {
		contentType string
		v           any
		is, data    string
	}{
		{"", nil, "", ""},
		{"", []byte{0, 1}, "application/octet-stream", "\x00\x01"},
		{"image/png", []byte("x"), "image/png", "x"},
		{"", "text", "application/json", `"text"`},
		{"text/plain", "text", "text/plain", "text"},
		{"application/vnd.x+json", "text", "application/vnd.x+json", `"text"`},
	}
	for _, row := range rows {
		e := &Event{}
		if err := e.SetData(row.contentType, row.v); err != nil || e.DataContentType() != row.is || string(e.Data()) != row.data {
			t.Errorf("%+v became %q %q (%v)", row, e.DataContentType(), e.Data(), err)
		}
	}
	if _, err := New("t", math.NaN()); err == nil {
		t.Error("NaN is no JSON")
	}
}

func TestSetAndCheck(t *testing.T) {
	e, _ := New("t", nil)
	at := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	for value, text := range map[any]string{7: "7", true: "true", "ü": "ü", uint8(3): "3", at: "2026-01-02T03:04:05.0000006Z"} {
		if err := e.Set("x1", value); err != nil || e.Get("x1") != text {
			t.Errorf("%v became %q (%v)", value, e.Get("x1"), err)
		}
	}
	for _, name := range []string{"", "A", "a-b", ":x", "ü", strings.Repeat("a", 65)} {
		if e.Set(name, 1) == nil {
			t.Errorf("name %q was taken", name)
		}
	}
	if e.Set("long", strings.Repeat("x", ValueBytesMax+1)) == nil {
		t.Error("a long value was taken")
	}
	if e.Check() != nil || (&Event{}).Check() == nil {
		t.Error("Check")
	}
	for i := range AttributesMax {
		e.put("n"+strings.Repeat("x", i+1), "")
	}
	if e.Check() == nil {
		t.Error("too many attributes were taken")
	}
}
