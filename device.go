package composa

import (
	"slices"
	"strings"
	"time"
)

// Kind is what sort of part a device is.
type Kind string

// The kinds, in the order in which tables show them.
const (
	KindCPU    Kind = "cpu"    // a compute node's processors
	KindGPU    Kind = "gpu"    //
	KindSSD    Kind = "ssd"    //
	KindSCM    Kind = "scm"    // storage-class memory such as Optane
	KindNIC    Kind = "nic"    //
	KindFPGA   Kind = "fpga"   //
	KindMemory Kind = "memory" //
)

// Kinds lists every kind in table order.
func Kinds() []Kind {
	return []Kind{KindCPU, KindGPU, KindSSD, KindSCM, KindNIC, KindFPGA, KindMemory}
}

// Keeping says whether a device of this kind may hold somebody's data from its
// first attach until it is clean.
func (k Kind) Keeping() bool { return k == KindSSD || k == KindSCM || k == KindMemory }

// ParseKind reads a kind; plurals are accepted.
func ParseKind(s string) (Kind, error) {
	low := strings.ToLower(s)
	for _, try := range []string{low, strings.TrimSuffix(low, "s")} {
		if slices.Contains(Kinds(), Kind(try)) {
			return Kind(try), nil
		}
	}
	names := make([]string, 0, len(Kinds()))
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return "", Errorf(CodeInvalid, "cannot read kind %q: there is no such kind", Abridge(s, 40)).
		WithNext("use one of %s", strings.Join(names, ", "))
}

// Fingerprint is what tells one part from another: everything known so far,
// strongest first. Fields that a fabric does not report are empty.
type Fingerprint struct {
	Serial string `json:"serial,omitempty"`
	UUID   string `json:"uuid,omitempty"`
	DevID  string `json:"devId,omitempty"` // the vendor's id of the device, such as Liqid's dev_id
	Port   string `json:"port,omitempty"`  // the switch port it hangs on
	PCI    string `json:"pci,omitempty"`   // "vendor:device"
}

// Same says whether two fingerprints, seen at one place, can be of one part:
// the strongest field that both know decides. Two that share no field can be
// (unknown is not false).
func (f Fingerprint) Same(g Fingerprint) bool {
	for _, p := range [][2]string{{f.Serial, g.Serial}, {f.UUID, g.UUID}, {f.DevID, g.DevID}, {f.PCI, g.PCI}, {f.Port, g.Port}} {
		if p[0] != "" && p[1] != "" {
			return p[0] == p[1]
		}
	}
	return true
}

// Merge returns f with the fields that only g knows.
func (f Fingerprint) Merge(g Fingerprint) Fingerprint {
	pick := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	return Fingerprint{pick(f.Serial, g.Serial), pick(f.UUID, g.UUID), pick(f.DevID, g.DevID), pick(f.Port, g.Port), pick(f.PCI, g.PCI)}
}

// Facts are the details of a part. Zero or empty means that the fabric does not
// say; it never means none.
type Facts struct {
	Vendor   string `json:"vendor,omitempty"`
	Model    string `json:"model,omitempty"`
	Firmware string `json:"firmware,omitempty"`
	Part     string `json:"part,omitempty"` // the vendor's part number
	Cores    int    `json:"cores,omitempty"`
	Threads  int    `json:"threads,omitempty"`
	Sockets  int    `json:"sockets,omitempty"`
	Memory   int64  `json:"memory,omitempty"` // bytes of DRAM or GPU memory
	Size     int64  `json:"size,omitempty"`   // bytes of a drive
	Speed    int64  `json:"speed,omitempty"`  // bits per second of a network link
	Lanes    int    `json:"lanes,omitempty"`  // PCIe lanes as trained
	Bus      string `json:"bus,omitempty"`    // such as "gen4"
	Switch   string `json:"switch,omitempty"` // the switch the part hangs on
	IPMI     string `json:"ipmi,omitempty"`   // address of a node's management controller
	// Learning is true while the fabric's details of the part have not been
	// read; such a device matches no condition on a detail.
	Learning bool `json:"learning,omitempty"`
}

// Health of a part as its fabric tells it.
type Health string

// Missing is ours to say: no complete picture shows the part.
const (
	HealthOK       Health = "ok"
	HealthDegraded Health = "degraded"
	HealthFailed   Health = "failed"
	HealthMissing  Health = "missing"
)

// Hygiene says what a part may hold.
type Hygiene string

// A keeping device is clean until its first attach, and used from then on until
// it was erased. Devices that keep nothing are always clean.
const (
	HygieneClean Hygiene = "clean"
	HygieneUsed  Hygiene = "used"
)

// Use says who has a device.
type Use string

// Claimed is recorded, attached is seen; a device that a fabric shows in a
// machine or group which is not ours is foreign.
const (
	UseFree     Use = "free"
	UseClaimed  Use = "claimed"
	UseAttached Use = "attached"
	UseForeign  Use = "foreign"
)

// Cordon keeps a device from being given out. What is attached stays attached.
type Cordon struct {
	Reason string      `json:"reason"`
	By     PrincipalID `json:"by"`
	At     time.Time   `json:"at"`
}

// Host is what is known of the computer behind a cpu device. Each field says
// where it comes from.
type Host struct {
	Address   string    `json:"address,omitempty"`
	Login     string    `json:"login,omitempty"`
	OS        string    `json:"os,omitempty"`
	BootImage string    `json:"bootImage,omitempty"`
	Source    string    `json:"source,omitempty"` // "fabric", "hosts" (the configuration) or the principal who said it
	At        time.Time `json:"at"`
}

// Device is one part that a fabric can attach. Claims, labels, hygiene, cordons
// and history belong to the part, not to the place it sits in.
type Device struct {
	ID          DeviceID    `json:"id"`
	Fabric      FabricName  `json:"fabric"`
	Name        string      `json:"name"` // the fabric's name of the place it is in now
	Kind        Kind        `json:"kind"`
	Fingerprint Fingerprint `json:"fingerprint"`
	Unit        string      `json:"unit,omitempty"`    // what moves together with it; empty: alone
	Domains     []string    `json:"domains,omitempty"` // only devices with a common one go together; empty: any
	Facts       Facts       `json:"facts"`
	Health      Health      `json:"health"`
	Hygiene     Hygiene     `json:"hygiene"`
	// KeptFor is the project whose data a used keeping device may hold.
	KeptFor   ProjectID         `json:"keptFor,omitempty"`
	Cordon    *Cordon           `json:"cordon,omitempty"`
	Host      *Host             `json:"host,omitempty"` // cpu devices only
	Pool      PoolID            `json:"pool,omitempty"` // empty: in none
	Labels    map[string]string `json:"labels,omitempty"`
	FirstSeen time.Time         `json:"firstSeen"`
	GoneAt    time.Time         `json:"goneAt"` // zero while the part is there
	Revision  int64             `json:"revision"`
}

// Place is where people find the device.
func (d *Device) Place() Place { return PlaceOf(d.Fabric, d.Name) }

// Ref names the device in a step: the place, and the part expected there.
func (d *Device) Ref() DeviceRef {
	return DeviceRef{ID: d.ID, Name: d.Name, Kind: d.Kind, Fingerprint: d.Fingerprint}
}

// DeviceRef names one part in a step: the place on the step's fabric, and the
// part that is expected there. A step refuses another part.
type DeviceRef struct {
	ID          DeviceID    `json:"id"`
	Name        string      `json:"name"`
	Kind        Kind        `json:"kind"`
	Fingerprint Fingerprint `json:"fingerprint"`
}
