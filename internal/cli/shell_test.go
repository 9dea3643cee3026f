package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// programFolder has this test's own binary as composa.
func programFolder(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "composa")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inShell runs lines in a shell that has composa in its PATH.
func inShell(t *testing.T, getenv func(string) string, lines, shell string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("%s is not installed: its completion is not tried", shell)
	}
	cmd := exec.Command(shell, append(args, lines)...)
	cmd.Env = []string{
		"PATH=" + programFolder(t) + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TERM=dumb", "GORACE=atexit_sleep_ms=1",
		"COMPOSA_URL=" + getenv("COMPOSA_URL"), "COMPOSA_TOKEN=" + getenv("COMPOSA_TOKEN"), "XDG_CONFIG_HOME=" + getenv("XDG_CONFIG_HOME"),
	}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("%s ends with %v and says %q", shell, err, said.String())
	}
	return string(out)
}

// zsh and fish take the script, and ask the program for the words.
func TestZshTakesTheScript(t *testing.T) {
	_, getenv := completionSite(t)
	got := inShell(t, getenv, `autoload -U compinit; compinit -D; source <(composa completion zsh); whence -w _composa`, "zsh", "-f", "-c")
	if got != "_composa: function\n" {
		t.Errorf("zsh says %q", got)
	}
}

func TestFishCompletes(t *testing.T) {
	_, getenv := completionSite(t)
	got := inShell(t, getenv, `composa completion fish | source; complete -C "composa machine show tr"`, "fish", "--no-config", "-c")
	if got != "train\tready, 2 gpu A100 on rack1\n" {
		t.Errorf("fish completes %q", got)
	}
}
