package store

import (
	"context"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// Where a host's address comes from. Else it is the principal who said it.
const (
	hostFromFabric = "fabric"
	hostFromHosts  = "hosts"
)

// hostMeans says whether an entry of the configuration is about a cpu device: all
// that it names must agree.
func hostMeans(h *composa.HostEntry, d *composa.Device) bool {
	agrees := func(said, is string) bool { return said == "" || said == is }
	return d.Kind == composa.KindCPU && (h.Serial != "" || h.IPMI != "" || h.Place != "") &&
		agrees(h.Serial, d.Fingerprint.Serial) && agrees(h.IPMI, d.Facts.IPMI) && agrees(string(h.Place), string(d.Place()))
}

// SetHosts replaces what the configuration says of hosts. It holds for the cpu
// devices that match now and for those that appear later; what a person said of
// a host stays. The same entries again change nothing.
func (s *Store) SetHosts(ctx context.Context, who composa.Who, entries []composa.HostEntry) error {
	return s.write(ctx, who, "set the hosts", func(t *tx) error {
		before, err := t.hosts()
		if err != nil || slices.Equal(before, entries) {
			return err
		}
		if _, err := t.exec(`DELETE FROM host_entry`); err != nil {
			return err
		}
		rows := make([][]any, len(entries))
		for i, h := range entries {
			rows[i] = []any{i + 1, h.Serial, h.IPMI, string(h.Place), h.Address, h.Login}
		}
		if err := t.insert("host_entry", "ordinal, serial, ipmi, place, address, login", "", rows, nil); err != nil {
			return err
		}
		cpus, err := t.devices(`kind = 'cpu' ORDER BY id` + t.s.engine.hold)
		if err != nil {
			return err
		}
		for i := range cpus {
			d := &cpus[i]
			if !applyHosts(d, entries, t.now) {
				continue
			}
			if err := t.changeDevice(d); err != nil {
				return err
			}
			if err := t.touchParts(d.Fabric); err != nil {
				return err
			}
			if err := t.tellDevice("device.changed", d, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) hosts() ([]composa.HostEntry, error) {
	var out []composa.HostEntry
	err := t.each(func(r row) error {
		var h composa.HostEntry
		err := r.Scan(&h.Serial, &h.IPMI, &h.Place, &h.Address, &h.Login)
		out = append(out, h)
		return err
	}, `SELECT serial, ipmi, place, address, login FROM host_entry ORDER BY ordinal`)
	return out, err
}

// applyHosts lets the first entry that means a device say where its host is,
// and takes back what an entry said that is not there any more. It says whether
// that changed anything.
func applyHosts(d *composa.Device, entries []composa.HostEntry, now time.Time) bool {
	var h composa.Host
	if d.Host != nil {
		h = *d.Host
	}
	if h.Source != "" && h.Source != hostFromFabric && h.Source != hostFromHosts {
		return false // a person said so
	}
	for i := range entries {
		if !hostMeans(&entries[i], d) {
			continue
		}
		said := composa.Host{Address: entries[i].Address, Login: entries[i].Login, OS: h.OS, BootImage: h.BootImage, Source: hostFromHosts, At: h.At}
		if said == h {
			return false
		}
		said.At = now
		d.Host = &said
		return true
	}
	if h.Source != hostFromHosts {
		return false
	}
	d.Host = nil
	return true
}

// seenHost is what is known of a host once its fabric told shown: everything,
// where only the fabric knew of it before, else what address and login are not.
func seenHost(recorded, shown *composa.Host) *composa.Host {
	switch {
	case shown == nil:
		return recorded
	case recorded == nil || recorded.Source == hostFromFabric || recorded.Source == "":
		return shown
	}
	is := *recorded
	if shown.OS != "" {
		is.OS = shown.OS
	}
	if shown.BootImage != "" {
		is.BootImage = shown.BootImage
	}
	return &is
}
