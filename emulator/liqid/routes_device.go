package liqid

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// The calls about devices: liqid-api.md 2.8, 2.9 and 2.11.

// status lists every device, whoever holds it.
func (r *request) status() (any, error) {
	return r.statusList(func(*device) bool { return true }), nil
}

// freeOf answers status/{class}, which lists only what is in no group and no
// machine. 3.x can be asked for all of the class with a filter.
func freeOf(c Class) func(*request) (any, error) {
	return func(r *request) (any, error) {
		all := r.era.in(line3) && strings.EqualFold(r.URL.Query().Get("filter"), "false")
		return r.statusList(func(d *device) bool {
			return d.class() == c && (all || (d.group == 0 && !d.hidden))
		}), nil
	}
}

// parents lists compute devices with several ports to one host. No emulated one
// has more than one.
func (r *request) parents() (any, error) { return []struct{}{}, nil }

// typeAttributes is a DeviceTypeAndAttributes (liqid-api.md 1.4).
type typeAttributes struct {
	DeviceType string              `json:"deviceType"`
	Attributes map[string][]string `json:"attributes"`
}

// attributes lists which vendors and models there are of each type; which
// attributes a real director lists is not known.
func (r *request) attributes() (any, error) {
	out := []typeAttributes{}
	for _, c := range r.era.classes() {
		vendors, models := []string{}, []string{}
		devType := ""
		for i := range r.devices {
			if d := &r.devices[i]; d.class() == c && !d.gone {
				devType = r.deviceType(d)
				vendors, models = append(vendors, d.Vendor), append(models, d.Model)
			}
		}
		if devType != "" {
			out = append(out, typeAttributes{devType, map[string][]string{"vendor": distinct(vendors), "model": distinct(models)}})
		}
	}
	return out, nil
}

func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *request) countDevices() (any, error) {
	if fabric, given, err := r.queryNumber("fabr_id"); err != nil {
		return nil, err
	} else if given && fabric != r.fabric {
		return nil, invalid("fabr_id is %d, this fabric is %d", fabric, r.fabric)
	}
	return one(r.counts(r.d.config.Inventory.switches())), nil
}

// deviceInfo answers outside the envelope.
func (r *request) deviceInfo() (any, error) {
	class, name := r.PathValue("class"), r.PathValue("name")
	d, err := r.find(name, "")
	if err != nil || kindNames[d.Kind].info != class {
		return nil, &refusal{http.StatusNotFound, "", "there is no " + class + " " + name}
	}
	return bare{r.info(d)}, nil
}

// infosOf answers device/info/{class} and device/info/{class}/{name} of 3.x.
func infosOf(info string) func(*request) (any, error) {
	return func(r *request) (any, error) {
		name := r.PathValue("name")
		out := []any{}
		for i := range r.devices {
			if d := &r.devices[i]; !d.gone && kindNames[d.Kind].info == info && (name == "" || d.Name == name) {
				out = append(out, r.info(d))
			}
		}
		if name != "" && len(out) == 0 {
			return nil, &refusal{http.StatusNotFound, "", "there is no " + info + " " + name}
		}
		return out, nil
	}
}

type description struct {
	UDesc string `json:"udesc"`
}

func (r *request) describe() (any, error) {
	f, err := r.fields()
	if err != nil {
		return nil, err
	}
	if f.UDesc == nil {
		return nil, invalid("udesc is missing")
	}
	if n := utf8.RuneCountInString(string(*f.UDesc)); n > MaxDescription {
		return nil, invalid("udesc has %d characters; at most %d are allowed", n, MaxDescription)
	}
	return r.setUDesc(string(*f.UDesc))
}

func (r *request) undescribe() (any, error) { return r.setUDesc(unset) }

func (r *request) setUDesc(to string) (any, error) {
	_, err := r.d.change(true, func(s *state) error {
		d, err := r.ofType(s)
		if err != nil {
			return err
		}
		d.udesc = to
		return nil
	})
	return one(description{to}), err
}

// ofType looks up the device of a path with {type} and {id}.
func (r *request) ofType(s *state) (*device, error) {
	d, err := s.find("", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if t := r.PathValue("type"); t != kindNames[d.Kind].devType {
		return nil, invalid("%s is of type %s, not %s", d.Name, kindNames[d.Kind].devType, t)
	}
	return d, nil
}

// erase is the secure erase: it answers 204 and tells nothing of its progress.
func (r *request) erase() (any, error) {
	_, err := r.d.change(true, func(s *state) error {
		d, err := s.find("", r.PathValue("id"))
		if err != nil {
			return err
		}
		return erase(d, r.d.clock())
	})
	return nil, err
}

// beginErase is the secure erase of 3.x: it answers at once and takes as long
// as a commit. What it is asked about under is the device's dev_id or the
// async_id, which are the same here.
func (r *request) beginErase() (any, error) {
	id := r.PathValue("id")
	drive, err := r.find("", id)
	if err != nil {
		return nil, err
	}
	name := drive.Name
	wipe := func(s *state) error {
		d, err := s.find(name, "")
		if err != nil {
			return err
		}
		return erase(d, r.d.clock())
	}
	p, _, err := r.d.begin(commit{command: "device/erase", on: deviceTarget(name), apply: wipe, repeats: true, task: &task{id: id, device: id}}, r.by)
	if err != nil {
		return nil, err
	}
	go r.d.finish(p, wipe)
	return one(asyncInfo{id, id}), nil
}

// mark sets a flag of a device (liqid-api.md 2.9). What they do is inferred: a
// device that is hidden or has disappeared is deferred, one that is not active
// says so in its state, and perm keeps nothing more than is kept anyway.
func (r *request) mark() (any, error) {
	flag, set := r.PathValue("flag"), r.PathValue("state") == "enabled"
	if !slices.Contains([]string{"perm", "disappear", "active", "hidden"}, flag) {
		return nil, invalid("flag %q is not perm, disappear, active or hidden", flag)
	}
	if !set && r.PathValue("state") != "disabled" {
		return nil, invalid("state %q is not enabled or disabled", r.PathValue("state"))
	}
	_, err := r.d.change(true, func(s *state) error {
		d, err := r.ofType(s)
		if err != nil {
			return err
		}
		switch flag {
		case "disappear", "hidden":
			d.hidden = set
		case "active":
			d.inactive = !set
		}
		return nil
	})
	return nil, err
}
