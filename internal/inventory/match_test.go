package inventory

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// parts reads "gpu0=A gpu1=B": the part with serial A in the place gpu0. A part
// without a serial is "gpu0=", one in no place "=A".
func parts(text string) []composa.Device {
	var out []composa.Device
	for _, f := range strings.Fields(text) {
		name, serial, _ := strings.Cut(f, "=")
		id := serial
		if id == "" {
			id = name
		}
		out = append(out, composa.Device{
			ID: composa.DeviceID(id), Fabric: "rack1", Name: name, Kind: kindOf(name), Fingerprint: composa.Fingerprint{Serial: serial, Port: "port0"},
			Health: composa.HealthOK, Hygiene: composa.HygieneClean, FirstSeen: start,
		})
	}
	return out
}

func kindOf(name string) composa.Kind {
	if strings.HasPrefix(name, "ssd") {
		return composa.KindSSD
	}
	return composa.KindGPU
}

// shows is a picture: "gpu0=A gpu1=B!" where ! means failed and @M in machine M.
func shows(text string, after time.Duration) *composa.Picture {
	p := &composa.Picture{Fabric: "rack1", Began: start.Add(after), Complete: true}
	if strings.HasPrefix(text, "incomplete") {
		p.Complete = false
		text = strings.TrimPrefix(text, "incomplete")
	}
	for _, f := range strings.Fields(text) {
		f, machine, _ := strings.Cut(f, "@")
		name, serial, _ := strings.Cut(f, "=")
		d := composa.SeenDevice{Name: name, Kind: kindOf(name), Health: composa.HealthOK, Seen: p.Began, Spot: composa.Spot{Area: composa.AreaFree}}
		if strings.HasSuffix(serial, "!") {
			d.Health = composa.HealthFailed
		}
		d.Fingerprint = composa.Fingerprint{Serial: strings.TrimSuffix(serial, "!"), Port: "port0"}
		if machine != "" {
			d.Spot = composa.Spot{Area: composa.AreaMachine, Machine: machine}
		}
		p.Devices = append(p.Devices, d)
	}
	return p
}

func known(there, gone string) Known {
	fresh := 0
	return Known{
		Devices: parts(there), Gone: parts(gone),
		NewID: func() composa.DeviceID { fresh++; return composa.DeviceID(fmt.Sprintf("new%d", fresh)) },
		Owner: func(native string) (composa.ProjectID, bool) { return "proj_ml", native == "ours" },
	}
}

