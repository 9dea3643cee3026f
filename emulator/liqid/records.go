package liqid

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// The records of liqid-api.md 1.4 in the shapes of the eras, keys in the order
// that real replies have where that is known. A field that an era does not have
// is left out where it is empty.

// unset is what text fields without a value say (liqid-api.md 1.3).
const unset = "n/a"

func hex8(v uint32) string  { return fmt.Sprintf("0x%08x", v) }
func hex6(v uint32) string  { return fmt.Sprintf("0x%06x", v) }
func hex4(v uint16) string  { return fmt.Sprintf("0x%04x", v) }
func hex16(v uint64) string { return fmt.Sprintf("0x%016x", v) }

const (
	healthy  = "active | online"
	flagWord = 0x4000000401005160
	ownerGID = "0x00000001" // the director's own
	podID    = -1
	noSledID = 0xffffffff
)

type groupRecord struct {
	FabrID    int    `json:"fabr_id"`
	GrpID     int    `json:"grp_id"`
	GroupName string `json:"group_name"`
	PodID     int    `json:"pod_id"`
}

type groupPoolRecord struct {
	GrpID       int         `json:"grp_id"`
	FabrID      int         `json:"fabr_id"`
	Coordinates Coordinates `json:"coordinates"`
}

type statusRecord struct {
	Type        string      `json:"type"` // first: it tells readers what the rest is
	Index       int         `json:"index"`
	Name        string      `json:"name"`
	Flags       string      `json:"flags"`
	Flags2      string      `json:"flags2,omitempty"` // 3.x
	DeviceType  string      `json:"device_type"`      // short codes in 2.x (liqid-api.md 4)
	DeviceState string      `json:"device_state"`
	FabricType  string      `json:"fabric_type"`
	ConnType    string      `json:"conn_type,omitempty"` // from 2.5
	Lanes       int         `json:"lanes"`
	DevID       string      `json:"dev_id"`
	SledID      string      `json:"sled_id"`
	FabrID      int         `json:"fabr_id"`
	SwitGID     string      `json:"swit_gid"`
	PortGID     string      `json:"port_gid"`
	FabrGID     string      `json:"fabr_gid"`
	PodID       int         `json:"pod_id"`
	VID         string      `json:"vid"`
	DID         string      `json:"did"`
	Location    Coordinates `json:"location"`
	Owner       Coordinates `json:"owner"`
	HConn       string      `json:"hconn,omitempty"`        // compute
	Unique      string      `json:"unique,omitempty"`       // all but drives
	CapacityMB  int64       `json:"capacity(MB),omitempty"` // drives and memory; the parentheses are the API's
}

type predeviceRecord struct {
	DevType  string `json:"dev_type"`
	Name     string `json:"name"`
	Index    string `json:"index"` // text here, a number elsewhere (liqid-api.md A2)
	Lanes    int    `json:"lanes"`
	FabrID   int    `json:"fabr_id"`
	FabrGID  string `json:"fabr_gid"`
	Flags    string `json:"flags"`
	GrpID    int    `json:"grp_id"`
	GName    string `json:"gname"`
	MachID   string `json:"mach_id"` // decimal text or "n/a"
	MName    string `json:"mname"`
	OwnerGID string `json:"owner_gid"`
	OwnerID  string `json:"owner_id"` // some clients look for this name (A9)
	PodID    int    `json:"pod_id"`
	LiqidGID string `json:"liqid_gid,omitempty"` // 2.4
	// Not in 3.2, where a client takes them for numbers (liqid-api.md C9).
	PortGID string `json:"port_gid,omitempty"`
	SwitGID string `json:"swit_gid,omitempty"`
}

type machineRecord struct {
	Index    int             `json:"index"`
	MachID   int             `json:"mach_id"`
	GrpID    int             `json:"grp_id"`
	FabrID   int             `json:"fabr_id"`
	FabrGID  string          `json:"fabr_gid"`
	PortGID  string          `json:"port_gid"`
	SwitGID  string          `json:"swit_gid"`
	CompName string          `json:"comp_name"`
	MachName string          `json:"mach_name"`
	P2P      string          `json:"p2p"`
	MTime    int64           `json:"mtime"` // creation, Unix seconds
	History  []historyRecord `json:"connection_history"`
}

