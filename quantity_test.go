package composa

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseQuantity(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
		why  string // of the refusal
	}{
		{"8", 8, ""},
		{"0", 0, ""},
		{" 40 GB ", 40e9, ""},
		{"40GB", 40e9, ""},
		{"40G", 40e9, ""},
		{"40GiB", 40 << 30, ""},
		{"40Gi", 40 << 30, ""},
		{"1KB", 1000, ""},
		{"1Ki", 1024, ""},
		{"2MB", 2e6, ""},
		{"2MiB", 2 << 20, ""},
		{"1.5TB", 15e11, ""},
		{"3.84TB", 3_840_000_000_000, ""},
		{"0.5KiB", 512, ""},
		{"2PB", 2e15, ""},
		{"2PiB", 2 << 50, ""},
		{"100Gb", 100e9, ""},
		{"100Gbit", 100e9, ""},
		{"1Tb", 1e12, ""},
		{"9223372036854775807", math.MaxInt64, ""},
		{"9223372036854775.807KB", math.MaxInt64, ""},

		{"", 0, "it is empty"},
		{"  ", 0, "it is empty"},
		{"-1", 0, "it is negative"},
		{"-40GB", 0, "it is negative"},
		{"9223372036854775808", 0, "it is more than 9223372036854775807"},
		{"10000PB", 0, "it is more than"},
		{"0.5", 0, "no whole number"},
		{"1.0001KB", 0, "no whole number"},
		{"40XB", 0, `"XB" is no unit`},
		{"40gb", 0, `"gb" is no unit: did you mean GB?`},
		{"40gib", 0, `did you mean GiB?`},
		{"40GiBs", 0, "did you mean GiB?"},
		{"40 bananas", 0, "use one of KB, MB, GB"},
		{"GB", 0, "does not begin with a number"},
		{".5KB", 0, "is no number"},
		{"5.KB", 0, "is no number"},
		{"1.2.3GB", 0, "is no number"},
		{"1e9", 0, "is no unit"},
		{"+1", 0, "does not begin with a number"},
		{"0x10", 0, "is no unit"},
		{"1/2GB", 0, "is no unit"},
		{"٤GB", 0, "does not begin with a number"},
		{strings.Repeat("1", MaxQuantity+1), 0, "32 are allowed"},
	} {
		got, err := ParseQuantity(tt.text)
		switch {
		case tt.why == "" && (err != nil || got != tt.want):
			t.Errorf("%q = %d, %v; want %d", tt.text, got, err, tt.want)
		case tt.why != "" && (CodeOf(err) != CodeInvalid || !strings.Contains(err.Error(), tt.why)):
			t.Errorf("%q = %d, %v; want that %s", tt.text, got, err, tt.why)
		}
	}
}

func TestQuantityText(t *testing.T) {
	for _, tt := range []struct {
		field string
		n     int64
		want  string
	}{
		{"memory", 40 << 30, "40GiB"}, {"memory", 40e9, "40GB"}, {"size", 3_840_000_000_000, "3840GB"}, {"size", 1e12, "1TB"},
		{"memory", 1, "1"}, {"memory", 0, "0"}, {"memory", 1000, "1KB"}, {"memory", 1023, "1023"}, {"memory", 1001, "1001"},
		{"speed", 100e9, "100Gb"}, {"speed", 1 << 30, "1073741824"}, {"cores", 1000, "1000"},
	} {
		if got := Quantity(tt.n).Of(tt.field); got != tt.want {
			t.Errorf("%d of %s is written %q, want %q", tt.n, tt.field, got, tt.want)
		}
	}
}

// What is written is read back as the same, and is not longer than the number.
func TestQuantityIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Int64Min(0), rapid.Map(rapid.Int64Range(0, 1<<20), func(n int64) int64 { return n * 1e9 }),
			rapid.Map(rapid.Int64Range(0, 1<<20), func(n int64) int64 { return n << 30 })).Draw(t, "n")
		for _, field := range []string{"memory", "size", "speed", "cores"} {
			if got, err := ParseQuantity(Quantity(n).Of(field)); err != nil || got != n {
				t.Fatalf("%d of %s is written %q and read %d, %v", n, field, Quantity(n).Of(field), got, err)
			}
		}
	})
}

