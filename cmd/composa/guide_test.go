package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/composa-dev/composa/emulator/liqid"
)

// needs skips a test where a program is not there that the guide uses.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: install it with your system's packages", tool)
		}
	}
}

// shellLines are the first block of shell lines of a guide.
func shellLines(t *testing.T, guide string) string { return shellBlocks(t, guide)[0] }

// shellBlocks are the blocks of shell lines of a guide, one at least.
func shellBlocks(t *testing.T, guide string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs/guides", guide))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(text, -1) {
		blocks = append(blocks, string(block[1]))
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no block of shell lines", guide)
	}
	return blocks
}

// TestEmulatorGuide runs the lines of docs/guides/emulator.md as they are
// written, but for their ports.
func TestEmulatorGuide(t *testing.T) {
	needs(t, "bash", "curl", "jq")
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	lines := shellLines(t, "emulator.md")
	for _, port := range []string{"18080", "18081", "17080"} {
		lines = strings.ReplaceAll(lines, port, freePort(t))
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", lines)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(path)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	end := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // what the lines started, too
	out, err := runFor(cmd, patience, end)
	if err != nil {
		t.Fatalf("the guide's lines end with %v:\n%s", err, out)
	}
	for _, want := range []string{"lab (emulated)", "liqid 3.4", "train is ready: 1 cpu", "1 ssd", "train is freed", `"machines": []`, `"sessions": []`} {
		if !strings.Contains(out, want) {
			t.Errorf("the guide's lines do not print %q:\n%s", want, out)
		}
	}
	for _, broken := range regexp.MustCompile(`"path": "([^"]*)"`).FindAllStringSubmatch(out, -1) {
		if broken[1] != "fabric/edit/cancel" {
			t.Errorf("a rule was broken by %s, and the guide says that only cancels do:\n%s", broken[1], out)
		}
	}
}

// runFor runs a program to its end and returns what it said; end ends it, and
// what it started, when its time has passed and when it is over.
func runFor(cmd *exec.Cmd, most time.Duration, end func()) (string, error) {
	file, err := os.CreateTemp("", "composa-guide-")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file // a file: nobody waits for what the lines left running
	if err := cmd.Start(); err != nil {
		return "", err
	}
	timer := time.AfterFunc(most, end)
	err = cmd.Wait()
	timer.Stop()
	end()
	out, _ := os.ReadFile(file.Name())
	return string(out), err
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// TestCommandLineGuide runs the lines of docs/guides/cli.md as they are written.
func TestCommandLineGuide(t *testing.T) {
	needs(t, "bash")
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, map[string]liqid.Config{"rack1": {CommitLatency: demoCommit}}, nil)
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", shellLines(t, "cli.md"))
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(path)+string(filepath.ListSeparator)+os.Getenv("PATH"),
		"XDG_CONFIG_HOME="+t.TempDir(), "COMPOSA_URL="+s.url, "COMPOSA_TOKEN="+s.token)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	end := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // what the lines started, too
	out, err := runFor(cmd, patience, end)
	if err != nil {
		t.Fatalf("the guide's lines end with %v:\n%s", err, out)
	}
	for _, want := range []string{"no machines", "exactly this is done by `composa apply -f plan_", "tour is ready: 1 cpu", "3 gpu", "tour is freed"} {
		if !strings.Contains(out, want) {
			t.Errorf("the guide's lines do not print %q:\n%s", want, out)
		}
	}
}

// TestCurlGuide runs the lines of docs/guides/curl.md as they are written.
func TestCurlGuide(t *testing.T) {
	needs(t, "bash", "curl", "jq")
	text := strings.Join(shellBlocks(t, "curl.md"), "\n")
	if lines := strings.Count(strings.TrimSpace(shellLines(t, "curl.md")), "\n") + 1; lines > 8 {
		t.Errorf("the guide has %d lines, and promises eight", lines)
	}
	s := newSite(t, map[string]liqid.Config{"rack1": {CommitLatency: demoCommit}}, nil)
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", text)
	cmd.Env = append(os.Environ(), "API="+s.url+"/v1", "TOKEN="+s.token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the guide's lines end with %v:\n%s", err, out)
	}
	for _, want := range []string{"done", `"state": "ready"`, `"rack1/gpu0"`, "rack1/link0", "freed", "operation.", "curl-plan is ready", "eplayed: true", "curl-ada is member of default", "curl-ada until 20", "her laptop", "this token was removed at"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the guide's lines do not print %q:\n%s", want, out)
		}
	}
}
