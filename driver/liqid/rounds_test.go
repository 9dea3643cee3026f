package liqid

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// TestRounds holds how many calls a machine of three devices costs, and how many
// of them wait for another one, when the driver knows its director and nothing
// was looked at lately. The shortest way that is legal is written beside it: the
// open, one call a device, the commit and one look, or the one call and the look,
// and one round to choose a number. What is more is the price of safety: it must
// not grow unnoticed. -update rewrites testdata/rounds.txt.
func TestRounds(t *testing.T) {
	var got strings.Builder
	fmt.Fprintln(&got, "# What each step costs, by era: calls, rounds of calls, rounds of the shortest legal way, polls of links.")
	for _, era := range emulator.Eras() {
		synctest.Test(t, func(t *testing.T) {
			r := newRecorder(t, era)
			l := &counted{t: t, rec: r, f: newConversation(t, r).fabric, ref: composa.MachineRef{ID: "mach_k3v9q2xw00000000", Name: "train", Label: "traink3v9q2xw"}}
			l.observe()
			l.compose() // what is asked only once is asked
			l.free()
			r.steps = nil
			time.Sleep(2 * seating)
			l.compose()
			time.Sleep(2 * seating)
			l.free()
			for _, v := range r.director.Violations() {
				t.Errorf("a rule was broken: %+v", v)
			}
			l.tell(&got)
		})
	}
	file := filepath.Join("testdata", "rounds.txt")
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got, -update rewrites):\n%s", file, diff)
	}
}

// counted carries out the steps of one machine after the other, and looks only
// before the first.
type counted struct {
	t     *testing.T
	rec   *recorder
	f     *Fabric
	ref   composa.MachineRef
	parts []composa.DeviceRef
	least []int // rounds of the shortest legal way, by step
}

func (l *counted) observe() {
	l.t.Helper()
	p, err := l.f.Observe(l.t.Context(), composa.Scope{})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, name := range []string{"pcpu0", "gpu0", "gpu1"} {
		d := p.Device(name)
		l.parts = append(l.parts, composa.DeviceRef{ID: composa.DeviceID("dev_" + name), Name: name, Kind: d.Kind, Fingerprint: d.Fingerprint})
	}
}

func (l *counted) step(act composa.Act) composa.Step {
	return composa.Step{Act: act, Fabric: rackName, Machine: l.ref, Lock: composa.LockEdit}
}

func (l *counted) compose() {
	l.t.Helper()
	enter := l.step(composa.ActEnter)
	enter.Attach = l.parts
	l.apply(enter, len(l.parts)+3)
	made := l.apply(l.step(composa.ActMake), 3)
	l.ref.Native, l.ref.NativeSince = made.Machines[0].Native, made.Machines[0].Created
	attach := l.step(composa.ActReshape)
	attach.Attach = l.parts
	l.apply(attach, len(l.parts)+3)
	on := l.step(composa.ActPower)
	on.On, on.Show = true, l.all()
	l.apply(on, 2)
}

func (l *counted) free() {
	l.t.Helper()
	off := l.step(composa.ActPower)
	off.Grace = time.Minute
	l.apply(off, 2)
	detach := l.step(composa.ActReshape)
	detach.Detach = l.parts
	for _, d := range l.parts {
		detach.Expect.Holds = append(detach.Expect.Holds, d.Name)
	}
	l.apply(detach, len(l.parts)+3)
	l.apply(l.step(composa.ActRemove), 3)
	leave := l.step(composa.ActLeave)
	leave.Detach, leave.Show = l.parts, l.all()
	l.apply(leave, len(l.parts)+3)
	l.ref.Native, l.ref.NativeSince = "", time.Time{}
}

// all is the scope of the whole operation.
func (l *counted) all() composa.Scope {
	s := l.step(composa.ActEnter)
	s.Attach = l.parts
	return s.Scope()
}

func (l *counted) apply(s composa.Step, least int) *composa.Picture {
	l.t.Helper()
	l.rec.open(string(s.Act))
	defer l.rec.close()
	if s.Act == composa.ActMake {
		native, err := l.f.Reserve(l.t.Context(), s)
		if err != nil {
			l.t.Fatal(err)
		}
		s.Machine.Native = native
	}
	p, err := l.f.Apply(l.t.Context(), s)
	if err != nil {
		l.t.Fatalf("%s: %v", s.String(), err)
	}
	if standing, why := s.Judge(p); standing != composa.Holds || !p.Complete || !p.Scope.Covers(s.Shown()) {
		l.t.Fatalf("%s: %s %s, complete %t, of %+v", s.String(), standing, why, p.Complete, p.Scope)
	}
	l.least = append(l.least, least)
	return p
}

func (l *counted) tell(out *strings.Builder) {
	fmt.Fprintf(out, "\n%s\n", l.rec.era)
	least := l.least[len(l.least)-len(l.rec.steps):]
	var calls, rounds, short int
	for i, s := range l.rec.steps {
		asked := slices.DeleteFunc(slices.Clone(s.calls), func(e *exchange) bool { return strings.Contains(e.path, "/async/") })
		fmt.Fprintf(out, "  %-8s %2d calls, %2d rounds (%d), %d polls\n", s.title, len(asked), inTurn(asked), least[i], len(s.calls)-len(asked))
		calls, rounds, short = calls+len(asked), rounds+inTurn(asked), short+least[i]
		if i == 3 || i == 7 {
			fmt.Fprintf(out, "  together %2d calls, %2d rounds (%d)\n", calls, rounds, short)
			calls, rounds, short = 0, 0, 0
		}
	}
}

// inTurn is how many calls came one after the other: the most of which no two
// were made at the same time.
func inTurn(calls []*exchange) (n int) {
	sorted := slices.Clone(calls)
	slices.SortFunc(sorted, func(a, b *exchange) int { return int(a.at + a.took - b.at - b.took) })
	end := time.Duration(-1)
	for _, e := range sorted {
		if e.at >= end {
			n, end = n+1, e.at+e.took
		}
	}
	return n
}
