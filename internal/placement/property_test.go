package placement_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/placement"
)

// drawSite makes one or two small racks with models, switches, units, domains
// and devices that are not free.
func drawSite(t *rapid.T) *composa.Site {
	site := (&composa.Site{}).Index()
	for r := range rapid.IntRange(1, 2).Draw(t, "racks") {
		name := composa.FabricName(fmt.Sprintf("rack%d", r+1))
		var lines []string
		numbers := map[string]int{}
		for range rapid.IntRange(0, 8).Draw(t, "devices") {
			kind := rapid.SampledFrom([]string{"cpu", "gpu", "gpu", "ssd"}).Draw(t, "kind")
			line := fmt.Sprintf("%s%d", kind, numbers[kind])
			numbers[kind]++
			line += rapid.SampledFrom([]string{"", " A100", " A100", " A40", " A100 learning"}).Draw(t, "model")
			line += rapid.SampledFrom([]string{"", " under=s0", " under=s1"}).Draw(t, "switch")
			line += rapid.SampledFrom([]string{"", "", " unit=u0", " unit=u1"}).Draw(t, "unit")
			line += rapid.SampledFrom([]string{"", "", " domain=east", " domain=west", " domain=east,west"}).Draw(t, "domain")
			line += rapid.SampledFrom([]string{"", " memory=16GB", " memory=38GB", " memory=40GB", " memory=48GB"}).Draw(t, "memory")
			lines = append(lines, line)
		}
		rack(site, name, lines...)
		site.Fabric(name).Abilities.MaxDevices = rapid.SampledFrom([]int{0, 0, 0, 4}).Draw(t, "most")
	}
	for i := range site.Devices {
		d := &site.Devices[i]
		switch rapid.IntRange(0, 9).Draw(t, string(d.Place())) {
		case 0:
			claimed(site, "mach_x", d.Place())
		case 1:
			d.Health = composa.HealthFailed
		case 2:
			d.Hygiene, d.KeptFor = composa.HygieneUsed, rapid.SampledFrom([]composa.ProjectID{"proj_a", "proj_b"}).Draw(t, "kept for")
		}
	}
	return site
}

func drawRequest(t *rapid.T, site *composa.Site) placement.Request {
	var lines []string
	for range rapid.IntRange(1, 3).Draw(t, "entries") {
		kind := rapid.SampledFrom([]string{"cpu", "gpu", "gpu", "ssd"}).Draw(t, "wanted")
		line := kind + " " + rapid.SampledFrom([]string{"1", "2", "3", "A100:1", "a1:2", "A40:1"}).Draw(t, "how")
		if kind != "ssd" {
			line += rapid.SampledFrom([]string{"", "", " & memory 40GB", " & memory 17GB"}).Draw(t, "least")
		}
		if rapid.IntRange(0, 3).Draw(t, "conditional") == 0 {
			line += " & where " + rapid.SampledFrom(slices.Sorted(maps.Keys(wheres))).Draw(t, "where")
		}
		lines = append(lines, line)
	}
	r := placement.Request{
		Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Entries: want(lines...), P2P: rapid.Bool().Draw(t, "p2p"),
	}
	if rapid.Bool().Draw(t, "by name") && len(site.Devices) > 0 {
		d := rapid.SampledFrom(site.Devices).Draw(t, "named")
		r.Entries = append(r.Entries, composa.Entry{Key: "named", Kind: d.Kind, Count: 1, Places: []composa.Place{d.Place()}})
	}
	return r
}

// drawMachine lets some free devices of a rack, which may go together, be a
// machine's already.
func drawMachine(t *rapid.T, site *composa.Site) *composa.Machine {
	if !rapid.Bool().Draw(t, "plug") {
		return nil
	}
	var have []composa.Place
	for i := range site.Devices {
		d := &site.Devices[i]
		apart := len(have) > 0 && len(d.Domains)+len(at(site, have[0]).Domains) > 0
		if d.Fabric == "rack1" && d.Unit == "" && !apart && site.WhyNotFree(d, "proj_a", "") == "" && len(have) < 2 {
			have = append(have, d.Place())
		}
	}
	if len(have) == 0 {
		return nil
	}
	return held(site, "train", have...)
}

