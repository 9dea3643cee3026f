package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// Check asks a fabric what it can do, what it shows and how it takes things, and
// tells what came of each question and how long it took.
func (fs *fabrics) Check(ctx context.Context, name composa.FabricName) ([]composa.Check, error) {
	f := fs.byName[name]
	if f == nil {
		return nil, composa.Errorf(composa.CodeUnreachable, "cannot check %s: it is not in this server's configuration", name)
	}
	checker, _ := f.driver.(driver.Checker)
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return f.check(ctx, checker, false)
}

// probeRecord keeps who let a fabric be probed.
type probeRecord interface {
	// BeginProbe answers moved where another server has the fabric by now.
	BeginProbe(ctx context.Context, who composa.Who, fabric composa.FabricName, epoch int64) error
	EndProbe(ctx context.Context, who composa.Who, fabric composa.FabricName) error
}

// recordTime bounds the record of an end, whose caller may be gone.
const recordTime = 10 * time.Second

// Probe does as Check, and its driver also tries what only trying tells. That
// changes something there: it is recorded for whom, before and after, and only
// the server that has the fabric does it.
func (fs *fabrics) Probe(ctx context.Context, who composa.Who, name composa.FabricName) (checks []composa.Check, err error) {
	f := fs.byName[name]
	if f == nil {
		return nil, composa.Errorf(composa.CodeUnreachable, "cannot probe %s: it is not in this server's configuration", name)
	}
	checker, _ := f.driver.(driver.Checker)
	switch {
	case f.access != composa.AccessManage:
		return nil, composa.Errorf(composa.CodeReadOnly, "cannot probe %s: it is only observed", name).
			WithNext("set access: manage for it in the server's configuration")
	case checker == nil:
		return nil, composa.Errorf(composa.CodeUnsupported, "cannot probe %s: its driver has nothing to try", name).
			WithNext("check it without the probe")
	}
	if err := fs.record.BeginProbe(ctx, who, name, f.epoch); err != nil {
		return nil, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
		defer cancel()
		err = errors.Join(err, fs.record.EndProbe(ctx, who, name))
	}()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	return f.check(ctx, checker, true)
}

// check asks in the order in which a reader wants to know: whether it answers,
// what the driver found out, what it shows, and what may be done with it. Where
// it does not answer nothing more is asked.
func (f *fabric) check(ctx context.Context, checker driver.Checker, probe bool) ([]composa.Check, error) {
	// What a driver remembers would answer for a director that is frozen, so the
	// question is a look.
	began := time.Now()
	picture, err := f.look(ctx)
	answers := composa.Check{Name: "answers", OK: err == nil, Took: time.Since(began)}
	if err != nil {
		answers.Text = err.Error()
		return []composa.Check{answers}, nil
	}
	abilities, err := f.driver.Abilities(ctx)
	if err != nil {
		answers.OK, answers.Text = false, err.Error()
		return []composa.Check{answers}, nil
	}
	answers.Text = describe(abilities)
	checks := []composa.Check{answers}
	if checker != nil {
		told, err := checker.Check(ctx, probe)
		if err != nil {
			return nil, err
		}
		checks = append(checks, told...)
	}
	return append(checks, shows(picture), says(abilities), f.may(abilities)), nil
}

func (f *fabric) may(a *composa.Abilities) composa.Check {
	c := composa.Check{Name: "access", OK: a.ReadOnly == nil, Text: string(f.access)}
	if a.ReadOnly != nil {
		c.Text += ", and read-only: " + a.ReadOnly.Why + "; " + a.ReadOnly.Next
	}
	return c
}

func shows(p *composa.Picture) composa.Check {
	c := composa.Check{
		Name: "shows everything", OK: p.Complete,
		Text: fmt.Sprintf("%d devices, %d machines", len(p.Devices), len(p.Machines)),
	}
	if !p.Complete {
		c.Text += "; some of it could not be read"
	}
	return c
}

func says(a *composa.Abilities) composa.Check {
	c := composa.Check{Name: "says when something changed", OK: true, Text: "yes"}
	if !a.Push {
		c.Text = "no: it is asked regularly instead"
	}
	return c
}

func describe(a *composa.Abilities) string {
	text := a.Driver
	if a.Era != "" {
		text += " " + a.Era
	}
	if a.Emulated {
		text += ", emulated"
	}
	return text
}
