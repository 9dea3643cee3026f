package damage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// Storm is many things at once, decided by a seed: two racks of some eras and
// habits, people who ask at the same time, somebody else on the same directors,
// effects that come late, restarts of directors and of the server, and the other
// faults.
type Storm struct {
	Seed  uint64
	Lasts time.Duration
}

// What the storms are made of.
var (
	// lateFaults hit the calls that commit.
	lateFaults = []string{
		"1/3 POST fabric/reprogram late=30s", "1/3 POST pool/done late=20s", "1/2 DELETE machine/* late=30s",
		"1/2 POST fabric/reprogram late=5s", "1/3 * late=12s",
	}
	otherFaults = []string{
		"1/40 * drop-after", "1/40 * drop-before", "1/60 * status=500", "1/30 * status=503", "1/80 * hang", "1/40 * delay=2s",
		"1/60 GET * stale", "1/50 * html", "1/60 * half", "1/60 * types", "1/60 * empty", "1/120 * restart", "1/150 * restart=2s",
		"1/8 POST fabric/* steal-edit", "1/8 POST pool/* steal-edit",
	}
)

// Stormed tells what a storm came to.
type Stormed struct {
	Directors []string // how each was
	Ended     map[composa.Phase]int
	Made      map[string]int // operations that were done, by era
	Fired     map[emulator.Effect]int
	Kills     int
	Trace     []string
}

// storm is one under way.
type storm struct {
	*play
	Storm
	rng *rand.Rand // of who sets the storm up; others have their own
	res *Stormed

	mu       sync.Mutex
	turn     chan struct{} // held by who asks the server, or kills it: a mutex would stop virtual time
	released map[string]bool
	accepted []composa.OperationID
	theirs   map[string]bool // places in others' hands, as they were seen last
	broken   []string        // what did not hold meanwhile
}

// Rage carries a storm out, in a bubble of virtual time, until all is calm and
// given back. An error is one of the rehearsal itself; damage stands in lines.
func Rage(ctx context.Context, c Storm) (res *Stormed, lines []string, err error) {
	s := &storm{
		Storm: c, rng: rand.New(rand.NewPCG(c.Seed, 11)), released: map[string]bool{}, theirs: map[string]bool{}, turn: make(chan struct{}, 1),
		res: &Stormed{Ended: map[composa.Phase]int{}, Made: map[string]int{}, Fired: map[emulator.Effect]int{}},
	}
	var directors []emulator.Config
	for range 2 {
		d, err := s.director()
		if err != nil {
			return s.res, nil, err
		}
		directors = append(directors, d)
	}
	site, err := Open(ctx, nil, directors...)
	if err != nil {
		return s.res, nil, err
	}
	defer site.Close()
	s.play = &play{Site: site, out: &Outcome{}}
	if err := s.rage(ctx); err != nil {
		return s.res, nil, err
	}
	return s.res, append(s.broken, s.out.Damage...), nil
}

// director chooses what a rack is like.
func (s *storm) director() (emulator.Config, error) {
	c := emulator.Config{
		API: emulator.Eras()[s.rng.IntN(len(emulator.Eras()))], Seed: s.Seed,
		Counts:        emulator.Counts{CPUs: 3, GPUs: 5, SSDs: 2, NICs: 1},
		CallLatency:   emulator.Latency{Max: 5 * time.Millisecond},
		CommitLatency: emulator.Latency{Min: 100 * time.Millisecond, Max: 2 * time.Second},
	}
	for _, name := range emulator.HabitNames() {
		if s.rng.IntN(3) == 0 {
			values := emulator.HabitValues(name)
			if err := c.Habits.Set(name + "=" + values[s.rng.IntN(len(values))]); err != nil {
				return c, err
			}
		}
	}
	s.res.Directors = append(s.res.Directors, c.API+" "+c.Habits.String())
	return c, nil
}

func (s *storm) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.res.Trace = append(s.res.Trace, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (s *storm) rage(ctx context.Context) error {
	if ok, err := s.Seen(ctx, time.Time{}); !ok {
		return fmt.Errorf("the racks are not seen: %w", err)
	}
	for _, r := range s.racks {
		rules := []string{lateFaults[s.rng.IntN(len(lateFaults))]}
		for range s.rng.IntN(4) {
			rules = append(rules, otherFaults[s.rng.IntN(len(otherFaults))])
		}
		if err := setFaults(r.director, rules); err != nil {
			return err
		}
		s.note("%s: %v", r.name, rules)
	}
	over := time.Now().Add(s.Lasts)
	var all sync.WaitGroup
	people, rivals := 2+s.rng.IntN(2), s.rng.IntN(2)
	kills := s.rng.IntN(3) == 0
	start := func(n uint64, pause time.Duration, act func(*rand.Rand)) {
		rng := rand.New(rand.NewPCG(s.Seed, 100+n))
		all.Go(func() {
			for time.Now().Before(over) && wait(ctx, time.Duration(rng.Int64N(int64(2*pause)))) == nil {
				act(rng)
			}
		})
	}
	for i := range people {
		start(uint64(i), 12*time.Second, func(rng *rand.Rand) { s.request(ctx, rng) })
	}
	for i := range rivals {
		start(uint64(50+i), 15*time.Second, func(rng *rand.Rand) { s.rival(rng) })
	}
	if kills {
		start(70, 40*time.Second, func(*rand.Rand) { s.restart(ctx) })
	}
	start(80, time.Second, func(*rand.Rand) { s.watch(ctx) })
	all.Wait()
	return s.calm(ctx)
}

func setFaults(d *emulator.Director, texts []string) error {
	var rules []emulator.FaultRule
	for _, text := range texts {
		r, err := emulator.ParseFault(text)
		if err != nil {
			return err
		}
		rules = append(rules, r)
	}
	return d.SetFaults(rules...)
}

// says notes what does not hold.
func (s *storm) says(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.note("BROKEN: %s", line)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.broken) < 20 {
		s.broken = append(s.broken, "meanwhile: "+line)
	}
}

