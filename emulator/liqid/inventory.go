package liqid

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
)

// Kind is what a device is, in the words of inventory files.
type Kind string

// The kinds a director can attach.
const (
	CPU  Kind = "cpu" // a compute node's processors
	GPU  Kind = "gpu"
	SSD  Kind = "ssd"
	SCM  Kind = "scm" // storage-class memory such as Optane; to the director a drive
	NIC  Kind = "nic"
	FPGA Kind = "fpga"
	// Memory is a device of 3.x; directors of 2.x do not see it.
	Memory Kind = "memory"
)

var kinds = []Kind{CPU, GPU, SSD, SCM, NIC, FPGA, Memory}

// Class is the word the API uses for a kind in status/…, predevice/… and
// relate/… (liqid-api.md 1.2).
type Class string

// The classes.
const (
	ClassCompute Class = "compute"
	ClassGPU     Class = "gpu"
	ClassStorage Class = "storage"
	ClassNetwork Class = "network"
	ClassFPGA    Class = "fpga"
	ClassMemory  Class = "mem" // of 3.x
)

var classes = []Class{ClassCompute, ClassGPU, ClassStorage, ClassNetwork, ClassFPGA}

// relateTo is the class's segment in relate/…, which differs for memory (liqid-api.md A4).
func (c Class) relateTo() string {
	if c == ClassMemory {
		return "memory"
	}
	return string(c)
}

// kindNames holds the many names of one kind (liqid-api.md 1.2).
var kindNames = map[Kind]struct {
	class      Class
	info       string // segment of system/device/info
	devType    string // predevice and history
	statusType string // discriminator in DeviceStatus
	prefix     string // of device names
	idClass    uint32 // of dev_id
}{
	CPU:    {ClassCompute, "cpu", "comp", "ComputeDeviceStatus", "pcpu", 0},
	FPGA:   {ClassFPGA, "fpga", "fpga", "FpgaDeviceStatus", "fpga", 1},
	GPU:    {ClassGPU, "gpu", "gpu", "GpuDeviceStatus", "gpu", 2},
	Memory: {ClassMemory, "mem", "mem", "MemoryDeviceStatus", "mem", 3},
	NIC:    {ClassNetwork, "link", "link", "LinkDeviceStatus", "link", 4},
	SSD:    {ClassStorage, "ssd", "targ", "SsdDeviceStatus", "ssd", 5},
	SCM:    {ClassStorage, "ssd", "targ", "SsdDeviceStatus", "scm", 6},
}

// Counts says how many devices of each kind a director has.
type Counts struct{ CPUs, GPUs, SSDs, NICs, SCMs, FPGAs, Memories int }

// DefaultCounts is the rack that stands where nothing else is asked for.
var DefaultCounts = Counts{CPUs: 4, GPUs: 8, SSDs: 8, NICs: 4, SCMs: 2, FPGAs: 2, Memories: 2}

// Inventory makes a rack of c: every kind mixed from one or two models, which
// the seed chooses.
func (c Counts) Inventory(seed uint64) (*Inventory, error) {
	rng := rand.New(rand.NewPCG(seed, 0x11c))
	inv := &Inventory{}
	for _, k := range []struct {
		kind  Kind
		count int
	}{{CPU, c.CPUs}, {GPU, c.GPUs}, {SSD, c.SSDs}, {SCM, c.SCMs}, {NIC, c.NICs}, {FPGA, c.FPGAs}, {Memory, c.Memories}} {
		// Drawn for absent kinds too, so that adding one does not change the others' models.
		models := modelsOf(k.kind)
		first := rng.IntN(len(models))
		second := (first + 1 + rng.IntN(len(models)-1)) % len(models)
		switch {
		case k.count < 0:
			return nil, fmt.Errorf("%d devices of kind %s: a count cannot be negative", k.count, k.kind)
		case k.count == 0:
		case k.count < 4:
			inv.Devices = append(inv.Devices, Entry{Kind: k.kind, Count: k.count, Model: models[first].Model})
		default:
			half := k.count / 2
			inv.Devices = append(inv.Devices,
				Entry{Kind: k.kind, Count: k.count - half, Model: models[first].Model},
				Entry{Kind: k.kind, Count: half, Model: models[second].Model})
		}
	}
	return inv, inv.check()
}

