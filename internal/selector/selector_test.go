package selector

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

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
		{`40*GiB <= device.memory`, true, ""},
		{`40*GiB < device.memory`, false, ""},
		{`device.memory >= 1.5*GB && device.free`, true, ""},
		{`device.memory >= 40.5 && device.memory < 2*40.5*GiB`, true, ""},
		{`device.memory >= quantity("40Gi")`, true, ""},
		{`device.kind == "gpu" && device.labels.team == "vision"`, true, ""},
		{`device.labels["nope"] == "vision"`, false, ""},
		{`!(device.labels["nope"] == "vision")`, false, ""},
		{`device.labels["nope"] == "vision" || device.free`, true, ""},
		{`"team" in device.labels && has(device.labels.team) && !has(device.labels.lab)`, true, ""},
		{`device.labels.exists(k, k.startsWith("te"))`, true, ""},
		{`device.labels.all(k, device.labels[k] == "vision")`, true, ""},
		{`device.cores > 1`, false, "cores"},
		{`!(device.cores > 1)`, false, "cores"},
		{`device.cores != 1`, false, "cores"},
		{`device.cores > 1 || device.free`, true, ""},
		{`device.cores > 1 && !device.free`, false, ""},
		{`device.cores > 1 ? true : true`, false, "cores"},
		{`device.cores in [1, 2] || device.speed < 5`, false, "cores"},
		{`device.speed < 5 || device.labels.nope == "x" || device.cores + 1 > 3`, false, "cores"},
		{`device.model in ["A100", "H100"] && device.switch != "x"`, false, "switch"},
		{`device.model.lowerAscii().contains("a1") && device.model.matches("^A.*0$")`, true, ""},
		{`device.memory / 0 > 1`, false, ""},
		{`!(device.memory / 0 > 1)`, false, ""},
		{`device.memory * 9223372036854775807 > 1 || true`, true, ""},
		{`device.place == "rack1/gpu3" && device.fabric == "rack1"`, true, ""},
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

func TestADeviceWhoseDetailsAreNotReadMatchesNothing(t *testing.T) {
	d := &composa.Device{Fabric: "rack1", Name: "gpu3", Kind: composa.KindGPU, Facts: composa.Facts{Learning: true}}
	for _, expr := range []string{`true`, `device.kind == "gpu"`, `device.memory > 1 || device.free`} {
		s, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		if v := s.Match(d, true); v != (Verdict{Unknown: Details}) {
			t.Errorf("%s: %+v; want that its details are not known", expr, v)
		}
	}
}

func TestNearMiss(t *testing.T) {
	gpu := &composa.Device{Kind: composa.KindGPU, Health: composa.HealthOK, Facts: composa.Facts{Model: "A100", Memory: 39 * gb, Lanes: 8}}
	for _, c := range []struct {
		expr string
		want Miss
	}{
		{`device.memory >= 40*GB`, Miss{"memory", ">=", 39e9, 40e9, true}},
		{`40*GB <= device.memory && device.model == "A100"`, Miss{"memory", ">=", 39e9, 40e9, true}},
		{`device.lanes >= 8 && (device.memory > 39.5*GB && device.free)`, Miss{"memory", ">", 39e9, 39.5e9, true}},
		{`device.lanes > 8 && device.memory > 40*GB`, Miss{}},        // two are missed
		{`device.memory >= 40*GB && device.model == "H100"`, Miss{}}, // another is not met
		{`device.memory >= 40*GB && device.cores > 1`, Miss{}},       // another is not known
		{`device.memory >= 40*GB || device.lanes > 8`, Miss{}},       // either would do
		{`!(device.memory < 40*GB)`, Miss{}},                         // no plain comparison
		{`device.memory > 39*GB`, Miss{"memory", ">", 39e9, 39e9, true}},
		{`39*GB > device.memory`, Miss{"memory", "<", 39e9, 39e9, true}},
		{`device.memory <= 38999999999.5`, Miss{"memory", "<=", 39e9, 39e9 - 1, true}},
		{`device.memory > 39000000000.5`, Miss{"memory", ">=", 39e9, 39e9 + 1, true}},
		{`device.memory != 39*GB`, Miss{}}, // missed by no amount
		{`device.memory == 40*GB`, Miss{}},
		{`device.memory >= 39*GB`, Miss{}},                                                           // met
		{`device.memory / 2 > 20*GB`, Miss{}},                                                        // no plain comparison
		{`device.memory >= 40*GB && device.labels.team == "a"`, Miss{}},                              // another cannot be told
		{`device.memory >= 40*GB && device.memory <= 40*GB`, Miss{"memory", ">=", 39e9, 40e9, true}}, // one of two
	} {
		s, err := Compile(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, s.Match(gpu, true).Miss); diff != "" {
			t.Errorf("%s: %s", c.expr, diff)
		}
	}
}

