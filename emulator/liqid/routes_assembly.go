package liqid

import (
	"slices"
)

// The calls that rebuild machines from the log of what was attached to them:
// liqid-api.md 2.7. No known client makes them; what is not said there is decided
// here: they act at once and in no edit session, and what of the log is
// elsewhere by now is left where it is.

// assembly is what such a call is about: a machine or, of a whole group, all
// its machines, and a span of the log.
type assembly struct {
	fields // some of the calls take the machine or the group as it is
	Span   struct {
		Start number `json:"assemblyStartTime"` // Unix seconds like atime, inferred
		End   number `json:"assemblyEndTime"`
	} `json:"assemblyTimestamp"`
}

// spans says whether an attach at that time is in the span; an end that is not
// given, or 0, is open.
func (a *assembly) spans(at int64) bool {
	return at >= int64(a.Span.Start.value) && (a.Span.End.value == 0 || at <= int64(a.Span.End.value))
}

// assemblyEntry is one attach in the log (liqid-api.md 2.7).
type assemblyEntry struct {
	ATime    int64  `json:"atime"`
	DTime    int64  `json:"dtime"`
	DevType  string `json:"dev_type"`
	FabrGID  string `json:"fabr_gid"`
	FabrID   int    `json:"fabr_id"`
	Free     bool   `json:"free"`
	MachID   int    `json:"mach_id"`
	Name     string `json:"name"`
	OwnerGID string `json:"owner_gid"`
	UDesc    string `json:"udesc"`
}

// assembly reads the body.
func (r *request) assembly() (*assembly, error) {
	var a assembly
	if err := r.decode(&a); err != nil {
		return nil, err
	}
	return &a, nil
}

// of lists the machines that a call is about, the lowest id first.
func (s *state) of(a *assembly, whole bool) ([]machine, error) {
	if !whole {
		which := &a.fields
		if a.Machine != nil {
			which = a.Machine
		}
		if !which.MachID.given {
			return nil, invalid("mach_id of the machine is missing")
		}
		m, err := s.needMachine(which.MachID.value)
		return []machine{m}, err
	}
	which := &a.fields
	if a.Group != nil {
		which = a.Group
	}
	if !which.GrpID.given {
		return nil, invalid("grp_id of the group is missing")
	}
	id := which.GrpID.value
	return slices.DeleteFunc(s.sortedMachines(), func(m machine) bool { return m.Group != id }), s.needGroup(id)
}

// still lists the machines of a call that changes them: none of them may be in
// edit or under a commit. The director's lock is held.
func (r *request) still(s *state, a *assembly, whole bool) ([]machine, error) {
	machines, err := s.of(a, whole)
	for _, m := range machines {
		if err == nil {
			err = r.d.busy(machineTarget(m.ID), r.by)
		}
		if open, edited := s.edits[m.ID]; err == nil && edited {
			err = taken(open.others(r.by), RuleNotEdited, "machine %d is being edited", m.ID)
		}
	}
	return machines, err
}

// assembled answers assembly/assemble/list: the log of the machines.
func assembled(whole bool) func(*request) (any, error) {
	return func(r *request) (any, error) {
		a, err := r.assembly()
		if err != nil {
			return nil, err
		}
		machines, err := r.of(a, whole)
		if err != nil {
			return nil, err
		}
		named := r.byName()
		out := []assemblyEntry{}
		for _, m := range machines {
			for _, p := range m.Past {
				if d := named[p.Name]; d != nil && a.spans(p.Attached) {
					out = append(out, r.entry(m.ID, d, p.Attached, p.Detached))
				}
			}
			for _, d := range r.attachedTo(m.ID) {
				if a.spans(d.attached) {
					out = append(out, r.entry(m.ID, d, d.attached, 0))
				}
			}
		}
		return out, nil
	}
}

// entry is a connection as the log tells it, free by the rule of [show.connection].
func (s show) entry(machine int, d *device, attached, detached int64) assemblyEntry {
	return assemblyEntry{
		ATime: attached, DTime: detached, DevType: d.devType(), FabrGID: hex8(d.fabrGID()), FabrID: s.fabric,
		Free: detached != 0, MachID: machine, Name: d.Name, OwnerGID: ownerGID, UDesc: d.udesc,
	}
}

// assemble attaches again what the log of the span has and what is free in the
// machine's group, and answers the members of the machines.
func assemble(whole bool) func(*request) (any, error) {
	return func(r *request) (any, error) {
		a, err := r.assembly()
		if err != nil {
			return nil, err
		}
		var machines []machine
		after, err := r.d.change(true, func(s *state) error {
			if machines, err = r.still(s, a, whole); err != nil {
				return err
			}
			for _, m := range machines {
				again := session{}
				for _, p := range m.Past {
					d, err := s.find(p.Name, "")
					if err == nil && a.spans(p.Attached) && canAttach(d, m) == nil && !slices.Contains(again.Add, d.Name) {
						again.Add = append(again.Add, d.Name)
					}
				}
				if err := s.reattach(m.ID, again, r.d.clock()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		out := []predeviceRecord{}
		for _, m := range machines {
			for _, d := range after.attachedTo(m.ID) {
				out = append(out, after.predevice(d))
			}
		}
		return out, nil
	}
}

// disassemble takes what the span of the log attached out of the machines, into
// their groups, and answers it.
func disassemble(whole bool) func(*request) (any, error) {
	return func(r *request) (any, error) {
		a, err := r.assembly()
		if err != nil {
			return nil, err
		}
		var names []string
		after, err := r.d.change(true, func(s *state) error {
			names = nil
			machines, err := r.still(s, a, whole)
			if err != nil {
				return err
			}
			for _, m := range machines {
				apart := session{}
				for _, d := range s.attachedTo(m.ID) {
					if a.spans(d.attached) {
						apart.Remove = append(apart.Remove, d.Name)
					}
				}
				if err := s.reattach(m.ID, apart, r.d.clock()); err != nil {
					return err
				}
				names = append(names, apart.Remove...)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		out := []predeviceRecord{}
		for _, name := range names {
			out = append(out, after.predevice(after.place(name)))
		}
		return out, nil
	}
}

// clearAssembly forgets what was attached and is not any more.
func clearAssembly(whole bool) func(*request) (any, error) {
	return func(r *request) (any, error) {
		a, err := r.assembly()
		if err != nil {
			return nil, err
		}
		_, err = r.d.change(true, func(s *state) error {
			machines, err := s.of(a, whole)
			for _, m := range machines {
				m.Past = nil
				s.machines[m.ID] = m
			}
			return err
		})
		return nil, err
	}
}
