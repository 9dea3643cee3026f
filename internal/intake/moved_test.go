package intake

import (
	"testing"
	"time"

	"github.com/composa-dev/composa"
)

// movable is a site with one fabric and one device, and a plan for it that has
// not moved.
func movable() (*composa.Site, *composa.Plan) {
	able := &composa.Abilities{Driver: "liqid", Era: "2.5"}
	d := composa.Device{ID: "dev_a", Fabric: "rack1", Name: "gpu0", Kind: composa.KindGPU, Health: composa.HealthOK}
	site := &composa.Site{
		ID: "site_a", Fabrics: []composa.Fabric{{Name: "rack1", Access: composa.AccessManage, Abilities: able}}, Devices: []composa.Device{d},
		Pictures: map[composa.FabricName]*composa.Picture{"rack1": {Fabric: "rack1", Abilities: able, Devices: []composa.SeenDevice{
			{Name: "gpu0", Kind: composa.KindGPU, Health: composa.HealthOK, Spot: composa.Spot{Area: composa.AreaFree}},
		}}},
	}
	goal := composa.Goal{Machine: composa.MachineRef{ID: "mach_a", Name: "train"}, Exists: true, Devices: []composa.Bound{{Device: d.Ref(), Entry: "gpu"}}}
	return site, &composa.Plan{
		ID: "plan_a", Verb: composa.VerbCompose, Machine: "train", Project: "proj_a",
		Target: composa.Target{Fabric: "rack1", Goals: []composa.Goal{goal}},
		Base:   composa.PlanBase{Incarnation: "one", Era: "liqid 2.5"},
	}
}

func TestWhatMoved(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*composa.Site, *composa.Plan)
		what   string
		text   string
	}{
		{"nothing", func(*composa.Site, *composa.Plan) {}, "", ""},
		{"the site was restored", func(_ *composa.Site, p *composa.Plan) { p.Base.Incarnation = "two" }, "site", "the site was restored from a backup after the plan was made"},
		{"the fabric is gone", func(s *composa.Site, _ *composa.Plan) { s.Fabrics = nil }, "fabric", "rack1 is not in the configuration any more"},
		{"the fabric is silent", func(s *composa.Site, _ *composa.Plan) {
			s.Fabrics[0].Reach.SilentSince = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
		}, "fabric", "rack1 is silent since 2026-11-23T09:00:00Z"},
		{"the fabric is only observed", func(s *composa.Site, _ *composa.Plan) { s.Fabrics[0].Access = composa.AccessObserve }, "fabric", "rack1 is only observed"},
		{"the fabric's software was changed", func(s *composa.Site, _ *composa.Plan) {
			s.Fabrics[0].Abilities = &composa.Abilities{Driver: "liqid", Era: "3.4"}
		}, "fabric", "rack1 is of another software line now: liqid 3.4, not liqid 2.5"},
		{"the pool is gone", func(_ *composa.Site, p *composa.Plan) { p.Base.Pool = "pool_a" }, "pool", "the pool that the plan takes from was removed"},
		{"the part is gone", func(s *composa.Site, _ *composa.Plan) { s.Devices = nil }, "device", "rack1/gpu0 is gone"},
		{"another part is there", func(s *composa.Site, _ *composa.Plan) { s.Devices[0].ID = "dev_b" }, "device", "rack1/gpu0 holds another part now"},
		{"the part is elsewhere", func(s *composa.Site, _ *composa.Plan) { s.Devices[0].Name = "gpu7" }, "device", "the part of rack1/gpu0 is at rack1/gpu7 now"},
		{"another project has it", func(s *composa.Site, _ *composa.Plan) {
			s.Machines = []composa.Machine{{ID: "mach_b", Name: "secret", Project: "proj_b"}}
			s.Claims = []composa.Claim{{ID: "claim_b", Device: "dev_a", Machine: "mach_b", Operation: "op_b"}}
		}, "device", "rack1/gpu0 is claimed"},
		{"this project has it", func(s *composa.Site, _ *composa.Plan) {
			s.Machines = []composa.Machine{{ID: "mach_b", Name: "render", Project: "proj_a"}}
			s.Claims = []composa.Claim{{ID: "claim_b", Device: "dev_a", Machine: "mach_b", Operation: "op_b"}}
		}, "device", `rack1/gpu0 is claimed by "render"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site, pl := movable()
			tt.change(site, pl)
			who := composa.Who{Principal: composa.Principal{ID: "user_a", Kind: composa.PrincipalUser}, Projects: []composa.ProjectID{"proj_a"}}
			got := whatMoved(site.Index(), who, pl, "one")
			switch {
			case tt.what == "" && len(got) > 0:
				t.Errorf("moved: %+v", got)
			case tt.what != "" && (len(got) == 0 || got[0].What != tt.what || got[0].Text != tt.text):
				t.Errorf("moved: %+v, want %s: %s", got, tt.what, tt.text)
			}
			if tt.name == "another project has it" && got[0].Operation != "" {
				t.Errorf("an operation of another project is told: %+v", got[0])
			}
		})
	}
}
