package liqid

import "net/http"

// The calls about devices: liqid-api.md 2.8, 2.9 and 2.11.

// status lists every device, whoever holds it.
func (r *request) status() (any, error) {
	return r.statusList(func(*device) bool { return true }), nil
}

// freeOf answers status/{class}, which in 2.5 lists only what is in no group
// and no machine, and knows no filter.
func freeOf(c Class) func(*request) (any, error) {
	return func(r *request) (any, error) {
		all := r.d.policy.statusFilter && (r.URL.Query().Get("filter") == "false" || r.URL.Query().Get("filter") == "False")
		return r.statusList(func(d *device) bool { return d.class() == c && (all || d.group == 0) }), nil
	}
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
	return r.setUDesc(string(*f.UDesc))
}

func (r *request) undescribe() (any, error) { return r.setUDesc(unset) }

func (r *request) setUDesc(to string) (any, error) {
	_, err := r.d.change(true, func(s *state) error {
		d, err := s.find("", r.PathValue("id"))
		if err != nil {
			return err
		}
		if t := r.PathValue("type"); t != kindNames[d.Kind].devType {
			return invalid("%s is of type %s, not %s", d.Name, kindNames[d.Kind].devType, t)
		}
		d.udesc = to
		return nil
	})
	return one(description{to}), err
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

func (r *request) ipmi() (any, error) {
	out := []ipmiRecord{}
	for i := range r.devices {
		if d := &r.devices[i]; d.Kind == CPU && !d.gone {
			out = append(out, ipmiRecord{
				Type: "ManageableCpuIpmiNetworkConfig", CPUName: d.Name, IPAddress: d.IPMI, Port: 623,
				Credentials: ipmiCredentials{Principal: "admin", Password: "***"},
			})
		}
	}
	return out, nil
}
