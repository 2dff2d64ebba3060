package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"
)

var errNoData = errors.New("the event has no data")

// Data is the event's data, untouched. It must not be changed.
func (e *Event) Data() []byte { return e.data }

// DataAs decodes the data into v, which is a pointer. A *[]byte gets the bytes and a *string the text, whatever the
// content type; anything else is decoded from JSON, which the content type must be or not say. The error is meant to be
// passed to sdk.Reject: with this event it stays.
func (e *Event) DataAs(v any) error {
	switch into := v.(type) {
	case *[]byte:
		*into = e.data
		return nil
	case *string:
		return e.textInto(into)
	}
	if contentType := e.DataContentType(); contentType != "" && !isJSON(contentType) {
		return fmt.Errorf("the event's data is %s, not JSON", contentType)
	}
	if len(e.data) == 0 {
		return errNoData
	}
	if err := json.Unmarshal(e.data, v); err != nil {
		return fmt.Errorf("the event's data does not fit: %w", err)
	}
	return nil
}

// JSON text is the string that it denotes, other data is the text itself.
func (e *Event) textInto(into *string) error {
	if isJSON(e.DataContentType()) {
		if err := json.Unmarshal(e.data, into); err != nil {
			return fmt.Errorf("the event's data is no JSON string: %w", err)
		}
		return nil
	}
	switch charset := charsetOf(e.DataContentType()); charset {
	case "iso-8859-1", "latin-1", "latin1":
		var text strings.Builder
		for _, b := range e.data {
			text.WriteRune(rune(b))
		}
		*into = text.String()
		return nil
	case "", "utf-8", "utf8", "us-ascii":
	default:
		return fmt.Errorf("the event's data is in %s, which this SDK does not read as text", charset)
	}
	if !utf8.Valid(e.data) {
		return errors.New("the event's data is not UTF-8 text")
	}
	*into = string(e.data)
	return nil
}

// SetData sets the data. nil is none, []byte is taken as it is, a string with a content type other than JSON is its
// text, anything else becomes JSON. An empty content type stands for what fits: application/octet-stream for []byte,
// application/json for the rest.
func (e *Event) SetData(contentType string, v any) error {
	fallback := "application/json"
	switch given := v.(type) {
	case nil:
		e.data = nil
		fallback = ""
	case []byte:
		e.data = given
		fallback = "application/octet-stream"
	default:
		if text, ok := v.(string); ok && contentType != "" && !isJSON(contentType) {
			e.data = []byte(text)
			break
		}
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("the answer is not JSON: %w", err)
		}
		e.data = data
	}
	if contentType == "" {
		contentType = fallback
	}
	if contentType == "" {
		return nil
	}
	return e.Set("datacontenttype", contentType)
}

func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

func charsetOf(contentType string) string {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return strings.ToLower(parameters["charset"])
}