func TestLimits(t *testing.T) {
	long := func(n int) string {
		return `device.model != "` + strings.Repeat("x", n-len(`device.model != ""`)) + `"`
	}
	brackets := func(n int) string { return strings.Repeat("(", n) + "device.free" + strings.Repeat(")", n) }
	sum := func(n int) string { return "device.cores > " + strings.Repeat("1+", n) + "1" }
	list := func(n int) string {
		return `device.model in [` + strings.TrimSuffix(strings.Repeat(`"a",`, n), ",") + `]`
	}
	pattern := func(n int) string { return fmt.Sprintf(`device.model.matches("^[ab]{%d}$")`, n) }
	costly := func(n int) string {
		return strings.Repeat(`device.labels.exists(k,k=="b")||`, 5) + strings.Repeat("1>2||", n) + "device.free"
	}
	for _, c := range []struct {
		name, good, bad, why string
	}{
		{"characters", long(MaxExpression), long(MaxExpression + 1), "1025 characters, 1024 are allowed"},
		{"brackets", brackets(MaxDepth), brackets(MaxDepth + 1), "nested too deeply: 32 levels are allowed"},
		{"sums", sum(20), sum(200), "nested too deeply"},
		{"a list is bounded by characters", list(250), list(260), "characters"},
		{"regular expressions", pattern(MaxRegexp - 4), pattern(MaxRegexp - 3), "regular expression is too large"},
		{"cost", costly(69), costly(70), "it may cost 2001 for one device, 2000 are allowed"},
		{"nested cost", `device.labels.exists(k, k == "x")`, `device.labels.exists(k, device.labels.exists(j, j == k))`, "2000 are allowed"},
		{"loops", `[1].all(x, [1].all(y, x == y))`, `[1].all(x, [1].all(y, [1].all(z, z == x)))`, "2 levels are allowed"},
		{"concatenation", `device.model + device.model != ""`, strings.Repeat(`device.labels.a+`, 18) + `"" == ` + strings.Repeat(`device.labels.b+`, 18) + `""`, "are allowed"},
	} {
		if _, err := Compile(c.good); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		_, err := Compile(c.bad)
		if composa.CodeOf(err) != composa.CodeInvalid || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %.300v; want an invalid request that tells %q", c.name, err, c.why)
		}
	}
}

func TestCostIsBoundedWhileItIsEvaluated(t *testing.T) {
	s, err := Compile(`device.labels.exists(k, device.labels[k].contains("zz"))`)
	if err != nil {
		t.Fatal(err)
	}
	d := &composa.Device{Kind: composa.KindGPU, Labels: map[string]string{}}
	for i := range 10 * composa.MaxLabels { // more than the site allows
		d.Labels[fmt.Sprint("label", i)] = strings.Repeat("z ", 500)
	}
	if v := s.Match(d, true); v != (Verdict{}) {
		t.Errorf("an evaluation past the limit says %+v; want no match", v)
	}
	d.Labels = map[string]string{"a": "zz"}
	if !s.Match(d, true).Met {
		t.Error("a device with few labels does not match")
	}
}

func TestARunOverManyDevicesIsBounded(t *testing.T) {
	d := &composa.Device{Kind: composa.KindGPU, Labels: map[string]string{}}
	for i := range composa.MaxLabels {
		d.Labels[fmt.Sprint("label", i)] = strings.Repeat("z ", 120)
	}
	costly, err := Compile(`device.kind == "gpu" && !device.labels.exists(k, device.labels[k].contains("zz"))`)
	if err != nil {
		t.Fatal(err)
	}
	run, found := costly.Run(), 0
	for range 100_000 {
		if run.Match(d, true).Met {
			found++
		}
	}
	if composa.CodeOf(run.Err()) != composa.CodeInvalid || found < 500 || found > 10_000 {
		t.Errorf("%d devices were found, %v; want that the run ended", found, run.Err())
	}
	for _, expr := range []string{`device.kind == "gpu" && device.labels.label1 != "x"`, `device.labels.size() > 0`} {
		plain, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		run, found = plain.Run(), 0
		for range 50_000 {
			if run.Match(d, true).Met {
				found++
			}
		}
		if run.Err() != nil || found != 50_000 {
			t.Errorf("%s: %d devices, %v", expr, found, run.Err())
		}
	}
	if _, _, err := Pool(costly.String()); composa.CodeOf(err) != composa.CodeInvalid {
		t.Errorf("a pool of that: %v; want that it is refused", err)
	}
}

