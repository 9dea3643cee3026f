package liqid

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/drivertest"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

const (
	rackName = composa.FabricName("rack1")
	rackSite = composa.SiteID("site_k3v9q2xwabcdefgh")
)

// rackLate is how long something may take effect late on a rack that does not
// list what is under way: longer than any of its commits.
const rackLate = 300 * time.Millisecond

// How a call fails.
const (
	failRefused = iota
	failBusy
	failServer
	failGateway
	failDropBefore
	failDropAfter
	failDropDuring // carried out while the answer is lost already
	failGarbage
	failures // how many ways there are
)

// rack is an emulated director over loopback HTTP, with everything that the
// suite wants to do to it behind the driver's back.
type rack struct {
	director *emulator.Director
	server   *httptest.Server
	site     composa.SiteID
	era      string
	lists    bool // state tells what is under way

	mu        sync.Mutex
	inside    int        // calls under way
	left      *sync.Cond // a call has ended
	calls     int        // of the driver, the event socket aside
	changes   int
	before    func() // what to do at call number at
	at        int
	faults    *rand.Rand
	lose, how int  // which changing call from now fails, and how
	provoked  bool // a rival acted between two calls of the driver
	disturbed bool // calls failed
	// instead, where set, may answer a call in the director's place.
	instead func(http.ResponseWriter, *http.Request) bool

	// turn is held for reading by every changing call, and by a rival who acts
	// between two calls.
	turn  sync.RWMutex
	late  sync.WaitGroup
	ahead atomic.Int64 // of the drivers' clock
}

var (
	_ drivertest.Harness     = (*rack)(nil)
	_ drivertest.Counter     = (*rack)(nil)
	_ drivertest.Interceptor = (*rack)(nil)
	_ drivertest.Clock       = (*rack)(nil)
	_ drivertest.ObserveOnly = (*rack)(nil)
	_ drivertest.Slots       = (*rack)(nil)
)

func newRack(t *testing.T, c emulator.Config) *rack {
	t.Helper()
	if c.Inventory == nil && c.Counts == (emulator.Counts{}) {
		c.Counts = emulator.Counts{CPUs: 3, GPUs: 8, SSDs: 6, NICs: 1, SCMs: 1, FPGAs: 1, Memories: 1}
	}
	d, err := emulator.New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := &rack{director: d, site: rackSite, era: c.API}
	r.left = sync.NewCond(&r.mu)
	r.lists = !strings.HasPrefix(c.API, "3.") && c.Habits.Pending != "silent"
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() {
		r.late.Wait()
		d.Close()
		r.server.Close()
	})
	return r
}

func (r *rack) config() Config {
	return Config{
		Name: rackName, URL: r.server.URL, Site: r.site, Access: composa.AccessManage,
		Limits: Limits{Concurrent: 8, PerSecond: 1e6}, Poll: Poll{Least: time.Millisecond, Most: 20 * time.Millisecond},
		Timeouts: Timeouts{Late: rackLate},
		Clock:    func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) },
	}
}

