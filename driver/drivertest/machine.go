package drivertest

import (
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// machine is one machine of ours with what a test wants of it. Its methods make
// steps in the way that the fabric's abilities need.
type machine struct {
	r     *rig
	ref   composa.MachineRef
	cpu   composa.DeviceRef
	holds []string // names of what is in it now
}

// parts are the devices that one test uses: a host, and bundles of others that
// fit into its machine. A bundle is what moves together.
type parts struct {
	cpu     composa.DeviceRef
	bundles [][]composa.DeviceRef
}

func ref(d *composa.SeenDevice) composa.DeviceRef {
	return composa.DeviceRef{
		ID: composa.DeviceID("dev_" + d.Name), Name: d.Name, Kind: d.Kind, Fingerprint: d.Fingerprint,
	}
}

// choose finds the n-th host and the free bundles that fit with it, gpus first.
func (r *rig) choose(n int) parts {
	r.Helper()
	p := r.seeAll()
	var hosts []*composa.SeenDevice
	for i := range p.Devices {
		if d := &p.Devices[i]; d.Kind == composa.KindCPU && r.available(d) {
			hosts = append(hosts, d)
		}
	}
	if len(hosts) <= n {
		r.Fatalf("the fabric has %d free cpu devices, this test needs %d", len(hosts), n+1)
	}
	host := hosts[n]
	chosen := parts{cpu: ref(host)}
	for _, kind := range []composa.Kind{composa.KindGPU, composa.KindSSD} {
		chosen.bundles = append(chosen.bundles, bundlesOf(p, kind, host.Domains)...)
	}
	if len(chosen.bundles) < 4 {
		r.Fatalf("%d bundles of gpus and ssds fit with %s, the suite needs 4", len(chosen.bundles), host.Name)
	}
	return chosen
}

// available says whether a cpu can become the host of a machine of ours.
func (r *rig) available(d *composa.SeenDevice) bool {
	return d.Spot.Area == composa.AreaFree || d.Spot.Area == composa.AreaOurs || r.able.Make == composa.MakeHosted
}

// bundlesOf lists the free devices of a kind that share a domain, each with
// what is of its unit.
func bundlesOf(p *composa.Picture, kind composa.Kind, domains []string) [][]composa.DeviceRef {
	var out [][]composa.DeviceRef
	unit := map[string]int{}
	for i := range p.Devices {
		d := &p.Devices[i]
		if d.Kind != kind || d.Spot.Area != composa.AreaFree || !meets(d.Domains, domains) {
			continue
		}
		if at, known := unit[d.Unit]; known && d.Unit != "" {
			out[at] = append(out[at], ref(d))
			continue
		}
		unit[d.Unit] = len(out)
		out = append(out, []composa.DeviceRef{ref(d)})
	}
	return out
}

func meets(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(d string) bool { return slices.Contains(b, d) })
}

// machine names a machine that does not exist yet, but where it is its host.
func (r *rig) machine(name string, cpu composa.DeviceRef) *machine {
	r.Helper()
	id := composa.MachineID(composa.NewID(composa.PrefixMachine))
	m := &machine{r: r, cpu: cpu}
	m.ref = composa.MachineRef{ID: id, Name: name, Label: composa.MachineLabel(name, id)}
	if r.able.Make == composa.MakeHosted {
		p := r.seeAll()
		m.ref.Host, m.ref.Native = cpu.Name, p.Device(cpu.Name).Spot.Machine
		m.holds = slices.Clone(p.Machine(m.ref.Native).Devices)
	}
	return m
}

func (m *machine) step(act composa.Act) composa.Step {
	return composa.Step{Act: act, Fabric: m.r.h.Name(), Machine: m.ref, Lock: composa.LockEdit}
}

func spots(refs []composa.DeviceRef, at ...composa.Spot) map[string][]composa.Spot {
	out := map[string][]composa.Spot{}
	for _, d := range refs {
		out[d.Name] = at
	}
	return out
}

// enter puts devices into the site's group.
func (m *machine) enter(refs []composa.DeviceRef) composa.Step {
	s := m.step(composa.ActEnter)
	s.Attach = refs
	s.Expect.Spots = spots(refs, composa.Spot{Area: composa.AreaFree}, composa.Spot{Area: composa.AreaOurs})
	return s
}

// leave gives devices back.
func (m *machine) leave(refs []composa.DeviceRef) composa.Step {
	s := m.step(composa.ActLeave)
	s.Detach = refs
	s.Expect.Spots = spots(refs, composa.Spot{Area: composa.AreaOurs})
	return s
}

// outside is where a device waits before a machine takes it.
func (r *rig) outside() composa.Spot {
	if r.able.Groups == composa.NeedRequired {
		return composa.Spot{Area: composa.AreaOurs}
	}
	return composa.Spot{Area: composa.AreaFree}
}

// make makes the machine; with devices where machines are made whole. Where
// handles are chosen, it chooses one.
func (m *machine) make(refs []composa.DeviceRef) composa.Step {
	m.r.Helper()
	s := m.step(composa.ActMake)
	if m.r.able.Make == composa.MakeWhole {
		s.Attach = refs
		s.Expect.Spots = spots(refs, m.r.outside())
	}
	if res, ok := m.r.f.(driver.Reserver); ok {
		s.Machine.Native = m.reserve(res, s)
	}
	return s
}

