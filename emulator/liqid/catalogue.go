package liqid

import "strings"

// Spec is what a model's data sheet says.
type Spec struct {
	Vendor, Model, Part string // Part is the maker's part number
	VID, DID            uint16 // PCI ids
	Generation          string // of PCI Express: gen3, gen4
	Lanes               int
	Cores, Threads      int
	Sockets             int
	MHz                 int
	CacheMB             int
	DRAM                int    // GB
	DRAMType            string // "n/a" when there is none
	InstSet, Socket     string // of a cpu
	CapacityMB          int64  // of a drive or a memory: decimal megabytes, as status shows them
	Speed               int    // Gb/s of a nic
	Link                string // of a nic
	Firmware            string
}

type listed struct {
	kind Kind
	Spec
}

// catalogue is the hardware the emulator knows by name.
var catalogue = []listed{
	{CPU, Spec{Vendor: "AMD", Model: "EPYC 7763", Part: "100-000000312", VID: 0x1022, DID: 0x1480, Generation: "gen4", Lanes: 16, Cores: 64, Threads: 128, Sockets: 1, MHz: 2450, DRAM: 512, DRAMType: "DDR4", InstSet: "x86_64", Socket: "SP3", Firmware: "2.8"}},
	{CPU, Spec{Vendor: "AMD", Model: "EPYC 7313", Part: "100-000000329", VID: 0x1022, DID: 0x1480, Generation: "gen4", Lanes: 16, Cores: 32, Threads: 64, Sockets: 2, MHz: 3000, DRAM: 256, DRAMType: "DDR4", InstSet: "x86_64", Socket: "SP3", Firmware: "2.8"}},
	{CPU, Spec{Vendor: "Intel", Model: "Xeon Gold 6338", Part: "CD8068904572501", VID: 0x8086, DID: 0x09a2, Generation: "gen4", Lanes: 16, Cores: 64, Threads: 128, Sockets: 2, MHz: 2000, DRAM: 512, DRAMType: "DDR4", InstSet: "x86_64", Socket: "LGA4189", Firmware: "1.4"}},
	{CPU, Spec{Vendor: "Intel", Model: "Xeon Gold 6226R", Part: "CD8069504449000", VID: 0x8086, DID: 0x2020, Generation: "gen3", Lanes: 16, Cores: 32, Threads: 64, Sockets: 2, MHz: 2900, DRAM: 384, DRAMType: "DDR4", InstSet: "x86_64", Socket: "LGA3647", Firmware: "3.3"}},

	{GPU, Spec{Vendor: "NVIDIA", Model: "A100-PCIE-40GB", Part: "900-21001-0000-000", VID: 0x10de, DID: 0x20f1, Generation: "gen4", Lanes: 16, Cores: 6912, MHz: 1410, CacheMB: 40, DRAM: 40, DRAMType: "HBM2", Firmware: "92.00.25"}},
	{GPU, Spec{Vendor: "NVIDIA", Model: "A100-PCIE-80GB", Part: "900-21001-0020-000", VID: 0x10de, DID: 0x20b5, Generation: "gen4", Lanes: 16, Cores: 6912, MHz: 1410, CacheMB: 40, DRAM: 80, DRAMType: "HBM2e", Firmware: "92.00.68"}},
	{GPU, Spec{Vendor: "NVIDIA", Model: "A40", Part: "900-2G133-0000-000", VID: 0x10de, DID: 0x2235, Generation: "gen4", Lanes: 16, Cores: 10752, MHz: 1740, CacheMB: 6, DRAM: 48, DRAMType: "GDDR6", Firmware: "94.02.5c"}},
	{GPU, Spec{Vendor: "NVIDIA", Model: "V100-PCIE-32GB", Part: "900-2G500-0010-000", VID: 0x10de, DID: 0x1db6, Generation: "gen3", Lanes: 16, Cores: 5120, MHz: 1380, CacheMB: 6, DRAM: 32, DRAMType: "HBM2", Firmware: "88.00.48"}},
	{GPU, Spec{Vendor: "NVIDIA", Model: "T4", Part: "900-2G183-0000-000", VID: 0x10de, DID: 0x1eb8, Generation: "gen3", Lanes: 16, Cores: 2560, MHz: 1590, CacheMB: 4, DRAM: 16, DRAMType: "GDDR6", Firmware: "90.04.38"}},
	{GPU, Spec{Vendor: "AMD", Model: "Instinct MI210", Part: "100-300000073H", VID: 0x1002, DID: 0x740f, Generation: "gen4", Lanes: 16, Cores: 6656, MHz: 1700, CacheMB: 8, DRAM: 64, DRAMType: "HBM2e", Firmware: "113-D67301"}},

	{SSD, Spec{Vendor: "Samsung", Model: "PM1733 3.84TB", Part: "MZWLJ3T8HBLS", VID: 0x144d, DID: 0xa824, Generation: "gen4", Lanes: 4, CapacityMB: 3840755, DRAMType: "n/a", Firmware: "EPK9CB5Q"}},
	{SSD, Spec{Vendor: "Samsung", Model: "PM1733 7.68TB", Part: "MZWLJ7T6HALA", VID: 0x144d, DID: 0xa824, Generation: "gen4", Lanes: 4, CapacityMB: 7681501, DRAMType: "n/a", Firmware: "EPK9CB5Q"}},
	{SSD, Spec{Vendor: "Intel", Model: "P4510 2TB", Part: "SSDPE2KX020T8", VID: 0x8086, DID: 0x0a54, Generation: "gen3", Lanes: 4, CapacityMB: 2000398, DRAMType: "n/a", Firmware: "VDV10184"}},
	{SSD, Spec{Vendor: "KIOXIA", Model: "CM6-R 15.36TB", Part: "KCM61RUL15T3", VID: 0x1e0f, DID: 0x0007, Generation: "gen4", Lanes: 4, CapacityMB: 15362991, DRAMType: "n/a", Firmware: "0105"}},
	{SSD, Spec{Vendor: "Micron", Model: "7400 1.92TB", Part: "MTFDKCB1T9TDZ", VID: 0x1344, DID: 0x51c0, Generation: "gen4", Lanes: 4, CapacityMB: 1920383, DRAMType: "n/a", Firmware: "E1MU23BC"}},

	{SCM, Spec{Vendor: "Intel", Model: "Optane P4800X 750GB", Part: "SSDPE21K750GA", VID: 0x8086, DID: 0x2701, Generation: "gen3", Lanes: 4, CapacityMB: 750156, DRAMType: "n/a", Firmware: "E2010485"}},
	{SCM, Spec{Vendor: "Intel", Model: "Optane P5800X 1.6TB", Part: "SSDPF21Q016TB", VID: 0x8086, DID: 0x4140, Generation: "gen4", Lanes: 4, CapacityMB: 1600321, DRAMType: "n/a", Firmware: "L0310200"}},

	{NIC, Spec{Vendor: "Mellanox", Model: "ConnectX-5", Part: "MCX516A-CDAT", VID: 0x15b3, DID: 0x1019, Generation: "gen4", Lanes: 16, Speed: 100, Link: "ethernet", DRAMType: "n/a", Firmware: "16.31.1014"}},
	{NIC, Spec{Vendor: "Mellanox", Model: "ConnectX-6", Part: "MCX653105A-HDAT", VID: 0x15b3, DID: 0x101b, Generation: "gen4", Lanes: 16, Speed: 200, Link: "infiniband", DRAMType: "n/a", Firmware: "20.31.1014"}},
	{NIC, Spec{Vendor: "Intel", Model: "E810-CQDA2", Part: "E810CQDA2G1P5", VID: 0x8086, DID: 0x1592, Generation: "gen4", Lanes: 16, Speed: 100, Link: "ethernet", DRAMType: "n/a", Firmware: "2.50"}},
	{NIC, Spec{Vendor: "Intel", Model: "XXV710-DA2", Part: "XXV710DA2", VID: 0x8086, DID: 0x158b, Generation: "gen3", Lanes: 8, Speed: 25, Link: "ethernet", DRAMType: "n/a", Firmware: "8.30"}},

	{FPGA, Spec{Vendor: "Xilinx", Model: "Alveo U250", Part: "A-U250-A64G-PQ-G", VID: 0x10ee, DID: 0x5004, Generation: "gen3", Lanes: 16, Cores: 1728000, MHz: 300, DRAM: 64, DRAMType: "DDR4", Firmware: "2021.1"}},
	{FPGA, Spec{Vendor: "Xilinx", Model: "Alveo U280", Part: "A-U280-P32G-PQ-G", VID: 0x10ee, DID: 0x500c, Generation: "gen4", Lanes: 8, Cores: 1304000, MHz: 300, DRAM: 32, DRAMType: "DDR4", Firmware: "2021.1"}},
	{FPGA, Spec{Vendor: "Intel", Model: "PAC D5005", Part: "BD-ACD-D5005", VID: 0x8086, DID: 0x0b2b, Generation: "gen3", Lanes: 16, Cores: 2800000, MHz: 400, DRAM: 32, DRAMType: "DDR4", Firmware: "2.0.3"}},

	{Memory, Spec{Vendor: "Samsung", Model: "CXL Expander 512GB", Part: "MECX512", VID: 0x144d, DID: 0xa900, Generation: "gen4", Lanes: 8, CapacityMB: 512000, DRAMType: "n/a", Firmware: "1.0.2"}},
	{Memory, Spec{Vendor: "Micron", Model: "CZ120 256GB", Part: "MTC1CZ120", VID: 0x1344, DID: 0x51d0, Generation: "gen4", Lanes: 8, CapacityMB: 256000, DRAMType: "n/a", Firmware: "1.4.0"}},
}

