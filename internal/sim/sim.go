package sim

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/memory"
	"github.com/composa-dev/composa/internal/intake"
	"github.com/composa-dev/composa/internal/inventory"
	"github.com/composa-dev/composa/internal/runner"
	"github.com/composa-dev/composa/internal/store"
)

// Config says what is simulated.
type Config struct {
	Seed    uint64
	Shape   memory.Shape
	Actions int  // how many things happen before it is drained
	Faults  bool // calls of the driver go wrong
	Late    bool // and what they do happens later, more often than else
	Crashes bool // the server is killed
	Rivals  bool // others act on the same fabric
	// SettleTime is that of the world.
	SettleTime time.Duration
	Keep       bool // freed devices stay in the site's group
}

const fabricName composa.FabricName = "rack1"

// sim is one simulated site. What a kill of the server loses is in server.
type sim struct {
	config Config
	rng    *rand.Rand
	now    time.Time
	ctx    context.Context
	trace  []string

	world   *memory.World
	store   *store.Store
	who     composa.Who
	project composa.ProjectID
	server  *server

	known   *composa.Site   // as it was read last
	changed <-chan struct{} // something was committed since

	quiet     bool              // no more faults
	killed    bool              // the driver died in the middle of a call
	rivals    map[string]bool   // native handles of machines of others
	taken     map[string]string // device to the machine of others that it is in
	strange   map[string]bool   // devices that others put into machines of ours
	out       map[string]bool   // devices that others pulled out
	disturbed map[string]bool   // devices that others ever took from where they were
	finished  map[composa.Phase]int
	kills     int
	companies int // calls that several operations shared
	parted    int // and that failed
}

// server is all that the process remembers.
type server struct {
	driver    driver.Fabric
	intake    *intake.Intake
	epoch     int64
	runner    runner.State
	calls     []runner.Call
	answers   []runner.Answer
	inventory inventory.State
	looking   bool
	looked    *inventory.Look
	nudged    bool
}

// Result tells what a simulation came to, so that a test can see that it was
// about something.
type Result struct {
	Ended map[composa.Phase]int // operations by how they ended
	Kills int
	Calls int
	// Companies counts the calls that several operations shared, and Parted those
	// of them that ended with an error.
	Companies, Parted int
	Trace             []string // the newest things that happened
}

// Run simulates. An error is a truth that did not hold.
func Run(c Config) (*Result, error) {
	s, err := start(c)
	if err != nil {
		return &Result{}, err
	}
	defer s.store.Close()
	err = s.run()
	calls, _ := s.world.Calls()
	return &Result{Ended: s.finished, Kills: s.kills, Calls: calls, Companies: s.companies, Parted: s.parted, Trace: s.trace}, err
}

func start(c Config) (*sim, error) {
	s := &sim{
		config: c, rng: rand.New(rand.NewPCG(c.Seed, 7)), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), ctx: context.Background(),
		rivals: map[string]bool{}, taken: map[string]string{}, strange: map[string]bool{}, finished: map[composa.Phase]int{},
		out: map[string]bool{}, disturbed: map[string]bool{},
	}
	var err error
	if s.store, err = store.Open(s.ctx, store.Options{URL: "sqlite::memory:", Clock: s.clock}); err != nil {
		return nil, err
	}
	s.changed, _ = s.store.Notify()
	id, err := s.store.Identity(s.ctx, composa.System())
	if err != nil {
		return nil, err
	}
	admin, err := s.store.EnsureAdmin(s.ctx, composa.System())
	if err != nil {
		return nil, err
	}
	projects, err := s.store.Projects(s.ctx, composa.System())
	if err != nil {
		return nil, err
	}
	s.project = projects[0].ID
	s.who = composa.Who{Principal: admin, Projects: []composa.ProjectID{s.project}}
	s.world = memory.New(memory.Config{
		Name: fabricName, Shape: c.Shape, Site: id.Site, Clock: s.clock, SettleTime: c.SettleTime,
		Counts: map[composa.Kind]int{composa.KindCPU: 4, composa.KindGPU: 8, composa.KindSSD: 4, composa.KindNIC: 3},
	})
	if err := s.store.PutFabric(s.ctx, composa.System(), composa.Fabric{
		Name: fabricName, Driver: "memory", Source: "config", Access: composa.AccessManage, Keep: c.Keep,
	}); err != nil {
		return nil, err
	}
	if err := s.boot(); err != nil {
		return nil, err
	}
	s.world.Fail(s.fault())
	return s, nil
}

