package store

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/composa-dev/composa"
)

// without are the exported methods that take no principal: they neither read
// nor change anything of anybody.
var without = map[string]bool{"Version": true, "Close": true, "Notify": true, "NotifyFabric": true, "NotifyLine": true}

func TestEveryMethodTakesWhoAsks(t *testing.T) {
	typ := reflect.TypeFor[*Store]()
	ctx, who := reflect.TypeFor[context.Context](), reflect.TypeFor[composa.Who]()
	for i := range typ.NumMethod() {
		m := typ.Method(i)
		if without[m.Name] {
			continue
		}
		if m.Type.NumIn() < 3 || m.Type.In(1) != ctx || m.Type.In(2) != who {
			t.Errorf("%s does not begin with a context and who asks: %s", m.Name, m.Type)
		}
	}
	if typ.NumMethod() < 30 {
		t.Errorf("only %d methods were looked at", typ.NumMethod())
	}
}

// everybody lists the methods whose answers belong to the site, not to a
// project; Site is whole for placement's sake, whoever shows it filters it.
var everybody = map[string]bool{"Site": true, "Identity": true, "LastEvent": true, "GoneDevices": true}

// Somebody of another project asks every method for what is there, and gets
// nothing and changes nothing.
func TestNothingIsShownToOtherProjects(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		ready := b.ready("train", devices[1])
		running := b.accept(b.compose("runs", devices[2]))
		gone := b.accept(b.compose("gone"))
		b.advance(composa.Advance{Operation: gone.ID, Revision: 1, Phase: composa.PhaseUndone, Machines: []composa.MachineChange{{Machine: gone.Machines[0], Freed: true}}})
		_, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: "vision"})
		b.ok(err)
		b.ok(b.SavePlan(b.ctx(), b.admin, composa.Plan{ID: "plan_1", Project: b.project, ExpiresAt: epoch.Add(time.Hour)}))
		kept, err := b.AddToken(b.ctx(), b.admin, composa.Token{Owner: b.admin.Principal.ID}, []byte("kept"))
		b.ok(err)
		before, at := b.site(), b.lastEvent()

		stranger := composa.Who{Principal: composa.Principal{ID: "user_other", Kind: composa.PrincipalUser, Name: "other"}, Projects: []composa.ProjectID{"proj_other"}}
		arguments := map[string][]any{
			"Machine":        {b.project, "train"},
			"MachineByID":    {ready.ID},
			"Freed":          {b.project, "gone", 10},
			"History":        {ready.ID},
			"Operation":      {running.ID},
			"Explanation":    {running.ID},
			"Operations":     {composa.OperationFilter{}, composa.Page{}},
			"Typical":        {composa.VerbCompose, composa.FabricName("rack1")},
			"Events":         {int64(0), 0, composa.EventFilter{Types: []composa.EventType{"machine", "operation", "step", "claim", "pool"}}},
			"Projects":       {},
			"Project":        {composa.DefaultProject},
			"Principals":     {},
			"Plan":           {composa.PlanID("plan_1")},
			"Request":        {},
			"KeepRequest":    {"machine_1"},
			"TokenOwner":     {[]byte("hash")},
			"AdminCanSignIn": {},
			"Users":          {},
			"User":           {"admin"},
			"CreateUser":     {"fresh", b.project},
			"Tokens":         {},
			"Token":          {kept.ID},
			"DeleteToken":    {kept.ID},
			"Accept":         {b.compose("new")},
			"RequestCancel":  {running.ID},
			"Decide":         {running.ID, "retry"},
			"SavePlan":       {composa.Plan{ID: "plan_2", Project: b.project}},
			"Advance":        {composa.Advance{Operation: running.ID, Revision: running.Revision}},
			"CreatePool":     {composa.PoolTerms{}, composa.Pool{Project: b.project, Name: "fresh"}},
			"DeletePool":     {composa.PoolTerms{}, b.project, "vision"},
			"SetPool":        {composa.PoolTerms{}, b.project, "vision", composa.PoolUpdate{Most: new(3)}},
			"AddToPool":      {composa.PoolTerms{}, b.project, "vision", []composa.DeviceID{devices[0].ID}},
			"RemoveFromPool": {composa.PoolTerms{}, b.project, "vision", []composa.DeviceID{devices[0].ID}},
			"AddToken":       {composa.Token{Owner: b.admin.Principal.ID}, []byte("hash")},
		}
		// These act on the site; whether somebody may is for package auth to say.
		site := map[string]bool{"TakeTenure": true, "BeginProbe": true, "EndProbe": true, "Record": true, "PutFabric": true, "TakeFabrics": true, "SetHosts": true, "SetDevice": true, "EnsureAdmin": true}

		v := reflect.ValueOf(b.Store)
		for i := range v.NumMethod() {
			name := v.Type().Method(i).Name
			if without[name] || everybody[name] || site[name] {
				continue
			}
			args, ok := arguments[name]
			if !ok {
				t.Errorf("this test does not know what %s shows to other projects", name)
				continue
			}
			in := []reflect.Value{reflect.ValueOf(b.ctx()), reflect.ValueOf(stranger)}
			for _, a := range args {
				in = append(in, reflect.ValueOf(a))
			}
			for _, out := range v.Method(i).Call(in) {
				if err, failed := out.Interface().(error); failed {
					if c := composa.CodeOf(err); c != composa.CodeNotFound && c != composa.CodeNotAllowed {
						t.Errorf("%s: %v (%s)", name, err, c)
					}
					continue
				}
				if !out.IsZero() && (out.Kind() != reflect.Slice || out.Len() > 0) {
					t.Errorf("%s shows another project: %v", name, out)
				}
			}
		}
		after := b.site()
		if got := b.lastEvent(); got != at || len(after.Machines) != len(before.Machines) || len(after.Pools) != 1 {
			t.Errorf("a stranger changed something: %v", b.events(at))
		}
		if _, err := b.Site(b.ctx(), composa.Who{}); composa.CodeOf(err) != composa.CodeUnauthenticated {
			t.Errorf("Site for nobody: %v", err)
		}
	})
}
