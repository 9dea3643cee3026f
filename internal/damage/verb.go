package damage

import (
	"context"
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// counts is what each rack of the table holds. The last gpu and the last ssd are
// in a stranger's machine.
var counts = emulator.Counts{CPUs: 3, GPUs: 6, SSDs: 3, NICs: 1}

// The devices of the stranger.
var strangers = []string{"gpu5", "ssd2"}

// Verb is one thing that is asked of a site, on machines that stand already.
type Verb struct {
	Name string
	// stands are the machines that are there before, with their devices.
	stands []stand
	ask    func(ctx context.Context, s *Site) (*composa.Outcome, error)
	// device is one that the verb is about: what vanishes, is replaced, narrows.
	device string
}

type stand struct {
	name    string
	devices []string
}

// Verbs are those of the table.
func Verbs() []Verb {
	train := stand{"train", []string{"pcpu0", "gpu0", "gpu1", "ssd0"}}
	return []Verb{
		{"compose", nil, func(ctx context.Context, s *Site) (*composa.Outcome, error) { return s.compose(ctx, train) }, "gpu0"},
		{"plug", []stand{{"train", []string{"pcpu0", "gpu0"}}}, func(ctx context.Context, s *Site) (*composa.Outcome, error) {
			return s.server.intake.Plug(ctx, s.who, composa.PlugRequest{Asked: s.asked("train"), Entries: entries("gpu1", "ssd0")})
		}, "gpu1"},
		{"move", []stand{train, {"render", []string{"pcpu1", "gpu2"}}}, func(ctx context.Context, s *Site) (*composa.Outcome, error) {
			return s.server.intake.Move(ctx, s.who, composa.MoveRequest{Asked: s.asked("train"), Places: places("gpu1"), To: "render"})
		}, "gpu1"},
		{"free", []stand{train}, func(ctx context.Context, s *Site) (*composa.Outcome, error) {
			return s.server.intake.Free(ctx, s.who, composa.FreeRequest{Asked: s.asked("train")})
		}, "gpu1"},
	}
}

// VerbNamed is one of [Verbs].
func VerbNamed(name string) (Verb, error) {
	all := Verbs()
	i := slices.IndexFunc(all, func(v Verb) bool { return v.Name == name })
	if i < 0 {
		return Verb{}, fmt.Errorf("there is no verb %q", name)
	}
	return all[i], nil
}

func (s *Site) asked(machine string) composa.Asked {
	return composa.Asked{Project: s.project, Machine: machine}
}

func (s *Site) compose(ctx context.Context, m stand) (*composa.Outcome, error) {
	return s.server.intake.Compose(ctx, s.who, composa.ComposeRequest{
		Asked: s.asked(m.name), Spec: composa.Spec{Entries: entries(m.devices...)},
	})
}

// entries ask for devices of the first rack by name, a kind at a time.
func entries(names ...string) []composa.Entry {
	kinds := []struct {
		prefix string
		kind   composa.Kind
	}{{"pcpu", composa.KindCPU}, {"gpu", composa.KindGPU}, {"ssd", composa.KindSSD}}
	var out []composa.Entry
	for _, k := range kinds {
		var of []string
		for _, n := range names {
			if len(n) > len(k.prefix) && n[:len(k.prefix)] == k.prefix {
				of = append(of, n)
			}
		}
		if len(of) > 0 {
			out = append(out, composa.Entry{Kind: k.kind, Count: len(of), Places: places(of...)})
		}
	}
	return out
}

func places(names ...string) []composa.Place {
	var out []composa.Place
	for _, n := range names {
		out = append(out, composa.PlaceOf("rack1", n))
	}
	return out
}
