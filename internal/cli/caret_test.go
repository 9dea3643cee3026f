package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa/api"
)

// What is typed wrong is shown with a caret under the place.
func TestCarets(t *testing.T) {
	want := func(kind, text string) error { _, err := parseWant(`cannot compose "x"`, kind, text); return err }
	places := func(text string) error { _, err := parsePlaces("IDS", text); return err }
	least := func(text string) error { _, _, _, err := parseMin(`cannot compose "x"`, text); return err }
	where := func(text string) error { _, _, err := parseWhere(`cannot compose "x"`, text); return err }
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"no count", want("gpu", "A100:x"), "--gpu A100:x\n           ^"},
		{"no model", want("gpu", ":4"), "--gpu :4\n      ^"},
		{"neither", want("gpu", "gpu3"), "--gpu gpu3\n      ^"},
		{"range backwards", places("rack1/gpu[0,7-4]"), "rack1/gpu[0,7-4]\n            ^"},
		{"brackets", places("rack1/gpu]"), "rack1/gpu]\n         ^"},
		{"open bracket", places("rack1/gpu[1"), "rack1/gpu[1\n           ^"},
		{"odd character", places("rack1/gp?3"), "rack1/gp?3\n        ^"},
		{"no kind", least("gpuu.memory=1"), "--min gpuu.memory=1\n      ^"},
		{"no field", least("gpu=1"), "--min gpu=1\n         ^"},
		{"other field", least("gpu.size=1"), "--min gpu.size=1\n          ^"},
		{"no quantity", least("gpu.memory="), "--min gpu.memory=\n                 ^"},
		{"no kind of where", where("device.free"), "--where device.free\n        ^"},
		{"no condition", where("gpu:"), "--where gpu:\n            ^"},
	} {
		if diff := cmp.Diff(tt.want, strings.Join(failureOf(tt.err).lines, "\n")); tt.err == nil || diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	long := wrong("cannot").at(strings.Repeat("a", 300)+"é!"+strings.Repeat("b", 300), 302)
	if diff := cmp.Diff([]string{"…" + strings.Repeat("a", 31) + "é!" + strings.Repeat("b", 31) + "…", strings.Repeat(" ", 33) + "^"}, long.lines); diff != "" {
		t.Error(diff)
	}
	if f := wrong("cannot").at("abc", 9); len(f.lines) != 0 {
		t.Errorf("a place that is nowhere is shown as %q", f.lines)
	}
}

// What the server says of a condition is told in terms of the flag.
func TestErrorsOfConditionsPointIntoTheFlag(t *testing.T) {
	said := ofProblem(api.Problem{Code: "invalid", Detail: "cannot read the request: body.devices[1].where: …", Next: "did you mean device.memory?",
		Errors: []api.ProblemPlace{{Location: "body.devices[1].where", Message: `cannot read where "device.memry > 1": 1:8: there is no device.memry`}}})
	wants := []api.Want{{Kind: "cpu", Count: 1}, {Kind: "gpu", Count: 1, Where: "device.memry > 1"}}
	got := failureOf(pointed(said, `cannot compose "x"`, wants)).text()
	want := `cannot compose "x": --where gpu: there is no device.memry
  device.memry > 1
         ^
did you mean device.memory?
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	said = ofProblem(api.Problem{Code: "invalid", Errors: []api.ProblemPlace{{Location: "body.devices[1].min.memory", Message: `cannot read quantity "40GX": "GX" is no unit`}}})
	wants[1].Min = map[string]any{"memory": "40GX"}
	got = failureOf(pointed(said, `cannot compose "x"`, wants)).text()
	want = `cannot compose "x": cannot read quantity "40GX": "GX" is no unit
  --min gpu.memory=40GX
                   ^
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	other := ofProblem(api.Problem{Code: "invalid", Detail: "cannot read the request", Errors: []api.ProblemPlace{{Location: "body.devices[9].where", Message: "x"}}})
	if got := pointed(other, "cannot", wants); got != error(other) {
		t.Errorf("an error about something else is told as %v", got)
	}
}

func TestConditionsGoToTheirKinds(t *testing.T) {
	c := conditions{min: []string{"gpu.memory=40GB", "cpu.cores=8"}, where: []string{"gpu:device.lanes == 16"}}
	got, err := c.apply("cannot", []api.Want{{Kind: "gpu", Count: 2}, {Kind: "gpu", Count: 1, Model: "A100"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []api.Want{
		{Kind: "cpu", Count: 1, Min: map[string]any{"cores": "8"}},
		{Kind: "gpu", Count: 2, Min: map[string]any{"memory": "40GB"}, Where: "device.lanes == 16"},
		{Kind: "gpu", Count: 1, Model: "A100", Min: map[string]any{"memory": "40GB"}, Where: "device.lanes == 16"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []conditions{
		{min: []string{"cpu.cores=8"}}, {where: []string{"nic:device.free"}}, {min: []string{"gpu.memory=1", "gpu.memory=2"}}, {where: []string{"gpu:true", "gpu:false"}},
		{where: []string{"gpu:" + strings.Repeat("x", maxExpression+1)}},
	} {
		if _, err := bad.apply("cannot plug", []api.Want{{Kind: "gpu", Count: 1}}, false); err == nil || failureOf(err).exit != exitUsage {
			t.Errorf("%+v gives %v", bad, err)
		}
	}
}
