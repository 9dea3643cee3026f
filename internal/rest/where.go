package rest

import (
	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/selector"
)

// filterWhere reads the condition of a list of devices, which stands at
// location, and returns what says of a device of the site whether it meets it;
// free is whether the device could be had now. Lists show serial numbers and
// addresses to whoever reads them, so that their conditions may name them.
func filterWhere(site *composa.Site, location, expr string) (func(d *composa.Device, free bool) bool, error) {
	s, err := selector.CompileFor(expr, true)
	if err != nil {
		return nil, atCause(location, err)
	}
	return func(d *composa.Device, free bool) bool {
		if health := site.HealthOf(d); health != d.Health {
			shown := *d
			shown.Health = health
			d = &shown
		}
		return s.Match(d, free).Met
	}, nil
}
