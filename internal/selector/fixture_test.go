package selector

import (
	"strings"

	"github.com/composa-dev/composa"
)

const (
	gib = int64(1) << 30
	gb  = int64(1e9)
)

// rack is a fixed set of devices; "gpu3" and those that a fabric tells nothing
// of are among them. The published expressions are held against it.
func rack() []*composa.Device {
	device := func(name string, kind composa.Kind, f composa.Facts, labels ...string) *composa.Device {
		d := &composa.Device{Fabric: "rack1", Name: name, Kind: kind, Facts: f, Health: composa.HealthOK}
		for _, l := range labels {
			k, v, _ := strings.Cut(l, "=")
			if d.Labels == nil {
				d.Labels = map[string]string{}
			}
			d.Labels[k] = v
		}
		return d
	}
	all := []*composa.Device{
		device("cpu0", composa.KindCPU, composa.Facts{Vendor: "AMD", Model: "EPYC 7543", Cores: 64, Threads: 128, Memory: 512 * gib, Switch: "s0", IPMI: "192.0.2.10"}),
		device("cpu1", composa.KindCPU, composa.Facts{Vendor: "Intel", Model: "Xeon 6330", Cores: 28, Threads: 56, Memory: 256 * gib, Switch: "s1"}, "team=vision"),
		device("gpu0", composa.KindGPU, composa.Facts{Vendor: "NVIDIA", Model: "A100 40GB", Memory: 40 * gib, Lanes: 16, Switch: "s0"}),
		device("gpu1", composa.KindGPU, composa.Facts{Vendor: "NVIDIA", Model: "A40", Memory: 48 * gib, Lanes: 8, Switch: "s1"}, "team=vision", "lab=b"),
		device("gpu2", composa.KindGPU, composa.Facts{Vendor: "NVIDIA", Model: "A100"}),
		device("gpu3", composa.KindGPU, composa.Facts{Learning: true}),
		device("gpu4", composa.KindGPU, composa.Facts{Vendor: "NVIDIA", Model: "A100 80GB", Memory: 80 * gib, Lanes: 16, Switch: "s1"}),
		device("ssd0", composa.KindSSD, composa.Facts{Vendor: "Samsung", Model: "PM9A3", Size: 3840 * gb, Lanes: 4, Switch: "s0"}),
		device("ssd1", composa.KindSSD, composa.Facts{Size: 960 * gb}, "team=render"),
		device("scm0", composa.KindSCM, composa.Facts{Vendor: "Intel", Model: "Optane P5800X", Size: 800 * gb, Lanes: 4}),
		device("nic0", composa.KindNIC, composa.Facts{Vendor: "Mellanox", Model: "ConnectX-6", Speed: 100 * gb, Lanes: 16}),
		device("nic1", composa.KindNIC, composa.Facts{Vendor: "Mellanox", Model: "ConnectX-4", Speed: 25 * gb}),
		device("fpga0", composa.KindFPGA, composa.Facts{Vendor: "Xilinx", Model: "Alveo U250", Lanes: 16}),
		device("memory0", composa.KindMemory, composa.Facts{Vendor: "Micron", Model: "CZ120", Memory: 256 * gib}),
		device("memory1", composa.KindMemory, composa.Facts{Vendor: "Micron", Model: "CZ120", Size: 256 * gib}),
	}
	all[6].Health = composa.HealthDegraded
	all[0].Fingerprint.Serial = "SN100"
	return all
}

// isUsed are the devices of the rack that are not free.
func isUsed(d *composa.Device) bool { return d.Name == "gpu1" || d.Name == "ssd1" }
