package liqid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

// How much is learnt in one look. A part that was exchanged for one of the same
// model in the same port looks the same in the live view; so details are
// forgotten when the part was away, read again after a while (Config.Recheck),
// and read afresh before a step moves the part.
const (
	learnMost   = 256 // parts a look whose details are not known
	recheckMost = 64  // parts a look whose details are old, the oldest first
	learnTime   = 2 * time.Second
	hostAge     = 30 * time.Second
)

// detail is what device/info, or system/device/info, told of one part.
type detail struct {
	of     composa.Fingerprint // the part as the live view shows it
	serial string
	facts  composa.Facts
	read   time.Time
}

// with lays details over what the live view tells.
func (d detail) with(live composa.Facts) composa.Facts {
	out := d.facts
	out.Switch, out.Learning = live.Switch, false
	if live.Lanes != 0 {
		out.Lanes = live.Lanes
	}
	if live.Size != 0 {
		out.Size = live.Size
	}
	if live.Bus != "" {
		out.Bus = live.Bus
	}
	return out
}

// hostFacts is what machine/details told of the host of one machine.
type hostFacts struct {
	of   string // the machine it was told of
	host *composa.Host
	read time.Time
}

// ipmiFacts are the addresses of management controllers, by cpu.
type ipmiFacts struct {
	address map[string]string
	read    time.Time
}

// width is the most lanes that a part was seen with.
type width struct {
	of    composa.Fingerprint
	lanes int
}

// widestMost is how many parts are remembered that are away, or nearly so.
const widestMost = 8192

// sawLanes remembers how wide the links of parts were: one that falls back to
// fewer lanes works, and not as it should. Parts that are away are remembered
// too, because one that is put back may have fallen back; where there are too
// many of them all are forgotten.
func (f *Fabric) sawLanes(devices []device) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range devices {
		d := &devices[i]
		if w := f.widest[d.name]; w.of != d.print || d.lanes > w.lanes {
			f.widest[d.name] = width{d.print, d.lanes}
		}
	}
	if len(f.widest) <= max(widestMost, 2*len(devices)) {
		return
	}
	there := make(map[string]width, len(devices))
	for i := range devices {
		there[devices[i].name] = f.widest[devices[i].name]
	}
	f.widest = there
}

func machineKey(m *machine) string {
	if m == nil {
		return ""
	}
	return fmt.Sprintf("%d %s %d", m.id, m.name, m.created.Unix())
}

// readDetail reads a DeviceInfo (liqid-api.md 1.4).
func readDetail(kind composa.Kind, raw []byte) (serial string, f composa.Facts, ok bool) {
	var w struct {
		Vendor   label  `json:"vendor"`
		Model    label  `json:"model"`
		Part     text   `json:"part_num"`
		Serial   label  `json:"serial_num"`
		Firmware text   `json:"fw_rev"`
		BusGen   text   `json:"busgen"`
		BusWidth text   `json:"buswidth"`
		Cores    number `json:"core_cnt"`
		Threads  number `json:"thrd_cnt"`
		DRAM     text   `json:"dram_size"`
		DRAMSize text   `json:"dram_sz"` // the name that 2.x gives it for cpu and link
		Capacity text   `json:"capacity"`
		Speed    text   `json:"link_speed"`
	}
	if json.Unmarshal(raw, &w) != nil {
		return "", composa.Facts{}, false
	}
	f.Vendor, f.Model, f.Part, f.Firmware = w.Vendor.told(), w.Model.told(), w.Part.told(), w.Firmware.told()
	f.Bus = w.BusGen.told()
	if lanes := parseNumber(strings.TrimPrefix(strings.ToLower(w.BusWidth.told()), "x")); lanes.value > 0 && lanes.value <= 64 {
		f.Lanes = int(lanes.value)
	}
	f.Cores, f.Threads = count(w.Cores), count(w.Threads)
	memory := w.DRAM.told()
	if memory == "" {
		memory = w.DRAMSize.told()
	}
	f.Memory = memorySize(memory)
	switch kind {
	case composa.KindSSD, composa.KindSCM:
		f.Size = driveSize(w.Capacity.told())
	case composa.KindMemory:
		f.Size = memorySize(w.Capacity.told())
	case composa.KindNIC:
		f.Speed = linkSpeed(w.Speed.told())
	}
	return w.Serial.told(), f, true
}

