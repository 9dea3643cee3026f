package replay

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// bare makes the shortest legal sequence of calls, and nothing else.
type bare struct {
	http  *http.Client
	url   string // ends with a slash
	era   string
	lists bool // what is pending tells when a commit is done, and its answer does not
	group json.RawMessage
}

// part is a device as its director shows it.
type part struct {
	Type     string          `json:"type"`
	Name     string          `json:"name"`
	Location json.RawMessage `json:"location"`
	class    string          // in paths
	raw      json.RawMessage
}

// pathOf is what the class of a device is called in paths (liqid-api.md 2.4).
var pathOf = map[string]string{
	"ComputeDeviceStatus": "compute", "GpuDeviceStatus": "gpu", "SsdDeviceStatus": "storage", "LinkDeviceStatus": "network",
}

// bareGroup is the number of the group that holds all machines of a bare client.
const bareGroup = 1

// newBare makes the group, as a site's group is there before it composes.
func newBare(ctx context.Context, url string, c emulator.Config) (*bare, error) {
	b := &bare{
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true}},
		url:  url + "/liqid/api/v2/", era: c.API, lists: c.Habits.Commit == "early" && c.API < "3",
	}
	made, err := b.call(ctx, http.MethodPost, "group", map[string]any{"fabr_id": 1, "grp_id": bareGroup, "group_name": "bare", "pod_id": -1})
	if err != nil {
		return nil, err
	}
	b.group = made[0]
	return b, nil
}

// compose makes a machine of the first free devices of each class and returns
// its number.
func (b *bare) compose(ctx context.Context, name string, wants map[string]int) (id int, err error) {
	var all []part
	var taken map[string]int
	if err := together(
		func() (err error) { all, err = b.parts(ctx); return err },
		func() (err error) { taken, err = b.members(ctx); return err },
		func() (err error) { id, err = b.number(ctx); return err },
	); err != nil {
		return 0, err
	}
	var parts []part
	for _, p := range all {
		if _, is := taken[p.Name]; !is && wants[p.class] > 0 {
			wants[p.class]--
			parts = append(parts, p)
		}
	}
	if err := b.pool(ctx, http.MethodPost, parts, func(at map[string]int) bool { return has(at, parts, 0) }); err != nil {
		return 0, err
	}
	made, err := b.call(ctx, http.MethodPost, "machine", map[string]any{
		"fabr_id": 1, "grp_id": bareGroup, "mach_id": id, "mach_name": name, "p2p": "off", "connection_history": []int{},
	})
	if err != nil {
		return 0, err
	}
	machine, err := b.relate(ctx, http.MethodPost, id, made[0], parts, func(at map[string]int) bool { return has(at, parts, id) })
	if err != nil {
		return 0, err
	}
	return id, b.power(ctx, "start", id, machine, parts)
}

// free takes a machine apart and gives its devices back.
func (b *bare) free(ctx context.Context, id int) error {
	var all []part
	var in map[string]int
	var machine json.RawMessage
	if err := together(
		func() (err error) { all, err = b.parts(ctx); return err },
		func() (err error) { in, err = b.members(ctx); return err },
		func() (err error) { machine, err = b.machine(ctx, id); return err },
	); err != nil {
		return err
	}
	parts := slices.DeleteFunc(all, func(p part) bool { return in[p.Name] != id })
	if err := b.power(ctx, "shutdown", id, machine, parts); err != nil {
		return err
	}
	if _, err := b.relate(ctx, http.MethodDelete, id, machine, parts, func(at map[string]int) bool { return has(at, parts, 0) }); err != nil {
		return err
	}
	if err := b.commit(ctx, http.MethodDelete, "machine/"+strconv.Itoa(id), nil); err != nil {
		return err
	}
	if _, err := b.confirm(ctx, id, func(m json.RawMessage, _ map[string]int) bool { return m == nil }); err != nil {
		return err
	}
	return b.pool(ctx, http.MethodDelete, parts, func(at map[string]int) bool {
		return !slices.ContainsFunc(parts, func(p part) bool { _, is := at[p.Name]; return is })
	})
}