type historyRecord struct {
	ATime    int64  `json:"atime"`
	DTime    int64  `json:"dtime"`
	DevType  string `json:"dev_type"`
	Name     string `json:"name"`
	FabrGID  string `json:"fabr_gid"`
	OwnerGID string `json:"owner_gid"`
	Free     bool   `json:"free"`
	UDesc    string `json:"udesc"`
}

type groupRelator struct {
	DeviceStatus statusRecord `json:"deviceStatus"`
	Group        groupRecord  `json:"group"`
}

type machineRelator struct {
	GroupDeviceRelator groupRelator  `json:"groupDeviceRelator"`
	Machine            machineRecord `json:"machine"`
}

type groupDetails struct {
	GrpID        int     `json:"grp_id"`
	GroupName    string  `json:"group_name"`
	CPUFrequency float64 `json:"cpu-frequency"`
	CPUCount     int     `json:"cpu-count"`
	CPULanes     int     `json:"cpu-lanes"`
	CPUCores     int     `json:"cpu-core-count"`
	TotalDRAM    int     `json:"total-dram"` // MiB
	NICs         int     `json:"network-adapter-count"`
	Throughput   string  `json:"total-throughput"`
	Drives       int     `json:"storage-drive-count"`
	Capacity     int64   `json:"total-capacity"`      // MB
	GPUs         *int    `json:"gpu-count,omitempty"` // 2.x
	GPUCores     int     `json:"gpu-cores"`
	Machines     int     `json:"total-machines"`
}

type machineDetails struct {
	CPUSocketsField string  `json:"cpuSocketsField"`
	MachID          int     `json:"mach_id"`
	MachName        string  `json:"mach_name"`
	CPUThreads      int     `json:"cpu-threads"`
	CPUFrequency    string  `json:"cpu-frequency"`
	CPUCores        int     `json:"cpu-cores"`
	CPUSockets      string  `json:"cpu-sockets"`
	DRAM            string  `json:"dram-memory"`
	FabricConnect   *string `json:"fabric-connect"` // null on a real 2.5 system
	NICs            int     `json:"network-adapter-count"`
	Throughput      string  `json:"total-throughput"`
	Drives          int     `json:"storage-drive-count"`
	Capacity        int64   `json:"total-capacity"`
	GPUs            int     `json:"gpu-count"`
	GPUCores        int     `json:"gpu-cores"`
	OSName          string  `json:"os_name"`
	BootImage       *string `json:"boot_image"` // null on a real 2.5 system
	BootDevice      string  `json:"boot_device"`
	IPAddress       *string `json:"ip_address"` // null on a real 2.5 system
	IPMIAddress     string  `json:"ipmi_address"`
	FPGAs           int     `json:"fpga-count"`
	FPGASpeed       string  `json:"fpga-speed"`
	FPGADRAM        int     `json:"fpga-dram-size"`
	Created         int64   `json:"created"`
	Modified        int64   `json:"modified"`
}

type nodeRecord struct {
	CfgVers  int         `json:"cfg_vers"`
	CID      int         `json:"cid"`
	Comps    int         `json:"comps"`
	CurrTime string      `json:"currtime"`
	FabrID   int         `json:"fabr_id"`
	Flags    string      `json:"flags"`
	Links    int         `json:"links"`
	Location Coordinates `json:"location"`
	OSType   string      `json:"os_type"`
	Run      string      `json:"run"`
	SwVers   int         `json:"sw_vers"`
	Targs    int         `json:"targs"`
	Uptime   string      `json:"uptime"`
}

type ipmiRecord struct {
	Type        string          `json:"type"`
	CPUName     string          `json:"cpu_name"`
	IPAddress   string          `json:"ip_address"`
	Port        int             `json:"port"`
	Credentials ipmiCredentials `json:"credentials"`
}

type ipmiCredentials struct {
	Principal string `json:"principal"`
	Password  string `json:"password"`
}

type countRecord struct {
	Comp int `json:"comp_cnt"`
	FPGA int `json:"fpga_cnt"`
	GPU  int `json:"gpu_cnt"`
	Link int `json:"link_cnt"`
	PLX  int `json:"plx_cnt"`
	Targ int `json:"targ_cnt"`
}