// count is a number of cores or threads; what cannot be is not told.
func count(n number) int {
	if n.value < 0 || n.value > 1<<30 {
		return 0
	}
	return int(n.value)
}

// see returns what pictures are made of now.
func (f *Fabric) see(k *knowledge) *view {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &view{
		fabric: f.config.Name, mark: f.mark, abilities: f.able(k),
		details: maps.Clone(f.details), widest: maps.Clone(f.widest), hosts: maps.Clone(f.hosts), ipmi: f.ipmi.address,
	}
}

// learn reads the details that are not known yet, as many as fit into one look,
// and forgets those of parts that are away. What cannot be read stays unknown.
func (f *Fabric) learn(ctx context.Context, k *knowledge, l *look) {
	now := f.config.Clock()
	var unknown, old []*device
	f.mu.Lock()
	there := make(map[string]bool, len(l.devices))
	for i := range l.devices {
		d := &l.devices[i]
		there[d.name] = true
		switch known, ok := f.details[d.name]; {
		case !ok || known.of != d.print:
			unknown = append(unknown, d)
		case now.Sub(known.read) >= f.config.Recheck:
			old = append(old, d)
		}
	}
	slices.SortStableFunc(old, func(a, b *device) int { return f.details[a.name].read.Compare(f.details[b.name].read) })
	maps.DeleteFunc(f.details, func(name string, _ detail) bool { return !there[name] })
	maps.DeleteFunc(f.hosts, func(native string, h hostFacts) bool {
		return h.of != machineKey(l.machine(int(parseNumber(native).value)))
	})
	f.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, learnTime)
	defer cancel()
	f.learnIPMI(ctx, l, now)
	f.learnHosts(ctx, l, now)
	unknown = append(unknown[:min(len(unknown), learnMost)], old[:min(len(old), recheckMost)]...)
	_ = f.learnParts(ctx, k, unknown) // what is not read stays unknown, or as it was
}

// byName is how many parts of a class are asked for one by one; more of them
// come with one list, where a director has lists.
const byName = 4

// learnParts reads the details of parts, side by side.
func (f *Fabric) learnParts(ctx context.Context, k *knowledge, parts []*device) error {
	var reads []func() error
	if !k.speaks.lists {
		for _, d := range parts {
			reads = append(reads, func() error { return f.learnPart(ctx, "system/device/info/", d) })
		}
		return together(reads...)
	}
	byClass := map[string][]*device{}
	for _, d := range parts {
		byClass[d.class.detail] = append(byClass[d.class.detail], d)
	}
	for _, class := range slices.Sorted(maps.Keys(byClass)) {
		if of := byClass[class]; len(of) > byName {
			reads = append(reads, func() error { return f.learnClass(ctx, "device/info/"+class, of) })
			continue
		}
		for _, d := range byClass[class] {
			reads = append(reads, func() error { return f.learnPart(ctx, "device/info/", d) })
		}
	}
	return together(reads...)
}

// learnPart reads the details of one part: outside the envelope in 2.x, inside
// in 3.x (liqid-api.md 2.9).
func (f *Fabric) learnPart(ctx context.Context, path string, d *device) error {
	raw, err := f.calls.readBare(ctx, path+d.class.detail+"/"+url.PathEscape(d.name))
	if codeOf(err) == composa.CodeUnsupported { // it has no details to tell
		return f.learned(d, nil)
	}
	if err != nil {
		return err
	}
	return f.learned(d, raw)
}

