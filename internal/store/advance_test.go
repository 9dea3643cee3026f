package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

func TestAdvance(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		tenure, err := b.TakeTenure(b.ctx(), system, "rack1", "server-1")
		b.ok(err)
		op := b.accept(b.compose("train", devices[1]))
		id := op.Machines[0]
		step := op.Steps[0]
		step.State, step.Attempt, step.BeganAt = composa.StepRunning, 1, b.clock.now()
		at := b.lastEvent()
		op = b.advance(composa.Advance{Operation: op.ID, Revision: op.Revision, Fabric: "rack1", Epoch: tenure, Phase: composa.PhaseRunning, Steps: []composa.StepRecord{step}})
		if diff := cmp.Diff([]composa.EventType{"step.running"}, b.events(at)); diff != "" {
			t.Errorf("events of a step (-want +got):\n%s", diff)
		}
		if op.Steps[0].Attempt != 1 || !op.Steps[0].BeganAt.Equal(step.BeganAt) {
			t.Errorf("step = %+v", op.Steps[0])
		}

		since := epoch.Add(-time.Hour)
		step.State, step.EndedAt, step.Evidence = composa.StepDone, b.clock.now(), "seen"
		next := composa.StepRecord{Generation: 2, Ordinal: 1, Direction: composa.Forward, Step: step.Step, State: composa.StepPlanned}
		at = b.lastEvent()
		op = b.advance(composa.Advance{
			Operation: op.ID, Revision: op.Revision, Fabric: "rack1", Epoch: tenure, Phase: composa.PhaseWaiting, Reason: "rack1 is silent",
			Steps:    []composa.StepRecord{step, next},
			Machines: []composa.MachineChange{{Machine: id, Native: "m7", NativeSince: since}},
		})
		if op.Generation() != 2 || op.Reason != "rack1 is silent" || op.Phase != composa.PhaseWaiting {
			t.Errorf("operation = %+v", op)
		}
		if diff := cmp.Diff([]composa.EventType{"operation.waiting", "step.done", "step.planned", "machine.changed"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		m, err := b.MachineByID(b.ctx(), system, id)
		b.ok(err)
		if m.Native != "m7" || !m.NativeSince.Equal(since) || m.Made {
			t.Errorf("machine = %+v", m)
		}

		back := step
		back.State = composa.StepRunning
		_, err = b.Advance(b.ctx(), system, composa.Advance{Operation: op.ID, Revision: op.Revision, Steps: []composa.StepRecord{back}})
		b.code(err, composa.CodeInternal) // a step only goes forward

		at = b.lastEvent()
		op = b.made(op, "")
		if op.Phase != composa.PhaseDone || op.EndedAt.IsZero() {
			t.Errorf("operation = %+v", op)
		}
		if diff := cmp.Diff([]composa.EventType{"operation.done", "machine.ready"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		_, err = b.Advance(b.ctx(), system, composa.Advance{Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseRunning})
		b.code(err, composa.CodeInvalid) // it has ended
		took, ok, err := b.Typical(b.ctx(), b.admin, composa.VerbCompose, "rack1")
		b.ok(err)
		if !ok || took != op.EndedAt.Sub(op.StartedAt) {
			t.Errorf("typical = %s %t, want %s", took, ok, op.EndedAt.Sub(op.StartedAt))
		}
		held := b.accept(b.compose("held", devices[2]))
		held = b.advance(composa.Advance{Operation: held.ID, Revision: held.Revision, Phase: composa.PhaseHeld, Result: &composa.Result{Text: "stuck"}})
		b.clock.looks.Add(60_000) // a minute passes until somebody decides
		held, err = b.Decide(b.ctx(), b.admin, held.ID, "retry")
		b.ok(err)
		held = b.made(held, "")
		if ran := held.EndedAt.Sub(held.StartedAt); ran <= took {
			t.Fatalf("the held one took %s, no longer than %s, so it shows nothing", ran, took)
		}
		again, ok, err := b.Typical(b.ctx(), b.admin, composa.VerbCompose, "rack1")
		b.ok(err)
		if !ok || again != took {
			t.Errorf("with one that was held typical = %s %t, want %s as before", again, ok, took)
		}
		_, ok, err = b.Typical(b.ctx(), b.admin, composa.VerbMove, "rack1")
		b.ok(err)
		if ok {
			t.Error("no move was ever done, and there is a typical time")
		}
	})
}

// What was decided on an older state writes nothing at all.
func TestAdvanceThatMoved(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		old, err := b.TakeTenure(b.ctx(), system, "rack1", "server-1")
		b.ok(err)
		now, err := b.TakeTenure(b.ctx(), system, "rack1", "server-2")
		b.ok(err)
		if now != old+1 {
			t.Fatalf("tenures %d and %d do not follow", old, now)
		}
		op := b.accept(b.compose("train", devices[1]))
		other := b.ready("render", devices[2])
		claim := b.site().Claim(devices[1].ID)
		before := b.site()
		at := b.lastEvent()
		step := op.Steps[0]
		step.State = composa.StepRunning
		good := composa.Advance{
			Operation: op.ID, Revision: op.Revision, Fabric: "rack1", Epoch: now, Phase: composa.PhaseUndoing, Direction: composa.Undo,
			Steps:    []composa.StepRecord{step},
			Claims:   []composa.ClaimChange{{Claim: claim.ID, Purpose: composa.PurposeReleasing, Released: true}},
			Machines: []composa.MachineChange{{Machine: op.Machines[0], Native: "m1"}},
			Picture:  &composa.Picture{Fabric: "rack1", Began: b.clock.now(), Complete: true},
		}
		for name, spoil := range map[string]func(*composa.Advance){
			"an older revision":         func(a *composa.Advance) { a.Revision-- },
			"an older tenure":           func(a *composa.Advance) { a.Epoch = old },
			"another's machine":         func(a *composa.Advance) { a.Machines = []composa.MachineChange{{Machine: other.ID, Freed: true}} },
			"a claim that is not there": func(a *composa.Advance) { a.Claims = append(a.Claims, composa.ClaimChange{Claim: "claim_none"}) },
		} {
			a := good
			spoil(&a)
			if _, err := b.Advance(b.ctx(), system, a); composa.CodeOf(err) != composa.CodeMoved {
				t.Errorf("%s: %v, want moved", name, err)
			}
		}
		after := b.site()
		after.Now = before.Now
		if diff := cmp.Diff(before, after, cmpIgnoreIndex); diff != "" {
			t.Errorf("a refused advance changed the site (-before +after):\n%s", diff)
		}
		if got := b.lastEvent(); got != at {
			t.Errorf("a refused advance told events: %v", b.events(at))
		}
		if _, err := b.Advance(b.ctx(), system, good); err != nil {
			t.Errorf("the advance that was not spoilt: %v", err)
		}
		again, err := b.Operation(b.ctx(), system, op.ID)
		b.ok(err)
		_, err = b.Advance(b.ctx(), system, composa.Advance{Operation: op.ID, Revision: again.Revision, Epoch: now})
		b.code(err, composa.CodeInvalid) // a tenure of no fabric
		_, err = b.Advance(b.ctx(), system, composa.Advance{Operation: op.ID, Revision: again.Revision, Fabric: "rack1", Picture: &composa.Picture{Fabric: "rack2"}})
		b.code(err, composa.CodeInvalid)
		good.Operation = "op_none"
		_, err = b.Advance(b.ctx(), system, good)
		b.code(err, composa.CodeNotFound)
		_, err = b.TakeTenure(b.ctx(), system, "rack9", "server-1")
		b.code(err, composa.CodeNotFound)
	})
}

