package liqid

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
	"github.com/composa-dev/composa/internal/plan"
)

var update = flag.Bool("update", false, "rewrite testdata/transcript")

// TestTranscripts holds every word of the driver's conversation with a director
// of each era while a machine is composed, plugged and freed: time, call, body,
// status and answer, each with the section of liqid-api.md that asks for it.
// How they are read stands in docs/reference/transcripts.md; -update rewrites.
func TestTranscripts(t *testing.T) {
	for _, era := range emulator.Eras() {
		t.Run(era, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecorder(t, era)
				c := newConversation(t, r)
				c.compose()
				c.plug()
				c.free()
				for _, v := range r.director.Violations() {
					t.Errorf("a rule was broken: %+v", v)
				}
			})
		})
	}
}

// conversation is one machine's life on the only fabric of a site.
type conversation struct {
	t       *testing.T
	rec     *recorder
	fabric  *Fabric
	site    *composa.Site
	machine *composa.Machine
}

func newConversation(t *testing.T, r *recorder) *conversation {
	t.Helper()
	config := Config{
		Name: rackName, URL: "http://director:8080", Site: rackSite, Access: composa.AccessManage,
		Limits: Limits{Concurrent: 64, PerSecond: 1e6}, HTTP: &http.Client{Transport: r},
	}
	if r.user != "" {
		config.Credentials = Credentials{r.user, password}
	}
	f, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &conversation{t: t, rec: r, fabric: f, site: &composa.Site{Now: time.Now(), Pictures: map[composa.FabricName]*composa.Picture{}}}
	id := composa.MachineID("mach_k3v9q2xw00000000")
	c.site.Machines = []composa.Machine{{ID: id, Project: "proj_a", Name: "train", Fabric: rackName, Label: composa.MachineLabel("train", id)}}
	c.machine = &c.site.Machines[0]
	return c
}

