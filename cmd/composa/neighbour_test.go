package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/emulator/liqid"
	"github.com/composa-dev/composa/internal/neighbour"
)

// neighbourly are the directors on which Composa is not alone: their eras, and
// whether one signs in there (Basic on 2.x, with a digest key on 3.x).
var neighbourly = []struct {
	era    string
	signIn bool
}{{"2.4", false}, {"2.5", true}, {"3.2", false}, {"3.4", true}}

// TestBesideANeighbour lets Composa and a client that was written from the
// protocol's description alone work on the same director, each in its own
// process: no device of the one is taken by the other, no rule of the director
// is broken, and what Composa has recorded is what the director has.
//
// At small counts each does a few acts; `make prove` gives them ten minutes on
// every era (as many eras side by side as -parallel says).
func TestBesideANeighbour(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(neighbourPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	racks := map[string]*racked{}
	for _, n := range neighbourly {
		flags := []string{"--api", n.era, "--call-latency", "2ms", "--commit-latency", "20ms-80ms", "--cpus", "8", "--gpus", "16", "--ssds", "8", "--nics", "8"}
		if n.signIn {
			flags = append(flags, "--user", neighbourUser, "--password-file", password)
		}
		racks[n.era] = newRacked(t, 1, flags...)
	}
	for i, n := range neighbourly {
		t.Run(n.era, func(t *testing.T) {
			t.Parallel()
			r := racks[n.era]
			r.t = t
			s := &shared{racked: r, rng: rand.New(rand.NewPCG(uint64(i), 0)), phases: map[string]int{}}
			config := neighbour.Config{URL: r.apis["rack1"], Prefix: "nbr", Seed: uint64(i), Patience: patience}
			if n.signIn {
				config.User, config.Password = neighbourUser, neighbourPassword
			}
			s.work(n.era, config)
		})
	}
}

// Both use the same account: a director does not tell them apart by it.
const (
	neighbourUser     = "ann"
	neighbourPassword = "a-password"
)

// shared is a director on which Composa and a neighbour work.
type shared struct {
	*racked
	rng    *rand.Rand
	names  int
	phases map[string]int // how Composa's acts ended
	acts   int
}

// work lets both act, and checks what is left. The neighbour goes on for as long
// as Composa does.
func (s *shared) work(era string, config neighbour.Config) {
	t := s.t
	deadline := time.Now().Add(10 * time.Minute) // of `make prove`
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	n, err := neighbour.New(config)
	if err != nil {
		t.Fatal(err)
	}
	var over atomic.Bool
	ended := make(chan error, 1)
	var report neighbour.Report
	go func() {
		var err error
		report, err = n.Run(ctx, func(r neighbour.Report) bool { return r.Done() < 8 || !over.Load() })
		ended <- err
	}()
	for (s.acts < 6 || prove() && time.Now().Before(deadline)) && !t.Failed() && len(ended) == 0 {
		s.act(ctx)
	}
	over.Store(true)
	if err := <-ended; err != nil {
		t.Errorf("the neighbour: %v", err)
	}
	t.Logf("Composa's acts ended %v; the neighbour's: %+v", s.phases, report)
	if report.Era != era {
		t.Errorf("the neighbour takes the director for %s, not %s", report.Era, era)
	}
	s.rested()
	if t.Failed() {
		t.Logf("the server said:\n%s", s.server.said())
	}
}

// rested checks what is there once both are at rest: the machines of the record
// are those of the director, and when they are freed too, nothing is left.
func (s *shared) rested() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	k := &kill{racked: s.racked}
	machines, err := client.All(s.client.Machines(ctx, client.MachineFilter{}))
	if err != nil {
		s.t.Fatal(err)
	}
	k.sameAsDirector("rack1", machines)
	k.claimsExplained(ctx, machines)
	k.freeAll(ctx, machines)
	k.sameAsDirector("rack1", nil)
	var violations []liqid.Violation
	s.director("rack1", "/violations", &violations)
	for _, v := range violations {
		s.t.Errorf("the director counted a violation: %+v", v)
	}
}

// act asks Composa for one change, and waits until it is done. It may be refused
// where too few devices are free, and undone where the neighbour was quicker to
// take one; any other end is a failure.
func (s *shared) act(ctx context.Context) {
	s.t.Helper()
	s.acts++
	machines, err := client.All(s.client.Machines(ctx, client.MachineFilter{}))
	if err != nil {
		s.t.Fatal(err)
	}
	verb, asked, err := s.ask(ctx, machines)
	if client.CodeOf(err) == "refused" {
		s.phases[verb+" refused"]++
		return
	}
	if err != nil {
		s.t.Fatalf("cannot %s: %v", verb, err)
	}
	op, err := s.client.Wait(ctx, asked.Operation.ID)
	if err != nil {
		s.t.Fatalf("%s: %v", verb, err)
	}
	s.phases[verb+" "+op.Phase]++
	outrun := op.Phase == "undone" && op.Result != nil && op.Result.Code == "conflict"
	if op.Phase != "done" && !outrun {
		s.t.Errorf("%s ended %s: %+v", verb, op.Phase, op.Result)
	}
}

func (s *shared) ask(ctx context.Context, machines []api.Machine) (verb string, r *client.Result, err error) {
	if len(machines) == 0 || len(machines) < 3 && s.rng.IntN(3) == 0 {
		s.names++
		wish := api.Wish{Devices: []api.Want{{Kind: "gpu", Count: 1 + s.rng.IntN(2)}, {Kind: "ssd", Count: s.rng.IntN(2)}}}
		wish.Devices = slices.DeleteFunc(wish.Devices, func(w api.Want) bool { return w.Count == 0 })
		r, err = s.client.PutMachine(ctx, "default", fmt.Sprintf("ours%d", s.names), api.PutMachine{Wish: wish}, 0)
		return "compose", r, err
	}
	m := machines[s.rng.IntN(len(machines))]
	parts := slices.DeleteFunc(slices.Clone(m.Devices), func(d api.MachineDevice) bool { return d.Kind == "cpu" })
	switch n := s.rng.IntN(3); {
	case n == 0:
		r, err = s.client.Plug(ctx, "default", m.Name, api.Plug{Devices: []api.Want{{Kind: []string{"gpu", "nic"}[s.rng.IntN(2)], Count: 1}}}, 0)
		return "plug", r, err
	case n == 1 && len(parts) > 0:
		r, err = s.client.Unplug(ctx, "default", m.Name, api.Unplug{IDs: []string{parts[s.rng.IntN(len(parts))].Place}}, 0)
		return "unplug", r, err
	}
	grace := 0
	r, err = s.client.Free(ctx, "default", m.Name, api.FreeMachine{Grace: &grace}, 0)
	return "free", r, err
}
