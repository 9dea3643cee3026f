package damage

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// request asks for something at random.
func (s *storm) request(ctx context.Context, rng *rand.Rand) {
	names := []string{"train", "render", "test", "quick"}
	asked := s.asked(names[rng.IntN(len(names))])
	if rng.IntN(4) == 0 {
		asked.Timeout = time.Duration(5+rng.IntN(120)) * time.Second
	}
	gpus := []composa.Entry{{Kind: composa.KindGPU, Count: 1 + rng.IntN(2)}}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	in := s.server.intake
	var out *composa.Outcome
	var err error
	var what string
	switch n := rng.IntN(100); {
	case n < 40:
		what = "compose"
		spec := composa.Spec{Entries: gpus}
		if rng.IntN(2) == 0 {
			spec.Entries = append(spec.Entries, composa.Entry{Kind: composa.KindSSD, Count: 1})
		}
		out, err = in.Compose(ctx, s.who, composa.ComposeRequest{Asked: asked, Spec: spec})
	case n < 60:
		what = "free"
		out, err = in.Free(ctx, s.who, composa.FreeRequest{Asked: asked})
	case n < 75:
		what = "plug"
		out, err = in.Plug(ctx, s.who, composa.PlugRequest{Asked: asked, Entries: gpus})
	case n < 82:
		what = "unplug"
		out, err = in.Unplug(ctx, s.who, composa.UnplugRequest{Asked: asked, Counts: map[composa.Kind]int{composa.KindGPU: 1}})
	case n < 92:
		what = "move"
		site, readErr := s.now(ctx)
		if readErr != nil {
			s.says("the store cannot be read: %v", readErr)
			return
		}
		from := site.MachineNamed(s.project, asked.Machine)
		if from == nil {
			return
		}
		var moving []composa.Place
		for _, b := range site.Binding(from.ID) {
			if b.Device.Kind == composa.KindGPU {
				moving = []composa.Place{composa.PlaceOf(from.Fabric, b.Device.Name)}
			}
		}
		out, err = in.Move(ctx, s.who, composa.MoveRequest{Asked: asked, Places: moving, To: names[rng.IntN(len(names))]})
	default:
		site, readErr := s.now(ctx)
		if readErr != nil || len(site.Operations) == 0 {
			return
		}
		what = "cancel"
		_, err = in.Cancel(ctx, s.who, site.Operations[rng.IntN(len(site.Operations))].ID)
	}
	switch {
	case composa.CodeOf(err) == composa.CodeInternal:
		s.says("%s %s: %v", what, asked.Machine, err)
	case err == nil && out != nil && out.Operation != nil:
		s.note("%s %s: %s", what, asked.Machine, out.Operation.ID)
		s.mu.Lock()
		s.accepted = append(s.accepted, out.Operation.ID)
		s.mu.Unlock()
	default:
		s.note("%s %s: %v", what, asked.Machine, err)
	}
}

// rival takes what is free, or gives something of his back.
func (s *storm) rival(rng *rand.Rand) {
	r := s.racks[rng.IntN(len(s.racks))]
	snap := r.director.Snapshot()
	d := snap.Devices[rng.IntN(len(snap.Devices))]
	switch {
	case d.Gone || d.Kind == emulator.CPU:
	case d.Group == 0:
		m, err := r.director.Rival().Take(d.Name)
		s.note("RIVAL takes %s/%s into %d: %v", r.name, d.Name, m, err)
	case !s.oursGroup(snap, d.Group):
		s.mu.Lock()
		s.released[string(r.name)+"/"+d.Name] = true
		s.mu.Unlock()
		s.note("RIVAL gives %s/%s back: %v", r.name, d.Name, r.director.Rival().Release(d.Name))
	}
}

func (s *storm) oursGroup(snap emulator.Snapshot, group int) bool {
	t := truth{snap: snap, mark: composa.GroupMark(s.id)}
	return t.ours(group)
}

// restart kills the server and starts it again.
func (s *storm) restart(ctx context.Context) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.res.Kills++
	s.note("KILL")
	s.Kill()
	if err := s.Start(ctx); err != nil {
		s.says("the server does not start: %v", err)
	}
}
