package rest

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// shelf is the devices of one fabric as one viewer sees them, encoded when they
// are first asked for. From one version of the site to the next it stays where
// nothing changed that its devices show.
type shelf struct {
	contents
	first  int // of its devices, in the site's
	encode func() (*devices, error)
	done   *devices // once it is encoded; guarded by mu
	mu     sync.Mutex
}

// contents is all that the devices of a fabric are shown from.
type contents struct {
	names    names
	fabric   *composa.Fabric
	devices  []composa.Device
	picture  *composa.Picture
	claims   []*composa.Claim   // on its devices
	machines []*composa.Machine // of the fabric
	pools    []composa.Pool
}

// devices are encoded devices, and what filters ask of them.
type devices struct {
	encoded
	rows []row
}

// row is what a filter asks of a device and only the site tells.
type row struct {
	use   composa.Use
	free  bool
	pool  string // as the viewer sees it
	model string // vendor and model, in small letters
}

// shelve makes the shelves of a site in the order of its fabrics, taking over
// from those of before what is the same.
func shelve(v *view, before *shown) []*shelf {
	old := map[composa.FabricName]*shelf{}
	if before != nil {
		for _, sh := range before.shelves {
			old[sh.name()] = sh
		}
	}
	all := v.contents()
	first := 0
	out := make([]*shelf, 0, len(all))
	for _, c := range all {
		sh := &shelf{contents: c, first: first}
		if was := old[sh.name()]; was != nil && was.same(&c) {
			sh.done = was.encodedNow()
		}
		sh.encode = func() (*devices, error) { return v.encodeDevices(c.devices) }
		out = append(out, sh)
		first += len(c.devices)
	}
	return out
}

func (c *contents) name() composa.FabricName {
	if c.fabric != nil {
		return c.fabric.Name
	}
	return c.devices[0].Fabric
}

// contents divides the site by fabric, in the order of its devices.
func (v *view) contents() []contents {
	site := v.site
	claims, machines := map[composa.FabricName][]*composa.Claim{}, map[composa.FabricName][]*composa.Machine{}
	for i := range site.Claims {
		c := &site.Claims[i]
		if d := site.Device(c.Device); d != nil {
			claims[d.Fabric] = append(claims[d.Fabric], c)
		}
	}
	for i := range site.Machines {
		m := &site.Machines[i]
		machines[m.Fabric] = append(machines[m.Fabric], m)
	}
	var out []contents
	for from := 0; from < len(site.Devices); {
		name, to := site.Devices[from].Fabric, from+1
		for to < len(site.Devices) && site.Devices[to].Fabric == name {
			to++
		}
		out = append(out, contents{
			names: v.names, fabric: site.Fabric(name), devices: site.Devices[from:to:to], picture: site.Pictures[name],
			claims: claims[name], machines: machines[name], pools: site.Pools,
		})
		from = to
	}
	return out
}

// same says whether devices with these contents are shown as those with others.
func (c *contents) same(d *contents) bool {
	return sameFabric(c.fabric, d.fabric) && samePicture(c.picture, d.picture) && c.names.same(d.names) &&
		slices.EqualFunc(c.devices, d.devices, func(a, b composa.Device) bool { return a.ID == b.ID && a.Revision == b.Revision && a.Pool == b.Pool }) &&
		slices.EqualFunc(c.claims, d.claims, func(a, b *composa.Claim) bool { return a.Device == b.Device && a.Machine == b.Machine }) &&
		slices.EqualFunc(c.machines, d.machines, func(a, b *composa.Machine) bool { return a.Project == b.Project && a.Ref() == b.Ref() }) &&
		slices.EqualFunc(c.pools, d.pools, func(a, b composa.Pool) bool { return a.ID == b.ID && a.Project == b.Project && a.Name == b.Name })
}

func (n names) same(m names) bool {
	return maps.Equal(n.projects, m.projects) && maps.Equal(n.principals, m.principals)
}

func sameFabric(a, b *composa.Fabric) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Access == b.Access && a.Reach.Silent() == b.Reach.Silent() &&
		(a.Abilities == b.Abilities || reflect.DeepEqual(a.Abilities, b.Abilities))
}

// samePicture says whether two pictures show the same, at whatever time.
func samePicture(a, b *composa.Picture) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return slices.EqualFunc(a.Devices, b.Devices, func(x, y composa.SeenDevice) bool {
		return x.Name == y.Name && x.Spot == y.Spot && x.Fingerprint == y.Fingerprint
	}) && slices.EqualFunc(a.Machines, b.Machines, func(x, y composa.SeenMachine) bool {
		devices := slices.Equal(x.Devices, y.Devices)
		x.Devices, y.Devices, x.Seen, y.Seen = nil, nil, time.Time{}, time.Time{}
		return devices && reflect.DeepEqual(x, y)
	})
}

// encodedNow is what is encoded already; nil where nobody has asked.
func (sh *shelf) encodedNow() *devices {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.done
}

// all are the devices of the shelf, encoded.
func (sh *shelf) all() (*devices, error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.done != nil {
		return sh.done, nil
	}
	done, err := sh.encode()
	if err != nil {
		return nil, err
	}
	sh.done, sh.encode = done, nil // what it was made from is let go
	return done, nil
}

func (v *view) encodeDevices(list []composa.Device) (*devices, error) {
	out := &devices{rows: make([]row, 0, len(list))}
	e := newEncoder(len(list))
	for i := range list {
		d := &list[i]
		shown := v.device(d)
		if err := e.add(shown); err != nil {
			return nil, err
		}
		out.rows = append(out.rows, row{
			use: composa.Use(shown.Use), free: shown.Free, pool: shown.Pool, model: strings.ToLower(shown.Vendor + " " + shown.Model),
		})
	}
	out.encoded = e.encoded()
	return out, nil
}

// encoded is items as JSON, one behind the other with a comma after each.
type encoded struct {
	text []byte
	ends []int // behind the comma of each item
}

func (e *encoded) start(i int) int {
	if i == 0 {
		return 0
	}
	return e.ends[i-1]
}

// items are those from one up to another, with commas between them.
func (e *encoded) items(from, to int) []byte {
	if from >= to {
		return nil
	}
	return e.text[e.start(from) : e.ends[to-1]-1]
}

// encoder writes items.
type encoder struct {
	to   bytes.Buffer
	json *json.Encoder
	ends []int
}

func newEncoder(n int) *encoder {
	e := &encoder{ends: make([]int, 0, n)}
	e.json = json.NewEncoder(&e.to)
	e.json.SetEscapeHTML(false)
	return e
}

func (e *encoder) add(item any) error {
	if err := e.json.Encode(item); err != nil {
		return err
	}
	e.to.Bytes()[e.to.Len()-1] = ',' // in place of a line break
	e.ends = append(e.ends, e.to.Len())
	return nil
}

func (e *encoder) encoded() encoded { return encoded{slices.Clone(e.to.Bytes()), e.ends} }
