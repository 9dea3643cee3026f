package runner

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver/memory"
)

// entersOf is an operation that waits to take so many devices in, and to do
// something with them then, with its host on.
func entersOf(id composa.OperationID, devices int) composa.Operation {
	ref := composa.MachineRef{ID: composa.MachineID("mach_" + id), Name: string(id), Label: string(id), Native: string(id)}
	enter := composa.Step{Act: composa.ActEnter, Fabric: rack, Machine: ref, Lock: composa.LockEdit}
	for i := range devices {
		enter.Attach = append(enter.Attach, composa.DeviceRef{Name: fmt.Sprintf("%s-%d", id, i)})
	}
	attach, power := enter, enter
	attach.Act = composa.ActReshape
	power.Act, power.Attach, power.Lock = composa.ActPower, nil, composa.LockMachine
	return composa.Operation{
		ID: id, Principal: "ann", Verb: composa.VerbPlug, Phase: composa.PhaseRunning, Direction: composa.Forward, Fabric: rack, Revision: 1,
		Steps: []composa.StepRecord{
			{Generation: 1, Ordinal: 1, Direction: composa.Forward, State: composa.StepPlanned, Step: enter},
			{Generation: 1, Ordinal: 2, Direction: composa.Forward, State: composa.StepPlanned, Step: attach},
			{Generation: 1, Ordinal: 3, Direction: composa.Forward, State: composa.StepPlanned, Step: power},
		},
	}
}

// A company is of so many devices at most. Who does not fit waits, and an operation
// of more devices goes alone.
func TestACompanyIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name    string
		devices []int
		want    []composa.OperationID
	}{
		{"all fit", []int{32, 31, 1}, []composa.OperationID{"op0", "op1", "op2"}},
		{"one fits no more", []int{40, 25, 20}, []composa.OperationID{"op0", "op2"}},
		{"the first is too large", []int{maxCompany + 1, 1}, []composa.OperationID{"op0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ops []composa.Operation
			for i, n := range tt.devices {
				ops = append(ops, entersOf(composa.OperationID(fmt.Sprintf("op%d", i)), n))
			}
			now := time.Unix(1000, 0)
			s, eff, _ := Next(State{Fabric: rack, Epoch: 1}, now, Input{Operations: ops})
			var begun []composa.OperationID
			devices := 0
			for _, a := range eff.Advances {
				begun = append(begun, a.Operation)
				i := slices.IndexFunc(ops, func(op composa.Operation) bool { return op.ID == a.Operation })
				ops[i].Steps[0], ops[i].Revision = a.Steps[0], 2
				devices += len(a.Steps[0].Step.Attach)
			}
			if !slices.Equal(begun, tt.want) {
				t.Errorf("written as running: %v, want %v", begun, tt.want)
			}
			if len(eff.Ahead) != 1 {
				t.Errorf("%d steps are prepared, want the first alone", len(eff.Ahead))
			}
			_, eff, _ = Next(s, now, Input{Operations: ops})
			if len(eff.Calls) != 1 || len(eff.Calls[0].Step.Attach) != devices {
				t.Errorf("calls %+v, want one of %d devices", eff.Calls, devices)
			}
		})
	}
}

// Nobody who only waited comes into a company that is about to be handed over:
// who was told busy, alone, wakes just then.
func TestWhoWakesDoesNotJoin(t *testing.T) {
	s := newScene(t, memory.Grouped, 0)
	s.compose("ann", "one", []string{"cpu0", "gpu0"}, nil)
	s.fault = append(s.fault, memory.Refuse(composa.CodeBusy))
	s.turn()
	s.makeOne(true)
	s.turn()
	s.compose("bob", "two", []string{"cpu1", "gpu1"}, nil)
	eff, _ := s.decide(s.stored())
	for _, a := range eff.Advances {
		s.write(a)
	}
	s.now = s.now.Add(20 * time.Millisecond) // that took so long
	s.finish()
	s.ended()
}

// The store wrote the second of a company and its answer was lost: the first is
// handed over without it, and both end.
func TestWhoIsWrittenUntoldWaits(t *testing.T) {
	s := newScene(t, memory.Grouped, 0)
	s.compose("ann", "one", []string{"cpu0", "gpu0"}, nil)
	s.compose("bob", "two", []string{"cpu1", "gpu1"}, nil)
	read := s.stored()
	eff, _ := s.decide(read)
	for _, a := range eff.Advances {
		s.write(a)
	}
	s.decide([]composa.Operation{s.stored()[0], read[1]})
	s.finish()
	s.ended()
}

