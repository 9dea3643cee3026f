package selector

import (
	"testing"

	"github.com/composa-dev/composa"
)

func TestMatch(t *testing.T) {
	gpu := &composa.Device{Fabric: "rack1", Name: "gpu3", Kind: composa.KindGPU, Health: composa.HealthOK,
		Facts: composa.Facts{Model: "A100", Vendor: "NVIDIA", Memory: 40 << 30}, Labels: map[string]string{"team": "vision"}}
	for _, c := range []struct {
		expr    string
		met     bool
		unknown string
	}{
		{`device.memory >= 40*GB`, true, ""},
		{`device.memory >= 40*GiB`, true, ""},
		{`device.memory >= 1.5*GB && device.free`, true, ""},
		{`device.memory >= 40.5`, true, ""},
		{`device.memory >= quantity("40Gi")`, true, ""},
		{`device.kind == "gpu" && device.labels.team == "vision"`, true, ""},
		{`device.labels["nope"] == "vision"`, false, ""},
		{`!(device.labels["nope"] == "vision")`, false, ""},
		{`"team" in device.labels && has(device.labels.team)`, true, ""},
		{`device.labels.exists(k, k.startsWith("te"))`, true, ""},
		{`device.cores > 1`, false, "cores"},
		{`!(device.cores > 1)`, false, "cores"},
		{`device.cores > 1 || device.free`, true, ""},
		{`device.cores > 1 && !device.free`, false, ""},
		{`device.cores in [1, 2] || device.speed < 5`, false, "cores"},
		{`device.model in ["A100", "H100"] && device.switch != "x"`, false, "switch"},
		{`device.model.lowerAscii().contains("a1") && device.model.matches("^A.*0$")`, true, ""},
	} {
		s, err := Compile(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if v := s.Match(gpu, true); v.Met != c.met || v.Unknown != c.unknown {
			t.Errorf("%s: met %v, unknown %q; want %v, %q", c.expr, v.Met, v.Unknown, c.met, c.unknown)
		}
	}
}
