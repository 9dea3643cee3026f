package liqid

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Snapshot is the whole truth about a director at one moment, for tests and
// people; no client of the real thing sees all of it.
type Snapshot struct {
	Fabric     int            `json:"fabric"`
	Generation uint64         `json:"generation"` // grows with every change that clients can see
	Groups     []GroupState   `json:"groups"`
	Machines   []MachineState `json:"machines"`
	Devices    []DeviceState  `json:"devices"`
	Sessions   []SessionState `json:"sessions"` // open edit sessions, pools before machines
	Pending    []PendingState `json:"pending"`  // commits under way
	Late       int            `json:"late"`     // commits that were answered with an error and are still to come
	Sockets    int            `json:"sockets"`  // open event sockets and streams
}

// GroupState is a group with the devices in it, attached or not.
type GroupState struct {
	ID      int      `json:"id"`
	Name    string   `json:"name"`
	Devices []string `json:"devices"`
}

// MachineState is a machine with the devices attached to it, in the order in
// which they were attached.
type MachineState struct {
	ID      int       `json:"id"`
	Group   int       `json:"group"`
	Name    string    `json:"name"`
	P2P     bool      `json:"p2p"`
	Run     string    `json:"run"` // of its host: off, on, up; empty without a host
	Created time.Time `json:"created"`
	Devices []string  `json:"devices"`
}

// DeviceState is a device, where it is, and what a drive has been through.
type DeviceState struct {
	Name      string     `json:"name"`
	Kind      Kind       `json:"kind"`
	Vendor    string     `json:"vendor"`
	Model     string     `json:"model"`
	Serial    string     `json:"serial"`
	DevID     string     `json:"devId"`
	Gone      bool       `json:"gone"`             // it has vanished; group and machine are where it comes back to
	Group     int        `json:"group"`            // 0: the system free pool
	Machine   int        `json:"machine"`          // 0: attached to nothing
	HoldsData bool       `json:"holdsData"`        // a drive that was in a powered machine since its last erase
	Erased    *time.Time `json:"erased,omitempty"` // the last secure erase
	Replaced  int        `json:"replaced"`         // how often another part was put in its place
	Narrow    bool       `json:"narrow,omitempty"` // its link has half its lanes
	InUse     bool       `json:"inUse,omitempty"`  // a program on its host has it open
}

// SessionState is an open edit session: on a group's pool, or on a machine when
// Machine is set.
type SessionState struct {
	Group   int       `json:"group"`
	Machine int       `json:"machine"` // 0: the group's pool
	Since   time.Time `json:"since"`
	Foreign bool      `json:"foreign"` // opened by the fault steal-edit
	Add     []string  `json:"add"`
	Remove  []string  `json:"remove"`
}

// PendingState is a commit under way, or the erase of a device.
type PendingState struct {
	Command string    `json:"command"`
	Group   int       `json:"group"`
	Machine int       `json:"machine"`          // 0: the group's pool, or a device
	Device  string    `json:"device,omitempty"` // what is being erased
	Start   time.Time `json:"start"`
}

// Snapshot says what is so now.
func (d *Director) Snapshot() Snapshot {
	d.mu.Lock()
	s, pending, late, sockets := d.now, slices.Clone(d.pending), len(d.late), len(d.listeners)
	d.mu.Unlock()
	out := Snapshot{
		Fabric: s.fabric, Generation: s.generation, Sockets: sockets, Late: late,
		Groups: []GroupState{}, Machines: []MachineState{}, Devices: []DeviceState{}, Sessions: []SessionState{}, Pending: []PendingState{},
	}
	members := map[int][]string{}
	for i := range s.devices {
		v := &s.devices[i]
		if !v.gone && v.group != 0 {
			members[v.group] = append(members[v.group], v.Name)
		}
		state := DeviceState{
			Name: v.Name, Kind: v.Kind, Vendor: v.Vendor, Model: v.Model, Serial: v.Serial, DevID: hex8(v.DevID),
			Gone: v.gone, Group: v.group, Machine: v.machine, HoldsData: v.data, Replaced: v.replaced, Narrow: v.narrow, InUse: v.inUse,
		}
		if v.erased != 0 {
			at := time.UnixMilli(v.erased).UTC()
			state.Erased = &at
		}
		out.Devices = append(out.Devices, state)
	}
	for _, g := range s.sortedGroups() {
		out.Groups = append(out.Groups, GroupState{g.ID, g.Name, append([]string{}, members[g.ID]...)})
	}
	for _, m := range s.sortedMachines() {
		state := MachineState{ID: m.ID, Group: m.Group, Name: m.Name, P2P: m.P2P, Created: time.Unix(m.Created, 0).UTC(), Devices: []string{}}
		for _, v := range s.attachedTo(m.ID) {
			state.Devices = append(state.Devices, v.Name)
		}
		if h := s.host(m.ID); h != nil {
			state.Run = h.run()
		}
		out.Machines = append(out.Machines, state)
	}
	sessions := func(open map[int]session, of func(id int) (group, machine int)) {
		for _, id := range slices.Sorted(maps.Keys(open)) {
			g, m := of(id)
			v := open[id]
			out.Sessions = append(out.Sessions, SessionState{g, m, time.UnixMilli(v.Since).UTC(), v.Foreign, append([]string{}, v.Add...), append([]string{}, v.Remove...)})
		}
	}
	sessions(s.pools, func(id int) (int, int) { return id, 0 })
	sessions(s.edits, func(id int) (int, int) { return s.machines[id].Group, id })
	for _, p := range pending {
		out.Pending = append(out.Pending, PendingState{p.command, p.group, p.on.machine, p.on.device, p.start.UTC()})
	}
	return out
}

