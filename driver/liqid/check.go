package liqid

import (
	"context"
	"fmt"
	"time"

	"github.com/composa-dev/composa"
)

// clockSlack is how far two clocks may be apart and count as the same.
const clockSlack = 5 * time.Second

// Check asks the director anew who it is, and tells how it was seen to take what
// the notes leave open, and how long its calls take.
func (f *Fabric) Check(ctx context.Context, probe bool) ([]composa.Check, error) {
	what := "cannot check " + string(f.config.Name)
	f.forget()
	k, err := f.know(ctx)
	if err != nil {
		return nil, explain(what, err)
	}
	l, err := f.look(ctx, k, everything)
	if err != nil {
		return nil, explain(what, err)
	}
	checks := []composa.Check{k.speaks.check(), f.calls.signed.check(), f.clock(), l.names()}
	if probe {
		began := time.Now()
		c := composa.Check{Name: "probe", OK: true, Text: "an empty machine was made, edited and removed"}
		if err := f.probe(ctx, k); err != nil {
			c.OK, c.Text = false, explain("it could not be tried how the director takes things", err).Error()
		}
		c.Took = time.Since(began)
		checks = append(checks, c)
	}
	checks = append(checks, f.observed.told()...)
	return append(checks,
		took("time per reading call", f.calls.reads.told()),
		took("time per changing call", f.calls.changes.told()),
		took("time per commit", f.calls.commits.told())), nil
}

func (s speech) check() composa.Check {
	c := composa.Check{Name: "era", OK: s.readOnly == "", Text: s.told}
	switch {
	case s.readOnly != "":
		c.Text = s.readOnly + "; " + s.next
	case s.told != s.era:
		c.Text = fmt.Sprintf("%s, served as %s", s.told, s.era)
		if s.told == "" {
			c.Text = "not told, served as " + s.era
		}
	}
	return c
}

// check says how the director is told who calls.
func (s *signing) check() composa.Check {
	c := composa.Check{Name: "sign-in", OK: true, Text: "the director asks for none"}
	if s.who.Username == "" {
		return c
	}
	switch is, ok := s.known(); {
	case !ok:
		c.OK, c.Text = false, "as "+s.who.Username+", and the director has not taken it yet"
	case is.key.told() != "":
		c.Text = "a key of its own, made as " + s.who.Username
	default:
		c.Text = "user and password of " + s.who.Username
	}
	return c
}

// clock compares the director's clock with ours. Nothing depends on it: its
// times are only ever compared with its own.
func (f *Fabric) clock() composa.Check {
	c := composa.Check{Name: "clock", OK: true, Text: "the director does not tell its time"}
	ahead, told := f.calls.clockAhead()
	switch {
	case !told:
	case ahead > clockSlack:
		c.Text = fmt.Sprintf("%s ahead of ours", ahead)
	case ahead < -clockSlack:
		c.Text = fmt.Sprintf("%s behind ours", -ahead)
	default:
		c.Text = "as ours"
	}
	return c
}

// names says whether devices are left out of pictures for their names.
func (l *look) names() composa.Check {
	c := composa.Check{Name: "device names", OK: l.unnamed == 0, Text: "all can be part of a place"}
	if l.unnamed > 0 {
		c.Text = fmt.Sprintf("%d devices are left out, because their names cannot be part of a place", l.unnamed)
	}
	return c
}

func took(name string, t timed) composa.Check {
	c := composa.Check{Name: name, OK: true, Text: "none yet", Took: t.median}
	if t.count > 0 {
		c.Text = fmt.Sprintf("%s in the middle, of %d", t.median.Round(10*time.Microsecond), t.count)
	}
	return c
}
