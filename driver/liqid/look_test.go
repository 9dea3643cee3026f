package liqid

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// world is a small fabric: group 1 is ours with machine 7, group 2 somebody else's.
func world() reading {
	return reading{
		groups:   []group{{id: 1, name: "ours"}, {id: 2, name: "theirs"}},
		machines: []machine{{id: 7, group: 1, name: "train"}},
		members: map[string]member{
			"gpu0": {"gpu0", 1, 7, "ours", "train"}, "gpu1": {"gpu1", 1, 0, "ours", ""}, "gpu2": {"gpu2", 2, 0, "theirs", ""}, "pcpu0": {"pcpu0", 1, 7, "ours", "train"},
		},
	}
}

func parts(names ...string) (out []device) {
	for _, n := range names {
		kind := classes["GpuDeviceStatus"]
		if n[0] == 'p' {
			kind = classes["ComputeDeviceStatus"]
		}
		out = append(out, device{name: n, class: kind, located: true})
	}
	return out
}

func TestReadingsThatDisagree(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(*reading) // between the readings
		both     func(*reading) // in both
		devices  []string
		doubt    []string
		machines []int
		absent   []string
		other    bool
	}{
		{name: "they agree"},
		{name: "a device moved", change: func(r *reading) { r.members["gpu1"] = member{"gpu1", 2, 0, "theirs", ""} }, doubt: []string{"gpu1"}},
		{name: "a device left", change: func(r *reading) { delete(r.members, "gpu1") }, doubt: []string{"gpu1"}},
		{name: "a device came into a machine", change: func(r *reading) { r.members["gpu1"] = member{"gpu1", 1, 7, "ours", "train"} },
			doubt: []string{"gpu0", "gpu1", "pcpu0"}, machines: []int{7}},
		{name: "a machine went", change: func(r *reading) { r.machines = nil }, doubt: []string{"gpu0", "pcpu0"}, machines: []int{7}},
		{name: "a machine came", change: func(r *reading) { r.machines = append(r.machines, machine{id: 8, group: 2, name: "x"}) }, machines: []int{8}},
		{name: "a machine was switched", change: func(r *reading) { r.machines = []machine{{id: 7, group: 1, name: "train", p2p: true}} },
			doubt: []string{"gpu0", "pcpu0"}, machines: []int{7}},
		{name: "a group came", change: func(r *reading) { r.groups = append(r.groups, group{id: 3, name: "x"}) }, other: true},
		{name: "a member names a machine that is not there", both: func(r *reading) { r.members["gpu1"] = member{"gpu1", 1, 9, "ours", "x"} },
			doubt: []string{"gpu1"}, machines: []int{9}},
		{name: "a member names a group that is not there", both: func(r *reading) { r.members["gpu1"] = member{"gpu1", 5, 0, "x", ""} }, doubt: []string{"gpu1"}},
		{name: "a group has another name than its member says", both: func(r *reading) { r.members["gpu2"] = member{"gpu2", 2, 0, "former", ""} }, doubt: []string{"gpu2"}},
		{name: "a member is in a machine of another group", both: func(r *reading) { r.members["gpu2"] = member{"gpu2", 2, 7, "theirs", "train"} },
			doubt: []string{"gpu0", "gpu2", "pcpu0"}, machines: []int{7}},
		{name: "a machine lies in a group that is not there", both: func(r *reading) { r.machines = append(r.machines, machine{id: 8, group: 5}) }, machines: []int{8}},
		{name: "a member is not among the devices", devices: []string{"gpu0", "gpu2", "pcpu0"}, absent: []string{"gpu1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := world(), world()
			if tt.both != nil {
				tt.both(&a)
				tt.both(&b)
			}
			if tt.change != nil {
				tt.change(&b)
			}
			devices := []string{"gpu0", "gpu1", "gpu2", "pcpu0"}
			if tt.devices != nil {
				devices = tt.devices
			}
			d := compare(&a, &b, parts(devices...))
			if got := slices.Sorted(maps.Keys(d.devices)); !slices.Equal(got, tt.doubt) {
				t.Errorf("devices in doubt: %v, want %v", got, tt.doubt)
			}
			if got := slices.Sorted(maps.Keys(d.machines)); !slices.Equal(got, tt.machines) {
				t.Errorf("machines in doubt: %v, want %v", got, tt.machines)
			}
			if !slices.Equal(d.absent, tt.absent) || d.other != tt.other {
				t.Errorf("absent %v, other %v", d.absent, d.other)
			}
		})
	}
}