// site is what is stored now, read again only where something was committed.
func (s *sim) site() (*composa.Site, error) {
	select {
	case <-s.changed:
		s.known = nil
	default:
	}
	var err error
	if s.known == nil {
		s.known, err = s.store.Site(s.ctx, composa.System())
	}
	return s.known, err
}

// clock never stands still, so that two moments are never one.
func (s *sim) clock() time.Time {
	s.now = s.now.Add(time.Microsecond)
	return s.now
}

func (s *sim) pass(d time.Duration) { s.now = s.now.Add(d) }

func (s *sim) note(format string, args ...any) {
	s.trace = append(s.trace, s.now.Format("15:04:05.000000 ")+fmt.Sprintf(format, args...))
	if len(s.trace) > 400 {
		s.trace = s.trace[200:]
	}
}

// fault chooses what goes wrong with a call of the driver.
func (s *sim) fault() func(memory.Call) memory.Fault {
	random := memory.Random(s.rng, 7)
	return func(c memory.Call) memory.Fault {
		if s.quiet {
			return memory.Fault{}
		}
		var f memory.Fault
		if s.config.Faults {
			f = random(c)
		}
		if s.config.Late && c.Changing && s.rng.IntN(5) == 0 {
			f = memory.Late(s.rng.IntN(3) * 10)
		}
		if s.config.Crashes && c.Changing && s.rng.IntN(40) == 0 {
			f = memory.Fault{Crash: true, Effect: []memory.Effect{memory.EffectNone, memory.EffectDone, memory.EffectLate}[s.rng.IntN(3)]}
			s.killed = true
		}
		if f != (memory.Fault{}) {
			s.note("    fault at %s: %+v", c, f)
		}
		return f
	}
}

// boot starts the server: it remembers nothing.
func (s *sim) boot() error {
	epoch, err := s.store.TakeTenure(s.ctx, composa.System(), fabricName, "server")
	if err != nil {
		return err
	}
	f := s.world.Fabric()
	r := runner.New(runner.Config{Fabric: fabricName, Driver: f, Store: s.store, Epoch: epoch, Clock: s.clock})
	i := inventory.New(inventory.Config{Fabric: fabricName, Driver: f, Store: s.store, Epoch: epoch, Clock: s.clock})
	s.server = &server{
		driver: f, epoch: epoch, intake: intake.New(s.store, slog.New(slog.DiscardHandler)),
		runner: r.NewState(), inventory: i.NewState(),
	}
	s.killed = false
	return nil
}

// kill ends the server at this point. What was being called may still arrive,
// and nobody hears the answer.
func (s *sim) kill() error {
	s.kills++
	s.note("KILL")
	for _, c := range s.server.calls {
		if s.rng.IntN(3) == 0 && !s.killed {
			s.note("  its %s %s still arrives", c.Kind, c.Step.String())
			_ = runner.Make(s.ctx, s.server.driver, c)
		}
	}
	return s.boot()
}

// run lets things happen, and then drains.
func (s *sim) run() error {
	for range s.config.Actions {
		s.pass(s.while())
		if err := s.act(); err != nil {
			return err
		}
		if s.killed {
			if err := s.kill(); err != nil {
				return err
			}
		}
		if err := s.always(); err != nil {
			return err
		}
	}
	return s.drain()
}

// while is how long lies between two things that happen: often less than a wait
// or a write takes.
func (s *sim) while() time.Duration {
	if s.rng.IntN(2) == 0 {
		return time.Duration(s.rng.IntN(30)) * time.Millisecond
	}
	return time.Duration(s.rng.IntN(2000)) * time.Millisecond
}

// act does one thing.
func (s *sim) act() error {
	switch n := s.rng.IntN(100); {
	case n < 7:
		return s.request()
	case n < 10:
		return s.cancel()
	case n < 11:
		return s.decide()
	case n < 45:
		return s.runnerTurn()
	case n < 75:
		s.call()
	case n < 85:
		return s.inventoryTurn()
	case n < 92:
		s.look()
	case n < 94:
		return s.intakeTurn()
	case n < 95:
		s.pass(time.Duration(s.rng.IntN(60)) * time.Second)
	case n < 97 && s.config.Rivals:
		s.rival()
	case n < 98 && s.config.Crashes:
		return s.kill()
	}
	return nil
}

