package liqid

import "fmt"

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
