package cli

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A person who types in a bash of their own, and presses TAB. The line that is
// run then says what was completed: the program is a shell function by then that
// tells what it is given.
func TestBashCompletesAtATerminal(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed: its completion is not tried at a terminal")
	}
	_, getenv := completionSite(t)
	outside, inside := openPTY(t, 200, 24)
	cmd := exec.Command(bash, "--norc", "--noprofile", "-i")
	cmd.Env = []string{
		"PATH=" + programFolder(t) + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TERM=dumb", "PS1=>", "GORACE=atexit_sleep_ms=1",
		"INPUTRC=/dev/null", "HISTFILE=",
		"COMPOSA_URL=" + getenv("COMPOSA_URL"), "COMPOSA_TOKEN=" + getenv("COMPOSA_TOKEN"), "XDG_CONFIG_HOME=" + getenv("XDG_CONFIG_HOME"),
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inside, inside, inside
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }() // how it ends does not matter
	_ = inside.Close()                                        // bash has its own
	screen := seeScreen(outside)
	typing := func(text, until string) {
		t.Helper()
		if _, err := outside.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if !screen.shows(until, 30*time.Second) {
			t.Fatalf("%q was not seen after typing %q:\n%s", until, text, screen)
		}
	}
	// The completion calls the program by its path once the function hides it.
	typing("source <(composa completion bash); composa() { if [[ $1 == __complete* ]]; then command composa \"$@\"; else echo \"given<$*>\"; fi; }; echo rea\"\"dy\n", "ready")
	typing("composa machine show tr\t--columns na\t\n", "given<machine show train --columns name>")
	typing("composa free tr\t\n", "given<free train>")
	typing("composa plug train rack1/gpu2,rack1/gpu1\t\n", "given<plug train rack1/gpu2,rack1/gpu10>")
	typing("composa plug train rack1/gpu2,rack1/gpu3,rack1/gpu1\t\n", "given<plug train rack1/gpu2,rack1/gpu3,rack1/gpu10>")
	typing("composa plug train 'rack1/gpu[6-1\t\n", "given<plug train rack1/gpu[6-10]>")
	typing("composa compose x --gpu A1\t4\n", "given<compose x --gpu A100:4>")
	typing("composa compose x --gpu A100:11\t--nic CX\t2\n", "given<compose x --gpu A100:11 --nic CX2>")
	typing("composa free --label te\tvi\t\n", "given<free --label team=vision>")
	typing("composa operation retry op\t\n", "given<operation retry op_2>")
	typing("composa compose q --where gpu:device.mem\t\n", "given<compose q --where gpu:device.memory>")
	typing("composa compose q --where \"gpu:device.mem\t >= 8*GB\"\n", "given<compose q --where gpu:device.memory >= 8*GB>")
	typing("composa compose q --where 'gpu:device.mem\t >= 8*GB'\n", "given<compose q --where gpu:device.memory >= 8*GB>")
	typing("composa machine show t\t\t", "train ")
	typing("\x15composa device ls --kind g\t\n", "given<device ls --kind gpu>")
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
