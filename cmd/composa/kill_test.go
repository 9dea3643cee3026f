package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/emulator/liqid"
)

// TestKilledServerFinishesOrUndoes kills the real server process in the middle
// of real operations, at the beginnings and ends of steps and at random moments,
// starts it again, and looks at what it makes of them. A failure prints the
// seed; COMPOSA_KILL_SEED repeats the choices.
func TestKilledServerFinishesOrUndoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("COMPOSA_KILL_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("COMPOSA_KILL_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	r := newRacked(t, 2, "--call-latency", "2ms", "--commit-latency", "50ms-150ms", "--cpus", "6", "--gpus", "12", "--ssds", "6", "--nics", "4")

	ends := map[string]int{}
	for i := range count(4, 50) {
		k := &kill{racked: r, rng: rng, n: i}
		phase := k.run()
		ends[k.verb+" "+phase]++
		k.truths()
		if t.Failed() {
			t.Fatalf("kill %d: %s of %v, %s, ended %s\n%s", i, k.verb, k.machines, k.moment, phase, r.server.said())
		}
	}
	t.Logf("ends: %v", ends)
}

// kill is one operation during which the server is killed.
type kill struct {
	*racked
	rng      *rand.Rand
	n        int
	verb     string
	machines []string
	moment   string
}

func (k *kill) run() (phase string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ask := k.prepare(ctx)
	op := ask()
	if k.n%2 == 0 {
		k.killAtStep(ctx, op)
	} else {
		k.killAtRandom(ctx)
	}
	k.start()
	if op == "" {
		return "never accepted"
	}
	done, err := k.client.Wait(ctx, op)
	if err != nil {
		k.t.Fatalf("operation %s was acknowledged and is lost: %v", op, err)
	}
	if done.Phase == "held" {
		k.t.Errorf("operation %s is held: %s %v", op, done.Reason, done.Result)
	}
	return done.Phase
}

// prepare makes the machines that the operation needs, and returns what asks
// for it; that answers the operation's id.
func (k *kill) prepare(ctx context.Context) (ask func() string) {
	name := func(role string) string { return fmt.Sprintf("%s%d", role, k.n) }
	wish := api.Wish{Fabrics: []string{fmt.Sprintf("rack%d", 1+k.rng.IntN(2))}, Devices: []api.Want{{Kind: "gpu", Count: 2}, {Kind: "ssd", Count: 1}}}
	make := func(name string) *api.Machine {
		got, err := k.client.PutMachine(ctx, "default", name, api.PutMachine{Wish: wish}, patience)
		if err != nil || got.Machine == nil {
			k.t.Fatalf("cannot prepare %s: %v", name, err)
		}
		return got.Machine
	}
	asked := func(got *client.Result, err error) string {
		if err != nil {
			k.t.Fatalf("cannot ask: %v", err)
		}
		return got.Operation.ID
	}
	k.verb = []string{"compose", "plug", "move", "free"}[k.n%4]
	k.machines = []string{name("m")}
	switch k.verb {
	case "compose":
		return func() string {
			return asked(k.client.PutMachine(ctx, "default", name("m"), api.PutMachine{Wish: wish}, 0))
		}
	case "plug":
		make(name("m"))
		return func() string {
			return asked(k.client.Plug(ctx, "default", name("m"), api.Plug{Devices: []api.Want{{Kind: "gpu", Count: 2}, {Kind: "nic", Count: 1}}}, 0))
		}
	case "move":
		from := make(name("m"))
		make(name("n"))
		k.machines = append(k.machines, name("n"))
		i := slices.IndexFunc(from.Devices, func(d api.MachineDevice) bool { return d.Kind == "gpu" })
		return func() string {
			return asked(k.client.Move(ctx, "default", name("m"), api.Move{IDs: []string{from.Devices[i].Place}, To: name("n")}, 0))
		}
	}
	make(name("m"))
	return func() string {
		grace := 0
		return asked(k.client.Free(ctx, "default", name("m"), api.FreeMachine{Grace: &grace}, 0))
	}
}

// killAtStep kills when the operation's steps have begun or ended so many times.
func (k *kill) killAtStep(ctx context.Context, op string) {
	at := 1 + k.rng.IntN(8)
	k.moment = fmt.Sprintf("at change %d of its steps", at)
	for {
		now, err := k.client.Operation(ctx, op, 0)
		if err != nil {
			k.t.Fatal(err)
		}
		changes := 0
		for _, s := range now.Steps {
			if s.BeganAt != nil {
				changes++
			}
			if s.EndedAt != nil {
				changes++
			}
		}
		if changes >= at || client.Settled(now) {
			k.server.kill()
			return
		}
	}
}

