package liqid

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

func TestSizesAreWhatThePartHas(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		text          string
		memory, drive int64
	}{
		{"40 GB", 40 * gib, 40e9},
		{"40GB", 40 * gib, 40e9},
		{"40 gb", 40 * gib, 40e9},
		{"40 GiB", 40 * gib, 40 * gib},
		{"40 G", 40 * gib, 40e9},
		{"40 Gi", 40 * gib, 40 * gib},
		{"524288", 512 * gib, 524288e6},
		{"524288 MB", 512 * gib, 524288e6},
		{"3.84 TB", 4222124650660, 3840e9},
		{"3840755 MB", 4027323514880, 3840755e6},
		{"1,024 KB", 1 << 20, 1024e3},
		{"1,024,000 KB", 1024000 << 10, 1024000e3},
		{"3,84 TB", 0, 0},
		{"3.840.755 MB", 0, 0},
		{"40.0 GB", 40 * gib, 40e9},
		{"2x40 GB", 0, 0},
		{"512 B", 512, 512},
		{"512 bytes", 512, 512},
		{"1 gigabyte", 0, 0},
		{"", 0, 0},
		{"n/a", 0, 0},
		{"-4 GB", 0, 0},
		{"99999999999 PB", 0, 0},
		{"4 parsecs", 0, 0},
		{"1e3 GB", 0, 0},
	} {
		if got := memorySize(tt.text); got != tt.memory {
			t.Errorf("memory %q = %d, want %d", tt.text, got, tt.memory)
		}
		if got := driveSize(tt.text); got != tt.drive {
			t.Errorf("drive %q = %d, want %d", tt.text, got, tt.drive)
		}
	}
}

// A vendor's size is what the part has, by kind: memory in powers of two, drives
// in powers of ten, links in bits a second; the same from the details and from
// the live view, and with or without a unit.
func TestSizesByKind(t *testing.T) {
	const gib, mib = 1 << 30, 1 << 20
	for _, tt := range []struct {
		kind   composa.Kind
		detail string
		want   composa.Facts
	}{
		{composa.KindGPU, `{"dram_size":"40 GB"}`, composa.Facts{Memory: 40 * gib}},
		{composa.KindGPU, `{"dram_size":"40960"}`, composa.Facts{Memory: 40 * gib}},
		{composa.KindGPU, `{"dram_size":"40536 MiB"}`, composa.Facts{Memory: 40536 * mib}},
		{composa.KindGPU, `{"dram_size":"80GB","capacity":"1 TB"}`, composa.Facts{Memory: 80 * gib}},
		{composa.KindCPU, `{"dram_size":"512 GB"}`, composa.Facts{Memory: 512 * gib}},
		{composa.KindCPU, `{"dram_sz":524288}`, composa.Facts{Memory: 512 * gib}},
		{composa.KindFPGA, `{"dram_size":"64 GB"}`, composa.Facts{Memory: 64 * gib}},
		{composa.KindSSD, `{"capacity":"3.84 TB"}`, composa.Facts{Size: 3840e9}},
		{composa.KindSSD, `{"capacity":"3840755 MB"}`, composa.Facts{Size: 3840755e6}},
		{composa.KindSSD, `{"capacity":3840755}`, composa.Facts{Size: 3840755e6}},
		{composa.KindSCM, `{"capacity":"800 GB"}`, composa.Facts{Size: 800e9}},
		{composa.KindSCM, `{"capacity":"375"}`, composa.Facts{Size: 375e6}},
		{composa.KindMemory, `{"capacity":"256 GB"}`, composa.Facts{Size: 256 * gib}},
		{composa.KindNIC, `{"link_speed":"100 Gb/s"}`, composa.Facts{Speed: 100e9}},
		{composa.KindNIC, `{"link_speed":"200","dram_sz":"8 GB"}`, composa.Facts{Speed: 200e9, Memory: 8 * gib}},
		{composa.KindNIC, `{"link_speed":"25GbE"}`, composa.Facts{Speed: 25e9}},
		{composa.KindNIC, `{"link_speed":"n/a"}`, composa.Facts{}},
	} {
		_, got, ok := readDetail(tt.kind, []byte(tt.detail))
		if diff := cmp.Diff(tt.want, got); !ok || diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.kind, tt.detail, diff)
		}
	}
	for record, want := range map[string]int64{
		`{"type":"SsdDeviceStatus","name":"ssd0","capacity(MB)":3840755}`:   3840755e6,
		`{"type":"SsdDeviceStatus","name":"scm0","capacity(MB)":"800000"}`:  800e9,
		`{"type":"MemoryDeviceStatus","name":"mem0","capacity(MB)":262144}`: 256 * gib,
	} {
		if d, ok, err := readDevice([]byte(record)); !ok || err != nil || d.size != want {
			t.Errorf("%s: %d, want %d (%t, %v)", record, d.size, want, ok, err)
		}
	}
}

func TestLinkSpeedsAreInBits(t *testing.T) {
	for text, want := range map[string]int64{
		"100 Gb/s": 100e9, "100Gbps": 100e9, "100 Gbit/s": 100e9, "25GbE": 25e9, "100G": 100e9, "200": 200e9,
		"10000 Mb/s": 10e9, "1.6 Tb/s": 1600e9, "": 0, "n/a": 0, "fast": 0, "-1": 0, "3 furlongs": 0,
	} {
		if got := linkSpeed(text); got != want {
			t.Errorf("%q = %d, want %d", text, got, want)
		}
	}
}
