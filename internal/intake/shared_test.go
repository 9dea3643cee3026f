package intake_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/intake"
	"github.com/composa-dev/composa/internal/store"
)

// full is a store that takes nothing in; asked is called when it should.
type full struct {
	intake.Store
	asked func()
}

func (f full) Accept(context.Context, composa.Who, store.Acceptance) (*composa.Operation, error) {
	f.asked()
	return nil, composa.Errorf(composa.CodeUnavailable, "cannot accept the operation: the disk is full")
}

// The site is kept and shared: what intake proposes must not show in it, neither
// before the commit nor where that fails.
func TestAProposalDoesNotShowInTheSite(t *testing.T) {
	w := newWorld(t)
	w.ready("train", wants(gpus(1)))
	plug := composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{gpus(1)}}
	var asked [2]*composa.Outcome
	for i := range asked {
		var err error
		if asked[i], err = w.Plug(t.Context(), w.who, plug); err != nil {
			t.Fatal(err)
		}
	}
	w.finish(asked[0].Operation.ID)
	queued := func() composa.Operation {
		site, err := w.store.Site(t.Context(), composa.System())
		if err != nil {
			t.Fatal(err)
		}
		return *site.Operation(asked[1].Operation.ID)
	}
	before, met := queued(), false
	broken := intake.New(full{w.store, func() {
		met = true
		if diff := cmp.Diff(before, queued()); diff != "" {
			t.Errorf("before the commit the site shows (-was +is):\n%s", diff)
		}
	}}, slog.New(slog.DiscardHandler))
	if _, err := broken.Turn(t.Context()); composa.CodeOf(err) != composa.CodeUnavailable || !met {
		t.Fatalf("the turn ended with %v, and the store was asked: %t", err, met)
	}
	if diff := cmp.Diff(before, queued()); diff != "" {
		t.Errorf("after the commit failed the site shows (-was +is):\n%s", diff)
	}
}
