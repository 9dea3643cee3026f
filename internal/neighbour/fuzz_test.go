package neighbour

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Whatever a director answers, it is a success whose records are JSON, or an
// error that names the call.
func FuzzAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, status int, text []byte) {
		resp := &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(text))}
		a, err := read(resp, http.MethodGet, "group")
		switch {
		case err != nil && (!strings.HasPrefix(err.Error(), "GET group") || a.data != nil):
			t.Fatalf("%d %q is read as %q, and told as %v", status, text, a.data, err)
		case err != nil:
			return
		case status/100 != 2 || a.status != status || status != http.StatusNoContent && !json.Valid(text):
			t.Fatalf("%d %q is a success of %d", status, text, a.status)
		}
		if groups, err := decode[groupRecord](a.data); err == nil && len(groups) != len(a.data) {
			t.Errorf("%d groups are read of %d records", len(groups), len(a.data))
		}
		if members, err := decode[predevice](a.data); err == nil {
			for _, p := range members {
				if m, err := p.machine(); err == nil && m < 0 || err != nil && !strings.Contains(err.Error(), p.Name) {
					t.Errorf("%+v is in machine %d, %v", p, m, err)
				}
			}
		}
		for _, raw := range a.data {
			n, err := id(raw)
			if err != nil {
				continue
			}
			for _, written := range []string{strconv.Itoa(n), strconv.Quote(strconv.Itoa(n))} {
				if again, err := id(json.RawMessage(written)); err != nil || again != n {
					t.Errorf("%s is the id %d, and %s is %d, %v", raw, n, written, again, err)
				}
			}
			if n < 0 || !bytes.ContainsAny(raw, "0123456789") {
				t.Errorf("%s is the id %d", raw, n)
			}
		}
	})
}

// Whatever a link says, what is asked is below the API.
func FuzzLink(f *testing.F) {
	f.Fuzz(func(t *testing.T, href string) {
		path, err := linkPath(href)
		if err != nil {
			if path != "" || !strings.Contains(err.Error(), strconv.Quote(href)) {
				t.Errorf("%q: %q, %v", href, path, err)
			}
			return
		}
		u, err := url.Parse("http://192.0.2.1:8080" + prefix + path)
		if err != nil {
			t.Fatalf("%q is asked at %q: %v", href, path, err)
		}
		theirs, err := url.Parse(href)
		if err != nil || u.Path != theirs.Path || u.RawQuery != theirs.RawQuery || u.JoinPath().Path != u.Path {
			t.Errorf("%q is asked at %s", href, u)
		}
	})
}

// A director of which a version is read is spoken to in one dialect.
func FuzzDialect(f *testing.F) {
	f.Fuzz(func(t *testing.T, version []byte, details bool) {
		if !json.Valid(version) {
			return // no record of an envelope
		}
		d, err := dialectOf([]json.RawMessage{version}, details)
		switch {
		case err != nil && (len(d.classes) > 0 || !strings.Contains(err.Error(), string(version))):
			t.Errorf("%s: %+v, %v", version, d, err)
		case err == nil && (d.era == "" || len(d.classes) < 5 || d.three != details || d.first && d.three):
			t.Errorf("%s is spoken to as %+v", version, d)
		}
	})
}

// However long a director asks to wait, it is a minute at most.
func FuzzRetryAfter(f *testing.F) {
	f.Fuzz(func(t *testing.T, after string) {
		if d := retryAfter(http.Header{"Retry-After": {after}}); d < 0 || d > time.Minute {
			t.Errorf("%q: %v", after, d)
		}
	})
}
