package rest

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
)

type listDevicesInput struct {
	Kind   string `query:"kind" enum:"cpu,gpu,ssd,scm,nic,fpga,memory" doc:"Only those of this kind"`
	Fabric string `query:"fabric" maxLength:"63" doc:"Only those of this fabric"`
	Free   string `query:"free" enum:"true,false" doc:"Only those that could be had now, or only the others"`
	Pool   string `query:"pool" maxLength:"63" doc:"Only those in the pools of this name"`
	Use    string `query:"use" enum:"free,claimed,attached,foreign" doc:"Only those that are so used"`
	Model  string `query:"model" maxLength:"63" example:"A100" doc:"Only those whose model's name has this part, in any case"`
	Where  string `query:"where" example:"device.memory >= 40*GB" doc:"Only those that meet this condition, in CEL"`
	PageInput
	SinceInput
}

func (s *Server) listDevices(ctx context.Context, in *listDevicesInput) (*huma.StreamResponse, error) {
	sh, err := s.shown(ctx)
	if err != nil {
		return nil, err
	}
	page, cost, err := sh.devicePage(ctx, deviceFilter{
		kind: composa.Kind(in.Kind), fabric: composa.FabricName(in.Fabric), free: in.Free, pool: in.Pool,
		use: composa.Use(in.Use), model: strings.ToLower(in.Model), where: in.Where,
	}, in.PageInput)
	s.budgets.looked(s.Clock(), callOf(ctx).who, cost)
	if err != nil {
		return nil, err
	}
	return s.list(sh, in.SinceInput, page), nil
}

// deviceFilter says which devices are wanted; the zero value: all.
type deviceFilter struct {
	kind   composa.Kind
	fabric composa.FabricName
	free   string // "true", "false"; empty: whether or not
	pool   string // name of the pool
	use    composa.Use
	model  string // part of vendor and model, in small letters
	where  string // a condition
}

// maxFilters is how many filters one version of the site is kept divided by.
const maxFilters = 64

// those are the places in the site's devices of those that a filter has and that
// meet its condition.
func (sh *shown) those(ctx context.Context, f deviceFilter, met func(d *composa.Device, free bool) bool) ([]int, error) {
	found := []int{}
	for _, shelf := range sh.shelves {
		if f.fabric != "" && shelf.name() != f.fabric {
			continue
		}
		there, err := shelf.all()
		if err != nil {
			return nil, err
		}
		for i := range there.rows {
			if i%100 == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if d, r := &shelf.devices[i], &there.rows[i]; f.has(d, r) && met(d, r.free) {
				found = append(found, shelf.first+i)
			}
		}
	}
	return found, nil
}

func (f *deviceFilter) has(d *composa.Device, r *row) bool {
	return (f.kind == "" || d.Kind == f.kind) &&
		(f.free == "" || r.free == (f.free == "true")) &&
		(f.use == "" || r.use == f.use) &&
		(f.pool == "" || r.pool == f.pool) &&
		(f.model == "" || strings.Contains(r.model, f.model))
}

// devicePage is the page of the devices that are wanted, encoded, and what it
// cost to find them.
func (sh *shown) devicePage(ctx context.Context, f deviceFilter, p PageInput) (page *listing, cost int, err error) {
	list := sh.view.site.Devices
	n, at := len(list), func(i int) int { return i }
	if f != (deviceFilter{}) {
		var found []int
		if found, cost, err = sh.find(ctx, f); err != nil {
			return nil, cost, err
		}
		n, at = len(found), func(i int) int { return found[i] }
	}
	from, to, next, err := bounds(n, p, func(i int) string { return string(list[at(i)].Place()) }, comparePlaces)
	if err != nil {
		return nil, cost, err
	}
	out := &listing{next: next}
	for from < to {
		// As many as stand side by side on one shelf are taken at once.
		shelf := sh.shelfOf(at(from))
		first, end := at(from), from+1
		for end < to && at(end) == first+end-from && at(end) < shelf.first+len(shelf.devices) {
			end++
		}
		there, err := shelf.all()
		if err != nil {
			return nil, cost, err
		}
		out.parts = append(out.parts, there.items(first-shelf.first, first-shelf.first+end-from))
		from = end
	}
	return out, cost, nil
}

// shelfOf is the shelf that a place in the site's devices is on.
func (sh *shown) shelfOf(i int) *shelf {
	after := sort.Search(len(sh.shelves), func(k int) bool { return sh.shelves[k].first > i })
	return sh.shelves[after-1]
}

// comparePlaces orders places as lists do: by fabric, and in it by name.
func comparePlaces(a, b string) int {
	fa, na, _ := strings.Cut(a, "/")
	fb, nb, _ := strings.Cut(b, "/")
	return cmp.Or(composa.NaturalCompare(fa, fb), composa.NaturalCompare(na, nb))
}

// DevicePath names a place in a path.
type DevicePath struct {
	Fabric string `path:"fabric" maxLength:"63" example:"rack1" doc:"Name of the fabric"`
	Name   string `path:"name" maxLength:"63" example:"gpu3" doc:"The fabric's name of the place"`
}

// DeviceIDPath names a device in a path.
type DeviceIDPath struct {
	ID string `path:"id" maxLength:"63" example:"dev_k3v9q2xwabcdefgh" doc:"Id of the device"`
}

