package placement_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 10, 0, time.UTC)

// rack adds a fabric that can do everything, and its devices: each line is a
// name, or a range such as gpu[0-3], then words: a model, under=SWITCH,
// unit=NAME, vendor=NAME, domain=NAME, ipmi=ADDRESS, memory=Q, size=Q, speed=Q,
// learning.
func rack(site *composa.Site, name composa.FabricName, lines ...string) *composa.Site {
	able := &composa.Abilities{Groups: composa.NeedRequired, Make: composa.MakeEmpty, Reshape: composa.ReshapeOn, Acts: []composa.Act{
		composa.ActEnter, composa.ActLeave, composa.ActMake, composa.ActReshape, composa.ActRemove, composa.ActP2P, composa.ActPower,
	}}
	p := &composa.Picture{Fabric: name, Began: t0, Complete: true}
	site.Now = t0
	site.Fabrics = append(site.Fabrics, composa.Fabric{Name: name, Access: composa.AccessManage, Abilities: able, Reach: composa.FabricReach{Seen: t0}})
	if site.Pictures == nil {
		site.Pictures = map[composa.FabricName]*composa.Picture{}
	}
	site.Pictures[name] = p
	for _, line := range lines {
		words := strings.Fields(line)
		for _, device := range spread(words[0]) {
			d := composa.Device{
				ID: composa.DeviceID(fmt.Sprintf("dev_%s_%s", name, device)), Fabric: name, Name: device,
				Kind: composa.Kind(strings.TrimRight(device, "0123456789")), Health: composa.HealthOK, Hygiene: composa.HygieneClean,
			}
			for _, w := range words[1:] {
				describe(&d, w)
			}
			site.Devices = append(site.Devices, d)
			p.Devices = append(p.Devices, composa.SeenDevice{Name: device, Kind: d.Kind, Health: d.Health, Spot: composa.Spot{Area: composa.AreaFree}})
		}
	}
	slices.SortFunc(site.Devices, func(a, b composa.Device) int { return composa.NaturalCompare(string(a.Place()), string(b.Place())) })
	return site.Index()
}

func spread(name string) []string {
	head, tail, ok := strings.Cut(name, "[")
	if !ok {
		return []string{name}
	}
	var from, to int
	if _, err := fmt.Sscanf(tail, "%d-%d]", &from, &to); err != nil {
		panic(err)
	}
	var out []string
	for i := from; i <= to; i++ {
		out = append(out, fmt.Sprintf("%s%d", head, i))
	}
	return out
}

func describe(d *composa.Device, word string) {
	what, value, ok := strings.Cut(word, "=")
	switch {
	case !ok && word == "learning":
		d.Facts.Learning = true
	case !ok:
		d.Facts.Model = word
	case what == "vendor":
		d.Facts.Vendor = value
	case what == "under":
		d.Facts.Switch = value
	case what == "unit":
		d.Unit = value
	case what == "domain":
		d.Domains = strings.Split(value, ",")
	case what == "memory":
		d.Facts.Memory = quantity(value)
	case what == "size":
		d.Facts.Size = quantity(value)
	case what == "speed":
		d.Facts.Speed = quantity(value)
	case what == "ipmi":
		d.Facts.IPMI = value
	default:
		panic(word)
	}
}

func at(site *composa.Site, p composa.Place) *composa.Device {
	d := site.At(p)
	if d == nil {
		panic(p)
	}
	return d
}

// held adds a machine of project proj_a that holds devices.
func held(site *composa.Site, name string, places ...composa.Place) *composa.Machine {
	m := composa.Machine{
		ID: composa.MachineID("mach_" + name), Project: "proj_a", Name: name, Fabric: places[0].Fabric(),
		Label: name, Native: "native-" + name, Made: true,
	}
	site.Machines = append(site.Machines, m)
	seen := composa.SeenMachine{Native: m.Native, Label: m.Label, InOurs: true}
	p := site.Pictures[m.Fabric]
	for _, place := range places {
		d := at(site, place)
		site.Claims = append(site.Claims, composa.Claim{Device: d.ID, Machine: m.ID, Purpose: composa.PurposeMachine, Entry: string(d.Kind)})
		p.Device(d.Name).Spot = composa.Spot{Area: composa.AreaMachine, Machine: m.Native}
		seen.Devices = append(seen.Devices, d.Name)
	}
	p.Machines = append(p.Machines, seen)
	site.Index()
	return &site.Machines[len(site.Machines)-1]
}

// claimed claims devices for a machine that is being made.
func claimed(site *composa.Site, machine composa.MachineID, places ...composa.Place) {
	for _, place := range places {
		site.Claims = append(site.Claims, composa.Claim{Device: at(site, place).ID, Machine: machine, Purpose: composa.PurposeMachine})
	}
	site.Index()
}

func quantity(text string) int64 {
	n, err := composa.ParseQuantity(text)
	if err != nil {
		panic(err)
	}
	return n
}

// want reads entries: "gpu 2", "gpu A100:4", "ssd rack1/ssd0,rack1/ssd1",
// "cpu ipmi=192.0.2.1", with a least and a condition behind: "gpu A100:4 &
// memory 40GB & where device.speed > 0".
func want(lines ...string) []composa.Entry {
	var out []composa.Entry
	for _, line := range lines {
		parts := strings.Split(line, " & ")
		kind, rest, _ := strings.Cut(parts[0], " ")
		e := composa.Entry{Kind: composa.Kind(kind), Count: 1}
		model, count, like := strings.Cut(rest, ":")
		switch {
		case strings.Contains(rest, "/"):
			for _, p := range strings.Split(rest, ",") {
				e.Places = append(e.Places, composa.Place(p))
			}
			e.Count = len(e.Places)
		case strings.HasPrefix(rest, "ipmi="):
			e.IPMI = strings.TrimPrefix(rest, "ipmi=")
		case like:
			e.Model = model
			_, _ = fmt.Sscan(count, &e.Count)
		default:
			_, _ = fmt.Sscan(rest, &e.Count)
		}
		for _, part := range parts[1:] {
			what, value, _ := strings.Cut(part, " ")
			if what == "where" {
				e.Where = value
				continue
			}
			if e.Min == nil {
				e.Min = map[string]int64{}
			}
			e.Min[what] = quantity(value)
		}
		out = append(out, e)
	}
	return composa.Spec{}.Plus(out...).Entries
}

// places are the chosen devices with the entries that they serve.
func places(fabric composa.FabricName, bound []composa.Bound) string {
	var out []string
	last := ""
	for _, b := range bound {
		if b.Entry != last {
			out = append(out, b.Entry+":")
			last = b.Entry
		}
		out = append(out, b.Device.Name)
	}
	return string(fabric) + " " + strings.Join(out, " ")
}
