package liqid

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// small is hardware that a fuzz target can start often.
var small = Counts{CPUs: 1, GPUs: 2, SSDs: 1}

// Whatever stands in the file of a data folder, it is refused and nothing of it
// taken, or it is a state that can be shown, and is kept as it was read.
func FuzzDisk(f *testing.F) {
	whole := cmp.Options{cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateEmpty()}
	reads := []string{"group", "machine", "predevice", "fabric/edit", "status/gpu?filter=false", "node/status", "manager/descriptor", "digest"}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := start(t, Config{Counts: small})
		s, fresh, again := d.now.clone(), d.now.clone(), d.now.clone()
		from, to := &disk{dir: t.TempDir(), fingerprint: "ours"}, &disk{dir: t.TempDir(), fingerprint: "ours"}
		if err := os.WriteFile(filepath.Join(from.dir, stateFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := from.load(s, "keeps"); err != nil {
			if diff := cmp.Diff(fresh, s, whole); diff != "" {
				t.Errorf("%q is refused (%v), and taken:\n%s", text, err, diff)
			}
			return
		}
		if err := to.save(s); err != nil {
			t.Fatalf("%q is read and cannot be saved: %v", text, err)
		}
		if err := to.load(again, "keeps"); err != nil {
			t.Fatalf("%q is saved and cannot be read: %v", text, err)
		}
		if diff := cmp.Diff(s, again, whole); diff != "" || (s.settings.Descriptors == nil) != (again.settings.Descriptors == nil) {
			t.Errorf("%q is saved as something else (-read +saved):\n%s", text, diff)
		}
		d.now, d.before = s, s
		if _, err := encode(d.Snapshot()); err != nil {
			t.Errorf("%q cannot be shown: %v", text, err)
		}
		for _, path := range reads {
			if status, body := call(d, "GET", path, ""); status >= 500 || !json.Valid([]byte(body)) {
				t.Errorf("%q lets GET %s answer %d %s", text, path, status, body)
			}
		}
	})
}

// Whatever is sent to the view from behind, it is answered with JSON or a reason;
// faults that are taken are those of the whole body, and no larger than a body.
func FuzzControl(f *testing.F) {
	const most = 200
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		d := start(t, Config{Counts: small, MaxBody: most})
		w := httptest.NewRecorder()
		d.Control().ServeHTTP(w, &http.Request{Method: method, URL: &url.URL{Path: "/" + path, RawQuery: query}, Body: io.NopCloser(bytes.NewReader(body))})
		var why struct{ Error string }
		switch {
		case w.Code == http.StatusNoContent && w.Body.Len() == 0, w.Code/100 == 3:
		case w.Code == http.StatusOK && json.Valid(w.Body.Bytes()):
		case w.Code/100 == 4 && json.Unmarshal(w.Body.Bytes(), &why) == nil && why.Error != "":
		default:
			t.Errorf("%s /%s?%s with %q is answered with %d %s", method, path, query, body, w.Code, w.Body)
		}
		if method != "POST" || path != "faults" || w.Code != http.StatusOK {
			return
		}
		var told []FaultCount
		if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || !cmp.Equal(told, d.Faults()) {
			t.Errorf("%q is told as %s, %v; in force is %v", body, w.Body, err, d.Faults())
		}
		if len(body) > most || !json.Valid(body) {
			t.Errorf("%q is taken as %v", body, told)
		}
		for _, c := range told {
			if err := c.Rule.check(); err != nil {
				t.Errorf("%q gives a rule that is refused: %v", body, err)
			}
		}
	})
}

// What clients send as a number or as its text is the same number, and what is
// no JSON is refused.
func FuzzFields(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := (&request{body: body}).fields()
		if err != nil {
			if why, ok := err.(*refusal); !ok || why.status != http.StatusBadRequest || got != nil {
				t.Errorf("%q is read as %+v, and refused as %v", body, got, err)
			}
			return
		}
		if !json.Valid(body) {
			t.Errorf("%q is read as %+v", body, got)
		}
		var plain struct {
			Group   any `json:"grp_id"`
			Machine any `json:"mach_id"`
		}
		from := json.NewDecoder(bytes.NewReader(body))
		from.UseNumber()
		if from.Decode(&plain) != nil {
			return
		}
		for _, x := range []struct {
			read number
			sent any
		}{{got.GrpID, plain.Group}, {got.MachID, plain.Machine}} {
			n, err := strconv.Atoi(fmt.Sprint(x.sent))
			if x.read.given != (err == nil) || x.read.given && x.read.value != n {
				t.Errorf("%v is read as %+v", x.sent, x.read)
			}
		}
	})
}
