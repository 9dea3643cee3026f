package outage

import (
	"log/slog"
	"strings"
	"testing"
)

func TestAnOutageIsToldOnceAndWhenItIsOver(t *testing.T) {
	var told strings.Builder
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{ReplaceAttr: plain}))
	var o Outage
	o.Over(log, "it writes again")
	for range 2 {
		for range 3 {
			o.Failed(log, "cannot write", "fabric", "rack1")
		}
		o.Over(log, "it writes again", "fabric", "rack1")
		o.Over(log, "it writes again", "fabric", "rack1")
	}
	const once = `level=ERROR msg="cannot write; this is told once, and when it is over" fabric=rack1
level=INFO msg="it writes again" fabric=rack1 failed=3
`
	if told.String() != once+once {
		t.Errorf("told:\n%s", &told)
	}
}
