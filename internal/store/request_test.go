package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/composa-dev/composa"
)

// keyed is the admin with a key.
func (b *bed) keyed(key string) composa.Who {
	who := b.admin
	who.Key = &composa.RequestKey{Key: key, Hash: []byte("hash of " + key)}
	return who
}

func (b *bed) request(key string) *composa.KeptRequest {
	b.t.Helper()
	kept, err := b.Request(b.ctx(), b.keyed(key))
	b.ok(err)
	return kept
}

// keys counts the rows.
func (b *bed) keys() int {
	b.t.Helper()
	var n int
	b.ok(b.read(b.ctx(), system, "count", func(t *tx) error {
		_, err := t.get([]any{&n}, `SELECT count(*) FROM request`)
		return err
	}))
	return n
}

// The key is of the transaction of the change: both are there, also after a
// restart, or neither.
func TestAKeyIsKeptWithItsChange(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		if b.request("k1") != nil {
			t.Fatal("a key is kept that nobody gave")
		}
		a := b.compose("train", devices[0], devices[1])
		op, err := b.Accept(b.ctx(), b.keyed("k1"), a)
		b.ok(err)
		b.reopen()
		kept := b.request("k1")
		if kept == nil || kept.Operation() != op.ID || !kept.Made || string(kept.Hash) != "hash of k1" || !kept.At.Equal(op.CreatedAt) {
			t.Fatalf("kept %+v, want operation %s of %v", kept, op.ID, op.CreatedAt)
		}
		other := b.admin
		other.Principal.ID, other.Key = "user_other", b.keyed("k1").Key
		if kept, err := b.Request(b.ctx(), other); err != nil || kept != nil {
			t.Errorf("another principal finds %+v, %v", kept, err)
		}
		// The same key again does nothing.
		before := b.lastEvent()
		_, err = b.Accept(b.ctx(), b.keyed("k1"), b.compose("render", devices[2]))
		b.code(err, composa.CodeExists)
		// What fails keeps no key.
		_, err = b.Accept(b.ctx(), b.keyed("k2"), b.compose("render", devices[1]))
		b.code(err, composa.CodeMoved)
		if b.request("k2") != nil || b.lastEvent() != before {
			t.Error("a change that failed left its key, or was told")
		}
		b.accept(b.compose("render", devices[2]))
	})
}

// poolID is the id of a pool; empty for none.
func poolID(p *composa.PoolChange) string {
	if p == nil {
		return ""
	}
	return string(p.ID)
}

// Each way to change something keeps the key with what came of it.
func TestEveryChangeKeepsItsKey(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 4)
		op := b.accept(b.compose("train", devices[0]))
		plan := composa.Plan{ID: "plan_a", Project: b.project, Verb: composa.VerbFree, ExpiresAt: b.clock.now().Add(time.Hour)}
		for _, tt := range []struct {
			name   string
			change func(composa.Who) (string, error)
		}{
			{"nothing", func(who composa.Who) (string, error) { return "mach_a", b.KeepRequest(b.ctx(), who, "mach_a") }},
			{"cancel", func(who composa.Who) (string, error) {
				_, err := b.RequestCancel(b.ctx(), who, op.ID)
				return string(op.ID), err
			}},
			{"plan", func(who composa.Who) (string, error) { return "plan_a", b.SavePlan(b.ctx(), who, plan) }},
			{"device", func(who composa.Who) (string, error) {
				_, err := b.SetDevice(b.ctx(), who, devices[1].ID, 0, composa.DeviceUpdate{Cordon: new("bad fan")})
				return string(devices[1].ID), err
			}},
			{"pool", func(who composa.Who) (string, error) {
				p, err := b.CreatePool(b.ctx(), who, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: "vision"}, devices[1].ID)
				return poolID(p), err
			}},
			{"add", func(who composa.Who) (string, error) {
				p, err := b.AddToPool(b.ctx(), who, composa.PoolTerms{}, b.project, "vision", []composa.DeviceID{devices[2].ID})
				return poolID(p), err
			}},
			{"remove", func(who composa.Who) (string, error) {
				p, err := b.RemoveFromPool(b.ctx(), who, composa.PoolTerms{}, b.project, "vision", []composa.DeviceID{devices[1].ID, devices[2].ID})
				return poolID(p), err
			}},
			{"delete", func(who composa.Who) (string, error) {
				p, err := b.DeletePool(b.ctx(), who, composa.PoolTerms{}, b.project, "vision")
				return poolID(p), err
			}},
		} {
			id, err := tt.change(b.keyed(tt.name))
			b.ok(err)
			if kept := b.request(tt.name); kept == nil || kept.Result != id {
				t.Errorf("%s: kept %+v, want %q", tt.name, kept, id)
			}
			before := b.lastEvent()
			if id, err := tt.change(b.keyed(tt.name)); composa.CodeOf(err) != composa.CodeExists {
				t.Errorf("%s again: %s, %v", tt.name, id, err)
			}
			if b.lastEvent() != before {
				t.Errorf("%s again was told", tt.name)
			}
		}
	})
}