// Models lists the models that an inventory may name without saying more.
func Models(k Kind) []string {
	var names []string
	for _, s := range modelsOf(k) {
		names = append(names, s.Model)
	}
	return names
}

func modelsOf(k Kind) []Spec {
	var specs []Spec
	for _, l := range catalogue {
		if l.kind == k {
			specs = append(specs, l.Spec)
		}
	}
	return specs
}

func modelNames(k Kind) string { return strings.Join(Models(k), ", ") }

// model finds a model by name; the empty name is the kind's first.
func model(k Kind, name string) (Spec, bool) {
	for _, s := range modelsOf(k) {
		if name == "" || s.Model == name {
			return s, true
		}
	}
	return Spec{}, false
}

// spec is the entry's model with what the entry says otherwise. A model that
// is not in the catalogue borrows what is not said from the kind's first.
func (e Entry) spec() Spec {
	s, known := model(e.Kind, e.Model)
	if !known {
		s, _ = model(e.Kind, "")
		s.Model, s.Part, s.Firmware = e.Model, "n/a", "1.0"
	}
	set := func(to *int, v int) {
		if v != 0 {
			*to = v
		}
	}
	text := func(to *string, v string) {
		if v != "" {
			*to = v
		}
	}
	text(&s.Vendor, e.Vendor)
	text(&s.Generation, e.Generation)
	text(&s.DRAMType, e.DRAMType)
	text(&s.Link, e.Link)
	set(&s.Lanes, e.Lanes)
	set(&s.Cores, e.Cores)
	set(&s.Threads, e.Threads)
	set(&s.Sockets, e.Sockets)
	set(&s.MHz, e.MHz)
	set(&s.DRAM, e.DRAM)
	set(&s.Speed, e.Speed)
	if e.Capacity != 0 {
		s.CapacityMB = e.Capacity * 1000
	}
	return s
}
