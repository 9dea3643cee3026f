package liqid

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseFault(t *testing.T) {
	for text, want := range map[string]FaultRule{
		"#3 POST relate/gpu status=500":      {Nth: 3, Method: "POST", Path: "relate/gpu", Effect: EffectStatus, Status: 500},
		"1/50 * * drop-after":                {OneIn: 50, Method: "*", Path: "*", Effect: EffectDropAfter},
		"* * hang":                           {Method: "*", Path: "*", Effect: EffectHang},
		"* GET machine* delay=2s":            {Method: "GET", Path: "machine*", Effect: EffectDelay, Delay: 2 * time.Second},
		" *  GET  predevice  stale ":         {Method: "GET", Path: "predevice", Effect: EffectStale},
		"#1 POST fabric/* steal-edit":        {Nth: 1, Method: "POST", Path: "fabric/*", Effect: EffectStealEdit},
		"* * /liqid/api/v2/status gone=gpu3": {Method: "*", Path: "status", Effect: EffectGone, Device: "gpu3"},
		"* POST pool/done late=30s":          {Method: "POST", Path: "pool/done", Effect: EffectLate, Delay: 30 * time.Second},
		"* DELETE machine/7 late=1m":         {Method: "DELETE", Path: "machine/7", Effect: EffectLate, Delay: time.Minute},
		"1/9 * late=90s":                     {OneIn: 9, Method: "*", Path: "*", Effect: EffectLate, Delay: 90 * time.Second},
		"#2 * restart":                       {Nth: 2, Method: "*", Path: "*", Effect: EffectRestart},
		"#2 * restart=0s":                    {Nth: 2, Method: "*", Path: "*", Effect: EffectRestart},
		"#2 POST fabric/edit restart=2s":     {Nth: 2, Method: "POST", Path: "fabric/edit", Effect: EffectRestart, Delay: 2 * time.Second},
		"* * return=gpu3":                    {Method: "*", Path: "*", Effect: EffectReturn, Device: "gpu3"},
		"* * replace=gpu3":                   {Method: "*", Path: "*", Effect: EffectReplace, Device: "gpu3"},
		"* * narrow=gpu3":                    {Method: "*", Path: "*", Effect: EffectNarrow, Device: "gpu3"},
		"* GET * html":                       {Method: "GET", Path: "*", Effect: EffectHTML},
		"* GET * half":                       {Method: "GET", Path: "*", Effect: EffectHalf},
		"* GET * types":                      {Method: "GET", Path: "*", Effect: EffectTypes},
		"* GET * empty":                      {Method: "GET", Path: "*", Effect: EffectEmpty},
		"* DELETE machine/* drop-before":     {Method: "DELETE", Path: "machine/*", Effect: EffectDropBefore},
	} {
		got, err := ParseFault(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
		if again, err := ParseFault(got.String()); err != nil || again != got {
			t.Errorf("%s is written %s, which reads as %v, %v", text, got, again, err)
		}
	}
	for text, says := range map[string]string{
		"":                             "want 'WHEN METHOD PATH EFFECT'",
		"#3 POST status=500":           "want 'WHEN METHOD PATH EFFECT'",
		"3 POST relate/gpu status=500": `when "3" is not`,
		"#0 * * hang":                  `when "#0" is not`,
		"1/0 * * hang":                 `when "1/0" is not`,
		"2/3 * * hang":                 `when "2/3" is not`,
		"#+1 * * hang":                 `when "#+1" is not`,
		"* post group hang":            `method "post" is not`,
		"* GET group?x=1 hang":         "without a query",
		"* GET group status=200":       "not from 400 to 599",
		"* GET group status":           "invalid syntax",
		"* GET group delay=2":          "missing unit",
		"* GET group delay=-2s":        "not above 0",
		"* GET group hang=1":           "takes no value",
		"* POST group stale":           "only a GET",
		"* GET group steal-edit":       "about an edit session",
		"* POST relate/* late=30s":     "fabric/reprogram/force, machine/p2p and DELETE",
		"* DELETE machine/x late=30s":  "take effect late",
		"* GET group gone":             "name of the device",
		"* GET group explode":          "there are status=500",
		"* GET group Html":             "types, empty",
		"* * late":                     "invalid duration",
		"* * late=0s":                  "late 0s is not above 0",
		"* * late=61m":                 "at most 1h0m0s",
		"* GET group late=1s":          "take effect late",
		"* PUT * late=1s":              "take effect late",
		"* POST group late=1s":         "take effect late",
		"* POST machine/7 late=1s":     "take effect late",
		"* DELETE relate/gpu late=1s":  "take effect late",
		"* * restart=-1s":              "not from 0 to 1h0m0s",
		"* * restart=":                 "invalid duration",
		"* * restart=2":                "missing unit",
		"* * return":                   "as in return=gpu3",
		"* * replace=":                 "as in replace=gpu3",
		"* * narrow":                   "as in narrow=gpu3",
		"* * html=1":                   "takes no value",
		"* * empty=0":                  "takes no value",
	} {
		if r, err := ParseFault(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q = %v, %v; want %q", text, r, err, says)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	for _, s := range []string{"#3 POST relate/gpu status=500", "1/50 * * drop-after", "* * hang", "* GET machine* delay=2s", "#1 POST fabric/* steal-edit", "* * * gone=gpu3",
		"* * late=30s", "#2 DELETE machine/7 late=1m30s", "1/7 * restart", "* POST pool/done restart=2s", "* * return=gpu3", "* GET status replace=ssd0", "* * narrow=pcpu0",
		"* GET * html", "* GET * half", "* GET * types", "* GET * empty"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseFault(s)
		if err != nil {
			return
		}
		again, err := ParseFault(r.String())
		if err != nil || again != r {
			t.Errorf("%q is written %q, which reads as %v, %v", s, r, again, err)
		}
		r.matches("POST", "relate/gpu")
		if err := r.check(); err != nil {
			t.Errorf("%q reads as a rule that is refused: %v", s, err)
		}
	})
}

func TestWild(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"relate/gpu", "relate/gpu", true}, {"relate/gpu", "relate/gpus", false}, {"relate/*", "relate/gpu", true},
		{"*", "", true}, {"*/gpu", "predevice/gpu", true}, {"p*e*d", "pool/edited", true}, {"a*a", "a", false}, {"m*c*h", "mach", true}, {"", "x", false},
	} {
		if got := wild(tt.pattern, tt.text); got != tt.want {
			t.Errorf("wild(%q, %q) = %t", tt.pattern, tt.text, got)
		}
	}
}