// look shows the fabric to the site.
func (c *conversation) look() *composa.Picture {
	c.t.Helper()
	p, err := c.fabric.Observe(c.t.Context(), composa.Scope{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.site.Pictures[rackName] = p
	c.site.Index()
	return p
}

func (c *conversation) compose() {
	c.t.Helper()
	c.rec.open("look at everything, for the first time")
	p := c.look()
	c.site.Fabrics = []composa.Fabric{{Name: rackName, Access: composa.AccessManage, Abilities: p.Abilities, Reach: composa.FabricReach{Seen: time.Now()}}}
	for _, d := range p.Devices {
		c.site.Devices = append(c.site.Devices, composa.Device{
			ID: composa.DeviceID("dev_" + d.Name), Fabric: rackName, Name: d.Name, Kind: d.Kind, Fingerprint: d.Fingerprint, Unit: d.Unit,
			Domains: d.Domains, Facts: d.Facts, Health: d.Health, Hygiene: composa.HygieneClean,
		})
	}
	c.site.Index()
	c.claim("gpu0", "gpu1", "pcpu0", "ssd0")
	on := true
	c.carryOut(composa.VerbCompose, composa.Goal{Exists: true, Devices: c.site.Binding(c.machine.ID), P2P: &on, Power: &on})
	c.machine.Made = true
	c.rec.write("compose")
}

func (c *conversation) plug() {
	c.t.Helper()
	c.claim("gpu2")
	c.carryOut(composa.VerbPlug, composa.Goal{Exists: true, Devices: c.site.Binding(c.machine.ID)})
	c.rec.write("plug")
}

func (c *conversation) free() {
	c.t.Helper()
	c.carryOut(composa.VerbFree, composa.Goal{})
	c.rec.write("free")
	for _, d := range c.look().Devices {
		if d.Name != "link0" && d.Spot.Area != composa.AreaFree {
			c.t.Errorf("in the end %s is in %s", d.Name, d.Spot)
		}
	}
}

func (c *conversation) claim(names ...string) {
	for _, name := range names {
		c.site.Claims = append(c.site.Claims, composa.Claim{
			Device: composa.DeviceID("dev_" + name), Machine: c.machine.ID, Purpose: composa.PurposeMachine, Entry: "devices",
		})
	}
	c.site.Index()
}

// carryOut makes the plan towards a goal and applies its steps in order, as the
// runner does: a handle is chosen before the machine is made.
func (c *conversation) carryOut(verb composa.Verb, goal composa.Goal) {
	c.t.Helper()
	for {
		goal.Machine = c.machine.Ref()
		p, err := plan.For(c.site, verb, "proj_a", composa.Target{Fabric: rackName, Goals: []composa.Goal{goal}, Grace: time.Minute})
		if err != nil {
			c.t.Fatal(err)
		}
		if len(p.Steps) == 0 {
			return
		}
		c.apply(p.Steps[0].Step)
	}
}

func (c *conversation) apply(s composa.Step) {
	c.t.Helper()
	c.rec.open(s.String())
	if s.Act == composa.ActMake && s.Machine.Native == "" {
		native, err := c.fabric.Reserve(c.t.Context(), s)
		if err != nil {
			c.t.Fatal(err)
		}
		s.Machine.Native = native
	}
	proof, err := c.fabric.Apply(c.t.Context(), s)
	if err != nil {
		c.t.Fatalf("%s: %v", s.String(), err)
	}
	if standing, why := s.Judge(proof); standing != composa.Holds {
		c.t.Fatalf("after %s: %s %s", s.String(), standing, why)
	}
	if s.Act == composa.ActMake {
		made := s.Made(proof)
		c.machine.Native, c.machine.NativeSince = made.Native, made.Created
	}
	c.rec.close()
	c.look()
}

// password is the one of the emulated director's user.
const password = "a-password"

// recorder writes down what goes to a director and comes from it. The director
// is served over pipes in memory, so that time stands still while anybody works.
type recorder struct {
	t        *testing.T
	era      string
	user     string // signs in, where the era has it in its transcripts
	director *emulator.Director
	base     http.RoundTripper
	links    map[string]bool // where outcomes of commits are told

	mu    sync.Mutex
	began time.Time
	steps []*recorded
	on    bool
}

// recorded is what was said for one step.
type recorded struct {
	title string
	calls []*exchange
}

// exchange is one call and its answer.
type exchange struct {
	at           time.Duration
	took         time.Duration
	method, path string
	signed       string // how the caller signed in
	body, answer string
	status       int
}

// What the director does by itself ends between the calls of the driver, and a
// reading call comes later than a changing one that was made at the same moment:
// which of two comes first is never left to chance.
const (
	commitTime = 100*time.Millisecond + 50*time.Microsecond
	bootTime   = time.Second + 30*time.Microsecond
	readTime   = 100 * time.Microsecond
)

// signedIn are the eras in whose transcripts the driver signs in.
var signedIn = map[string]string{"3.2": "ann", "3.4": "ann"}

func newRecorder(t *testing.T, era string, change ...func(*emulator.Config)) *recorder {
	t.Helper()
	config := emulator.Config{
		Name: "rack1", API: era, Seed: 7, Counts: emulator.Counts{CPUs: 1, GPUs: 3, SSDs: 1, NICs: 1},
		CallLatency:   emulator.Latency{Min: time.Millisecond, Max: time.Millisecond},
		CommitLatency: emulator.Latency{Min: commitTime, Max: commitTime},
		BootLatency:   emulator.Latency{Min: bootTime, Max: bootTime},
	}
	for _, f := range change {
		f(&config)
	}
	r := &recorder{t: t, era: era, user: signedIn[era], links: map[string]bool{}}
	if r.user != "" {
		config.Users = map[string]string{r.user: password}
	}
	var err error
	if r.director, err = emulator.New(config); err != nil {
		t.Fatal(err)
	}
	if _, err := r.director.Rival().MakeMachine("theirs", "link0"); err != nil { // so that there is what is not ours
		t.Fatal(err)
	}
	r.began = time.Now()
	l := &pipes{dialled: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: r.director.Handler()}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	transport := &http.Transport{DialContext: l.dial}
	r.base = transport
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		<-ended
		r.director.Close()
	})
	return r
}

// pipes is a listener whose connections are pipes in memory.
type pipes struct {
	dialled chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialled:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8080} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.dialled <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// RoundTrip passes a call on and writes it down.
