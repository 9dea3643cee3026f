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

// Every script is made, whole, and asks the program the way that the program
// answers: what shells are not here to try is at least no text of an error.
func TestEveryShellHasItsScript(t *testing.T) {
	for shell, has := range map[string][]string{
		"bash":       {"__complete", "complete "},
		"zsh":        {"#compdef composa", "__complete", "_describe"},
		"fish":       {"__complete", "complete -c composa"},
		"powershell": {"__complete", "Register-ArgumentCompleter -CommandName 'composa'", "[System.Management.Automation.CompletionResult]::new("},
	} {
		var out, said strings.Builder
		code := Main(t.Context(), New(Config{Out: &out, Err: &said, Getenv: env(t), In: strings.NewReader("")}), []string{"completion", shell})
		if code != 0 || said.Len() > 0 {
			t.Errorf("%s: ends with %d and says %q", shell, code, said.String())
		}
		for _, part := range has {
			if !strings.Contains(out.String(), part) {
				t.Errorf("the script for %s has no %q", shell, part)
			}
		}
		if name := "composa"; strings.Contains(out.String(), name+".test") || strings.Contains(out.String(), "%!") {
			t.Errorf("the script for %s is of another program, or broken", shell)
		}
	}
	var said strings.Builder
	if code := Main(t.Context(), New(Config{Out: &said, Err: &said, Getenv: env(t), In: strings.NewReader("")}), []string{"completion", "pwsh"}); code != 2 || !strings.Contains(said.String(), "powershell") {
		t.Errorf("another shell ends with %d: %s", code, said.String())
	}
}