// fault replaces the director's faults.
func fault(t *testing.T, d *Director, texts ...string) {
	t.Helper()
	var rules []FaultRule
	for _, text := range texts {
		r, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	if err := d.SetFaults(rules...); err != nil {
		t.Fatal(err)
	}
}

func TestFaultStatusHitsTheNthCallOnly(t *testing.T) {
	d := start(t, Config{})
	fault(t, d, "#2 POST group status=503")
	must[any](t, d, "POST", "group", groupBody(1, "a"))
	refused(t, d, "POST", "group", groupBody(2, "b"), 503)
	must[any](t, d, "POST", "group", groupBody(2, "b"))
	if got := d.Faults(); len(got) != 1 || got[0].Matched != 3 || got[0].Fired != 1 {
		t.Errorf("faults = %+v", got)
	}
	if v := d.Violations(); len(v) != 0 {
		t.Errorf("a fault is no violation: %+v", v)
	}
}

func TestFaultAtRandomFollowsTheSeed(t *testing.T) {
	run := func(seed uint64) (hits []int) {
		d := start(t, Config{Seed: seed})
		fault(t, d, "1/5 GET fabric/id status=500")
		for i := range 200 {
			if status, _ := call(d, "GET", "fabric/id", ""); status != 200 {
				hits = append(hits, i)
			}
		}
		return hits
	}
	first := run(1)
	if len(first) < 15 || len(first) > 80 {
		t.Errorf("%d hits of 200 at one in five", len(first))
	}
	if diff := cmp.Diff(first, run(1)); diff != "" {
		t.Errorf("the same seed, other calls:\n%s", diff)
	}
	if cmp.Equal(first, run(2)) {
		t.Error("another seed, the same calls")
	}
}

func TestFaultDrops(t *testing.T) {
	d := start(t, Config{})
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	post := func(body string) error {
		r, err := http.Post(server.URL+"/liqid/api/v2/group", "", strings.NewReader(body))
		if err == nil {
			r.Body.Close()
		}
		return err
	}
	fault(t, d, "#1 POST group drop-before", "#2 POST group drop-after")
	if err := post(groupBody(1, "a")); err == nil {
		t.Error("drop-before answered")
	}
	if n := len(d.Snapshot().Groups); n != 0 {
		t.Errorf("drop-before made %d groups", n)
	}
	if err := post(groupBody(1, "a")); err == nil {
		t.Error("drop-after answered")
	}
	if n := len(d.Snapshot().Groups); n != 1 {
		t.Errorf("drop-after made %d groups", n)
	}
	if calls := d.Calls(0); len(calls) != 2 || calls[0].Status != 0 || len(calls[1].Faults) != 1 {
		t.Errorf("log = %+v", calls)
	}
}

func TestFaultHangEndsWithTheClientOrTheDirector(t *testing.T) {
	arrived := make(chan struct{}, 2)
	d := start(t, Config{Before: func(Call) { arrived <- struct{}{} }})
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	fault(t, d, "* GET group hang")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/liqid/api/v2/group", nil)
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v", err)
	}
	done := make(chan error)
	go func() {
		r, err := http.Get(server.URL + "/liqid/api/v2/group")
		if err == nil {
			if r.Body.Close(); r.StatusCode == http.StatusServiceUnavailable {
				err = errClosing // it closed before the fault took hold
			}
		}
		done <- err
	}()
	<-arrived
	<-arrived
	d.Close()
	if err := <-done; err == nil {
		t.Error("the hanging call was answered when the director closed")
	}
}

