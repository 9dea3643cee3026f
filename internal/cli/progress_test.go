package cli

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa/api"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// operationAt is an operation of three steps of which so many are done.
func operationAt(phase string, done int) *api.Operation {
	end := noon.Add(2 * time.Second)
	op := &api.Operation{ID: "op_1", Verb: "compose", Phase: phase, Direction: "forward", Fabric: "rack1", Emulated: true, Typical: 14, StartedAt: &noon, Revision: int64(done),
		Machines: []api.OperationMachine{{ID: "mach_1", Name: "train"}}}
	for i, text := range []string{"make the machine", "attach rack1/gpu0, rack1/gpu1 to train", "power on train"} {
		s := api.Step{Generation: 1, Ordinal: i + 1, Text: text, State: "planned"}
		switch {
		case i < done:
			s.State, s.BeganAt, s.EndedAt = "done", &noon, &end
		case i == done:
			s.State, s.BeganAt, s.Attempt = "running", &noon, 1
		}
		op.Steps = append(op.Steps, s)
	}
	return op
}

func TestChangesAreTold(t *testing.T) {
	queued := operationAt("queued", -1)
	queued.Behind, queued.Steps, queued.Fabric = "op_0", nil, ""
	waiting := operationAt("waiting", 1)
	waiting.Reason = "rack1 is silent"
	undoing := operationAt("undoing", 1)
	undoing.Reason, undoing.CancelRequested = "it was cancelled", true
	undoing.Steps = append(undoing.Steps, api.Step{Generation: 2, Ordinal: 1, Text: "remove the machine", State: "running", Attempt: 2})
	failed := operationAt("running", 1)
	failed.Steps[1].State, failed.Steps[1].Evidence = "failed", "the director says 500"
	forward := operationAt("running", 1)
	forward.Verb = "free"
	goesOn := operationAt("running", 1)
	goesOn.Verb, goesOn.CancelRequested = "free", true
	for _, tt := range []struct {
		name     string
		last, op *api.Operation
		want     []string
	}{
		{"first seen", nil, operationAt("running", 0), []string{"train: compose on rack1 (emulated), 3 steps, about 14 s the last times, operation op_1", "train: 1/3 make the machine"}},
		{"in line", nil, queued, []string{"train: compose, about 14 s the last times, operation op_1", "train: waits behind operation op_0"}},
		{"a step is done and the next begins", operationAt("running", 0), operationAt("running", 1), []string{"train: 1/3 make the machine: done, 2 s", "train: 2/3 attach rack1/gpu0, rack1/gpu1 to train"}},
		{"nothing new", operationAt("running", 1), operationAt("running", 1), nil},
		{"it waits", operationAt("running", 1), waiting, []string{"train: waits for its fabric: rack1 is silent"}},
		{"it goes back", operationAt("running", 1), undoing, []string{"train: is being cancelled", "train: goes back to what was before: it was cancelled", "train: 1/1 remove the machine (attempt 2)"}},
		{"it only goes forward", forward, goesOn, []string{"train: goes on to its end although it was to be cancelled: free is not put back once it has begun"}},
		{"a step failed", operationAt("running", 1), failed, []string{"train: 2/3 attach rack1/gpu0, rack1/gpu1 to train: failed: the director says 500"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, changes(tt.last, tt.op)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLiveLine(t *testing.T) {
	waiting := operationAt("waiting", 1)
	waiting.Reason = "rack1 is silent"
	undoing := operationAt("undoing", 1)
	for _, tt := range []struct {
		name string
		op   *api.Operation
		want string
	}{
		{"running", operationAt("running", 1), "1/3 12 s of about 14 s  attach rack1/gpu0, rack1/gpu1 to train"},
		{"waiting", waiting, "1/3 12 s of about 14 s  waits for its fabric: rack1 is silent"},
		{"undoing", undoing, "1/3 12 s of about 14 s  going back: attach rack1/gpu0, rack1/gpu1 to train"},
	} {
		if got := liveTail(tt.op, layoutOf(100), noon.Add(12*time.Second)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// shared is a buffer that several goroutines write to.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
	// wrote is signalled at each write.
	wrote chan struct{}
}

func newShared() *shared { return &shared{wrote: make(chan struct{}, 1)} }

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.wrote <- struct{}{}:
	default:
	}
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// until waits until the buffer holds a text.
func (s *shared) until(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.wrote:
		case <-deadline:
			t.Fatalf("no %q in %q", text, s.String())
		}
	}
}

func TestLiveProgressDrawsAndEnds(t *testing.T) {
	out := newShared()
	p := newLiveProgress(out, 100, func() time.Time { return noon.Add(5 * time.Second) })
	p.show(operationAt("running", 0))
	out.until(t, "0/3 5 s of about 14 s  make the machine")
	p.show(operationAt("running", 1))
	out.until(t, "1/3 5 s of about 14 s  attach rack1/gpu0, rack1/gpu1")
	p.note("a line between")
	p.show(operationAt("done", 3))
	p.close() // returns: no bar is waited for
	if !strings.Contains(out.String(), "train (emulated)  [") {
		t.Errorf("it is not marked as emulated: %q", out.String())
	}
	if !strings.Contains(out.String(), "a line between\n") {
		t.Errorf("the note is not in %q", out.String())
	}
}

// On a narrow terminal the words have the room of the bar, and no line is longer
// than the terminal, whose next line it would spoil.
func TestLiveProgressOnANarrowTerminal(t *testing.T) {
	control := regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)
	for width, want := range map[int]string{
		1: "", 20: "train (emulated)", 40: "train (emulated)  1/3 5 s  attach rack1…", 60: "train (emulated)  1/3 5 s  attach rack1/gpu0, rack1/gpu1 to…",
		71: "train (emulated)  1/3 5 s  attach rack1/gpu0", 72: "train (emulated)  [=====", 120: "train (emulated)  [=====",
	} {
		out := newShared()
		p := newLiveProgress(out, width, func() time.Time { return noon.Add(5 * time.Second) })
		p.show(operationAt("running", 1))
		out.until(t, "\n")
		p.close()
		drawn := control.ReplaceAllString(out.String(), "")
		if !strings.Contains(drawn, want) {
			t.Errorf("%d characters: %q is not in %q", width, want, drawn)
		}
		for line := range strings.Lines(drawn) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("%d characters: a line has %d: %q", width, n, line)
			}
		}
	}
}

