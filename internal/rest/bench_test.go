package rest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/rest"
)

// large is a store of 16 racks with 10,000 devices and 500 machines.
type large struct {
	quiet
	site *composa.Site
}

func (l large) Site(context.Context, composa.Who) (*composa.Site, error) { return l.site, nil }

func largeSite() *composa.Site {
	s := &composa.Site{Now: time.Now(), Pictures: map[composa.FabricName]*composa.Picture{}}
	for r := range 16 {
		name := composa.FabricName(fmt.Sprint("rack", r+1))
		s.Fabrics = append(s.Fabrics, composa.Fabric{Name: name, Access: composa.AccessManage})
		p := &composa.Picture{Fabric: name, Began: s.Now, Complete: true}
		for i := range 625 {
			d := composa.Device{
				ID: composa.DeviceID(fmt.Sprintf("dev_%s_%d", name, i)), Fabric: name, Name: fmt.Sprint("gpu", i), Kind: composa.KindGPU,
				Health: composa.HealthOK, Hygiene: composa.HygieneClean, Facts: composa.Facts{Model: "A100"},
			}
			s.Devices = append(s.Devices, d)
			p.Devices = append(p.Devices, composa.SeenDevice{Name: d.Name, Kind: d.Kind, Health: d.Health, Spot: composa.Spot{Area: composa.AreaFree}})
		}
		for i := range 31 {
			m := composa.Machine{
				ID: composa.MachineID(fmt.Sprintf("mach_%s_%d", name, i)), Project: "proj_a", Name: fmt.Sprintf("m%d-%s", i, name),
				Fabric: name, Native: fmt.Sprint(i + 1), Label: fmt.Sprint("l", i), Made: true,
			}
			s.Machines = append(s.Machines, m)
			sm := composa.SeenMachine{Native: m.Native, Label: m.Label, InOurs: true, Power: composa.PowerOn}
			for j := range 10 {
				d := &p.Devices[i*10+j]
				d.Spot = composa.Spot{Area: composa.AreaMachine, Machine: m.Native}
				sm.Devices = append(sm.Devices, d.Name)
				s.Claims = append(s.Claims, composa.Claim{
					ID: composa.ClaimID(fmt.Sprintf("claim_%s_%d_%d", name, i, j)), Machine: m.ID, Purpose: composa.PurposeMachine,
					Device: composa.DeviceID(fmt.Sprintf("dev_%s_%s", name, d.Name[3:])), Entry: "gpu",
				})
			}
			p.Machines = append(p.Machines, sm)
		}
		s.Pictures[name] = p
	}
	slices.SortFunc(s.Devices, func(a, b composa.Device) int { return composa.NaturalCompare(string(a.Place()), string(b.Place())) })
	return s.Index()
}

func (large) TokenOwner(context.Context, composa.Who, []byte) (composa.Who, error) {
	return composa.Who{Principal: composa.Principal{ID: "user_a", Kind: composa.PrincipalUser, Name: "a"}, Projects: []composa.ProjectID{"proj_a"}}, nil
}

// BenchmarkListPage is what a page costs beside the store: 10,000 devices, 500
// machines.
func BenchmarkListPage(b *testing.B) {
	srv := rest.New(rest.Config{Store: large{site: largeSite()}})
	defer srv.Close()
	for _, path := range []string{"/v1/devices", "/v1/devices?free=true", "/v1/machines", "/v1/available", "/v1/fabrics"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				r := httptest.NewRequest("GET", path, nil)
				r.Header.Set("Authorization", "Bearer abcdefghijklmnop")
				srv.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
