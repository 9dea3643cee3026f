package liqid

import (
	"fmt"
	"strconv"
	"time"
)

// What is told of the hardware itself: sums over groups and machines, hosts, and
// the data sheet of a device.

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

func (s show) machineDetails(m machine) machineDetails {
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
		if h.run() == "up" {
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
			Flags: hex16(0), Location: d.Location, OSType: "unknown", Run: d.run(), SwVers: s.era.number(), Uptime: unset,
		}
		if d.machine != 0 {
			r.Links, r.Targs = of[d.machine].links, of[d.machine].targs
		}
		if r.Run == "up" {
			r.OSType = "linux"
			r.Uptime = fmt.Sprintf("%d minutes", int(time.Since(time.UnixMilli(d.upAt)).Minutes()))
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
