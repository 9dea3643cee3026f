package liqid

import "testing"

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