// infoRecord is a DeviceInfo (liqid-api.md 1.4), beside what its class adds.
type infoRecord struct {
	Index       int         `json:"index"`
	Name        string      `json:"name"`
	Flags       string      `json:"flags"`
	Unique      string      `json:"unique"`
	Location    Coordinates `json:"location"`
	Owner       Coordinates `json:"owner"`
	BusGen      string      `json:"busgen"`
	BusWidth    string      `json:"buswidth"`
	Vendor      string      `json:"vendor"`
	Model       string      `json:"model"`
	Family      string      `json:"family"`
	DeviceType  string      `json:"device_type"`
	DeviceState string      `json:"device_state"`
	FabricType  string      `json:"fabric_type"`
	ConnType    string      `json:"conn_type,omitempty"` // from 2.5
	DevID       string      `json:"dev_id"`
	SledID      string      `json:"sled_id"`
	FabrGID     string      `json:"fabr_gid"`
	PodID       int         `json:"pod_id"`
	PCIVendor   string      `json:"pci_vendor"`
	PCIDevice   string      `json:"pci_device"`
	UDesc       string      `json:"udesc"`
	PartNum     string      `json:"part_num"`
	Class       string      `json:"class"`
	SerialNum   string      `json:"serial_num"`
	FwRev       string      `json:"fw_rev"`
}

type cpuInfo struct {
	CoreCount   int    `json:"core_cnt"`
	CoreMHz     int    `json:"core_mhz"`
	ThreadCount int    `json:"thrd_cnt"`
	DRAMSize    int    `json:"dram_sz"` // MiB
	DRAMType    string `json:"dram_type"`
	InstSet     string `json:"inst_set"`
	Socket      string `json:"socket"`
}

// cpuInfo3 is cpuInfo in 3.x.
type cpuInfo3 struct {
	CoreCount   string  `json:"core_cnt"`
	CoreMHz     float64 `json:"core_mhz"`
	ThreadCount int     `json:"thrd_cnt"`
	DRAMSize    string  `json:"dram_size"`
	DRAMType    string  `json:"dram_type"`
	InstSet     string  `json:"inst_set"`
	Socket      string  `json:"socket"`
}

type gpuInfo struct {
	CacheSize string `json:"cache_size"`
	CoreCount string `json:"core_cnt"`
	CoreSpeed string `json:"core_speed"`
	DRAMSize  string `json:"dram_size"`
	DRAMType  string `json:"dram_type"`
}

type driveInfo struct {
	Capacity string `json:"capacity"`
}

type nicInfo struct {
	LinkSpeed string `json:"link_speed"`
	DRAMSize  string `json:"dram_sz"`
	DRAMType  string `json:"dram_type"`
}

type fpgaInfo struct {
	CoreCount   string  `json:"core_cnt"`
	CoreMHz     float64 `json:"core_mhz"`
	DRAMSize    string  `json:"dram_size"`
	DRAMType    string  `json:"dram_type"`
	Speed       string  `json:"fpga_speed"`
	ThreadCount int     `json:"thrd_cnt"`
}

// show is a state together with what its records need besides.
type show struct {
	*state
	era    era
	habits *Habits
}

// deviceType is device_type of DeviceStatus and DeviceInfo (liqid-api.md 1.2).
func (s show) deviceType(d *device) string {
	if s.era.in(line2) {
		return d.devType()
	}
	switch d.devType() {
	case "comp":
		return "compute"
	case "targ":
		return "target/SSD"
	case "link":
		return "ethernet_link"
	case "infi":
		return "infiniband_link"
	case "fibr":
		return "fibrechannel_link"
	}
	return d.devType()
}

// health is device_state; what is not healthy is called so by inference.
func (d *device) health() string {
	if d.inactive {
		return "inactive | offline"
	}
	return healthy
}

// connType is conn_type, from 2.5 on.
func (s show) connType(d *device) string {
	if s.era.in(era24) {
		return ""
	}
	return d.Generation
}

func (s show) group(g group) groupRecord {
	return groupRecord{FabrID: s.fabric, GrpID: g.ID, GroupName: g.Name, PodID: podID}
}

func (s show) groupList() []groupRecord {
	out := []groupRecord{}
	for _, g := range s.sortedGroups() {
		out = append(out, s.group(g))
	}
	return out
}

// location is where a device says that it is. Rack and shelf are always 0 in 3.x
// (liqid-api.md 1.1).
func (s show) location(d *device) Coordinates {
	if s.era.in(line3) {
		return Coordinates{Node: d.Location.Node}
	}
	return d.Location
}

