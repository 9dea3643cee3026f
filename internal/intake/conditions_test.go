package intake_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// Totals keep the conditions under which a kind was asked for: what a reshape
// adds is asked for as the first entry asks that counts devices of the kind. What
// leaves is not asked for any more, and plug asks for itself.
func TestConditionsOverChanges(t *testing.T) {
	w := newWorld(t)
	for i := range w.pictures["rack1"].Devices {
		d := &w.pictures["rack1"].Devices[i]
		switch {
		case d.Kind == composa.KindGPU && d.Name < "gpu3":
			d.Facts.Memory = 40 << 30
		case d.Kind == composa.KindGPU:
			d.Facts.Memory = 80 << 30
		}
	}
	w.see("rack1")
	big := gpus(1)
	big.Min, big.Where = map[string]int64{"memory": 80 << 30}, `device.fabric == "rack1"`
	w.ready("train", wants(big))
	total := func(n int) (*composa.Outcome, error) {
		return w.Reshape(t.Context(), w.who, composa.ReshapeRequest{Asked: w.asked("train"), Totals: map[composa.Kind]int{composa.KindGPU: n}})
	}
	change := func(out *composa.Outcome, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		w.finish(out.Operation.ID)
	}
	check := func(names string, entries ...string) {
		t.Helper()
		site := w.site()
		m := site.MachineNamed(w.project, "train")
		var have, asked []string
		for _, b := range site.Binding(m.ID) {
			if b.Device.Kind == composa.KindGPU {
				have = append(have, b.Device.Name)
			}
		}
		for _, e := range m.Spec.Entries {
			if e.Kind == composa.KindGPU {
				asked = append(asked, e.Text())
			}
		}
		if d := cmp.Diff(names, strings.Join(have, " ")); d != "" {
			t.Errorf("devices (-want +got):\n%s", d)
		}
		if d := cmp.Diff(entries, asked); d != "" {
			t.Errorf("entries (-want +got):\n%s", d)
		}
	}
	const condition = ` memory>=80GiB where device.fabric == "rack1"`
	check("gpu3", "1"+condition)
	change(total(3))
	check("gpu3 gpu4 gpu5", "3"+condition)
	if _, err := total(4); composa.CodeOf(err) != composa.CodeRefused || !strings.Contains(err.Error(), "rack1 has no free gpu device") {
		t.Errorf("got %v, want a refusal: no fourth has 80 GiB", err)
	}
	change(w.Unplug(t.Context(), w.who, composa.UnplugRequest{Asked: w.asked("train"), Counts: map[composa.Kind]int{composa.KindGPU: 1}}))
	check("gpu3 gpu4", "2"+condition)
	change(w.Plug(t.Context(), w.who, composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{gpus(1)}}))
	check("gpu0 gpu3 gpu4", "2"+condition, "1")
	change(total(4))
	check("gpu0 gpu3 gpu4 gpu5", "3"+condition, "1")
}
