package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/emulator/liqid"
)

// mostMoments is more than any operation of this test has.
const mostMoments = 200

// TestStrangersStayIntact lets somebody else act on the director between any two
// steps of ours, and between the calls of a step: they take one of the plan's devices into a machine of their
// own, add a device to our machine, or make a machine of our label. Whatever
// becomes of our operation, what is theirs is as they left it.
func TestStrangersStayIntact(t *testing.T) {
	acts := []struct {
		what string
		act  func(*stranger) error
	}{
		{"takes a device of the plan", (*stranger).takeOfThePlan},
		{"adds to our machine", (*stranger).addToOurs},
		{"makes one of our label", (*stranger).makeOfOurLabel},
	}
	step := count(6, 1) // every sixth moment, or every one
	for _, a := range acts {
		for _, verb := range []string{"compose", "plug", "move", "free"} {
			t.Run(verb+", and a stranger "+a.what, func(t *testing.T) {
				t.Parallel() // they wait more than they work
				more := true
				for at := 1; more && at < mostMoments && !t.Failed(); at += step {
					t.Run(fmt.Sprintf("at moment %d", at), func(t *testing.T) {
						more = newStranger(t, a.act).between(verb, at)
					})
				}
			})
		}
	}
}

// stranger is somebody else at the director of our one rack.
type stranger struct {
	t        *testing.T
	act      func(*stranger) error
	site     *site
	director *liqid.Director
	label    string // of our machine, once it is known

	mu      sync.Mutex
	at      int  // the moment at which to act; 0: not yet
	moments int  // that came since the operation was asked for
	changed bool // the last call changed something
	acted   bool
	call    string // before which they acted
	failed  error
	theirs  map[int]string  // their machines, and what was in them: "gpu1 gpu2"
	given   map[string]bool // devices that they put somewhere
}

func newStranger(t *testing.T, act func(*stranger) error) *stranger {
	s := &stranger{t: t, act: act, theirs: map[int]string{}, given: map[string]bool{}}
	config := liqid.Config{Counts: liqid.Counts{CPUs: 3, GPUs: 6, SSDs: 2, NICs: 2}, BootLatency: liqid.Latency{Min: time.Millisecond}, Before: s.before}
	s.site = newSite(t, map[string]liqid.Config{"rack1": config}, nil)
	s.director = s.site.racks["rack1"]
	return s
}

// before is called by the director before each call; the stranger's own come
// from within, and are not counted. What counts is the moments at which acting
// can make a difference: before a call that changes something, and before the
// first look after one.
func (s *stranger) before(c liqid.Call) {
	s.mu.Lock()
	if s.at == 0 || s.acted {
		s.mu.Unlock()
		return
	}
	changes := c.Method != "GET"
	// What is added to our machine in the moment between the last look and its
	// removal goes with it: no director removes a machine only if it is empty
	// (docs/decisions/0013).
	removal := c.Method == "DELETE" && strings.HasPrefix(c.Path, "machine/")
	if (changes || s.changed) && !removal {
		s.moments++
	}
	s.changed = changes
	now := s.moments == s.at
	if now {
		s.call = c.Method + " " + c.Path
	}
	s.acted = now
	s.mu.Unlock()
	if now {
		s.failed = s.act(s)
	}
}

// between runs one operation, in which the stranger acts at the moment of that
// number, and checks what is theirs. It is false when there were fewer moments.
func (s *stranger) between(verb string, at int) bool {
	s.t.Helper()
	ask := s.prepare(verb)
	s.mu.Lock()
	s.at = at
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	id, err := ask(ctx)
	if err != nil {
		s.t.Fatalf("%s: %v", verb, err)
	}
	op, err := s.site.client.Wait(ctx, id)
	if err != nil {
		s.t.Fatalf("%s: %v", verb, err)
	}
	s.mu.Lock()
	acted := s.acted
	s.at = 0
	s.mu.Unlock()
	if !acted {
		return false
	}
	s.intact(fmt.Sprintf("%s, at moment %d, before %s, ended %s (%s)", verb, at, s.call, op.Phase, op.Reason))
	return true
}

func (s *stranger) prepare(verb string) func(context.Context) (string, error) {
	c := s.site.client
	asked := func(r *client.Result, err error) (string, error) {
		if err != nil {
			return "", err
		}
		return r.Operation.ID, nil
	}
	wants := []api.Want{{Kind: "gpu", Count: 2}}
	if verb == "compose" {
		return func(ctx context.Context) (string, error) {
			return asked(c.PutMachine(ctx, "default", "train", api.PutMachine{Wish: api.Wish{Devices: wants}}, 0))
		}
	}
	m := s.site.compose("train", wants...)
	s.label = m.Label
	switch verb {
	case "plug":
		return func(ctx context.Context) (string, error) {
			return asked(c.Plug(ctx, "default", "train", api.Plug{Devices: wants}, 0))
		}
	case "move":
		s.site.compose("eval", api.Want{Kind: "gpu", Count: 1})
		i := slices.IndexFunc(m.Devices, func(d api.MachineDevice) bool { return d.Kind == "gpu" })
		return func(ctx context.Context) (string, error) {
			return asked(c.Move(ctx, "default", "train", api.Move{IDs: []string{m.Devices[i].Place}, To: "eval"}, 0))
		}
	}
	grace := 0
	return func(ctx context.Context) (string, error) {
		return asked(c.Free(ctx, "default", "train", api.FreeMachine{Grace: &grace}, 0))
	}
}

