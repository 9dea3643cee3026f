package liqid

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The calls about what a director manages from outside the fabric: service
// processors, and the PCI descriptors that discovery knows (liqid-api.md 2.11).

// descriptor is a managed entity: what is known of one kind of PCI device
// (liqid-api.md 1.4).
type descriptor struct {
	DeviceType   string          `json:"device_type"`
	Description  string          `json:"description"`
	VID          string          `json:"vid"`
	DID          string          `json:"did"`
	Model        string          `json:"model"`
	Cores        int             `json:"cores"`
	Threads      int             `json:"threads"`
	Speed        int             `json:"speed"`
	Capacity     int64           `json:"capacity"` // MB
	SRIOV        bool            `json:"sriov"`
	Type         string          `json:"type"`
	Unique       string          `json:"unique"`
	CoreMHz      int             `json:"core_mhz"`
	DRAMSize     int             `json:"dram_size"` // GB
	DRAMType     string          `json:"dram_type"`
	Manufacturer string          `json:"device_manufacturer"`
	Token        string          `json:"discovery_token"`
	Companion    string          `json:"companion_device"`
	Entry        descriptorEntry `json:"entry_description"`
}

type descriptorEntry struct {
	Active   bool `json:"active"`
	Required bool `json:"required"`
}

// key tells descriptors apart (liqid-api.md 1.1 Manageable).
func (v descriptor) key() string { return strings.ToLower(v.VID + " " + v.DID) }

// token is what discovery calls a kind of PCI device. Its form is not known.
func token(vid, did uint16) string { return fmt.Sprintf("%04x:%04x", vid, did) }

// known lists the descriptors: those that were set, else one for every kind of
// PCI device that is there, in the order of devices.
func (s *state) known() []descriptor {
	if s.settings.Descriptors != nil {
		return s.settings.Descriptors
	}
	out := []descriptor{}
	seen := map[string]bool{}
	for i := range s.devices {
		d := &s.devices[i]
		v := descriptor{
			DeviceType: d.devType(), Description: d.Vendor + " " + d.Model, VID: hex4(d.VID), DID: hex4(d.DID), Model: d.Model,
			Cores: d.Cores, Threads: d.Threads, Speed: d.Speed, Capacity: d.CapacityMB, Type: "ManageableDevice", Unique: unset,
			CoreMHz: d.MHz, DRAMSize: d.DRAM, DRAMType: d.DRAMType, Manufacturer: d.Vendor, Token: token(d.VID, d.DID),
			Companion: "no", Entry: descriptorEntry{Active: true},
		}
		if !d.gone && !seen[v.key()] {
			seen[v.key()] = true
			out = append(out, v)
		}
	}
	return out
}

func (r *request) descriptors() (any, error) { return r.known(), nil }

// setDescriptor answers POST, which wants a new one, and PUT, which wants one
// that is there.
func (r *request) setDescriptor() (any, error) {
	var v descriptor
	if err := r.decode(&v); err != nil {
		return nil, err
	}
	if v.VID == "" || v.DID == "" {
		return nil, invalid("vid or did is missing")
	}
	_, err := r.d.change(true, func(s *state) error {
		all := slices.Clone(s.known())
		i := slices.IndexFunc(all, func(o descriptor) bool { return o.key() == v.key() })
		switch {
		case r.Method == "PUT" && i < 0:
			return invalid("there is no descriptor of vid %s did %s", v.VID, v.DID)
		case r.Method == "PUT":
			all[i] = v
		case i >= 0:
			return invalid("there is a descriptor of vid %s did %s already", v.VID, v.DID)
		case len(all) >= MaxManaged:
			return invalid("there are %d descriptors, the most this director keeps", MaxManaged)
		default:
			all = append(all, v)
		}
		s.settings.Descriptors = all
		return nil
	})
	return one(v), err
}

func (r *request) deleteDescriptor() (any, error) {
	var v descriptor
	if err := r.decode(&v); err != nil {
		return nil, err
	}
	_, err := r.d.change(true, func(s *state) error {
		all := slices.Clone(s.known())
		i := slices.IndexFunc(all, func(o descriptor) bool { return o.key() == v.key() })
		if i < 0 {
			return invalid("there is no descriptor of vid %s did %s", v.VID, v.DID)
		}
		v = all[i]
		s.settings.Descriptors = slices.Delete(all, i, i+1)
		return nil
	})
	return one(v), err
}

type discoveryToken struct {
	Token string `json:"discovery_token"`
	Index int    `json:"index"`
}

// discover answers manager/discovery and, of one type, manager/discovery/{type}:
// the kinds of PCI device that are there.
func discover(devType string) func(*request) (any, error) {
	return func(r *request) (any, error) {
		out := []discoveryToken{}
		seen := map[string]bool{}
		for i := range r.devices {
			d := &r.devices[i]
			if t := token(d.VID, d.DID); !d.gone && !seen[t] && (devType == "" || kindNames[d.Kind].devType == devType) {
				seen[t] = true
				out = append(out, discoveryToken{t, len(out)})
			}
		}
		return out, nil
	}
}

// enclosureRecord is the service processor of an enclosure. Its type literal
// differs between sources (liqid-api.md A8).
type enclosureRecord struct {
	Type        string          `json:"type"`
	Name        string          `json:"enclosure_name"`
	IPAddress   string          `json:"ip_address"`
	Port        int             `json:"port"`
	Credentials ipmiCredentials `json:"credentials"`
}

const (
	cpuIPMI       = "ManageableCpuIpmiNetworkConfig"
	enclosureIPMI = "ManageableEnclosureIpmiNetworkConfig"
	ipmiPort      = 623
	noPassword    = "***" // nobody reads a password back
)

