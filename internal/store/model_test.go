package store

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
)

// model is what the store should hold of claims and operations: a few maps.
type model struct {
	t       *rapid.T
	b       *bed
	devices []composa.Device

	holder map[composa.DeviceID]composa.MachineID // of open claims
	ops    map[composa.OperationID]*composa.Operation
	names  map[string]composa.OperationID // of living machines
	stale  []composa.Advance              // decided on what is not so any more
}

// Random requests, progress and cancels leave exactly the claims, machines and
// operations that a model of a few maps says, also after a restart. At small
// counts the store is in memory, and a restart only forgets what was decoded.
func TestClaimsAgainstAModel(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		b := openBed(t, "sqlite::memory:")
		restart := func(*rapid.T) { b.forget() }
		if prove {
			b.ok(b.Close())
			b = openBed(t, "sqlite:"+filepath.Join(dir, fmt.Sprint(n), "composa.db"))
			restart = func(*rapid.T) { b.reopen() }
		}
		defer func() { b.ok(b.Close()) }()
		m := &model{
			t: rt, b: b, devices: b.addFabric("rack1", 6), holder: map[composa.DeviceID]composa.MachineID{},
			ops: map[composa.OperationID]*composa.Operation{}, names: map[string]composa.OperationID{},
		}
		rt.Repeat(map[string]func(*rapid.T){
			"compose": func(*rapid.T) { m.compose() },
			"queue":   func(*rapid.T) { m.queue() },
			"start":   func(*rapid.T) { m.start() },
			"end":     func(*rapid.T) { m.end() },
			"cancel":  func(*rapid.T) { m.cancel() },
			"stale":   func(*rapid.T) { m.again() },
			"restart": restart,
			"":        func(*rapid.T) { m.check() },
		})
	})
}

func (m *model) want(err error, code composa.Code) {
	if composa.CodeOf(err) != code {
		m.t.Fatalf("code = %q (%v), want %q", composa.CodeOf(err), err, code)
	}
}

// pick chooses an operation in one of the phases; nil where there is none.
func (m *model) pick(phases ...composa.Phase) *composa.Operation {
	var ids []composa.OperationID
	for id, op := range m.ops {
		if slices.Contains(phases, op.Phase) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.SortFunc(ids, func(a, b composa.OperationID) int { return m.ops[a].CreatedAt.Compare(m.ops[b].CreatedAt) })
	return m.ops[rapid.SampledFrom(ids).Draw(m.t, "operation")]
}

func (m *model) name() string {
	return rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(m.t, "name")
}

func (m *model) choose() []composa.Device {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(m.devices), 0, 3, func(d composa.Device) composa.DeviceID { return d.ID }).Draw(m.t, "devices")
}

func (m *model) taken(devices []composa.Device) bool {
	return slices.ContainsFunc(devices, func(d composa.Device) bool { return m.holder[d.ID] != "" })
}

func (m *model) compose() {
	name, devices := m.name(), m.choose()
	op, err := m.b.Accept(m.b.ctx(), m.b.admin, m.b.compose(name, devices...))
	switch {
	case m.names[name] != "":
		m.want(err, composa.CodeExists)
		return
	case m.taken(devices):
		m.want(err, composa.CodeMoved)
		return
	}
	m.want(err, "")
	m.ops[op.ID], m.names[name] = op, op.ID
	for _, d := range devices {
		m.holder[d.ID] = op.Machines[0]
	}
}

func (m *model) queue() {
	name := m.name()
	a := m.b.compose(name)
	a.Operation.Phase, a.Operation.Steps = composa.PhaseQueued, nil
	op, err := m.b.Accept(m.b.ctx(), m.b.admin, a)
	if m.names[name] != "" {
		m.want(err, composa.CodeExists)
		return
	}
	m.want(err, "")
	m.ops[op.ID], m.names[name] = op, op.ID
}

// start gives a queued operation its devices, as its turn comes.
func (m *model) start() {
	op := m.pick(composa.PhaseQueued)
	if op == nil {
		return
	}
	devices := m.choose()
	a := m.b.compose("unused", devices...)
	machine, err := m.b.MachineByID(m.b.ctx(), system, op.Machines[0])
	m.want(err, "")
	start := Acceptance{Operation: *op, Claims: a.Claims, Machines: []MachineAccept{{Machine: machine.ID, Revision: machine.Revision, Fabric: "rack1"}}}
	start.Operation.Phase = composa.PhaseRunning
	for i := range start.Claims {
		start.Claims[i].Machine = machine.ID
	}
	started, err := m.b.Accept(m.b.ctx(), m.b.admin, start)
	if m.taken(devices) {
		m.want(err, composa.CodeMoved)
		return
	}
	m.want(err, "")
	m.ops[op.ID] = started
	for _, d := range devices {
		m.holder[d.ID] = machine.ID
	}
}

