package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/composa-dev/composa/api"
)

// Whatever stands in the file of contexts, it is read or refused in one line
// that names the file; and what is read and saved is read the same.
func FuzzContexts(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		path, saved := filepath.Join(dir, "contexts.yaml"), filepath.Join(dir, "saved.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := readContexts(path)
		if err != nil {
			if file != nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is read as %+v, and told as %v", text, file, err)
			}
			return
		}
		for _, c := range file.Contexts {
			if err := checkContext(c); err != nil {
				t.Errorf("%q gives a context that cannot be used: %v", text, err)
			}
		}
		if err := writeContexts(saved, file); err != nil {
			t.Fatal(err)
		}
		again, err := readContexts(saved)
		if err != nil {
			t.Fatalf("%q is saved and cannot be read: %v", text, err)
		}
		if diff := cmp.Diff(file, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q is saved as something else (-read +saved):\n%s", text, diff)
		}
	})
}

// Whatever a server tells, as YAML it means what it means as JSON, and nothing
// odd is printed of it.
func FuzzYAML(f *testing.F) {
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, v := range []any{new(api.Machine), new(api.Device), new(api.Event), new(api.Plan)} {
			if json.Unmarshal(answer, v) != nil {
				continue
			}
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("%q is read as %+v, which cannot be written: %v", answer, v, err)
			}
			text, err := yamlOf(data)
			if err != nil {
				t.Fatalf("%s cannot be written as YAML: %v", data, err)
			}
			if i := bytes.IndexFunc(text, func(r rune) bool { return odd(r) && r != '\n' }); i >= 0 {
				t.Errorf("%q holds something odd at %d", text, i)
			}
			var want, got any
			if json.Unmarshal(data, &want) != nil {
				continue // a number that none of Go's holds
			}
			if err := yaml.Unmarshal(text, &got); err != nil {
				t.Fatalf("%s is written as %q, which cannot be read: %v", data, text, err)
			}
			if back, err := json.Marshal(got); err != nil {
				t.Fatalf("%s is written as %q, which is read as %v: %v", data, text, got, err)
			} else if err := json.Unmarshal(back, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s is written as %q, which means something else (-want +got):\n%s", data, text, diff)
			}
		}
	})
}

// A duration that is read is none below zero, and is read the same from what the
// flag shows of it.
func FuzzDuration(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDuration(text)
		switch {
		case err != nil && (d != 0 || !strings.Contains(err.Error(), "\"")):
			t.Errorf("%q is read as %v, and refused as %v", text, d, err)
		case err == nil && d < 0:
			t.Errorf("%q is read as %v", text, d)
		case err == nil && d%time.Millisecond == 0 && d < 1000*time.Hour: // beyond, floats round
			if again, err := parseDuration((&duration{d, true}).String()); err != nil || again != d {
				t.Errorf("%q is read as %v, and that as %v, %v", text, d, again, err)
			}
		}
	})
}
