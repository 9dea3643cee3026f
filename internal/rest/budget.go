package rest

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/composa-dev/composa"
)

// maxBudgets is how many principals are reckoned with before they are
// forgotten, and begin anew.
const maxBudgets = 10_000

// budgets hold each principal to what one may have, so that one that asks
// without pause leaves room for the others.
type budgets struct {
	limits Limits
	mu     sync.Mutex
	of     map[composa.PrincipalID]*budget
}

// budget is what one principal has left.
type budget struct {
	reads, changes *rate.Limiter
}

func newBudgets(l Limits) *budgets {
	return &budgets{limits: l, of: map[composa.PrincipalID]*budget{}}
}

// get returns the budget of a principal; b.mu is held.
func (b *budgets) get(id composa.PrincipalID) *budget {
	if have := b.of[id]; have != nil {
		return have
	}
	if len(b.of) >= maxBudgets {
		clear(b.of)
	}
	l := b.limits
	made := &budget{
		reads:   rate.NewLimiter(rate.Limit(l.Reads), l.Reads),
		changes: rate.NewLimiter(rate.Limit(l.Changes), l.ChangesAtOnce),
	}
	b.of[id] = made
	return made
}

// call takes a call out of the budget of who makes it.
func (b *budgets) call(now time.Time, who composa.Who, changes bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	have := b.get(who.Principal.ID)
	switch {
	case !changes && !have.reads.AllowN(now, 1):
		return composa.Errorf(composa.CodeTooMany, "cannot answer: %s reads more than %d times a second, which is the most", who.Principal.Name, b.limits.Reads).
			WithNext("ask again in a second")
	case changes && !have.changes.AllowN(now, 1):
		return composa.Errorf(composa.CodeTooMany, "cannot answer: %s makes more than %d changing calls at once, or more than %d a second, which is the most",
			who.Principal.Name, b.limits.ChangesAtOnce, b.limits.Changes).WithNext("ask again in a second")
	}
	return nil
}

// readCost is what one read stands for of what a condition cost, in the units of
// selector.MaxListCost.
const readCost = 100

// looked takes what a condition cost out of the reads of who asked for it. It is
// known only afterwards, so that the next calls pay.
func (b *budgets) looked(now time.Time, who composa.Who, cost int) {
	if cost < readCost {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.get(who.Principal.ID).reads.ReserveN(now, min(cost/readCost, b.limits.Reads))
}