// Of many transactions with one key at once, in two servers, one is done.
func TestOfManyWithOneKeyOneIsDone(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 9)
		second := b.Store
		if b.engine.name == "postgres" {
			var err error
			second, err = Open(b.ctx(), Options{URL: b.url, Clock: b.clock.now})
			b.ok(err)
			defer second.Close()
		}
		errs := make([]error, 8)
		var all sync.WaitGroup
		for i := range errs {
			a, s := b.compose(fmt.Sprint("m", i), devices[i+1]), []*Store{b.Store, second}[i%2]
			all.Go(func() { _, errs[i] = s.Accept(b.ctx(), b.keyed("k1"), a) })
		}
		all.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
				continue
			}
			b.code(err, composa.CodeExists)
		}
		if site := b.site(); done != 1 || len(site.Machines) != 1 || len(site.Operations) != 1 || len(site.Claims) != 1 {
			t.Errorf("%d done, %d machines, %d operations, %d claims; want 1 of each", done, len(site.Machines), len(site.Operations), len(site.Claims))
		}
	})
}

func TestKeysGoAfterADay(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.ok(b.KeepRequest(b.ctx(), b.keyed("k1"), "mach_a"))
		b.clock.looks.Add(int64(composa.KeyLife/time.Millisecond) - 100)
		if b.request("k1") == nil {
			t.Error("the key went too early")
		}
		b.clock.looks.Add(200)
		if kept := b.request("k1"); kept != nil {
			t.Errorf("the key is kept after a day: %+v", kept)
		}
		b.ok(b.KeepRequest(b.ctx(), b.keyed("k1"), "mach_b")) // for another request now
		if kept := b.request("k1"); kept == nil || kept.Result != "mach_b" {
			t.Errorf("kept %+v, want mach_b", kept)
		}
		b.ok(b.KeepRequest(b.ctx(), b.keyed("k2"), "mach_c"))
		b.clock.looks.Add(int64(composa.KeyLife / time.Millisecond))
		b.ok(b.KeepRequest(b.ctx(), b.keyed("k3"), "mach_d"))
		if n := b.keys(); n != 1 {
			t.Errorf("%d rows are left, want the newest one", n)
		}
	})
}