// reserve asks for a handle until there is an answer.
func (m *machine) reserve(res driver.Reserver, s composa.Step) string {
	m.r.Helper()
	var err error
	for range patience {
		var native string
		if native, err = res.Reserve(m.r.Context(), s); err == nil {
			return native
		}
	}
	m.r.Fatalf("Reserve: %v", err)
	return ""
}

// made takes over what the proof of a make step says of the machine.
func (m *machine) made(s composa.Step, p *composa.Picture) {
	m.r.Helper()
	seen := s.Made(p)
	if seen == nil {
		m.r.Fatalf("%s: the proof does not show the machine", &s)
	}
	m.ref.Native, m.ref.NativeSince = seen.Native, seen.Created
	m.holds = slices.Clone(seen.Devices)
}

// reshape puts devices into the machine and takes others out.
func (m *machine) reshape(in, out []composa.DeviceRef) composa.Step {
	s := m.step(composa.ActReshape)
	s.Attach, s.Detach = in, out
	s.Expect.Spots = spots(in, m.r.outside())
	for name, at := range spots(out, composa.Spot{Area: composa.AreaMachine, Machine: m.ref.Native}) {
		s.Expect.Spots[name] = at
	}
	s.Expect.Holds = slices.Clone(m.holds)
	return s
}

func (m *machine) power(on bool) composa.Step {
	s := m.step(composa.ActPower)
	s.On, s.Hard, s.Lock = on, !on, composa.LockMachine
	return s
}

func (m *machine) p2p(on bool) composa.Step {
	s := m.step(composa.ActP2P)
	s.On = on
	return s
}

func (m *machine) remove() composa.Step {
	s := m.step(composa.ActRemove)
	s.Expect.Holds = slices.Clone(m.holds)
	return s
}

// do is how a test carries steps out: rig.apply, or rig.drive where calls fail.
type do func(composa.Step) *composa.Picture

// compose brings the machine into being with its host and devices.
func (m *machine) compose(do do, refs []composa.DeviceRef) {
	m.r.Helper()
	all := append([]composa.DeviceRef{m.cpu}, refs...)
	if m.r.able.Groups == composa.NeedRequired {
		do(m.enter(all))
	}
	switch m.r.able.Make {
	case composa.MakeWhole:
		s := m.make(all)
		m.made(s, do(s))
	case composa.MakeEmpty:
		s := m.make(nil)
		m.made(s, do(s))
		m.fill(do, all)
	case composa.MakeHosted:
		m.fill(do, refs)
	}
}

// fill attaches devices that are where machines take them from.
func (m *machine) fill(do do, refs []composa.DeviceRef) {
	m.r.Helper()
	p := do(m.reshape(refs, nil))
	m.holds = slices.Clone(p.Machine(m.ref.Native).Devices)
	for _, d := range refs {
		if !slices.Contains(m.holds, d.Name) {
			m.r.Errorf("%s is not in machine %s after it was attached", d.Name, m.ref.Native)
		}
	}
}

// attach takes free devices into the machine, with its host off where that is
// needed.
func (m *machine) attach(do do, refs []composa.DeviceRef) {
	m.r.Helper()
	if m.r.able.Groups == composa.NeedRequired {
		do(m.enter(refs))
	}
	m.quiet(do)
	m.fill(do, refs)
}

// detach takes devices out of the machine; they stay in the site's group.
func (m *machine) detach(do do, refs []composa.DeviceRef) {
	m.r.Helper()
	m.quiet(do)
	do(m.reshape(nil, refs))
	for _, d := range refs {
		m.holds = slices.DeleteFunc(m.holds, func(name string) bool { return name == d.Name })
	}
}

// quiet powers the machine off where its devices change only then.
func (m *machine) quiet(do do) {
	m.r.Helper()
	if m.r.able.Reshape == composa.ReshapeOff && m.r.able.Can(composa.ActPower) {
		do(m.power(false))
	}
}

// end empties and removes the machine, and gives everything back.
func (m *machine) end(do do, refs []composa.DeviceRef) {
	m.r.Helper()
	all := append([]composa.DeviceRef{m.cpu}, refs...)
	if m.r.able.Can(composa.ActPower) && m.r.able.Make != composa.MakeHosted {
		do(m.power(false))
	}
	switch m.r.able.Make {
	case composa.MakeWhole:
		do(m.remove())
	case composa.MakeEmpty:
		m.detach(do, all)
		do(m.remove())
	case composa.MakeHosted:
		m.detach(do, refs)
	}
	if m.r.able.Groups == composa.NeedRequired {
		do(m.leave(all))
	}
}

// free fails where the devices are not all free.
func (r *rig) free(refs []composa.DeviceRef) {
	r.Helper()
	p := r.seeAll()
	for _, d := range refs {
		seen := p.Device(d.Name)
		if seen == nil || seen.Spot.Area != composa.AreaFree {
			r.Errorf("%s is not free at the end: %s", d.Name, where(seen))
		}
	}
}

func where(d *composa.SeenDevice) string {
	if d == nil {
		return "it is not shown"
	}
	return fmt.Sprintf("it is in %s", d.Spot)
}

func flat(bundles ...[]composa.DeviceRef) []composa.DeviceRef { return slices.Concat(bundles...) }
