package runner

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/memory"
	"github.com/composa-dev/composa/internal/plan"
)

// scene is everything that Next decides on, as plain values, beside a memory
// world: no store, no goroutine, no clock but now.
type scene struct {
	t     *testing.T
	now   time.Time
	world *memory.World
	fab   driver.Fabric
	site  composa.Site
	state State
	calls []Call
	heard []Answer
	fault []memory.Fault // of the next changing calls
	reads []memory.Fault // of the next looks
	out   []string
	mute  bool
	ops   int
}

const rack composa.FabricName = "rack1"

func newScene(t *testing.T, shape memory.Shape, settle time.Duration) *scene {
	return newSceneOf(t, shape, settle, map[composa.Kind]int{composa.KindCPU: 2, composa.KindGPU: 4, composa.KindSSD: 2})
}

func newSceneOf(t *testing.T, shape memory.Shape, settle time.Duration, counts map[composa.Kind]int) *scene {
	s := &scene{t: t, now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	s.world = memory.New(memory.Config{
		Name: rack, Shape: shape, Site: "site_abcdefghijkmnpqr", Clock: func() time.Time { s.now = s.now.Add(time.Microsecond); return s.now }, SettleTime: settle,
		Counts: counts,
	})
	s.world.Fail(func(c memory.Call) memory.Fault {
		list := &s.reads
		if c.Changing {
			list = &s.fault
		}
		if len(*list) == 0 {
			return memory.Fault{}
		}
		f := (*list)[0]
		*list = (*list)[1:]
		return f
	})
	truth := s.world.Truth()
	s.site = composa.Site{
		ID: s.world.Site(), Fabrics: []composa.Fabric{{Name: rack, Driver: "memory", Access: composa.AccessManage, Abilities: truth.Abilities, Epoch: 1}},
		Pictures: map[composa.FabricName]*composa.Picture{rack: truth},
	}
	for _, d := range truth.Devices {
		s.site.Devices = append(s.site.Devices, composa.Device{
			ID: composa.DeviceID("dev_" + d.Name), Fabric: rack, Name: d.Name, Kind: d.Kind, Fingerprint: d.Fingerprint,
			Unit: d.Unit, Domains: d.Domains, Health: d.Health, Hygiene: composa.HygieneClean,
		})
	}
	s.site.Index()
	s.restart()
	return s
}

func (s *scene) restart() {
	s.fab, s.calls, s.heard = s.world.Fabric(), nil, nil
	_, reserves := s.fab.(driver.Reserver)
	s.state = State{Fabric: rack, Epoch: 1, Reserves: reserves}
}

func (s *scene) say(format string, args ...any) {
	if !s.mute {
		s.out = append(s.out, fmt.Sprintf(format, args...))
	}
}

func (s *scene) bound(names []string) []composa.Bound {
	var out []composa.Bound
	for _, n := range names {
		d := s.site.Device(composa.DeviceID("dev_" + n))
		if d == nil {
			s.t.Fatalf("there is no device %q", n)
		}
		out = append(out, composa.Bound{Device: d.Ref(), Entry: string(d.Kind)})
	}
	return out
}

// accept does what taking a request does: claims, plan, operation.
func (s *scene) accept(verb composa.Verb, by composa.PrincipalID, prior, target []composa.Goal) *composa.Operation {
	s.ops++
	op := composa.Operation{
		ID: composa.OperationID(fmt.Sprintf("op_%d", s.ops)), Principal: by, Verb: verb, Phase: composa.PhaseRunning, Direction: composa.Forward,
		Fabric: rack, Prior: composa.Target{Fabric: rack, Goals: prior, Hard: true}, Target: composa.Target{Fabric: rack, Goals: target, Hard: true},
		CreatedAt: s.now, Revision: 1,
	}
	for _, g := range target {
		op.Machines = append(op.Machines, g.Machine.ID)
		for i := range s.site.Machines {
			if s.site.Machines[i].ID == g.Machine.ID {
				s.site.Machines[i].Operation = op.ID
			}
		}
		for _, b := range g.Devices {
			i := slices.IndexFunc(s.site.Claims, func(c composa.Claim) bool { return c.Device == b.Device.ID })
			switch {
			case i < 0:
				s.site.Claims = append(s.site.Claims, composa.Claim{ID: composa.ClaimID("claim_" + b.Device.Name), Device: b.Device.ID, Machine: g.Machine.ID, Purpose: composa.PurposeMachine, Entry: b.Entry, Operation: op.ID})
			case s.site.Claims[i].Machine != g.Machine.ID:
				s.site.Claims[i].Heir = g.Machine.ID
			}
		}
	}
	s.site.Operations = append(s.site.Operations, op)
	s.site.Index()
	p, err := plan.For(&s.site, verb, "", op.Target)
	if err != nil {
		s.t.Fatalf("cannot plan: %v", err)
	}
	last := &s.site.Operations[len(s.site.Operations)-1]
	for i, st := range p.Steps {
		last.Steps = append(last.Steps, composa.StepRecord{Generation: 1, Ordinal: i + 1, Direction: composa.Forward, Step: st.Step, State: composa.StepPlanned})
	}
	return last
}

func (s *scene) machine(name string) *composa.Machine {
	m := s.site.Machine(composa.MachineID("mach_" + name))
	if m == nil {
		s.t.Fatalf("there is no machine %q", name)
	}
	return m
}

func (s *scene) is(m *composa.Machine) composa.Goal {
	return composa.Goal{Machine: m.Ref(), Exists: true, Devices: s.site.Binding(m.ID), Spec: m.Spec, SpecRevision: m.SpecRevision}
}

func (s *scene) compose(by, name string, devices []string, power *bool) *composa.Operation {
	id := composa.MachineID("mach_" + name)
	s.site.Machines = append(s.site.Machines, composa.Machine{ID: id, Name: name, Fabric: rack, Label: composa.MachineLabel(name, id), SpecRevision: 1})
	ref := s.machine(name).Ref()
	return s.accept(composa.VerbCompose, composa.PrincipalID(by),
		[]composa.Goal{{Machine: ref}}, []composa.Goal{{Machine: ref, Exists: true, Devices: s.bound(devices), SpecRevision: 1, Power: power}})
}

// change asks for other devices of machines: name=dev,dev.
func (s *scene) change(verb composa.Verb, wishes []string) *composa.Operation {
	var prior, target []composa.Goal
	for _, w := range wishes {
		name, list, _ := strings.Cut(w, "=")
		m := s.machine(name)
		was := s.is(m)
		m.SpecRevision++
		is := s.is(m)
		is.Devices = s.bound(strings.Split(list, ","))
		prior, target = append(prior, was), append(target, is)
	}
	return s.accept(verb, "ann", prior, target)
}

func (s *scene) free(name string) *composa.Operation {
	m := s.machine(name)
	return s.accept(composa.VerbFree, "ann", []composa.Goal{s.is(m)}, []composa.Goal{{Machine: m.Ref()}})
}

// stored are the operations that the runner would read.
func (s *scene) stored() (ops []composa.Operation) {
	for _, op := range s.site.Operations {
		if op.Phase != composa.PhaseHeld && op.Phase != composa.PhaseQueued {
			ops = append(ops, op)
		}
	}
	return ops
}

// decide decides once on operations as they were read, and keeps the calls.
func (s *scene) decide(ops []composa.Operation) (eff Effects, wake time.Time) {
	s.site.Index()
	in := Input{Operations: ops, Answers: s.heard}
	next, eff, wake := Next(s.state, s.now, in)
	if eff.NeedSite {
		in.Site = &s.site
		next, eff, wake = Next(s.state, s.now, in)
	}
	s.pure(in, eff)
	if eff.NeedSite {
		s.t.Fatal("Next asks for the site although it has it")
	}
	s.state, s.heard = next, nil
	for _, c := range eff.Calls {
		what := c.Step.String()
		if c.Kind == CallObserve {
			what = fmt.Sprintf("(%s) %s", c.look, strings.Join(c.Scope.Devices, " "))
		}
		s.say("%s: call %s %s", c.Operation, c.Kind, what)
	}
	s.calls = append(s.calls, eff.Calls...)
	return eff, wake
}

// turn decides until nothing is written any more.
func (s *scene) turn() (wake time.Time) {
	for range 20 {
		var eff Effects
		eff, wake = s.decide(s.stored())
		for _, a := range eff.Advances {
			s.write(a)
		}
		if len(eff.Advances) == 0 {
			if !wake.IsZero() && len(eff.Calls) == 0 {
				s.say("wake in %s", wake.Sub(s.now).Round(time.Millisecond))
			}
			return wake
		}
	}
	s.t.Fatal("Next never stops writing")
	return wake
}

// pure fails where the same input once more gives something else: Next changed
// what it was given, or looked at something besides.
func (s *scene) pure(in Input, eff Effects) {
	if _, again, _ := Next(s.state, s.now, in); !reflect.DeepEqual(eff, again) {
		s.t.Fatalf("the same input gives\n%+v\nand then\n%+v", eff, again)
	}
}

// write is what the store does with an Advance.
func (s *scene) write(a composa.Advance) {
	i := slices.IndexFunc(s.site.Operations, func(op composa.Operation) bool { return op.ID == a.Operation })
	if i < 0 || s.site.Operations[i].Revision != a.Revision {
		s.t.Fatalf("an advance of %s on revision %d, which is not stored", a.Operation, a.Revision)
	}
	op := &s.site.Operations[i]
	op.Revision++
	line := fmt.Sprintf("%s: %s", op.ID, a.Phase)
	if a.Reason != "" && a.Reason != op.Reason {
		line += fmt.Sprintf(" (%s)", a.Reason)
	}
	op.Phase, op.Direction, op.Reason, op.Result = a.Phase, a.Direction, a.Reason, a.Result
	op.Steps = slices.Clone(op.Steps)
	for _, r := range a.Steps {
		j := slices.IndexFunc(op.Steps, func(o composa.StepRecord) bool { return o.Generation == r.Generation && o.Ordinal == r.Ordinal })
		if j < 0 {
			op.Steps = append(op.Steps, r)
			line += fmt.Sprintf("; %d.%d %s: %s", r.Generation, r.Ordinal, r.State, r.Step.String())
			continue
		}
		if op.Steps[j].State != r.State || op.Steps[j].Attempt != r.Attempt {
			line += fmt.Sprintf("; %d.%d %s", r.Generation, r.Ordinal, r.State)
			if r.Attempt > 1 {
				line += fmt.Sprintf(" (attempt %d)", r.Attempt)
			}
		}
		op.Steps[j] = r
	}
	for _, c := range a.Claims {
		j := slices.IndexFunc(s.site.Claims, func(o composa.Claim) bool { return o.ID == c.Claim })
		name := strings.TrimPrefix(string(c.Claim), "claim_")
		used := map[bool]string{true: ", used"}[c.Used]
		switch {
		case c.Closed:
			why, _, _ := strings.Cut(c.Evidence, " by a look")
			line += fmt.Sprintf("; %s closed, %s%s", name, why, used)
			s.site.Claims = slices.Delete(s.site.Claims, j, j+1)
			continue
		case c.Released:
			line += fmt.Sprintf("; %s releasing%s", name, used)
		default:
			line += fmt.Sprintf("; %s of %s%s", name, c.Machine, used)
		}
		s.site.Claims[j].Machine, s.site.Claims[j].Heir, s.site.Claims[j].Purpose, s.site.Claims[j].Entry = c.Machine, c.Heir, c.Purpose, c.Entry
	}
	for _, c := range a.Machines {
		line += s.writeMachine(c)
	}
	if a.Picture != nil {
		s.site.Pictures[rack] = s.site.Pictures[rack].Overlay(a.Picture)
	}
	s.say("%s", line)
	if op.Phase == composa.PhaseHeld {
		s.say("  ways: %s", strings.Join(op.Result.Ways, ", "))
	}
	if op.Phase.Ended() {
		s.site.Operations = slices.Delete(s.site.Operations, i, i+1)
	}
}

func (s *scene) writeMachine(c composa.MachineChange) (line string) {
	i := slices.IndexFunc(s.site.Machines, func(m composa.Machine) bool { return m.ID == c.Machine })
	m := &s.site.Machines[i]
	if c.Native != "" && c.Native != m.Native {
		m.Native, m.NativeSince = c.Native, c.NativeSince
		line += fmt.Sprintf("; %s is %s", m.ID, m.Native)
	}
	if c.Made && !m.Made {
		m.Made = true
		line += fmt.Sprintf("; %s made", m.ID)
	}
	if c.Spec != nil {
		m.Spec, m.SpecRevision = *c.Spec, c.SpecRevision
		line += fmt.Sprintf("; %s spec as before", m.ID)
	}
	if c.Idle {
		m.Operation = ""
	}
	if c.Freed {
		line += fmt.Sprintf("; %s freed", m.ID)
		s.site.Machines = slices.Delete(s.site.Machines, i, i+1)
	}
	return line
}

// make makes the oldest call, and after it what is reserved beside it. The
// answers are heard in the next turn.
func (s *scene) make(hear bool) {
	if len(s.calls) == 0 {
		s.say("  no call is wanted")
		return
	}
	c := s.calls[0]
	s.makeOne(hear)
	if len(s.calls) > 0 && c.Kind == CallApply && s.calls[0].Kind == CallReserve && s.calls[0].Operation == c.Operation {
		s.makeOne(hear)
	}
}

func (s *scene) makeOne(hear bool) {
	c := s.calls[0]
	s.calls = s.calls[1:]
	a := Make(context.Background(), s.fab, c)
	a.Ended = s.now
	if a.Err != nil {
		s.say("  -> %s", driver.CodeOf(a.Err))
	}
	if hear {
		s.heard = append(s.heard, a)
	}
}

// finish lets everything that is left go well.
func (s *scene) finish() {
	for range 200 {
		wake := s.turn()
		switch {
		case len(s.calls) > 0:
			s.make(true)
		case !wake.IsZero():
			s.now = wake
		default:
			return
		}
	}
	s.t.Fatal("it never ends")
}

// ended fails for what has neither ended nor is held, with what happened.
func (s *scene) ended() {
	s.t.Helper()
	for _, op := range s.stored() {
		s.t.Errorf("%s has not ended: %s, it holds the lock as %d, at %+v\n%s", op.ID, op.Phase, holdOf(&op, s.state.legs[op.ID]), current(&op), strings.Join(s.out, "\n"))
	}
}

// play carries out one line of a script.
func (s *scene) play(line string) {
	f := strings.Fields(line)
	rival := s.world.Foreign()
	var err error
	switch f[0] {
	case "compose": // compose ann train cpu0 gpu0
		s.compose(f[1], f[2], f[3:], nil)
	case "compose-on": // and it is to run
		s.compose(f[1], f[2], f[3:], new(true))
	case "plug", "unplug", "move", "reshape":
		s.change(composa.Verb(f[0]), f[1:])
	case "free":
		s.free(f[1])
	case "deadline":
		d, _ := time.ParseDuration(f[1])
		s.site.Operations[len(s.site.Operations)-1].Deadline = s.now.Add(d)
	case "cancel":
		for i := range s.site.Operations {
			if op := &s.site.Operations[i]; string(op.ID) == f[1] {
				op.CancelRequested = true
				op.Revision++
			}
		}
	case "retry", "undo":
		for i := range s.site.Operations {
			if op := &s.site.Operations[i]; string(op.ID) == f[1] {
				op.Phase, op.Result, op.Reason = composa.PhaseRunning, nil, ""
				op.Revision++
				if f[0] == "undo" {
					op.Direction = composa.Undo
				}
			}
		}
	case "turn":
		s.turn()
	case "make":
		s.make(true)
		s.turn()
	case "make-one":
		s.makeOne(true)
		s.turn()
	case "make-unheard":
		s.make(false)
	case "done":
		s.finish()
	case "restart":
		s.restart()
	case "pass":
		d, _ := time.ParseDuration(f[1])
		s.now = s.now.Add(d)
		s.turn()
	case "fault":
		s.fault = append(s.fault, memory.Refuse(composa.Code(f[1])))
	case "fault-read":
		s.reads = append(s.reads, memory.Refuse(composa.Code(f[1])))
	case "incomplete":
		s.reads = append(s.reads, memory.Fault{Incomplete: true})
	case "lose-answer":
		s.fault = append(s.fault, memory.LoseAnswer())
	case "lose-call":
		s.fault = append(s.fault, memory.LoseCall())
	case "fine":
		s.fault = append(s.fault, memory.Fault{})
	case "late":
		s.fault = append(s.fault, memory.Late(0))
	case "happens":
		s.world.Advance()
	case "rival-takes":
		_, err = rival.Take(f[1])
	case "rival-adds":
		err = rival.AddTo(s.machine(f[2]).Native, f[1])
	case "rival-label":
		_, err = rival.MakeMachine(s.machine(f[1]).Label)
	case "rival-makes": // a machine of just these
		_, err = rival.MakeMachine("", f[1:]...)
	case "rival-pulls":
		err = rival.Vanish(f[1])
	case "mute":
		s.mute = true
	case "loud":
		s.mute = false
	default:
		s.t.Fatalf("no such line: %q", line)
	}
	if err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
}
