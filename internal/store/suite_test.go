package store

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/pgtest"
)

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", strconv.Itoa(count(6, 200))); err != nil {
		panic(err)
	}
	if err := flag.Set("rapid.steps", strconv.Itoa(count(15, 30))); err != nil {
		panic(err)
	}
	code := pgtest.Main(m)
	if err := os.RemoveAll(original.folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// original is a data file in which the tables were just made. Tests begin with
// copies: making the tables costs more than most tests.
var original struct {
	once   sync.Once
	folder string
	text   []byte
	err    error
}

// newFile is the URL of a data file with its tables in a folder of a test.
func newFile(t testing.TB, folder string) string {
	t.Helper()
	original.once.Do(func() {
		if original.folder, original.err = os.MkdirTemp("", "composa-store-"); original.err != nil {
			return
		}
		path := filepath.Join(original.folder, "composa.db")
		if original.err = makeTables("sqlite:" + path); original.err == nil {
			original.text, original.err = os.ReadFile(path)
		}
	})
	path := filepath.Join(folder, "composa.db")
	if err := firstError(original.err, os.MkdirAll(folder, 0o700), os.WriteFile(path, original.text, 0o600)); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// newDatabase is the URL of a database of PostgreSQL with its tables.
func newDatabase(t testing.TB) string {
	t.Helper()
	return pgtest.Copy(t, makeTables)
}

func makeTables(url string) error {
	s, err := Open(context.Background(), Options{URL: url})
	if err != nil {
		return err
	}
	return s.Close()
}

// prove says whether the counts are those that the issues name.
var prove = os.Getenv("COMPOSA_PROVE") != ""

func count(small, proving int) int {
	if prove {
		return proving
	}
	return small
}

var epoch = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// clock is a clock that goes on by a millisecond with each look.
type clock struct{ looks atomic.Int64 }

func (c *clock) now() time.Time {
	return epoch.Add(time.Duration(c.looks.Add(1)) * time.Millisecond)
}

// bed is an open store with what a test needs around it.
type bed struct {
	*Store
	t       testing.TB
	url     string
	clock   *clock
	admin   composa.Who
	project composa.ProjectID
}

var system = composa.System()

// onEach runs a test on SQLite and on PostgreSQL.
func onEach(t *testing.T, test func(t *testing.T, b *bed)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, openBed(t, newFile(t, t.TempDir())))
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, openBed(t, newDatabase(t)))
	})
}

func openBed(t testing.TB, url string) *bed {
	t.Helper()
	b := &bed{t: t, url: url, clock: new(clock)}
	b.open()
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	admin, err := b.EnsureAdmin(t.Context(), system)
	b.ok(err)
	project, err := b.Project(t.Context(), system, composa.DefaultProject)
	b.ok(err)
	b.project = project.ID
	b.admin = composa.Who{Principal: admin, Projects: []composa.ProjectID{project.ID}, Request: "req_1"}
	return b
}

func (b *bed) open() {
	b.t.Helper()
	s, err := Open(b.t.Context(), Options{URL: b.url, Clock: b.clock.now, Selects: byWord})
	b.ok(err)
	b.Store = s
}

// reopen closes the store and opens it again, as a restart does.
func (b *bed) reopen() {
	b.t.Helper()
	b.ok(b.Close())
	b.open()
}

func (b *bed) ctx() context.Context { return b.t.Context() }

func (b *bed) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected: %v (%s)", err, composa.CodeOf(err))
	}
}

// code fails unless err has a code.
func (b *bed) code(err error, want composa.Code) {
	b.t.Helper()
	if got := composa.CodeOf(err); got != want {
		b.t.Fatalf("code = %q (%v), want %q", got, err, want)
	}
}

func (b *bed) site() *composa.Site {
	b.t.Helper()
	site, err := b.Site(b.ctx(), b.admin)
	b.ok(err)
	return site
}

func (b *bed) lastEvent() int64 {
	b.t.Helper()
	seq, err := b.LastEvent(b.ctx(), system)
	b.ok(err)
	return seq
}

// events are the types of the events after a number.
func (b *bed) events(after int64) []composa.EventType {
	b.t.Helper()
	all, err := b.Events(b.ctx(), system, after, 0, composa.EventFilter{})
	b.ok(err)
	var types []composa.EventType
	for _, e := range all {
		types = append(types, e.Type)
	}
	return types
}

// addFabric adds a fabric with n devices, cpu0, gpu0, gpu1, …, all seen free.
func (b *bed) addFabric(name composa.FabricName, n int) []composa.Device {
	b.t.Helper()
	b.ok(b.PutFabric(b.ctx(), system, composa.Fabric{Name: name, Driver: "memory", URL: "memory:", Source: "config", Access: composa.AccessManage}))
	p := &composa.Picture{Fabric: name, Began: b.clock.now(), Complete: true, Abilities: &composa.Abilities{Driver: "memory", Make: composa.MakeEmpty}}
	o := composa.Observation{Fabric: name, Picture: p}
	var devices []composa.Device
	for i := range n {
		d := composa.Device{
			ID: composa.DeviceID(composa.NewID(composa.PrefixDevice)), Fabric: name, Name: fmt.Sprintf("gpu%d", i-1), Kind: composa.KindGPU,
			Fingerprint: composa.Fingerprint{Serial: fmt.Sprintf("%s-S%04d", name, i)}, Facts: composa.Facts{Vendor: "NVIDIA", Model: "A100", Memory: 40 << 30},
			Health: composa.HealthOK, Hygiene: composa.HygieneClean,
		}
		if i == 0 {
			d.Kind, d.Name, d.Facts = composa.KindCPU, "cpu0", composa.Facts{Cores: 32, IPMI: "192.0.2.12"}
		}
		devices = append(devices, d)
		o.Parts = append(o.Parts, composa.PartChange{Device: d, New: true})
		p.Devices = append(p.Devices, seenOf(d))
	}
	p.Ended = b.clock.now()
	b.ok(b.Record(b.ctx(), system, o))
	return devices
}

