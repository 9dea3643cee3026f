package cli

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// completed is what is offered to complete the last of args, each with what is
// said of it behind a tab. Nothing may be said on standard error but cobra's own
// line for people who try completion out.
func completed(t *testing.T, getenv func(string) string, args ...string) []string {
	t.Helper()
	var out, errOut bytes.Buffer
	root := New(Config{Out: &out, Err: &errOut, Getenv: getenv, In: strings.NewReader("")})
	if code := Main(t.Context(), root, append([]string{"__complete"}, args...)); code != 0 {
		t.Fatalf("completing %q ends with %d: %s", args, code, errOut.String())
	}
	if said := strings.TrimSpace(errOut.String()); strings.Count(said, "\n") > 0 || said != "" && !strings.HasPrefix(said, "Completion ended with directive") {
		t.Errorf("completing %q says %q", args, said)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[:len(lines)-1] // the last is how the shell goes on
}

// completionSite is a fake server with some of everything, and the environment
// that leads to it.
func completionSite(t *testing.T) (*fake, func(string) string) {
	f := newFake()
	t.Cleanup(f.web.Close)
	t.Cleanup(f.web.CloseClientConnections)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range []*api.Machine{
		{ID: "mach_train", Name: "train", Owner: "admin", State: "ready", Fabric: "rack1", Address: "10.0.0.1", Labels: map[string]string{"team": "vision"},
			Devices: []api.MachineDevice{{Place: "rack1/gpu0", Kind: "gpu", Model: "A100"}, {Place: "rack1/gpu1", Kind: "gpu", Model: "A100"}}},
		{ID: "mach_theirs", Name: "theirs", Owner: "somebody", State: "ready", Fabric: "rack2", Labels: map[string]string{"team": "sound"}},
		{ID: "mach_going", Name: "tgoing", Owner: "admin", State: "freeing", Fabric: "rack2"},
	} {
		f.machines[m.Name] = m
	}
	for _, d := range f.devices {
		if d.Place == "rack1/gpu0" || d.Place == "rack1/gpu1" || d.Place == "rack1/gpu5" {
			d.Use, d.Free = "attached", false
		}
	}
	f.devices[0].Labels = map[string]string{"shelf": "2"}
	f.pools["vision"] = &api.Pool{Name: "vision", Devices: []string{"rack1/gpu9"}, Free: 1}
	running := f.begin("plug", "", f.machines["train"])
	f.find(running.ID).Phase, f.find(running.ID).EndedAt = "running", nil
	held := f.begin("free", "", &api.Machine{ID: "mach_stuck", Name: "stuck"})
	f.find(held.ID).Phase = "held"
	return f, env(t, "COMPOSA_URL", f.web.URL, "COMPOSA_TOKEN", fakeToken)
}

func TestCompletion(t *testing.T) {
	f, getenv := completionSite(t)
	if _, err := SaveContext(getenv, Context{Name: "lab", URL: "http://lab"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		typed string
		want  []string
	}{
		{"machine show |", []string{"tgoing\tfreeing on rack2", "train\tready, 2 gpu A100 on rack1", "theirs\tready on rack2"}},
		{"free t|", []string{"train\tready, 2 gpu A100 on rack1"}},
		{"free th|", []string{"theirs\tready on rack2"}},
		{"free train t|", []string{"theirs\tready on rack2"}},
		{"ssh |", []string{"train\tready, 2 gpu A100 on rack1"}},
		{"unplug |", []string{"train\tready, 2 gpu A100 on rack1"}},
		{"unplug train |", []string{"rack1/gpu0\tgpu A100", "rack1/gpu1\tgpu A100"}},
		{"unplug train rack1/gpu0,|", []string{"rack1/gpu0,rack1/gpu1\tgpu A100"}},
		{"unplug train rack1/gpu0 |", []string{"rack1/gpu1\tgpu A100"}},
		{"plug train rack1/gpu[2-9] rack1/gpu|", []string{"rack1/gpu10\tgpu A100, free"}},
		{"move --from train rack1/gpu1 |", []string{"rack1/gpu0\tgpu A100"}},
		{"move --from train |", []string{"rack1/gpu0\tgpu A100", "rack1/gpu1\tgpu A100"}},
		{"plug train rack1/gpu1|", []string{"rack1/gpu10\tgpu A100, free"}},
		{"plug train rack1/gpu2,rack1/gpu1|", []string{"rack1/gpu2,rack1/gpu10\tgpu A100, free"}},
		{"plug train rack1/gpu[|", []string{"rack1/gpu[2-4]\t3 devices", "rack1/gpu[6-10]\t5 devices"}},
		{"plug train rack1/gpu[2,6-|", []string{"rack1/gpu[2,6-10]\t5 devices", "rack1/gpu[2,6-9]\t4 devices", "rack1/gpu[2,6-8]\t3 devices", "rack1/gpu[2,6-7]\t2 devices"}},
		{"device show |", []string{"rack1/\tgpu 11/11", "rack2/\tgpu 11/11"}},
		{"device show rack2/s|", []string{"rack2/ssd0\tssd P4510, free", "rack2/ssd1\tssd P4510, free"}},
		{"compose x --gpu |", []string{"A100:\tA100: 22 free, at most 11 in one machine", "rack1/\t11 free", "rack2/\t11 free"}},
		{"compose x --gpu a1|", []string{"a100:\tA100: 22 free, at most 11 in one machine"}},
		{"compose x --gpu A100:|", []string{"A100:1", "A100:2", "A100:4", "A100:8", "A100:11\tthe most in one machine, of 22 free"}},
		{"compose x --gpu rack1/gpu1|", []string{"rack1/gpu10\tgpu A100, free"}},
		{"compose x --fabric |", []string{"rack1\tok, free gpu 11/11", "rack2\tok, free gpu 11/11"}},
		{"compose x --fabric rack1,|", []string{"rack1,rack2\tok, free gpu 11/11"}},
		{"compose x --pool |", []string{"vision\t1 of 1 free"}},
		{"compose x --label te|", []string{"team=\ton 2"}},
		{"free --label team=|", []string{"team=sound\ton 1", "team=vision\ton 1"}},
		{"device set rack1/gpu0 --unlabel |", []string{"shelf\ton 1"}},
		{"fabric show |", []string{"rack1\tok, free gpu 11/11", "rack2\tok, free gpu 11/11"}},
		{"operation show |", []string{"op_2\tfree stuck, held", "op_1\tplug train, running"}},
		{"operation retry |", []string{"op_2\tfree stuck, held"}},
		{"context use |", []string{"lab\thttp://lab"}},
		{"machine ls --context |", []string{"lab\thttp://lab"}},
		{"machine ls --columns name,st|", []string{"name,state"}},
		{"pool ls --columns fr|", []string{"free"}},
		{"event ls --type machine.re|", []string{"machine.ready"}},
		{"machine ls --state he|", []string{"held"}},
		{"device ls --model A|", []string{"A100\tA100: 22 free, at most 11 in one machine"}},
		{"device show rack1/ssd1|", []string{"rack1/ssd1\tssd P4510, free"}},
		{"compose x --min gpu.memory=|", []string{}},
		{`device ls --where device.kind=="s|`, []string{`device.kind=="ssd"`, `device.kind=="scm"`}},
		{`compose x --where gpu:device.health!='f|`, []string{`gpu:device.health!='failed'`}},
		{`device ls --where device.fabric=="|`, []string{`device.fabric=="rack1"` + "\tok", `device.fabric=="rack2"` + "\tok"}},
		{`device ls --where device.model=="A|`, []string{`device.model=="A100"` + "\tgpu"}},
		{`device ls --where device.vendor=="|`, []string{}},
		{`device ls --where device.model.contains("|`, []string{}},
		{`device ls --where device.kind=="gpu"&&device.me|`, []string{`device.kind=="gpu"&&device.memory` + "\tbytes"}},
		{"completion |", []string{"bash", "zsh", "fish", "powershell"}},
	} {
		t.Run(tt.typed, func(t *testing.T) {
			args := strings.Split(strings.TrimSuffix(tt.typed, "|"), " ")
			if diff := cmp.Diff(tt.want, completed(t, getenv, args...)); diff != "" {
				t.Error(diff)
			}
		})
	}
	f.mu.Lock()
	f.down = true
	f.mu.Unlock()
	if got := completed(t, getenv, "machine", "show", ""); len(got) != 0 {
		t.Errorf("a server that stops completes %q", got)
	}
}

// Models with spaces are offered by the word that tells them apart, which needs
// no quotes.
func TestModelsOfSeveralWordsComplete(t *testing.T) {
	list := []api.Available{
		{Model: "Xeon Gold 6338", Free: 2, Fabrics: []api.AvailableThere{{Fabric: "rack1", Free: 2}}},
		{Model: "Xeon Gold 6342", Free: 3, Fabrics: []api.AvailableThere{{Fabric: "rack1", Free: 1}, {Fabric: "rack2", Free: 2}}},
		{Model: "Optane (DCPMM)", Free: 1, Fabrics: []api.AvailableThere{{Fabric: "rack1", Free: 1}}},
	}
	for _, tt := range []struct {
		begin string
		want  []string
	}{
		{"", []string{"6338:", "6342:", "Optane:"}},
		{"Xe", []string{"Xeon:"}},
		{"63", []string{"6338:", "6342:"}},
		{"op", []string{"optane:"}},
	} {
		var got []string
		lines, _ := offered(tt.begin, modelOffers(tt.begin, list), open)
		for _, l := range lines {
			word, _, _ := strings.Cut(l, "\t")
			got = append(got, word)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s", tt.begin, diff)
		}
	}
	if lines, _ := offered("Xe", modelOffers("Xe", list), open); lines[0] != "Xeon:\t2 models: 5 free, at most 3 in one machine" {
		t.Errorf("a word of two models is offered as %q", lines[0])
	}
}

// A server that takes the connection and says nothing, or is away, holds nobody
// up: there is nothing to complete.
func TestCompletionDoesNotHang(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, l := range []net.Listener{silent, gone} {
		getenv := env(t, "COMPOSA_URL", "http://"+l.Addr().String(), "COMPOSA_TOKEN", "x")
		ended := make(chan []string, 1)
		go func() { ended <- completed(t, getenv, "plug", "tr") }()
		select {
		case got := <-ended:
			if len(got) != 0 {
				t.Errorf("nobody completes %q", got)
			}
		case <-time.After(20 * completionWait):
			t.Fatal("completion hangs")
		}
	}
	if got := completed(t, env(t), "plug", "tr"); len(got) != 0 {
		t.Errorf("without a server there is %q", got)
	}
}

// What may be offered is bounded, and what matters most comes first.
func TestOffersAreBounded(t *testing.T) {
	var offers []offer
	for i := range 3 * completionMost {
		offers = append(offers, offer{word: "gpu" + strings.Repeat("x", i), rank: 1})
	}
	offers = append(offers, offer{word: "gpu-mine", about: "two\nlines"}, offer{word: "gpu\x1b[31m"})
	lines, _ := offered("gpu", offers, ended)
	if len(lines) != completionMost || lines[0] != "gpu-mine\ttwo lines" || slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "\x1b") }) {
		t.Errorf("%d are offered, the first %q", len(lines), lines[0])
	}
}

// What completion knows by itself is what the server knows.
func TestCompletionKnowsWhatTheServerKnows(t *testing.T) {
	for _, k := range kinds {
		if diff := cmp.Diff(composa.MinFields(composa.Kind(k)), minFields[k]); diff != "" {
			t.Errorf("%s: %s", k, diff)
		}
	}
	sources, err := filepath.Glob("../store/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources of the store: %v", err)
	}
	found := 0
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, typ := range regexp.MustCompile(`"((?:claim|device|fabric|machine|operation|pool|step|token|user)\.[a-z_]+)"`).FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.Contains(eventTypes, typ[1]) {
				t.Errorf("%s tells of %s, which is not completed", path, typ[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d types of events were found", found)
	}
}

// Every command that takes --columns for a table completes them, and takes each.
func TestColumnsAreThoseOfTheTable(t *testing.T) {
	root := New(Config{})
	for _, line := range []string{"machine ls", "device ls", "fabric ls", "pool ls", "operation ls", "event ls", "context ls", "available", "compose", "free"} {
		cmd, _, err := root.Find(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		if len(columnsOf(cmd)) < 4 {
			t.Errorf("%s has the columns %q", line, columnsOf(cmd))
		}
	}
}