func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	e := &exchange{at: time.Since(r.began), method: q.Method, path: q.URL.RequestURI(), signed: signature(q.Header)}
	if q.Body != nil {
		text, err := io.ReadAll(q.Body)
		q.Body.Close()
		if err != nil {
			return nil, err
		}
		q = q.Clone(q.Context())
		q.Body = io.NopCloser(bytes.NewReader(text))
		e.body = string(text)
	}
	if q.Method == http.MethodGet {
		time.Sleep(readTime)
	}
	resp, err := r.base.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	e.status = resp.StatusCode
	if e.status != http.StatusSwitchingProtocols && resp.Header.Get("Content-Type") != "text/event-stream;charset=UTF-8" {
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(bytes.NewReader(text))
		e.answer = string(text)
	}
	e.took = time.Since(r.began) - e.at
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.on {
		s := r.steps[len(r.steps)-1]
		s.calls = append(s.calls, e)
	}
	return resp, nil
}

func signature(h http.Header) string {
	switch {
	case h.Get("X-API-Key") != "":
		return "X-API-Key"
	case strings.HasPrefix(h.Get("Authorization"), "Basic "):
		return "Basic"
	}
	return ""
}

// open begins what is said for one step; until close everything belongs to it.
func (r *recorder) open(title string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = true
	r.steps = append(r.steps, &recorded{title: title})
}

func (r *recorder) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = false
}

// write compares what was said since the last write with its golden file.
func (r *recorder) write(verb string) {
	r.t.Helper()
	r.close()
	r.mu.Lock()
	steps := r.steps
	r.steps = nil
	r.mu.Unlock()
	got := r.text(verb, steps)
	file := filepath.Join("testdata", "transcript", r.era+"-"+verb+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			r.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		r.t.Errorf("%s (-want +got, -update rewrites):\n%s", file, diff)
	}
}

// text is a transcript. Calls that begin at the same moment stand in the order
// of their paths; a long answer that came before is not written again.
func (r *recorder) text(verb string, steps []*recorded) string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "# %s on Liqid %s. How to read it: docs/reference/transcripts.md\n", verb, r.era)
	before := map[string]int{}
	number := 0
	for _, s := range steps {
		fmt.Fprintf(out, "\n== %s\n", s.title)
		slices.SortStableFunc(s.calls, func(a, b *exchange) int {
			if a.at != b.at {
				return int(a.at - b.at)
			}
			return strings.Compare(a.path+" "+a.method, b.path+" "+b.method)
		})
		for _, e := range s.calls {
			number++
			r.tell(out, number, e, before)
		}
	}
	return out.String()
}

func (r *recorder) tell(out io.Writer, number int, e *exchange, before map[string]int) {
	r.t.Helper()
	path := strings.TrimPrefix(e.path, prefix+"/")
	r.link(e)
	section := r.section(e, path)
	fmt.Fprintf(out, "\n%d. %s  %s %s", number, stamp(e.at), e.method, path)
	if e.signed != "" {
		fmt.Fprintf(out, "  (%s)", e.signed)
	}
	fmt.Fprintf(out, "\n   %s\n", section)
	if e.body != "" {
		fmt.Fprintf(out, "> %s\n", e.body)
	}
	fmt.Fprintf(out, "< %d after %s", e.status, e.took.Round(time.Millisecond))
	key := fmt.Sprint(e.method, path, e.status, e.answer)
	switch was := before[key]; {
	case was > 0 && len(e.answer) > 100:
		fmt.Fprintf(out, ", as %d\n", was)
	case e.answer == "":
		fmt.Fprintln(out)
	default:
		fmt.Fprintf(out, "\n%s\n", lines(e.answer))
		before[key] = number
	}
}