func seenOf(d composa.Device) composa.SeenDevice {
	return composa.SeenDevice{
		Name: d.Name, Kind: d.Kind, Fingerprint: d.Fingerprint, Facts: d.Facts, Health: d.Health, Spot: composa.Spot{Area: composa.AreaFree},
	}
}

// compose is the acceptance of a new machine with devices.
func (b *bed) compose(name string, devices ...composa.Device) Acceptance {
	id := composa.MachineID(composa.NewID(composa.PrefixMachine))
	op := composa.OperationID(composa.NewID(composa.PrefixOperation))
	spec := composa.Spec{Name: name, Labels: map[string]string{"team": "vision"}, Power: composa.PowerWishOn}
	m := composa.Machine{ID: id, Project: b.project, Name: name, Label: composa.MachineLabel(name, id), Spec: spec, SpecRevision: 1}
	goal := composa.Goal{Machine: m.Ref(), Exists: true, Spec: spec, SpecRevision: 1}
	a := Acceptance{NewMachine: &m}
	for _, d := range devices {
		m.Fabric = d.Fabric
		goal.Devices = append(goal.Devices, composa.Bound{Device: d.Ref(), Entry: string(d.Kind)})
		a.Claims = append(a.Claims, composa.Claim{
			ID: composa.ClaimID(composa.NewID(composa.PrefixClaim)), Device: d.ID, Machine: id, Purpose: composa.PurposeMachine, Entry: string(d.Kind),
		})
	}
	step := composa.Step{Act: composa.ActMake, Fabric: m.Fabric, Machine: m.Ref(), Lock: composa.LockEdit}
	a.Operation = composa.Operation{
		ID: op, Project: b.project, Verb: composa.VerbCompose, Message: "for the lecture", Phase: composa.PhaseRunning, Direction: composa.Forward,
		Machines: []composa.MachineID{id}, Fabric: m.Fabric, Request: []byte(`{"gpu":1}`),
		Prior:  composa.Target{Fabric: m.Fabric, Goals: []composa.Goal{{Machine: m.Ref()}}},
		Target: composa.Target{Fabric: m.Fabric, Goals: []composa.Goal{goal}},
		Steps:  []composa.StepRecord{{Generation: 1, Ordinal: 1, Direction: composa.Forward, Step: step, State: composa.StepPlanned}},
	}
	return a
}

func (b *bed) accept(a Acceptance) *composa.Operation {
	b.t.Helper()
	op, err := b.Accept(b.ctx(), b.admin, a)
	b.ok(err)
	b.asStored(op)
	return op
}

func (b *bed) advance(a composa.Advance) *composa.Operation {
	b.t.Helper()
	op, err := b.Advance(b.ctx(), system, a)
	b.ok(err)
	b.asStored(op)
	return op
}

// asStored fails unless an operation that a write returned is the one that is
// read again. Benchmarks do not ask.
func (b *bed) asStored(op *composa.Operation) {
	b.t.Helper()
	if _, measured := b.t.(*testing.B); measured {
		return
	}
	read, err := b.empty().Operation(b.ctx(), system, op.ID)
	b.ok(err)
	if diff := cmp.Diff(read, op, cmpopts.EquateEmpty()); diff != "" {
		b.t.Fatalf("the operation that was returned is not the one in the tables (-tables +returned):\n%s", diff)
	}
}

// empty is a store on the same tables that keeps nothing in memory yet.
func (b *bed) empty() *Store {
	s := &Store{engine: b.engine, options: b.options, clock: b.clock.now}
	s.decoded.pictures, s.changes.since = map[composa.FabricName]*observed{}, map[int64]change{}
	s.kept.reading = make(chan struct{}, 1)
	return s
}

// made ends the compose operation op: its machine is made.
func (b *bed) made(op *composa.Operation, native string) *composa.Operation {
	b.t.Helper()
	return b.advance(composa.Advance{
		Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseDone, Direction: composa.Forward,
		Machines: []composa.MachineChange{{Machine: op.Machines[0], Native: native, Made: true, Idle: true}},
	})
}

// ready is a made machine with devices.
func (b *bed) ready(name string, devices ...composa.Device) *composa.Machine {
	b.t.Helper()
	op := b.made(b.accept(b.compose(name, devices...)), "native-"+name)
	m, err := b.MachineByID(b.ctx(), system, op.Machines[0])
	b.ok(err)
	return m
}

// cmpIgnoreIndex compares sites without their look-ups.
var cmpIgnoreIndex = cmpopts.IgnoreUnexported(composa.Site{})

// forget drops all that the store keeps in memory, as a restart does.
func (b *bed) forget() {
	b.decoded.guard.Lock()
	defer b.decoded.guard.Unlock()
	clear(b.decoded.pictures)
	clear(b.decoded.operations)
	b.kept.site.Store(nil)
}
