package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/composa-dev/composa/emulator/liqid"
)

// TestCurlGuide runs the lines of docs/guides/curl.md as they are written.
func TestCurlGuide(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: install it with your system's packages", tool)
		}
	}
	text, err := os.ReadFile("../../docs/guides/curl.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("the guide has no block of shell lines")
	}
	if lines := strings.Count(strings.TrimSpace(string(block[1])), "\n") + 1; lines > 8 {
		t.Errorf("the guide has %d lines, and promises eight", lines)
	}
	s := newSite(t, map[string]liqid.Config{"rack1": {CommitLatency: demoCommit}}, nil)
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", string(block[1]))
	cmd.Env = append(os.Environ(), "API="+s.url+"/v1", "TOKEN="+s.token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the guide's lines end with %v:\n%s", err, out)
	}
	for _, want := range []string{"done", `"state": "ready"`, `"rack1/gpu0"`, "rack1/link0", "freed", "operation."} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the guide's lines do not print %q:\n%s", want, out)
		}
	}
}