// Device returns what [Director.Snapshot] says of one device; false if there is none of that name.
func (s Snapshot) Device(name string) (DeviceState, bool) {
	for _, v := range s.Devices {
		if v.Name == name {
			return v, true
		}
	}
	return DeviceState{}, false
}

var errAlreadySo = errors.New("it is so already")

// Gone makes a device vanish from everything clients see; its place is kept.
func (d *Director) Gone(name string) error {
	return d.handle(name, "take away", func(v *device) error {
		if v.gone {
			return errAlreadySo
		}
		v.gone = true
		return nil
	})
}

// Return brings a vanished device back to where it was, or to the nearest place
// that is left of that, and gives a narrow link its lanes back. Where neither is
// so, it puts the part back that the last [Director.Replace] took out, with what
// it held then.
func (d *Director) Return(name string) error {
	return d.handle(name, "bring back", func(v *device) error {
		if !v.gone && !v.narrow {
			return v.putBack()
		}
		v.gone, v.narrow = false, false
		return nil
	})
}

func (v *device) putBack() error {
	f := v.former
	if f == nil {
		return errAlreadySo
	}
	part := *v.part
	part.Serial = f.Serial
	v.part, v.former, v.data, v.erased, v.udesc = &part, nil, f.Data, f.Erased, f.UDesc
	return nil
}

// Narrow lets a device's link fall to half its lanes, in every record that shows
// them, until the device returns or is replaced.
func (d *Director) Narrow(name string) error {
	return d.handle(name, "narrow the link of", func(v *device) error {
		switch {
		case v.narrow:
			return errAlreadySo
		case v.Lanes < 2:
			return &refusal{http.StatusConflict, "", fmt.Sprintf("its link has %d lanes", v.Lanes)}
		}
		v.narrow = true
		return nil
	})
}

// Replace puts another part of the same model in a device's place: it has
// another serial number and holds nobody's data. A vanished device is present again.
func (d *Director) Replace(name string) error {
	return d.handle(name, "replace", func(v *device) error {
		other := *v.part
		v.replaced++
		v.former = &former{Serial: v.Serial, UDesc: v.udesc, Data: v.data, Erased: v.erased}
		other.Serial = serial(d.config.Name, d.config.Seed, v.Name, v.Model, v.replaced)
		v.part, v.gone, v.narrow, v.data, v.erased, v.udesc = &other, false, false, false, 0, unset
		return nil
	})
}

// Use says whether a program on its host has a device open; such a device is
// not detached while the host runs. A restart of the director forgets it.
func (d *Director) Use(name string, open bool) error {
	return d.handle(name, "use", func(v *device) error {
		if v.inUse == open {
			return errAlreadySo
		}
		v.inUse = open
		return nil
	})
}

func (d *Director) handle(name, verb string, f func(*device) error) error {
	_, err := d.change(true, func(s *state) error {
		v := s.place(name)
		if v == nil {
			return &refusal{http.StatusNotFound, "", "there is no device of that name"}
		}
		return f(v)
	})
	if err != nil {
		return fmt.Errorf("cannot %s %s: %w", verb, name, err)
	}
	return nil
}

// SetFaults puts rules in the place of all there were, with new counts.
func (d *Director) SetFaults(rules ...FaultRule) error {
	for _, r := range rules {
		if err := r.check(); err != nil {
			return fmt.Errorf("fault %q: %w", r, err)
		}
	}
	d.mu.Lock()
	err := d.knowDevices(rules)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	d.faults.set(rules)
	return nil
}

// Faults lists the rules in force with how often each matched and fired.
func (d *Director) Faults() []FaultCount { return d.faults.counts() }

// CancelSessions ends every open edit session that is not being committed, as
// somebody at the vendor's console would.
func (d *Director) CancelSessions() error {
	_, err := d.change(d.queuesShow(), func(s *state) error {
		for t := range s.sessions() {
			if d.busy(t, client{}) == nil {
				s.end(t, client{})
			}
		}
		return nil
	})
	return err
}

