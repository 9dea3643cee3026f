package main

import (
	"fmt"

	"github.com/composa-dev/composa/internal/rest"
)

// maxLimit is the most that a limit can be set to.
const maxLimit = 1_000_000

// ServerLimits is what of the limits is not the usual one. The names are those
// that GET /v1 tells.
type ServerLimits struct {
	ReadsPerSecond             *int `yaml:"readsPerSecond"`
	ChangesPerSecond           *int `yaml:"changesPerSecond"`
	ChangesAtOnce              *int `yaml:"changesAtOnce"`
	Connections                *int `yaml:"connections"`
	Waits                      *int `yaml:"waits"`
	WaitsPerPrincipal          *int `yaml:"waitsPerPrincipal"`
	EventStreams               *int `yaml:"eventStreams"`
	EventStreamsPerPrincipal   *int `yaml:"eventStreamsPerPrincipal"`
	OpenOperations             *int `yaml:"openOperations"`
	OpenOperationsPerPrincipal *int `yaml:"openOperationsPerPrincipal"`
}

// namedLimit is a limit that may be set: what the file says of it, and where it
// goes.
type namedLimit struct {
	name string
	said *int
	to   func(*rest.Limits) *int
}

func (c *ServerLimits) named() []namedLimit {
	return []namedLimit{
		{"readsPerSecond", c.ReadsPerSecond, func(l *rest.Limits) *int { return &l.Reads }},
		{"changesPerSecond", c.ChangesPerSecond, func(l *rest.Limits) *int { return &l.Changes }},
		{"changesAtOnce", c.ChangesAtOnce, func(l *rest.Limits) *int { return &l.ChangesAtOnce }},
		{"connections", c.Connections, func(l *rest.Limits) *int { return &l.Connections }},
		{"waits", c.Waits, func(l *rest.Limits) *int { return &l.Waits }},
		{"waitsPerPrincipal", c.WaitsPerPrincipal, func(l *rest.Limits) *int { return &l.WaitsEach }},
		{"eventStreams", c.EventStreams, func(l *rest.Limits) *int { return &l.Streams }},
		{"eventStreamsPerPrincipal", c.EventStreamsPerPrincipal, func(l *rest.Limits) *int { return &l.StreamsEach }},
		{"openOperations", c.OpenOperations, func(l *rest.Limits) *int { return &l.Open }},
		{"openOperationsPerPrincipal", c.OpenOperationsPerPrincipal, func(l *rest.Limits) *int { return &l.OpenEach }},
	}
}

// limits are those of the file, and the usual ones where it says none.
func (c *ServerLimits) limits() rest.Limits {
	var l rest.Limits
	for _, n := range c.named() {
		if n.said != nil {
			*n.to(&l) = *n.said
		}
	}
	return l.OrUsual()
}

func (c *ServerLimits) check() error {
	for _, n := range c.named() {
		if n.said != nil && (*n.said < 1 || *n.said > maxLimit) {
			return fmt.Errorf("limits: %s is %d; it can be 1 to %d", n.name, *n.said, maxLimit)
		}
	}
	l := c.limits()
	for _, pair := range []struct {
		each, all string
		said      *int
		most      int
	}{
		{"waitsPerPrincipal", "waits", c.WaitsPerPrincipal, l.Waits},
		{"eventStreamsPerPrincipal", "eventStreams", c.EventStreamsPerPrincipal, l.Streams},
		{"openOperationsPerPrincipal", "openOperations", c.OpenOperationsPerPrincipal, l.Open},
	} {
		if pair.said != nil && *pair.said > pair.most {
			return fmt.Errorf("limits: %s is %d, more than %s, which is %d", pair.each, *pair.said, pair.all, pair.most)
		}
	}
	return nil
}