func TestClaimsMoveReleaseAndClose(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 2)
		ssd := composa.Device{
			ID: "dev_ssd", Fabric: "rack1", Name: "ssd0", Kind: composa.KindSSD, Fingerprint: composa.Fingerprint{Serial: "SSD0"},
			Health: composa.HealthOK, Hygiene: composa.HygieneClean,
		}
		b.ok(b.Record(b.ctx(), system, composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: ssd, New: true}}}))
		from := b.ready("train", devices[1], ssd)
		to := b.ready("render")
		claim := *b.site().Claim(ssd.ID)

		a := b.compose("x")
		a.NewMachine, a.Operation.Verb, a.Operation.Machines = nil, composa.VerbMove, []composa.MachineID{from.ID, to.ID}
		a.Machines = []MachineAccept{{Machine: from.ID, Revision: from.Revision}, {Machine: to.ID, Revision: to.Revision}}
		a.Heirs = []composa.ClaimChange{{Claim: claim.ID, Heir: to.ID}}
		op := b.accept(a)
		if got := b.site().Claim(ssd.ID); got.Heir != to.ID || got.Machine != from.ID || got.Operation != op.ID {
			t.Errorf("claim with an heir = %+v", got)
		}
		at := b.lastEvent()
		b.advance(composa.Advance{
			Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseDone,
			Claims:   []composa.ClaimChange{{Claim: claim.ID, Machine: to.ID, Purpose: composa.PurposeMachine, Entry: "ssd", Used: true}},
			Machines: []composa.MachineChange{{Machine: from.ID, Idle: true}, {Machine: to.ID, Idle: true}},
		})
		site := b.site()
		if got := site.Claim(ssd.ID); got.Heir != "" || got.Machine != to.ID {
			t.Errorf("claim after the move = %+v", got)
		}
		if got := site.Device(ssd.ID); got.Hygiene != composa.HygieneUsed || got.KeptFor != b.project {
			t.Errorf("the drive = %+v", got)
		}
		want := []composa.EventType{"operation.done", "device.used", "claim.changed", "machine.ready", "machine.ready"}
		if diff := cmp.Diff(want, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}

		// Observation cannot make it clean again.
		ssd.Health = composa.HealthDegraded
		b.ok(b.Record(b.ctx(), system, composa.Observation{
			Fabric: "rack1", Parts: []composa.PartChange{{Device: ssd}},
			Claims: []composa.ClaimChange{{Claim: claim.ID, Purpose: composa.PurposeReleasing, Released: true}},
		}))
		site = b.site()
		if got := site.Device(ssd.ID); got.Hygiene != composa.HygieneUsed || got.KeptFor != b.project || got.Health != composa.HealthDegraded {
			t.Errorf("the drive after another look = %+v", got)
		}
		if got := site.Claim(ssd.ID); got.ReleasedAt.IsZero() || got.Purpose != composa.PurposeReleasing || !got.Open() {
			t.Errorf("the released claim = %+v", got)
		}
		b.ok(b.Record(b.ctx(), system, composa.Observation{Fabric: "rack1", Claims: []composa.ClaimChange{{Claim: claim.ID, Closed: true, Evidence: "rack1 shows it free"}}}))
		if got := b.site().Claim(ssd.ID); got != nil {
			t.Errorf("the closed claim is open: %+v", got)
		}
		b.code(b.Record(b.ctx(), system, composa.Observation{Fabric: "rack1", Claims: []composa.ClaimChange{{Claim: claim.ID, Closed: true}}}), composa.CodeMoved)
		b.accept(b.compose("next", ssd)) // and somebody else can have it
	})
}

