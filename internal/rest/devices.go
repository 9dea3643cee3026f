package rest

import (
	"context"
	"strings"

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
	PageInput
}

type listDevicesOutput struct{ Body api.Devices }

func (s *Server) listDevices(ctx context.Context, in *listDevicesInput) (*listDevicesOutput, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	var found []*composa.Device
	for i := range v.site.Devices {
		if d := &v.site.Devices[i]; v.wanted(d, in) {
			found = append(found, d)
		}
	}
	page, next, err := cut(found, in.PageInput, func(d **composa.Device) string { return string((*d).Place()) })
	if err != nil {
		return nil, err
	}
	out := api.Devices{Items: []api.Device{}, Page: api.Page{Next: next, AsOf: v.site.Now.UTC()}}
	for _, d := range page {
		out.Items = append(out.Items, *v.device(d))
	}
	return &listDevicesOutput{Body: out}, nil
}

func (v *view) wanted(d *composa.Device, in *listDevicesInput) bool {
	switch {
	case in.Kind != "" && string(d.Kind) != in.Kind,
		in.Fabric != "" && string(d.Fabric) != in.Fabric,
		in.Model != "" && !strings.Contains(strings.ToLower(d.Facts.Vendor+" "+d.Facts.Model), strings.ToLower(in.Model)),
		in.Use != "" && string(v.use(d)) != in.Use,
		in.Free != "" && (v.whyNot(d, "") == "") != (in.Free == "true"):
		return false
	case in.Pool == "":
		return true
	}
	p := v.site.Pool(d.Pool)
	return p != nil && v.who.Sees(p.Project) && p.Name == in.Pool
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

func (s *Server) device(ctx context.Context, in *DevicePath) (*deviceOutput, error) {
	return s.showDevice(ctx, in.Fabric+"/"+in.Name)
}

func (s *Server) deviceByID(ctx context.Context, in *DeviceIDPath) (*deviceOutput, error) {
	return s.showDevice(ctx, in.ID)
}

func (s *Server) showDevice(ctx context.Context, word string) (*deviceOutput, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	d, err := v.find("cannot show device "+composa.Abridge(word, 80), word)
	if err != nil {
		return nil, err
	}
	return &deviceOutput{ETag: etag(d.Revision), Body: v.device(d)}, nil
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
	if err := auth.Allow(v.who.Principal, auth.DeviceEdit, "", word); err != nil {
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
	if _, err := s.Store.SetDevice(ctx, v.who, d.ID, revision, u); err != nil {
		return nil, err
	}
	return s.showDevice(ctx, string(d.ID))
}

type listAvailableInput struct {
	Kind string `query:"kind" enum:"cpu,gpu,ssd,scm,nic,fpga,memory" doc:"Only this kind"`
	PageInput
}

type listAvailableOutput struct{ Body api.AvailableList }

func (s *Server) listAvailable(ctx context.Context, in *listAvailableInput) (*listAvailableOutput, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	all := v.available(composa.Kind(in.Kind))
	page, next, err := cutOrdered(all, in.PageInput, func(a *api.Available) string { return a.Kind + "/" + a.Model })
	if err != nil {
		return nil, err
	}
	return &listAvailableOutput{Body: api.AvailableList{Items: page, Page: api.Page{Next: next, AsOf: v.site.Now.UTC()}}}, nil
}
