package selector

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
)

func TestMain(m *testing.M) {
	checks := "100"
	if os.Getenv("COMPOSA_PROVE") != "" {
		checks = "20000"
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// numeral is a constant number as people write them; only whole ones can be
// equal to a field.
func numeral(t *rapid.T, order string) string {
	whole := []*rapid.Generator[string]{
		rapid.Map(rapid.IntRange(-2, 130), func(n int) string { return fmt.Sprint(n) }),
		rapid.Map(rapid.IntRange(0, 100), func(n int) string { return fmt.Sprintf("%d*GB", n) }),
		rapid.SampledFrom([]string{"100*Gb", `quantity("40Gi")`, "3840*GB", "2*32", "9223372036854775807"}),
	}
	if order != "==" && order != "!=" {
		whole = append(whole,
			rapid.Map(rapid.IntRange(0, 100), func(n int) string { return fmt.Sprintf("%d.5*GiB", n) }),
			rapid.SampledFrom([]string{"1.5", "-0.5", "42949672960.5", "1e300", "-1e300", "3.84*TB", "1.0/0.0", "-1.0/0.0", "9223372036854775807.0", "-9223372036854775808.0", "-9.3e18"}))
	}
	return rapid.OneOf(whole...).Draw(t, "number")
}

// condition writes an expression that gives yes or no, nested up to depth.
func condition(t *rapid.T, depth int) string {
	inner := func() string { return condition(t, depth-1) }
	text := func() string {
		return "device." + rapid.SampledFrom([]string{"kind", "model", "vendor", "fabric", "place", "switch", "health"}).Draw(t, "text")
	}
	number := func() string {
		return "device." + rapid.SampledFrom([]string{"memory", "size", "cores", "threads", "lanes", "speed"}).Draw(t, "field")
	}
	// Of kind and health only the names are taken that there are.
	word := func(of string) string {
		words := []string{`"A100"`, `"NVIDIA"`, `"s0"`, `"rack1"`, `""`, `"rack1/gpu0"`}
		switch of {
		case "device.kind":
			words = []string{`"gpu"`, `"cpu"`, `"ssd"`}
		case "device.health":
			words = []string{`"ok"`, `"degraded"`}
		}
		return rapid.SampledFrom(words).Draw(t, "word")
	}
	most := 8
	if depth > 0 {
		most = 13
	}
	order := rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="}).Draw(t, "order")
	switch rapid.IntRange(0, most).Draw(t, "form") {
	case 0:
		return number() + " " + order + " " + numeral(t, order)
	case 1:
		return numeral(t, order) + " " + order + " " + number()
	case 2:
		of := text()
		return of + " " + order + " " + word(of)
	case 3:
		of := text()
		return of + " in [" + word(of) + ", " + word(of) + "]"
	case 4:
		of := text()
		return of + "." + rapid.SampledFrom([]string{"contains", "startsWith", "endsWith"}).Draw(t, "function") + "(" + word(of) + ")"
	case 5:
		return rapid.SampledFrom([]string{
			`device.free`, `true`, `false`, `device.labels.team == "vision"`, `device.labels.team.contains("is")`, `device.labels["a" + "b"] == ""`, `"vision" == device.labels.team`, `device.labels["lab"] != "b"`, `"team" in device.labels`,
			`has(device.labels.team)`, `device.labels.exists(k, device.labels[k] == "b")`, `device.labels.size() > 1`,
		}).Draw(t, "whole")
	case 6:
		return number() + " + " + number() + " " + order + " " + numeral(t, order)
	case 7:
		return number() + " / " + rapid.SampledFrom([]string{"0", "2", "device.lanes"}).Draw(t, "by") + " " + order + " 20"
	case 8:
		return text() + `.matches("^[A-R].*0")`
	case 9:
		return "!(" + inner() + ")"
	case 10:
		return "(" + inner() + " && " + inner() + ")"
	case 11:
		return "(" + inner() + " || " + inner() + ")"
	case 12:
		return "(" + inner() + " ? " + inner() + " : " + inner() + ")"
	}
	return "(" + inner() + ") == (" + inner() + ")"
}

// anyDevice is a device of which a fabric may tell nothing.
func anyDevice(t *rapid.T) *composa.Device {
	text := func(name string, of ...string) string { return rapid.SampledFrom(append(of, "")).Draw(t, name) }
	number := func(name string, of ...int64) int64 { return rapid.SampledFrom(append(of, 0, 0)).Draw(t, name) }
	d := &composa.Device{
		Fabric: "rack1", Name: "gpu0", Kind: rapid.SampledFrom(composa.Kinds()).Draw(t, "kind"),
		Health: composa.Health(text("health", "ok", "degraded")),
		Facts: composa.Facts{
			Vendor: text("vendor", "NVIDIA", "AMD"), Model: text("model", "A100", "A40"), Switch: text("switch", "s0", "s1"),
			Memory: number("memory", 40*gb, 40*gib, 1<<62), Size: number("size", 3840*gb, 960*gb), Speed: number("speed", 100*gb, 25*gb),
			Cores: int(number("cores", 64, 28)), Threads: int(number("threads", 128)), Lanes: int(number("lanes", 4, 16)),
		},
	}
	for _, k := range []string{"team", "lab"} {
		if v := text(k, "vision", "b"); v != "" {
			if d.Labels == nil {
				d.Labels = map[string]string{}
			}
			d.Labels[k] = v
		}
	}
	return d
}

func must(t *rapid.T, expr string) *Selector {
	s, err := compile(expr, false)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

// whole evaluates all of an expression by CEL.
func whole(t *rapid.T, expr string) (program, uint64) {
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	checked, issues := env.Compile(expr)
	if issues.Err() != nil {
		t.Fatalf("%s: %v", expr, issues.Err())
	}
	estimate, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := env.Program(checked, cel.CostTracking(nil))
	if err != nil {
		t.Fatal(err)
	}
	return program{p}, estimate.Max
}

func TestPartsSayWhatTheWholeSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr, d, free := condition(t, 3), anyDevice(t), rapid.Bool().Draw(t, "free")
		if len(expr) > MaxExpression {
			t.Skip("too long")
		}
		split := must(t, expr).root.of(d, free, nil)
		p, most := whole(t, expr)
		val, details, _ := p.Eval(&view{device: d, free: free})
		if cel := truthOf(val); split.is != cel.is {
			t.Errorf("%s: %+v by parts, %+v as a whole", expr, split, cel)
		}
		if cost := details.ActualCost(); cost != nil && *cost > most {
			t.Errorf("%s: it cost %d, and was estimated to cost at most %d", expr, *cost, most)
		}
	})
}

func TestWhatIsNotToldNeverMatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr, d, free := condition(t, 2), anyDevice(t), rapid.Bool().Draw(t, "free")
		e := must(t, expr).Match(d, free)
		not := must(t, "!("+expr+")").Match(d, free)
		if e.Met && not.Met {
			t.Errorf("%s: both it and its negation match", expr)
		}
		if e.Unknown != "" && (e.Met || not.Met || not.Unknown != e.Unknown) {
			t.Errorf("%s: %+v; its negation %+v; want that neither matches and both lack the same", expr, e, not)
		}
		if both := must(t, "("+expr+") && !("+expr+")").Match(d, free); both.Met {
			t.Errorf("%s matches with its negation", expr)
		}
		if !must(t, "("+expr+") || true").Match(d, free).Met {
			t.Errorf("(%s) || true does not match", expr)
		}
	})
}

// A field that decides is taken away: the device no longer matches, under
// negation neither.
func TestAFieldThatIsTakenAwayMatchesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDevice(t)
		d.Facts.Memory = 0
		d.Kind = composa.KindGPU
		order := rapid.SampledFrom([]string{"==", "!=", "<", ">="}).Draw(t, "order")
		expr := "device.memory " + order + " " + numeral(t, order)
		for _, e := range []string{expr, "!(" + expr + ")", "!!(" + expr + ")", "(" + expr + ") == false", "(" + expr + ") ? false : true", expr + " && true", expr + " || false"} {
			if v := must(t, e).Match(d, true); v.Met || v.Unknown != "memory" {
				t.Errorf("%s: %+v; want that memory is not known", e, v)
			}
		}
	})
}

func FuzzSelector(f *testing.F) {
	for _, expr := range published(f) {
		f.Add(expr.text, uint8(1), true)
	}
	devices := rack()
	f.Fuzz(func(t *testing.T, expr string, n uint8, free bool) {
		s, err := compile(expr, n%2 == 0)
		if err != nil {
			if composa.CodeOf(err) == composa.CodeInternal || strings.TrimSpace(err.Error()) == "" {
				t.Fatalf("%q: %v", expr, err)
			}
			return
		}
		d := devices[int(n)%len(devices)]
		first := s.Match(d, free)
		if again := s.Match(d, free); again != first {
			t.Fatalf("%q says %+v and then %+v", expr, first, again)
		}
		if first.Met && first.Unknown != "" || d.Facts.Learning && first.Met {
			t.Fatalf("%q: %+v", expr, first)
		}
		negated, err := compile("!("+expr+")", n%2 == 0)
		if err != nil {
			return // too long or too deep by that
		}
		if v := negated.Match(d, free); v.Met && (first.Met || first.Unknown != "") {
			t.Fatalf("%q: %+v; negated: %+v", expr, first, v)
		}
	})
}