func (r *rack) open(t *testing.T, change ...func(*Config)) *Fabric {
	t.Helper()
	c := r.config()
	for _, f := range change {
		f(&c)
	}
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (r *rack) Fabric(t *testing.T) driver.Fabric { return r.open(t) }
func (r *rack) ObserveOnly(t *testing.T) driver.Fabric {
	return r.open(t, func(c *Config) { c.Access = composa.AccessObserve })
}
func (r *rack) Pass(d time.Duration)     { r.ahead.Add(int64(d)) }
func (r *rack) Name() composa.FabricName { return rackName }
func (r *rack) Site() composa.SiteID     { return r.site }
func (r *rack) Rival() drivertest.Rival  { return r }

func (r *rack) Changes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

func (r *rack) Before(n int, do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.inside > 0 { // a call that was given up, and a rival who came beside it, may still be at work
		r.left.Wait()
	}
	r.at, r.before = r.calls+n, do
}

func (r *rack) Faults(rng *rand.Rand) {
	r.late.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = rng
	r.disturbed = r.disturbed || rng != nil
}

// Check fails for what is left open and for broken rules. A call that a rival
// got ahead of, and a cancel after a lost answer, are refused with good reason.
func (r *rack) Check(t *testing.T) {
	t.Helper()
	r.late.Wait()
	s := r.director.Snapshot()
	if len(s.Sessions) > 0 || len(s.Pending) > 0 {
		t.Errorf("left open: %+v, under way: %+v", s.Sessions, s.Pending)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.director.Violations() {
		// Where nothing tells what is under way, what may have been is cancelled too.
		blind := v.Rule == emulator.RuleCommitting && r.disturbed && !r.lists
		if !r.provoked && !blind && v.Rule != emulator.RuleNothingOpen {
			t.Errorf("violation: %+v", v)
		}
	}
	if n := len(r.director.Violations()); n > 0 && !r.provoked && !r.disturbed && !t.Failed() {
		t.Logf("%d cancels of sessions that were not open", n)
	}
}

// serve passes the driver's calls on, after what was to happen before them and
// but for those that fail.
func (r *rack) serve(w http.ResponseWriter, q *http.Request) {
	if strings.HasSuffix(q.URL.Path, "/event") {
		r.director.Handler().ServeHTTP(w, q)
		return
	}
	defer r.leaves()
	r.mu.Lock()
	r.inside++
	r.calls++
	if q.Method != http.MethodGet {
		r.changes++
	}
	var do func()
	// A read beside a changing call is not between two calls: the next one is.
	if r.before != nil && r.calls >= r.at && r.turn.TryLock() {
		do, r.before, r.provoked = r.before, nil, true
	}
	effect := -1
	if r.lose > 0 && q.Method != http.MethodGet {
		if r.lose--; r.lose == 0 {
			effect, r.disturbed = r.how, true
		}
	}
	if r.faults != nil {
		effect = r.faults.IntN(160) // one call in twenty fails
	}
	instead := r.instead
	r.mu.Unlock()
	if do != nil {
		func() {
			defer r.turn.Unlock()
			do()
		}()
	}
	if q.Method != http.MethodGet {
		r.turn.RLock()
		defer r.turn.RUnlock()
	}
	if instead != nil && instead(w, q) {
		return
	}
	refuse := func(status int) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"response":{"data":[],"errors":[{"code":%d,"message":"fault","type":""}],"code":%d}}`, status, status)
	}
	switch effect {
	case failRefused:
		refuse(http.StatusBadRequest)
	case failBusy:
		refuse(http.StatusConflict)
	case failServer:
		refuse(http.StatusInternalServerError)
	case failGateway:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, "<html>bad gateway</html>")
	case failDropBefore:
		panic(http.ErrAbortHandler)
	case failDropAfter:
		r.director.Handler().ServeHTTP(httptest.NewRecorder(), q)
		panic(http.ErrAbortHandler)
	case failDropDuring:
		r.takeEffectLate(q)
		panic(http.ErrAbortHandler)
	case failGarbage:
		w.WriteHeader(http.StatusOK)
		fmt.Fprint(w, "<html>who are you?</html>")
	default:
		r.director.Handler().ServeHTTP(w, q)
	}
}

func (r *rack) leaves() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside--
	r.left.Broadcast()
}

// takeEffectLate lets a call be carried out while its answer is lost already: it
// returns when the director has the call, which it lists as under way where it
// takes time.
func (r *rack) takeEffectLate(q *http.Request) {
	body := new(bytes.Buffer)
	if _, err := body.ReadFrom(q.Body); err != nil {
		return
	}
	own := httptest.NewRequest(q.Method, q.URL.String(), body)
	began := len(r.director.Snapshot().Pending)
	done := make(chan struct{})
	r.late.Go(func() {
		defer close(done)
		r.director.Handler().ServeHTTP(httptest.NewRecorder(), own)
	})
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if len(r.director.Snapshot().Pending) > began {
				return
			}
		}
	}
}

// do makes calls of a rival until one fails: method, path and body of each.
func (r *rack) do(calls ...[3]string) error {
	for _, c := range calls {
		if err := r.director.Rival().Do(c[0], c[1], c[2]); err != nil {
			return denied(err)
		}
	}
	return nil
}

// denied tells what the director refused as the suite expects it.
func denied(err error) error {
	if emulator.IsDenied(err) {
		return composa.Errorf(composa.CodeRefused, "%v", err)
	}
	return err
}

// Take puts a device into a machine of the rival's own group.
func (r *rack) Take(device string) (native string, err error) {
	began := time.Now().Add(-time.Millisecond) // sessions tell their time in whole ones
	native, err = r.MakeMachine("rival", device)
	// Half way, with the device in his group, he is stubborn and ends what holds
	// him off.
	now := r.director.Snapshot()
	if d, _ := now.Device(device); err != nil && slices.ContainsFunc(now.Groups, func(g emulator.GroupState) bool {
		return g.ID == d.Group && strings.HasPrefix(g.Name, "rivals")
	}) {
		if err = r.director.CancelSessions(); err == nil {
			err = r.AddTo(native, device)
		}
	}
	if err != nil {
		// We change nothing while he acts: what was opened since is his.
		for _, open := range r.director.Snapshot().Sessions {
			if open.Machine == 0 && open.Since.After(began) {
				err = errors.Join(err, r.do([3]string{"POST", "pool/cancel", fmt.Sprintf(`{"grp_id":%d}`, open.Group)}))
			}
		}
		return "", errors.Join(err, r.dropEmpty())
	}
	return native, nil
}

// MakeMachine makes a machine in a new group of the rival.
func (r *rack) MakeMachine(label string, devices ...string) (native string, err error) {
	machine, err := r.director.Rival().MakeMachine(label, devices...)
	return strconv.Itoa(machine), denied(err)
}

// AddTo puts a device into a machine, through the machine's group.
func (r *rack) AddTo(native, device string) error {
	id, err := strconv.Atoi(native)
	if err != nil {
		return err
	}
	return denied(r.director.Rival().AddTo(id, device))
}

// Release gives a device back to the system free pool, wherever it is; a rival
// whose group is empty then drops it.
func (r *rack) Release(device string) error {
	if err := r.director.Rival().Release(device); err != nil {
		return denied(err)
	}
	return r.dropEmpty()
}

// dropEmpty deletes the groups of rivals in which nothing is, and ends what a
// rival still edits there.
func (r *rack) dropEmpty() error {
	now := r.director.Snapshot()
	for _, g := range now.Groups {
		if strings.HasPrefix(g.Name, "rivals") && len(g.Devices) == 0 {
			var cancels [][3]string
			for _, open := range now.Sessions {
				i := slices.IndexFunc(now.Machines, func(m emulator.MachineState) bool { return m.ID == open.Machine })
				switch {
				case i >= 0 && now.Machines[i].Group == g.ID:
					path := "fabric/edit/cancel"
					if r.era == "2.4" {
						path = "fabric/cancel"
					}
					cancels = append(cancels, [3]string{"POST", path, fmt.Sprintf(`{"mach_id":%d}`, open.Machine)})
				case i < 0 && open.Group == g.ID:
					cancels = append(cancels, [3]string{"POST", "pool/cancel", fmt.Sprintf(`{"grp_id":%d}`, g.ID)})
				}
			}
			if err := r.do(cancels...); err != nil {
				return err
			}
			if err := r.do([3]string{"DELETE", "group/" + strconv.Itoa(g.ID)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// fail lets the n-th changing call from now fail, counted from 1.
func (r *rack) fail(n, how int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lose, r.how = n, how
}

// failed says whether the call that was to fail came.
func (r *rack) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lose == 0
}

func (r *rack) answerWith(f func(http.ResponseWriter, *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.instead = f
}

func (r *rack) Vanish(device string) error { return r.director.Gone(device) }
func (r *rack) Return(device string) error { return r.director.Return(device) }

// Replace puts another part in, and lets so much time pass that details are
// read again: nothing else tells one part from the other.
func (r *rack) Replace(device, _ string) error {
	r.ahead.Add(int64(2 * time.Minute))
	return r.director.Replace(device)
}

var contract atomic.Uint64 // seeds of the racks, so that they differ

// enough is what the contract needs; more of everything where it is proven.
func enough() emulator.Counts {
	if proven() {
		return emulator.Counts{}
	}
	return emulator.Counts{CPUs: 3, GPUs: 4, SSDs: 3, NICs: 1}
}

// The whole suite runs on 2.5, its essence on 3.4. Where it is proven the whole
// suite runs on every era.
func TestContract(t *testing.T) {
	eras := []string{"2.5", "3.4"}
	if proven() {
		eras = emulator.Eras()
	}
	for _, era := range eras {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			suite := drivertest.Essence
			if era == "2.5" || proven() {
				suite = drivertest.Run
			}
			suite(t, func(t *testing.T) drivertest.Harness {
				n := contract.Add(1)
				return newRack(t, emulator.Config{Name: "rack1", API: era, Counts: enough(), Seed: n, CommitLatency: emulator.Latency{Max: 2 * time.Millisecond}})
			})
		})
	}
}
