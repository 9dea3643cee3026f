package store

import (
	"sync"
	"testing"

	"github.com/composa-dev/composa"
)

func TestPools(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 4)
		ids := []composa.DeviceID{devices[1].ID, devices[2].ID, devices[3].ID}
		p, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: "vision", Most: 2, Labels: map[string]string{"a": "b"}})
		b.ok(err)
		if p.Owner != b.admin.Principal.ID || p.ID == "" || p.Revision != 1 {
			t.Errorf("pool = %+v", p)
		}
		create := func(p composa.Pool, want composa.Code) {
			t.Helper()
			_, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, p)
			b.code(err, want)
		}
		create(composa.Pool{Project: b.project, Name: "vision"}, composa.CodeExists)
		create(composa.Pool{Project: b.project, Name: "none"}, composa.CodeInvalid)
		create(composa.Pool{Project: b.project, Name: "few", Most: -1}, composa.CodeInvalid)
		create(composa.Pool{Project: b.project, Name: "x", Labels: map[string]string{"": ""}}, composa.CodeInvalid)
		create(composa.Pool{Project: "proj_other", Name: "x"}, composa.CodeNotFound)

		add := func(name string, want composa.Code, ids ...composa.DeviceID) {
			t.Helper()
			_, err := b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, name, ids)
			b.code(err, want)
		}
		inPool := func(id composa.PoolID) (n int) {
			for _, d := range b.site().Devices {
				if d.Pool == id {
					n++
				}
			}
			return n
		}
		add("vision", composa.CodeRefused, ids...) // three are more than two, and none is added
		if n := inPool(p.ID); n != 0 {
			t.Errorf("%d devices were added by a refused call", n)
		}
		add("vision", "", ids[0], ids[1], ids[0])
		add("vision", "", ids[0])
		add("vision", composa.CodeNotFound, "dev_none")
		add("none", composa.CodeNotFound, ids[2])
		_, err = b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: "render"})
		b.ok(err)
		add("render", composa.CodeRefused, ids[2], ids[1]) // one is in another pool
		if got := b.device(ids[2]).Pool; got != "" {
			t.Errorf("a refused call put a device into %s", got)
		}
		b.code(b.deletePool("vision", 0), composa.CodeRefused)
		_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "render", []composa.DeviceID{ids[0]})
		b.code(err, composa.CodeRefused)
		_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", ids)
		b.ok(err)
		there, err := b.Site(b.ctx(), b.admin)
		b.ok(err)
		is := there.PoolNamed(b.project, "vision").Revision
		for _, other := range []int64{is - 1, is + 1} {
			b.code(b.deletePool("vision", other), composa.CodeMismatch)
		}
		b.ok(b.deletePool("vision", is))
		b.code(b.deletePool("vision", 0), composa.CodeNotFound)
		if got := b.site().Pools; len(got) != 1 || got[0].Name != "render" {
			t.Errorf("pools = %+v", got)
		}
	})
}

// Two transactions at once check one sum: the pool takes one more device, and
// each call alone would be right.
func TestTwoTransactionsCheckOneSum(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 4)
		for range count(10, 200) {
			p, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: "one", Most: 1})
			b.ok(err)
			begin := make(chan struct{})
			errs := make([]error, len(devices))
			var wg sync.WaitGroup
			for i, d := range devices {
				wg.Add(1)
				go func() {
					defer wg.Done()
					<-begin
					_, errs[i] = b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "one", []composa.DeviceID{d.ID})
				}()
			}
			close(begin)
			wg.Wait()
			passed := 0
			for _, err := range errs {
				switch composa.CodeOf(err) {
				case "":
					passed++
				case composa.CodeRefused:
				default:
					t.Fatalf("add: %v", err)
				}
			}
			held := 0
			var in []composa.DeviceID
			for _, d := range b.site().Devices {
				if d.Pool == p.ID {
					held++
					in = append(in, d.ID)
				}
			}
			if passed != 1 || held != 1 {
				t.Fatalf("%d calls passed and the pool of 1 holds %d", passed, held)
			}
			_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "one", in)
			b.ok(err)
			b.ok(b.deletePool("one", 0))
		}
	})
}
