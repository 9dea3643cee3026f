package liqid

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// disk keeps a director's state in one JSON file of a folder that it holds
// locked. The file is replaced whole: written beside, synced, renamed.
type disk struct {
	dir         string
	lock        *os.File
	fingerprint string
}

const stateFile = "director.json"

// saved is the file. Devices that are as the inventory has them are left out.
type saved struct {
	Format      int                    `json:"format"`
	Hardware    string                 `json:"hardware"` // fingerprint of the inventory it belongs to
	Generation  uint64                 `json:"generation"`
	Coordinates Coordinates            `json:"coordinates"`
	Groups      []group                `json:"groups"`
	Machines    []machine              `json:"machines"`
	Devices     map[string]savedDevice `json:"devices"`
	Pools       map[int]session        `json:"pools"`
	Edits       map[int]session        `json:"edits"`
	LastSession int64                  `json:"lastSession"`
	LastAttach  int64                  `json:"lastAttach"`
	LastMade    int64                  `json:"lastMade,omitempty"`
	Settings    settings               `json:"settings"`
	Fabric      int                    `json:"fabric,omitempty"`
	LastMachine int                    `json:"lastMachine,omitempty"`
	Digests     []digest               `json:"digests,omitempty"`
	LastDigest  int                    `json:"lastDigest,omitempty"`
}

type savedDevice struct {
	Gone     bool    `json:"gone,omitempty"`
	Group    int     `json:"group,omitempty"`
	Machine  int     `json:"machine,omitempty"`
	Attached int64   `json:"attached,omitempty"`
	Order    int64   `json:"order,omitempty"`
	UDesc    string  `json:"udesc,omitempty"`
	Data     bool    `json:"data,omitempty"`
	Erased   int64   `json:"erased,omitempty"`
	Powered  bool    `json:"powered,omitempty"`
	UpAt     int64   `json:"upAt,omitempty"`
	Replaced int     `json:"replaced,omitempty"`
	Narrow   bool    `json:"narrow,omitempty"`
	Hidden   bool    `json:"hidden,omitempty"`
	Inactive bool    `json:"inactive,omitempty"`
	Serial   string  `json:"serial,omitempty"` // of a replaced part
	Former   *former `json:"former,omitempty"`
}

const savedFormat = 1