// One past the limit the oldest go; those of others stay.
func TestOnlySoManyKeysOfOnePrincipalAreKept(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.ok(b.KeepRequest(b.ctx(), b.keyed("first"), "mach_a"))
		b.ok(b.write(b.ctx(), system, "fill", func(t *tx) error {
			var rows [][]any
			for i := range composa.MaxKeys {
				rows = append(rows, []any{string(b.admin.Principal.ID), fmt.Sprint("key-", i), []byte{1}, "", micros(t.now.Add(time.Duration(i) * time.Microsecond))})
			}
			if err := t.insert("request", "principal, key, body_hash, result, at", "", rows, nil); err != nil {
				return err
			}
			_, err := t.exec(`INSERT INTO request (principal, key, body_hash, result, at) VALUES ('user_other', 'old', $1, '', $2)`, []byte{1}, micros(t.now.Add(-time.Hour)))
			return err
		}))
		b.clock.looks.Add(int64(sweepEvery / time.Millisecond))
		b.ok(b.KeepRequest(b.ctx(), b.keyed("last"), "mach_b"))
		if n := b.keys(); n != composa.MaxKeys+1 {
			t.Errorf("%d keys are kept, want %d and that of somebody else", n, composa.MaxKeys)
		}
		if b.request("first") != nil || b.request("key-0") != nil || b.request("key-1") == nil || b.request("last") == nil {
			t.Error("not the oldest went")
		}
	})
}

// Whoever sends most keys, each principal is held to its most.
func TestKeysOfTwoThatTakeTurnsAreBothHeldToTheMost(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		second := b.admin
		second.Principal.ID = "user_second"
		both := []composa.Who{b.admin, second}
		b.ok(b.write(b.ctx(), system, "fill", func(t *tx) error {
			var rows [][]any
			for _, who := range both {
				for i := range composa.MaxKeys {
					rows = append(rows, []any{string(who.Principal.ID), fmt.Sprint("old-", i), []byte{1}, "", micros(t.now.Add(time.Duration(i-composa.MaxKeys) * time.Microsecond))})
				}
			}
			return t.insert("request", "principal, key, body_hash, result, at", "", rows, nil)
		}))
		for i := range 2 * (sweepAfter + 5) {
			who := both[i%2]
			who.Key = &composa.RequestKey{Key: fmt.Sprint("new-", i), Hash: []byte{1}}
			b.ok(b.KeepRequest(b.ctx(), who, "mach_a"))
		}
		for _, who := range both {
			var n int
			b.ok(b.read(b.ctx(), system, "count", func(t *tx) error {
				_, err := t.get([]any{&n}, `SELECT count(*) FROM request WHERE principal = $1`, string(who.Principal.ID))
				return err
			}))
			if n > composa.MaxKeys+sweepAfter {
				t.Errorf("%s has %d keys, %d are the most", who.Principal.ID, n, composa.MaxKeys+sweepAfter)
			}
		}
	})
}

// A count that came to nothing is made with the next key.
func TestASweepThatWasRolledBackIsDue(t *testing.T) {
	var s sweeps
	now := epoch.Add(time.Hour)
	for range 2 {
		if !s.due("user_a", now) {
			t.Error("what was not done is not due")
		}
	}
	s.done("user_a", now)
	if s.due("user_a", now) {
		t.Error("what was done is due")
	}
	if !s.due("user_b", now) {
		t.Error("what was done of another is not due")
	}
	for i := range maxSwept {
		s.due(composa.PrincipalID(fmt.Sprint("user_", i)), now)
	}
	if len(s.of) > maxSwept || !s.due("user_a", now) {
		t.Errorf("%d principals are known, and one that is not is not due", len(s.of))
	}
}