func (s show) status(d *device) statusRecord {
	r := statusRecord{
		Type: kindNames[d.Kind].statusType, Index: d.Index, Name: d.Name, Flags: hex16(flagWord),
		DeviceType: s.deviceType(d), DeviceState: d.health(), FabricType: d.Generation, ConnType: s.connType(d), Lanes: d.lanes(),
		DevID: hex8(d.DevID), SledID: hex8(noSledID), FabrID: s.fabric,
		SwitGID: hex6(d.Switch), PortGID: hex6(d.Port), FabrGID: hex8(d.fabrGID()), PodID: podID,
		VID: hex4(d.VID), DID: hex4(d.DID), Location: s.location(d), Owner: directorAt,
	}
	if s.era.in(line3) {
		r.Flags2 = hex8(0)
	}
	switch d.Kind {
	case SSD, SCM:
		r.CapacityMB = d.CapacityMB
	case Memory:
		r.CapacityMB, r.Unique = d.CapacityMB, unset
	case CPU:
		r.HConn, r.Unique = hex8(uint32(d.Index)), unset
	default:
		r.Unique = unset
	}
	return r
}

// statusList is every present device that pass lets through.
func (s show) statusList(pass func(*device) bool) []statusRecord {
	out := []statusRecord{}
	for i := range s.devices {
		if d := &s.devices[i]; !d.gone && pass(d) {
			out = append(out, s.status(d))
		}
	}
	return out
}

// predevice is a device as a member of its group.
func (s show) predevice(d *device) predeviceRecord {
	r := predeviceRecord{
		DevType: d.devType(), Name: d.Name, Index: strconv.Itoa(d.Index), Lanes: d.lanes(),
		FabrID: s.fabric, FabrGID: hex8(d.fabrGID()), Flags: hex16(flagWord),
		GrpID: d.group, GName: s.groups[d.group].Name, MachID: unset, MName: unset,
		OwnerGID: ownerGID, OwnerID: ownerGID, PodID: podID,
	}
	if !s.era.in(era32) {
		r.PortGID, r.SwitGID = hex6(d.Port), hex6(d.Switch)
	}
	if s.era.in(era24) {
		r.LiqidGID = ownerGID
	}
	if d.machine != 0 {
		r.MachID, r.MName = strconv.Itoa(d.machine), s.machines[d.machine].Name
	}
	return r
}

// predeviceList is every device in any group that pass lets through; what lies
// in the system free pool has no such record (liqid-api.md 1.1).
func (s show) predeviceList(pass func(predeviceRecord) bool) []predeviceRecord {
	if s.habits.Queue == "shown" {
		s.state = s.asQueued()
	}
	out := []predeviceRecord{}
	for i := range s.devices {
		if d := &s.devices[i]; d.group != 0 && !d.gone {
			if r := s.predevice(d); pass(r) {
				out = append(out, r)
			}
		}
	}
	return out
}

func (s show) machine(m machine, index int, attached []*device) machineRecord {
	r := machineRecord{
		Index: index, MachID: m.ID, GrpID: m.Group, FabrID: s.fabric,
		FabrGID: unset, PortGID: "0x0", SwitGID: "0x0", CompName: unset, // as before any device (liqid-api.md 1.4)
		MachName: m.Name, P2P: onOff(m.P2P), MTime: m.Created, History: []historyRecord{},
	}
	for _, d := range attached {
		if d.Kind == CPU && r.CompName == unset {
			r.FabrGID, r.PortGID, r.SwitGID, r.CompName = hex8(d.fabrGID()), hex6(d.Port), hex6(d.Switch), d.Name
		}
		r.History = append(r.History, s.connection(d, d.attached, 0))
	}
	if s.habits.History == "kept" {
		for _, p := range m.Past {
			if d := s.place(p.Name); d != nil {
				r.History = append(r.History, s.connection(d, p.Attached, p.Detached))
			}
		}
		slices.SortStableFunc(r.History, func(a, b historyRecord) int { return cmp.Compare(a.ATime, b.ATime) })
	}
	return r
}

