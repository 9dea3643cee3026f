package inventory

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/internal/outage"
)

// Store is what the inventory needs of the store.
type Store interface {
	Site(ctx context.Context, who composa.Who) (*composa.Site, error)
	// GoneDevices are the parts of a fabric that were taken out, the newest of
	// each fingerprint.
	GoneDevices(ctx context.Context, who composa.Who, fabric composa.FabricName) ([]composa.Device, error)
	// Record writes an observation, whole or not at all; moved where somebody
	// else has the fabric, or where a claim is not open any more.
	Record(ctx context.Context, who composa.Who, o composa.Observation) error
}

// Config is what an inventory is made of.
type Config struct {
	Fabric composa.FabricName
	Driver driver.Fabric
	Store  Store
	Epoch  int64 // of the tenure; 0: not checked
	// Every is the pause between two looks; zero: a second, or half a minute
	// where the fabric says that something changed.
	Every time.Duration
	Clock func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: nowhere
}

// lookTime bounds one look.
const lookTime = 2 * time.Minute

// Inventory looks at one fabric.
type Inventory struct {
	config  Config
	nudge   chan struct{}
	watcher driver.Watcher // nil where the fabric has none
	store   outage.Outage
}

// New returns an inventory that does nothing before Run.
func New(c Config) *Inventory {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	i := &Inventory{config: c, nudge: make(chan struct{}, 1)}
	i.watcher, _ = c.Driver.(driver.Watcher)
	return i
}

// Nudge asks for a look soon. It does not wait.
func (i *Inventory) Nudge() {
	select {
	case i.nudge <- struct{}{}:
	default:
	}
}

// NewState is a state that remembers nothing, as after a start.
func (i *Inventory) NewState() State {
	return State{
		Fabric: i.config.Fabric, Epoch: i.config.Epoch, Every: i.config.Every,
		NewID: func() composa.DeviceID { return composa.DeviceID(composa.NewID(composa.PrefixDevice)) },
	}
}

// Run looks until ctx ends, and then returns nil, or until somebody else has
// the tenure of the fabric, and then returns an error of code moved.
func (i *Inventory) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	watching := make(chan bool)
	changed := make(chan struct{}, 1)
	if i.watcher != nil {
		others.Go(func() { i.watch(ctx, changed, watching) })
	}
	looked := make(chan Look)
	state, in := i.NewState(), Input{}
	for {
		next, look, wake, err := i.turn(ctx, state, in)
		switch {
		case ctx.Err() != nil:
			return nil
		case composa.CodeOf(err) == composa.CodeMoved && i.lost(ctx):
			return composa.Errorf(composa.CodeMoved, "cannot look at %s: somebody else has taken it over", i.config.Fabric)
		case err != nil:
			// The look is lost with what it showed; the next one shows it again.
			i.store.Failed(i.config.Log, "cannot record a look: the store failed", "fabric", i.config.Fabric, "error", err)
			next, look, wake = i.putOff(state), false, i.config.Clock().Add(silentLeast)
		}
		state, in = next, Input{Watching: in.Watching}
		if look {
			others.Go(func() {
				l := i.look(ctx)
				select {
				case looked <- l:
				case <-ctx.Done():
				}
			})
		}
		if !i.await(ctx, &in, wake, looked, changed, watching) {
			return nil
		}
	}
}

// await returns with what happened next in in; false when ctx ended.
func (i *Inventory) await(ctx context.Context, in *Input, wake time.Time, looked <-chan Look, changed <-chan struct{}, watching <-chan bool) bool {
	var clock <-chan time.Time
	if !wake.IsZero() {
		t := time.NewTimer(max(0, wake.Sub(i.config.Clock())))
		defer t.Stop()
		clock = t.C
	}
	select {
	case l := <-looked:
		in.Looked = &l
	case <-i.nudge:
		in.Nudged = true
	case <-changed:
		in.Nudged = true
	case is := <-watching:
		in.Nudged, in.Watching = is && !in.Watching, is
	case <-clock:
	case <-ctx.Done():
		return false
	}
	return true
}

// turn decides and writes once.
func (i *Inventory) turn(ctx context.Context, state State, in Input) (_ State, look bool, wake time.Time, err error) {
	c := &i.config
	next, eff, wake := Next(state, c.Clock(), in)
	if eff.NeedSite {
		if in.Site, err = c.Store.Site(ctx, composa.System()); err != nil {
			return state, false, time.Time{}, err
		}
		next, eff, wake = Next(state, c.Clock(), in)
	}
	if eff.NeedGone {
		if in.Gone, err = c.Store.GoneDevices(ctx, composa.System(), c.Fabric); err != nil {
			return state, false, time.Time{}, err
		}
		if in.Gone == nil {
			in.Gone = []composa.Device{}
		}
		next, eff, wake = Next(state, c.Clock(), in)
	}
	if eff.Record != nil {
		if err := c.Store.Record(ctx, composa.System(), *eff.Record); err != nil {
			return state, false, time.Time{}, err
		}
		i.store.Over(c.Log, "looks are recorded again", "fabric", c.Fabric)
	}
	switch {
	case next.silent != "" && next.silent != state.silent:
		c.Log.Warn("the fabric is silent", "fabric", c.Fabric, "reason", next.silent)
	case next.silent == "" && state.silent != "":
		c.Log.Info("the fabric answers again", "fabric", c.Fabric)
	}
	return next, eff.Look, wake, nil
}

// lost says whether somebody else has the fabric.
func (i *Inventory) lost(ctx context.Context) bool {
	site, err := i.config.Store.Site(ctx, composa.System())
	if err != nil {
		return false // the next turn meets the store again
	}
	f := site.Fabric(i.config.Fabric)
	return f == nil || i.config.Epoch != 0 && f.Epoch != i.config.Epoch
}

// putOff is the state after a look whose record failed: as before it, and a
// look is wanted again a little later.
func (i *Inventory) putOff(s State) State {
	s.looking, s.asked, s.due = false, false, i.config.Clock().Add(silentLeast)
	return s
}

func (i *Inventory) look(ctx context.Context) Look {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	p, err := i.config.Driver.Observe(ctx, composa.Scope{})
	return Look{Picture: p, Err: err}
}

// watch listens to the fabric, and tells whether it does: not before the fabric
// says so, because until then what changes is seen by looking only.
func (i *Inventory) watch(ctx context.Context, changed chan<- struct{}, watching chan<- bool) {
	pause := silentLeast
	for ctx.Err() == nil {
		began := i.config.Clock()
		err := i.listen(ctx, changed, watching)
		if i.config.Clock().Sub(began) > silentMost {
			pause = silentLeast
		}
		i.config.Log.Debug("the fabric stopped saying what changes", "fabric", i.config.Fabric, "error", err)
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
		pause = min(2*pause, silentMost)
	}
}

// listen passes on what one watch tells, until it ends.
func (i *Inventory) listen(ctx context.Context, changed chan<- struct{}, watching chan<- bool) error {
	heard := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() { ended <- i.watcher.Watch(ctx, heard) }()
	open := false
	for {
		select {
		case <-heard:
			if !open {
				open = true
				tell(ctx, watching, true)
				continue
			}
			select {
			case changed <- struct{}{}:
			default: // a look is asked for already
			}
		case err := <-ended:
			if open {
				tell(ctx, watching, false)
			}
			return err
		}
	}
}

func tell(ctx context.Context, watching chan<- bool, is bool) {
	select {
	case watching <- is:
	case <-ctx.Done():
	}
}
