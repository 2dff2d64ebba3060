package client

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math"
	"mime"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"stead.dev/client/internal/wire"
)

// Event is a CloudEvent 1.0. What is empty is absent; an event that is sent without ID, Source or Type gets a random
// id, "stead:client" and "stead.request.v1". The same ID and Source for the same function name the same request: sent
// again, it is answered with the first result.
type Event struct {
	ID              string
	Source          string
	Type            string
	Subject         string
	DataContentType string
	DataSchema      string
	Time            time.Time
	// Extensions by lower-case name. Their types: bool, int32 (or an int that fits), string, []byte, time.Time, URI and
	// URIRef. Stead answers with strings for all but timestamps.
	Extensions map[string]any
	Data       []byte
}

// URI is an attribute of that CloudEvents type.
type URI string

// URIRef is an attribute of the CloudEvents type URI-reference.
type URIRef string

// NewEvent makes an event with a random id around data: []byte as it is (application/octet-stream), nil as nothing, any
// other value as JSON.
func NewEvent(eventType string, data any) (*Event, error) {
	event := &Event{ID: newID(), Source: "stead:client", Type: eventType}
	switch data := data.(type) {
	case nil:
	case []byte:
		event.Data, event.DataContentType = data, "application/octet-stream"
	default:
		text, err := json.Marshal(data)
		if err != nil {
			return nil, fmt.Errorf("the data can't be JSON: %w", err)
		}
		event.Data, event.DataContentType = text, "application/json"
	}
	return event, nil
}

// DataAs reads the data: a *[]byte gets the bytes, a *string gets text of any type but JSON, and everything else is
// filled from JSON.
func (e *Event) DataAs(value any) error {
	switch value := value.(type) {
	case *[]byte:
		*value = append([]byte(nil), e.Data...)
		return nil
	case *string:
		if e.DataContentType != "" && !isJSON(e.DataContentType) {
			*value = string(e.Data)
			return nil
		}
	}
	if e.DataContentType != "" && !isJSON(e.DataContentType) {
		return fmt.Errorf("the data are %s, not JSON", e.DataContentType)
	}
	return json.Unmarshal(e.Data, value)
}

func newID() string {
	var random [16]byte
	rand.Read(random[:]) // never fails
	return fmt.Sprintf("%x", random)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func (e *Event) toProtobuf() (*wire.CloudEvent, error) {
	if e == nil {
		e = &Event{}
	}
	to := &wire.CloudEvent{
		Id:          orElse(e.ID, newID()),
		Source:      orElse(e.Source, "stead:client"),
		Type:        orElse(e.Type, "stead.request.v1"),
		SpecVersion: "1.0",
		Attributes:  make(map[string]*wire.CloudEvent_CloudEventAttributeValue),
	}
	for name, value := range e.Extensions {
		packed, err := toValue(value)
		if err != nil {
			return nil, fmt.Errorf("extension %s: %w", name, err)
		}
		to.Attributes[name] = packed
	}
	e.optional(to.Attributes)
	if isText(e.DataContentType) && utf8.Valid(e.Data) && len(e.Data) > 0 {
		to.Data = &wire.CloudEvent_TextData{TextData: string(e.Data)}
	} else if len(e.Data) > 0 {
		to.Data = &wire.CloudEvent_BinaryData{BinaryData: e.Data}
	}
	return to, nil
}

func (e *Event) optional(to map[string]*wire.CloudEvent_CloudEventAttributeValue) {
	for name, value := range map[string]string{"subject": e.Subject, "datacontenttype": e.DataContentType} {
		if value != "" {
			to[name], _ = toValue(value)
		}
	}
	if e.DataSchema != "" {
		to["dataschema"], _ = toValue(URI(e.DataSchema))
	}
	if !e.Time.IsZero() {
		to["time"], _ = toValue(e.Time)
	}
}

func toValue(value any) (*wire.CloudEvent_CloudEventAttributeValue, error) {
	to := &wire.CloudEvent_CloudEventAttributeValue{}
	switch value := value.(type) {
	case bool:
		to.Attr = &wire.CloudEvent_CloudEventAttributeValue_CeBoolean{CeBoolean: value}
	case int32:
		to.Attr = &wire.CloudEvent_CloudEventAttributeValue_CeInteger{CeInteger: value}
	case int:
		if value < math.MinInt32 || value > math.MaxInt32 {
			return nil, fmt.Errorf("%d does not fit into 32 bits", value)
		}
		to.Attr = &wire.CloudEvent_CloudEventAttributeValue_CeInteger{CeInteger: int32(value)}
	case string:
		to.Attr = &wire.CloudEvent_CloudEventAttributeValue_CeString{CeString: value}
	case []byte:
		to.Attr = &wire.CloudEvent_CloudEventAttributeValue_CeBytes{CeBytes: value}
	case URI:
		to.Attr = &wire.CloudEvent_CloudEventAttributeValue_CeUri{CeUri: string(value)}
	case URIRef:
		to.Attr = &wire.CloudEvent_CloudEventAttributeValue_CeUriRef{CeUriRef: string(value)}
	case time.Time:
		to.Attr = &wire.CloudEvent_CloudEventAttributeValue_CeTimestamp{CeTimestamp: timestamppb.New(value)}
	default:
		return nil, fmt.Errorf("%T is no CloudEvents type", value)
	}
	return to, nil
}

// fromProtobuf reads a result event, whose data stand beside it.
func fromProtobuf(from *wire.CloudEvent, data []byte) *Event {
	event := &Event{ID: from.GetId(), Source: from.GetSource(), Type: from.GetType(), Data: data}
	for name, packed := range from.GetAttributes() {
		value := fromValue(packed)
		text, _ := value.(string)
		switch name {
		case "subject":
			event.Subject = text
		case "datacontenttype":
			event.DataContentType = text
		case "dataschema":
			event.DataSchema = packed.GetCeUri() + text
		case "time":
			event.Time, _ = value.(time.Time)
		default:
			if event.Extensions == nil {
				event.Extensions = make(map[string]any)
			}
			event.Extensions[name] = value
		}
	}
	return event
}

func fromValue(packed *wire.CloudEvent_CloudEventAttributeValue) any {
	switch attr := packed.GetAttr().(type) {
	case *wire.CloudEvent_CloudEventAttributeValue_CeBoolean:
		return attr.CeBoolean
	case *wire.CloudEvent_CloudEventAttributeValue_CeInteger:
		return attr.CeInteger
	case *wire.CloudEvent_CloudEventAttributeValue_CeBytes:
		return attr.CeBytes
	case *wire.CloudEvent_CloudEventAttributeValue_CeUri:
		return URI(attr.CeUri)
	case *wire.CloudEvent_CloudEventAttributeValue_CeUriRef:
		return URIRef(attr.CeUriRef)
	case *wire.CloudEvent_CloudEventAttributeValue_CeTimestamp:
		return attr.CeTimestamp.AsTime()
	}
	return packed.GetCeString()
}

func mediaOf(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media, _, _ = strings.Cut(contentType, ";")
	}
	return strings.ToLower(strings.TrimSpace(media))
}

func isJSON(contentType string) bool {
	media := mediaOf(contentType)
	return strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json")
}

func isText(contentType string) bool {
	media := mediaOf(contentType)
	return isJSON(contentType) || strings.HasPrefix(media, "text/") || media == "application/xml" ||
		strings.HasSuffix(media, "+xml")
}