// stamp is a time since the beginning, in seconds.
func stamp(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// lines writes each record of an envelope on its own line; nothing else of what
// came is changed.
func lines(answer string) string {
	const open = `{"response":{"data":[`
	var e struct {
		Response struct {
			Data []json.RawMessage `json:"data"`
		} `json:"response"`
	}
	if !strings.HasPrefix(answer, open) || json.Unmarshal([]byte(answer), &e) != nil || len(e.Response.Data) == 0 {
		return strings.TrimSpace(answer)
	}
	var records []string
	for _, d := range e.Response.Data {
		records = append(records, string(d))
	}
	rest, whole := strings.CutPrefix(strings.TrimSpace(answer), open+strings.Join(records, ","))
	if !whole {
		return strings.TrimSpace(answer)
	}
	return open + "\n " + strings.Join(records, ",\n ") + "\n" + rest
}

// justified says which section of liqid-api.md asks for a call, and in which
// eras it is there: elsewhere it must be answered 404.
type justified struct {
	call    string // method and path, as a regular expression
	eras    string
	section string
}

const (
	always = "2.4 2.5 3.2 3.4"
	second = "2.4 2.5"
	third  = "3.2 3.4"
)

var sections = []justified{
	{`GET fabric/id`, always, "2.1 [int]"},
	{`GET coordinates`, third, "2.1 the director's own, once before the first change"},
	{`GET version`, always, "2.12; 1.4 Version; 4 How to tell"},
	{`GET digest`, third, "4 How to tell: in 3.x only; 2.14 list of labels"},
	{`(DELETE|POST) digest/[^/]+`, third, "2.14 login: DELETE with Basic, its outcome ignored, then POST with Basic, then X-API-Key"},
	{`GET device/info/(cpu|gpu|ssd|link|fpga|mem)`, third, "2.9 whole lists in 3.x; 1.4 DeviceInfo; 4 How to tell"},
	{`GET device/info/(cpu|gpu|ssd|link|fpga|mem)/[^/]+`, third, "2.9 one device in 3.x, in the envelope; 1.4 DeviceInfo"},
	{`GET system/device/info/(cpu|gpu|ssd|link|fpga)/[^/]+`, second, "2.9 one at a time in 2.x, a bare object; 1.4 DeviceInfo; 6.2"},
	{`GET /liqid/websocket/v2/event`, second, "0.2 event socket, later form; 2.17; 6.2"},
	{`GET /liqid/event`, second, "0.2 event socket, earlier form; 2.17; 6.2"},
	{`GET sse/(api/v2/)?(group|machine|predevice)`, second, "2.16 streams, in either form of the path (A12)"},
	{`GET state/\d+`, second, "2.12 pending commands of 2.x; 3.10"},
	{`GET status`, always, "2.8 all devices, whoever has them; 1.4 DeviceStatus"},
	{`GET status/(compute|gpu|storage|network|fpga)\?filter=false`, third, "2.8 filter=false: all; 1.4 DeviceStatus"},
	{`GET status/mem\?filter=false`, third, "2.8 status/mem in 3.x"},
	{`GET node/status`, always, "2.10 list; 1.4 NodeStatus; matched by location"},
	{`GET manager/network/ipmi/cpu`, always, "2.11; 1.4 IPMI entry"},
	{`GET group`, always, "2.2; 1.4 Group"},
	{`GET group/nextid`, always, "2.2 int (A1); 3.1 step 2"},
	{`POST group`, always, "2.2 client-chosen id, pod_id -1, 201; 3.1 step 3"},
	{`DELETE group/\d+`, always, "2.2 200 Group; 3.9 not while edited"},
	{`GET predevice`, second, "2.4 without a query every member of every group in 2.x; 1.4 Predevice (A2)"},
	{`GET predevice\?grp_id=\d+`, always, "2.4 members of a group; grp_id always in 3.x; 1.4 Predevice (A2)"},
	{`GET predevice\?grp_id=\d+&mach_id=\d+`, always, "2.4 members of a machine; 3.6; 1.4 Predevice (A2)"},
	{`GET predevice\?cid=\d+(&mach_id=\d+)?`, "2.4", "2.4 cid before 2.5; 1.4 Predevice (A2)"},
	{`POST pool/edit`, always, "2.3 GroupPool, echoed; 3.2 step 1, 3.6 step 2"},
	{`POST predevice/(compute|gpu|storage|network|fpga)`, always, "2.4 deviceStatus and group, only queued; 3.2 step 2"},
	{`DELETE predevice/(compute|gpu|storage|network|fpga)`, always, "2.4 with a body (A5), only queued; 3.6 step 2"},
	{`POST pool/done`, always, "2.3 GroupPool, 202 in 3.4; 3.2 step 3, 3.6 step 2"},
	{`POST pool/cancel`, always, "2.3 GroupPool; 3.9 reverts"},
	{`GET machine`, always, "2.5; 1.4 Machine"},
	{`GET machine\?grp_id=\d+`, "2.5 3.2 3.4", "2.5 grp_id (cid before 2.5); 1.4 Machine"},
	{`GET machine\?cid=\d+`, "2.4", "2.5 cid before 2.5; 1.4 Machine"},
	{`GET machine\?mach_id=\d+`, always, "2.5 exactly one; 1.4 Machine"},
	{`GET machine/nextid`, always, "2.5 a string (A1); 3.2 step 4"},
	{`POST machine`, always, "2.5 client-chosen id, 201; 1.4 Machine before any device; 3.2 step 4"},
	{`POST fabric/edit`, always, "2.1 whole Machine; 3.2 step 5"},
	{`POST relate/(compute|gpu|storage|network|fpga)`, always, "2.6 groupDeviceRelator and machine, only queued; 3.2 step 6"},
	{`DELETE relate/(compute|gpu|storage|network|fpga)`, always, "2.6 with a body (A5), only queued; 3.5"},
	{`POST fabric/reprogram`, always, "2.1 whole Machine, 202 in 3.4; 3.2 step 7"},
	{`POST machine/p2p`, always, "2.5 whole Machine with new p2p; 3.7"},
	{`POST power/(start|shutdown)`, second, "2.10 POST with the Machine in 2.x"},
	{`PUT power/(start|shutdown)/\d+/\d+`, third, "2.10 PUT by group and machine, no body, in 3.x"},
	{`DELETE machine/\d+`, always, "2.5 200 Machine; 3.6 step 1"},
}

// link remembers where an answer 202 says that its outcome is told; it must be
// absolute (2.13).
func (r *recorder) link(e *exchange) {
	r.t.Helper()
	var says struct {
		Response struct {
			Data []struct {
				Links []struct {
					Href string `json:"href"`
				} `json:"links"`
			} `json:"data"`
		} `json:"response"`
	}
	if e.status != http.StatusAccepted {
		return
	}
	if err := json.Unmarshal([]byte(e.answer), &says); err != nil || len(says.Response.Data) != 1 || len(says.Response.Data[0].Links) == 0 {
		r.t.Errorf("%s %s answered 202 without a link: %s", e.method, e.path, e.answer)
		return
	}
	at, err := url.Parse(says.Response.Data[0].Links[0].Href)
	if err != nil || !at.IsAbs() {
		r.t.Errorf("%s %s links to %q, which is not absolute: %v", e.method, e.path, says.Response.Data[0].Links[0].Href, err)
		return
	}
	r.links[at.RequestURI()] = true
}

// section finds what justifies a call, and fails where nothing does, or where
// the call is there in an era that has it not.
func (r *recorder) section(e *exchange, path string) string {
	r.t.Helper()
	if e.method == http.MethodGet && r.links[e.path] {
		return "2.13 the link of a 202: Pending, then another state, or 404"
	}
	for _, s := range sections {
		if !regexp.MustCompile("^(?:" + s.call + ")$").MatchString(e.method + " " + path) {
			continue
		}
		has := slices.Contains(strings.Fields(s.eras), r.era)
		if !has && e.status != http.StatusNotFound {
			r.t.Errorf("%s %s answered %d, and liqid-api.md %s has it in %s only", e.method, path, e.status, s.section, s.eras)
		}
		if has && e.status == http.StatusNotFound && !strings.HasPrefix(path, "digest/") {
			r.t.Errorf("%s %s is not there, and liqid-api.md %s has it in %s", e.method, path, s.section, s.eras)
		}
		return s.section
	}
	r.t.Errorf("no section of liqid-api.md asks for %s %s", e.method, path)
	return "nothing"
}
