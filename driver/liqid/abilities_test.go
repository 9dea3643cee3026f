package liqid

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// told is a director that knows only some paths.
func told(t *testing.T, answers map[string]string, change ...func(*Config)) *Fabric {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		data, ok := answers[strings.TrimPrefix(q.URL.Path, "/liqid/api/v2/")]
		switch {
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		case strings.HasPrefix(data, "{"):
			io.WriteString(w, data)
		default:
			fmt.Fprintf(w, `{"response":{"data":%s,"errors":null,"code":0}}`, data)
		}
	}))
	t.Cleanup(server.Close)
	c := Config{Name: rackName, URL: server.URL, Site: rackSite, Access: composa.AccessManage, Poll: Poll{Least: time.Millisecond, Most: time.Millisecond}}
	for _, f := range change {
		f(&c)
	}
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const version25 = `[{"component":"liqid-director","version":"2.5.0.0","branch":"release"}]`

func versionOf(number string) string {
	return fmt.Sprintf(`[{"component":"liqid-director","version":%q,"branch":"release"}]`, number)
}

func TestErasAreFoundOutByAsking(t *testing.T) {
	const version24 = `[{"liqcfgd-version":{"major":2,"minor":4,"patch":0,"number":1},"ui-version":{"major":2,"minor":4}}]`
	third := map[string]string{"fabric/id": `[1]`, "version": versionOf("3.4.0.0"), "digest": `[]`, "device/info/gpu": `[]`}
	with := func(answers map[string]string, path, data string) map[string]string {
		changed := maps.Clone(answers)
		changed[path] = data
		return changed
	}
	second := map[string]string{"fabric/id": `[1]`, "version": version25, "state/1": `[]`}
	for _, tt := range []struct {
		name    string
		answers map[string]string
		set     string // in the configuration
		era     string
		served  string
		acts    bool
	}{
		{"2.5 with pending lists", second, "", "2.5", "2.5", true},
		{"2.5 without", map[string]string{"fabric/id": `["1"]`, "version": version25}, "", "2.5", "2.5", true},
		{"2.4", with(second, "version", version24), "", "2.4", "2.4", true},
		{"3.2 without digests", map[string]string{"fabric/id": `[1]`, "version": versionOf("3.2.1"), "device/info/gpu": `[]`}, "", "3.2", "3.2", true},
		{"3.4", third, "", "3.4", "3.4", true},
		{"2.6 is served as 2.5", with(second, "version", versionOf("2.6.0.0")), "", "2.6", "2.5", false},
		{"2.6 told to be as 2.5", with(second, "version", versionOf("2.6.0.0")), "2.5", "2.6", "2.5", true},
		{"2.6 told to be as 2.4", with(second, "version", versionOf("2.6.0.0")), "2.4", "2.6", "2.5", false},
		{"2.3 is served as 2.4", with(second, "version", versionOf("2.3.0.0")), "", "2.3", "2.4", false},
		{"3.9 is served as 3.4", with(third, "version", versionOf("3.9.0")), "", "3.9", "3.4", false},
		{"3.3 is served as the older one", with(third, "version", versionOf("3.3.0")), "", "3.3", "3.2", false},
		{"4.0 is served as 3.4", with(third, "version", versionOf("4.0.0")), "", "4.0", "3.4", false},
		{"no number", with(second, "version", `[{"component":"liqid-api"}]`), "", "2.5", "2.5", false},
		{"its version and its calls differ", with(second, "version", versionOf("3.4.0.0")), "", "3.4", "2.5", false},
		{"its version and its calls differ, and it is told", with(second, "version", versionOf("3.4.0.0")), "2.5", "3.4", "2.5", true},
		{"the configuration contradicts", second, "3.4", "2.5", "2.5", false},
		{"most components decide", with(second, "version", `[{"version":"3.1.0"},{"version":"2.5.1"},{"version":"2.5.0"}]`), "", "2.5", "2.5", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := told(t, tt.answers, func(c *Config) { c.Era = tt.set })
			a, err := f.Abilities(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			k, err := f.know(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if a.Era != tt.era || k.speaks.era != tt.served || a.Can(composa.ActEnter) != tt.acts || a.Emulated || a.Push || a.SettleTime != time.Minute {
				t.Errorf("%+v, served as %s", a, k.speaks.era)
			}
			step := composa.Step{Act: composa.ActMake, Fabric: rackName, Machine: composa.MachineRef{Name: "train", Label: "train", Native: "1"}}
			_, err = f.Apply(t.Context(), step)
			if said := driver.CodeOf(err); (said == composa.CodeReadOnly) == tt.acts {
				t.Errorf("a step is answered with %v", err)
			}
			if e, _ := errors.AsType[*composa.Error](err); !tt.acts && (e == nil || e.Next == "") {
				t.Errorf("%v says not what to do", err)
			}
		})
	}
}

func TestAnUnknownEraSaysWhatToDo(t *testing.T) {
	f := told(t, map[string]string{"fabric/id": `[1]`, "version": versionOf("2.6.0.0"), "state/1": `[]`})
	_, err := f.Apply(t.Context(), composa.Step{Act: composa.ActMake, Fabric: rackName, Machine: composa.MachineRef{Name: "train"}})
	want := `cannot make train on rack1: its director is of the line 2.6, which this driver does not know; it is served as 2.5, and only observed; write era: "2.5" for it into the server's configuration where you know that it takes calls as 2.5 does`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNoDirectorIsUnreachable(t *testing.T) {
	for name, answers := range map[string]map[string]string{
		"nothing is there": {}, "its fabric has no number": {"fabric/id": `[]`, "version": version25},
	} {
		if _, err := told(t, answers).Abilities(t.Context()); driver.CodeOf(err) != composa.CodeUnreachable {
			t.Errorf("%s: %v (%s)", name, err, driver.CodeOf(err))
		}
	}
}

func TestTheEmulatorSaysWhatItIs(t *testing.T) {
	a, err := newRack(t, emulator.Config{}).open(t).Abilities(t.Context())
	if err != nil || !a.Emulated || !a.Push || a.Era != "2.5" || a.SettleTime != rackLate || !a.DetachSure || a.Groups != composa.NeedRequired {
		t.Errorf("%+v %v", a, err)
	}
}

// answers25 is a small director: a host in a machine of ours, and a drive that
// its group names and that is away.
func answers25() map[string]string {
	mark := composa.GroupMark(rackSite)
	return map[string]string{
		"fabric/id": `[1]`, "version": version25, "state/1": `[]`,
		"group":   `[{"grp_id":3,"group_name":"` + mark + `"}]`,
		"machine": `[{"mach_id":7,"grp_id":3,"mach_name":"train","p2p":"off","mtime":1718000000}]`,
		"status": `[{"type":"ComputeDeviceStatus","name":"pcpu2","dev_id":"0x2","location":{"rack":0,"shelf":0,"node":4}},
			{"type":"SsdDeviceStatus","name":"ssd0","dev_id":"0x5","capacity(MB)":40000}]`,
		"predevice": `[{"name":"pcpu2","grp_id":3,"gname":"` + mark + `","mach_id":"7","mname":"train"},
			{"name":"ssd9","grp_id":3,"gname":"` + mark + `","mach_id":"n/a"}]`,
		"node/status":                  `[{"location":{"rack":0,"shelf":0,"node":4},"run":"up"}]`,
		"manager/network/ipmi/cpu":     `[{"cpu_name":"pcpu2","ip_address":"192.0.2.12"}]`,
		"machine/details/7":            `[{"mach_id":7,"ip_address":"192.0.2.99","os_name":"linux","boot_image":null}]`,
		"system/device/info/cpu/pcpu2": `{"vendor":"Acme","model":"EPYC","core_cnt":32,"thrd_cnt":64,"dram_sz":524288,"serial_num":"SN2"}`,
	}
}

func TestAPictureTellsWhatTheDirectorTells(t *testing.T) {
	p, err := told(t, answers25()).Observe(t.Context(), composa.Scope{})
	if err != nil || !p.Complete {
		t.Fatalf("%v", err)
	}
	cpu := p.Device("pcpu2")
	if cpu.Fingerprint.Serial != "SN2" || cpu.Facts.Memory != 512<<30 || cpu.Facts.IPMI != "192.0.2.12" || cpu.Facts.Learning ||
		cpu.Host == nil || cpu.Host.Address != "192.0.2.99" || cpu.Host.OS != "linux" || cpu.Host.Source != "fabric" {
		t.Errorf("%+v %+v", cpu, cpu.Host)
	}
	// Its details are not to be had: that is said by what it does not tell.
	if ssd := p.Device("ssd0"); ssd.Facts.Size != 40e9 || ssd.Facts.Learning || ssd.Fingerprint.Serial != "" {
		t.Errorf("%+v", ssd)
	}
	if p.Device("ssd9") != nil {
		t.Error("a device that is away is shown")
	}
	if m := p.Machine("7"); !m.InOurs || m.Power != composa.PowerOn || !m.Created.Equal(time.Unix(1718000000, 0)) {
		t.Errorf("%+v", m)
	}
}

func TestADirectorThatContradictsItselfGivesAnIncompletePicture(t *testing.T) {
	answers := answers25()
	answers["predevice"] = `[{"name":"pcpu2","grp_id":3,"mach_id":"8","mname":"gone"}]`
	f := told(t, answers)
	p, err := f.Observe(t.Context(), composa.Scope{})
	if err != nil || p.Complete || p.Device("pcpu2") != nil || p.Device("ssd0") == nil {
		t.Errorf("%+v %v", p, err)
	}
	step := composa.Step{Act: composa.ActRemove, Fabric: rackName, Machine: composa.MachineRef{Label: "train", Native: "7"}}
	if _, err := f.Apply(t.Context(), step); driver.CodeOf(err) != composa.CodeBusy {
		t.Errorf("%v (%s)", err, driver.CodeOf(err))
	}
}

func TestRecordsThatCannotBeUnderstoodAreNotLeftOut(t *testing.T) {
	for path, data := range map[string]string{
		"predevice": `[{"name":"ssd0","grp_id":3,"mach_id":"seven"}]`, "machine": `[{"mach_name":"train"}]`, "group": `[{"group_name":"x"}]`,
	} {
		answers := answers25()
		answers[path] = data
		if _, err := told(t, answers).Observe(t.Context(), composa.Scope{}); driver.CodeOf(err) != composa.CodeUnreachable {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestDetailsThatAreNotReadYetAreLearnedLater(t *testing.T) {
	r := newRack(t, emulator.Config{Counts: small})
	f := r.open(t)
	r.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		if strings.Contains(q.URL.Path, "/info/gpu/") {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	})
	p, err := f.Observe(t.Context(), composa.Scope{})
	if err != nil || !p.Device("gpu0").Facts.Learning || p.Device("ssd0").Facts.Learning {
		t.Fatalf("%+v %v", p, err)
	}
	r.answerWith(nil)
	p, err = f.Observe(t.Context(), composa.Scope{})
	if err != nil || p.Device("gpu0").Facts.Learning || p.Device("gpu0").Facts.Memory < 1<<30 {
		t.Errorf("%+v %v", p.Device("gpu0"), err)
	}
	reads := 0
	r.answerWith(func(_ http.ResponseWriter, q *http.Request) bool {
		if strings.Contains(q.URL.Path, "/info/") {
			reads++
		}
		return false
	})
	if _, err = f.Observe(t.Context(), composa.Scope{}); err != nil || reads != 0 {
		t.Errorf("%d details are read again, %v", reads, err)
	}
	if err := r.Vanish("gpu1"); err != nil {
		t.Fatal(err)
	}
	if _, err = f.Observe(t.Context(), composa.Scope{}); err != nil {
		t.Fatal(err)
	}
	if err := r.director.Replace("gpu1"); err != nil {
		t.Fatal(err)
	}
	was := p.Device("gpu1").Fingerprint
	p, err = f.Observe(t.Context(), composa.Scope{})
	if err != nil || was.Same(p.Device("gpu1").Fingerprint) || reads != 1 {
		t.Errorf("a part that was pulled and exchanged is %+v, was %+v; %d details read, %v", p.Device("gpu1").Fingerprint, was, reads, err)
	}
}

func TestWatchTellsOfChangesAtEitherAddress(t *testing.T) {
	for i := range 2 {
		r := newRack(t, emulator.Config{Counts: small})
		f := r.open(t)
		f.events = f.events[i:]
		if err := watches(t, r, f); err != nil {
			t.Errorf("Watch ended with %v", err)
		}
	}
}

// watches listens until a change is told, and returns how Watch ended then. What
// is told because it listens, and of the lists as they are, comes before.
func watches(t *testing.T, r *rack, f *Fabric) error {
	t.Helper()
	const quiet, patience = 200 * time.Millisecond, 10 * time.Second
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changed, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() { ended <- f.Watch(ctx, changed) }()
	wait, listens := patience, false
	for {
		select {
		case <-changed:
			wait, listens = quiet, true
			continue
		case err := <-ended:
			t.Fatalf("Watch ended: %v", err)
		case <-time.After(wait):
		}
		break
	}
	if !listens {
		t.Fatal("Watch does not say that it listens")
	}
	if _, err := r.MakeMachine("rival"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case err := <-ended:
		t.Fatalf("Watch ended: %v", err)
	case <-time.After(patience):
		t.Error("a change is not told")
	}
	cancel()
	return <-ended
}

// A director of 2.x whose event socket does not open is listened to by its streams.
func TestWatchListensToStreamsWhereThereIsNoSocket(t *testing.T) {
	for _, era := range []string{"2.4", "2.5"} {
		r := newRack(t, emulator.Config{API: era, Counts: small})
		f := r.open(t)
		f.events = []string{strings.Replace(r.server.URL, "http", "ws", 1) + "/nothing"}
		var streams atomic.Int32
		r.answerWith(func(_ http.ResponseWriter, q *http.Request) bool {
			if strings.Contains(q.URL.Path, "/sse/") {
				streams.Add(1)
			}
			return false
		})
		if a, err := f.Abilities(t.Context()); err != nil || !a.Push {
			t.Fatalf("%s: %+v %v", era, a, err)
		}
		tried := streams.Load()
		if err := watches(t, r, f); err != nil || streams.Load() <= tried {
			t.Errorf("%s: Watch ended with %v; %d streams, then %d", era, err, tried, streams.Load())
		}
	}
}

func TestAnEraThatIsNotSpokenIsRefused(t *testing.T) {
	for _, era := range []string{"2", "v2.5", "2.6", "3.40", "2.5.1", "2.5 ", "new"} {
		_, err := New(Config{Name: rackName, URL: "http://192.0.2.1", Site: rackSite, Era: era})
		e, _ := errors.AsType[*composa.Error](err)
		if e == nil || e.Code != composa.CodeInvalid || e.Next != "write one of 2.4, 2.5, 3.2, 3.4 for it, or leave era out" {
			t.Errorf("%q: %v", era, err)
		}
	}
}

// What is no answer to a question says where it came from and what to do.
func TestWhatCannotBeReadSaysWhereAndWhatNext(t *testing.T) {
	for _, tt := range []struct{ path, data, says string }{
		{"fabric/id", `[]`, "GET fabric/id with no number"},
		{"predevice", `[{"name":"ssd0","grp_id":3,"mach_id":"seven"}]`, `GET predevice with member "ssd0" with mach_id "seven", which is not an id`},
		{"machine/nextid", `["n/a"]`, "GET machine/nextid with no number that is not in use"},
	} {
		answers := answers25()
		answers[tt.path] = tt.data
		f := told(t, answers)
		_, err := f.Observe(t.Context(), composa.Scope{})
		if strings.HasSuffix(tt.path, "nextid") {
			_, err = f.Reserve(t.Context(), composa.Step{Machine: composa.MachineRef{Name: "train"}})
		}
		e, _ := errors.AsType[*composa.Error](err)
		if e == nil || e.Code != composa.CodeUnreachable || !strings.HasSuffix(e.Text, " answered "+tt.says) ||
			!strings.Contains(e.Text, f.calls.shown) || !strings.Contains(e.Next, f.calls.base+tt.path) {
			t.Errorf("%s: %v", tt.path, err)
		}
	}
}

func TestAWatchThatLosesItsSocketSaysSo(t *testing.T) {
	r := newRack(t, emulator.Config{Counts: small})
	f := r.open(t)
	changed := make(chan struct{}) // nobody receives: the watch does not wait
	ended := make(chan error, 1)
	go func() { ended <- f.Watch(t.Context(), changed) }()
	for {
		if r.director.Snapshot().Sockets > 0 {
			if _, err := r.MakeMachine("rival"); err != nil {
				t.Fatal(err)
			}
			r.director.CutSockets()
		}
		select {
		case err := <-ended:
			want := "cannot listen to rack1: its events are lost or do not come"
			if driver.CodeOf(err) != composa.CodeUnreachable || err.Error() != want {
				t.Errorf("%v (%s)", err, driver.CodeOf(err))
			}
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func TestWithoutAnEventSocketThereIsNoPush(t *testing.T) {
	f := told(t, answers25())
	if a, err := f.Abilities(t.Context()); err != nil || a.Push {
		t.Errorf("%+v %v", a, err)
	}
	if err := f.Watch(t.Context(), make(chan struct{})); driver.CodeOf(err) != composa.CodeUnsupported {
		t.Errorf("%v", err)
	}
}

// changeable is a director whose answers may be replaced; calls counts them.
type changeable struct {
	mu      sync.Mutex
	answers map[string]string
	status  map[string]int // instead of an answer
	calls   map[string]int // by method and path
}

func (d *changeable) RoundTrip(q *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	path := strings.TrimPrefix(q.URL.Path, prefix+"/")
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls == nil {
		d.calls = map[string]int{}
	}
	d.calls[q.Method+" "+path]++
	data, ok := d.answers[path]
	switch status := d.status[path]; {
	case status != 0:
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"response":{"data":[],"errors":[{"code":%d,"message":"no"}],"code":%d}}`, status, status)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case strings.HasPrefix(data, "{"):
		io.WriteString(w, data)
	default:
		fmt.Fprintf(w, `{"response":{"data":%s,"errors":null,"code":0}}`, data)
	}
	return w.Result(), q.Context().Err()
}

func (d *changeable) says(path, data string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[path] = data
}

func (d *changeable) drives(t *testing.T) *Fabric {
	return told(t, nil, func(c *Config) { c.HTTP = &http.Client{Transport: d} })
}

func TestManyWhoWantToKnowAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &changeable{answers: answers25()}
		slow := fakeNet(func(q *http.Request) (*http.Response, error) {
			time.Sleep(time.Millisecond)
			return d.RoundTrip(q)
		})
		f, err := New(Config{Name: rackName, URL: "http://192.0.2.1", Site: rackSite, HTTP: &http.Client{Transport: slow}})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := f.know(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := d.calls["GET fabric/id"]; n != 1 {
			t.Errorf("it was asked %d times", n)
		}
	})
}

// The time of the one who asks is not that of the others.
func TestWhoWaitsForAnAnswerAsksItselfWhereTheOtherGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &changeable{answers: answers25()}
		first := true
		net := fakeNet(func(q *http.Request) (*http.Response, error) {
			if strings.HasSuffix(q.URL.Path, "fabric/id") && first {
				first = false
				<-q.Context().Done()
				return nil, q.Context().Err()
			}
			return d.RoundTrip(q)
		})
		f, err := New(Config{Name: rackName, URL: "http://192.0.2.1", Site: rackSite, HTTP: &http.Client{Transport: net}})
		if err != nil {
			t.Fatal(err)
		}
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := f.know(short); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the one who asked: %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := f.know(t.Context()); err != nil {
				t.Errorf("the one who waited: %v", err)
			}
		})
		all.Wait()
	})
}

func TestASoftwareIsAnotherOneAlsoAfterItWasNotTold(t *testing.T) {
	d := &changeable{answers: answers25()}
	f := d.drives(t)
	for i, version := range []string{version25, `[{"component":"liqid-api"}]`, versionOf("2.4.0.0")} {
		d.says("version", version)
		f.forget()
		if _, err := f.know(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			f.observed.saw(askQueue, seenHidden)
		}
		if got, want := f.observed.of(askQueue), []string{seenHidden, seenHidden, ""}[i]; got != want {
			t.Errorf("after %s it is known %q, want %q", version, got, want)
		}
	}
}

// A director that restarted with other software between two calls is not changed.
func TestADirectorThatCameBackAsAnotherOneIsNotChanged(t *testing.T) {
	d := &changeable{answers: answers25()}
	f := d.drives(t)
	if _, err := f.Observe(t.Context(), composa.Scope{}); err != nil {
		t.Fatal(err)
	}
	f.config.Clock = func() time.Time { return time.Now().Add(2 * young) } // nobody comes back sooner
	d.says("version", versionOf("4.0.0.0"))
	step := composa.Step{Act: composa.ActMake, Fabric: rackName, Machine: composa.MachineRef{Name: "other", Label: "other", Native: "8"}}
	for _, want := range []composa.Code{composa.CodeBusy, composa.CodeReadOnly} {
		if _, err := f.Apply(t.Context(), step); driver.CodeOf(err) != want {
			t.Errorf("%v (%s), want %s", err, driver.CodeOf(err), want)
		}
	}
	for call := range d.calls {
		if !strings.HasPrefix(call, "GET ") {
			t.Errorf("it was called %s", call)
		}
	}
}

func TestACallWithoutAnAnswerIsFollowedByAsking(t *testing.T) {
	r := newRack(t, emulator.Config{Counts: small})
	f := r.open(t)
	if _, err := f.know(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.fail(1, failDropBefore)
	if err := f.calls.change(t.Context(), "POST", "group", nil); codeOf(err) != composa.CodeUnknown {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known != nil {
		t.Error("what was known is believed")
	}
}

// A list that the user may not read tells nothing, and is not waited for.
func TestAListOfWhatIsUnderWayMayBeDenied(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		d := &changeable{answers: answers25(), status: map[string]int{"state/1": status}}
		f := d.drives(t)
		for _, want := range []bool{false, true} {
			k, err := f.know(t.Context())
			if err != nil || k.pending != want || f.observed.is(askPending, seenDenied) == want {
				t.Errorf("%d: %+v %v, seen %q", status, k, err, f.observed.of(askPending))
			}
			d.status = nil // the user may read it now
			f.forget()
		}
	}
}

// A director that takes the call and never answers does not hold a watch for ever.
func TestStreamsThatDoNotOpenAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := fakeNet(func(q *http.Request) (*http.Response, error) {
			<-q.Context().Done()
			return nil, q.Context().Err()
		})
		f, err := New(Config{Name: rackName, URL: "http://192.0.2.1", Site: rackSite, HTTP: &http.Client{Transport: hanging}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err = f.listenStreams(t.Context(), func() { t.Error("it is said to have opened") }, func() {})
		if took, most := time.Since(began), time.Duration(len(streamRoots))*f.config.Timeouts.Read; codeOf(err) != composa.CodeUnreachable || took != most {
			t.Errorf("%v after %v, want an end after %v", err, took, most)
		}
	})
}
