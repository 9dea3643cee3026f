package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// A commit signals those whom it concerns, and where other servers write too
// everybody.
func TestCommitsSignalWhomTheyConcern(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		one, two := b.addFabric("rack1", 3), b.addFabric("rack2", 3)
		tenure, err := b.TakeTenure(b.ctx(), system, "rack1", "server")
		b.ok(err)
		signals := map[string]<-chan struct{}{}
		follow := func(name string) func(signal <-chan struct{}, cancel func()) {
			return func(signal <-chan struct{}, cancel func()) {
				signals[name] = signal
				t.Cleanup(cancel)
			}
		}
		follow("all")(b.Notify())
		follow("rack1")(b.NotifyFabric("rack1"))
		follow("rack2")(b.NotifyFabric("rack2"))
		follow("line")(b.NotifyLine())
		signalled := func(what string, want ...string) {
			t.Helper()
			if !b.engine.alone {
				want = []string{"all", "line", "rack1", "rack2"}
			}
			var got []string
			for _, name := range []string{"all", "line", "rack1", "rack2"} {
				select {
				case <-signals[name]:
					got = append(got, name)
				default:
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s signals (-want +got):\n%s", what, diff)
			}
		}

		op := b.accept(b.compose("train", one[1]))
		signalled("a request", "all", "rack1")
		other := b.accept(b.compose("render", two[1]))
		signalled("a request elsewhere", "all", "rack2")
		_, err = b.RequestCancel(b.ctx(), b.admin, other.ID)
		b.ok(err)
		signalled("a cancel", "all", "rack2")
		step := op.Steps[0]
		step.State, step.Attempt, step.BeganAt = composa.StepRunning, 1, b.clock.now()
		op = b.advance(composa.Advance{Operation: op.ID, Revision: op.Revision, Fabric: "rack1", Epoch: tenure, Steps: []composa.StepRecord{step}})
		signalled("its runner's progress", "all")
		op = b.advance(composa.Advance{Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseHeld})
		signalled("somebody else's progress", "all", "rack1")
		op, err = b.Decide(b.ctx(), b.admin, op.ID, "retry")
		b.ok(err)
		signalled("a decision", "all", "rack1")

		later := b.compose("train", one[2])
		later.NewMachine, later.Claims = nil, nil
		later.Operation.Machines, later.Operation.Steps = op.Machines, nil
		later.Operation.Verb, later.Operation.Phase, later.Operation.Behind, later.Operation.Fabric = composa.VerbPlug, composa.PhaseQueued, op.ID, ""
		b.accept(later)
		signalled("a request that has to wait", "all", "line")
		b.advance(composa.Advance{
			Operation: op.ID, Revision: op.Revision, Fabric: "rack1", Epoch: tenure, Phase: composa.PhaseDone,
			Machines: []composa.MachineChange{{Machine: op.Machines[0], Made: true, Idle: true}},
		})
		signalled("an end", "all", "line")
		b.label(one[0].ID, map[string]string{"row": "3"})
		signalled("a label", "all")
		b.ok(b.write(b.ctx(), system, "try", func(t *tx) error {
			_, err := t.exec(`UPDATE operation SET message = $1`, "all of them")
			return err
		}))
		signalled("a statement that does not say which", "all", "line", "rack1", "rack2")
		b.ok(b.write(b.ctx(), system, "try", func(t *tx) error {
			return t.execRow("op_of_nobody", `UPDATE step SET state = $1 WHERE operation = $2`, "done", "op_of_nobody")
		}))
		signalled("a row of which nothing else is told", "all", "line", "rack1", "rack2")
	})
}