// ours are the machines in the group of the site, as the director has them now.
func (s *stranger) ours() []liqid.MachineState {
	state := s.director.Snapshot()
	return slices.DeleteFunc(state.Machines, func(m liqid.MachineState) bool {
		g := slices.IndexFunc(state.Groups, func(g liqid.GroupState) bool { return g.ID == m.Group })
		return g < 0 || !strings.HasPrefix(state.Groups[g].Name, "composa")
	})
}

// gpu is a GPU that is free, or one that is ours, by the record.
func (s *stranger) gpu(free bool) (string, error) {
	devices, err := client.All(s.site.client.Devices(context.Background(), client.DeviceFilter{Kind: "gpu"}))
	if err != nil {
		return "", err
	}
	for _, d := range devices {
		if (d.Use == "free") == free {
			return strings.TrimPrefix(d.Place, "rack1/"), nil
		}
	}
	return "", errors.New("there is no such gpu")
}

// takeOfThePlan takes a device that the operation is about.
func (s *stranger) takeOfThePlan() error {
	device, err := s.gpu(false)
	if err != nil {
		return err
	}
	return s.makeMachine("stranger", device)
}

// makeOfOurLabel makes a machine of the name that ours has, or will have.
func (s *stranger) makeOfOurLabel() error {
	label := s.label
	if label == "" {
		machines, err := client.All(s.site.client.Machines(context.Background(), client.MachineFilter{}))
		if err != nil || len(machines) == 0 {
			return err
		}
		label = machines[0].Label
	}
	device, err := s.gpu(true)
	if err != nil {
		return err
	}
	return s.makeMachine(label, device)
}

func (s *stranger) makeMachine(label, device string) error {
	machine, err := s.director.Rival().MakeMachine(label, device)
	if err != nil {
		return err
	}
	s.theirs[machine] = device
	return nil
}

// addToOurs adds a device to our machine, where there is one yet.
func (s *stranger) addToOurs() error {
	ours := s.ours()
	if len(ours) == 0 {
		return nil
	}
	device, err := s.gpu(true)
	if err != nil {
		return err
	}
	s.given[device] = true
	return s.director.Rival().AddTo(ours[0].ID, device)
}

// intact checks that the stranger's machines have what they had, and that what
// was added to ours was not given to anything else.
func (s *stranger) intact(when string) {
	s.t.Helper()
	if s.failed != nil {
		// the director refused the stranger, because ours was in the way: no harm
		s.t.Logf("%s: the stranger could not: %v", when, s.failed)
		return
	}
	state := s.director.Snapshot()
	for id, device := range s.theirs {
		i := slices.IndexFunc(state.Machines, func(m liqid.MachineState) bool { return m.ID == id })
		if i < 0 || strings.Join(state.Machines[i].Devices, " ") != device {
			s.t.Errorf("%s: the stranger's machine %d is not as it was: %+v", when, id, state.Machines)
		}
	}
	for device := range s.given {
		d, _ := state.Device(device)
		if d.Machine == 0 {
			s.t.Errorf("%s: the stranger's %s was taken out of the machine", when, device)
		}
	}
	if len(state.Sessions) > 0 {
		s.t.Errorf("%s: sessions are left open: %+v", when, state.Sessions)
	}
}

// TestObservedFabricReceivesNoChangingCall looks at a rack that is only observed
// through everything that a user can do to it.
func TestObservedFabricReceivesNoChangingCall(t *testing.T) {
	s := newSite(t, map[string]liqid.Config{"rack1": {}}, func(f *FabricConfig) { f.Access = "observe" })
	ctx := t.Context()
	_, err := s.client.PutMachine(ctx, "default", "train", api.PutMachine{Wish: api.Wish{Devices: []api.Want{{Kind: "gpu", Count: 1}}}}, patience)
	if code := client.CodeOf(err); code != "refused" && code != "read_only" {
		t.Errorf("compose on an observed rack: %v; want it refused", err)
	}
	if _, err := s.client.CheckFabric(ctx, "rack1"); err != nil {
		t.Error(err)
	}
	if _, err := s.client.Inventory(ctx, "rack1"); err != nil {
		t.Error(err)
	}
	for _, c := range s.racks["rack1"].Calls(0) {
		if c.Method != "GET" {
			t.Errorf("the director received %s %s", c.Method, c.Path)
		}
	}
}
