package liqid

import (
	"encoding/json"
	"testing"
	"time"
)

// CLI is a public command-line tool for 2.x: liqid-api.md 2.2, 5.2 and 6.6. It
// signs in nowhere, looks at no status, and decodes into types made from the
// replies of a real 2.5 system; what does not fit ends it.

// TestCLI: "version with RFC 3339 date; group/details/{id} numeric fields as ints
// except cpu-frequency (float) and total-throughput (string);
// devices/count?fabr_id=; ignore group?parameters=; POST system/state/reset; no auth".
func TestCLI(t *testing.T) {
	p := meet(t, Config{API: "2.5"})
	sent := []string{"Accept", "application/json", "Content-Type", "application/json"} // on GET too
	versions := ask[struct {
		Component, Branch, Changeset, Version string
		Date                                  time.Time
		Short                                 string `json:"changeset_short"`
		DateShort                             string `json:"date_short"`
	}](p, "GET", "version", nil, sent...)
	if len(versions) != 9 || versions[0].Component == "" || versions[0].Version == "" || versions[0].Date.IsZero() {
		t.Errorf("version %+v", versions) // nine components are how it knows a 2.5
	}
	fabric := askOne[int](p, "GET", "fabric/id", nil, sent...)
	type counts struct {
		Comp *int `json:"comp_cnt"`
		Targ *int `json:"targ_cnt"`
		Link *int `json:"link_cnt"`
		GPU  *int `json:"gpu_cnt"`
		PLX  *int `json:"plx_cnt"`
		FPGA *int `json:"fpga_cnt"`
	}
	if c := askOne[counts](p, "GET", "devices/count?fabr_id=1", nil, sent...); c.Comp == nil || c.Targ == nil || c.Link == nil || *c.GPU != 8 || c.PLX == nil || c.FPGA == nil {
		t.Errorf("counts %+v", c)
	}
	for _, name := range []string{"first", "second"} {
		id := askOne[int](p, "GET", "group/nextid", nil, sent...)
		p.do("POST", "group", record{"fabr_id": fabric, "group_name": name, "grp_id": id, "pod_id": -1}, "Content-Type", "application/json")
	}
	for i, g := range ask[record](p, "GET", "group?parameters=grp_id%3D1", nil, sent...) { // the fabric's id, meant as a group's
		if g["group_name"] != []string{"first", "second"}[i] {
			t.Errorf("group %v", g)
		}
	}
	must[any](t, p.d, "DELETE", "group/1", "")
	compose(t, p.d, "pcpu0", "gpu0", "ssd0", "link0")
	details := askOne[struct {
		GrpID      int     `json:"grp_id"`
		Name       string  `json:"group_name"`
		Frequency  float64 `json:"cpu-frequency"`
		CPUs       int     `json:"cpu-count"`
		Lanes      int     `json:"cpu-lanes"`
		Cores      int     `json:"cpu-core-count"`
		DRAM       int     `json:"total-dram"`
		NICs       int     `json:"network-adapter-count"`
		Throughput string  `json:"total-throughput"`
		Drives     int     `json:"storage-drive-count"`
		Capacity   int     `json:"total-capacity"`
		GPUs       *int    `json:"gpu-count"`
		GPUCores   int     `json:"gpu-cores"`
		Machines   int     `json:"total-machines"`
	}](p, "GET", "group/details/1", nil, sent...)
	if details.CPUs != 1 || details.GPUs == nil || *details.GPUs != 1 || details.Drives != 1 || details.Machines != 1 || details.Throughput == "" {
		t.Errorf("details %+v", details)
	}
	machine := askOne[record](p, "GET", "machine/details/1", nil, sent...)
	for _, key := range []string{"fabric-connect", "boot_image", "ip_address"} { // null on the real system
		if v, there := machine[key]; !there || v != nil {
			t.Errorf("%s is %v", key, v)
		}
	}
	askOne[record](p, "POST", "system/state/reset", "", "Content-Type", "application/json")
	if left := ask[record](p, "GET", "group", nil); len(left) != 0 {
		t.Errorf("after the reset: %v", left)
	}
	p.blameless()
}

// TestCLIOn24: a director of 2.4 has one element in version, with a number for
// each of four daemons (1.4).
func TestCLIOn24(t *testing.T) {
	p := meet(t, Config{API: "2.4"})
	v := askOne[map[string]json.RawMessage](p, "GET", "version", nil)
	for _, daemon := range []string{"liqcfgd-version", "liqmond-version", "liqmgt-version", "ui-version"} {
		var n struct{ Major, Minor, Patch, Number *int }
		if err := json.Unmarshal(v[daemon], &n); err != nil || n.Major == nil || *n.Major != 2 || *n.Minor != 4 || n.Patch == nil || n.Number == nil {
			t.Errorf("%s is %+v", daemon, n)
		}
	}
}

// TestCLIKeyOrder: the keys of status come in the order of real replies, type
// first, data before errors before code (2.0, 1.4).
func TestCLIKeyOrder(t *testing.T) {
	p := meet(t, Config{})
	var order []string
	d := json.NewDecoder(bytesOf(p.do("GET", "status/gpu", nil)))
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if depth == 2 || (depth == 4 && len(order) < 4) {
				order = append(order, v)
			}
		}
	}
	want := []string{"data", "type", "GpuDeviceStatus", "index"}
	for i := range want {
		if i >= len(order) || order[i] != want[i] {
			t.Fatalf("keys come as %v, want %v first", order, want)
		}
	}
	if last := order[len(order)-2:]; last[0] != "errors" || last[1] != "code" {
		t.Errorf("keys end with %v", last)
	}
}