// onTerminal runs the command line in this process as if on a terminal of 120
// characters.
func onTerminal(t *testing.T, f *fake, in io.Reader, args ...string) (code int, out, errOut string) {
	t.Helper()
	stdout, stderr := newShared(), newShared()
	root := New(Config{
		In: in, Out: stdout, Err: stderr, Getenv: env(t, "COMPOSA_URL", f.web.URL, "COMPOSA_TOKEN", fakeToken),
		Terminal: func(any) (int, int, bool) { return 120, 40, true }, Clock: func() time.Time { return noon },
	})
	code = Main(context.Background(), root, args)
	return code, stdout.String(), stderr.String()
}

func TestConsentOnATerminal(t *testing.T) {
	f := newFake()
	defer f.web.Close()
	if code, _, errOut := onTerminal(t, f, nil, "compose", "train", "--gpu", "1"); code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	for _, answer := range []string{"n\n", "\n", "", "yess\n"} {
		code, out, errOut := onTerminal(t, f, strings.NewReader(answer), "free", "train")
		if code != exitUsage || out != "" {
			t.Errorf("answer %q: exit %d, %q", answer, code, out)
		}
		if !strings.Contains(errOut, "power off train  (disturbs: power)") || !strings.Contains(errOut, "A host is switched off. Go on? [y/N]") {
			t.Errorf("answer %q: it does not show what it asks about:\n%s", answer, errOut)
		}
	}
	if f.machines["train"] == nil {
		t.Fatal("it was freed without a yes")
	}
	code, out, errOut := onTerminal(t, f, strings.NewReader("y\n"), "free", "train")
	if code != 0 || !strings.HasPrefix(out, "train is freed") {
		t.Errorf("exit %d, %q, %s", code, out, errOut)
	}
}

func TestTablesAreCutAndColouredOnATerminalOnly(t *testing.T) {
	f := newFake()
	defer f.web.Close()
	if code, _, errOut := onTerminal(t, f, nil, "compose", "train", "--gpu", "8", "--ssd", "2", "--nic", "2", "-q"); code != 0 {
		t.Fatal(errOut)
	}
	_, out, _ := onTerminal(t, f, nil, "machine", "ls", "-o", "wide")
	for _, line := range strings.Split(strings.TrimSpace(strings.NewReplacer(green, "", reset, "").Replace(out)), "\n") {
		if n := len([]rune(line)); n > 120+40 { // eight columns cannot become narrower than eight characters
			t.Errorf("a row of %d characters: %s", n, line)
		}
	}
	if !strings.Contains(out, green+"ready"+reset) || !strings.Contains(out, "…") {
		t.Errorf("not coloured or not cut: %q", out)
	}
	_, out, _ = onTerminal(t, f, nil, "machine", "ls", "--color", "never")
	if strings.Contains(out, "\x1b") {
		t.Errorf("coloured: %q", out)
	}
}

func TestSecondsAreReadable(t *testing.T) {
	for seconds, want := range map[float64]string{-1: "0 s", 0: "0 s", 0.0001: "1 ms", 0.02: "20 ms", 0.42: "0.4 s", 2: "2 s", 14.2: "14 s", 200: "3 min 20 s", 7500: "2 h 5 min"} {
		if got := secondsText(seconds); got != want {
			t.Errorf("%v = %q, want %q", seconds, got, want)
		}
	}
}

func TestDevicesAreCounted(t *testing.T) {
	var devices []api.MachineDevice
	for _, d := range []string{"ssd P4510", "gpu T4", "gpu A100", "gpu T4", "cpu R650", "nic ", "fpga U250", "fpga "} {
		kind, model, _ := strings.Cut(d, " ")
		devices = append(devices, api.MachineDevice{Kind: kind, Model: model})
	}
	want := "1 cpu R650, 3 gpu (1 A100, 2 T4), 1 ssd P4510, 1 nic, 2 fpga (1 unknown, 1 U250)"
	if got := devicesText(devices); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
