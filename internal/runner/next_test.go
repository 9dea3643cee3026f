package runner

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa/driver/memory"
)

var update = flag.Bool("update", false, "write what the scripts of testdata really give")

// TestScripts plays each script of testdata. Lines that begin with > are what
// happens, the lines below what Next wants done about it.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := playScript(t, string(raw))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(raw), got); diff != "" {
				t.Errorf("the script gives something else (-file +now):\n%s", diff)
			}
		})
	}
}

// playScript returns the script with what it gives. Its first lines, up to the
// first that begins with >, say what it is about; a line "shape NAME" and a line
// "settle D" set it up.
func playScript(t *testing.T, script string) string {
	shape, settle := memory.Grouped, time.Duration(0)
	var head, events []string
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "> "):
			events = append(events, strings.TrimPrefix(line, "> "))
		case len(events) == 0:
			head = append(head, line)
			if name, ok := strings.CutPrefix(line, "shape "); ok {
				shape = memory.Shape(name)
			}
			if d, ok := strings.CutPrefix(line, "settle "); ok {
				settle, _ = time.ParseDuration(d)
			}
		}
	}
	s := newScene(t, shape, settle)
	out := head
	for _, e := range events {
		s.out = nil
		s.play(e)
		out = append(append(out, "> "+e), s.out...)
	}
	if v := s.world.Violations(); len(v) > 0 {
		t.Errorf("the driver was told to touch what is not ours: %v", v)
	}
	return strings.Join(out, "\n") + "\n"
}
