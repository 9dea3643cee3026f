package main

import (
	"context"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// absent stands in for a fabric that the store knows and the configuration does
// not name any more: nobody can be asked, so what is under way there waits, can
// be cancelled, and ends with its deadline like on any silent fabric.
type absent struct{ name composa.FabricName }

var _ driver.Fabric = absent{}

func (a absent) gone() error {
	return composa.Errorf(composa.CodeUnreachable, "cannot reach %s: it is not in the server's configuration any more", a.name).
		WithNext("put it back there and start the server again")
}

// Abilities answers unreachable.
func (a absent) Abilities(context.Context) (*composa.Abilities, error) { return nil, a.gone() }

// Observe answers unreachable.
func (a absent) Observe(context.Context, composa.Scope) (*composa.Picture, error) {
	return nil, a.gone()
}

// Apply answers unreachable.
func (a absent) Apply(context.Context, composa.Step) (*composa.Picture, error) { return nil, a.gone() }

// Settle answers unreachable.
func (a absent) Settle(context.Context, composa.Step) error { return a.gone() }
