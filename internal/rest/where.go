package rest

import (
	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/selector"
)

// filterWhere reads the condition of a list of devices, which stands at
// location. met says of one device of the site after the other whether it meets
// it; free is whether the device could be had now. ended, asked after the last
// one, is the error of a condition that cost too much for them together. Lists show serial numbers and
// addresses to whoever reads them, so that their conditions may name them.
func filterWhere(site *composa.Site, location, expr string) (met func(d *composa.Device, free bool) bool, ended func() error, err error) {
	s, err := selector.CompileFor(expr, true)
	if err != nil {
		return nil, nil, atCause(location, err)
	}
	run := s.Run()
	met = func(d *composa.Device, free bool) bool {
		if health := site.HealthOf(d); health != d.Health {
			shown := *d
			shown.Health = health
			d = &shown
		}
		return run.Match(d, free).Met
	}
	ended = func() error {
		if err := run.Err(); err != nil {
			return atCause(location, err)
		}
		return nil
	}
	return met, ended, nil
}