// has says whether parts are in a machine; 0: in the group, in none.
func has(at map[string]int, parts []part, machine int) bool {
	return !slices.ContainsFunc(parts, func(p part) bool { m, is := at[p.Name]; return !is || m != machine })
}

// pool moves devices into the group or out of it.
func (b *bare) pool(ctx context.Context, method string, parts []part, done func(map[string]int) bool) error {
	pool := map[string]any{"grp_id": bareGroup, "fabr_id": 1, "coordinates": json.RawMessage(`{"rack":0,"shelf":0,"node":1}`)}
	if _, err := b.call(ctx, http.MethodPost, "pool/edit", pool); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := b.call(ctx, method, "predevice/"+p.class, map[string]any{"deviceStatus": p.raw, "group": b.group}); err != nil {
			return err
		}
	}
	if err := b.commit(ctx, http.MethodPost, "pool/done", pool); err != nil {
		return err
	}
	_, err := b.confirm(ctx, 0, func(_ json.RawMessage, at map[string]int) bool { return done(at) })
	return err
}

// relate attaches devices or detaches them, and returns the machine as it is
// then.
func (b *bare) relate(ctx context.Context, method string, id int, machine json.RawMessage, parts []part, done func(map[string]int) bool) (json.RawMessage, error) {
	if _, err := b.call(ctx, http.MethodPost, "fabric/edit", machine); err != nil {
		return nil, err
	}
	for _, p := range parts {
		body := map[string]any{"groupDeviceRelator": map[string]any{"deviceStatus": p.raw, "group": b.group}, "machine": machine}
		if _, err := b.call(ctx, method, "relate/"+p.class, body); err != nil {
			return nil, err
		}
	}
	if err := b.commit(ctx, http.MethodPost, "fabric/reprogram", machine); err != nil {
		return nil, err
	}
	return b.confirm(ctx, id, func(_ json.RawMessage, at map[string]int) bool { return done(at) })
}

// power switches a machine and looks at its host once, or until it shows.
func (b *bare) power(ctx context.Context, verb string, id int, machine json.RawMessage, parts []part) error {
	var err error
	if strings.HasPrefix(b.era, "3") {
		_, err = b.call(ctx, http.MethodPut, fmt.Sprintf("power/%s/%d/%d", verb, bareGroup, id), nil)
	} else {
		_, err = b.call(ctx, http.MethodPost, "power/"+verb, machine)
	}
	if err != nil {
		return err
	}
	at := parts[slices.IndexFunc(parts, func(p part) bool { return p.class == "compute" })].Location
	return b.until(ctx, func() (bool, error) {
		nodes, err := b.call(ctx, http.MethodGet, "node/status", nil)
		for _, raw := range nodes {
			var n struct {
				Run      string          `json:"run"`
				Location json.RawMessage `json:"location"`
			}
			if err := json.Unmarshal(raw, &n); err != nil {
				return false, err
			}
			if bytes.Equal(n.Location, at) {
				return (n.Run == "off") == (verb == "shutdown"), nil
			}
		}
		return false, cmp.Or(err, fmt.Errorf("node/status does not tell of %s", at))
	})
}

// commit makes a committing call and, where its answer does not say that it is
// done, asks until it is: the link of a 202, or what is pending. Where neither is
// told the confirming rounds find out.
func (b *bare) commit(ctx context.Context, method, path string, body any) error {
	answer, err := b.call(ctx, method, path, body)
	if err != nil {
		return err
	}
	var linked struct {
		Links []struct{ Href string } `json:"links"`
	}
	if len(answer) > 0 {
		if err := json.Unmarshal(answer[0], &linked); err != nil {
			return err
		}
	}
	switch {
	case len(linked.Links) > 0:
		_, at, _ := strings.Cut(linked.Links[0].Href, "/liqid/api/v2/")
		return b.until(ctx, func() (bool, error) {
			a, err := b.call(ctx, http.MethodGet, at, nil)
			return err == nil && bytes.Contains(a[0], []byte("SUCCESS")), err
		})
	case b.lists:
		return b.until(ctx, func() (bool, error) {
			a, err := b.call(ctx, http.MethodGet, "state/1", nil)
			return len(a) == 0, err
		})
	}
	return nil
}

