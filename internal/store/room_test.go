package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/composa-dev/composa"
)

// As many operations may be open as are allowed; one more is refused with
// nothing written, and finds a place when one has ended.
func TestOpenOperationsHaveALimit(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 4)
		for _, tt := range []struct {
			name    string
			options Options
			says    string
		}{
			{"of one principal", Options{Open: 100, OpenEach: 3}, "3 operations of yours are open"},
			{"of the site", Options{Open: 3, OpenEach: 100}, "3 operations are open on the site"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				b.options.Open, b.options.OpenEach = tt.options.Open, tt.options.OpenEach
				var ops []*composa.Operation
				for i := range 3 {
					ops = append(ops, b.accept(b.compose(fmt.Sprintf("m%d-%d", tt.options.Open, i), devices[i])))
				}
				before := b.lastEvent()
				one := b.compose(fmt.Sprintf("over%d", tt.options.Open), devices[3])
				_, err := b.Accept(b.ctx(), b.admin, one)
				if composa.CodeOf(err) != composa.CodeTooMany || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("one too many: %v", err)
				}
				if now := b.lastEvent(); now != before {
					t.Errorf("%d events were written", now-before)
				}
				b.undone(ops[0])
				for _, op := range append(ops[1:], b.accept(one)) {
					b.undone(op)
				}
			})
		}
	})
}

// undone ends a compose operation as if it had been put back.
func (b *bed) undone(op *composa.Operation) {
	b.t.Helper()
	a := composa.Advance{Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseUndone, Machines: []composa.MachineChange{{Machine: op.Machines[0], Freed: true}}}
	for _, c := range b.site().Claims {
		if c.Machine == op.Machines[0] {
			a.Claims = append(a.Claims, composa.ClaimChange{Claim: c.ID, Closed: true})
		}
	}
	b.advance(a)
}
