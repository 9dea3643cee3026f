package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// losing loses the answer of the first changing call, and is then no way in any
// more, so that the client cannot have it by trying again.
type losing struct{ lost bool }

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.lost && r.Method != http.MethodGet {
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("no way")), Request: r}, nil
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/plans") {
		return resp, err
	}
	l.lost = true
	_ = resp.Body.Close()
	return nil, errors.New("the line broke")
}

// run runs the command line against a fake server over a transport.
func (f *fake) run(t *testing.T, transport http.RoundTripper, line string) (exit int, stderr string) {
	t.Helper()
	env := map[string]string{"COMPOSA_URL": f.web.URL, "COMPOSA_TOKEN": fakeToken, "XDG_CONFIG_HOME": t.TempDir()}
	var out, errs bytes.Buffer
	root := New(Config{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: func(k string) string { return env[k] }, HTTP: &http.Client{Transport: transport}})
	exit = Main(context.Background(), root, strings.Fields(line))
	return exit, errs.String()
}

// A lost answer never is "everything is put back": it may have happened, and the
// line to type again has the key.
func TestLostAnswerSaysTheCommandToTypeAgain(t *testing.T) {
	for _, tt := range []struct{ line, again string }{
		{"compose two --gpu 1", "`composa compose two --gpu 1 --key [A-Z2-7]{26}`"},
		{"plug train --gpu 1 --yes", "`composa plug train --gpu 1 --yes --key [A-Z2-7]{26}`"},
		{"plug train --gpu 1 --yes --key mine", "`composa plug train --gpu 1 --yes --key mine`"},
		{"free train other -y", "`composa free train other -y --key [A-Z2-7]{26}`"},
		{"reshape train --gpu 3", "`composa reshape train --gpu 3 --yes --key [A-Z2-7]{26}`"},
		{"pool create p", "`composa pool create p --key [A-Z2-7]{26}`"},
		{"device set rack1/gpu3 --cordon loud --key d", "`composa device set rack1/gpu3 --cordon loud --key d`"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			f := newFake()
			defer f.web.Close()
			for _, name := range []string{"train", "other"} {
				if exit, stderr := f.run(t, http.DefaultTransport, "compose "+name+" --gpu 1"); exit != exitDone {
					t.Fatalf("exit %d: %s", exit, stderr)
				}
			}
			exit, stderr := f.run(t, &losing{}, tt.line)
			if !strings.Contains(stderr, "trying again in ") {
				t.Errorf("nobody is told of the second try:\n%s", stderr)
			}
			want := "it may have happened: " + tt.again + " tells what came of it, and does nothing twice\n"
			if exit != exitUnreachable || !regexp.MustCompile(want).MatchString(stderr) || strings.Contains(stderr, "put back") {
				t.Errorf("exit %d, want %d and %q in\n%s", exit, exitUnreachable, want, stderr)
			}
		})
	}
}

// Of several machines each has a key of its own, also two of one name, and all
// fit the server's bound.
func TestKeysOfSeveral(t *testing.T) {
	long := strings.Repeat("k", maxKey)
	seen := map[string]bool{}
	for _, m := range []machineRef{{"default", "train"}, {"vision", "train"}, {"default", strings.Repeat("m", 63)}} {
		key := keyOf(long, change{plan: newPlan("free", m)}, true)
		if seen[key] || len(key) > 128 {
			t.Errorf("%v: key %q of %d characters", m, key, len(key))
		}
		seen[key] = true
	}
	if got := keyOf("k", change{}, false); got != "k" {
		t.Errorf("of one machine the key is %q", got)
	}
}