func TestSerialsAreForThoseWhoMaySeeThem(t *testing.T) {
	for _, expr := range []string{`device.serial == "SN100"`, `device.free || device.ipmi == "192.0.2.10"`} {
		if _, err := Compile(expr); composa.CodeOf(err) != composa.CodeNotAllowed {
			t.Errorf("%s: %v; want not allowed", expr, err)
		}
		s, err := CompileFor(expr, true)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Match(rack()[0], true).Met {
			t.Errorf("%s does not match cpu0", expr)
		}
		// What was compiled for one is not given to the other.
		if _, err := Compile(expr); composa.CodeOf(err) != composa.CodeNotAllowed {
			t.Errorf("%s after it was kept: %v; want not allowed", expr, err)
		}
	}
}

func TestProblemTellsThePlace(t *testing.T) {
	_, err := Compile("device.free &&\n\tdevice.memry > 2")
	var p *Problem
	if !errors.As(err, &p) {
		t.Fatalf("%v has no place", err)
	}
	want := &Problem{Expr: p.Expr, Line: 2, Column: 9, Text: "device has no field memry: did you mean memory?"}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{" device.memry > 2", "        ^"}, p.Lines()); diff != "" {
		t.Error(diff)
	}
	// Columns are characters, not bytes.
	_, err = Compile(`device.model == "Ümläut" && memory > 2`)
	if !errors.As(err, &p) || p.Column != 29 {
		t.Errorf("%v; want column 29", err)
	}
}

// Callers who come with one new text wait for one of them, also when it is
// refused. What is too long is refused at once and not kept.
func TestAnExpressionIsCompiledOnce(t *testing.T) {
	for _, expr := range []string{"device.cores >= 4242", "device.cores >= forty-two"} {
		var all sync.WaitGroup
		selectors, errs := make([]*Selector, 16), make([]error, 16)
		for i := range errs {
			all.Go(func() { selectors[i], errs[i] = Compile(expr) })
		}
		all.Wait()
		for i := range errs {
			if selectors[i] != selectors[0] || errs[i] != errs[0] {
				t.Errorf("%s: %p, %v; the first got %p, %v", expr, selectors[i], errs[i], selectors[0], errs[0])
			}
		}
	}
	before := cache.order.Len()
	if _, err := Compile(strings.Repeat("x", MaxExpression+1)); err == nil || cache.order.Len() != before {
		t.Errorf("%v; %d expressions are kept, %d before", err, cache.order.Len(), before)
	}
}

func TestPool(t *testing.T) {
	for expr, why := range map[string]string{
		`device.labels.team == "vision"`: "",
		`true`:                           "asks nothing of the device", `1 < 2 || false`: "asks nothing of the device",
		`device.free`: "what is free", `device.kind == "gpu" && device.health != "ok"`: "how its devices are",
		`device.labels.exists(k, device.labels[k] == "b")`: "200 are allowed in a pool",
	} {
		meets, cost, err := Pool(expr)
		if why != "" {
			if composa.CodeOf(err) != composa.CodeInvalid || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: %v; want %q", expr, err, why)
			}
			continue
		}
		if err != nil || cost < 1 || cost > MaxPoolCost || meets(rack()[2]) {
			t.Errorf("%s: %v, it costs %d", expr, err, cost)
		}
	}
}

func TestCacheIsBoundedAndSharedByGoroutines(t *testing.T) {
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range maxCached {
				s, err := Compile(fmt.Sprintf("device.cores >= %d", i+g+1))
				if err != nil {
					t.Error(err)
					return
				}
				d := &composa.Device{Facts: composa.Facts{Cores: i + g + 1}}
				if !s.Match(d, true).Met {
					t.Errorf("%s does not match %d cores", s, i+g+1)
				}
			}
		})
	}
	all.Wait()
	if n := cache.order.Len(); n != maxCached || len(cache.by) != n {
		t.Errorf("%d expressions are kept (%d by text), want %d", n, len(cache.by), maxCached)
	}
	first, _ := Compile("device.cores >= 1")
	for i := range maxCached - 1 {
		Compile(fmt.Sprintf("device.threads >= %d", i+1))
		Compile("device.cores >= 1")
	}
	if again, _ := Compile("device.cores >= 1"); again != first {
		t.Error("an expression that is used all the time was forgotten")
	}
}