// connection is an entry of a machine's history; detached is 0 while it lasts.
func (s show) connection(d *device, attached, detached int64) historyRecord {
	return historyRecord{
		ATime: attached, DTime: detached, DevType: d.devType(), Name: d.Name,
		FabrGID: hex8(d.fabrGID()), OwnerGID: ownerGID, Free: detached != 0, UDesc: d.udesc,
	}
}

// machineList is every machine that pass lets through. Its index is its place
// among all machines.
func (s show) machineList(pass func(machine) bool) []machineRecord {
	attached := map[int][]*device{}
	for i := range s.devices {
		if d := &s.devices[i]; d.machine != 0 && !d.gone {
			attached[d.machine] = append(attached[d.machine], d)
		}
	}
	out := []machineRecord{}
	for i, m := range s.sortedMachines() {
		if pass(m) {
			out = append(out, s.machine(m, i, byOrder(attached[m.ID])))
		}
	}
	return out
}

func (s show) oneMachine(id int) machineRecord {
	return s.machineList(func(m machine) bool { return m.ID == id })[0]
}

// sums adds up what the present devices of a group or a machine have.
type sums struct {
	cpus, sockets, lanes, cores, threads, dram, mhz int
	nics, speed, drives, gpus, gpuCores             int
	fpgas, fpgaMHz, fpgaDRAM                        int
	capacity                                        int64
	host                                            *device
}

func (s show) sum(in func(*device) bool) sums {
	var t sums
	for i := range s.devices {
		d := &s.devices[i]
		if d.gone || !in(d) {
			continue
		}
		switch d.Kind {
		case CPU:
			t.cpus++
			t.sockets += d.Sockets
			t.lanes += d.lanes()
			t.cores += d.Cores
			t.threads += d.Threads
			t.dram += d.DRAM
			t.mhz += d.MHz
			if t.host == nil || d.order < t.host.order {
				t.host = d
			}
		case GPU:
			t.gpus++
			t.gpuCores += d.Cores
		case SSD, SCM:
			t.drives++
			t.capacity += d.CapacityMB
		case NIC:
			t.nics++
			t.speed += d.Speed
		case FPGA:
			t.fpgas++
			t.fpgaMHz = max(t.fpgaMHz, d.MHz)
			t.fpgaDRAM += d.DRAM
		}
	}
	return t
}

func (s show) groupDetails(g group) groupDetails {
	t := s.sum(func(d *device) bool { return d.group == g.ID })
	r := groupDetails{
		GrpID: g.ID, GroupName: g.Name, CPUCount: t.cpus, CPULanes: t.lanes, CPUCores: t.cores, TotalDRAM: t.dram * 1024,
		NICs: t.nics, Throughput: fmt.Sprintf("%d Gb/s", t.speed), Drives: t.drives, Capacity: t.capacity,
		GPUCores: t.gpuCores,
	}
	if s.era.in(line2) {
		r.GPUs = &t.gpus
	}
	if t.cpus > 0 {
		r.CPUFrequency = float64(t.mhz) / float64(t.cpus)
	}
	for _, m := range s.machines {
		if m.Group == g.ID {
			r.Machines++
		}
	}
	return r
}

func (s show) machineDetails(m machine, now time.Time) machineDetails {
	t := s.sum(func(d *device) bool { return d.machine == m.ID })
	r := machineDetails{
		CPUSocketsField: strconv.Itoa(t.sockets), MachID: m.ID, MachName: m.Name, CPUThreads: t.threads,
		CPUFrequency: "0", CPUCores: t.cores, CPUSockets: strconv.Itoa(t.sockets), DRAM: fmt.Sprintf("%d GB", t.dram),
		NICs: t.nics, Throughput: strconv.Itoa(t.speed), Drives: t.drives, Capacity: t.capacity,
		GPUs: t.gpus, GPUCores: t.gpuCores, OSName: "unknown", BootDevice: unset, IPMIAddress: unset,
		FPGAs: t.fpgas, FPGASpeed: strconv.Itoa(t.fpgaMHz), FPGADRAM: t.fpgaDRAM, Created: m.Created, Modified: m.Changed,
	}
	if m.Boot != "" {
		r.BootImage = &m.Boot
	}
	if h := t.host; h != nil {
		r.CPUFrequency, r.IPMIAddress = strconv.Itoa(h.MHz), h.IPMI
		if h.run(now) == "up" {
			r.OSName = "linux"
		}
	}
	return r
}

