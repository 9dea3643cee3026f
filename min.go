package composa

import "slices"

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
	case KindSSD, KindSCM, KindMemory:
		return []string{"size", "lanes"}
	case KindNIC:
		return []string{"speed", "lanes"}
	}
	return slices.Clone(minFields)
}

// Number returns a numeric fact by the name it has in a least and in a where
// expression; 0 where the fabric does not tell it or there is no such field.
func (f *Facts) Number(field string) int64 {
	switch field {
	case "memory":
		return f.Memory
	case "size":
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