func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, Config{})
		fault(t, d, "* GET group delay=30s")
		began := time.Now()
		must[any](t, d, "GET", "group", "")
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestFaultStale(t *testing.T) {
	d := start(t, Config{})
	compose(t, d, "pcpu0")
	fault(t, d, "#1 GET predevice stale", "#1 GET machine stale")
	if p := must[predeviceRecord](t, d, "GET", "predevice", ""); len(p) != 1 || p[0].MachID != "n/a" {
		t.Errorf("stale: %+v", p)
	}
	if p := must[predeviceRecord](t, d, "GET", "predevice", ""); p[0].MachID != "1" {
		t.Errorf("fresh: %+v", p)
	}
}

func TestFaultStealEdit(t *testing.T) {
	d := start(t, Config{})
	must[any](t, d, "POST", "group", groupBody(1, "g"))
	fault(t, d, "#1 POST pool/edit steal-edit", "#1 POST predevice/* steal-edit")
	if says := refused(t, d, "POST", "pool/edit", poolBody(1), 400); !strings.Contains(says, "already being edited") {
		t.Error(says)
	}
	if s := d.Snapshot().Sessions; len(s) != 1 || !s[0].Foreign {
		t.Errorf("sessions = %+v", s)
	}
	if err := d.CancelSessions(); err != nil {
		t.Fatal(err)
	}
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	if says := refused(t, d, "POST", "predevice/gpu", memberBody("gpu0", 1), 400); !strings.Contains(says, "not being edited") {
		t.Error(says)
	}
	if v := d.Violations(); len(v) != 0 {
		t.Errorf("what the thief did counts against his victim: %+v", v)
	}
}