// nodes is the state of every host, attached or not.
func (s show) nodes(now time.Time) []nodeRecord {
	out := []nodeRecord{}
	type tally struct{ links, targs int }
	of := map[int]tally{}
	for i := range s.devices {
		if d := &s.devices[i]; d.machine != 0 && !d.gone {
			t := of[d.machine]
			switch d.Kind {
			case NIC:
				t.links++
			case SSD, SCM:
				t.targs++
			}
			of[d.machine] = t
		}
	}
	for i := range s.devices {
		d := &s.devices[i]
		if d.Kind != CPU || d.gone {
			continue
		}
		r := nodeRecord{
			CfgVers: s.era.number(), CID: d.group, Comps: 1, CurrTime: now.UTC().Format(time.DateTime), FabrID: s.fabric,
			Flags: hex16(0), Location: d.Location, OSType: "unknown", Run: d.run(now), SwVers: s.era.number(), Uptime: unset,
		}
		if d.machine != 0 {
			r.Links, r.Targs = of[d.machine].links, of[d.machine].targs
		}
		if r.Run == "up" {
			r.OSType = "linux"
			r.Uptime = fmt.Sprintf("%d minutes", int(now.Sub(time.UnixMilli(d.upAt)).Minutes()))
		}
		out = append(out, r)
	}
	return out
}

func (s show) counts(switches int) countRecord {
	c := countRecord{PLX: switches}
	for i := range s.devices {
		if s.devices[i].gone {
			continue
		}
		switch s.devices[i].class() {
		case ClassCompute:
			c.Comp++
		case ClassFPGA:
			c.FPGA++
		case ClassGPU:
			c.GPU++
		case ClassNetwork:
			c.Link++
		case ClassStorage:
			c.Targ++
		}
	}
	return c
}

// info is what system/device/info tells of a device in 2.x, device/info in 3.x.
func (s show) info(d *device) any {
	r := infoRecord{
		Index: d.Index, Name: d.Name, Flags: hex16(flagWord), Unique: unset, Location: s.location(d), Owner: directorAt,
		BusGen: d.Generation, BusWidth: fmt.Sprintf("x%d", d.lanes()), Vendor: d.Vendor, Model: d.Model, Family: unset,
		DeviceType: s.deviceType(d), DeviceState: d.health(), FabricType: d.Generation, ConnType: s.connType(d),
		DevID: hex8(d.DevID), SledID: hex8(noSledID), FabrGID: hex8(d.fabrGID()), PodID: podID,
		PCIVendor: hex4(d.VID), PCIDevice: hex4(d.DID), UDesc: d.udesc, PartNum: d.Part, Class: unset,
		SerialNum: d.Serial, FwRev: d.Firmware,
	}
	gb := func(n int) string {
		if n == 0 {
			return unset
		}
		return fmt.Sprintf("%d GB", n)
	}
	switch d.Kind {
	case CPU:
		if s.era.in(line3) {
			return struct {
				infoRecord
				cpuInfo3
			}{r, cpuInfo3{strconv.Itoa(d.Cores), float64(d.MHz), d.Threads, gb(d.DRAM), d.DRAMType, d.InstSet, d.Socket}}
		}
		return struct {
			infoRecord
			cpuInfo
		}{r, cpuInfo{d.Cores, d.MHz, d.Threads, d.DRAM * 1024, d.DRAMType, d.InstSet, d.Socket}}
	case GPU:
		return struct {
			infoRecord
			gpuInfo
		}{r, gpuInfo{fmt.Sprintf("%d MB", d.CacheMB), strconv.Itoa(d.Cores), fmt.Sprintf("%d MHz", d.MHz), gb(d.DRAM), d.DRAMType}}
	case NIC:
		return struct {
			infoRecord
			nicInfo
		}{r, nicInfo{fmt.Sprintf("%d Gb/s", d.Speed), gb(d.DRAM), d.DRAMType}}
	case FPGA:
		return struct {
			infoRecord
			fpgaInfo
		}{r, fpgaInfo{strconv.Itoa(d.Cores), float64(d.MHz), gb(d.DRAM), d.DRAMType, fmt.Sprintf("%d MHz", d.MHz), d.Threads}}
	}
	return struct {
		infoRecord
		driveInfo
	}{r, driveInfo{fmt.Sprintf("%d MB", d.CapacityMB)}}
}
