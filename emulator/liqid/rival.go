package liqid

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Rival is somebody else who works on the director with a client of his own,
// for tests that must show that what is his stays intact. He makes the calls
// that anybody can make, straight to the director, and looks at its snapshot
// first; where somebody's session is open on what he wants, he cancels it and
// opens his own, because directors do not tell the two apart.
type Rival struct{ director *Director }

// Rival returns somebody else at this director.
func (d *Director) Rival() *Rival { return &Rival{d} }

// Take puts a device into a machine of the rival's own group, and returns the
// machine's id.
func (r *Rival) Take(device string) (machine int, err error) { return r.MakeMachine("rival", device) }

// MakeMachine makes a machine with devices in a new group of the rival, and
// returns its id.
func (r *Rival) MakeMachine(label string, devices ...string) (machine int, err error) {
	group, err := r.nextID("group/nextid")
	if err != nil {
		return 0, err
	}
	if machine, err = r.nextID("machine/nextid"); err != nil {
		return 0, err
	}
	err = r.do(
		rivalCall{"POST", "group", fmt.Sprintf(`{"grp_id":%d,"group_name":"rivals%d","fabr_id":%d,"pod_id":-1}`, group, group, r.director.view(false).fabric)},
		rivalCall{"POST", "machine", fmt.Sprintf(`{"mach_id":%d,"grp_id":%d,"mach_name":%q,"fabr_id":%d}`, machine, group, label, r.director.view(false).fabric)})
	for _, d := range devices {
		if err == nil {
			err = r.AddTo(machine, d)
		}
	}
	return machine, err
}

// AddTo puts a device into a machine of anybody, through the machine's group.
func (r *Rival) AddTo(machine int, device string) error {
	s := r.director.Snapshot()
	i := slices.IndexFunc(s.Machines, func(m MachineState) bool { return m.ID == machine })
	if i < 0 {
		return fmt.Errorf("there is no machine %d", machine)
	}
	if err := r.Release(device); err != nil {
		return err
	}
	d, _ := r.director.Snapshot().Device(device)
	return r.do(slices.Concat(r.pool(s.Machines[i].Group, http.MethodPost, d), r.edit(machine, http.MethodPost, d))...)
}

// Release takes a device out of whatever it is in, and gives it back to the
// system free pool.
func (r *Rival) Release(device string) error {
	d, ok := r.director.Snapshot().Device(device)
	if !ok {
		return fmt.Errorf("there is no %s", device)
	}
	if d.Machine != 0 {
		if err := r.do(r.edit(d.Machine, http.MethodDelete, d)...); err != nil {
			return err
		}
	}
	if d.Group != 0 {
		return r.do(r.pool(d.Group, http.MethodDelete, d)...)
	}
	return nil
}

// Do makes one call of the director's API, path below its prefix.
func (r *Rival) Do(method, path, body string) error {
	_, err := r.call(rivalCall{method, path, body})
	return err
}

// rivalCall is one call of the rival.
type rivalCall struct{ method, path, body string }

// pool are the calls of a session on a group with one device.
func (r *Rival) pool(group int, method string, d DeviceState) []rivalCall {
	at := fmt.Sprintf(`{"grp_id":%d,"coordinates":{"rack":0,"shelf":0,"node":1}}`, group)
	calls := []rivalCall{
		{"POST", "pool/edit", at},
		{method, "predevice/" + string(d.class()), fmt.Sprintf(`{"deviceStatus":{"name":%q},"group":{"grp_id":%d}}`, d.Name, group)},
		{"POST", "pool/done", at},
	}
	if r.edited(func(s SessionState) bool { return s.Machine == 0 && s.Group == group }) {
		calls = append([]rivalCall{{"POST", "pool/cancel", at}}, calls...)
	}
	return calls
}

// edit are the calls of a session on a machine with one device.
func (r *Rival) edit(machine int, method string, d DeviceState) []rivalCall {
	at := fmt.Sprintf(`{"mach_id":%d}`, machine)
	calls := []rivalCall{
		{"POST", "fabric/edit", at},
		{method, "relate/" + d.class().relateTo(), fmt.Sprintf(`{"groupDeviceRelator":{"deviceStatus":{"name":%q}},"machine":{"mach_id":%d}}`, d.Name, machine)},
		{"POST", "fabric/reprogram", at},
	}
	if r.edited(func(s SessionState) bool { return s.Machine == machine }) {
		cancel := "fabric/edit/cancel"
		if r.director.era == era24 { // liqid-api.md 4
			cancel = "fabric/cancel"
		}
		calls = append([]rivalCall{{"POST", cancel, at}}, calls...)
	}
	return calls
}

func (r *Rival) edited(target func(SessionState) bool) bool {
	return slices.ContainsFunc(r.director.Snapshot().Sessions, target)
}

// class is the device's class in the words of the API (liqid-api.md 1.2).
func (d DeviceState) class() Class { return kindNames[d.Kind].class }

func (r *Rival) nextID(path string) (int, error) {
	data, err := r.call(rivalCall{method: "GET", path: path})
	if err != nil {
		return 0, err
	}
	if len(data) != 1 {
		return 0, fmt.Errorf("%s: %d answers", path, len(data))
	}
	return strconv.Atoi(strings.Trim(string(data[0]), `"`))
}

// do makes calls until one fails.
func (r *Rival) do(calls ...rivalCall) error {
	for _, c := range calls {
		if _, err := r.call(c); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rival) call(c rivalCall) (data []json.RawMessage, err error) {
	req, err := http.NewRequest(c.method, "http://"+rivalName+prefix+c.path, strings.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	req.RemoteAddr = rivalName
	req.Header.Set("User-Agent", rivalName)
	user := ""
	if users := slices.Sorted(maps.Keys(r.director.config.Users)); len(users) > 0 {
		user = users[0]
		req.SetBasicAuth(user, r.director.config.Users[user])
	}
	got := &kept{header: http.Header{}}
	if !answers(r.director.Handler(), got, req) {
		return nil, fmt.Errorf("%s %s: %w", c.method, c.path, errDropped)
	}
	var answer struct {
		Response struct {
			Data   []json.RawMessage
			Errors []struct{ Message string }
		}
	}
	if err := json.Unmarshal(got.body.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body.Bytes())
	}
	if got.status >= 300 || len(answer.Response.Errors) > 0 {
		return nil, &Denied{Call: c.method + " " + c.path, Status: got.status, Why: fmt.Sprint(answer.Response.Errors)}
	}
	r.director.finished(clientOf(req, user))
	return answer.Response.Data, nil
}

// rivalName is the rival's address and program, which no other client has.
const rivalName = "rival"

// answers makes a call without a network, and says whether it was answered.
func answers(h http.Handler, w http.ResponseWriter, r *http.Request) (answered bool) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	return true
}

// Denied is a call of a rival that the director refused.
type Denied struct {
	Call   string
	Status int
	Why    string
}

func (d *Denied) Error() string { return fmt.Sprintf("%s: %d %s", d.Call, d.Status, d.Why) }

// IsDenied says whether the director refused a call, and nothing else failed.
func IsDenied(err error) bool {
	var d *Denied
	return errors.As(err, &d)
}
