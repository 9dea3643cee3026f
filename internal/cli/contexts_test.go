package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// env makes the environment of a test, with a place of its own for contexts.
func env(t *testing.T, pairs ...string) func(string) string {
	t.Helper()
	values := map[string]string{"XDG_CONFIG_HOME": t.TempDir()}
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

func TestSaveContextBecomesCurrentOnlyIfThereIsNone(t *testing.T) {
	getenv := env(t)
	lab := Context{Name: "lab", URL: "http://lab:7080", Token: "one"}
	if current, err := SaveContext(getenv, lab); err != nil || !current {
		t.Fatalf("current %v, %v; want the first to be current", current, err)
	}
	demo := Context{Name: "demo", URL: "http://127.0.0.1:7080", Token: "two", Project: "default"}
	for range 2 { // saved again, it is in its own place
		if current, err := SaveContext(getenv, demo); err != nil || current {
			t.Fatalf("current %v, %v; want lab to stay current", current, err)
		}
	}
	path, err := ContextsPath(getenv)
	if err != nil {
		t.Fatal(err)
	}
	file, err := readContexts(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&contextsFile{Current: "lab", Contexts: []Context{demo, lab}}, file); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the file lie %v, %v", left, err)
	}
}

// A context of another server that is to be kept is left alone.
func TestSaveContextBeside(t *testing.T) {
	getenv := env(t)
	running := map[string]bool{}
	for _, tt := range []struct{ url, want string }{
		{"http://127.0.0.1:1", "demo"},
		{"http://127.0.0.1:1", "demo"}, // its own
		{"http://127.0.0.1:2", "demo-2"},
		{"http://127.0.0.1:3", "demo-3"},
		{"http://127.0.0.1:2", "demo-2"},
	} {
		name, current, err := SaveContextBeside(getenv, Context{Name: "demo", URL: tt.url, Token: "x"}, func(c Context) bool { return running[c.URL] })
		if err != nil || name != tt.want || current != (name == "demo") {
			t.Errorf("%s is saved as %q, current %v, %v; want %q", tt.url, name, current, err, tt.want)
		}
		running[tt.url] = true
	}
	running["http://127.0.0.1:1"] = false
	if name, _, err := SaveContextBeside(getenv, Context{Name: "demo", URL: "http://127.0.0.1:4"}, func(c Context) bool { return running[c.URL] }); err != nil || name != "demo" {
		t.Errorf("with the first gone the next is saved as %q, %v; want demo", name, err)
	}
}

