package liqid

import (
	"fmt"
	"slices"
	"strings"
)

// Habits are the answers that a director gives to what the notes on the protocol
// leave open (liqid-api.md 5): nobody outside the vendor's house knows which one
// is right, so there are directors of every kind. An empty field is what the
// sources of the era suggest, see [HabitsOf].
type Habits struct {
	// SecondEdit is what becomes of an edit call on a target that is being edited.
	SecondEdit string // "refused", "shared": both work in one session, "takes-over": what was queued is lost
	// Queue is whether predevice shows what is queued before it is committed (2.4).
	Queue string // "hidden", "shown"
	// Commit is when a committing call is answered (2.13).
	Commit string // "done": when it is done, "accepted": 202 with a link to poll, "early": 200 at once, and it works on
	// Editing is how many edit sessions a director has open (3.9, A15).
	Editing string // "many", "one": one group or one machine in the whole director
	// History is what a machine's connection_history lists (A17).
	History string // "attached": what it holds, "kept": also what was detached, with dtime
	// Members is what predevice lists of a group when mach_id is not asked for (2.4).
	Members string // "all", "unattached": only what is attached to nothing
	// Pending is whether state/{fabric} lists a commit under way; 2.x only (2.12).
	Pending string // "lists", "silent": always an empty list
	// Push is the order in which collections that changed together are pushed (2.17).
	Push string // "subscribed": as they were subscribed, "reversed", "scattered": any
	// MachineIDs is what machine/nextid offers.
	MachineIDs string // "lowest": the lowest that is free, so that ids come back, "rising": none a second time
	// Restart is what a director forgets when it restarts. Commits under way are
	// never carried out by "forgets-sessions", and are finished otherwise.
	Restart string // "keeps": nothing, "forgets-queues": sessions are open and empty, "forgets-sessions"
	// SameP2P is what machine/p2p says to what is so already (2.5).
	SameP2P string // "taken", "refused"
}

// habit is one field of Habits: its name on a command line, its values, the one
// that each line of software is thought to have first.
type habit struct {
	name   string
	values []string
	field  func(*Habits) *string
}

var habits = []habit{
	{"second-edit", []string{"refused", "shared", "takes-over"}, func(h *Habits) *string { return &h.SecondEdit }},
	{"queue", []string{"hidden", "shown"}, func(h *Habits) *string { return &h.Queue }},
	{"commit", []string{"done", "accepted", "early"}, func(h *Habits) *string { return &h.Commit }},
	{"editing", []string{"many", "one"}, func(h *Habits) *string { return &h.Editing }},
	{"history", []string{"attached", "kept"}, func(h *Habits) *string { return &h.History }},
	{"members", []string{"all", "unattached"}, func(h *Habits) *string { return &h.Members }},
	{"pending", []string{"lists", "silent"}, func(h *Habits) *string { return &h.Pending }},
	{"push", []string{"subscribed", "reversed", "scattered"}, func(h *Habits) *string { return &h.Push }},
	{"machine-ids", []string{"lowest", "rising"}, func(h *Habits) *string { return &h.MachineIDs }},
	{"restart", []string{"keeps", "forgets-queues", "forgets-sessions"}, func(h *Habits) *string { return &h.Restart }},
	{"same-p2p", []string{"taken", "refused"}, func(h *Habits) *string { return &h.SameP2P }},
}

// HabitsOf is what the sources of an era suggest: the first value of each, but
// for 3.x, where the vendor's own model edits one thing at a time and refuses a
// p2p that is so already, and 3.4, where its tests wait for links.
func HabitsOf(api string) Habits {
	var h Habits
	for _, one := range habits {
		*one.field(&h) = one.values[0]
	}
	if api == "3.2" || api == "3.4" {
		h.Editing, h.SameP2P = "one", "refused"
	}
	if api == "3.4" {
		h.Commit = "accepted"
	}
	return h
}

// HabitNames lists the habits in the order of the fields of [Habits].
func HabitNames() []string {
	var names []string
	for _, one := range habits {
		names = append(names, one.name)
	}
	return names
}

// HabitValues lists what a habit can be; nil for a name that is none.
func HabitValues(name string) []string {
	for _, one := range habits {
		if one.name == name {
			return slices.Clone(one.values)
		}
	}
	return nil
}

// Set reads "second-edit=shared" and the like. It makes *Habits a flag value.
func (h *Habits) Set(text string) error {
	name, value, _ := strings.Cut(text, "=")
	for _, one := range habits {
		if one.name != name {
			continue
		}
		if !slices.Contains(one.values, value) {
			return fmt.Errorf("habit %s is one of %s, not %q", name, strings.Join(one.values, ", "), value)
		}
		*one.field(h) = value
		return nil
	}
	return fmt.Errorf("there is no habit %q; there are: %s", name, strings.Join(HabitNames(), ", "))
}

// String lists what is set, in the form that Set reads.
func (h *Habits) String() string {
	var set []string
	for _, one := range habits {
		if value := *one.field(h); value != "" {
			set = append(set, one.name+"="+value)
		}
	}
	return strings.Join(set, " ")
}

// Type names the value in a command's help.
func (h *Habits) Type() string { return "HABIT=VALUE" }

// complete fills in the habits of an era and refuses values that are none.
func (h *Habits) complete(api string) error {
	usual := HabitsOf(api)
	for _, one := range habits {
		switch value := one.field(h); {
		case *value == "":
			*value = *one.field(&usual)
		case !slices.Contains(one.values, *value):
			return fmt.Errorf("habit %s is one of %s, not %q", one.name, strings.Join(one.values, ", "), *value)
		}
	}
	return nil
}
