package runner

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver/memory"
)

// TestLivesEnd lets operations of several owners come, be cancelled, meet faults
// and a store that loses writes or answers, and restarts. At no time are two edit
// steps under way, or one beside a settling; and once nothing goes wrong any more
// everything ends. A failure prints the seed; COMPOSA_LIVES_SEED repeats it.
func TestLivesEnd(t *testing.T) {
	seeds, first := uint64(150), uint64(0)
	if os.Getenv("COMPOSA_PROVE") != "" {
		seeds = 5000
	}
	if one := os.Getenv("COMPOSA_LIVES_SEED"); one != "" {
		n, err := strconv.ParseUint(one, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, seeds = n, 1
	}
	shared := 0
	for seed := first; seed < first+seeds; seed++ {
		l := &life{rng: rand.New(rand.NewPCG(seed, 3))}
		l.scene = newSceneOf(t, memory.Grouped, time.Duration(seed%3/2)*5*time.Second,
			map[composa.Kind]int{composa.KindCPU: 6, composa.KindGPU: 6, composa.KindSSD: 2})
		why := l.live()
		shared += l.shared
		if why != "" {
			t.Fatalf("COMPOSA_LIVES_SEED=%d: %s\n%s", seed, why, strings.Join(l.out[max(0, len(l.out)-200):], "\n"))
		}
	}
	if shared == 0 && seeds > 1 {
		t.Error("no call was ever shared")
	}
}

// life is a scene in which things happen at random.
type life struct {
	*scene
	rng    *rand.Rand
	made   int
	shared int               // calls of several operations
	untold []composa.Advance // written, and the runner does not know yet
}

// live lets things happen, and then lets them go well. It says what was wrong.
func (l *life) live() string {
	for range 150 {
		l.happen()
		if why := l.wrong(); why != "" {
			return why
		}
	}
	for range 3000 {
		acted, wake := l.decideOnce(false)
		if why := l.wrong(); why != "" {
			return why
		}
		switch {
		case acted:
		case len(l.calls) > 0:
			l.makeOne(true)
		case !wake.IsZero():
			l.now = wake
		default:
			return l.left()
		}
	}
	return "it never ends"
}

// happen is one thing that happens.
func (l *life) happen() {
	switch k := l.rng.IntN(100); {
	case k < 10 && l.made < 6:
		l.compose(fmt.Sprintf("p%d", l.rng.IntN(3)), fmt.Sprintf("m%d", l.made), []string{fmt.Sprintf("cpu%d", l.made), fmt.Sprintf("gpu%d", l.made)}, nil)
		l.made++
	case k < 12 && len(l.site.Operations) > 0 && len(l.untold) == 0:
		op := &l.site.Operations[l.rng.IntN(len(l.site.Operations))]
		op.CancelRequested, op.Revision = true, op.Revision+1
		l.say("cancel %s", op.ID)
	case k < 55:
		l.decideOnce(true)
	case k < 85 && len(l.calls) > 0:
		l.struck()
	case k < 97:
		l.now = l.now.Add(time.Duration(l.rng.IntN(30)) * time.Millisecond)
	case k < 99:
		l.now = l.now.Add(time.Duration(l.rng.IntN(3)) * time.Second)
	case l.rng.IntN(3) == 0:
		l.say("restart")
		l.turnUp()
		l.restart()
	}
}

// struck makes one of the calls, and something may go wrong with it.
func (l *life) struck() {
	i := l.rng.IntN(len(l.calls))
	l.calls[0], l.calls[i] = l.calls[i], l.calls[0]
	c := l.calls[0]
	if c.Kind == CallApply && c.Step.Act == composa.ActEnter && c.Step.Machine.ID == "" {
		l.shared++
	}
	faults := map[int][]memory.Fault{
		0: {memory.Refuse(composa.CodeBusy)}, 1: {memory.Refuse(composa.CodeBusy)}, 2: {memory.Refuse(composa.CodeBusy)},
		3: {memory.LoseAnswer()}, 4: {memory.LoseCall()}, 5: {memory.Refuse(composa.CodeFailed)}, 6: {{}, memory.LoseAnswer()},
	}
	l.fault = faults[l.rng.IntN(12)]
	l.say("  make %s of %s", c.Kind, c.Operation)
	l.makeOne(true)
	l.fault = nil
}

// decideOnce decides and writes. Where the store is lossy a write is not made, or
// it is and the runner reads what was before once more.
func (l *life) decideOnce(lossy bool) (acted bool, wake time.Time) {
	eff, wake := l.decide(l.stored())
	untold := l.untold
	l.turnUp()
	for _, a := range eff.Advances {
		switch {
		case slices.ContainsFunc(untold, func(o composa.Advance) bool { return o.Operation == a.Operation }):
			l.say("  the write of %s finds it moved", a.Operation)
		case lossy && l.rng.IntN(10) == 0:
			l.say("  the write of %s is not told", a.Operation)
			l.untold = append(l.untold, a)
		case lossy && l.rng.IntN(15) == 0:
			l.say("  the write of %s is lost", a.Operation)
		default:
			l.write(a)
		}
	}
	return len(eff.Calls)+len(eff.Advances) > 0, wake
}

// turnUp has the runner see what it was not told.
func (l *life) turnUp() {
	for _, a := range l.untold {
		l.say("  the write that was not told is there:")
		l.write(a)
	}
	l.untold = nil
}

// wrong says what must never be among the calls that are under way.
func (l *life) wrong() string {
	applied, settled := 0, 0
	for _, c := range l.calls {
		switch {
		case c.Step.Lock != composa.LockEdit:
		case c.Kind == CallApply:
			applied++
		case c.Kind == CallSettle:
			settled++
		}
	}
	switch {
	case applied > 1:
		return "two edit steps are under way at once"
	case applied > 0 && settled > 0:
		return "an edit step is under way while another one is settled"
	}
	return ""
}

// left says what has neither ended nor is held, or was done to others.
func (l *life) left() string {
	for _, op := range l.stored() {
		return fmt.Sprintf("%s is stuck, %s, at %+v", op.ID, op.Phase, current(&op))
	}
	if v := l.world.Violations(); len(v) > 0 {
		return fmt.Sprintf("violations: %v", v)
	}
	return ""
}
