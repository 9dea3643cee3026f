package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/emulator/liqid"
)

// TestKilledServerFinishesOrUndoes kills the real server process in the middle
// of real operations, before one of its calls reaches a director, after a
// director answered one and before the server hears it, and after one of its own
// events; starts it again, and looks at what it makes of them. An operation that
// ended before its moment came is no kill: it is counted by itself, and another
// moment is tried. A failure prints the seed; COMPOSA_KILL_SEED repeats the
// choices.
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
	taps := map[string]*tap{}
	r := newRackedBehind(t, 2, func(rack, url string) string {
		taps[rack] = newTap(t, url)
		return taps[rack].url
	}, "--call-latency", "2ms", "--commit-latency", "50ms-150ms", "--cpus", "6", "--gpus", "12", "--ssds", "6", "--nics", "4")

	want, kills, never, inRow := count(6, 200), 0, 0, 0
	ends, missed := map[string]int{}, map[string]int{}
	first := rng.IntN(len(killed))
	for kills < want {
		k := &kill{racked: r, taps: taps, rng: rng, n: kills + never, verb: killed[(first+kills)%len(killed)]}
		phase, came := k.run()
		k.truths()
		if t.Failed() {
			t.Fatalf("kill %d: %s of %v, %s (it came: %v), ended %s\n%s", kills+1, k.verb, k.machines, k.moment, came, phase, r.server.said())
		}
		if came {
			kills, inRow = kills+1, 0
			ends[k.verb+" "+phase]++
			continue
		}
		never++
		missed[k.verb]++
		if inRow++; inRow == 50 {
			t.Fatalf("%d moments in a row never came, of %s", inRow, k.verb)
		}
	}
	t.Logf("%d kills, ends: %v", kills, ends)
	t.Logf("%d moments never came, of: %v", never, missed)
}

// killed are the operations during which the server is killed; cancel is the
// cancelling of a compose, plan the carrying out of a stored plan, and crowd a
// compose beside others in the same rack, which enter together.
var killed = []string{"compose", "free", "plug", "unplug", "reshape", "move", "cancel", "plan", "crowd"}

// kill is one operation during which the server is killed.
type kill struct {
	*racked
	taps     map[string]*tap
	rng      *rand.Rand
	n        int
	verb     string
	rack     string
	machines []string
	beside   []string // operations of a crowd that were acknowledged before
	moment   string
}

// request is what an operation is asked for with; it may be sent again.
type request struct {
	method, path string
	body         any
}

// run says how the operation ended, and whether the server was killed in it.
func (k *kill) run() (phase string, came bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	k.rack = fmt.Sprintf("rack%d", 1+k.rng.IntN(2))
	ask := k.prepare(ctx)
	m := &moment{server: k.server, dead: make(chan struct{})}
	k.set(ctx, m)
	op, err := k.send(ctx, ask)
	if _, no := errors.AsType[refused](err); no { // else it was killed before it answered
		k.t.Fatalf("asked: %v", err)
	}
	came = k.untilKilled(ctx, op, m)
	k.taps[k.rack].set(nil)
	if came {
		k.start()
	}
	again, err := k.send(ctx, ask)
	switch {
	case err != nil:
		k.t.Fatalf("asked again with the same key: %v", err)
	case op != "" && again != op:
		k.t.Errorf("asked again with the same key operation %s answers, it was %s", again, op)
	}
	done, err := k.client.Wait(ctx, again)
	if err != nil {
		k.t.Fatalf("operation %s was acknowledged and is lost: %v", again, err)
	}
	if done.Phase == "held" {
		k.t.Errorf("operation %s is held: %s %v", again, done.Reason, done.Result)
	}
	for _, id := range k.beside {
		if other, err := k.client.Wait(ctx, id); err != nil || other.Phase != "done" {
			k.t.Errorf("operation %s beside it: %v, %+v", id, err, other)
		}
	}
	return done.Phase, came
}

// moment is when a server is killed.
type moment struct {
	server *process
	dead   chan struct{} // closed when it was killed

	mu   sync.Mutex
	over bool // it came, or it comes no more
}

// come kills the server, unless the moment is over.
func (m *moment) come() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return
	}
	m.over = true
	m.server.kill()
	close(m.dead)
}

// pass says whether the moment came; it comes no more.
func (m *moment) pass() (came bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	came, m.over = m.over, true
	return came
}

// set chooses the moment: a call of the director, or an event.
func (k *kill) set(ctx context.Context, m *moment) {
	switch at := 1 + k.rng.IntN(18); k.rng.IntN(4) {
	case 0:
		k.moment = fmt.Sprintf("at its event %d", at)
		go killAtEvent(ctx, k.client, at, m)
	case 1:
		at *= 3
		k.moment = fmt.Sprintf("before its call %d", at)
		k.taps[k.rack].set(&trap{at: at, act: m.come})
	case 2:
		k.moment = fmt.Sprintf("before its changing call %d", at)
		k.taps[k.rack].set(&trap{at: at, changing: true, act: m.come})
	case 3:
		k.moment = fmt.Sprintf("after its changing call %d", at)
		k.taps[k.rack].set(&trap{at: at, changing: true, after: true, act: m.come})
	}
}

