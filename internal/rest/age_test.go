package rest_test

import (
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/rest"
)

// How old what is shown of a fabric is goes on while nothing is seen anew.
func TestTheAgeOfWhatIsShownOfAFabric(t *testing.T) {
	var ahead atomic.Int64 // nanoseconds
	ahead.Store(int64(25 * time.Second))
	w := newWorld(t, setting{wrap: func(c rest.Config) rest.Config {
		c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		return c
	}})
	for range 2 {
		var all api.Fabrics
		var one api.Fabric
		for path, into := range map[string]any{"/v1/fabrics": &all, "/v1/fabrics/rack1": &one} {
			if got := w.ask("GET", path, ""); got.status != 200 || json.Unmarshal([]byte(got.body), into) != nil {
				t.Fatalf("%s: %d %s", path, got.status, got.body)
			}
		}
		least := time.Duration(ahead.Load())
		for _, f := range append(all.Items, one) {
			if f.Seen != nil && (f.Age < least.Seconds() || f.Age > least.Seconds()+600) {
				t.Errorf("%s was seen at %s and is %v s old, want at least %s", f.Name, f.Seen, f.Age, least)
			}
		}
		if one.Seen == nil {
			t.Error("rack1 was never seen, so this shows nothing")
		}
		ahead.Add(int64(time.Hour))
	}
}
