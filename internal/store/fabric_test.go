package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

func TestFabricsFromTheConfiguration(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.addFabric("rack1", 1)
		b.addFabric("rack2", 1)
		at := b.lastEvent()
		fabric := *b.site().Fabric("rack1")
		b.ok(b.PutFabric(b.ctx(), system, fabric)) // the same again
		for n := range int64(2) {
			tenures, absent, err := b.TakeFabrics(b.ctx(), system, []composa.Fabric{fabric}, "server")
			b.ok(err)
			if !slices.Equal(absent, []composa.FabricName{"rack2"}) {
				t.Fatalf("not configured: %v", absent)
			}
			if diff := cmp.Diff(map[composa.FabricName]int64{"rack1": n + 1, "rack2": n + 1}, tenures); diff != "" {
				t.Errorf("tenures (-want +got):\n%s", diff)
			}
		}
		if got := b.site().Fabric("rack2").Reach; !got.Silent() || got.Reason != notConfigured {
			t.Errorf("reach of a fabric that was taken out = %+v", got)
		}
		b.ok(b.PutFabric(b.ctx(), system, composa.Fabric{Name: "rack2", Driver: "liqid", URL: "http://192.0.2.1", Source: "config", Access: composa.AccessObserve, Keep: true, Every: time.Second}))
		got := *b.site().Fabric("rack2")
		if got.Driver != "liqid" || got.Access != composa.AccessObserve || !got.Keep || got.Every != time.Second || got.Abilities == nil || got.Reach.Reason != notSeenYet {
			t.Errorf("rack2 = %+v", got)
		}
		if diff := cmp.Diff([]composa.EventType{"fabric.silent", "fabric.changed"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		b.code(b.PutFabric(b.ctx(), system, composa.Fabric{Name: "Rack 3"}), composa.CodeInvalid)
	})
}

// A server takes all its fabrics in one change. Where one of them cannot be
// taken it says which, and has written none.
func TestFabricsAreTakenTogether(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		var configured []composa.Fabric
		want := map[composa.FabricName]int64{}
		for i := range 16 {
			name := composa.FabricName(fmt.Sprintf("rack%d", i))
			configured = append(configured, composa.Fabric{Name: name, Driver: "memory", Source: "config", Access: composa.AccessManage})
			want[name] = 1
		}
		before, err := b.Version(b.ctx())
		b.ok(err)
		tenures, absent, err := b.TakeFabrics(b.ctx(), system, configured, "server")
		b.ok(err)
		if diff := cmp.Diff(want, tenures); diff != "" || len(absent) > 0 {
			t.Errorf("not configured %v, tenures (-want +got):\n%s", absent, diff)
		}
		after, err := b.Version(b.ctx())
		b.ok(err)
		if after != before+1 {
			t.Errorf("16 fabrics are %d changes, want 1", after-before)
		}

		_, err = b.engine.write.ExecContext(b.ctx(), `UPDATE fabric SET deleted_at = 1 WHERE name = 'rack7'`)
		b.ok(err)
		_, _, err = b.TakeFabrics(b.ctx(), system, append(configured, composa.Fabric{Name: "Rack 16"}), "server")
		b.code(err, composa.CodeInvalid)
		_, _, err = b.TakeFabrics(b.ctx(), system, configured, "server")
		if b.code(err, composa.CodeNotFound); !strings.Contains(err.Error(), "rack7") {
			t.Errorf("it does not say which: %v", err)
		}
		if now, err := b.Version(b.ctx()); err != nil || now != after {
			t.Errorf("what failed is %d changes, %v", now-after, err)
		}
		again, absent, err := b.TakeFabrics(b.ctx(), system, configured[:7], "server")
		b.ok(err)
		if len(absent) != 8 {
			t.Errorf("not configured: %v", absent)
		}
		if again["rack3"] != 2 || again["rack8"] != 2 || len(again) != 15 {
			t.Errorf("the next tenures are %v, want 2", again)
		}
	})
}