func TestSaveContextKeepsALink(t *testing.T) {
	getenv := env(t)
	path, err := ContextsPath(getenv)
	if err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(t.TempDir(), "kept.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(real, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, path); err != nil {
		t.Fatal(err)
	}
	if _, err := SaveContext(getenv, Context{Name: "lab", URL: "http://lab"}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(real); err != nil || !strings.Contains(string(text), "http://lab") {
		t.Errorf("the file behind the link holds %q, %v", text, err)
	}
}

// A token goes only to the URL that it was saved with or stands beside.
func TestChooseServer(t *testing.T) {
	config := t.TempDir()
	save := func(name string) string { return map[string]string{"XDG_CONFIG_HOME": config}[name] }
	for _, c := range []Context{{Name: "lab", URL: "https://lab:7080/", Token: "lab-token", Project: "vision"}, {Name: "demo", URL: "http://127.0.0.1:7080", Token: "demo-token"}} {
		if _, err := SaveContext(save, c); err != nil {
			t.Fatal(err)
		}
	}
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("file-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		flag string
		env  []string
		want server
		err  string
	}{
		{"the current context", "", nil, server{url: "https://lab:7080/", token: "lab-token", context: "lab", project: "vision"}, ""},
		{"the flag", "demo", nil, server{url: "http://127.0.0.1:7080", token: "demo-token", context: "demo"}, ""},
		{"the flag goes before the environment", "demo", []string{"COMPOSA_URL", "http://x", "COMPOSA_TOKEN", "t"}, server{url: "http://127.0.0.1:7080", token: "demo-token", context: "demo"}, ""},
		{"a context of the environment", "", []string{"COMPOSA_CONTEXT", "demo"}, server{url: "http://127.0.0.1:7080", token: "demo-token", context: "demo"}, ""},
		{"a URL with a token beside it", "", []string{"COMPOSA_URL", "http://x", "COMPOSA_TOKEN", "t"}, server{url: "http://x", token: "t"}, ""},
		{"a URL with a file beside it", "", []string{"COMPOSA_URL", "http://x", "COMPOSA_TOKEN_FILE", tokenFile}, server{url: "http://x", token: "file-token"}, ""},
		{"a URL of nobody gets no token", "", []string{"COMPOSA_URL", "http://x"}, server{url: "http://x"}, ""},
		{"a URL that a context was saved with", "", []string{"COMPOSA_URL", "https://LAB:7080"}, server{url: "https://lab:7080", token: "lab-token", context: "lab", project: "vision"}, ""},
		{"another scheme is another URL", "", []string{"COMPOSA_URL", "http://lab:7080"}, server{url: "http://lab:7080"}, ""},
		{"a token without a URL", "", []string{"COMPOSA_TOKEN", "t"}, server{}, "a token is in the environment and COMPOSA_URL is not"},
		{"a token and a context", "", []string{"COMPOSA_TOKEN", "t", "COMPOSA_CONTEXT", "demo"}, server{}, "COMPOSA_URL is not"},
		{"a URL and a context", "", []string{"COMPOSA_URL", "http://x", "COMPOSA_CONTEXT", "demo"}, server{}, "unset one of the two"},
		{"a context of no name", "third", nil, server{}, "saved are demo, lab"},
		{"a URL with a password", "", []string{"COMPOSA_URL", "http://me:secret@x"}, server{}, "holds a password"},
		{"no URL", "", []string{"COMPOSA_URL", "x:7080"}, server{}, "is neither http:// nor https://"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := chooseServer(env(t, append([]string{"XDG_CONFIG_HOME", config}, tt.env...)...), tt.flag)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("the message shows the password: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if *got != tt.want {
				t.Errorf("got %+v, want %+v", *got, tt.want)
			}
		})
	}
}

func TestContextsFileIsReadStrictly(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown key":   "contexts:\n  - name: a\n    url: http://a\n    tokn: x\n",
		"no YAML":          "contexts: [",
		"two documents":    "current: a\n---\ncontexts:\n  - name: a\n    url: http://a\n",
		"a URL of nothing": "contexts:\n  - name: a\n    url: a\n",
		"a name of spaces": "contexts:\n  - name: 'a b'\n    url: http://a\n",
	} {
		path := filepath.Join(t.TempDir(), "contexts.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readContexts(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that names the file", name, err)
		}
	}
}

// Of contexts that are saved at the same time none is lost.
func TestContextsSavedAtTheSameTimeAreAllKept(t *testing.T) {
	getenv := env(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			name := fmt.Sprintf("lab%d", i)
			if _, err := SaveContext(getenv, Context{Name: name, URL: "http://" + name}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	path, err := ContextsPath(getenv)
	if err != nil {
		t.Fatal(err)
	}
	file, err := readContexts(path)
	if err != nil || len(file.Contexts) != 20 {
		t.Errorf("%d contexts of 20 were kept, %v", len(file.Contexts), err)
	}
}

// What is wrong in the file is told in one line, and no token with it.
func TestContextsThatCannotBeReadAreToldInOneLine(t *testing.T) {
	getenv := env(t)
	path, err := ContextsPath(getenv)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("contexts:\n  - name: lab\n    url: http://lab\n    tokn: composa_secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = readContexts(path)
	if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "composa_secret") || !strings.Contains(err.Error(), `[4:5] unknown field "tokn"`) {
		t.Errorf("the file is told as %v", err)
	}
}
