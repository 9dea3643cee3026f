package liqid

import (
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// How long ago a look may have begun that a step begins with: what proved the
// step before it, or an inventory. Since then somebody else may have changed what
// it shows.
const (
	// young is for acts in a session. What others did in our group or machine is
	// seen by the check before the commit, and the rest the director refuses
	// (decision 0015); so it may well be longer than a call, and is about as long
	// as an inventory is apart from the next one.
	young = time.Second
	// fresh is for acts that are sent without such a check, and mean a machine or
	// a group by a number that another one may have by now. It is about what lies
	// between a look of their own and the call: nobody deletes a machine and makes
	// another one by hand within that. It is longer than a proof and its writing
	// take on a director that answers quickly, so that the steps of one operation
	// need not look twice.
	fresh = 100 * time.Millisecond
)

// lasts is how long ago a look may have begun that an act begins with.
func lasts(a composa.Act) time.Duration {
	switch a {
	case composa.ActMake, composa.ActP2P, composa.ActPower:
		return fresh
	}
	return young
}

// keep remembers a look for the step that comes next. It is not changed any
// more.
func (f *Fabric) keep(l *look) {
	if !l.complete || l.unsaid != nil || l.line != l.of.speaks.told {
		return
	}
	for {
		before := f.newest.Load()
		if before != nil && before.of == l.of && before.began.After(l.began) {
			return
		}
		if f.newest.CompareAndSwap(before, l) {
			return
		}
	}
}

// lately returns a look that an act may begin with. It shows what a look would
// show now, as far as that is our doing: it began so lately that the act may
// (see lasts), nothing of ours was on its way when it began or was sent since,
// and nothing that was not answered can still take effect. For power it tells
// that of hosts. Nil where there is none.
func (f *Fabric) lately(k *knowledge, a composa.Act) *look {
	l := f.newest.Load()
	if l == nil || l.of != k || (a == composa.ActPower && !l.powers) || !f.calls.sent.none(l.sent) {
		return nil
	}
	if age := f.config.Clock().Sub(l.began); age < 0 || age > lasts(a) {
		return nil
	}
	return l
}

// sent counts our changing calls to a director.
type sent struct {
	mu           sync.Mutex
	begun, ended int
	late         time.Time // until then one whose answer was lost may take effect
}

// moment is how many had begun, and whether none could take effect any more.
type moment struct {
	begun int
	over  bool
}

func (s *sent) now() moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return moment{s.begun, s.begun == s.ended && !time.Now().Before(s.late)}
}

// none says whether none was on its way at a moment, nor was since.
func (s *sent) none(at moment) bool { return at.over && s.now() == at }

func (s *sent) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
}

// end notes what came of a call; late is how long it may take effect where that
// is not known.
func (s *sent) end(err error, late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended++
	if codeOf(err) == composa.CodeUnknown {
		s.late = time.Now().Add(late)
	}
}

// confirmed looks, before a step changes anything, whether the director said,
// beside the look that the step begins with, that it is still of the line that
// the job knows: it may have come back with other software.
func (j *job) confirmed() error {
	if j.look.unsaid != nil {
		return j.look.unsaid
	}
	return j.stillOf(j.know, j.look.line)
}

func (f *Fabric) stillOf(k *knowledge, line string) error {
	if line == k.speaks.told {
		return nil
	}
	f.forget()
	name := func(line string) string {
		if line == "" {
			return "a line that it does not tell"
		}
		return "the line " + composa.Abridge(line, 24)
	}
	return faultf(composa.CodeBusy, "the director of %s was of %s and is of %s now; nothing was changed", f.config.Name, name(k.speaks.told), name(line))
}