// killAtRandom kills after a random time in which operations are under way.
func (k *kill) killAtRandom(ctx context.Context) {
	after := time.Duration(k.rng.IntN(900)) * time.Millisecond
	k.moment = fmt.Sprintf("after %s", after)
	select {
	case <-time.After(after):
	case <-ctx.Done():
	}
	k.server.kill()
}

// truths are what must hold after everything came to rest.
func (k *kill) truths() {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	open, err := client.All(k.client.Operations(ctx, client.OperationFilter{Open: true}))
	if err != nil || len(open) > 0 {
		k.t.Errorf("%d operations are still open: %v %v", len(open), open, err)
	}
	until(k.t, "every machine is ready", func(ctx context.Context) (bool, error) {
		all, err := client.All(k.client.Machines(ctx, client.MachineFilter{}))
		return !slices.ContainsFunc(all, func(m api.Machine) bool { return m.State != "ready" }), err
	})
	machines, err := client.All(k.client.Machines(ctx, client.MachineFilter{}))
	if err != nil {
		k.t.Fatal(err)
	}
	for rack := range k.controls {
		k.sameAsDirector(rack, machines)
		for _, v := range k.violations(rack) {
			k.t.Errorf("%s counted a violation: %+v", rack, v)
		}
	}
	k.claimsExplained(ctx, machines)
	k.freeAll(ctx, machines)
}

// sameAsDirector compares our machines with those of a director: none more,
// none less, the same devices, nothing left in edit, nothing left in a group.
func (k *kill) sameAsDirector(rack string, machines []api.Machine) {
	k.t.Helper()
	var state liqid.Snapshot
	k.director(rack, "/state", &state)
	if len(state.Sessions)+len(state.Pending) > 0 {
		k.t.Errorf("%s has open sessions %+v and pending commits %+v", rack, state.Sessions, state.Pending)
	}
	ours, theirs, used := map[string]string{}, map[string]string{}, map[string]bool{}
	for _, m := range machines {
		if m.Fabric != rack {
			continue
		}
		var names []string
		for _, d := range m.Devices {
			name := strings.TrimPrefix(d.Place, rack+"/")
			if used[name] {
				k.t.Errorf("%s is in two machines", d.Place)
			}
			used[name] = true
			names = append(names, name)
		}
		slices.Sort(names)
		ours[m.Label] = strings.Join(names, " ")
	}
	for _, m := range state.Machines {
		names := slices.Clone(m.Devices)
		slices.Sort(names)
		theirs[m.Name] = strings.Join(names, " ")
	}
	if fmt.Sprint(ours) != fmt.Sprint(theirs) {
		k.t.Errorf("machines in %s are %v by record, and %v by its director", rack, ours, theirs)
	}
	for _, d := range state.Devices {
		if d.Group != 0 && d.Machine == 0 {
			k.t.Errorf("%s/%s was left in group %d", rack, d.Name, d.Group)
		}
	}
}

// claimsExplained finds devices that are held for nobody.
func (k *kill) claimsExplained(ctx context.Context, machines []api.Machine) {
	k.t.Helper()
	has := map[string]string{}
	for _, m := range machines {
		for _, d := range m.Devices {
			has[d.Place] = m.Name
		}
	}
	until(k.t, "every device is free or in a machine", func(ctx context.Context) (bool, error) {
		devices, err := client.All(k.client.Devices(ctx, client.DeviceFilter{}))
		for _, d := range devices {
			if (d.Use == "free") == (has[d.Place] != "") {
				return false, fmt.Errorf("%s is %s, and in machine %q", d.Place, d.Use, has[d.Place])
			}
		}
		return len(devices) > 0, err
	})
}

func (k *kill) freeAll(ctx context.Context, machines []api.Machine) {
	k.t.Helper()
	grace := 0
	for _, m := range machines {
		if _, err := k.client.Free(ctx, "default", m.Name, api.FreeMachine{Grace: &grace}, patience); err != nil {
			k.t.Errorf("cannot free %s: %v", m.Name, err)
		}
	}
}
