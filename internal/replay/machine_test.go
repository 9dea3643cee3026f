package replay

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/driver/liqid"
	emulator "github.com/composa-dev/composa/emulator/liqid"
	"github.com/composa-dev/composa/internal/measure"
)

// patience bounds every wait; it is far more than any needs.
const patience = 2 * time.Minute

// prove is set where everything is measured, however long it takes.
var prove = os.Getenv("COMPOSA_PROVE") != ""

// What directors take: a call, and a commit.
var (
	callTakes   = emulator.Latency{Min: 5 * time.Millisecond}
	commitTakes = emulator.Latency{Min: 200 * time.Millisecond, Max: 400 * time.Millisecond}
)

// sizes are machines by how many devices they have.
var sizes = map[int]map[string]int{
	3:  {"compute": 1, "gpu": 1, "storage": 1},
	7:  {"compute": 1, "gpu": 3, "storage": 2, "network": 1},
	17: {"compute": 1, "gpu": 8, "storage": 6, "network": 2},
}

// kinds are the classes of a director by our words.
var kinds = map[string]string{"compute": "cpu", "gpu": "gpu", "storage": "ssd", "network": "nic"}

func wish(size map[string]int) api.Wish {
	var w api.Wish
	for _, class := range []string{"compute", "gpu", "storage", "network"} {
		if n := size[class]; n > 0 {
			w.Devices = append(w.Devices, api.Want{Kind: kinds[class], Count: n})
		}
	}
	return w
}

// rackOf has room for one machine of any size, and some more.
func rackOf(era string, call, commit emulator.Latency) emulator.Config {
	return emulator.Config{API: era, Name: "rack1", Seed: 4, Counts: emulator.Counts{CPUs: 4, GPUs: 12, SSDs: 8, NICs: 4}, CallLatency: call, CommitLatency: commit}
}

// BenchmarkMachine is one machine made and given back over the whole server, and
// by bare calls, in turn. The director's time is the same for both.
func BenchmarkMachine(b *testing.B) {
	for _, c := range []struct {
		era, commit string
		sizes       []int
		most        float64
	}{
		{"2.4", "done", []int{7}, 1.05},
		{"2.5", "done", []int{3, 7, 17}, 1.05},
		{"3.2", "done", []int{7}, 1.05},
		{"3.4", "done", []int{7}, 1.05},
		{"3.4", "accepted", []int{3, 7, 17}, 1.10},
		{"2.5", "early", []int{7}, 1.10},
	} {
		if prove {
			c.sizes = []int{3, 7, 17}
		}
		for _, size := range c.sizes {
			b.Run(fmt.Sprintf("%s/%s/%d", c.era, c.commit, size), func(b *testing.B) {
				rack := rackOf(c.era, callTakes, commitTakes)
				rack.Habits.Commit = c.commit
				compare(b, rack, size, c.most)
			})
		}
	}
}

// compare reports what a machine of a size costs, made and freed.
func compare(b *testing.B, rack emulator.Config, size int, most float64) {
	ctx := b.Context()
	s := open(b, liqid.Limits{}, rack)
	d, url := direct(b, rack)
	theirs, err := newBare(ctx, url, rack)
	if err != nil {
		b.Fatal(err)
	}
	var freed pairs
	for b.Loop() {
		made := measure.Pairs(measure.Least,
			func() time.Duration {
				made, gone := s.cycle(ctx, size)
				freed.ours = append(freed.ours, gone)
				return made
			},
			func() time.Duration {
				made, gone := theirs.cycle(ctx, b, size)
				freed.theirs = append(freed.theirs, gone)
				return made
			})
		free := freed.compared()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ms(made.Ours), "compose-ms")
		b.ReportMetric(ms(made.Theirs), "compose-bare-ms")
		measure.AtMost(b, made.Ratio, most, "compose-ratio")
		b.ReportMetric(ms(free.Ours), "free-ms")
		b.ReportMetric(ms(free.Theirs), "free-bare-ms")
		measure.AtMost(b, free.Ratio, most, "free-ratio")
	}
	wellBehaved(b, s.directors[0])
	wellBehaved(b, d)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// pairs are runs in turn; the first pair does not count.
type pairs struct{ ours, theirs []time.Duration }

func (p *pairs) compared() measure.Compared {
	ratios := make([]float64, 0, len(p.ours))
	for i := 1; i < len(p.ours); i++ {
		ratios = append(ratios, float64(p.ours[i])/float64(p.theirs[i]))
	}
	return measure.Compared{Ours: measure.Median(p.ours[1:]), Theirs: measure.Median(p.theirs[1:]), Ratio: measure.Median(ratios)}
}