// told writes changes as the tables do.
func told(changes []composa.PartChange) []string {
	var out []string
	for _, c := range changes {
		line := fmt.Sprintf("%s at %s", c.Device.ID, c.Device.Name)
		if c.Device.Name == "" {
			line = fmt.Sprintf("%s in no place", c.Device.ID)
		}
		for word, is := range map[string]bool{" new": c.New, " gone": c.Gone, " back": c.Back, " failed": c.Device.Health == composa.HealthFailed} {
			if is {
				line += word
			}
		}
		if c.Device.Hygiene == composa.HygieneUsed {
			line += fmt.Sprintf(" used for %q", c.Device.KeptFor)
		}
		out = append(out, line)
	}
	return out
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		name        string
		there, gone string
		missing     map[composa.DeviceID]time.Duration // since
		shows       string
		after       time.Duration
		want        []string
		missingNow  []composa.DeviceID
	}{
		{name: "nothing changed", there: "gpu0=A gpu1=B", shows: "gpu0=A gpu1=B"},
		{name: "the first look", shows: "gpu0=A gpu1=B", want: []string{"new1 at gpu0 new", "new2 at gpu1 new"}},
		{name: "a new part", there: "gpu0=A", shows: "gpu0=A gpu1=B", want: []string{"new1 at gpu1 new"}},
		{name: "a part failed", there: "gpu0=A", shows: "gpu0=A!", want: []string{"A at gpu0 failed"}},
		{name: "a part moved to an empty place", there: "gpu0=A", shows: "gpu5=A", want: []string{"A at gpu5"}},
		{name: "two parts changed places", there: "gpu0=A gpu1=B", shows: "gpu0=B gpu1=A", want: []string{"B at gpu0", "A at gpu1"}},
		{
			name: "another part in the place: a new one, and the old one is in no place", there: "gpu0=A", shows: "gpu0=B",
			want: []string{"A in no place", "new1 at gpu0 new"}, missingNow: []composa.DeviceID{"A"},
		},
		{name: "a replaced part comes back elsewhere", there: "=A gpu0=B", shows: "gpu0=B gpu1=A", want: []string{"A at gpu1"}},
		{name: "a part that was gone comes back", there: "gpu0=A", gone: "gpu1=B", shows: "gpu0=A gpu7=B", want: []string{"B at gpu7 back"}},
		{
			name: "a part that was exchanged and gone is put back in its place", there: "gpu0=B", gone: "gpu0=A", shows: "gpu0=A",
			want: []string{"B in no place", "A at gpu0 back"}, missingNow: []composa.DeviceID{"B"},
		},
		{name: "not shown once: missing", there: "gpu0=A gpu1=B", shows: "gpu0=A", missingNow: []composa.DeviceID{"B"}},
		{
			name: "not shown twice, soon: still missing", there: "gpu0=A gpu1=B", missing: map[composa.DeviceID]time.Duration{"B": 0},
			shows: "gpu0=A", after: 9 * time.Second, missingNow: []composa.DeviceID{"B"},
		},
		{
			name: "not shown twice, ten seconds apart: gone", there: "gpu0=A gpu1=B", missing: map[composa.DeviceID]time.Duration{"B": 0},
			shows: "gpu0=A", after: 10 * time.Second, want: []string{"B at gpu1 gone"},
		},
		{
			name: "shown in between: not missing", there: "gpu0=A gpu1=B", missing: map[composa.DeviceID]time.Duration{"B": 0},
			shows: "gpu0=A gpu1=B", after: 20 * time.Second,
		},
		{name: "an incomplete picture takes nothing away", there: "gpu0=A gpu1=B", shows: "incomplete gpu0=A", after: time.Hour},
		{
			name: "an incomplete picture does not make a missing part gone", there: "gpu0=A gpu1=B", missing: map[composa.DeviceID]time.Duration{"B": 0},
			shows: "incomplete gpu0=A", after: time.Hour, missingNow: []composa.DeviceID{"B"},
		},
		{name: "an incomplete picture shows a new part", there: "gpu0=A", shows: "incomplete gpu0=A gpu1=B", want: []string{"new1 at gpu1 new"}},
		{name: "a part that tells its serial late is the same part", there: "gpu0=", shows: "gpu0=A", want: []string{"gpu0 at gpu0"}},
		{name: "one without a serial is the same where it was", there: "gpu0=A", shows: "gpu0="},
		{name: "two places with one serial are two parts", there: "gpu0=A", shows: "gpu0=A gpu1=A", want: []string{"new1 at gpu1 new"}},
		{name: "a place changes its kind: another part", there: "gpu0=A", shows: "ssd0=A", missingNow: []composa.DeviceID{"A"}, want: []string{"new1 at ssd0 new"}},
		{name: "a drive in a machine of ours is used, for its project", there: "ssd0=A", shows: "ssd0=A@ours", want: []string{`A at ssd0 used for "proj_ml"`}},
		{name: "a drive in somebody's machine is used, for nobody here", there: "ssd0=A", shows: "ssd0=A@theirs", want: []string{`A at ssd0 used for ""`}},
		{name: "a gpu keeps nothing", there: "gpu0=A", shows: "gpu0=A@ours"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := known(tt.there, tt.gone)
			k.Missing = map[composa.DeviceID]time.Time{}
			for id, d := range tt.missing {
				k.Missing[id] = start.Add(d)
			}
			changes, missing := Match(k, shows(tt.shows, tt.after))
			if diff := cmp.Diff(tt.want, told(changes)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			var now []composa.DeviceID
			for id := range missing {
				now = append(now, id)
			}
			slices.Sort(now)
			if diff := cmp.Diff(tt.missingNow, now); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

// What a look does not tell stays as it was known; what it learns is kept.
func TestStateKeeps(t *testing.T) {
	k := known("gpu0=A", "")
	k.Devices[0].Facts = composa.Facts{Model: "A100", Memory: 40 << 30}
	k.Devices[0].Host = &composa.Host{Address: "192.0.2.1", Source: "hosts"}
	p := shows("gpu0=A", 0)
	p.Devices[0].Facts = composa.Facts{Learning: true}
	p.Devices[0].Host = &composa.Host{Address: "192.0.2.9"}
	if changes, _ := Match(k, p); len(changes) != 0 {
		t.Errorf("facts being read again and a host that the site knows better changed %v", changes)
	}
	p.Devices[0].Facts = composa.Facts{Model: "A100", Memory: 80 << 30}
	changes, _ := Match(k, p)
	if len(changes) != 1 || changes[0].Device.Facts.Memory != 80<<30 || changes[0].Device.Host.Address != "192.0.2.1" {
		t.Errorf("got %+v", changes)
	}
}

// apply is what the store makes of changes.
func apply(devices, gone []composa.Device, changes []composa.PartChange) (there, left []composa.Device) {
	for _, c := range changes {
		same := func(d composa.Device) bool { return d.ID == c.Device.ID }
		devices, gone = slices.DeleteFunc(devices, same), slices.DeleteFunc(gone, same)
		if c.Gone {
			gone = append(gone, c.Device)
		} else {
			devices = append(devices, c.Device)
		}
	}
	return devices, gone
}

// Whatever happens to parts: no place has two, no part has two ids, a part with
// a serial is the same for ever, and looking again changes nothing.
func TestMatchProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := []string{"gpu0", "gpu1", "gpu2", "gpu3", "ssd0"}
		serials := []string{"A", "B", "C", "D", "E", "F"}
		var there, gone []composa.Device
		idOf := map[string]composa.DeviceID{}
		missing := map[composa.DeviceID]time.Time{}
		fresh, after := 0, time.Duration(0)
		for range rapid.IntRange(1, 12).Draw(t, "looks") {
			after += time.Duration(rapid.IntRange(1, 12).Draw(t, "seconds")) * time.Second
			text := rapid.SampledFrom([]string{"", "", "", "incomplete "}).Draw(t, "complete")
			left := rapid.Permutation(serials).Draw(t, "serials")
			for _, place := range places {
				if rapid.IntRange(0, 3).Draw(t, "there") > 0 && place != "ssd0" {
					text += place + "=" + left[0] + " "
					left = left[1:]
				}
			}
			p := shows(text, after)
			k := Known{
				Devices: slices.Clone(there), Gone: slices.Clone(gone), Missing: missing,
				NewID: func() composa.DeviceID { fresh++; return composa.DeviceID(fmt.Sprintf("new%d", fresh)) },
				Owner: func(string) (composa.ProjectID, bool) { return "", false },
			}
			var changes []composa.PartChange
			changes, missing = Match(k, p)
			before := len(there)
			there, gone = apply(there, gone, changes)
			if !p.Complete && len(there) < before {
				t.Fatalf("an incomplete picture took parts away: %v", told(changes))
			}
			at := map[string]composa.DeviceID{}
			for _, d := range there {
				if d.Name != "" && at[d.Name] != "" {
					t.Fatalf("%s has two parts", d.Name)
				}
				at[d.Name] = d.ID
				if id, is := idOf[d.Fingerprint.Serial]; is && id != d.ID {
					t.Fatalf("part %s was %s and is %s", d.Fingerprint.Serial, id, d.ID)
				}
				idOf[d.Fingerprint.Serial] = d.ID
			}
			for _, seen := range p.Devices {
				if at[seen.Name] == "" {
					t.Fatalf("%s is shown and not known", seen.Name)
				}
			}
			k.Devices, k.Gone, k.Missing = slices.Clone(there), gone, missing
			if again, _ := Match(k, p); len(again) > 0 {
				t.Fatalf("the same look once more changes %v", told(again))
			}
		}
	})
}
