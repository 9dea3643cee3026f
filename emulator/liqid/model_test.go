package liqid

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// toy is the director as small as it can be: where each device is, and what
// is queued where. It is written from liqid-api.md 3.9, not from the code.
type toy struct {
	api            string
	habits         Habits
	group, machine map[string]int // of a device; 0 is none
	groups         map[int]bool
	machines       map[int]int // machine to its group
	pools, edits   map[int]*toyQueue
	past           map[int][]string // what a machine had
	highest        int              // machine id there ever was
}

// openable says whether a session may be opened, given the one that is open on
// the target.
func (m *toy) openable(open *toyQueue) bool {
	if open != nil {
		return m.habits.SecondEdit != "refused"
	}
	return m.habits.Editing == "many" || len(m.pools)+len(m.edits) == 0
}

// opened is the session after it was opened, for the first time or again.
func (m *toy) opened(open *toyQueue) *toyQueue {
	if open != nil && m.habits.SecondEdit == "shared" {
		return open
	}
	return &toyQueue{}
}

type toyQueue struct{ add, remove []string }

func (q *toyQueue) put(list *[]string, device string) {
	if !slices.Contains(*list, device) {
		*list = append(*list, device)
	}
}

// TestModel makes random calls, right ones and wrong ones, and holds that the
// director accepts exactly what the model accepts and ends up in the same state.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := toy{
			api:   rapid.SampledFrom(Eras()).Draw(t, "era"),
			group: map[string]int{}, machine: map[string]int{}, groups: map[int]bool{}, machines: map[int]int{},
			pools: map[int]*toyQueue{}, edits: map[int]*toyQueue{}, past: map[int][]string{},
		}
		for _, name := range HabitNames() {
			if err := m.habits.Set(name + "=" + rapid.SampledFrom(HabitValues(name)).Draw(t, name)); err != nil {
				t.Fatal(err)
			}
		}
		devices := []string{"pcpu0", "gpu0", "gpu1", "ssd0"}
		if m.api >= "3" {
			devices = append(devices, "mem0")
		}
		cancels := []string{"fabric/edit/cancel", "fabric/reprogram/cancel"}
		if m.api == "2.4" {
			cancels = []string{"fabric/cancel"}
		}
		d, err := New(Config{API: m.api, Habits: m.habits, Counts: Counts{CPUs: 1, GPUs: 2, SSDs: 1, Memories: 1}})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()

		try := func(legal bool, method, path, body string) bool {
			status, text := call(d, method, path, body)
			d.working.Wait() // for what works on after its answer
			if (status < 300) != legal {
				t.Fatalf("%s %s %s: %d, the model says legal is %t: %s", method, path, body, status, legal, text)
			}
			return legal
		}
		release := func(machine int) {
			for _, v := range devices {
				if m.machine[v] == machine {
					m.machine[v] = 0
				}
			}
		}
		createGroup := func(g int) {
			if try(g > 0 && !m.groups[g], "POST", "group", groupBody(g, "g")) {
				m.groups[g] = true
			}
		}
		deleteGroup := func(g int) {
			legal := m.groups[g] && m.pools[g] == nil
			for k := range m.edits {
				legal = legal && m.machines[k] != g
			}
			if try(legal, "DELETE", fmt.Sprintf("group/%d", g), "") {
				delete(m.groups, g)
				for k, of := range m.machines {
					if of == g {
						release(k)
						delete(m.machines, k)
						delete(m.past, k)
					}
				}
				for _, v := range devices {
					if m.group[v] == g {
						m.group[v] = 0
					}
				}
			}
		}
		editPool := func(g int) {
			if try(m.groups[g] && m.openable(m.pools[g]), "POST", "pool/edit", poolBody(g)) {
				m.pools[g] = m.opened(m.pools[g])
			}
		}
		cancelPool := func(g int) {
			if try(m.pools[g] != nil, "POST", "pool/cancel", poolBody(g)) {
				delete(m.pools, g)
			}
		}
		add := func(g int, v string) {
			if try(m.pools[g] != nil && m.group[v] == 0, "POST", "predevice/"+classOf(v), memberBody(v, g)) {
				m.pools[g].put(&m.pools[g].add, v)
			}
		}
		remove := func(g int, v string) {
			if try(m.pools[g] != nil && m.group[v] == g && m.machine[v] == 0, "DELETE", "predevice/"+classOf(v), memberBody(v, g)) {
				m.pools[g].put(&m.pools[g].remove, v)
			}
		}
		done := func(g int) {
			q := m.pools[g]
			legal := q != nil
			if legal {
				for _, v := range q.remove {
					legal = legal && m.group[v] == g && m.machine[v] == 0
				}
				for _, v := range q.add {
					legal = legal && (m.group[v] == 0 || (m.group[v] == g && slices.Contains(q.remove, v)))
				}
			}
			if try(legal, "POST", "pool/done", poolBody(g)) {
				for _, v := range q.remove {
					m.group[v] = 0
				}
				for _, v := range q.add {
					m.group[v] = g
				}
				delete(m.pools, g)
			}
		}
		createMachine := func(k, g int) {
			_, used := m.machines[k]
			if try(k > 0 && !used && m.groups[g], "POST", "machine", machineBody(k, g, "m")) {
				m.machines[k] = g
				m.highest = max(m.highest, k)
			}
		}
		deleteMachine := func(k int) {
			_, there := m.machines[k]
			if try(there, "DELETE", fmt.Sprintf("machine/%d", k), "") {
				release(k)
				delete(m.machines, k)
				delete(m.edits, k)
				delete(m.past, k)
			}
		}
		editMachine := func(k int) {
			_, there := m.machines[k]
			if try(there && m.openable(m.edits[k]), "POST", "fabric/edit", fmt.Sprintf(`{"mach_id":%d}`, k)) {
				m.edits[k] = m.opened(m.edits[k])
			}
		}
		cancelMachine := func(k int, path string) {
			if try(m.edits[k] != nil, "POST", path, fmt.Sprintf(`{"mach_id":%d}`, k)) {
				delete(m.edits, k)
			}
		}
		attach := func(k int, v string) {
			g := m.machines[k]
			if try(m.edits[k] != nil && m.group[v] == g && m.machine[v] == 0, "POST", "relate/"+Class(classOf(v)).relateTo(), relateBody(v, g, k)) {
				m.edits[k].put(&m.edits[k].add, v)
			}
		}
		detach := func(k int, v string) {
			if try(m.edits[k] != nil && m.machine[v] == k, "DELETE", "relate/"+Class(classOf(v)).relateTo(), relateBody(v, m.machines[k], k)) {
				m.edits[k].put(&m.edits[k].remove, v)
			}
		}
		reprogram := func(k int) {
			q, g := m.edits[k], m.machines[k]
			legal := q != nil
			if legal {
				for _, v := range q.remove {
					legal = legal && m.machine[v] == k
				}
				for _, v := range q.add {
					legal = legal && m.group[v] == g && (m.machine[v] == 0 || (m.machine[v] == k && slices.Contains(q.remove, v)))
				}
			}
			if try(legal, "POST", "fabric/reprogram", fmt.Sprintf(`{"mach_id":%d}`, k)) {
				for _, v := range q.remove {
					m.machine[v] = 0
					m.past[k] = append(m.past[k], v)
				}
				for _, v := range q.add {
					m.machine[v] = k
				}
				delete(m.edits, k)
			}
		}

		// Most walks begin where something can go wrong: two groups, a machine in each.
		if rapid.IntRange(0, 4).Draw(t, "begin") > 0 {
			for i := 1; i <= 2; i++ {
				createGroup(i)
				createMachine(i, i)
			}
		}
		id, device := rapid.IntRange(0, 2), rapid.SampledFrom(devices)
		t.Repeat(map[string]func(*rapid.T){
			"create group":   func(t *rapid.T) { createGroup(id.Draw(t, "group")) },
			"delete group":   func(t *rapid.T) { deleteGroup(id.Draw(t, "group")) },
			"edit pool":      func(t *rapid.T) { editPool(id.Draw(t, "group")) },
			"cancel pool":    func(t *rapid.T) { cancelPool(id.Draw(t, "group")) },
			"add":            func(t *rapid.T) { add(id.Draw(t, "group"), device.Draw(t, "device")) },
			"remove":         func(t *rapid.T) { remove(id.Draw(t, "group"), device.Draw(t, "device")) },
			"done":           func(t *rapid.T) { done(id.Draw(t, "group")) },
			"create machine": func(t *rapid.T) { createMachine(id.Draw(t, "machine"), id.Draw(t, "group")) },
			"delete machine": func(t *rapid.T) { deleteMachine(id.Draw(t, "machine")) },
			"edit machine":   func(t *rapid.T) { editMachine(id.Draw(t, "machine")) },
			"cancel machine": func(t *rapid.T) {
				cancelMachine(id.Draw(t, "machine"), rapid.SampledFrom(cancels).Draw(t, "path"))
			},
			"attach":    func(t *rapid.T) { attach(id.Draw(t, "machine"), device.Draw(t, "device")) },
			"detach":    func(t *rapid.T) { detach(id.Draw(t, "machine"), device.Draw(t, "device")) },
			"reprogram": func(t *rapid.T) { reprogram(id.Draw(t, "machine")) },
			// Whole sessions, so that devices get somewhere; a step that is wrong by
			// then is refused by both.
			"enter": func(t *rapid.T) {
				g, v := id.Draw(t, "group"), device.Draw(t, "device")
				editPool(g)
				add(g, v)
				done(g)
			},
			"leave": func(t *rapid.T) {
				g, v := id.Draw(t, "group"), device.Draw(t, "device")
				editPool(g)
				remove(g, v)
				done(g)
			},
			"join": func(t *rapid.T) {
				k := id.Draw(t, "machine")
				editMachine(k)
				for _, v := range devices {
					if m.machines[k] != 0 && m.group[v] == m.machines[k] {
						attach(k, v)
					}
				}
				reprogram(k)
			},
			"": func(t *rapid.T) { m.compare(t, d, devices) },
		})
	})
}