func TestFaultGone(t *testing.T) {
	d := start(t, Config{})
	compose(t, d, "pcpu0", "gpu3")
	fault(t, d, "#1 POST fabric/edit gone=gpu3")
	must[any](t, d, "POST", "fabric/edit", `{"mach_id":1}`)
	for _, r := range must[statusRecord](t, d, "GET", "status", "") {
		if r.Name == "gpu3" {
			t.Error("gpu3 is still in status")
		}
	}
	if p := must[predeviceRecord](t, d, "GET", "predevice", ""); len(p) != 1 {
		t.Errorf("predevice = %+v", p)
	}
	refused(t, d, "DELETE", "relate/gpu", relateBody("gpu3", 1, 1), 400)
	if err := d.Return("gpu3"); err != nil {
		t.Fatal(err)
	}
	if p := must[predeviceRecord](t, d, "GET", "predevice?mach_id=1", ""); len(p) != 2 {
		t.Errorf("after its return: %+v", p)
	}
	if err := d.SetFaults(FaultRule{Method: "*", Path: "*", Effect: EffectGone, Device: "gpu99"}); err == nil {
		t.Error("a fault about a device that is not there was taken")
	}
}

// TestEffectsAreRead: what Effects lists is what ParseFault reads, each of it.
func TestEffectsAreRead(t *testing.T) {
	for _, e := range Effects() {
		form := strings.NewReplacer("[", "", "]", "").Replace(e.Form)
		r, err := ParseFault("* " + "* " + form)
		if err != nil || e.Does == "" {
			t.Errorf("%s: %v", e.Form, err)
		}
		if name, _, _ := strings.Cut(e.Form, "="); string(r.Effect) != strings.TrimSuffix(name, "[") {
			t.Errorf("%s reads as %s", e.Form, r.Effect)
		}
	}
}

// TestFaultsOnDevices: a device comes back, is another one, or has a slower
// link, just before the call that looks.
func TestFaultsOnDevices(t *testing.T) {
	w := onWire(t, Config{})
	compose(t, w.d, "pcpu0", "gpu3")
	whole := w.want(200, "GET", "system/device/info/gpu/gpu3", "").body
	narrow := strings.ReplaceAll(whole, `"buswidth":"x16"`, `"buswidth":"x8"`)
	if whole == narrow {
		t.Fatalf("gpu3 has no x16 link: %s", whole)
	}
	for _, tt := range []struct {
		fault string
		same  bool   // as it was at first
		info  string // of gpu3; empty: there is none
		lanes int    // in status and predevice
	}{
		{"narrow=gpu3", false, narrow, 8},
		{"narrow=gpu3", false, narrow, 8}, // it is so already
		{"return=gpu3", true, whole, 16},
		{"return=gpu3", true, whole, 16},
		{"gone=gpu3", false, "", 0},
		{"return=gpu3", true, whole, 16},
		{"narrow=gpu3", false, narrow, 8},
		{"replace=gpu3", false, "another", 16},
	} {
		fault(t, w.d, "#1 GET status "+tt.fault)
		lanes := 0
		for _, r := range must[statusRecord](t, w.d, "GET", "status", "") {
			if r.Name == "gpu3" {
				lanes = r.Lanes
			}
		}
		if lanes != tt.lanes {
			t.Errorf("%s: status shows %d lanes, want %d", tt.fault, lanes, tt.lanes)
		}
		lanes = 0
		for _, r := range must[predeviceRecord](t, w.d, "GET", "predevice", "") {
			if r.Name == "gpu3" {
				lanes = r.Lanes
			}
		}
		if lanes != tt.lanes {
			t.Errorf("%s: predevice shows %d lanes, want %d", tt.fault, lanes, tt.lanes)
		}
		switch got := w.call("GET", "system/device/info/gpu/gpu3", ""); {
		case tt.info == "another":
			if got.status != 200 || got.body == whole || got.body == narrow {
				t.Errorf("%s: %d %s", tt.fault, got.status, got.body)
			}
		case tt.info == "" && got.status != 404, tt.info != "" && got.body != tt.info:
			t.Errorf("%s: %d %s", tt.fault, got.status, got.body)
		}
		if f := w.d.Faults(); f[0].Fired != 1 {
			t.Errorf("%s fired %d times", tt.fault, f[0].Fired)
		}
	}
	if err := w.d.SetFaults(FaultRule{Method: "*", Path: "*", Effect: EffectNarrow, Device: "gpu99"}); err == nil {
		t.Error("a fault about a device that is not there was taken")
	}
}