// valid says what is wrong with a choice, reading the rules a second time and
// in another way than the package does.
func valid(site *composa.Site, r placement.Request, fabric composa.FabricName, chosen []*composa.Device) string {
	total := 0
	for _, e := range r.Entries {
		total += e.Count
	}
	if len(chosen) != total {
		return fmt.Sprintf("%d devices for %d", len(chosen), total)
	}
	all := slices.Clone(chosen)
	if r.Machine != nil {
		if r.Machine.Fabric != fabric {
			return "another fabric than the machine's"
		}
		for _, b := range site.Binding(r.Machine.ID) {
			all = append(all, site.Device(b.Device.ID))
		}
	}
	if most := site.Fabric(fabric).Abilities.MaxDevices; most > 0 && len(all) > most {
		return "too many devices"
	}
	for _, d := range chosen {
		if why := site.WhyNotFree(d, r.Project, ""); why != "" || d.Fabric != fabric {
			return fmt.Sprintf("%s is %s", d.Place(), why)
		}
		for i := range site.Devices {
			mate := &site.Devices[i]
			if d.Unit != "" && mate.Fabric == fabric && mate.Unit == d.Unit && !slices.Contains(chosen, mate) {
				return fmt.Sprintf("%s without %s", d.Place(), mate.Place())
			}
		}
	}
	east := slices.ContainsFunc(all, func(d *composa.Device) bool { return strings.Join(d.Domains, "") == "east" })
	west := slices.ContainsFunc(all, func(d *composa.Device) bool { return strings.Join(d.Domains, "") == "west" })
	if east && west {
		return "no common domain"
	}
	if !serve(r.Entries, chosen) {
		return "the devices do not serve the entries"
	}
	return ""
}

// wheres are conditions, and what they say of a device whose details are known.
var wheres = map[string]func(*composa.Device) bool{
	"device.memory >= 40 * GB":                       func(d *composa.Device) bool { return d.Facts.Memory >= 40e9 },
	"device.memory < 40 * GB":                        func(d *composa.Device) bool { return d.Facts.Memory > 0 && d.Facts.Memory < 40e9 },
	"!(device.model == 'A40')":                       func(d *composa.Device) bool { return d.Facts.Model != "" && d.Facts.Model != "A40" },
	"device.switch == 's0' || device.model == 'A40'": func(d *composa.Device) bool { return d.Facts.Switch == "s0" || d.Facts.Model == "A40" },
	"device.fabric == 'rack1'":                       func(d *composa.Device) bool { return d.Fabric == "rack1" },
}

func serves(e composa.Entry, d *composa.Device) bool {
	if least := e.Min["memory"]; least > 0 && (d.Facts.Learning || d.Facts.Memory < least) {
		return false
	}
	if e.Where != "" && (d.Facts.Learning || !wheres[e.Where](d)) {
		return false
	}
	if e.Kind != d.Kind || len(e.Places) > 0 && !slices.Contains(e.Places, d.Place()) {
		return false
	}
	return e.Model == "" || !d.Facts.Learning && strings.Contains(strings.ToUpper(d.Facts.Model), strings.ToUpper(e.Model))
}

// serve tries every way of giving devices to entries.
func serve(entries []composa.Entry, devices []*composa.Device) bool {
	if len(devices) == 0 {
		return true
	}
	for i := range entries {
		if entries[i].Count > 0 && serves(entries[i], devices[0]) {
			entries := slices.Clone(entries)
			entries[i].Count--
			if serve(entries, devices[1:]) {
				return true
			}
		}
	}
	return false
}

