package selector

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/composa-dev/composa"
)

// field is one attribute of device. Its text or number is empty or zero where
// the fabric does not tell it.
type field struct {
	name    string
	typ     *types.Type
	private bool // only for those who may see serial numbers and addresses
	text    func(d *composa.Device) string
	number  func(d *composa.Device) int64
}

// fields are the attributes in the order in which errors and the guide name
// them. labels and free are told by the site and always known.
var fields = []field{
	{name: "kind", typ: types.StringType, text: func(d *composa.Device) string { return string(d.Kind) }},
	{name: "model", typ: types.StringType, text: func(d *composa.Device) string { return d.Facts.Model }},
	{name: "vendor", typ: types.StringType, text: func(d *composa.Device) string { return d.Facts.Vendor }},
	{name: "fabric", typ: types.StringType, text: func(d *composa.Device) string { return string(d.Fabric) }},
	{name: "place", typ: types.StringType, text: func(d *composa.Device) string { return string(d.Place()) }},
	{name: "switch", typ: types.StringType, text: func(d *composa.Device) string { return d.Facts.Switch }},
	{name: "health", typ: types.StringType, text: func(d *composa.Device) string { return string(d.Health) }},
	{name: "free", typ: types.BoolType},
	{name: "labels", typ: types.NewMapType(types.StringType, types.StringType)},
	{name: "memory", typ: types.IntType, number: func(d *composa.Device) int64 { return d.Number("memory") }},
	{name: "size", typ: types.IntType, number: func(d *composa.Device) int64 { return d.Number("size") }},
	{name: "cores", typ: types.IntType, number: func(d *composa.Device) int64 { return int64(d.Facts.Cores) }},
	{name: "threads", typ: types.IntType, number: func(d *composa.Device) int64 { return int64(d.Facts.Threads) }},
	{name: "lanes", typ: types.IntType, number: func(d *composa.Device) int64 { return int64(d.Facts.Lanes) }},
	{name: "speed", typ: types.IntType, number: func(d *composa.Device) int64 { return d.Facts.Speed }},
	{name: "serial", typ: types.StringType, private: true, text: func(d *composa.Device) string { return d.Fingerprint.Serial }},
	{name: "ipmi", typ: types.StringType, private: true, text: func(d *composa.Device) string { return d.Facts.IPMI }},
}

// byVariable finds a field by the name of its CEL variable, and missing holds
// the unknown value of each: its only id is the field's number.
var (
	byVariable = map[string]int{}
	missing    = make([]*types.Unknown, len(fields))
)

func init() {
	for i, f := range fields {
		byVariable["device."+f.name] = i
		missing[i] = types.NewUnknown(int64(i), types.NewAttributeTrail(f.name))
	}
}

// value is a field of a device as CEL sees it: unknown where it is not told.
func value(i int, d *composa.Device, free bool) ref.Val {
	switch f := &fields[i]; {
	case f.text != nil:
		if s := f.text(d); s != "" {
			return types.String(s)
		}
	case f.number != nil:
		if n := f.number(d); n != 0 {
			return types.Int(n)
		}
	case f.name == "free":
		return types.Bool(free)
	default:
		return types.NewStringStringMap(types.DefaultTypeAdapter, d.Labels)
	}
	return missing[i]
}