// play is what the store and a fabric make of what Next wants. Hosts never answer.
type play struct {
	ops   []composa.Operation
	state State
	now   time.Time
	heard []Answer
}

func (p *play) next() Effects {
	var open []composa.Operation
	for _, op := range p.ops {
		if current(&op) != nil {
			open = append(open, op)
		}
	}
	s, eff, _ := Next(p.state, p.now, Input{Operations: open, Answers: p.heard})
	p.state, p.heard = s, nil
	for _, a := range eff.Advances {
		op := &p.ops[slices.IndexFunc(p.ops, func(op composa.Operation) bool { return op.ID == a.Operation })]
		op.Revision, op.Direction = op.Revision+1, a.Direction
		op.Steps = slices.Clone(op.Steps)
		for _, r := range a.Steps {
			op.Steps[slices.IndexFunc(op.Steps, func(o composa.StepRecord) bool { return o.Ordinal == r.Ordinal })] = r
		}
	}
	for _, c := range eff.Calls {
		if c.Step.Act == composa.ActPower {
			continue
		}
		pic := &composa.Picture{Fabric: rack, Complete: true, Began: p.now, Groups: []composa.SeenGroup{{Native: "g", Ours: true}}}
		for _, m := range p.ops {
			ref := m.Steps[0].Step.Machine
			pic.Machines = append(pic.Machines, composa.SeenMachine{Native: ref.Native, Label: ref.Label, InOurs: true})
		}
		for _, d := range c.Step.Attach {
			at := composa.Spot{Area: composa.AreaOurs, Group: "g"}
			if c.Step.Act == composa.ActReshape {
				at = composa.Spot{Area: composa.AreaMachine, Machine: c.Step.Machine.Native}
			}
			pic.Devices = append(pic.Devices, composa.SeenDevice{Name: d.Name, Spot: at})
		}
		p.heard = append(p.heard, Answer{Seq: c.Seq, Picture: pic, Ended: p.now})
	}
	return eff
}

// applied are whose edit steps are handed over, in order, until nothing happens.
func (p *play) applied() (by []composa.PrincipalID) {
	for range 20 {
		eff := p.next()
		for _, c := range eff.Calls {
			if c.Kind == CallApply && c.Step.Lock == composa.LockEdit {
				by = append(by, p.ops[slices.IndexFunc(p.ops, func(op composa.Operation) bool { return op.ID == c.Operation })].Principal)
			}
		}
		if len(eff.Calls)+len(eff.Advances) == 0 {
			break
		}
	}
	return by
}

func (p *play) add(id composa.OperationID, by composa.PrincipalID) *composa.Operation {
	op := entersOf(id, 1)
	op.Principal, op.CreatedAt = by, p.now.Add(time.Duration(len(p.ops))*time.Second)
	p.ops = append(p.ops, op)
	return &p.ops[len(p.ops)-1]
}

// Whose turn it is goes on first after all have entered, however old the others
// are; and then they take turns.
func TestACompanyKeepsTheTurn(t *testing.T) {
	p := &play{now: time.Unix(1000, 0), state: State{Fabric: rack, Epoch: 1, turns: 1, served: map[composa.PrincipalID]int64{"bob": 1}}}
	p.add("bob1", "bob")
	p.add("bob2", "bob")
	p.add("ann1", "ann")
	p.add("ann2", "ann")
	want := []composa.PrincipalID{"ann", "ann", "bob", "ann", "bob"} // all enter by a call of ann's, then one after the other
	if got := p.applied(); !slices.Equal(got, want) {
		t.Errorf("handed over by %v, want %v", got, want)
	}
}

// Where the first does not go on, its turn is not another one's of its company.
func TestAFollowerWaitsForItsTurn(t *testing.T) {
	p := &play{now: time.Unix(1000, 0), state: State{Fabric: rack, Epoch: 1, turns: 9, served: map[composa.PrincipalID]int64{"bob": 9, "carl": 2, "ann": 1}}}
	p.add("ann1", "ann")
	p.add("bob1", "bob")
	p.next()
	p.next() // both enter
	p.ops[0].CancelRequested = true
	carl := p.add("carl1", "carl")
	carl.Steps = carl.Steps[1:] // its devices are in already
	carl.Steps[0].Ordinal = 1
	var first composa.OperationID
	for range 5 {
		for _, a := range p.next().Advances {
			if first == "" && len(a.Steps) > 0 && a.Steps[0].Step.Act == composa.ActReshape && a.Steps[0].State == composa.StepRunning {
				first = a.Operation
			}
		}
	}
	if first != "carl1" {
		t.Errorf("%q goes on first, it is the turn of carl1", first)
	}
}