// search tries every set of free devices of every fabric.
func search(site *composa.Site, r placement.Request) (composa.FabricName, []*composa.Device) {
	for _, f := range site.Fabrics {
		var free []*composa.Device
		for i := range site.Devices {
			if d := &site.Devices[i]; d.Fabric == f.Name && site.WhyNotFree(d, r.Project, "") == "" {
				free = append(free, d)
			}
		}
		for set := 1; set < 1<<len(free); set++ {
			var chosen []*composa.Device
			for i, d := range free {
				if set&(1<<i) != 0 {
					chosen = append(chosen, d)
				}
			}
			if valid(site, r, f.Name, chosen) == "" {
				return f.Name, chosen
			}
		}
	}
	return "", nil
}

func devicesOf(site *composa.Site, c *placement.Choice) []*composa.Device {
	var out []*composa.Device
	for _, b := range c.Bound {
		if d := site.Device(b.Device.ID); !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// What is chosen keeps every rule; what is refused no search finds; and the
// nearest request that a refusal names fits.
func TestPlaceIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		site := drawSite(t)
		r := drawRequest(t, site)
		r.Machine = drawMachine(t, site)
		c, err := placement.Place(site, r)
		if err == nil {
			checkChoice(t, site, r, c)
			return
		}
		if composa.CodeOf(err) == composa.CodeInvalid {
			return // a device of another fabric than the machine's, or two such
		}
		if composa.CodeOf(err) != composa.CodeRefused {
			t.Fatal(err)
		}
		if fabric, found := search(site, r); found != nil {
			t.Fatalf("refused (%v), and %s could give %v", err, fabric, names(found))
		}
		checkNearest(t, site, r, err)
	})
}

func checkChoice(t *rapid.T, site *composa.Site, r placement.Request, c *placement.Choice) {
	devices := devicesOf(site, c)
	if wrong := valid(site, r, c.Fabric, devices); wrong != "" || len(devices) != len(c.Bound) {
		t.Fatalf("chose %s: %s", places(c.Fabric, c.Bound), wrong)
	}
	counts := map[string]int{}
	for _, b := range c.Bound {
		i := slices.IndexFunc(r.Entries, func(e composa.Entry) bool { return e.Key == b.Entry })
		if i < 0 || !serves(r.Entries[i], site.Device(b.Device.ID)) {
			t.Fatalf("%s does not serve entry %q", b.Device.Name, b.Entry)
		}
		counts[b.Entry]++
	}
	for _, e := range r.Entries {
		if counts[e.Key] != e.Count {
			t.Fatalf("entry %q has %d devices, %d are wanted", e.Key, counts[e.Key], e.Count)
		}
	}
}

func checkNearest(t *rapid.T, site *composa.Site, r placement.Request, err error) {
	e, ok := err.(*composa.Error)
	if !ok || e.Refusal == nil {
		t.Fatalf("%v has no refusal", err)
	}
	for _, f := range e.Refusal.Fabrics {
		short := f.Reason != ""
		for _, entry := range f.Entries {
			short = short || entry.Left < entry.Wanted
			lost := 0
			for _, l := range entry.Lost {
				lost += l.Count
				if n := l.Near; n != nil && (n.Least > n.Most || abs(n.Least-n.Want)*10 >= n.Want || abs(n.Most-n.Want)*10 >= n.Want) {
					t.Fatalf("no near miss: %+v", n)
				}
			}
			if entry.Had-lost != entry.Left {
				t.Fatalf("%s entry %s: had %d, lost %d, left %d", f.Fabric, entry.Entry, entry.Had, lost, entry.Left)
			}
		}
		if !short {
			t.Fatalf("%s is refused, and nothing says why", f.Fabric)
		}
	}
	n := e.Refusal.Nearest
	if n == nil {
		return
	}
	nearest := r
	nearest.Entries, nearest.Pool = n.Entries, n.Pool
	if r.Machine == nil {
		nearest.Fabrics = []composa.FabricName{n.Fabric}
	}
	if _, err := placement.Place(site, nearest); err != nil {
		t.Fatalf("the nearest does not fit: %v", err)
	}
}

