package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa/api"
)

var writeGolden = flag.Bool("update", false, "write the golden renderings")

// golden compares with a file in testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *writeGolden {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// bigSite has 20 racks, of which one is silent and one read-only, 40 machines
// and 300 open operations.
func bigSite() *siteStatus {
	s := &siteStatus{Site: &api.Site{Version: "v1.0.0", Principal: "admin", Emulated: true}}
	silent := noon.Add(4 * time.Minute)
	for i := 1; i <= 20; i++ {
		f := api.Fabric{Name: fmt.Sprintf("rack%d", i), Driver: "liqid", Era: "3.4", State: "ok", Access: "manage", Emulated: true, Machines: 2,
			Kinds: []api.Share{{Kind: "cpu", Free: 2, All: 4}, {Kind: "gpu", Free: i, All: 24}, {Kind: "ssd", Free: 8, All: 16}, {Kind: "nic", Free: 3, All: 4}}}
		switch i {
		case 7:
			f.State, f.SilentSince, f.Reason = "silent", &silent, "cannot reach rack7: no answer"
		case 12:
			f.ReadOnly = "its line 9.9 is not known"
		}
		s.Fabrics = append(s.Fabrics, f)
	}
	for i := 1; i <= 40; i++ {
		m := api.Machine{ID: fmt.Sprintf("mach_%d", i), Name: fmt.Sprintf("train%d", i), State: "ready", Fabric: fmt.Sprintf("rack%d", (i-1)/2+1), Owner: "admin", Emulated: true,
			Devices: []api.MachineDevice{{Kind: "cpu", Model: "Xeon Gold 6338"}, {Kind: "gpu", Model: "A100"}, {Kind: "gpu", Model: "A100"}}}
		switch i {
		case 5, 6:
			m.State = "composing"
		case 33:
			m.State = "held"
		}
		s.Machines = append(s.Machines, m)
	}
	for i := range 300 {
		op := api.Operation{ID: fmt.Sprintf("op_%016d", i), Verb: "compose", Phase: "queued", Machines: []api.OperationMachine{{Name: fmt.Sprintf("job%d", i)}}, Principal: "admin", CreatedAt: noon.Add(time.Duration(i) * time.Second)}
		switch {
		case i == 250:
			op.Verb, op.Phase, op.Fabric, op.Reason = "free", "held", "rack3", "the host does not shut down"
		case i < 18:
			op.Phase, op.Fabric = "running", fmt.Sprintf("rack%d", i+1)
		case i < 21:
			op.Phase, op.Fabric, op.Reason = "waiting", "rack7", "rack7 is silent"
		}
		s.Operations = append(s.Operations, op)
	}
	return s
}

func TestBoardFits(t *testing.T) {
	b := &board{head: "http://127.0.0.1:7080 (context demo), version v1.0.0, as admin (emulated)", status: bigSite(), now: noon.Add(time.Hour)}
	for _, size := range []struct{ width, height int }{{80, 24}, {40, 10}, {200, 50}} {
		golden(t, fmt.Sprintf("status-%dx%d.txt", size.width, size.height), strings.Join(b.lines(size.width, size.height), "\n")+"\n")
	}
	live := *b
	live.trouble = "no answer since 13:00 UTC, this is older: cannot call GET /v1/fabrics at http://127.0.0.1:7080: connection refused"
	for i := range 30 {
		live.latest = append(live.latest, fmt.Sprintf("2026-03-01T13:00:%02dZ  machine train%d  ready", i, i))
	}
	golden(t, "watch-80x24.txt", strings.Join(live.lines(80, 24), "\n")+"\n")
	few := *b
	few.status = &siteStatus{Site: b.status.Site, Fabrics: b.status.Fabrics[5:8], Machines: b.status.Machines[4:7]}
	golden(t, "status-few-80x24.txt", strings.Join(few.lines(80, 24), "\n")+"\n")
	few.color = true
	if colored := strings.Join(few.lines(80, 24), "\n"); !strings.Contains(colored, green+"ready"+reset) {
		t.Errorf("nothing is painted:\n%s", colored)
	}
}

// What is held waits for somebody: the board tells which command says how to go
// on, also where it is read from a pipe.
func TestABoardSaysWhatToDoWithWhatIsHeld(t *testing.T) {
	var ops []api.Operation
	const id = "op_0000000000000001"
	for i, want := range []map[int]string{
		{0: "", 40: ""},
		{0: "", 40: ""},
		{
			0:  "somebody is to decide: composa operation show " + id,
			65: "somebody is to decide: composa operation show " + id,
			64: "1 held: composa operation show " + id,
			50: "1 held: composa operation show " + id,
			49: "composa operation show " + id,
			40: "operation show " + id,
			33: id,
			18: "",
		},
		{
			0:  "somebody is to decide: composa operation show " + id + " (and of 1 more)",
			79: "2 held: composa operation show " + id,
			40: "operation show " + id,
		},
	} {
		for width, want := range want {
			if got := heldNote(ops, width); got != want {
				t.Errorf("of %d operations it says in %d characters %q, want %q", len(ops), width, got, want)
			}
		}
		op := api.Operation{ID: fmt.Sprintf("op_%016d", i), Phase: "held"}
		if i == 0 {
			op.Phase = "running"
		}
		ops = append(ops, op)
	}
	_, getenv := completionSite(t) // of which op_2 is held
	var out, said bytes.Buffer
	if code := Main(t.Context(), New(Config{Out: &out, Err: &said, Getenv: getenv, In: strings.NewReader("")}), []string{"status"}); code != 0 || !strings.HasSuffix(out.String(), "\nsomebody is to decide: composa operation show op_2\n") {
		t.Errorf("status ends with %d: %s%s", code, out.String(), said.String())
	}
}