// confirm reads machine and memberships side by side, once, or until they show
// what was done.
func (b *bare) confirm(ctx context.Context, id int, done func(json.RawMessage, map[string]int) bool) (machine json.RawMessage, err error) {
	err = b.until(ctx, func() (bool, error) {
		var at map[string]int
		err := together(
			func() (err error) { machine, err = b.machine(ctx, id); return err },
			func() (err error) { at, err = b.members(ctx); return err },
		)
		return err == nil && done(machine, at), err
	})
	return machine, err
}

// until asks until it is so, at once and then ever more rarely.
func (b *bare) until(ctx context.Context, so func() (bool, error)) error {
	began := time.Now()
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		pause := time.NewTimer(max(10*time.Millisecond, time.Since(began)/20))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// parts are all devices of the director.
func (b *bare) parts(ctx context.Context) ([]part, error) {
	records, err := b.call(ctx, http.MethodGet, "status", nil)
	if err != nil {
		return nil, err
	}
	parts := make([]part, len(records))
	for i, raw := range records {
		if err := json.Unmarshal(raw, &parts[i]); err != nil {
			return nil, err
		}
		parts[i].raw, parts[i].class = raw, pathOf[parts[i].Type]
	}
	return parts, nil
}

// members are the devices of the group and the machine that each is in; 0: none.
func (b *bare) members(ctx context.Context) (map[string]int, error) {
	query := "predevice?grp_id=" + strconv.Itoa(bareGroup)
	if b.era == "2.4" {
		query = "predevice?cid=" + strconv.Itoa(bareGroup)
	}
	records, err := b.call(ctx, http.MethodGet, query, nil)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, raw := range records {
		var m struct {
			Name    string `json:"name"`
			Machine string `json:"mach_id"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, err
		}
		out[m.Name], _ = strconv.Atoi(m.Machine) // it is no number where there is none
	}
	return out, nil
}

// machine is the record of a machine, nil where there is none.
func (b *bare) machine(ctx context.Context, id int) (json.RawMessage, error) {
	records, err := b.call(ctx, http.MethodGet, "machine", nil)
	for _, raw := range records {
		var m struct {
			ID int `json:"mach_id"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, err
		}
		if m.ID == id {
			return raw, nil
		}
	}
	return nil, err
}

func (b *bare) number(ctx context.Context) (int, error) {
	a, err := b.call(ctx, http.MethodGet, "machine/nextid", nil)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.Trim(string(a[0]), `"`))
}

// call makes one call and returns what its envelope holds.
func (b *bare) call(ctx context.Context, method, path string, body any) ([]json.RawMessage, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, b.url+path, sent)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := b.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	var envelope struct {
		Response struct {
			Data   []json.RawMessage
			Errors []struct{ Message string }
		}
	}
	if err := json.Unmarshal(text, &envelope); err != nil {
		return nil, fmt.Errorf("%s %s answered %d: %w", method, path, answer.StatusCode, err)
	}
	if answer.StatusCode > 299 {
		return nil, fmt.Errorf("%s %s answered %d: %v", method, path, answer.StatusCode, envelope.Response.Errors)
	}
	return envelope.Response.Data, nil
}

// together makes calls side by side and returns the first error.
func together(calls ...func() error) error {
	errs := make([]error, len(calls))
	var wait sync.WaitGroup
	for i, call := range calls {
		wait.Go(func() { errs[i] = call() })
	}
	wait.Wait()
	return cmp.Or(errs...)
}
