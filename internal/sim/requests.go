package sim

import (
	"fmt"
	"time"

	"github.com/composa-dev/composa"
)

var names = []string{"train", "render", "test", "quick"}

func (s *sim) name() string { return names[s.rng.IntN(len(names))] }

// request asks for something at random. What cannot be satisfied is refused;
// only an internal error is a failure.
func (s *sim) request() error {
	in := s.server.intake
	asked := composa.Asked{Project: s.project, Machine: s.name()}
	if s.rng.IntN(4) == 0 {
		asked.Timeout = time.Duration(1+s.rng.IntN(60)) * time.Second
	}
	kinds := []composa.Kind{composa.KindGPU, composa.KindSSD, composa.KindNIC}
	kind := kinds[s.rng.IntN(len(kinds))]
	var out *composa.Outcome
	var err error
	var what string
	switch n := s.rng.IntN(100); {
	case n < 45:
		what = "compose " + asked.Machine
		spec := composa.Spec{Entries: []composa.Entry{{Kind: composa.KindGPU, Count: 1 + s.rng.IntN(3)}}}
		if s.rng.IntN(2) == 0 {
			spec.Entries = append(spec.Entries, composa.Entry{Kind: kinds[1+s.rng.IntN(2)], Count: 1})
		}
		if s.rng.IntN(3) == 0 {
			spec.Power = composa.PowerWishKeep
		}
		spec.P2P = s.rng.IntN(5) == 0
		out, err = in.Compose(s.ctx, s.who, composa.ComposeRequest{Asked: asked, Spec: spec})
	case n < 60:
		what = "free " + asked.Machine
		out, err = in.Free(s.ctx, s.who, composa.FreeRequest{Asked: asked})
	case n < 72:
		what = fmt.Sprintf("plug %s to %s", kind, asked.Machine)
		out, err = in.Plug(s.ctx, s.who, composa.PlugRequest{Asked: asked, Entries: []composa.Entry{{Kind: kind, Count: 1 + s.rng.IntN(2)}}})
	case n < 82:
		what = fmt.Sprintf("unplug %s from %s", kind, asked.Machine)
		out, err = in.Unplug(s.ctx, s.who, composa.UnplugRequest{Asked: asked, Counts: map[composa.Kind]int{kind: 1}})
	case n < 90:
		what = "reshape " + asked.Machine
		out, err = in.Reshape(s.ctx, s.who, composa.ReshapeRequest{Asked: asked, Totals: map[composa.Kind]int{kind: s.rng.IntN(4)}})
	default:
		var places []composa.Place
		to := s.name()
		if places, err = s.movable(asked.Machine); err != nil {
			return err
		}
		what = fmt.Sprintf("move %v from %s to %s", places, asked.Machine, to)
		out, err = in.Move(s.ctx, s.who, composa.MoveRequest{Asked: asked, Places: places, To: to})
	}
	switch {
	case composa.CodeOf(err) == composa.CodeInternal:
		return fmt.Errorf("%s: %w", what, err)
	case err != nil:
		s.note("%s: refused: %v", what, err)
	case out.Operation != nil:
		s.note("%s: %s %s", what, out.Operation.ID, out.Operation.Phase)
	default:
		s.note("%s: already so", what)
	}
	return nil
}

// movable is a device of a machine that could be moved.
func (s *sim) movable(machine string) ([]composa.Place, error) {
	site, err := s.site()
	if err != nil {
		return nil, err
	}
	m := site.MachineNamed(s.project, machine)
	if m == nil {
		return nil, nil
	}
	for _, b := range site.Binding(m.ID) {
		if b.Device.Kind == composa.KindGPU {
			return []composa.Place{composa.PlaceOf(fabricName, b.Device.Name)}, nil
		}
	}
	return nil, nil
}

// cancel asks for a random operation to end.
func (s *sim) cancel() error {
	open, err := s.open()
	if err != nil || len(open) == 0 {
		return err
	}
	op := open[s.rng.IntN(len(open))]
	_, err = s.server.intake.Cancel(s.ctx, s.who, op.ID)
	s.note("cancel %s: %v", op.ID, err)
	if composa.CodeOf(err) == composa.CodeInternal {
		return err
	}
	return nil
}

// decide ends the holding of a random operation.
func (s *sim) decide() error {
	held, err := s.held()
	if err != nil || len(held) == 0 {
		return err
	}
	op := held[s.rng.IntN(len(held))]
	if s.rng.IntN(2) == 0 {
		_, err = s.server.intake.Undo(s.ctx, s.who, op.ID)
	} else {
		_, err = s.server.intake.Retry(s.ctx, s.who, op.ID)
	}
	s.note("decide on %s: %v", op.ID, err)
	if composa.CodeOf(err) == composa.CodeInternal {
		return err
	}
	return nil
}

// open are the operations that have not ended.
func (s *sim) open() ([]composa.Operation, error) {
	site, err := s.site()
	if err != nil {
		return nil, err
	}
	return site.Operations, nil
}

func (s *sim) held() ([]composa.Operation, error) {
	open, err := s.open()
	var out []composa.Operation
	for _, op := range open {
		if op.Phase == composa.PhaseHeld {
			out = append(out, op)
		}
	}
	return out, err
}
