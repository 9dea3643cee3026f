package memory

import (
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
)

// Part is one device of a world.
type Part struct {
	Name        string
	Kind        composa.Kind
	Fingerprint composa.Fingerprint
	Unit        string   // parts of one unit move together; empty: alone
	Domains     []string // parts meet only where they share one; empty: anywhere
	Facts       composa.Facts
	Health      composa.Health // empty: ok
	Host        *composa.Host  // cpu devices only
}

const gib = 1 << 30

// inventory makes parts of counts: cpu0, gpu0, gpu1 and so on, each with a
// serial. In the shape whole two neighbouring drives are one unit, and each
// kind is spread over the domains east and west by halves.
func inventory(c Config) []Part {
	var parts []Part
	for _, kind := range composa.Kinds() {
		count := c.Counts[kind]
		for i := range count {
			p := Part{
				Name:  fmt.Sprintf("%s%d", kind, i),
				Kind:  kind,
				Facts: facts(kind, i),
			}
			p.Fingerprint.Serial = fmt.Sprintf("%s-%s-%04d", c.Name, kind, i)
			if c.Shape == Whole {
				if kind == composa.KindSSD {
					p.Unit = fmt.Sprintf("carrier%d", i/2)
				}
				p.Domains = []string{domain(i, count)}
			}
			parts = append(parts, p)
		}
	}
	return parts
}

// domain keeps the parts of one unit, which are neighbours, together.
func domain(i, count int) string {
	if i/2 < (count/2+1)/2 {
		return "east"
	}
	return "west"
}

// facts are believable details; the two models of a kind alternate by fours, so
// that a request for a model has something to choose from.
func facts(kind composa.Kind, i int) composa.Facts {
	first := i/4%2 == 0
	pick := func(a, b string) string {
		if first {
			return a
		}
		return b
	}
	f := composa.Facts{Switch: fmt.Sprintf("switch%d", i/8), Bus: "gen4", Lanes: 16}
	switch kind {
	case composa.KindCPU:
		f.Vendor, f.Model = "AMD", pick("EPYC 7543", "EPYC 7713")
		f.Sockets, f.Cores, f.Threads, f.Memory = 2, 64, 128, 512*gib
	case composa.KindGPU:
		f.Vendor, f.Model, f.Memory = "NVIDIA", pick("A100 40GB", "A40"), 40*gib
		if !first {
			f.Memory = 48 * gib
		}
	case composa.KindSSD:
		f.Vendor, f.Model, f.Size, f.Lanes = "Samsung", pick("PM9A3", "PM1733"), 3_840_000_000_000, 4
	case composa.KindSCM:
		f.Vendor, f.Model, f.Size, f.Lanes = "Intel", "Optane P5800X", 800_000_000_000, 4
	case composa.KindNIC:
		f.Vendor, f.Model, f.Speed = "Mellanox", "ConnectX-6", 100_000_000_000
	case composa.KindFPGA:
		f.Vendor, f.Model = "Xilinx", "Alveo U250"
	case composa.KindMemory:
		f.Vendor, f.Model, f.Memory = "Micron", "CZ120", 256*gib
	}
	return f
}

// clone copies p so that the copy can become another part.
func (p *Part) clone() *Part {
	c := *p
	c.Domains = slices.Clone(p.Domains)
	if p.Host != nil {
		h := *p.Host
		c.Host = &h
	}
	return &c
}