func abs(n int64) int64 { return max(n, -n) }

func names(devices []*composa.Device) []string {
	var out []string
	for _, d := range devices {
		out = append(out, d.Name)
	}
	return out
}

// The order in which the site lists things does not matter, also not to what is
// explained.
func TestPlaceIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		site := drawSite(t)
		r := drawRequest(t, site)
		for i := range site.Fabrics {
			busy(site, site.Fabrics[i].Name, rapid.IntRange(0, 2).Draw(t, "steps"))
		}
		for i, d := range site.Devices {
			if c := site.Claim(d.ID); c != nil && rapid.Bool().Draw(t, "leaves") {
				site.Claims = slices.DeleteFunc(site.Claims, func(c composa.Claim) bool { return c.Device == d.ID })
				m := held(site, fmt.Sprint("old", i), d.Place())
				freeing(site, rapid.SampledFrom([]composa.ProjectID{"proj_a", "proj_b"}).Draw(t, "project"), composa.OperationID(fmt.Sprint("op_", i)), m)
			}
		}
		for i := range rapid.IntRange(0, 6).Draw(t, "pools") {
			site.Pools = append(site.Pools, composa.Pool{ID: composa.PoolID(fmt.Sprint("pool_", i)), Project: "proj_a", Name: fmt.Sprint("pool", i)})
			if len(site.Devices) > 0 {
				site.Devices[i%len(site.Devices)].Pool = site.Pools[i].ID
			}
		}
		first, textFirst := explained(site.Index(), r)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		shuffle(rng, site.Devices)
		shuffle(rng, site.Fabrics)
		shuffle(rng, site.Claims)
		shuffle(rng, site.Machines)
		shuffle(rng, site.Operations)
		shuffle(rng, site.Pools)
		second, textSecond := explained(site.Index(), r)
		if d := cmp.Diff(textFirst, textSecond); d != "" {
			t.Fatal(d)
		}
		if d := cmp.Diff(first, second); d != "" {
			t.Fatal(d)
		}
	})
}

func shuffle[T any](rng *rand.Rand, list []T) {
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// When many ask for the same at once, every one that fits is served, and no
// fabric that still fits has much less waiting than the one that was chosen.
func TestPlaceSpreads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		site, room := &composa.Site{}, 0
		for r := range rapid.IntRange(2, 6).Draw(t, "racks") {
			cpus, gpus := rapid.IntRange(1, 6).Draw(t, "cpus"), rapid.IntRange(1, 12).Draw(t, "gpus")
			rack(site, composa.FabricName(fmt.Sprint("rack", r)), fmt.Sprintf("cpu[0-%d]", cpus-1), fmt.Sprintf("gpu[0-%d]", gpus-1))
			room += min(cpus, gpus/2)
		}
		r := placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Entries: want("cpu 1", "gpu 2")}
		for n := range room {
			c, err := placement.Place(site, r)
			if err != nil {
				t.Fatalf("%d of %d are served: %v", n, room, err)
			}
			for _, f := range c.Explanation.Fabrics {
				if f.Fits && site.Waiting(f.Fabric) < site.Waiting(c.Fabric) {
					t.Fatalf("%s was chosen with %d waiting, and %s has %d", c.Fabric, site.Waiting(c.Fabric), f.Fabric, site.Waiting(f.Fabric))
				}
			}
			for _, b := range c.Bound {
				site.Claims = append(site.Claims, composa.Claim{Device: b.Device.ID, Machine: "mach_x", Purpose: composa.PurposeMachine})
			}
			busy(site, c.Fabric, 2)
			site.Index()
		}
		if _, err := placement.Place(site, r); composa.CodeOf(err) != composa.CodeRefused {
			t.Fatalf("got %v, want a refusal: nothing is left", err)
		}
	})
}