// watch says what does not hold that must hold at any moment. What is stored and
// what the directors hold cannot be read at once, so it judges only where
// nothing was stored in between.
func (s *storm) watch(ctx context.Context) {
	before, err := s.now(ctx)
	if err != nil {
		s.says("the store cannot be read: %v", err)
		return
	}
	snaps := make([]emulator.Snapshot, len(s.racks))
	for i, r := range s.racks {
		snaps[i] = r.director.Snapshot()
	}
	site, err := s.now(ctx)
	if err != nil || !reflect.DeepEqual(site.Machines, before.Machines) || !reflect.DeepEqual(site.Claims, before.Claims) {
		return
	}
	for i, r := range s.racks {
		t := &truth{site: site, rack: r, snap: snaps[i], mark: composa.GroupMark(s.id)}
		t.inUse()
		t.bindings()
		s.rivalsKeep(r, snaps[i], t)
		for _, line := range t.lines {
			s.says("%s", line)
		}
	}
}

// rivalsKeep: what was in somebody else's machine stays there until he gives it
// back.
func (s *storm) rivalsKeep(r *rack, snap emulator.Snapshot, t *truth) {
	for _, d := range snap.Devices {
		place := string(r.name) + "/" + d.Name
		theirs := d.Group != 0 && !t.ours(d.Group)
		s.mu.Lock()
		if !theirs && s.theirs[place] && !s.released[place] {
			t.says("%s was somebody else's, and is taken away", d.Name)
		}
		if theirs && !s.theirs[place] {
			delete(s.released, place)
		}
		s.theirs[place] = theirs
		s.mu.Unlock()
	}
}

// calm ends the storm: nothing goes wrong any more, others leave, people decide
// what is held, and everything is given back.
func (s *storm) calm(ctx context.Context) error {
	s.note("CALM")
	for _, r := range s.racks {
		for _, f := range r.director.Faults() {
			s.res.Fired[f.Rule.Effect] += f.Fired
		}
		if err := r.director.SetFaults(); err != nil {
			return err
		}
	}
	if err := wait(ctx, afterTime); err != nil {
		return err
	}
	s.othersLeave()
	if err := s.comeToRest(ctx); err != nil {
		return err
	}
	s.othersLeave()
	s.play.before = nil
	for _, r := range s.racks {
		s.play.before = append(s.play.before, s.others(r))
	}
	if err := s.check(ctx, "at rest"); err != nil {
		return err
	}
	for _, id := range s.accepted {
		op, err := s.store.Operation(ctx, s.who, id)
		if err != nil {
			return err
		}
		s.res.Ended[op.Phase]++
		if i := slices.IndexFunc(s.racks, func(r *rack) bool { return r.name == op.Fabric }); i >= 0 && op.Phase == composa.PhaseDone {
			s.res.Made[strings.Fields(s.res.Directors[i])[0]]++
		}
	}
	for range 8 {
		site, err := s.now(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(site.Operations, func(op composa.Operation) bool { return op.Phase == composa.PhaseHeld })
		if i < 0 {
			break
		}
		s.note("held: %s %s", site.Operations[i].ID, site.Operations[i].Reason)
		if err := s.decide(ctx, site.Operations[i].ID); err != nil {
			return err
		}
	}
	return s.giveBack(ctx)
}

// othersLeave ends what others have open and gives back what they hold.
func (s *storm) othersLeave() {
	s.endForeign()
	for _, r := range s.racks {
		snap := r.director.Snapshot()
		for _, v := range snap.Sessions {
			if !s.oursGroup(snap, v.Group) {
				s.cancel(r, v)
			}
		}
		for _, d := range snap.Devices {
			if d.Group != 0 && !s.oursGroup(snap, d.Group) {
				s.note("RIVAL gives %s/%s back: %v", r.name, d.Name, r.director.Rival().Release(d.Name))
			}
		}
	}
}