// Control serves the view from behind, in JSON; it belongs on an address that
// clients of the API do not know:
//
//	GET    /state                  what is so: [Snapshot]
//	GET    /log?after=N            calls with higher numbers, oldest first: list of [Call]
//	GET    /counts                 calls by route: list of [RouteCount]
//	GET    /violations             broken rules: list of [Violation]
//	GET    /faults                 rules in force: list of [FaultCount]
//	POST   /faults                 put other rules in their place: list of texts as [ParseFault] reads them
//	DELETE /faults                 no rules
//	DELETE /sessions               end every open edit session
//	DELETE /sockets                cut every event socket
//	POST   /restart?down=2s        the director restarts, and answers nothing for so long
//	POST   /clock?off=-1h          its clock is so far ahead; negative is behind
//	POST   /rate?persecond=10      it takes so many calls a second; 0 is any number
//	POST   /device/{name}/gone     a device vanishes
//	POST   /device/{name}/return   it comes back, with its whole link; after replace the former part
//	POST   /device/{name}/replace  another part is put in its place
//	POST   /device/{name}/narrow   its link falls to half its lanes
//	POST   /device/{name}/use      a program on its host has it open
//	POST   /device/{name}/unuse    and has not any more
//
// A failure answers {"error": "…"}.
func (d *Director) Control() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, f func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := f(r)
			var why *refusal
			switch {
			case err == nil && answer == nil:
				w.WriteHeader(http.StatusNoContent)
			case err == nil:
				write(w, http.StatusOK, answer)
			case errors.As(err, &why):
				write(w, why.status, map[string]string{"error": err.Error()})
			case errors.Is(err, errAlreadySo):
				write(w, http.StatusConflict, map[string]string{"error": err.Error()})
			default:
				write(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			}
		})
	}
	on("GET /state", func(*http.Request) (any, error) { return d.Snapshot(), nil })
	on("GET /counts", func(*http.Request) (any, error) { return d.Counts(), nil })
	on("GET /violations", func(*http.Request) (any, error) { return d.Violations(), nil })
	on("GET /log", func(r *http.Request) (any, error) {
		after := 0
		if text := r.URL.Query().Get("after"); text != "" {
			var err error
			if after, err = strconv.Atoi(text); err != nil {
				return nil, fmt.Errorf("after %q is not a number", text)
			}
		}
		return d.Calls(after), nil
	})
	on("GET /faults", func(*http.Request) (any, error) { return d.Faults(), nil })
	on("POST /faults", func(r *http.Request) (any, error) {
		body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, d.config.MaxBody))
		if err != nil {
			return nil, fmt.Errorf("cannot read the faults: %w", err)
		}
		var rules []FaultRule
		if err := json.Unmarshal(body, &rules); err != nil {
			return nil, fmt.Errorf("want a list of faults as text: %w", err)
		}
		if err := d.SetFaults(rules...); err != nil {
			return nil, err
		}
		return d.Faults(), nil
	})
	on("DELETE /faults", func(*http.Request) (any, error) { return nil, d.SetFaults() })
	on("DELETE /sessions", func(*http.Request) (any, error) { return nil, d.CancelSessions() })
	on("DELETE /sockets", func(*http.Request) (any, error) { d.CutSockets(); return nil, nil })
	on("POST /restart", func(r *http.Request) (any, error) {
		down, err := queryDuration(r, "down")
		if err != nil {
			return nil, err
		}
		return nil, d.Restart(down)
	})
	on("POST /clock", func(r *http.Request) (any, error) {
		off, err := queryDuration(r, "off")
		if err != nil {
			return nil, err
		}
		return nil, d.SetClock(off)
	})
	on("POST /rate", func(r *http.Request) (any, error) {
		text := r.URL.Query().Get("persecond")
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("persecond %q is not a number", text)
		}
		return nil, d.SetPerSecond(n)
	})
	on("POST /device/{name}/gone", func(r *http.Request) (any, error) { return nil, d.Gone(r.PathValue("name")) })
	on("POST /device/{name}/return", func(r *http.Request) (any, error) { return nil, d.Return(r.PathValue("name")) })
	on("POST /device/{name}/replace", func(r *http.Request) (any, error) { return nil, d.Replace(r.PathValue("name")) })
	on("POST /device/{name}/narrow", func(r *http.Request) (any, error) { return nil, d.Narrow(r.PathValue("name")) })
	on("POST /device/{name}/use", func(r *http.Request) (any, error) { return nil, d.Use(r.PathValue("name"), true) })
	on("POST /device/{name}/unuse", func(r *http.Request) (any, error) { return nil, d.Use(r.PathValue("name"), false) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		write(w, http.StatusNotFound, map[string]string{"error": fmt.Sprintf("there is no %s %s here", r.Method, r.URL.Path)})
	})
	return mux
}

// queryDuration reads a duration out of the query; without one it is zero.
func queryDuration(r *http.Request, name string) (time.Duration, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	t, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s %q is not a duration like 2s or -1h", name, text)
	}
	return t, nil
}