// end carries an operation to its end: made, or undone with its devices free.
func (m *model) end() {
	op := m.pick(composa.PhaseRunning)
	if op == nil {
		return
	}
	a := composa.Advance{Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseDone, Machines: []composa.MachineChange{{Machine: op.Machines[0], Made: true, Idle: true}}}
	undone := op.CancelRequested || rapid.Bool().Draw(m.t, "undone")
	if undone {
		a.Phase, a.Machines[0] = composa.PhaseUndone, composa.MachineChange{Machine: op.Machines[0], Freed: true}
		site := m.b.site()
		for _, d := range m.devices {
			if m.holder[d.ID] == op.Machines[0] {
				a.Claims = append(a.Claims, composa.ClaimChange{Claim: site.Claim(d.ID).ID, Closed: true})
			}
		}
	}
	if rapid.Bool().Draw(m.t, "on an older revision") {
		a.Revision--
		_, err := m.b.Advance(m.b.ctx(), system, a)
		m.want(err, composa.CodeMoved)
		return
	}
	ended, err := m.b.Advance(m.b.ctx(), system, a)
	m.want(err, "")
	m.ops[op.ID] = ended
	m.stale = append(m.stale, a)
	if undone {
		m.forget(op)
	}
}

// forget is what a freed machine leaves: nothing.
func (m *model) forget(op *composa.Operation) {
	maps.DeleteFunc(m.holder, func(_ composa.DeviceID, held composa.MachineID) bool { return held == op.Machines[0] })
	maps.DeleteFunc(m.names, func(_ string, by composa.OperationID) bool { return by == op.ID })
}

func (m *model) cancel() {
	op := m.pick(composa.PhaseQueued, composa.PhaseRunning, composa.PhaseDone, composa.PhaseCancelled)
	if op == nil {
		return
	}
	was := op.Phase
	got, err := m.b.RequestCancel(m.b.ctx(), m.b.admin, op.ID)
	m.want(err, "")
	m.ops[op.ID] = got
	switch was {
	case composa.PhaseQueued:
		if got.Phase != composa.PhaseCancelled {
			m.t.Fatalf("a queued operation is %s after cancel", got.Phase)
		}
		m.forget(op)
	case composa.PhaseRunning:
		if got.Phase != composa.PhaseRunning || !got.CancelRequested {
			m.t.Fatalf("a running operation after cancel: %+v", got)
		}
	default:
		if got.Phase != was || got.Revision != op.Revision {
			m.t.Fatalf("an ended operation changed: %+v", got)
		}
	}
}

// again repeats an advance that was written already.
func (m *model) again() {
	if len(m.stale) == 0 {
		return
	}
	_, err := m.b.Advance(m.b.ctx(), system, rapid.SampledFrom(m.stale).Draw(m.t, "advance"))
	m.want(err, composa.CodeMoved)
}

func (m *model) check() {
	site := m.b.site()
	held := map[composa.DeviceID]composa.MachineID{}
	for _, c := range site.Claims {
		if held[c.Device] != "" {
			m.t.Fatalf("%s has two open claims", c.Device)
		}
		held[c.Device] = c.Machine
	}
	if diff := cmp.Diff(m.holder, held); diff != "" {
		m.t.Fatalf("claims (-model +store):\n%s", diff)
	}
	names := map[string]composa.OperationID{}
	for _, machine := range site.Machines {
		names[machine.Name] = m.names[machine.Name]
		op := m.ops[m.names[machine.Name]]
		if op == nil || op.Machines[0] != machine.ID {
			m.t.Fatalf("machine %q lives and is not the model's", machine.Name)
		}
		if busy := !op.Phase.Ended(); busy != (machine.Operation == op.ID) {
			m.t.Fatalf("machine %q has operation %q; %s is %s", machine.Name, machine.Operation, op.ID, op.Phase)
		}
	}
	if diff := cmp.Diff(m.names, names); diff != "" {
		m.t.Fatalf("living machines (-model +store):\n%s", diff)
	}
	open := 0
	for _, op := range m.ops {
		if !op.Phase.Ended() {
			open++
			if got := site.Operation(op.ID); got == nil || got.Phase != op.Phase || got.Revision != op.Revision {
				m.t.Fatalf("operation %s in the store = %+v, in the model = %+v", op.ID, got, op)
			}
		}
	}
	if len(site.Operations) != open {
		m.t.Fatalf("%d operations are open, the model has %d", len(site.Operations), open)
	}
}