// Inventory is a rack as an inventory file describes it, see [LoadInventory].
type Inventory struct {
	// Fabric is the fabric id. Zero means 1.
	Fabric int `yaml:"fabric"`
	// Switches is the number of switch chips. Zero means as many as the devices need, at least two.
	Switches int `yaml:"switches"`
	// Devices are numbered in order of appearance, each kind from 0: pcpu0, gpu0, ssd0, scm0, link0, fpga0, mem0.
	Devices []Entry `yaml:"devices"`
}

// Entry is some equal devices. What it leaves out comes from the model, if the
// model is one that the emulator knows ([Models]); a model of another name needs
// its vendor.
type Entry struct {
	Kind  Kind `yaml:"kind"`
	Count int  `yaml:"count"` // zero means 1

	Model  string `yaml:"model"`
	Vendor string `yaml:"vendor"`
	Serial string `yaml:"serial"` // of a single device; made up when empty
	IPMI   string `yaml:"ipmi"`   // address of a single cpu's service processor; made up when empty
	Switch *int   `yaml:"switch"` // number of the switch the devices hang on, from 0; spread when absent

	Lanes      int    `yaml:"lanes"`
	Generation string `yaml:"generation"` // gen3 or gen4
	Cores      int    `yaml:"cores"`
	Threads    int    `yaml:"threads"`
	Sockets    int    `yaml:"sockets"`
	MHz        int    `yaml:"mhz"`
	DRAM       int    `yaml:"dram"` // GB of memory on the device or, for a cpu, of its node
	DRAMType   string `yaml:"dramType"`
	Capacity   int64  `yaml:"capacity"` // GB of a drive or a memory, decimal as on its label
	Speed      int    `yaml:"speed"`    // Gb/s of a nic
	Link       string `yaml:"link"`     // of a nic: ethernet, infiniband or fibrechannel
}

const devicesPerSwitch = 48
const maxSwitches = 900

// entryError is a fault in one entry; the reader of files adds where it is.
type entryError struct {
	entry int
	field string
	text  string
}

func (e *entryError) Error() string {
	return fmt.Sprintf("devices[%d].%s: %s", e.entry, e.field, e.text)
}

