package main

import (
	"context"
	"errors"
	"fmt"
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

// recorded keeps what is told of probes; tenure is that of the fabric.
type recorded struct {
	tenure int64
	events []string
}

func (r *recorded) BeginProbe(_ context.Context, who composa.Who, fabric composa.FabricName, epoch int64) error {
	if epoch != r.tenure {
		return composa.Errorf(composa.CodeMoved, "cannot write: tenure %d is over", epoch)
	}
	r.events = append(r.events, fmt.Sprintf("%s begins on %s", who.Principal.ID, fabric))
	return nil
}

func (r *recorded) EndProbe(ctx context.Context, who composa.Who, fabric composa.FabricName) error {
	r.events = append(r.events, fmt.Sprintf("%s ends on %s", who.Principal.ID, fabric))
	return ctx.Err()
}

func TestCheckAsksTheDriver(t *testing.T) {
	begunAndEnded := []string{"user_ada begins on rack1", "user_ada ends on rack1"}
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
		lost   int64    // tenures since that of this server
		events []string // that are recorded
	}{
		{name: "all", want: "answers, era, second edit, shows everything, says when something changed, access", asked: []bool{false}},
		{name: "a driver that tells nothing", dumb: true, want: "answers, shows everything, says when something changed, access"},
		{name: "probed", probe: true, want: "answers, era, second edit, shows everything, says when something changed, access", asked: []bool{true}, events: begunAndEnded},
		{name: "a probe that fails", probe: true, fails: errors.New("broken"), code: composa.CodeInternal, asked: []bool{true}, events: begunAndEnded},
		{name: "a probe by a server that has lost the fabric", probe: true, lost: 1, code: composa.CodeMoved},
		{name: "nobody answers", silent: silent, want: "answers!"},
		{name: "nobody answers a probe", silent: silent, probe: true, want: "answers!", events: begunAndEnded},
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
			told := &recorded{tenure: 7 + tt.lost}
			f.epoch = 7
			fs := &fabrics{byName: map[composa.FabricName]*fabric{"rack1": f}, record: told}
			checks, err := fs.Check(t.Context(), "rack1")
			if tt.probe {
				asked = nil
				checks, err = fs.Probe(t.Context(), composa.Who{Principal: composa.Principal{ID: "user_ada"}}, "rack1")
			}
			if diff := cmp.Diff(tt.events, told.events); diff != "" {
				t.Errorf("recorded otherwise (-want +got):\n%s", diff)
			}
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
