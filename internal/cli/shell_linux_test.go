package cli

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// typist is a person who types in a shell of their own, and presses TAB. The
// line that is run then says what was completed: the program is a shell function
// by then that tells what it is given.
type typist struct {
	t       *testing.T
	outside *os.File
	screen  *screenText
}

// typeIn starts a shell at a terminal.
func typeIn(t *testing.T, term, shell string, args ...string) *typist {
	t.Helper()
	program, err := exec.LookPath(shell)
	if err != nil {
		t.Skipf("%s is not installed: its completion is not tried at a terminal", shell)
	}
	_, getenv := completionSite(t)
	outside, inside := openPTY(t, 200, 24)
	cmd := exec.Command(program, args...)
	cmd.Env = []string{
		"PATH=" + programFolder(t) + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TERM=" + term, "PS1=>", "GORACE=atexit_sleep_ms=1",
		"INPUTRC=/dev/null", "HISTFILE=",
		"COMPOSA_URL=" + getenv("COMPOSA_URL"), "COMPOSA_TOKEN=" + getenv("COMPOSA_TOKEN"), "XDG_CONFIG_HOME=" + getenv("XDG_CONFIG_HOME"),
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inside, inside, inside
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // how it ends does not matter
	_ = inside.Close()                                           // the shell has its own
	return &typist{t, outside, seeScreen(outside)}
}

// types types, and waits until something is seen.
func (p *typist) types(text, until string) {
	p.t.Helper()
	if _, err := p.outside.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
	if !p.screen.shows(until, 30*time.Second) {
		p.t.Fatalf("%q was not seen after typing %q:\n%s", until, text, p.screen)
	}
}

// completions are lines with TABs in them, and what the program is given when
// they are run. Where a shell takes another line, or leaves a word as it is
// typed, the line says in which shells it is tried.
var completions = []struct{ in, typed, given string }{
	{"", "machine show tr\t--columns na\t", "machine show train --columns name"},
	{"", "free tr\t", "free train"},
	{"", "plug train rack1/gpu2,rack1/gpu1\t", "plug train rack1/gpu2,rack1/gpu10"},
	{"bash", "plug train rack1/gpu2,rack1/gpu3,rack1/gpu1\t", "plug train rack1/gpu2,rack1/gpu3,rack1/gpu10"},
	{"bash", "plug train 'rack1/gpu[6-1\t", "plug train rack1/gpu[6-10]"},
	{"zsh", "plug train 'rack1/gpu[6-1\t'", "plug train rack1/gpu[6-10]"},
	{"fish", "plug train rack1/gpu[6-1\t", "plug train rack1/gpu[6-10]"},
	{"", "compose x --gpu A1\t4", "compose x --gpu A100:4"},
	{"bash", "compose x --gpu A100:11\t--nic CX\t2", "compose x --gpu A100:11 --nic CX2"},
	{"", "free --label te\tvi\t", "free --label team=vision"},
	{"", "operation retry op\t", "operation retry op_2"},
	{"", "compose q --where gpu:device.mem\t", "compose q --where gpu:device.memory"},
	{"bash zsh", "compose q --where \"gpu:device.mem\t >= 8*GB\"", "compose q --where gpu:device.memory >= 8*GB"},
	{"bash", "compose r --where 'gpu:device.mem\t >= 8*GB'", "compose r --where gpu:device.memory >= 8*GB"},
	{"zsh", "compose q --where 'gpu:device.cores > 2 && device.mem\t >= 8*GB'", "compose q --where gpu:device.cores > 2 && device.memory >= 8*GB"},
	{"fish", "compose s --where 'gpu:device.mem\t >= 8*GB'", "compose s --where gpu:device.memory >= 8*GB"},
	{"", "compose q --where 'gpu:device.kind == \"g\t'", "compose q --where gpu:device.kind == \"gpu\""},
	{"", "compose u --where \"gpu:device.kind == \\\"g\t\"", "compose u --where gpu:device.kind == \"gpu\""},
	{"", "device ls --where 'device.fabric != \"rack\t2\t'", "device ls --where device.fabric != \"rack2\""},
	{"", "compose q --min gpu.memory=\t8GB", "compose q --min gpu.memory=8GB"},
	{"", "device show rack1/ssd1\t", "device show rack1/ssd1"},
	{"", "compose t --gpu rack1/gpu2,rack1/gpu1\t", "compose t --gpu rack1/gpu2,rack1/gpu10"},
}

// completes types all lines of a shell, and then asks for machines without
// running anything: it shows them, and what it says of each.
func (p *typist) completes(shell, ask, shown string) {
	p.t.Helper()
	for _, c := range completions {
		if c.in == "" || slices.Contains(strings.Fields(c.in), shell) {
			p.types("composa "+c.typed+"\n", "given<"+c.given+">")
		}
	}
	p.types(ask, shown)
	p.types("\x15composa device ls --kind g\t\n", "given<device ls --kind gpu>")
}

// In each shell the completion calls the program by its path once the function
// hides it.
func TestBashCompletesAtATerminal(t *testing.T) {
	p := typeIn(t, "dumb", "bash", "--norc", "--noprofile", "-i")
	p.types("source <(composa completion bash); composa() { if [[ $1 == __complete* ]]; then command composa \"$@\"; else echo \"given<$*>\"; fi; }; echo rea\"\"dy\n", "ready")
	p.completes("bash", "composa machine show t\t\t", "train ")
}

// zsh and fish show what is said of each word, too.
func TestZshCompletesAtATerminal(t *testing.T) {
	p := typeIn(t, "dumb", "zsh", "-f", "-i")
	p.types("autoload -U compinit; compinit -D; source <(composa completion zsh); composa() { if [[ $1 == __complete* ]]; then command composa \"$@\"; else echo \"given<$*>\"; fi; }; echo rea\"\"dy\n", "ready")
	p.completes("zsh", "composa machine show t\t", "train   -- ready, 2 gpu A100 on rack1")
}

func TestFishCompletesAtATerminal(t *testing.T) {
	p := typeIn(t, "xterm", "fish", "--no-config", "-i")
	p.types("composa completion fish | source; function composa; if string match -q '__complete*' -- $argv[1]; command composa $argv; else; echo \"given<$argv>\"; end; end; echo rea''dy\n", "ready\r\n")
	p.completes("fish", "composa machine show t\t", "ready, 2 gpu A100 on rack1")
}

// screenText is what a terminal was given so far.
type screenText struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed at each change, and made anew
}

// seeScreen reads a terminal until it is closed.
func seeScreen(outside *os.File) *screenText {
	s := &screenText{more: make(chan struct{})}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := outside.Read(buffer)
			s.mu.Lock()
			s.text.Write(buffer[:n])
			close(s.more)
			s.more = make(chan struct{})
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *screenText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// shows waits until the terminal was given a text.
func (s *screenText) shows(text string, most time.Duration) bool {
	late := time.After(most)
	for {
		s.mu.Lock()
		seen, more := strings.Contains(s.text.String(), text), s.more
		s.mu.Unlock()
		if seen {
			return true
		}
		select {
		case <-more:
		case <-late:
			return false
		}
	}
}
