package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWhatOthersWroteIsShownNotObeyed(t *testing.T) {
	for in, want := range map[string]string{
		"a\x1b[2Jb": "a?[2Jb", "a\nb": "a b", "x\u202ey": "x?y", "é…": "é…", "\xff": "?", "a\u009b31mb": "a?31mb",
		"zero\u200bwidth": "zero?width", "line\u2028end": "line?end", "<b>&amp;": "<b>&amp;",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"two\nlines": "two\nlines", green + "ok" + reset + "\n": green + "ok" + reset + "\n", "\x1b[2J" + red + "x": "?[2J" + red + "x", "a\rb": "a?b", "\x9b\xff\ufffd": "??\ufffd",
	} {
		if got := guarded(in); got != want {
			t.Errorf("guarded(%q) = %q, want %q", in, got, want)
		}
	}
}

// For programs a text means the same, whatever it holds, and what is printed of
// it is harmless.
func TestStructuredTextMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]any{"text": rapid.String().Draw(t, "text"), "list": []any{rapid.StringMatching("[a\x1b\u202e\U000e0001\n :\"'-]*").Draw(t, "odd")}}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		asYAML, err := yamlOf(data)
		if err != nil {
			t.Fatal(err)
		}
		var fromJSON, fromYAML map[string]any
		if err := json.Unmarshal(escaped(data), &fromJSON); err != nil {
			t.Fatalf("%q: %v", escaped(data), err)
		}
		if err := yaml.Unmarshal(asYAML, &fromYAML); err != nil {
			t.Fatalf("%q: %v", asYAML, err)
		}
		if diff := cmp.Diff(want, fromJSON) + cmp.Diff(want, fromYAML); diff != "" {
			t.Errorf("it means something else (-want +got):\n%s", diff)
		}
		for _, printed := range []string{string(escaped(data)), string(asYAML)} {
			if i := strings.IndexFunc(printed, func(r rune) bool { return odd(r) && r != '\n' }); i >= 0 {
				t.Errorf("%q holds something odd at %d", printed, i)
			}
		}
	})
}

// nasty is what a device may call itself to take over a terminal: it clears the
// screen, sets the title, turns the text around and ends the line.
const nasty = "\x1b[2J\x1b]0;owned\a\u202egnp.exe\u2066\u009b31m\r\n<script>"

// hostile is a fake server of which every text that a fabric or a person may
// have written holds the nasty one.
func hostile(f *fake) *httptest.Server {
	written := []string{"model", "vendor", "reason", "text", "label", "address", "login", "os", "evidence", "detail", "next", "url", "whyNot", "message", "serial", "principal", "cordon"}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		f.web.Config.Handler.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		var v any
		if json.Unmarshal(body, &v) == nil {
			spoil(v, func(key string) bool { return slices.Contains(written, key) })
			body, _ = json.Marshal(v)
		}
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	}))
}

func spoil(v any, is func(key string) bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if s, ok := e.(string); ok && is(k) {
				v[k] = s + nasty
			}
			spoil(e, is)
		}
	case []any:
		for _, e := range v {
			spoil(e, is)
		}
	}
}

func TestNothingNastyReachesATerminal(t *testing.T) {
	f := newFake()
	defer f.web.Close()
	web := hostile(f)
	defer web.Close()
	shown := 0
	for _, line := range []string{
		"compose train --cpu rack1/cpu0 --gpu 1", "compose no-room --gpu 64", "compose broken --gpu 1", "compose stuck --gpu 1", "compose other --gpu 1 --dry-run",
		"machine ls", "machine show train", "device ls", "device show rack1/gpu0", "fabric ls", "fabric show rack1", "fabric check rack1", "fabric check rack2",
		"fabric check rack2 --probe", "fabric inventory rack1", "available", "operation ls", "operation show op_1", "operation retry op_9", "event ls", "status",
		"pool create vision rack1/gpu7", "pool ls", "free train --yes", "machine show nobody", "__completeNoDesc device show rack1/",
	} {
		for _, format := range []string{"", "table", "wide", "json", "yaml", "jsonl", "name"} {
			for _, terminal := range []bool{true, false} {
				args := strings.Fields(line)
				if format != "" && args[0] != "__completeNoDesc" {
					args = append(args, "-o", format)
				}
				var out, errOut bytes.Buffer
				root := New(Config{
					In: strings.NewReader(""), Out: &out, Err: &errOut,
					Getenv:   env(t, "COMPOSA_URL", web.URL, "COMPOSA_TOKEN", fakeToken, "TERM", "dumb"),
					Terminal: func(any) (int, int, bool) { return 100, 40, terminal },
				})
				Main(context.Background(), root, args)
				printed := strings.NewReplacer(red, "", green, "", yellow, "", reset, "").Replace(out.String() + errOut.String())
				if i := strings.IndexFunc(printed, func(r rune) bool { return odd(r) && r != '\n' }); i >= 0 {
					t.Errorf("composa %s -o %q, terminal %v: odd at %d of %q", line, format, terminal, i, printed)
				}
				if strings.Contains(printed, "owned") {
					shown++
				}
			}
		}
	}
	if shown < 100 {
		t.Errorf("only %d of the outputs hold a nasty text at all: the test proves nothing", shown)
	}
}

// The live view draws with control characters of its own; those of a reason or a
// step are not among them.
func TestNothingNastyIsDrawnLive(t *testing.T) {
	out := newShared()
	op := operationAt("running", 1)
	op.Steps[1].Text, op.Machines[0].Name = nasty, "train"+nasty
	p := newLiveProgress(out, 100, func() time.Time { return noon })
	p.show(op)
	out.until(t, "owned")
	p.note(nasty)
	p.close()
	for _, bad := range []string{"\x1b[2J", "\x1b]", "\a", "\u202e", "\u009b", "\r<"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%q is in %q", bad, out.String())
		}
	}
}