// TestNarrowNeedsLanes: a link of one lane cannot fall to half of it.
func TestNarrowNeedsLanes(t *testing.T) {
	d := start(t, Config{Inventory: &Inventory{Devices: []Entry{{Kind: NIC, Model: "Ethernet", Vendor: "Acme", Lanes: 1}}}})
	if err := d.Narrow("link0"); err == nil || !strings.Contains(err.Error(), "1 lanes") {
		t.Errorf("narrowed: %v", err)
	}
}

// TestFaultStaleIn3x: the lists that only 3.x has are read from before, too.
func TestFaultStaleIn3x(t *testing.T) {
	for _, api := range []string{"3.2", "3.4"} {
		w := onWire(t, Config{API: api})
		for _, path := range []string{"device/info/gpu", "status/gpu?filter=false", "status"} {
			if err := w.d.Gone("gpu3"); err != nil {
				t.Fatal(err)
			}
			plain, _, _ := strings.Cut(path, "?")
			fault(t, w.d, "#1 GET "+plain+" stale")
			for _, stale := range []bool{true, false} {
				if got := w.want(200, "GET", path, ""); strings.Contains(got.body, `"gpu3"`) != stale {
					t.Errorf("%s of %s, stale %t: %s", path, api, stale, got.body)
				}
			}
			if err := w.d.Return("gpu3"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRivalHearsNothing: faults hit somebody else's calls, too.
func TestRivalHearsNothing(t *testing.T) {
	d := start(t, Config{})
	fault(t, d, "#1 POST group drop-after", "#2 POST group restart")
	for range 2 {
		if err := d.Rival().Do("POST", "group", groupBody(1, "g")); err == nil || IsDenied(err) {
			t.Errorf("the rival was told %v", err)
		}
	}
	if n := len(d.Snapshot().Groups); n != 1 {
		t.Errorf("%d groups", n)
	}
}

// TestStealEditKeepsToOneEdit: the thief is refused where anybody would be, and
// takes a machine that is reprogrammed by force too.
func TestStealEditKeepsToOneEdit(t *testing.T) {
	d := start(t, Config{API: "3.2"})
	compose(t, d, "pcpu0")
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	fault(t, d, "* POST fabric/edit steal-edit")
	refused(t, d, "POST", "fabric/edit", `{"mach_id":1}`, 400)
	if s := d.Snapshot().Sessions; len(s) != 1 || s[0].Machine != 0 {
		t.Errorf("sessions = %+v", s)
	}
	d = start(t, Config{})
	compose(t, d, "pcpu0")
	must[any](t, d, "POST", "fabric/edit", `{"mach_id":1}`)
	fault(t, d, "* POST fabric/reprogram/force steal-edit")
	refused(t, d, "POST", "fabric/reprogram/force", `{"device_name":"pcpu0","machine":{"mach_id":1}}`, 400)
	if s := d.Snapshot().Sessions; len(s) != 0 {
		t.Errorf("sessions = %+v", s)
	}
}

// TestStaleIsForReads: a rule for every call leaves those that change something alone.
func TestStaleIsForReads(t *testing.T) {
	d := start(t, Config{})
	must[any](t, d, "POST", "group", groupBody(1, "g"))
	must[any](t, d, "POST", "machine", machineBody(1, 1, "m"))
	fault(t, d, "* * stale")
	if got := must[any](t, d, "GET", "machine", ""); len(got) != 0 {
		t.Errorf("a stale read shows %v", got)
	}
	must[any](t, d, "POST", "coordinates", `{"rack":0,"shelf":0,"node":5}`)
	refused(t, d, "POST", "group", groupBody(2, "h"), 400) // the coordinates that hold now count
	must[any](t, d, "POST", "coordinates", `{"rack":0,"shelf":0,"node":1}`)
	must[any](t, d, "POST", "group", groupBody(2, "h"))
}