// killAtEvent kills when the server has told so many events.
func killAtEvent(ctx context.Context, c *client.Client, at int, m *moment) {
	n := 0
	for _, err := range c.Events(ctx, "", client.EventFilter{}) {
		if err != nil {
			return
		}
		if n++; n == at {
			m.come()
			return
		}
	}
}

// untilKilled returns once the server is dead, or the operation came to its end
// before the moment did.
func (k *kill) untilKilled(ctx context.Context, op string, m *moment) (came bool) {
	ended := make(chan struct{})
	if op != "" {
		go func(c *client.Client) {
			defer close(ended)
			if k.verb == "cancel" {
				c.Cancel(ctx, op) // it may be killed before it answers
			}
			c.Wait(ctx, op) // until the server dies, or that
		}(k.client)
	}
	select {
	case <-m.dead:
	case <-ended:
	case <-ctx.Done():
		k.t.Fatalf("%s of %v: neither an end nor the moment came", k.verb, k.machines)
	}
	return m.pass()
}

// prepare makes the machines that the operation needs, and returns what asks
// for it.
func (k *kill) prepare(ctx context.Context) request {
	name := func(role string) string { return fmt.Sprintf("%s%d", role, k.n) }
	at := func(verb string) string { return "/v1/machines/default/" + name("m") + verb }
	wish := api.Wish{Fabrics: []string{k.rack}, Devices: []api.Want{{Kind: "gpu", Count: 2}, {Kind: "ssd", Count: 1}}}
	make := func(name string) *api.Machine {
		got, err := k.client.PutMachine(ctx, "default", name, api.PutMachine{Wish: wish}, patience)
		if err != nil || got.Machine == nil {
			k.t.Fatalf("cannot prepare %s: %v", name, err)
		}
		return got.Machine
	}
	k.machines = []string{name("m")}
	switch k.verb {
	case "crowd":
		for _, role := range []string{"n", "o", "p"} {
			got, err := k.client.PutMachine(ctx, "default", name(role), api.PutMachine{Wish: wish}, 0)
			if err != nil || got.Operation == nil {
				k.t.Fatalf("cannot ask for %s: %v", name(role), err)
			}
			k.machines, k.beside = append(k.machines, name(role)), append(k.beside, got.Operation.ID)
		}
		return request{http.MethodPut, at(""), api.PutMachine{Wish: wish}}
	case "compose", "cancel":
		return request{http.MethodPut, at(""), api.PutMachine{Wish: wish}}
	case "plan":
		p, err := k.client.Plan(ctx, api.NewPlan{Verb: "compose", Machine: name("m"), Compose: &api.PutMachine{Wish: wish}})
		if err != nil {
			k.t.Fatalf("cannot plan: %v", err)
		}
		return request{http.MethodPost, "/v1/operations", map[string]string{"plan": p.ID}}
	}
	m := make(name("m"))
	i := slices.IndexFunc(m.Devices, func(d api.MachineDevice) bool { return d.Kind == "gpu" })
	switch k.verb {
	case "plug":
		return request{http.MethodPost, at("/plug"), api.Plug{Devices: []api.Want{{Kind: "gpu", Count: 2}, {Kind: "nic", Count: 1}}}}
	case "unplug":
		return request{http.MethodPost, at("/unplug"), api.Unplug{IDs: []string{m.Devices[i].Place}}}
	case "reshape":
		return request{http.MethodPost, at("/reshape"), api.Reshape{Totals: map[string]int{"gpu": 1 + 2*k.rng.IntN(2)}}}
	case "move":
		make(name("n"))
		k.machines = append(k.machines, name("n"))
		return request{http.MethodPost, at("/move"), api.Move{IDs: []string{m.Devices[i].Place}, To: name("n")}}
	}
	grace := 0
	return request{http.MethodPost, at("/free"), api.FreeMachine{Grace: &grace}}
}

// refused is an answer that is no success.
type refused string

func (r refused) Error() string { return string(r) }

// send asks for the operation, with a key that is that of this kill, and answers
// its id.
func (k *kill) send(ctx context.Context, ask request) (op string, err error) {
	text, err := json.Marshal(ask.body)
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, ask.method, k.client.URL()+ask.path, bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+k.token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", fmt.Sprintf("kill-%d", k.n))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if text, err = io.ReadAll(answer.Body); err != nil {
		return "", err
	}
	var told struct{ ID, Operation, Code string }
	switch err := json.Unmarshal(text, &told); {
	case err == nil && told.Code == "cancelled" && told.Operation != "": // it was asked for before, and is over
		return told.Operation, nil
	case err != nil || answer.StatusCode > 299:
		return "", refused(fmt.Sprintf("%s %s answered %d: %s", ask.method, ask.path, answer.StatusCode, text))
	case answer.StatusCode == http.StatusAccepted:
		return told.ID, nil
	}
	return told.Operation, nil
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