// managed is what a client sends of a service processor.
type managed struct {
	CPU         text   `json:"cpu_name"`
	Enclosure   text   `json:"enclosure_name"`
	IPAddress   text   `json:"ip_address"`
	Port        number `json:"port"`
	Credentials struct {
		Principal text `json:"principal"`
	} `json:"credentials"`
}

func (r *request) managed() (*managed, error) {
	var v managed
	if err := r.decode(&v); err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(string(v.IPAddress)); err != nil && r.Method != "DELETE" {
		return nil, invalid("ip_address %q is not an address", v.IPAddress)
	}
	if !v.Port.given {
		v.Port.value = ipmiPort
	}
	if v.Port.value < 1 || v.Port.value > 65535 {
		return nil, invalid("port %d is not from 1 to 65535", v.Port.value)
	}
	return &v, nil
}

// processors lists the service processors of the cpus: as they were set, else
// as the hardware has them.
func (s *state) processors() []ipmiRecord {
	out := []ipmiRecord{}
	for i := range s.devices {
		d := &s.devices[i]
		if d.Kind != CPU || d.gone || slices.Contains(s.settings.Forgotten, d.Name) {
			continue
		}
		v, set := s.settings.Processors[d.Name]
		if !set {
			v = ipmiRecord{Type: cpuIPMI, CPUName: d.Name, IPAddress: d.IPMI, Port: ipmiPort, Credentials: ipmiCredentials{"admin", noPassword}}
		}
		out = append(out, v)
	}
	return out
}

func (r *request) ipmi() (any, error) { return r.processors(), nil }

// setIPMI answers POST, for a cpu that has none, and PUT, for one that has.
func (r *request) setIPMI() (any, error) {
	v, err := r.managed()
	if err != nil {
		return nil, err
	}
	record := ipmiRecord{cpuIPMI, string(v.CPU), string(v.IPAddress), v.Port.value, ipmiCredentials{string(v.Credentials.Principal), noPassword}}
	_, err = r.d.change(true, func(s *state) error {
		if err := s.needProcessor(record.CPUName, r.Method != "POST"); err != nil {
			return err
		}
		if s.settings.Processors == nil {
			s.settings.Processors = map[string]ipmiRecord{}
		}
		s.settings.Processors[record.CPUName] = record
		s.settings.Forgotten = slices.DeleteFunc(s.settings.Forgotten, func(name string) bool { return name == record.CPUName })
		return nil
	})
	return one(record), err
}

func (r *request) deleteIPMI() (any, error) {
	v, err := r.managed()
	if err != nil {
		return nil, err
	}
	var deleted ipmiRecord
	_, err = r.d.change(true, func(s *state) error {
		name := string(v.CPU)
		if err := s.needProcessor(name, true); err != nil {
			return err
		}
		all := s.processors()
		deleted = all[slices.IndexFunc(all, func(o ipmiRecord) bool { return o.CPUName == name })]
		delete(s.settings.Processors, name)
		s.settings.Forgotten = append(s.settings.Forgotten, name)
		return nil
	})
	return one(deleted), err
}

// needProcessor refuses a cpu that is not there, and one that has no service
// processor or has one already.
func (s *state) needProcessor(cpu string, want bool) error {
	d, err := s.find(cpu, "")
	if err == nil {
		err = needClass(d, ClassCompute)
	}
	if err != nil {
		return err
	}
	has := slices.ContainsFunc(s.processors(), func(v ipmiRecord) bool { return v.CPUName == cpu })
	switch {
	case want && !has:
		return invalid("%s has no service processor", cpu)
	case !want && has:
		return invalid("%s has a service processor already", cpu)
	}
	return nil
}

// enclosures are none but those that somebody adds: an emulated rack has no
// enclosure of its own.
func (r *request) enclosures() (any, error) {
	return append([]enclosureRecord{}, r.settings.Enclosures...), nil
}

func (r *request) setEnclosure() (any, error) {
	v, err := r.managed()
	if err != nil {
		return nil, err
	}
	if v.Enclosure == "" {
		return nil, invalid("enclosure_name is missing")
	}
	record := enclosureRecord{enclosureIPMI, string(v.Enclosure), string(v.IPAddress), v.Port.value, ipmiCredentials{string(v.Credentials.Principal), noPassword}}
	_, err = r.d.change(true, func(s *state) error {
		i := slices.IndexFunc(s.settings.Enclosures, func(o enclosureRecord) bool { return o.Name == record.Name })
		switch {
		case r.Method == "PUT" && i < 0:
			return invalid("there is no enclosure %s", record.Name)
		case r.Method == "PUT":
			s.settings.Enclosures[i] = record
		case i >= 0:
			return invalid("there is an enclosure %s already", record.Name)
		case len(s.settings.Enclosures) >= MaxManaged:
			return invalid("there are %d enclosures, the most this director keeps", MaxManaged)
		default:
			s.settings.Enclosures = append(s.settings.Enclosures, record)
			slices.SortFunc(s.settings.Enclosures, func(a, b enclosureRecord) int { return cmp.Compare(a.Name, b.Name) })
		}
		return nil
	})
	return one(record), err
}

func (r *request) deleteEnclosure() (any, error) {
	v, err := r.managed()
	if err != nil {
		return nil, err
	}
	var deleted enclosureRecord
	_, err = r.d.change(true, func(s *state) error {
		i := slices.IndexFunc(s.settings.Enclosures, func(o enclosureRecord) bool { return o.Name == string(v.Enclosure) })
		if i < 0 {
			return invalid("there is no enclosure %s", v.Enclosure)
		}
		deleted = s.settings.Enclosures[i]
		s.settings.Enclosures = slices.Delete(s.settings.Enclosures, i, i+1)
		return nil
	})
	return one(deleted), err
}
