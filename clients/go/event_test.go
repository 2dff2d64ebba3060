package client

import (
	"reflect"
	"testing"
	"time"
)

// All attribute types survive the way to protobuf and back, and data travel as text or bytes by their content type.
func TestEventThroughProtobuf(t *testing.T) {
	sent := &Event{
		ID: "1", Source: "/tests", Type: "test.v1", Subject: "grüße",
		DataContentType: "application/vnd.x+json; charset=utf-8", DataSchema: "http://example.com/schema", Time: time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC),
		Extensions: map[string]any{
			"flag": true, "count": int32(-5), "text": "x", "blob": []byte{0, 255}, "link": URI("http://example.com"),
			"path": URIRef("/a"), "expirytime": time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		},
		Data: []byte(`{"a": 1}`),
	}
	message, err := sent.toProtobuf()
	if err != nil || message.GetTextData() != `{"a": 1}` || message.Attributes["dataschema"].GetCeUri() == "" {
		t.Fatal(err, message)
	}
	if got := fromProtobuf(message, sent.Data); !reflect.DeepEqual(got, sent) {
		t.Fatalf("got  %+v\nsent %+v", got, sent)
	}
	for _, data := range [][]byte{{0xff}, nil} {
		message, _ = (&Event{DataContentType: "text/plain", Data: data}).toProtobuf()
		if message.GetTextData() != "" || string(message.GetBinaryData()) != string(data) {
			t.Error(message)
		}
	}
}

func TestEventRefusesWhatHasNoType(t *testing.T) {
	for _, value := range []any{1 << 40, 1.5, struct{}{}, nil} {
		if _, err := (&Event{Extensions: map[string]any{"x": value}}).toProtobuf(); err == nil {
			t.Errorf("%v was accepted", value)
		}
	}
	if _, err := NewEvent("x", make(chan int)); err == nil {
		t.Error("a channel became JSON")
	}
}

func TestDataAs(t *testing.T) {
	var number struct{ A int }
	var text string
	var raw []byte
	json := &Event{Data: []byte(`{"a": 3}`), DataContentType: "Application/JSON"}
	if err := json.DataAs(&number); err != nil || number.A != 3 {
		t.Error(err, number)
	}
	plain := &Event{Data: []byte("x"), DataContentType: "text/plain"}
	if plain.DataAs(&text) != nil || plain.DataAs(&raw) != nil || text != "x" || string(raw) != "x" {
		t.Error(text, raw)
	}
	if plain.DataAs(&number) == nil {
		t.Error("text was read as JSON")
	}
}