// check refuses an inventory that cannot be built, with one error per fault.
func (inv *Inventory) check() error {
	var problems []error
	if inv.Fabric < 0 {
		problems = append(problems, fmt.Errorf("fabric: %d is negative", inv.Fabric))
	}
	total := 0
	for _, e := range inv.Devices {
		total += max(e.Count, 1)
		if total > MaxDevices || e.Count > MaxDevices {
			return fmt.Errorf("devices: more than %d, the most a director may have", MaxDevices)
		}
	}
	if inv.Switches < 0 || inv.Switches > maxSwitches {
		problems = append(problems, fmt.Errorf("switches: %d is not from 1 to %d", inv.Switches, maxSwitches))
	}
	switches := inv.switches()
	serials, addresses := map[string]int{}, map[string]int{}
	onSwitch := map[int]int{}
	for i, e := range inv.Devices {
		bad := func(field, format string, args ...any) {
			problems = append(problems, &entryError{i, field, fmt.Sprintf(format, args...)})
		}
		if !slices.Contains(kinds, e.Kind) {
			bad("kind", "%q is not one of cpu, gpu, ssd, scm, nic, fpga, memory", e.Kind)
			continue
		}
		if e.Count < 0 {
			bad("count", "%d is negative", e.Count)
		}
		for _, n := range []struct {
			field string
			value int64
		}{{"lanes", int64(e.Lanes)}, {"cores", int64(e.Cores)}, {"threads", int64(e.Threads)}, {"sockets", int64(e.Sockets)}, {"mhz", int64(e.MHz)}, {"dram", int64(e.DRAM)}, {"capacity", e.Capacity}, {"speed", int64(e.Speed)}} {
			if n.value < 0 || n.value > 1_000_000_000 {
				bad(n.field, "%d is not from 0 to 1,000,000,000", n.value)
			}
		}
		applies := func(field string, given bool, to ...Kind) {
			if given && !slices.Contains(to, e.Kind) {
				bad(field, "a %s has none", e.Kind)
			}
		}
		applies("capacity", e.Capacity != 0, SSD, SCM, Memory)
		applies("speed", e.Speed != 0, NIC)
		applies("link", e.Link != "", NIC)
		applies("ipmi", e.IPMI != "", CPU)
		applies("cores", e.Cores != 0, CPU, GPU, FPGA)
		applies("threads", e.Threads != 0, CPU, FPGA)
		applies("sockets", e.Sockets != 0, CPU)
		applies("mhz", e.MHz != 0, CPU, GPU, FPGA)
		applies("dram", e.DRAM != 0, CPU, GPU, FPGA, NIC)
		applies("dramType", e.DRAMType != "", CPU, GPU, FPGA, NIC)
		if !slices.Contains([]string{"", "gen3", "gen4"}, e.Generation) {
			bad("generation", "%q is not gen3 or gen4", e.Generation)
		}
		if !slices.Contains([]string{"", "ethernet", "infiniband", "fibrechannel"}, e.Link) {
			bad("link", "%q is not ethernet, infiniband or fibrechannel", e.Link)
		}
		if _, known := model(e.Kind, e.Model); e.Model != "" && !known && e.Vendor == "" {
			bad("model", "%q is not a %s the emulator knows (%s); give its vendor too", e.Model, e.Kind, modelNames(e.Kind))
		}
		for _, own := range []struct {
			field, value string
			taken        map[string]int
		}{{"serial", e.Serial, serials}, {"ipmi", e.IPMI, addresses}} {
			if own.value == "" {
				continue
			}
			if e.Count > 1 {
				bad(own.field, "%d devices cannot share it", e.Count)
			}
			if other, twice := own.taken[own.value]; twice {
				bad(own.field, "%q is already that of devices[%d]", own.value, other)
			}
			own.taken[own.value] = i
		}
		if _, err := netip.ParseAddr(e.IPMI); e.IPMI != "" && err != nil {
			bad("ipmi", "%q is not an address", e.IPMI)
		}
		if e.Switch != nil {
			if *e.Switch < 0 || *e.Switch >= switches {
				bad("switch", "%d is not one of the %d switches, which count from 0", *e.Switch, switches)
			} else if onSwitch[*e.Switch] += max(e.Count, 1); onSwitch[*e.Switch] > 250 {
				bad("switch", "more than 250 devices on switch %d", *e.Switch)
			}
		}
	}
	if total > switches*200 {
		problems = append(problems, fmt.Errorf("switches: %d devices do not fit on %d switches of 200", total, switches))
	}
	return errors.Join(problems...)
}

func (inv *Inventory) switches() int {
	if inv.Switches > 0 {
		return inv.Switches
	}
	total := 0
	for _, e := range inv.Devices {
		total += max(e.Count, 1)
	}
	return max(2, (total+devicesPerSwitch-1)/devicesPerSwitch)
}

// part is one device as hardware: everything about it that composing does not change.
type part struct {
	Spec            // what its model says
	Name     string // its place: gpu3
	Kind     Kind
	Index    int // number within its names
	Serial   string
	DevID    uint32
	Port     uint32 // port_gid
	Switch   uint32 // swit_gid
	Location Coordinates
	IPMI     string // of a cpu
}