// On whatever screen, no line is longer than it and there are not more of them.
func TestBoardIsNeverLargerThanTheScreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := bigSite()
		s.Fabrics = s.Fabrics[:rapid.IntRange(0, 20).Draw(t, "fabrics")]
		s.Machines = s.Machines[:rapid.IntRange(0, 40).Draw(t, "machines")]
		s.Operations = s.Operations[:rapid.IntRange(0, 300).Draw(t, "operations")]
		b := &board{head: strings.Repeat("head ", 50), status: s, now: noon}
		if rapid.Bool().Draw(t, "live") {
			b.latest = strings.Split(strings.Repeat("something happened,", rapid.IntRange(0, 60).Draw(t, "latest")), ",")
		}
		width, height := rapid.IntRange(1, 250).Draw(t, "width"), rapid.IntRange(1, 80).Draw(t, "height")
		lines := b.lines(width, height)
		if len(lines) > height {
			t.Fatalf("%d lines for %d", len(lines), height)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > width {
				t.Fatalf("a line of %d characters for %d: %q", n, width, line)
			}
		}
	})
}

func TestRanges(t *testing.T) {
	for _, tt := range []struct{ names, want []string }{
		{nil, nil},
		{[]string{"rack1"}, []string{"rack1"}},
		{[]string{"rack1", "rack2"}, []string{"rack1", "rack2"}},
		{[]string{"lab", "rack1", "rack2", "rack3", "rack9", "rack10", "rack11", "x1"}, []string{"lab", "rack[1-3]", "rack[9-11]", "x1"}},
		{[]string{"rack7 since 12:04 UTC"}, []string{"rack7 since 12:04 UTC"}},
	} {
		if diff := cmp.Diff(tt.want, ranges(tt.names)); diff != "" {
			t.Errorf("%q: %s", tt.names, diff)
		}
	}
}

func TestShareOut(t *testing.T) {
	for _, tt := range []struct {
		room        int
		wants, want []int
	}{
		{10, []int{3, 3}, []int{3, 3}}, {10, []int{2, 30}, []int{2, 8}}, {10, []int{30, 30}, []int{5, 5}}, {0, []int{3, 3}, []int{0, 0}}, {10, []int{0, 4, 40}, []int{0, 4, 6}}, {1, []int{5, 5}, []int{1, 0}},
	} {
		if diff := cmp.Diff(tt.want, shareOut(tt.room, tt.wants)); diff != "" {
			t.Errorf("%d among %v: %s", tt.room, tt.wants, diff)
		}
	}
}

func TestDifferences(t *testing.T) {
	before, after := bigSite(), bigSite()
	after.Fabrics[6].State = "ok"
	after.Machines[4].State = "ready"
	after.Machines = append(after.Machines[:9], after.Machines[10:]...)
	after.Operations[0].Phase = "undoing"
	after.Operations = after.Operations[:299]
	want := []string{"fabric rack7  ok", "machine train5  ready", "machine train10  freed", "compose job0  undoing", "compose job299  ended"}
	if diff := cmp.Diff(want, differences(before, after)); diff != "" {
		t.Error(diff)
	}
	if lines := differences(before, before); len(lines) != 0 {
		t.Errorf("nothing changed: %q", lines)
	}
}

// A screen writes only what changed, and nothing where nothing did.
func TestScreenDrawsOnlyWhatChanged(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out}
	s.draw([]string{"one", "two", "three"}, 80, 24)
	out.Reset()
	s.draw([]string{"one", "two", "three"}, 80, 24)
	if out.Len() > 0 {
		t.Errorf("nothing changed, and %q is drawn", out.String())
	}
	s.draw([]string{"one", "2", "three"}, 80, 24)
	if want := drawBegin + "\x1b[2;1H2" + wipeLine + drawEnd; out.String() != want {
		t.Errorf("drawn %q, want %q", out.String(), want)
	}
	out.Reset()
	s.draw([]string{"one"}, 80, 24)
	if want := drawBegin + "\x1b[2;1H" + wipeLine + "\x1b[3;1H" + wipeLine + drawEnd; out.String() != want {
		t.Errorf("drawn %q, want %q", out.String(), want)
	}
	out.Reset()
	s.draw([]string{"one"}, 40, 24)
	if want := drawBegin + wipe + "\x1b[1;1Hone" + wipeLine + drawEnd; out.String() != want {
		t.Errorf("at another size drawn %q, want %q", out.String(), want)
	}
}

// With 20 racks and 30 models a line of what is available still says where.
func TestAvailableWithManyRacks(t *testing.T) {
	var list []api.Available
	for i := range 30 {
		v := api.Available{Kind: "gpu", Model: fmt.Sprintf("Model %d", i), Free: 80, All: 160, Most: 4}
		for rack := 1; rack <= 20; rack++ {
			there := api.AvailableThere{Fabric: fmt.Sprintf("rack%d", rack), Free: 4, All: 8}
			if rack == 15 {
				there.Free = 0
			}
			v.Fabrics = append(v.Fabrics, there)
		}
		list = append(list, v)
	}
	for _, width := range []int{40, 80, 200} {
		var out, errOut bytes.Buffer
		a := &app{out: &out, err: &errOut, getenv: func(string) string { return "" }, terminal: func(any) (int, int, bool) { return width, 24, true }}
		a.flags.color = "never"
		if err := printList(a, availableTable, "devices", list); err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("available-%d.txt", width), out.String()+errOut.String())
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("a line of %d characters for %d: %q", n, width, line)
			}
		}
	}
}
