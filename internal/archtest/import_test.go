package archtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/composa-dev/composa"

// allowed says which packages of ours a package may import, by their path below
// the module ("." is the root). A package that is not here may import nothing of
// ours, so a new one must be thought about.
var allowed = map[string][]string{
	".":                     {},
	"api":                   {},
	"client":                {"api"},
	"driver":                {"."},
	"driver/drivertest":     {".", "driver"},
	"driver/liqid":          {".", "driver", "internal/stomp"},
	"driver/memory":         {".", "driver"},
	"emulator/liqid":        {".", "internal/stomp"},
	"internal/archtest":     {},
	"internal/auth":         {"."},
	"internal/bench":        {},
	"internal/cli":          {"api", "client"},
	"internal/event":        {".", "internal/outage"},
	"internal/intake":       {".", "internal/placement", "internal/plan", "internal/selector", "internal/store"},
	"internal/inventory":    {".", "driver", "internal/outage"},
	"internal/pgtest":       {},
	"internal/neighbour":    {},
	"internal/measure":      {},
	"internal/outage":       {},
	"internal/placement":    {".", "internal/selector"},
	"internal/plan":         {"."},
	"internal/rest":         {".", "api", "internal/auth", "internal/event", "internal/selector"},
	"internal/rest/openapi": {"internal/rest"},
	"internal/runner":       {".", "driver", "internal/outage", "internal/plan"},
	"internal/selector":     {"."},
	"internal/stomp":        {},
	"internal/store":        {"."},
}

// everything may be imported by the places that wire the parts.
var everything = []string{"cmd/composa", "internal/damage", "internal/replay", "internal/sim"}

type listed struct {
	ImportPath string
	Doc        string
	Name       string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Name,Imports", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot list the packages: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatalf("cannot read the list of packages: %v", err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list names %d packages; the test looks at the wrong place", len(all))
	}
	return all
}

func below(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func TestImportsPointTheAllowedWay(t *testing.T) {
	for _, p := range packages(t) {
		from := below(p.ImportPath)
		if slices.Contains(everything, from) {
			continue
		}
		may, known := allowed[from]
		if !known {
			t.Errorf("%s is not in the table of archtest: say what it may import", from)
			continue
		}
		for _, i := range p.Imports {
			if i != module && !strings.HasPrefix(i, module+"/") {
				continue
			}
			if to := below(i); !slices.Contains(may, to) {
				t.Errorf("%s imports %s; it may import %v (docs/architecture.md)", from, to, may)
			}
		}
	}
}

func TestEveryPackageOpensWithAComment(t *testing.T) {
	for _, p := range packages(t) {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s does not open with a comment that begins %q", below(p.ImportPath), want)
		}
	}
}

func TestModuleStandsOnReleases(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"replace ", "exclude "} {
		if strings.Contains(string(text), "\n"+word) {
			t.Errorf("go.mod holds %q; the module must build for those who import it", strings.TrimSpace(word))
		}
	}
	libc := requirement(string(text), "modernc.org/libc")
	if sqlite := requirement(string(text), "modernc.org/sqlite"); sqlite != "v1.61.1" || libc != "v1.79.0" {
		t.Errorf("modernc.org/sqlite %s with libc %s: sqlite needs exactly the libc of its own go.mod; check the pair and write it here", sqlite, libc)
	}
}

func requirement(gomod, path string) string {
	for line := range strings.Lines(gomod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && fields[0] == path {
			return fields[1]
		}
	}
	return ""
}