// runnerTurn decides about all operations, writes what that comes to, and
// leaves the calls for later. The server can be killed before any write.
func (s *sim) runnerTurn() error {
	v := s.server
	site, err := s.site()
	if err != nil {
		return err
	}
	in := runner.Input{Operations: runner.Open(site, fabricName), Answers: v.answers}
	next, eff, _ := runner.Next(v.runner, s.clock(), in)
	if eff.NeedSite {
		if in.Site, err = s.store.Site(s.ctx, composa.System()); err != nil {
			return err
		}
		next, eff, _ = runner.Next(v.runner, s.clock(), in)
	}
	v.runner, v.answers = next, nil
	for _, a := range eff.Advances {
		if s.config.Crashes && !s.quiet && s.rng.IntN(60) == 0 {
			return s.kill()
		}
		if s.config.Faults && !s.quiet && s.rng.IntN(40) == 0 {
			s.note("  the store failed for %s", a.Operation)
			continue
		}
		op, err := s.store.Advance(s.ctx, composa.System(), a)
		switch {
		case composa.CodeOf(err) == composa.CodeMoved:
			s.note("  %s moved: %v", a.Operation, err)
			continue
		case err != nil:
			return fmt.Errorf("the store refused what the runner wrote: %w", err)
		}
		s.note("  %s %s: %s %s %q", op.ID, op.Verb, op.Phase, op.Direction, op.Reason)
		for _, r := range a.Steps {
			s.note("    step %d.%d %s: %s (attempt %d) %s", r.Generation, r.Ordinal, r.Step.String(), r.State, r.Attempt, r.Evidence)
		}
		if op.Phase.Ended() {
			s.finished[op.Phase]++
		}
		if op.Phase == composa.PhaseHeld {
			s.note("    held: %+v", op.Result)
		}
	}
	v.calls = append(v.calls, eff.Calls...)
	v.nudged = v.nudged || eff.Nudge
	return nil
}

// call makes one of the calls that the runner wants, in any order.
func (s *sim) call() {
	v := s.server
	if len(v.calls) == 0 {
		return
	}
	i := s.rng.IntN(len(v.calls))
	c := v.calls[i]
	v.calls = append(v.calls[:i:i], v.calls[i+1:]...)
	s.note("  %s of %s: %s", c.Kind, c.Operation, c.Step.String())
	a := runner.Make(s.ctx, v.driver, c)
	a.Ended = s.clock()
	if c.Kind == runner.CallApply && c.Step.Act == composa.ActEnter && c.Step.Machine.ID == "" {
		s.companies++
		if a.Err != nil {
			s.parted++
		}
	}
	if a.Err != nil {
		s.note("    -> %v", a.Err)
	}
	v.answers = append(v.answers, a)
}

// inventoryTurn decides about looking, and writes what was seen.
func (s *sim) inventoryTurn() error {
	v := s.server
	in := inventory.Input{Nudged: v.nudged, Looked: v.looked}
	next, eff, _ := inventory.Next(v.inventory, s.clock(), in)
	var err error
	if eff.NeedSite {
		if in.Site, err = s.store.Site(s.ctx, composa.System()); err != nil {
			return err
		}
		next, eff, _ = inventory.Next(v.inventory, s.clock(), in)
	}
	if eff.NeedGone {
		if in.Gone, err = s.store.GoneDevices(s.ctx, composa.System(), fabricName); err != nil {
			return err
		}
		if in.Gone == nil {
			in.Gone = []composa.Device{}
		}
		next, eff, _ = inventory.Next(v.inventory, s.clock(), in)
	}
	if eff.Record != nil {
		if err := s.store.Record(s.ctx, composa.System(), *eff.Record); err != nil && composa.CodeOf(err) != composa.CodeMoved {
			return fmt.Errorf("the store refused what the inventory wrote: %w", err)
		}
		for _, c := range eff.Record.Claims {
			s.note("  inventory: claim %s closed: %s", c.Claim, c.Evidence)
		}
		for _, p := range eff.Record.Parts {
			s.note("  inventory: part %s at %q new %v gone %v back %v", p.Device.ID, p.Device.Name, p.New, p.Gone, p.Back)
		}
	}
	v.inventory, v.nudged, v.looked = next, false, nil
	v.looking = v.looking || eff.Look
	return nil
}

// look makes the look that the inventory wants.
func (s *sim) look() {
	v := s.server
	if !v.looking {
		return
	}
	p, err := v.driver.Observe(s.ctx, composa.Scope{})
	v.looking, v.looked = false, &inventory.Look{Picture: p, Err: err}
}

func (s *sim) intakeTurn() error {
	if _, err := s.server.intake.Turn(s.ctx); err != nil {
		s.note("  queue: %v", err)
		if composa.CodeOf(err) == composa.CodeInternal {
			return err
		}
	}
	return nil
}
