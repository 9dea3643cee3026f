package selector

import (
	"fmt"
	"strings"
	"testing"

	"github.com/composa-dev/composa"
)

// BenchmarkMatch matches an expression against 10,000 devices.
func BenchmarkMatch(b *testing.B) {
	devices := make([]composa.Device, 10_000)
	all := rack()
	for i := range devices {
		devices[i] = *all[i%len(all)]
		devices[i].Name = fmt.Sprint("gpu", i)
	}
	for _, c := range []struct{ name, expr string }{
		{"comparisons", `device.kind == "gpu" && device.memory >= 40*GB && device.model.contains("A100")`},
		{"label", `device.labels.team == "vision"`},
		{"expression", `device.memory + 1 > 40*GB`},
		{"regular expression", `device.model.matches("^A[0-9]+")`},
		{"costly", `device.labels.exists(k, device.labels[k].contains("zz") || k.contains("zz"))`},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := Compile(c.expr)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				for i := range devices {
					s.Match(&devices[i], true)
				}
			}
		})
	}
}

// BenchmarkCompile reads expressions that are new, and one that is known.
func BenchmarkCompile(b *testing.B) {
	for _, c := range []struct{ name, expr string }{
		{"short", `device.memory >= 40*GB`},
		{"long", strings.TrimSuffix(strings.Repeat(`device.model != "A100" && `, 39), " && ")},
		{"brackets that do not end", strings.Repeat("(", 1000)},
		{"lists that do not end", strings.Repeat("[", 1000)},
		{"nots", strings.Repeat("!", 1000) + "true"},
		{"minuses", strings.Repeat("-", 1000) + "1"},
		{"choices", strings.Repeat("true?", 200)},
		{"maps", strings.Repeat("{1:", 300)},
		{"calls", strings.Repeat("has(", 250)},
		{"loops", strings.Repeat("[1].all(x,", 100)},
		{"dots", strings.Repeat("a.", 500)},
		{"quotes", strings.Repeat(`"`, 1001)},
		{"noise", strings.Repeat("(]{[)}", 170)},
		{"operators", strings.Repeat("1 < ", 250)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = compile(c.expr, false)
			}
		})
	}
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			if _, err := Compile(`device.memory >= 40*GB`); err != nil {
				b.Fatal(err)
			}
		}
	})
}