func TestWhatIsInDoubtIsNotShown(t *testing.T) {
	a, b := world(), world()
	b.members["gpu1"] = member{"gpu1", 1, 7, "ours", "train"}
	devices := parts("gpu0", "gpu1", "gpu2", "pcpu0")
	l := &look{groups: b.groups, machines: b.machines, members: b.members, devices: devices, doubt: compare(&a, &b, devices)}
	p := (&view{fabric: "rack1", mark: "ours"}).picture(l)
	if len(p.Devices) != 1 || p.Devices[0].Name != "gpu2" || len(p.Machines) != 0 || p.Complete {
		t.Errorf("shown: %+v %+v", p.Devices, p.Machines)
	}
}

func TestAPictureShowsSpotsMachinesAndPower(t *testing.T) {
	r := world()
	now := time.Unix(1718000000, 0)
	l := &look{began: now, ended: now.Add(time.Second), complete: true, groups: r.groups, machines: r.machines, members: r.members,
		devices: parts("gpu0", "gpu1", "gpu2", "gpu3", "pcpu0"), nodes: []node{{power: composa.PowerOn}}}
	v := &view{fabric: "rack1", mark: "ours", ipmi: map[string]string{"pcpu0": "192.0.2.12"},
		hosts:   map[string]hostFacts{"7": {of: machineKey(&r.machines[0]), host: &composa.Host{Address: "192.0.2.99"}}},
		details: map[string]detail{"gpu0": {serial: "SN0", facts: composa.Facts{Model: "A100"}}, "gpu1": {of: composa.Fingerprint{DevID: "0x9"}, serial: "SN1"}}}
	p := v.picture(l)
	want := map[string]composa.Spot{
		"gpu0": {Area: composa.AreaMachine, Group: "1", Machine: "7"}, "gpu1": {Area: composa.AreaOurs, Group: "1"},
		"gpu2": {Area: composa.AreaForeign, Group: "2"}, "gpu3": {Area: composa.AreaFree}, "pcpu0": {Area: composa.AreaMachine, Group: "1", Machine: "7"},
	}
	for name, spot := range want {
		if got := p.Device(name); got == nil || got.Spot != spot {
			t.Errorf("%s: %+v, want %+v", name, got, spot)
		}
	}
	if d := p.Device("gpu0"); d.Fingerprint.Serial != "SN0" || d.Facts.Model != "A100" || d.Facts.Learning {
		t.Errorf("gpu0 has %+v %+v", d.Fingerprint, d.Facts)
	}
	if d := p.Device("gpu1"); d.Fingerprint.Serial != "" || !d.Facts.Learning {
		t.Errorf("gpu1 has the details of another part: %+v %+v", d.Fingerprint, d.Facts)
	}
	if d := p.Device("pcpu0"); d.Facts.IPMI != "192.0.2.12" || d.Host == nil || d.Host.Address != "192.0.2.99" {
		t.Errorf("pcpu0 has %+v %+v", d.Facts, d.Host)
	}
	m := p.Machine("7")
	if diff := cmp.Diff(&composa.SeenMachine{Native: "7", Label: "train", Group: "1", InOurs: true, Devices: []string{"gpu0", "pcpu0"}, Power: composa.PowerOn, Seen: now}, m); diff != "" {
		t.Errorf("machine (-want +got):\n%s", diff)
	}
	narrowed := narrow(p, composa.Scope{Devices: []string{"gpu2", "gpu0"}})
	if len(narrowed.Devices) != 3 || len(narrowed.Machines) != 1 { // gpu0's machine with what is in it, and gpu2
		t.Errorf("narrowed: %+v %+v", narrowed.Devices, narrowed.Machines)
	}
}