// shown is where predevice shows the devices: where they are or, where that is
// the habit, where they will be once every session is committed.
func (m *toy) shown() (group, machine map[string]int) {
	group, machine = maps.Clone(m.group), maps.Clone(m.machine)
	if m.habits.Queue == "hidden" {
		return group, machine
	}
	for _, g := range slices.Sorted(maps.Keys(m.pools)) {
		for _, v := range m.pools[g].remove {
			if group[v] == g && machine[v] == 0 {
				group[v] = 0
			}
		}
		for _, v := range m.pools[g].add {
			if group[v] == 0 {
				group[v] = g
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m.edits)) {
		for _, v := range m.edits[k].remove {
			if machine[v] == k {
				machine[v] = 0
			}
		}
		for _, v := range m.edits[k].add {
			if group[v] == m.machines[k] && machine[v] == 0 {
				machine[v] = k
			}
		}
	}
	return group, machine
}

// lists says whether predevice, asked for a group, lists a device.
func (m *toy) lists(t *rapid.T, d *Director, group int, device string) bool {
	key := "grp_id"
	if m.api == "2.4" {
		key = "cid"
	}
	status, text := call(d, "GET", fmt.Sprintf("predevice?%s=%d", key, group), "")
	if status != 200 {
		t.Fatalf("predevice: %d %s", status, text)
	}
	return strings.Contains(text, fmt.Sprintf(`"name":%q`, device))
}

// compare holds that each device is in exactly one place, the model's, in every
// record that tells of it.
func (m *toy) compare(t *rapid.T, d *Director, devices []string) {
	s := d.Snapshot()
	for _, v := range devices {
		if at, _ := s.Device(v); at.Group != m.group[v] || at.Machine != m.machine[v] {
			t.Fatalf("%s is in group %d, machine %d; the model has %d, %d", v, at.Group, at.Machine, m.group[v], m.machine[v])
		}
	}
	view := d.view(false)
	shownGroup, shownMachine := m.shown()
	places := map[string][]string{}
	for _, c := range view.era.classes() {
		for _, r := range view.statusList(func(v *device) bool { return v.class() == c && v.group == 0 }) {
			places[r.Name] = append(places[r.Name], "free")
		}
	}
	for _, p := range view.predeviceList(func(predeviceRecord) bool { return true }) {
		places[p.Name] = append(places[p.Name], fmt.Sprintf("group %d machine %s", p.GrpID, p.MachID))
	}
	for _, v := range devices {
		want := "free"
		if g := shownGroup[v]; g != 0 {
			want = fmt.Sprintf("group %d machine n/a", g)
			if k := shownMachine[v]; k != 0 {
				want = fmt.Sprintf("group %d machine %d", g, k)
			}
		}
		switch got := places[v]; {
		case len(got) == 1 && got[0] == want:
		// What is queued shows beside what is free, and what is queued to leave in neither.
		case m.habits.Queue == "shown" && m.group[v] == 0 && slices.Equal(got, []string{"free", want}):
		case m.habits.Queue == "shown" && m.group[v] != 0 && shownGroup[v] == 0 && len(got) == 0:
		default:
			t.Fatalf("%s is in %q, want only %q", v, got, want)
		}
		for g := range m.groups {
			listed := m.habits.Members == "all" || shownMachine[v] == 0
			if got := m.lists(t, d, g, v); got != (listed && shownGroup[v] == g) {
				t.Fatalf("predevice of group %d lists %s: %t", g, v, got)
			}
		}
	}
	attached := map[string]int{}
	for _, r := range view.machineList(func(machine) bool { return true }) {
		var had []string
		for _, h := range r.History {
			if h.DTime != 0 {
				had = append(had, h.Name)
				continue
			}
			if attached[h.Name] != 0 {
				t.Fatalf("%s is attached to machines %d and %d", h.Name, attached[h.Name], r.MachID)
			}
			attached[h.Name] = r.MachID
		}
		want := slices.Sorted(slices.Values(m.past[r.MachID]))
		if m.habits.History == "attached" {
			want = nil
		}
		if slices.Sort(had); !slices.Equal(had, want) {
			t.Fatalf("machine %d remembers %v, want %v", r.MachID, had, want)
		}
	}
	next := 1
	for m.habits.MachineIDs == "lowest" && m.machines[next] != 0 {
		next++
	}
	if m.habits.MachineIDs == "rising" {
		next = m.highest + 1
	}
	if status, text := call(d, "GET", "machine/nextid", ""); status != 200 || !strings.Contains(text, fmt.Sprintf(`["%d"]`, next)) {
		t.Fatalf("machine/nextid: %d %s, want %d", status, text, next)
	}
	for _, v := range devices {
		if attached[v] != m.machine[v] {
			t.Fatalf("%s is in the history of machine %d, want %d", v, attached[v], m.machine[v])
		}
	}
	var open []string
	for _, v := range s.Sessions {
		open = append(open, fmt.Sprintf("%d/%d", v.Group*min(1, 1-min(v.Machine, 1)), v.Machine))
	}
	var want []string
	for _, g := range slices.Sorted(maps.Keys(m.pools)) {
		want = append(want, fmt.Sprintf("%d/0", g))
	}
	for _, k := range slices.Sorted(maps.Keys(m.edits)) {
		want = append(want, fmt.Sprintf("0/%d", k))
	}
	if strings.Join(open, " ") != strings.Join(want, " ") {
		t.Fatalf("open sessions %v, want %v", open, want)
	}
}
