package sim

import (
	"maps"
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver/memory"
)

// rival does something that somebody else would do on the same fabric. The
// simulator remembers what is in others' hands: it must stay there.
func (s *sim) rival() {
	truth := s.world.Truth()
	if len(truth.Devices) == 0 {
		return
	}
	defer s.disturbs(truth)
	d := truth.Devices[s.rng.IntN(len(truth.Devices))]
	f := s.world.Foreign()
	switch n := s.rng.IntN(10); {
	case n < 3:
		s.rivalTakes(f, d.Name)
	case n < 5:
		s.rivalAdds(f, truth, d)
	case n < 6 && s.config.Shape == memory.Grouped:
		s.rivalTakesLabel(f)
	case n < 7:
		s.rivalGoes(f)
	case n < 8:
		err := f.Vanish(d.Name)
		s.note("RIVAL pulls %s: %v", d.Name, err)
		delete(s.taken, d.Name)
		delete(s.strange, d.Name)
		s.out[d.Name] = true
	case n < 9:
		if out := s.pulled(); len(out) > 0 {
			err := f.Return(out[0])
			s.note("RIVAL puts %s back: %v", out[0], err)
		}
	}
}

// disturbs notes what others moved since a picture of the truth: parts of one
// unit go with the one that they move.
func (s *sim) disturbs(before *composa.Picture) {
	now := s.world.Truth()
	for _, was := range before.Devices {
		if is := now.Device(was.Name); is == nil || is.Spot != was.Spot {
			s.disturbed[was.Name] = true
		}
		if is := now.Device(was.Name); is == nil || is.Spot.Area != composa.AreaMachine {
			delete(s.strange, was.Name)
		}
	}
	s.remember()
}

// rivalTakes moves a device into a machine of somebody else.
func (s *sim) rivalTakes(f *memory.Rival, name string) {
	if s.config.Shape == memory.Hosted {
		return
	}
	if d := s.world.Truth().Device(name); s.config.Shape == memory.Whole && d.Spot.Area == composa.AreaMachine && !s.recorded(d.Spot.Machine) {
		return // nobody could tell any more whose that machine is
	}
	native, err := f.Take(name)
	s.note("RIVAL takes %s into %s: %v", name, native, err)
	if err == nil {
		s.rivals[native] = true
	}
}

// rivalAdds puts a device that is free, or in others' hands, into a machine of
// ours.
func (s *sim) rivalAdds(f *memory.Rival, truth *composa.Picture, d composa.SeenDevice) {
	if len(truth.Machines) == 0 || d.Kind == composa.KindCPU {
		return
	}
	m := truth.Machines[s.rng.IntN(len(truth.Machines))]
	site, err := s.site()
	if err != nil {
		return
	}
	if dev := site.At(composa.PlaceOf(fabricName, d.Name)); dev == nil || site.Claim(dev.ID) != nil || s.rivals[m.Native] {
		return
	}
	if d.Unit != "" || d.Spot.Area == composa.AreaMachine {
		return
	}
	err = f.AddTo(m.Native, d.Name)
	s.note("RIVAL adds %s to %s: %v", d.Name, m.Native, err)
	if err == nil {
		s.strange[d.Name] = true
	}
}

// rivalTakesLabel makes a machine of the label of one that is being made.
func (s *sim) rivalTakesLabel(f *memory.Rival) {
	open, err := s.open()
	if err != nil {
		return
	}
	for _, op := range open {
		if op.Verb == composa.VerbCompose && len(op.Target.Goals) > 0 {
			native, err := f.MakeMachine(op.Target.Goals[0].Machine.Label)
			s.note("RIVAL makes machine %s of label %s: %v", native, op.Target.Goals[0].Machine.Label, err)
			if err == nil {
				s.rivals[native] = true
			}
			return
		}
	}
}

// rivalGoes gives a machine of others up.
func (s *sim) rivalGoes(f *memory.Rival) {
	for _, native := range slices.Sorted(maps.Keys(s.rivals)) {
		s.giveUp(f, native)
		return
	}
}

func (s *sim) giveUp(f *memory.Rival, native string) {
	for _, name := range slices.Sorted(maps.Keys(s.taken)) {
		if s.taken[name] == native {
			err := f.Release(name)
			s.note("RIVAL releases %s: %v", name, err)
			delete(s.taken, name)
		}
	}
	err := f.RemoveMachine(native)
	s.note("RIVAL removes %s: %v", native, err)
	delete(s.rivals, native)
}

// remember notes all that is in others' machines now.
func (s *sim) remember() {
	clear(s.taken)
	for _, d := range s.world.Truth().Devices {
		if s.rivals[d.Spot.Machine] {
			s.taken[d.Name] = d.Spot.Machine
			delete(s.strange, d.Name)
		}
	}
}

// pulled are the devices that are out of their slots.
func (s *sim) pulled() []string {
	for _, d := range s.world.Truth().Devices {
		delete(s.out, d.Name)
	}
	return slices.Sorted(maps.Keys(s.out))
}

// recorded says whether a handle is written down as that of a machine.
func (s *sim) recorded(native string) bool {
	site, err := s.site()
	return err == nil && slices.ContainsFunc(site.Machines, func(m composa.Machine) bool { return m.Native == native })
}