// fabrGID is the device's id in the fabric; parts and ids of liqid-api.md 1.4 relate like this.
func (p *part) fabrGID() uint32 { return 0x10000000 + p.DevID }

// class is the API's word for the kind.
func (p *part) class() Class { return kindNames[p.Kind].class }

// devType is the short code of predevice and history; a nic's depends on its link.
func (p *part) devType() string {
	if p.Kind == NIC {
		switch p.Link {
		case "infiniband":
			return "infi"
		case "fibrechannel":
			return "fibr"
		}
	}
	return kindNames[p.Kind].devType
}

// keepsData tells whether the device may hold somebody's data.
func (p *part) keepsData() bool { return p.Kind == SSD || p.Kind == SCM }

// build makes the parts of an inventory, in the order of kinds and numbers.
func (inv *Inventory) build(name string, seed uint64) []*part {
	switches := inv.switches()
	ports := make([]uint32, switches)
	reserved := make([]uint32, switches) // for devices still to come that ask for that switch
	for _, e := range inv.Devices {
		if e.Switch != nil {
			reserved[*e.Switch] += uint32(max(e.Count, 1))
		}
	}
	addresses := map[string]bool{}
	for _, e := range inv.Devices {
		addresses[e.IPMI] = true
	}
	next := map[Kind]int{}
	spread := 0
	var parts []*part
	for _, e := range inv.Devices {
		spec := e.spec()
		for range max(e.Count, 1) {
			k := kindNames[e.Kind]
			i := next[e.Kind]
			next[e.Kind]++
			sw := 0
			if e.Switch != nil {
				sw = *e.Switch
				reserved[sw]--
			} else {
				for range switches {
					sw = spread % switches
					spread++
					if ports[sw]+reserved[sw] < 254 {
						break
					}
				}
			}
			ports[sw]++
			p := &part{Spec: spec, Name: fmt.Sprint(k.prefix, i), Kind: e.Kind, Index: i, Serial: e.Serial, IPMI: e.IPMI}
			if p.Serial == "" {
				p.Serial = serial(name, seed, p.Name, spec.Model, 0)
			}
			p.DevID = k.idClass<<12 | uint32(i)
			if i > 0xfff {
				p.DevID = (k.idClass+8)<<20 | uint32(i)
			}
			p.Switch = 0x010000 + uint32(0xa4+sw)<<8
			p.Port = p.Switch + ports[sw]
			p.Location = Coordinates{Shelf: sw, Node: 1}
			if e.Kind == CPU {
				// A host's own node number is what ties node/status to it (liqid-api.md 2.10).
				p.Location = Coordinates{Node: directorNode + 1 + i}
				for n := i; p.IPMI == "" || (e.IPMI == "" && addresses[p.IPMI]); n += MaxDevices {
					p.IPMI = ipmiAddress(seed, n) // past the addresses that the inventory gives to others
				}
			}
			parts = append(parts, p)
		}
	}
	slices.SortStableFunc(parts, func(a, b *part) int {
		return cmp.Or(slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind), a.Index-b.Index)
	})
	return parts
}

// serial makes up a serial number: the director's name and seed are in it, so
// that no two directors of a site share one. Generation counts replacements.
func serial(name string, seed uint64, device, model string, generation int) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%d\x00%s\x00%s\x00%d", name, seed, device, model, generation)
	return strings.ToUpper(fmt.Sprintf("%s-%d-%s-%08x", name, seed, device, uint32(h.Sum64()^h.Sum64()>>32)))
}

// ipmiAddress gives the i-th host an address out of the ranges kept for
// documentation. Six seeds in a row do not collide for racks of up to 40 hosts.
func ipmiAddress(seed uint64, i int) string {
	if i < 40 {
		return fmt.Sprintf("192.0.2.%d", 10+40*int(seed%6)+i)
	}
	return fmt.Sprintf("2001:db8:%x::%x", seed&0xffff, i)
}
