package placement_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/measure"
	"github.com/composa-dev/composa/internal/placement"
	"github.com/composa-dev/composa/internal/plan"
)

// large is a site of ten thousand devices in twenty racks of three sorts: half
// of the devices are taken, some lie in pools, some are cordoned or learning.
func large() *composa.Site {
	site := &composa.Site{Pools: []composa.Pool{{ID: "pool_1", Project: "proj_a", Name: "vision"}, {ID: "pool_2", Project: "proj_b", Name: "audio"}}}
	for r := range 20 {
		name := composa.FabricName(fmt.Sprintf("rack%d", r))
		gpus := []string{"A100 vendor=NVIDIA memory=40GiB", "A40 vendor=NVIDIA memory=48GiB", "MI210 vendor=AMD memory=64GiB"}[r%3]
		rack(site, name, "cpu[0-63]", "gpu[0-95] under=s0 "+gpus, "gpu[96-191] under=s1 "+gpus, "gpu[192-255] T4 vendor=NVIDIA under=s2 memory=16GiB",
			"ssd[0-95] size=960GB", "ssd[96-131] size=3840GB", "nic[0-47] speed=100Gb")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range site.Devices {
		d := &site.Devices[i]
		switch rng.IntN(20) {
		case 0:
			d.Pool = "pool_1"
		case 1:
			d.Pool = "pool_2"
		case 2:
			d.Facts.Learning = true
		case 3:
			d.Cordon = &composa.Cordon{Reason: "bad fan"}
		case 4, 5, 6, 7, 8, 9, 10, 11, 12, 13:
			site.Claims = append(site.Claims, composa.Claim{Device: d.ID, Machine: "mach_x", Purpose: composa.PurposeMachine})
		}
	}
	return site.Index()
}

// someRequests are requests of all sorts, about a third of which nothing serves.
func someRequests(n int) []placement.Request {
	rng := rand.New(rand.NewPCG(3, 4))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	out := make([]placement.Request, 0, n)
	for i := range n {
		lines := []string{"cpu " + pick("1", "1", "2")}
		lines = append(lines, "gpu "+pick("1", "4", "A100:8", "A40:4", "nvidia:8", "A100:70", "H100:2")+
			pick("", "", " & memory 40GiB", " & memory 43GB", " & memory 80GiB")+
			pick("", "", " & where device.memory >= 40 * GB", " & where device.model.contains('A') && device.switch != 's2'", " & where device.memory >= 65 * GiB || device.speed > 1"))
		if rng.IntN(2) == 0 {
			lines = append(lines, "ssd "+pick("1", "2", "4", "200")+pick("", " & size 1TB", " & where device.size > 900 * GB && device.free"))
		}
		if rng.IntN(3) == 0 {
			lines = append(lines, "nic 1"+pick("", " & speed 100Gb", " & where device.speed >= 110 * Gb"))
		}
		r := placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: fmt.Sprint("train", i), Entries: want(lines...), P2P: rng.IntN(3) == 0}
		if rng.IntN(5) == 0 {
			r.Pool = "vision"
		}
		if rng.IntN(4) == 0 {
			r.Fabrics = []composa.FabricName{composa.FabricName(fmt.Sprint("rack", rng.IntN(20))), composa.FabricName(fmt.Sprint("rack", rng.IntN(20)))}
		}
		out = append(out, r)
	}
	return out
}

// BenchmarkPlaceAndPlan places and plans 300 requests of all sorts on a site of
// ten thousand devices in twenty racks.
func BenchmarkPlaceAndPlan(b *testing.B) {
	site, requests := large(), someRequests(300)
	var times []float64
	served := 0
	for b.Loop() {
		for i := range requests {
			began := time.Now()
			c, err := placement.Place(site, requests[i])
			if err == nil {
				err = planFor(site, &requests[i], c)
				served++
			}
			times = append(times, float64(time.Since(began))/float64(time.Millisecond))
			if err != nil && composa.CodeOf(err) != composa.CodeRefused {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(served)/float64(b.N*len(requests)), "served")
	b.ReportMetric(measure.Quantile(times, 0.5), "p50-ms")
	measure.AtMost(b, measure.Quantile(times, 0.99), 50, "p99-ms")
}

func planFor(site *composa.Site, r *placement.Request, c *placement.Choice) error {
	goal := composa.Goal{Machine: composa.MachineRef{ID: "mach_new", Name: r.Name, Label: r.Name}, Exists: true, Devices: c.Bound}
	_, err := plan.For(site, r.Verb, r.Project, composa.Target{Fabric: c.Fabric, Goals: []composa.Goal{goal}})
	return err
}
