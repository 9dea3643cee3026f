package rest

import (
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// allFabrics is what is shown of the fabrics; never nil.
func (sh *shown) allFabrics() ([]api.Fabric, error) {
	out := make([]api.Fabric, 0, len(sh.view.site.Fabrics))
	for i := range sh.view.site.Fabrics {
		f, err := sh.fabric(&sh.view.site.Fabrics[i])
		if err != nil {
			return nil, err
		}
		out = append(out, *f)
	}
	return out, nil
}

func (sh *shown) fabric(f *composa.Fabric) (*api.Fabric, error) {
	v := sh.view
	shares, err := sh.shares(f.Name)
	if err != nil {
		return nil, err
	}
	out := &api.Fabric{
		Name: string(f.Name), Driver: f.Driver, URL: f.URL, Source: f.Source, Access: string(f.Access), Emulated: v.emulated(f.Name),
		State: "ok", Seen: moment(f.Reach.Seen), SilentSince: moment(f.Reach.SilentSince), Reason: f.Reach.Reason,
		Acts: []string{}, Machines: len(v.ours[f.Name]), Kinds: shares, Epoch: f.Epoch, Revision: f.Revision,
	}
	switch {
	case f.Reach.Silent():
		out.State = "silent"
	case f.Reach.Seen.IsZero():
		out.State = "new"
	case f.Reach.Stale:
		out.State = "stale"
	}
	if f.Abilities != nil {
		out.Era, out.Acts = f.Abilities.Era, texts(f.Abilities.Acts)
		if only := f.Abilities.ReadOnly; only != nil {
			out.ReadOnly = only.Why + "; " + only.Next
		}
	}
	if p := v.site.Pictures[f.Name]; p != nil {
		out.Foreign = len(p.Machines) - len(v.ours[f.Name])
	}
	return out, nil
}

// shares counts the devices of a fabric by kind.
func (sh *shown) shares(name composa.FabricName) ([]api.Share, error) {
	free, all := map[composa.Kind]int{}, map[composa.Kind]int{}
	for _, shelf := range sh.shelves {
		if shelf.name() != name {
			continue
		}
		there, err := shelf.all()
		if err != nil {
			return nil, err
		}
		for i := range there.rows {
			kind := shelf.devices[i].Kind
			all[kind]++
			if there.rows[i].free {
				free[kind]++
			}
		}
	}
	out := []api.Share{}
	for _, k := range composa.Kinds() {
		if all[k] > 0 {
			out = append(out, api.Share{Kind: string(k), Free: free[k], All: all[k]})
		}
	}
	return out, nil
}

// unknownModel stands where a fabric does not say the model.
const unknownModel = "unknown"

// availableNow counts what can be had now, by kind and model, and by fabric.
func (sh *shown) availableNow() ([]api.Available, error) {
	type key struct {
		kind  composa.Kind
		model string
	}
	counts := map[key]map[composa.FabricName]*api.AvailableThere{}
	for _, shelf := range sh.shelves {
		shown, err := shelf.all()
		if err != nil {
			return nil, err
		}
		for i := range shown.rows {
			d := &shelf.devices[i]
			k := key{d.Kind, d.Facts.Model}
			if k.model == "" {
				k.model = unknownModel
			}
			if counts[k] == nil {
				counts[k] = map[composa.FabricName]*api.AvailableThere{}
			}
			there := counts[k][d.Fabric]
			if there == nil {
				there = &api.AvailableThere{Fabric: string(d.Fabric)}
				counts[k][d.Fabric] = there
			}
			there.All++
			if shown.rows[i].free {
				there.Free++
			}
		}
	}
	out := []api.Available{}
	for k, fabrics := range counts {
		a := api.Available{Kind: string(k.kind), Model: k.model}
		for _, there := range fabrics {
			a.Free, a.All, a.Most = a.Free+there.Free, a.All+there.All, max(a.Most, there.Free)
			a.Fabrics = append(a.Fabrics, *there)
		}
		slices.SortFunc(a.Fabrics, func(x, y api.AvailableThere) int { return composa.NaturalCompare(x.Fabric, y.Fabric) })
		out = append(out, a)
	}
	kinds := composa.Kinds()
	slices.SortFunc(out, func(a, b api.Available) int {
		ka, kb := slices.Index(kinds, composa.Kind(a.Kind)), slices.Index(kinds, composa.Kind(b.Kind))
		if ka != kb {
			return ka - kb
		}
		return composa.NaturalCompare(a.Model, b.Model)
	})
	return out, nil
}

// inventory is what a picture shows, our things and others'. v must have been
// made with that picture.
func (v *view) inventory(p *composa.Picture) *api.Inventory {
	out := &api.Inventory{
		Fabric: string(p.Fabric), Began: p.Began.UTC(), Complete: p.Complete,
		Machines: []api.InventoryMachine{}, Devices: []api.Device{},
	}
	for i := range p.Machines {
		seen := &p.Machines[i]
		m := api.InventoryMachine{Native: seen.Native, Label: seen.Label, Power: string(seen.Power), P2P: seen.P2P, Devices: []string{}}
		if m.Power == "" {
			m.Power = string(composa.PowerUnknown)
		}
		if ours := v.ours[p.Fabric][seen.Native]; ours != nil {
			m.Ours = true
			if v.who.Sees(ours.Project) {
				m.Machine = ours.Name
			}
		}
		for _, name := range seen.Devices {
			m.Devices = append(m.Devices, string(composa.PlaceOf(p.Fabric, name)))
		}
		out.Machines = append(out.Machines, m)
	}
	for i := range p.Devices {
		out.Devices = append(out.Devices, *v.seenDevice(p.Fabric, &p.Devices[i]))
	}
	return out
}

// seenDevice is a device as a picture shows it: the part that is recorded there,
// or what is seen of one that is not recorded yet.
func (v *view) seenDevice(fabric composa.FabricName, seen *composa.SeenDevice) *api.Device {
	if d := v.site.At(composa.PlaceOf(fabric, seen.Name)); d != nil && d.Fingerprint.Same(seen.Fingerprint) {
		return v.device(d)
	}
	d := &composa.Device{
		Fabric: fabric, Name: seen.Name, Kind: seen.Kind, Fingerprint: seen.Fingerprint, Facts: seen.Facts,
		Health: seen.Health, Hygiene: composa.HygieneClean, FirstSeen: seen.Seen,
	}
	out := v.device(d)
	out.Free, out.WhyNot = false, "not recorded yet"
	return out
}