func FuzzParseQuantity(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseQuantity(s)
		switch {
		case err != nil && (CodeOf(err) != CodeInvalid || n != 0):
			t.Fatalf("%q = %d, %v", s, n, err)
		case err == nil && n < 0:
			t.Fatalf("%q = %d", s, n)
		case err == nil:
			if back, err := ParseQuantity(Quantity(n).String()); err != nil || back != n {
				t.Fatalf("%q = %d, written %s, read %d, %v", s, n, Quantity(n), back, err)
			}
		}
	})
}

func TestCheckMin(t *testing.T) {
	for _, tt := range []struct {
		kind  Kind
		field string
		least int64
		why   string
	}{
		{KindGPU, "memory", 1, ""}, {KindCPU, "cores", 32, ""}, {KindNIC, "speed", 100e9, ""}, {KindMemory, "memory", 1, ""}, {KindMemory, "size", 1, ""},
		{KindGPU, "memry", 1, "did you mean memory?"},
		{KindGPU, "cores", 1, "use one of memory, lanes"},
		{KindSSD, "memory", 1, `a ssd has no "memory"`},
		{KindCPU, "cores", 0, "ask for 1 or more"},
		{KindCPU, "cores", -4, "ask for 1 or more"},
	} {
		err := CheckMin(tt.kind, tt.field, tt.least)
		if (err == nil) != (tt.why == "") || err != nil && !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s.%s=%d: %v; want %q", tt.kind, tt.field, tt.least, err, tt.why)
		}
		if err := CheckEntries("cannot compose", []Entry{{Kind: tt.kind, Count: 1, Min: map[string]int64{tt.field: tt.least}}}); (err == nil) != (tt.why == "") {
			t.Errorf("an entry with %s.%s=%d: %v", tt.kind, tt.field, tt.least, err)
		}
	}
	for _, k := range Kinds() {
		for _, field := range MinFields(k) {
			d := &Device{Kind: k, Facts: Facts{Memory: 1, Size: 1, Cores: 1, Threads: 1, Lanes: 1, Speed: 1}}
			if d.Number(field) != 1 {
				t.Errorf("a %s does not tell its %s", k, field)
			}
		}
	}
}

func TestAMemoryDevicesSizeIsItsMemory(t *testing.T) {
	for _, f := range []Facts{{Memory: 5}, {Size: 5}} {
		d := &Device{Kind: KindMemory, Facts: f}
		if d.Number("memory") != 5 || d.Number("size") != 5 {
			t.Errorf("%+v: memory %d, size %d", f, d.Number("memory"), d.Number("size"))
		}
		d.Kind = KindSSD
		if d.Number("memory")+d.Number("size") != 5 {
			t.Errorf("%+v of a drive: memory %d, size %d", f, d.Number("memory"), d.Number("size"))
		}
	}
}

func TestEntriesTellLeastAndCondition(t *testing.T) {
	four := Entry{Kind: KindGPU, Count: 4, Model: "A100", Min: map[string]int64{"memory": 40e9, "lanes": 8}, Where: `device.vendor == "NVIDIA"`}
	if got, want := four.Text(), `A100:4 lanes>=8 memory>=40GB where device.vendor == "NVIDIA"`; got != want {
		t.Errorf("an entry is written %q, want %q", got, want)
	}
	plain := Spec{Name: "train", Entries: []Entry{{Kind: KindGPU, Count: 4, Where: "  device.free "}, {Kind: KindGPU, Count: 1, Min: map[string]int64{}}}}.Normalize()
	if e := plain.Entries[1]; e.Where != "device.free" || plain.Entries[2].Min != nil {
		t.Errorf("normalized: %+v", plain.Entries)
	}
	other := plain
	other.Entries = append([]Entry{}, plain.Entries...)
	other.Entries[1].Where = "!device.free"
	if got := plain.Differences(other); len(got) != 1 || !strings.Contains(got[0], "gpu: 1+4 where !device.free instead of 1+4 where device.free") {
		t.Errorf("differences: %q", got)
	}
	long := Entry{Kind: KindGPU, Count: 1, Where: strings.Repeat("x", MaxWhere)}
	if err := CheckEntries("cannot compose", []Entry{long}); err != nil {
		t.Errorf("%d characters: %v", MaxWhere, err)
	}
	long.Where += "x"
	if err := CheckEntries("cannot compose", []Entry{long}); CodeOf(err) != CodeInvalid {
		t.Errorf("%d characters: %v", MaxWhere+1, err)
	}
}