type deviceOutput struct {
	ETag string `header:"ETag" doc:"Its revision"`
	Body *api.Device
}

func (s *Server) device(ctx context.Context, in *DevicePath) (*huma.StreamResponse, error) {
	return s.showDevice(ctx, in.Fabric+"/"+in.Name)
}

func (s *Server) deviceByID(ctx context.Context, in *DeviceIDPath) (*huma.StreamResponse, error) {
	return s.showDevice(ctx, in.ID)
}

func (s *Server) showDevice(ctx context.Context, word string) (*huma.StreamResponse, error) {
	sh, err := s.shown(ctx)
	if err != nil {
		return nil, err
	}
	d, err := sh.view.find("cannot show device "+composa.Abridge(word, 80), word)
	if err != nil {
		return nil, err
	}
	text, err := sh.device(d)
	if err != nil {
		return nil, err
	}
	return item(etag(d.Revision), text), nil
}

// device is a device of the site, encoded.
func (sh *shown) device(d *composa.Device) ([]byte, error) {
	for _, shelf := range sh.shelves {
		if shelf.name() != d.Fabric {
			continue
		}
		there, err := shelf.all()
		if err != nil {
			return nil, err
		}
		i, ok := slices.BinarySearchFunc(shelf.devices, d.Name, func(at composa.Device, name string) int { return composa.NaturalCompare(at.Name, name) })
		if ok && shelf.devices[i].ID == d.ID {
			return there.items(i, i+1), nil
		}
	}
	e := newEncoder(1)
	if err := e.add(sh.view.device(d)); err != nil {
		return nil, err
	}
	out := e.encoded()
	return out.items(0, 1), nil
}

// find returns the device of an id, or at a place. begin starts the message
// where there is none: "cannot show device".
func (v *view) find(begin, word string) (*composa.Device, error) {
	d := v.site.Device(composa.DeviceID(word))
	if d == nil {
		d = v.site.At(composa.Place(word))
	}
	if d != nil {
		return d, nil
	}
	e := composa.Errorf(composa.CodeNotFound, "%s: there is no device %q", begin, composa.Abridge(word, 80))
	if f := composa.Place(word).Fabric(); f != "" && v.site.Fabric(f) == nil {
		e = composa.Errorf(composa.CodeNotFound, "%s: there is no fabric %q", begin, composa.Abridge(string(f), 40))
	}
	return nil, e.WithNext("composa device ls shows what there is")
}

type editDeviceInput struct {
	DevicePath
	MatchInput
	Body api.EditDevice
}

func (s *Server) editDevice(ctx context.Context, in *editDeviceInput) (*deviceOutput, error) {
	return s.edit(ctx, in.Fabric+"/"+in.Name, in.MatchInput, &in.Body)
}

type editDeviceByIDInput struct {
	DeviceIDPath
	MatchInput
	Body api.EditDevice
}

func (s *Server) editDeviceByID(ctx context.Context, in *editDeviceByIDInput) (*deviceOutput, error) {
	return s.edit(ctx, in.ID, in.MatchInput, &in.Body)
}

func (s *Server) edit(ctx context.Context, word string, match MatchInput, e *api.EditDevice) (*deviceOutput, error) {
	if kept := callOf(ctx).kept; kept != nil {
		word = kept.Result // the part that was changed then, wherever it is now
	}
	revision, err := match.revision()
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	d, err := v.find("cannot change device "+composa.Abridge(word, 80), word)
	if err != nil {
		return nil, err
	}
	if err := auth.Allow(v.who, auth.DeviceEdit, "", word); err != nil {
		return nil, err
	}
	u := composa.DeviceUpdate{Address: e.Address, Login: e.Login, Labels: e.Labels}
	switch {
	case e.Cordon == nil:
	case *e.Cordon == "":
		u.Uncordon = true
	default:
		u.Cordon = e.Cordon
	}
	err = callOf(ctx).once(func(who composa.Who) error {
		_, err := s.Store.SetDevice(ctx, who, d.ID, revision, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	if v, err = s.view(ctx); err != nil {
		return nil, err
	}
	if d, err = v.find("cannot show device "+string(d.ID), string(d.ID)); err != nil {
		return nil, err
	}
	return &deviceOutput{ETag: etag(d.Revision), Body: v.device(d)}, nil
}

type listAvailableInput struct {
	Kind string `query:"kind" enum:"cpu,gpu,ssd,scm,nic,fpga,memory" doc:"Only this kind"`
	PageInput
}

type listAvailableOutput struct{ Body api.AvailableList }

func (s *Server) listAvailable(ctx context.Context, in *listAvailableInput) (*listAvailableOutput, error) {
	sh, err := s.shown(ctx)
	if err != nil {
		return nil, err
	}
	all, err := sh.available()
	if err != nil {
		return nil, err
	}
	wanted := []api.Available{}
	for _, a := range all {
		if in.Kind == "" || a.Kind == in.Kind {
			wanted = append(wanted, a)
		}
	}
	page, next, err := cutOrdered(wanted, in.PageInput, func(a *api.Available) string { return a.Kind + "/" + a.Model })
	if err != nil {
		return nil, err
	}
	return &listAvailableOutput{Body: api.AvailableList{Items: page, Page: api.Page{Next: next, AsOf: s.Clock().UTC()}}}, nil
}
