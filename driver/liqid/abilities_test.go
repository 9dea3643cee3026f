package liqid

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// told is a director that knows only some paths.
func told(t *testing.T, answers map[string]string) *Fabric {
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
	f, err := New(Config{Name: rackName, URL: server.URL, Site: rackSite, Access: composa.AccessManage, Poll: Poll{Least: time.Millisecond, Most: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const version25 = `[{"component":"liqid-director","version":"2.5.0.0","branch":"release"}]`

func TestErasAreFoundOutByAsking(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers map[string]string
		code    composa.Code
		text    string
		want    composa.Abilities
	}{
		{"2.5 with pending lists", map[string]string{"fabric/id": `[1]`, "version": version25, "state/1": `[]`}, "", "",
			composa.Abilities{Era: "2.5"}},
		{"2.5 without", map[string]string{"fabric/id": `["1"]`, "version": version25}, "", "",
			composa.Abilities{Era: "2.5", SettleTime: time.Minute}},
		{"an emulator", map[string]string{"fabric/id": `[1]`, "version": `[{"component":"emulator"},{"component":"liqid-api"}]`, "state/1": `[]`}, "", "",
			composa.Abilities{Era: "2.5", Emulated: true}},
		{"2.4", map[string]string{"fabric/id": `[1]`, "version": `[{"liqcfgd-version":{"major":2,"minor":4}}]`}, composa.CodeUnsupported,
			"cannot ask rack1 what it can do: its director software is of the line before 2.5, which this driver does not speak; it speaks 2.5", composa.Abilities{}},
		{"3.2", map[string]string{"fabric/id": `[1]`, "version": version25, "digest": `[]`}, composa.CodeUnsupported,
			"cannot ask rack1 what it can do: its director software is of the line 3.x, which this driver does not speak; it speaks 2.5", composa.Abilities{}},
		{"no director", map[string]string{}, composa.CodeUnreachable, "", composa.Abilities{}},
		{"no number", map[string]string{"fabric/id": `[]`, "version": version25}, composa.CodeUnreachable, "", composa.Abilities{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := told(t, tt.answers).Abilities(t.Context())
			if driver.CodeOf(err) != tt.code || (tt.text != "" && err.Error() != tt.text) {
				t.Fatalf("%v (%s)", err, driver.CodeOf(err))
			}
			if err != nil {
				return
			}
			got := composa.Abilities{Era: a.Era, Emulated: a.Emulated, SettleTime: a.SettleTime, Push: a.Push}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheEmulatorSaysWhatItIs(t *testing.T) {
	a, err := newRack(t, emulator.Config{}).open(t).Abilities(t.Context())
	if err != nil || !a.Emulated || !a.Push || a.Era != "2.5" || a.SettleTime != 0 || !a.DetachSure || a.Groups != composa.NeedRequired {
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
		ctx, cancel := context.WithCancel(t.Context())
		changed := make(chan struct{}, 1)
		ended := make(chan error, 1)
		go func() { ended <- f.Watch(ctx, changed) }()
		for told := false; !told; {
			if _, err := r.MakeMachine("rival"); err != nil {
				t.Fatal(err)
			}
			select {
			case <-changed:
				told = true
			case <-time.After(10 * time.Millisecond):
			case err := <-ended:
				t.Fatalf("Watch ended: %v", err)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Watch ended with %v", err)
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
			want := "cannot listen to rack1: its event socket is lost or does not open"
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
	if err := f.Watch(t.Context(), make(chan struct{})); driver.CodeOf(err) != composa.CodeUnreachable {
		t.Errorf("%v", err)
	}
}
