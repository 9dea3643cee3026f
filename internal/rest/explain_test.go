package rest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa/api"
)

// Plans carry the account of the choice, answers when they are asked to, and
// refusals always; the lines for people are part of it.
func TestExplanations(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	asked := wish(1)
	plan := must(w.client.Plan(t.Context(), api.NewPlan{Verb: "compose", Machine: "train", Compose: &asked}))
	x := plan.Explanation
	if x == nil || x.Fabric != plan.Fabric || len(x.Lines) == 0 || x.Text != plan.Why[0] || len(x.Chosen) != 2 || len(x.Chosen[1].Places) != 1 {
		t.Errorf("the plan's explanation is %+v", x)
	}
	kept := must(w.client.StoredPlan(t.Context(), plan.ID))
	if d := cmp.Diff(x, kept.Explanation); d != "" {
		t.Errorf("the plan read again (-made +read):\n%s", d)
	}
	p := w.ask("PUT", "/v1/machines/default/big", `{"devices":[{"kind":"gpu","count":400}]}`).problem(t)
	r := p.Refusal
	if r == nil || r.Fabric != "" || r.Nearest == nil || !strings.Contains(strings.Join(r.Lines, "\n"), r.Nearest.Write) {
		t.Errorf("the refusal's explanation is %+v", r)
	}
	made := w.compose("why", 1)
	for path, told := range map[string]bool{"": false, "?explain=true": true} {
		var body struct{ Explanation *api.Explanation }
		got := w.ask("GET", "/v1/operations/"+made.Operation+path, "")
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || (body.Explanation != nil) != told {
			t.Errorf("GET operation%s: %d %s (%v)", path, got.status, got.body, err)
		}
	}
	if x := must(w.client.Explanation(t.Context(), made.Operation)); x == nil || x.Fabric != made.Fabric {
		t.Errorf("the operation's explanation is %+v", x)
	}
	must(w.client.Free(t.Context(), "default", "why", api.FreeMachine{}, 30*time.Second))
	for _, tt := range []struct {
		path string
		told bool
	}{{"/v1/machines/default/silent?wait=30", false}, {"/v1/machines/default/told?wait=30&explain=true", true}, {"/v1/machines/default/soon?explain=true", true}} {
		got := w.ask("PUT", tt.path, `{"devices":[{"kind":"gpu","count":1}]}`)
		var body struct{ Explanation *api.Explanation }
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || (body.Explanation != nil) != tt.told {
			t.Errorf("PUT %s: %d %s (%v)", tt.path, got.status, got.body, err)
		}
	}
}
