package sdk

import (
	"context"
	"log/slog"

	"stead.dev/sdk/internal/pipe"
)

const (
	logTextBytesMax  = 64 << 10
	logFieldBytesMax = 8192
	logFieldsMax     = 100
)

// logHandler turns slog's records into LOG frames of one call.
type logHandler struct {
	channel *pipe.Channel
	stream  uint16
	fields  []slog.Attr // of With, with their groups in their names
	prefix  string      // of WithGroup
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) WithGroup(name string) slog.Handler {
	grown := *h
	if name != "" {
		grown.prefix += name + "."
	}
	return &grown
}

func (h *logHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	grown := *h
	grown.fields = append([]slog.Attr(nil), h.fields...)
	for _, a := range attributes {
		grown.fields = appendFlat(grown.fields, h.prefix, a)
	}
	return &grown
}

func (h *logHandler) Handle(_ context.Context, record slog.Record) error {
	fields := append([]slog.Attr(nil), h.fields...)
	record.Attrs(func(a slog.Attr) bool {
		fields = appendFlat(fields, h.prefix, a)
		return len(fields) < logFieldsMax
	})
	header, _ := pipe.AppendEntry(nil, ":level", levelName(record.Level))
	for i := 0; i < len(fields) && i < logFieldsMax; i++ {
		header = appendField(header, fields[i])
	}
	return h.channel.Send(pipe.Frame{Type: pipe.Log, Stream: h.stream, Header: header, Body: []byte(cut(record.Message, logTextBytesMax))})
}

func appendField(header []byte, field slog.Attr) []byte {
	name := field.Key
	if name == "" || name[0] == ':' { // names of control entries are the protocol's
		name = "_" + name
	}
	header, _ = pipe.AppendEntry(header, cut(name, 255), cut(field.Value.String(), logFieldBytesMax))
	return header
}

func appendFlat(fields []slog.Attr, prefix string, a slog.Attr) []slog.Attr {
	value := a.Value.Resolve()
	if value.Kind() != slog.KindGroup {
		if a.Equal(slog.Attr{}) {
			return fields
		}
		return append(fields, slog.Attr{Key: prefix + a.Key, Value: value})
	}
	if a.Key != "" {
		prefix += a.Key + "."
	}
	for _, inner := range value.Group() {
		fields = appendFlat(fields, prefix, inner)
	}
	return fields
}

func levelName(level slog.Level) string {
	switch {
	case level < slog.LevelInfo:
		return "debug"
	case level < slog.LevelWarn:
		return "info"
	case level < slog.LevelError:
		return "warn"
	}
	return "error"
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && text[limit]&0xc0 == 0x80 { // not within a character
		limit--
	}
	return text[:limit]
}
