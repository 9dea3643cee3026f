package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver/memory"
)

// drain lets everything come to rest: nothing goes wrong any more and nobody
// else acts. Then others leave too, people decide on what is held, and that
// must come to an end as well.
func (s *sim) drain() error {
	s.note("DRAIN")
	s.quiet = true
	s.world.Advance()
	if err := s.settleDown(); err != nil {
		return err
	}
	if err := s.atRest(); err != nil {
		return err
	}
	s.note("OTHERS LEAVE")
	s.othersLeave()
	if err := s.settleDown(); err != nil {
		return err
	}
	for range 3 {
		held, err := s.held()
		if err != nil {
			return err
		}
		for _, op := range held {
			_, err := s.server.intake.Retry(s.ctx, s.who, op.ID)
			s.note("retry %s: %v", op.ID, err)
		}
		if err := s.settleDown(); err != nil {
			return err
		}
	}
	if err := s.resolveTorn(); err != nil {
		return err
	}
	held, err := s.held()
	if err != nil {
		return err
	}
	if len(held) > 0 {
		return fmt.Errorf("operation %s is held although nothing is in its way: %+v", held[0].ID, held[0].Result)
	}
	return s.atRest()
}

// resolveTorn ends what no trying ends: operations whose devices move only
// together with one that is not theirs.
func (s *sim) resolveTorn() error {
	held, err := s.held()
	if err != nil {
		return err
	}
	truth := s.world.Truth()
	for _, op := range held {
		if !torn(&op, truth) {
			continue
		}
		_, err := s.server.intake.Resolve(s.ctx, s.who, op.ID)
		s.note("resolve %s: %v", op.ID, err)
		if err != nil {
			return fmt.Errorf("operation %s cannot be resolved: %w", op.ID, err)
		}
	}
	return s.settleDown()
}

// settleDown turns everything until nothing is left to do.
func (s *sim) settleDown() error {
	calm := 0
	for range 4000 {
		s.pass(500 * time.Millisecond)
		for _, turn := range []func() error{s.runnerTurn, s.inventoryTurn, s.intakeTurn} {
			if err := turn(); err != nil {
				return err
			}
		}
		for len(s.server.calls) > 0 {
			s.call()
		}
		s.look()
		if err := s.always(); err != nil {
			return err
		}
		site, err := s.site()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(site.Operations, func(op composa.Operation) bool { return op.Phase != composa.PhaseHeld && !s.behindHeld(site, &op) }) {
			calm = 0
			continue
		}
		if calm++; calm > 30 { // long enough for two pictures that are ten seconds apart
			return nil
		}
	}
	return nil
}

// othersLeave takes everything of others away, and what a held operation asks a
// person about: machines without a name that could be anybody's.
func (s *sim) othersLeave() {
	f := s.world.Foreign()
	defer s.disturbs(s.world.Truth())
	for _, m := range s.world.Truth().Machines {
		if s.config.Shape == memory.Whole && !s.rivals[m.Native] && !s.recorded(m.Native) {
			err := f.RemoveMachine(m.Native)
			s.note("PERSON removes %s: %v", m.Native, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.strange)) {
		err := f.Release(name)
		s.note("RIVAL takes %s out: %v", name, err)
		delete(s.strange, name)
	}
	for _, native := range slices.Sorted(maps.Keys(s.rivals)) {
		s.giveUp(f, native)
	}
	for _, name := range s.pulled() {
		err := f.Return(name)
		s.note("RIVAL puts %s back: %v", name, err)
	}
}
