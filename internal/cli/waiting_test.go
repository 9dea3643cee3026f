package cli

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What is waited for is told after a second and then every ten; nothing is told
// of what is there at once, or where nobody wants to know.
func TestWaitingIsTold(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags globalFlags
		takes time.Duration
		want  string
	}{
		{"at once", globalFlags{}, 900 * time.Millisecond, ""},
		{"a little", globalFlags{}, 5 * time.Second, "asking rack1: 1 s so far\n"},
		{"long", globalFlags{}, 22 * time.Second, "asking rack1: 1 s so far\nasking rack1: 11 s so far\nasking rack1: 21 s so far\n"},
		{"quiet", globalFlags{quiet: true}, time.Minute, ""},
		{"no progress", globalFlags{progress: "none"}, time.Minute, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				a := &app{err: &out, flags: tt.flags}
				stop := a.waiting("asking rack1")
				time.Sleep(tt.takes)
				stop()
				if out.String() != tt.want {
					t.Errorf("told %q, want %q", out.String(), tt.want)
				}
			})
		})
	}
}