// fingerprint tells inventories apart.
func fingerprint(fabric int, parts []*part) string {
	h := sha256.New()
	fmt.Fprintln(h, fabric)
	for _, p := range parts {
		fmt.Fprintf(h, "%+v\n", *p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func openDisk(dir, fingerprint string) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(lock); err != nil {
		lock.Close()
		return nil, err
	}
	return &disk{dir: dir, lock: lock, fingerprint: fingerprint}, nil
}

func (k *disk) close() error { return k.lock.Close() }

// save returns once s would survive a power loss.
func (k *disk) save(s *state) error {
	file := saved{
		Format: savedFormat, Hardware: k.fingerprint, Generation: s.generation, Coordinates: s.coordinates,
		Groups: s.sortedGroups(), Machines: s.sortedMachines(), Devices: map[string]savedDevice{},
		Pools: s.pools, Edits: s.edits, LastSession: s.lastSession, LastAttach: s.lastAttach, LastMade: s.lastMade, Settings: s.settings,
		Fabric: s.fabric, LastMachine: s.lastMachine, LastDigest: s.lastDigest,
		Digests: slices.SortedFunc(maps.Values(s.digests), func(a, b digest) int { return a.ID - b.ID }),
	}
	for i := range s.devices {
		d := &s.devices[i]
		v := savedDevice{d.gone, d.group, d.machine, d.attached, d.order, d.udesc, d.data, d.erased, d.powered, d.upAt, d.replaced, d.narrow, d.hidden, d.inactive, "", d.former}
		if v.UDesc == unset {
			v.UDesc = ""
		}
		if v.Replaced > 0 {
			v.Serial = d.Serial
		}
		if v != (savedDevice{}) {
			file.Devices[d.Name] = v
		}
	}
	body, err := json.Marshal(file)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(k.dir, stateFile), body)
}

// replaceFile puts body in place of what path holds, whole and synced.
func replaceFile(path string, body []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// load fills in s, a new state, from the file if there is one.
func (k *disk) load(s *state, restart string) error {
	body, err := os.ReadFile(filepath.Join(k.dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var file saved
	if err := json.Unmarshal(body, &file); err != nil {
		return fmt.Errorf("%s is damaged: %w", stateFile, err)
	}
	if file.Format != savedFormat {
		return fmt.Errorf("%s has format %d, this program reads %d", stateFile, file.Format, savedFormat)
	}
	if file.Hardware != k.fingerprint {
		return errors.New("it belongs to a director with another name, seed, fabric id or inventory; start with the same ones or use an empty folder")
	}
	if err := file.checkMoments(); err != nil {
		return fmt.Errorf("%s is damaged: %w", stateFile, err)
	}
	s.generation, s.coordinates = file.Generation, file.Coordinates
	s.lastSession, s.lastAttach, s.settings = file.LastSession, file.LastAttach, file.Settings
	s.lastMade, s.lastMachine, s.lastDigest = file.LastMade, file.LastMachine, file.LastDigest
	s.fabric = cmp.Or(file.Fabric, s.fabric)
	for _, g := range file.Groups {
		s.groups[g.ID] = g
	}
	for _, m := range file.Machines {
		s.machines[m.ID] = m
	}
	maps.Copy(s.pools, file.Pools)
	maps.Copy(s.edits, file.Edits)
	s.forget(restart)
	for _, g := range file.Digests {
		s.digests[g.Label] = g
	}
	for i := range s.devices {
		d := &s.devices[i]
		v, kept := file.Devices[d.Name]
		if !kept {
			continue
		}
		if v.Replaced > 0 {
			other := *d.part
			other.Serial = v.Serial
			d.part = &other
		}
		if v.UDesc == "" {
			v.UDesc = unset
		}
		*d = device{
			part: d.part, gone: v.Gone, group: v.Group, machine: v.Machine, attached: v.Attached, order: v.Order, udesc: v.UDesc,
			data: v.Data, erased: v.Erased, powered: v.Powered, upAt: v.UpAt, replaced: v.Replaced, narrow: v.Narrow,
			hidden: v.Hidden, inactive: v.Inactive, former: v.Former,
		}
	}
	return nil
}

// lastSecond is the last of the year 9999, the last that can be written.
const lastSecond = 253402300799

// checkMoments refuses moments that could not be shown.
func (f *saved) checkMoments() error {
	check := func(of string, each int64, moments ...int64) error {
		for _, at := range moments {
			if at < 0 || at/each > lastSecond {
				return fmt.Errorf("%s has the moment %d, which is not in the years 1970 to 9999", of, at)
			}
		}
		return nil
	}
	var errs []error
	for _, m := range f.Machines {
		errs = append(errs, check("machine "+m.Name, 1, m.Created, m.Changed))
		for _, p := range m.Past {
			errs = append(errs, check("machine "+m.Name, 1, p.Attached, p.Detached))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Devices)) {
		d := f.Devices[name]
		errs = append(errs, check("device "+name, 1, d.Attached), check("device "+name, 1000, d.Erased, d.UpAt))
		if d.Former != nil {
			errs = append(errs, check("what was in the place of "+name, 1000, d.Former.Erased))
		}
	}
	for _, open := range []map[int]session{f.Pools, f.Edits} {
		for _, id := range slices.Sorted(maps.Keys(open)) {
			errs = append(errs, check(fmt.Sprintf("the edit session of %d", id), 1000, open[id].Since))
		}
	}
	return cmp.Or(errs...)
}