func TestADriveThatIsGoneIsUsedAllTheSame(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.addFabric("rack1", 1)
		ssd := composa.Device{
			ID: "dev_ssd", Fabric: "rack1", Name: "ssd0", Kind: composa.KindSSD, Fingerprint: composa.Fingerprint{Serial: "SSD0"},
			Health: composa.HealthOK, Hygiene: composa.HygieneClean,
		}
		b.ok(b.Record(b.ctx(), system, composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: ssd, New: true}}}))
		op := b.accept(b.compose("train", ssd))
		b.ok(b.Record(b.ctx(), system, composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: ssd, Gone: true}}}))
		b.advance(composa.Advance{
			Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseUndone, Direction: composa.Undo,
			Claims:   []composa.ClaimChange{{Claim: b.site().Claims[0].ID, Purpose: composa.PurposeReleasing, Closed: true, Evidence: "the part is gone", Used: true}},
			Machines: []composa.MachineChange{{Machine: op.Machines[0], Freed: true, Idle: true}},
		})
		b.ok(b.Record(b.ctx(), system, composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: ssd, Back: true}}}))
		if got := b.site().Device(ssd.ID); got == nil || got.Hygiene != composa.HygieneUsed || got.KeptFor != b.project {
			t.Errorf("the drive that came back = %+v, want used", got)
		}
	})
}
