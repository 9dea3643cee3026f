package rest

import (
	"context"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/selector"
)

// finding is what a filter finds, once somebody who asked for it has looked.
type finding struct {
	ended   chan struct{} // closed once the rest is there
	places  []int         // in the site's devices
	refused error         // why the condition is not answered, which is so for all
	err     error         // why nothing is known
}

// find returns the places in the site's devices of those that are wanted, and
// what it cost the caller to find them. One of those who ask the same at the
// same time looks, for all of them. What was found is kept for as long as the
// site stays as it is.
func (sh *shown) find(ctx context.Context, f deviceFilter) (places []int, cost int, err error) {
	for {
		mine, first := sh.join(f)
		if first {
			cost = sh.look(ctx, f, mine)
		}
		select {
		case <-mine.ended:
		case <-ctx.Done():
			return nil, cost, ctx.Err()
		}
		switch {
		case mine.refused != nil:
			return nil, cost, atCause("query.where", mine.refused)
		case mine.err == nil || ctx.Err() != nil || first:
			return mine.places, cost, mine.err
		}
		// Who looked went away, or could not: the next one looks.
	}
}

// join finds what a filter finds. The first who asks looks.
func (sh *shown) join(f deviceFilter) (mine *finding, first bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if mine = sh.found[f]; mine != nil {
		return mine, false
	}
	if len(sh.found) >= maxFilters {
		clear(sh.found)
	}
	mine = &finding{ended: make(chan struct{})}
	sh.found[f] = mine
	return mine, true
}

// look makes a finding and returns what it cost. One that failed is not kept.
func (sh *shown) look(ctx context.Context, f deviceFilter, mine *finding) (cost int) {
	mine.err = composa.Errorf(composa.CodeInternal, "cannot list devices: something went wrong in the server") // should it panic
	defer func() {
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if mine.err != nil && sh.found[f] == mine {
			delete(sh.found, f)
		}
		close(mine.ended)
	}()
	met := func(*composa.Device, bool) bool { return true }
	if f.where != "" {
		// Lists show serial numbers and addresses to whoever reads them, so that
		// their conditions may name them.
		s, err := selector.CompileFor(f.where, true)
		if err != nil {
			mine.refused, mine.err = err, nil
			return compileCost
		}
		run := s.Run()
		met = func(d *composa.Device, free bool) bool { return run.Match(sh.view.site.AsShown(d), free).Met }
		defer func() {
			cost = compileCost + run.Cost()
			if mine.err == nil {
				mine.refused = run.Err()
			}
		}()
	}
	mine.places, mine.err = sh.those(ctx, f, met)
	return cost
}

// compileCost is about what it costs to read a condition, in the units of
// selector.MaxListCost.
const compileCost = 50_000
