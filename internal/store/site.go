package store

import (
	"context"
	"slices"
	"sync"

	"github.com/composa-dev/composa"
)

// decoded keeps what is costly to read and seldom changes: pictures and
// devices, by fabric and revision. What it holds is never changed, so that
// sites can share it.
type decoded struct {
	guard    *sync.Mutex
	pictures map[composa.FabricName]*observed
	devices  map[composa.FabricName]keptDevices
}

type keptDevices struct {
	parts   int64 // fabric.parts when they were read
	devices []composa.Device
}

func newDecoded() decoded {
	return decoded{
		guard:    new(sync.Mutex),
		pictures: map[composa.FabricName]*observed{},
		devices:  map[composa.FabricName]keptDevices{},
	}
}

func (k *decoded) keptPicture(fabric composa.FabricName, revision int64) *observed {
	k.guard.Lock()
	defer k.guard.Unlock()
	if o := k.pictures[fabric]; o != nil && o.revision == revision {
		return o
	}
	return nil
}

func (k *decoded) keepPicture(fabric composa.FabricName, o *observed) {
	k.guard.Lock()
	defer k.guard.Unlock()
	if have := k.pictures[fabric]; have == nil || have.revision < o.revision {
		k.pictures[fabric] = o
	}
}

func (k *decoded) keptDevices(fabric composa.FabricName, parts int64) ([]composa.Device, bool) {
	k.guard.Lock()
	defer k.guard.Unlock()
	kept, ok := k.devices[fabric]
	return kept.devices, ok && kept.parts == parts
}

func (k *decoded) keepDevices(fabric composa.FabricName, parts int64, devices []composa.Device) {
	k.guard.Lock()
	defer k.guard.Unlock()
	if have, ok := k.devices[fabric]; !ok || have.parts < parts {
		k.devices[fabric] = keptDevices{parts, devices}
	}
}

// Site reads the whole site as of one moment: what placement and planning need
// to know what is free, whoever's it is. So it is not filtered; whoever shows it
// to people shows them their projects only. The pictures, and what devices point
// to (hosts, labels, cordons), are shared and must not be changed.
func (s *Store) Site(ctx context.Context, who composa.Who) (*composa.Site, error) {
	var site *composa.Site
	err := s.read(ctx, who, "read the site", func(t *tx) (err error) {
		site, err = t.site()
		return err
	})
	if err != nil {
		return nil, err
	}
	return site.Index(), nil
}

func (t *tx) site() (*composa.Site, error) {
	site := &composa.Site{Now: t.now, Pictures: map[composa.FabricName]*composa.Picture{}}
	if _, err := t.get([]any{&site.ID}, `SELECT id FROM site WHERE one = 1`); err != nil {
		return nil, err
	}
	if err := t.siteFabrics(site); err != nil {
		return nil, err
	}
	var err error
	if site.Machines, err = t.machines(`deleted_at IS NULL`); err != nil {
		return nil, err
	}
	if site.Claims, err = t.claims(`closed_at IS NULL ORDER BY taken_at, id`); err != nil {
		return nil, err
	}
	if site.Pools, err = t.pools(`1 = 1`); err != nil {
		return nil, err
	}
	if site.Operations, err = t.operations(`ended_at IS NULL ORDER BY created_at, id`); err != nil {
		return nil, err
	}
	slices.SortFunc(site.Machines, func(a, b composa.Machine) int { return composa.NaturalCompare(a.Name, b.Name) })
	slices.SortFunc(site.Pools, func(a, b composa.Pool) int { return composa.NaturalCompare(a.Name, b.Name) })
	return site, t.withSteps(site.Operations)
}

// siteFabrics reads the fabrics with their devices and pictures.
func (t *tx) siteFabrics(site *composa.Site) error {
	var rows []fabricRow
	err := t.each(func(r row) error {
		f, err := scanFabric(r)
		rows = append(rows, f)
		return err
	}, `SELECT `+fabricColumns+` FROM fabric WHERE deleted_at IS NULL`)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b fabricRow) int { return composa.NaturalCompare(string(a.Name), string(b.Name)) })
	for _, f := range rows {
		o, err := t.picture(f.Name)
		if err != nil {
			return err
		}
		if o != nil {
			site.Pictures[f.Name] = o.picture
			if o.picture.Complete {
				f.Reach.Seen = o.picture.Began
			}
		}
		devices, err := t.fabricDevices(f.Name, f.parts)
		if err != nil {
			return err
		}
		site.Fabrics = append(site.Fabrics, f.Fabric)
		site.Devices = append(site.Devices, devices...)
	}
	return nil
}

// fabricDevices returns the parts of a fabric that are not gone, in natural
// order of name.
func (t *tx) fabricDevices(fabric composa.FabricName, parts int64) ([]composa.Device, error) {
	if kept, ok := t.s.keptDevices(fabric, parts); ok {
		return kept, nil
	}
	devices, err := t.devices(`fabric = $1 AND gone_at IS NULL`, string(fabric))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(devices, func(a, b composa.Device) int { return composa.NaturalCompare(a.Name, b.Name) })
	t.s.keepDevices(fabric, parts, devices)
	return devices, nil
}
