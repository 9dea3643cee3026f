package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/internal/inventory"
)

// answering is a fabric that shows nothing, and may not answer.
type answering struct {
	driver.Fabric
	silent error
}

func (a answering) Abilities(context.Context) (*composa.Abilities, error) {
	return &composa.Abilities{Driver: "liqid", Era: "3.4", Emulated: true}, a.silent
}

func (a answering) Observe(context.Context, composa.Scope) (*composa.Picture, error) {
	return &composa.Picture{Complete: true}, a.silent
}

// telling is one that can tell of itself.
type telling struct {
	answering
	fails error
	asked *[]bool // whether each asking was a probe
}

func (c telling) Check(_ context.Context, probe bool) ([]composa.Check, error) {
	*c.asked = append(*c.asked, probe)
	return []composa.Check{{Name: "era", OK: true, Text: "3.4"}, {Name: "second edit", OK: true, Text: "refused"}}, c.fails
}

func TestCheckAsksTheDriver(t *testing.T) {
	silent := composa.Errorf(composa.CodeUnreachable, "cannot look at rack1: nobody answers").WithNext("look there")
	for _, tt := range []struct {
		name   string
		access composa.Access
		silent error
		fails  error
		dumb   bool // its driver tells nothing of itself
		probe  bool
		want   string // names of the checks, those that failed with a mark
		code   composa.Code
		asked  []bool
	}{
		{name: "all", want: "answers, era, second edit, shows everything, says when something changed, access", asked: []bool{false}},
		{name: "a driver that tells nothing", dumb: true, want: "answers, shows everything, says when something changed, access"},
		{name: "probed", probe: true, want: "answers, era, second edit, shows everything, says when something changed, access", asked: []bool{true}},
		{name: "nobody answers", silent: silent, want: "answers!"},
		{name: "nobody answers a probe", silent: silent, probe: true, want: "answers!"},
		{name: "it cannot be asked", fails: errors.New("broken"), code: composa.CodeInternal, asked: []bool{false}},
		{name: "probe of what is observed", probe: true, access: composa.AccessObserve, code: composa.CodeReadOnly},
		{name: "probe of what has nothing to try", dumb: true, probe: true, code: composa.CodeUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked []bool
			f := &fabric{
				name: "rack1", access: composa.AccessManage, driver: telling{answering{silent: tt.silent}, tt.fails, &asked},
				inventory: inventory.New(inventory.Config{Fabric: "rack1"}),
			}
			if tt.dumb {
				f.driver = answering{silent: tt.silent}
			}
			if tt.access != "" {
				f.access = tt.access
			}
			fs := &fabrics{byName: map[composa.FabricName]*fabric{"rack1": f}}
			checks, err := fs.Check(t.Context(), "rack1", tt.probe)
			var names []string
			for _, c := range checks {
				if !c.OK {
					c.Name += "!"
				}
				names = append(names, c.Name)
			}
			if got := strings.Join(names, ", "); got != tt.want || composa.CodeOf(err) != tt.code {
				t.Errorf("told %s, %v; want %s, %s", got, err, tt.want, tt.code)
			}
			if diff := cmp.Diff(tt.asked, asked); diff != "" {
				t.Errorf("the driver was asked otherwise (-want +got):\n%s", diff)
			}
			if tt.silent != nil && !strings.Contains(checks[0].Text, "nobody answers; look there") {
				t.Errorf("it does not say why: %q", checks[0].Text)
			}
		})
	}
}