// cycle makes a machine over REST and frees it, and says how long either took.
func (s *site) cycle(ctx context.Context, size int) (made, freed time.Duration) {
	began := time.Now()
	if _, err := s.compose(ctx, "train", wish(sizes[size])); err != nil {
		s.tb.Fatal(err)
	}
	made = time.Since(began)
	began = time.Now()
	if err := s.free(ctx, "train"); err != nil {
		s.tb.Fatal(err)
	}
	return made, time.Since(began)
}

func (b *bare) cycle(ctx context.Context, tb testing.TB, size int) (made, freed time.Duration) {
	began := time.Now()
	id, err := b.compose(ctx, "train", maps.Clone(sizes[size]))
	if err != nil {
		tb.Fatal(err)
	}
	made = time.Since(began)
	began = time.Now()
	if err := b.free(ctx, id); err != nil {
		tb.Fatal(err)
	}
	return made, time.Since(began)
}

// wellBehaved fails where a director counted a rule that its clients broke. That
// a look asks for the details of a machine that was removed since it listed the
// machines breaks nothing.
func wellBehaved(tb testing.TB, d *emulator.Director) {
	tb.Helper()
	for _, v := range d.Violations() {
		if v.Method == http.MethodGet && strings.HasPrefix(v.Path, "machine/details/") {
			continue
		}
		tb.Errorf("broke a rule of its director: %+v", v)
	}
}

// BenchmarkOwnTime is a machine of seven devices made on a director that answers
// at once: what is left is Composa's own, and the calls that it makes.
func BenchmarkOwnTime(b *testing.B) {
	for _, era := range []string{"2.5", "3.4"} {
		b.Run(era, func(b *testing.B) {
			s := open(b, liqid.Limits{PerSecond: 1e6}, rackOf(era, emulator.Latency{}, emulator.Latency{}))
			ctx := b.Context()
			var made, freed []time.Duration
			calls, n := s.directors[0].CallCount(), 0
			for b.Loop() {
				m, f := s.cycle(ctx, 7)
				made, freed = append(made, m), append(freed, f)
				n++
			}
			b.ReportMetric(float64(s.directors[0].CallCount()-calls)/float64(n), "calls/cycle")
			b.ReportMetric(ms(measure.Median(made)), "compose-ms")
			b.ReportMetric(ms(measure.Median(freed)), "free-ms")
		})
	}
}

// Both ways come to the same: the machine is there with its devices, and then
// nothing is left of it but the group; and no rule of the director is broken.
func TestBothWaysMakeTheSame(t *testing.T) {
	for _, era := range emulator.Eras() {
		for _, commit := range emulator.HabitValues("commit") {
			t.Run(era+"/"+commit, func(t *testing.T) {
				rack := rackOf(era, emulator.Latency{}, emulator.Latency{})
				rack.Habits.Commit = commit
				d, url := direct(t, rack)
				theirs, err := newBare(t.Context(), url, rack)
				if err != nil {
					t.Fatal(err)
				}
				id, err := theirs.compose(t.Context(), "train", maps.Clone(sizes[7]))
				if err != nil {
					t.Fatal(err)
				}
				if m := d.Snapshot().Machines; len(m) != 1 || len(m[0].Devices) != 7 || m[0].Run == "off" {
					t.Errorf("the director has %+v", m)
				}
				if err := theirs.free(t.Context(), id); err != nil {
					t.Fatal(err)
				}
				left := d.Snapshot()
				if len(left.Machines) != 0 || len(left.Groups[0].Devices) != 0 || len(left.Sessions) != 0 {
					t.Errorf("the director still has %+v", left)
				}
				wellBehaved(t, d)
			})
		}
	}
	s := open(t, liqid.Limits{PerSecond: 1e6}, rackOf("2.5", emulator.Latency{}, emulator.Latency{}))
	m, err := s.compose(t.Context(), "train", wish(sizes[7]))
	if err != nil {
		t.Fatal(err)
	}
	if is := s.directors[0].Snapshot().Machines; len(is) != 1 || len(is[0].Devices) != 7 || len(m.Devices) != 7 {
		t.Errorf("%+v is %+v on its director", m, is)
	}
	if err := s.free(t.Context(), "train"); err != nil {
		t.Fatal(err)
	}
	wellBehaved(t, s.directors[0])
}