// Of the plans of one principal that nobody carried out the newest are kept.
func TestPlansOfOnePrincipalHaveAMost(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 2)
		save := func(who composa.Who, id composa.PlanID) {
			b.ok(b.SavePlan(b.ctx(), who, composa.Plan{ID: id, Project: b.project, Verb: composa.VerbCompose, Machine: "train", ExpiresAt: b.clock.now().Add(composa.PlanLife)}))
		}
		other := b.admin
		other.Principal.ID = "user_other"
		save(other, "plan_other")
		save(b.admin, "plan_done")
		a := b.compose("train", devices[0])
		a.Plan = "plan_done"
		b.accept(a)
		save(b.admin, "plan_first")
		save(b.admin, "plan_second")
		b.ok(b.write(b.ctx(), system, "fill", func(t *tx) error {
			_, err := t.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
				INSERT INTO plan (id, project, principal, verb, scope, base, target, steps, needs_owner, created_at, expires_at)
				SELECT 'plan_' || i, p.project, p.principal, p.verb, p.scope, p.base, p.target, p.steps, p.needs_owner, p.created_at + i, p.expires_at
				FROM n, plan p WHERE p.id = 'plan_second'`, composa.MaxPlans-2)
			return err
		}))
		there := func(id composa.PlanID) bool {
			who := b.admin
			if id == "plan_other" {
				who = other
			}
			_, err := b.Plan(b.ctx(), who, id)
			if err != nil {
				b.code(err, composa.CodeNotFound)
			}
			return err == nil
		}
		if !there("plan_first") {
			t.Fatal("a plan went before there were too many")
		}
		save(b.admin, "plan_last")
		for id, want := range map[composa.PlanID]bool{"plan_first": false, "plan_second": true, "plan_1": true, "plan_last": true, "plan_done": true, "plan_other": true} {
			if there(id) != want {
				t.Errorf("%s is kept: %v, want %v", id, !want, want)
			}
		}
	})
}

// A plan that expired while it was decided is not carried out.
func TestAPlanThatExpiresIsNotCarriedOut(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 1)
		b.ok(b.SavePlan(b.ctx(), b.admin, composa.Plan{ID: "plan_a", Project: b.project, Verb: composa.VerbCompose, Machine: "train", ExpiresAt: b.clock.now().Add(time.Hour)}))
		a := b.compose("train", devices[0])
		a.Plan = "plan_a"
		b.clock.looks.Add(int64(time.Hour / time.Millisecond))
		_, err := b.Accept(b.ctx(), b.admin, a)
		b.code(err, composa.CodeMoved)
		if site := b.site(); len(site.Machines)+len(site.Operations) != 0 {
			t.Error("it was carried out")
		}
	})
}

func TestCheckKey(t *testing.T) {
	long := make([]byte, composa.MaxKey+1)
	for i := range long {
		long[i] = 'k'
	}
	for key, ok := range map[string]bool{
		"k": true, "!~": true, string(long[1:]): true, "": false, string(long): false, "my key": false, "tab\t": false, "schlüssel": false, "\x7f": false,
	} {
		if err := composa.CheckKey(key); (err == nil) != ok {
			t.Errorf("%.20q: %v", key, err)
		}
	}
}

// A plan that expired is told so; one that was carried out stays for a day.
func TestAPlanThatExpiredIsToldSo(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 2)
		save := func(id composa.PlanID) {
			b.ok(b.SavePlan(b.ctx(), b.admin, composa.Plan{ID: id, Project: b.project, Verb: composa.VerbCompose, Machine: "train", Request: []byte(`{"gpu":1}`), ExpiresAt: b.clock.now().Add(time.Hour)}))
		}
		save("plan_a")
		save("plan_b")
		a := b.compose("train", devices[0])
		a.Plan = "plan_a"
		op := b.accept(a)
		twice := b.compose("render", devices[1])
		twice.Plan = "plan_a"
		_, err := b.Accept(b.ctx(), b.admin, twice)
		b.code(err, composa.CodeMoved)
		b.reopen()
		b.clock.looks.Add(int64(time.Hour / time.Millisecond))
		p, err := b.Plan(b.ctx(), b.admin, "plan_a")
		b.ok(err)
		if p.Operation != op.ID || p.Machine != "train" || string(p.Request) != `{"gpu":1}` || p.Base.Incarnation == "" {
			t.Errorf("plan = %+v", p)
		}
		_, err = b.Plan(b.ctx(), b.admin, "plan_b")
		b.code(err, composa.CodeNotFound)
		if want := "it expired at 2026-"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		b.clock.looks.Add(int64(24 * time.Hour / time.Millisecond))
		save("plan_c")
		_, err = b.Plan(b.ctx(), b.admin, "plan_a")
		b.code(err, composa.CodeNotFound)
	})
}