// learnClass reads the details of all parts of a class in one call.
func (f *Fabric) learnClass(ctx context.Context, path string, parts []*device) error {
	a, err := f.calls.read(ctx, path)
	if err != nil && codeOf(err) != composa.CodeUnsupported {
		return err
	}
	told := map[string]json.RawMessage{}
	if err == nil {
		for _, raw := range a.data {
			var w struct{ Name text }
			if json.Unmarshal(raw, &w) == nil {
				told[w.Name.told()] = raw
			}
		}
	}
	var failed error
	for _, d := range parts {
		failed = errors.Join(failed, f.learned(d, told[d.name]))
	}
	return failed
}

// learned keeps what was told of a part; nil: there is nothing to tell.
func (f *Fabric) learned(d *device, raw json.RawMessage) error {
	known := detail{of: d.print, read: f.config.Clock()}
	if raw != nil {
		var ok bool
		if known.serial, known.facts, ok = readDetail(d.class.kind, raw); !ok {
			return faultf(composa.CodeUnreachable, "the director's details of %s cannot be read", d.name)
		}
	}
	f.mu.Lock()
	f.details[d.name] = known
	f.mu.Unlock()
	return nil
}

// learnIPMI reads the addresses of management controllers again after a while,
// or when a cpu has none.
func (f *Fabric) learnIPMI(ctx context.Context, l *look, now time.Time) {
	f.mu.Lock()
	age := now.Sub(f.ipmi.read)
	missing := false
	for i := range l.devices {
		if d := &l.devices[i]; d.class.kind == composa.KindCPU && f.ipmi.address[d.name] == "" {
			missing = true
		}
	}
	f.mu.Unlock()
	if age < hostAge || (!missing && age < f.config.Recheck) {
		return
	}
	a, err := f.calls.read(ctx, "manager/network/ipmi/cpu")
	if err != nil && codeOf(err) != composa.CodeUnsupported {
		return
	}
	address := map[string]string{}
	if err == nil {
		for _, raw := range a.data {
			var w struct {
				CPU     text `json:"cpu_name"`
				Address text `json:"ip_address"`
			}
			if json.Unmarshal(raw, &w) == nil && w.CPU.told() != "" {
				address[w.CPU.told()] = w.Address.told()
			}
		}
	}
	f.mu.Lock()
	f.ipmi = ipmiFacts{address, now}
	f.mu.Unlock()
}

// learnHosts asks for the address of the hosts of our machines.
func (f *Fabric) learnHosts(ctx context.Context, l *look, now time.Time) {
	ours := l.ours(f.mark)
	if ours == nil {
		return
	}
	var reads []func() error
	f.mu.Lock()
	maps.DeleteFunc(f.hosts, func(native string, _ hostFacts) bool { return l.machine(int(parseNumber(native).value)) == nil })
	for i := range l.machines {
		m := &l.machines[i]
		if m.group == ours.id && now.Sub(f.hosts[m.native()].read) > hostAge && len(reads) < learnMost {
			reads = append(reads, func() error { f.learnHost(ctx, m, now); return nil })
		}
	}
	f.mu.Unlock()
	_ = together(reads...) // they report nothing: what is not read stays unknown
}

func (f *Fabric) learnHost(ctx context.Context, m *machine, now time.Time) {
	a, err := f.calls.read(ctx, fmt.Sprintf("machine/details/%d", m.id))
	if err != nil || len(a.data) == 0 {
		return
	}
	var w struct {
		Address text `json:"ip_address"`
		OS      text `json:"os_name"`
		Image   text `json:"boot_image"`
	}
	if json.Unmarshal(a.data[0], &w) != nil {
		return
	}
	known := hostFacts{of: machineKey(m), read: now}
	os := w.OS.told()
	if strings.EqualFold(os, "unknown") {
		os = ""
	}
	if w.Address.told() != "" || os != "" || w.Image.told() != "" {
		known.host = &composa.Host{Address: w.Address.told(), OS: os, BootImage: w.Image.told(), Source: "fabric", At: now}
	}
	f.mu.Lock()
	f.hosts[m.native()] = known
	f.mu.Unlock()
}