func TestPowerIsUnknownWhereItIsNotClear(t *testing.T) {
	at := func(n int64) [3]int64 { return [3]int64{0, 0, n} }
	cpu := func(name string, n int64) device {
		return device{name: name, class: classes["ComputeDeviceStatus"], location: at(n), located: true}
	}
	for _, tt := range []struct {
		name    string
		devices []device
		nodes   []node
		want    composa.PowerState
	}{
		{"one node at the host's place", []device{cpu("pcpu0", 2)}, []node{{at(2), composa.PowerOff}}, composa.PowerOff},
		{"no node there", []device{cpu("pcpu0", 2)}, []node{{at(3), composa.PowerOff}}, composa.PowerUnknown},
		{"two cpus at one place", []device{cpu("pcpu0", 2), cpu("pcpu1", 2)}, []node{{at(2), composa.PowerOff}}, composa.PowerUnknown},
		{"two nodes at one place", []device{cpu("pcpu0", 2)}, []node{{at(2), composa.PowerOff}, {at(2), composa.PowerOn}}, composa.PowerUnknown},
		{"hosts that disagree", []device{cpu("pcpu0", 2), cpu("pcpu1", 3)}, []node{{at(2), composa.PowerOff}, {at(3), composa.PowerOn}}, composa.PowerUnknown},
	} {
		l := &look{devices: tt.devices, nodes: tt.nodes}
		if got := machinePower(hostPower(l), []string{"gpu0", "pcpu0", "pcpu1"}); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// What a director lists of groups is believed to be all only where machines were
// asked too, and not where a machine names a host that is not in the list.
func TestAListOfMembersIsNotBelievedForOneRecord(t *testing.T) {
	mark := composa.GroupMark(rackSite)
	cpu := `{"name":"pcpu2","grp_id":3,"gname":"` + mark + `","mach_id":"7","mname":"train"}`
	drive := `{"name":"ssd0","grp_id":3,"gname":"` + mark + `","mach_id":"7","mname":"train"}`
	d := &changeable{answers: answers25()}
	d.says("machine", `[{"mach_id":7,"grp_id":3,"mach_name":"train","p2p":"off","mtime":1718000000,"comp_name":"pcpu2"}]`)
	asked := 0
	f := told(t, nil, func(c *Config) {
		c.HTTP = &http.Client{Transport: fakeNet(func(q *http.Request) (*http.Response, error) {
			if q.URL.Query().Has("mach_id") {
				asked++
				q = q.Clone(q.Context())
				q.URL.Path += "/7"
			}
			return d.RoundTrip(q)
		})}
	})
	d.says("predevice/7", `[`+cpu+`,`+drive+`]`)
	for _, tt := range []struct {
		name, listed string
		anew         bool // who it is was asked again
		asks         bool
		seen         string
	}{
		{"one of two is listed", `[` + cpu + `]`, false, true, seenUnattached},
		{"all are listed", `[` + cpu + `,` + drive + `]`, false, true, seenAll},
		{"it is known", `[` + cpu + `,` + drive + `]`, false, false, seenAll},
		{"it may have changed", `[` + cpu + `]`, true, true, seenUnattached},
		{"all again", `[` + cpu + `,` + drive + `]`, false, true, seenAll},
		{"the host is not listed", `[` + drive + `]`, false, true, seenUnattached},
	} {
		d.says("predevice", tt.listed)
		if tt.anew {
			f.forget()
		}
		asked = 0
		p, err := f.Observe(t.Context(), composa.Scope{})
		if err != nil || !p.Complete || len(p.Machine("7").Devices) != 2 {
			t.Fatalf("%s: %+v %v", tt.name, p, err)
		}
		if (asked > 0) != tt.asks || !f.observed.is(askMembers, tt.seen) {
			t.Errorf("%s: the machine was asked about %d times, seen %q", tt.name, asked, f.observed.of(askMembers))
		}
	}
}

func TestWhatIsRememberedOfPartsThatAreAwayIsBounded(t *testing.T) {
	f, err := New(Config{Name: rackName, URL: "http://192.0.2.1", Site: rackSite})
	if err != nil {
		t.Fatal(err)
	}
	for i := range widestMost + 2 {
		f.sawLanes([]device{{name: "gpu0", lanes: 16}, {name: fmt.Sprintf("gone%d", i), lanes: 8}})
	}
	f.sawLanes([]device{{name: "gpu0", lanes: 8}})
	if len(f.widest) > widestMost || f.widest["gpu0"].lanes != 16 {
		t.Errorf("%d parts are remembered, gpu0 with %d lanes", len(f.widest), f.widest["gpu0"].lanes)
	}
	f.observed.sawMachines([]machine{{id: 1}, {id: maxMachine}, {id: maxMachine + 1}, {id: maxID}})
	if len(f.observed.ids) != 2 {
		t.Errorf("%d numbers are remembered", len(f.observed.ids))
	}
}
