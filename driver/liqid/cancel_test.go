package liqid

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// A commit whose answer was lost, on a director that does not list what is under
// way: its session is cancelled, which the director refuses for as long as it is
// at work. It is asked less and less often, and what it did is known soon after
// its end.
func TestADirectorAtWorkIsAskedToCancelLessAndLessOften(t *testing.T) {
	for _, tt := range []struct {
		works time.Duration
		asked int // at most
	}{{20 * time.Millisecond, 3}, {200 * time.Millisecond, 7}, {700 * time.Millisecond, 17}, {2 * time.Second, 28}, {8 * time.Second, 42}} {
		for _, queue := range emulator.HabitValues("queue") {
			t.Run(tt.works.String()+" "+queue, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRecorder(t, "2.5", func(c *emulator.Config) {
						c.Habits.Commit, c.Habits.Pending, c.Habits.Queue = "early", "silent", queue
						c.CommitLatency = emulator.Latency{Min: tt.works, Max: tt.works}
					})
					l := &counted{t: t, rec: r, f: newConversation(t, r).fabric, ref: composa.MachineRef{ID: "mach_k3v9q2xw00000000", Name: "train", Label: "traink3v9q2xw"}}
					l.observe()
					fault, err := emulator.ParseFault("* POST pool/done drop-after")
					if err != nil {
						t.Fatal(err)
					}
					if err := r.director.SetFaults(fault); err != nil {
						t.Fatal(err)
					}
					enter := l.step(composa.ActEnter)
					enter.Attach = l.parts
					before := r.director.CallCount()
					l.apply(enter, 0)
					calls := r.director.Calls(before)
					at := slices.IndexFunc(calls, func(c emulator.Call) bool { return c.Path == "pool/done" })
					asked := 0
					for _, c := range calls[at:] {
						if strings.HasSuffix(c.Path, "/cancel") {
							asked++
						}
					}
					later := time.Since(calls[at].Time) - tt.works
					// The looks after its end take some calls of a millisecond each.
					most := max(tt.works/10, 50*time.Millisecond) + 20*time.Millisecond
					if asked == 0 || asked > tt.asked || later < 0 || later > most {
						t.Errorf("it was asked to cancel %d times (want at most %d), and known %s after its end (want at most %s)", asked, tt.asked, later, most)
					}
				})
			})
		}
	}
}
