package store

import (
	"testing"

	"github.com/composa-dev/composa"
)

// What is remembered of a row is not taken for what is so: where somebody
// changed it behind the back of the store, nothing is written on it.
func TestWhatIsRememberedIsCheckedWhenItIsWritten(t *testing.T) {
	for _, tt := range []struct {
		name, change string
		id           func(Acceptance) string
	}{
		{"claim", `UPDATE claim SET closed_at = 1 WHERE id = $1`, func(a Acceptance) string { return string(a.Claims[0].ID) }},
		{"operation", `UPDATE operation SET revision = revision + 1 WHERE id = $1`, func(a Acceptance) string { return string(a.Operation.ID) }},
		{"machine", `UPDATE machine SET revision = revision + 1, operation = '' WHERE id = $1`, func(a Acceptance) string { return string(a.NewMachine.ID) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bed) {
				devices := b.addFabric("rack1", 3)
				accepted := b.compose("train", devices[1], devices[2])
				op := b.accept(accepted)
				_, err := b.engine.write.ExecContext(b.ctx(), tt.change, tt.id(accepted))
				b.ok(err)
				before := b.lastEvent()
				a := composa.Advance{Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseUndone, Machines: []composa.MachineChange{{Machine: op.Machines[0], Freed: true}}}
				for _, c := range accepted.Claims {
					a.Claims = append(a.Claims, composa.ClaimChange{Claim: c.ID, Closed: true})
				}
				_, err = b.Advance(b.ctx(), system, a)
				b.code(err, composa.CodeMoved)
				if told := b.events(before); len(told) > 0 {
					t.Errorf("nothing was to be written, and %v is told", told)
				}
			})
		})
	}
}

// What failed is not remembered, and those that were written together with it are.
func TestWhatFailedIsNotRemembered(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		one := b.accept(b.compose("one", devices[1]))
		taken := b.compose("two", devices[1])
		if _, err := b.Accept(b.ctx(), b.admin, taken); composa.CodeOf(err) != composa.CodeMoved {
			t.Fatalf("a device was claimed twice: %v", err)
		}
		_, err := b.Advance(b.ctx(), system, composa.Advance{Operation: taken.Operation.ID, Revision: 1, Phase: composa.PhaseUndone})
		b.code(err, composa.CodeNotFound)
		b.made(one, "7")
		if diff := sameSites(b.site(), b.fresh()); diff != "" {
			t.Errorf("the kept site differs (-tables +kept):\n%s", diff)
		}
	})
}
