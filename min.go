package composa

import (
	"slices"
	"strings"
)

// minFields are the fields of which a least can be asked.
var minFields = []string{"memory", "size", "cores", "threads", "lanes", "speed"}

// MinFields are the fields of which a least can be asked for devices of a kind,
// in table order.
func MinFields(k Kind) []string {
	switch k {
	case KindCPU:
		return []string{"memory", "cores", "threads", "lanes"}
	case KindGPU, KindFPGA:
		return []string{"memory", "lanes"}
	case KindSSD, KindSCM:
		return []string{"size", "lanes"}
	case KindMemory:
		return []string{"memory", "size", "lanes"}
	case KindNIC:
		return []string{"speed", "lanes"}
	}
	return slices.Clone(minFields)
}

// Number returns a fact of a device by the name that it has in a least and in a
// where expression; 0 where the fabric does not tell it or there is no such
// field. A memory device's size is its memory.
func (d *Device) Number(field string) int64 {
	f := &d.Facts
	switch field {
	case "memory":
		if f.Memory == 0 && d.Kind == KindMemory {
			return f.Size
		}
		return f.Memory
	case "size":
		if f.Size == 0 && d.Kind == KindMemory {
			return f.Memory
		}
		return f.Size
	case "cores":
		return int64(f.Cores)
	case "threads":
		return int64(f.Threads)
	case "lanes":
		return int64(f.Lanes)
	case "speed":
		return f.Speed
	}
	return 0
}

// CheckMin refuses a least that cannot be asked of devices of a kind.
func CheckMin(k Kind, field string, least int64) error {
	known := MinFields(k)
	switch {
	case !slices.Contains(known, field):
		e := Errorf(CodeInvalid, "a %s has no %q", k, Abridge(field, 40))
		if meant := Nearly(field, known); meant != "" {
			return e.WithNext("did you mean %s?", meant)
		}
		return e.WithNext("use one of %s", strings.Join(known, ", "))
	case least < 1:
		return Errorf(CodeInvalid, "the least %s of a %s is %d", field, k, least).WithNext("ask for 1 or more, or leave %s out", field)
	}
	return nil
}
