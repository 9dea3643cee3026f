package driver

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/composa-dev/composa"
)

// When says when a fault strikes.
type When string

// A fault before the call keeps it from happening. One after it lets it happen
// and loses the answer. A late one answers at once and lets the call happen
// before a later one, or when the step is settled.
const (
	FaultBefore When = "before"
	FaultAfter  When = "after"
	FaultLate   When = "late"
)

// Fault is what goes wrong with one call. The zero value: nothing.
type Fault struct {
	When When
	// Code is what the caller is told. After and late it is always unknown,
	// but for a call that changes nothing.
	Code composa.Code
	// Calls is how many calls a late one lets pass; 0: it waits for Settle.
	Calls int
}

// Rule strikes the calls that it fits.
type Rule struct {
	Method Method      // empty: any but Watch
	Act    composa.Act // empty: any
	First  int         // strikes from the First-th call that fits, from 1; 0: the first
	Times  int         // so many times; 0: every time
	Fault  Fault
}

// Rules chooses faults by rules, the first that strikes.
func Rules(rules ...Rule) func(Call) Fault {
	var mu sync.Mutex
	seen := make([]int, len(rules))
	return func(c Call) Fault {
		mu.Lock()
		defer mu.Unlock()
		var fault Fault
		for i, r := range rules {
			if !r.fits(c) {
				continue
			}
			seen[i]++
			n := seen[i] - max(r.First, 1)
			if n >= 0 && (r.Times == 0 || n < r.Times) && fault.When == "" {
				fault = r.Fault
			}
		}
		return fault
	}
}

func (r Rule) fits(c Call) bool {
	if r.Act != "" && (c.Step == nil || c.Step.Act != r.Act) {
		return false
	}
	return r.Method == c.Method || r.Method == "" && c.Method != MethodWatch
}

// RandomFaults lets about one call in every go wrong, as rng chooses; watches
// are left alone. It may be called at the same time.
func RandomFaults(rng *rand.Rand, every int) func(Call) Fault {
	var mu sync.Mutex
	return func(c Call) Fault {
		mu.Lock()
		defer mu.Unlock()
		if every <= 0 || c.Method == MethodWatch || rng.IntN(every) != 0 {
			return Fault{}
		}
		nothing := []composa.Code{composa.CodeBusy, composa.CodeUnreachable, composa.CodeRefused}
		switch n := rng.IntN(5); {
		case c.Method != MethodApply:
			return Fault{When: FaultBefore, Code: composa.CodeUnreachable}
		case n < 3:
			return Fault{When: FaultBefore, Code: nothing[n]}
		case n == 3:
			return Fault{When: FaultAfter}
		}
		return Fault{When: FaultLate, Calls: rng.IntN(3)}
	}
}

// WithFaults returns f with what choose says going wrong. choose is asked once
// for each call, before it, and may be asked at the same time.
func WithFaults(f Fabric, choose func(Call) Fault) Fabric {
	return pass(&faulty{within: f, choose: choose}, f)
}

type faulty struct {
	within Fabric
	choose func(Call) Fault

	mu    sync.Mutex
	calls int
	late  []lateApply
}

// lateApply is a step that was answered and has not happened yet.
type lateApply struct {
	step composa.Step
	due  int // happens before this call; 0: with Settle
}

// begin chooses what goes wrong with a call, after letting happen what is due.
func (f *faulty) begin(ctx context.Context, c Call) Fault {
	f.mu.Lock()
	f.calls++
	var ripe []lateApply
	f.late = slices.DeleteFunc(f.late, func(l lateApply) bool {
		if l.due > 0 && l.due <= f.calls {
			ripe = append(ripe, l)
			return true
		}
		return false
	})
	f.mu.Unlock()
	f.happen(ctx, ripe)
	return f.choose(c)
}

// happen carries out late steps. Nobody hears how they end.
func (f *faulty) happen(ctx context.Context, steps []lateApply) {
	for _, l := range steps {
		_, _ = f.within.Apply(context.WithoutCancel(ctx), l.step)
	}
}

func (f *faulty) errorf(c Call, code composa.Code) error {
	if code == "" {
		code = composa.CodeUnknown
	}
	what := string(c.Method)
	if c.Step != nil {
		what += ", " + c.Step.String()
	}
	return composa.Errorf(code, "cannot %s: a fault was injected", what)
}

// plain does a call that changes nothing: whatever strikes it, it fails.
func (f *faulty) plain(ctx context.Context, c Call, do func() error) error {
	switch fault := f.begin(ctx, c); fault.When {
	case FaultAfter, FaultLate:
		_ = do() // its answer is lost
		return f.errorf(c, fault.Code)
	case FaultBefore:
		return f.errorf(c, fault.Code)
	}
	return do()
}

func (f *faulty) Abilities(ctx context.Context) (a *composa.Abilities, err error) {
	err = f.plain(ctx, Call{Method: MethodAbilities}, func() (err error) { a, err = f.within.Abilities(ctx); return err })
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (f *faulty) Observe(ctx context.Context, scope composa.Scope) (p *composa.Picture, err error) {
	err = f.plain(ctx, Call{Method: MethodObserve, Scope: &scope}, func() (err error) { p, err = f.within.Observe(ctx, scope); return err })
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (f *faulty) Apply(ctx context.Context, s composa.Step) (*composa.Picture, error) {
	c := Call{Method: MethodApply, Step: &s}
	switch fault := f.begin(ctx, c); fault.When {
	case FaultBefore:
		return nil, f.errorf(c, fault.Code)
	case FaultAfter:
		_, _ = f.within.Apply(ctx, s) // its answer is lost
		return nil, f.errorf(c, composa.CodeUnknown)
	case FaultLate:
		f.mu.Lock()
		l := lateApply{step: s}
		if fault.Calls > 0 {
			l.due = f.calls + fault.Calls + 1
		}
		f.late = append(f.late, l)
		f.mu.Unlock()
		return nil, f.errorf(c, composa.CodeUnknown)
	}
	return f.within.Apply(ctx, s)
}

// Settle lets what is late of the step happen, then settles it.
func (f *faulty) Settle(ctx context.Context, s composa.Step) error {
	return f.plain(ctx, Call{Method: MethodSettle, Step: &s}, func() error {
		f.mu.Lock()
		var mine []lateApply
		f.late = slices.DeleteFunc(f.late, func(l lateApply) bool {
			if l.step.String() == s.String() {
				mine = append(mine, l)
				return true
			}
			return false
		})
		f.mu.Unlock()
		f.happen(ctx, mine)
		return f.within.Settle(ctx, s)
	})
}

// prepare fails without a word: whatever strikes it, the step reads itself.
func (f *faulty) prepare(ctx context.Context, within Preparer, s composa.Step) {
	_ = f.plain(ctx, Call{Method: MethodPrepare, Step: &s}, func() error { within.Prepare(ctx, s); return nil })
}

func (f *faulty) reserve(ctx context.Context, within Reserver, s composa.Step) (native string, err error) {
	err = f.plain(ctx, Call{Method: MethodReserve, Step: &s}, func() (err error) { native, err = within.Reserve(ctx, s); return err })
	if err != nil {
		return "", err
	}
	return native, nil
}

func (f *faulty) watch(ctx context.Context, within Watcher, changed chan<- struct{}) error {
	return f.plain(ctx, Call{Method: MethodWatch}, func() error { return within.Watch(ctx, changed) })
}
