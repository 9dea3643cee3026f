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
	group, machine map[string]int // of a device; 0 is none
	groups         map[int]bool
	machines       map[int]int // machine to its group
	pools, edits   map[int]*toyQueue
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
	devices := []string{"pcpu0", "gpu0", "gpu1", "ssd0"}
	rapid.Check(t, func(t *rapid.T) {
		d, err := New(Config{Counts: Counts{CPUs: 1, GPUs: 2, SSDs: 1}})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		m := toy{map[string]int{}, map[string]int{}, map[int]bool{}, map[int]int{}, map[int]*toyQueue{}, map[int]*toyQueue{}}

		try := func(legal bool, method, path, body string) bool {
			status, text := call(d, method, path, body)
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
			if try(m.groups[g] && m.pools[g] == nil, "POST", "pool/edit", poolBody(g)) {
				m.pools[g] = &toyQueue{}
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
			}
		}
		deleteMachine := func(k int) {
			_, there := m.machines[k]
			if try(there, "DELETE", fmt.Sprintf("machine/%d", k), "") {
				release(k)
				delete(m.machines, k)
				delete(m.edits, k)
			}
		}
		editMachine := func(k int) {
			_, there := m.machines[k]
			if try(there && m.edits[k] == nil, "POST", "fabric/edit", fmt.Sprintf(`{"mach_id":%d}`, k)) {
				m.edits[k] = &toyQueue{}
			}
		}
		cancelMachine := func(k int, path string) {
			if try(m.edits[k] != nil, "POST", path, fmt.Sprintf(`{"mach_id":%d}`, k)) {
				delete(m.edits, k)
			}
		}
		attach := func(k int, v string) {
			g := m.machines[k]
			if try(m.edits[k] != nil && m.group[v] == g && m.machine[v] == 0, "POST", "relate/"+classOf(v), relateBody(v, g, k)) {
				m.edits[k].put(&m.edits[k].add, v)
			}
		}
		detach := func(k int, v string) {
			if try(m.edits[k] != nil && m.machine[v] == k, "DELETE", "relate/"+classOf(v), relateBody(v, m.machines[k], k)) {
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
				cancelMachine(id.Draw(t, "machine"), rapid.SampledFrom([]string{"fabric/edit/cancel", "fabric/reprogram/cancel"}).Draw(t, "path"))
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
	places := map[string][]string{}
	for _, c := range classes {
		for _, r := range view.statusList(func(v *device) bool { return v.class() == c && v.group == 0 }) {
			places[r.Name] = append(places[r.Name], "free")
		}
	}
	for _, p := range view.predeviceList(func(predeviceRecord) bool { return true }) {
		places[p.Name] = append(places[p.Name], fmt.Sprintf("group %d machine %s", p.GrpID, p.MachID))
	}
	for _, v := range devices {
		want := "free"
		if g := m.group[v]; g != 0 {
			want = fmt.Sprintf("group %d machine n/a", g)
			if k := m.machine[v]; k != 0 {
				want = fmt.Sprintf("group %d machine %d", g, k)
			}
		}
		if got := places[v]; len(got) != 1 || got[0] != want {
			t.Fatalf("%s is in %q, want only %q", v, got, want)
		}
	}
	attached := map[string]int{}
	for _, r := range view.machineList(func(machine) bool { return true }) {
		for _, h := range r.History {
			if attached[h.Name] != 0 {
				t.Fatalf("%s is attached to machines %d and %d", h.Name, attached[h.Name], r.MachID)
			}
			attached[h.Name] = r.MachID
		}
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
