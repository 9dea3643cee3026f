package replay

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/driver/liqid"
	emulator "github.com/composa-dev/composa/emulator/liqid"
	"github.com/composa-dev/composa/internal/measure"
)

// unequal are racks by how many compute nodes they have. A hundred machines fit,
// and the small ones are full then.
var unequal = []int{4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 7, 7, 8, 6, 9, 20}

// crowded is what each of many callers wants.
var crowded = map[string]int{"compute": 1, "gpu": 2, "storage": 1}

func racks(nodes []int, call, commit emulator.Latency) []emulator.Config {
	var out []emulator.Config
	for i, n := range nodes {
		out = append(out, emulator.Config{
			API: emulator.Eras()[i%3], Seed: uint64(i + 1), CallLatency: call, CommitLatency: commit, // 3.4 differs in how commits are answered
			Counts: emulator.Counts{CPUs: n, GPUs: 2 * n, SSDs: n},
		})
	}
	return out
}

// crowd composes n machines at once over REST, and says how long that took until
// the last was made.
func (s *site) crowd(ctx context.Context, n int) (time.Duration, []*api.Machine) {
	s.tb.Helper()
	machines, errs := make([]*api.Machine, n), make([]error, n)
	var all sync.WaitGroup
	began := time.Now()
	for i := range n {
		all.Go(func() { machines[i], errs[i] = s.compose(ctx, fmt.Sprintf("m%d", i), wish(crowded)) })
	}
	all.Wait()
	took := time.Since(began)
	for i, err := range errs {
		if err != nil {
			s.tb.Errorf("caller %d of %d was not served: %v", i+1, n, err)
		}
	}
	if s.tb.Failed() {
		s.tb.FailNow()
	}
	return took, machines
}

// once fails where a device is in two machines, or where a machine is not what
// its director has; it returns how many machines each director got.
func (s *site) once(machines []*api.Machine) []int {
	s.tb.Helper()
	got := make([]int, len(s.directors))
	has := map[string][]string{} // by rack and label
	for i, d := range s.directors {
		rack := fmt.Sprintf("rack%d", i+1)
		in := map[string]string{}
		for _, m := range d.Snapshot().Machines {
			got[i]++
			has[rack+"/"+m.Name] = slices.Sorted(slices.Values(m.Devices))
			for _, name := range m.Devices {
				if in[name] != "" {
					s.tb.Errorf("%s/%s is in %s and in %s", rack, name, in[name], m.Name)
				}
				in[name] = m.Name
			}
		}
		wellBehaved(s.tb, d)
	}
	for _, m := range machines {
		var names []string
		for _, d := range m.Devices {
			names = append(names, d.Place[len(m.Fabric)+1:])
		}
		slices.Sort(names)
		if on := has[m.Fabric+"/"+m.Label]; !slices.Equal(on, names) {
			s.tb.Errorf("%s in %s is of %v by record, and of %v by its director", m.Name, m.Fabric, names, on)
		}
	}
	if len(has) != len(machines) {
		s.tb.Errorf("%d machines by record, %d by their directors", len(machines), len(has))
	}
	return got
}

// A crowd of callers with the same wish at once is served, all that fit, and no
// device is given twice; the next one is told what is missing.
func TestCrowd(t *testing.T) {
	nodes := []int{2, 3, 5, 7}
	if prove {
		nodes = unequal
	}
	fits := 0
	for _, n := range nodes {
		fits += n
	}
	s := open(t, liqid.Limits{PerSecond: 1e6}, racks(nodes, emulator.Latency{}, emulator.Latency{Min: time.Millisecond, Max: 5 * time.Millisecond})...)
	_, machines := s.crowd(t.Context(), fits)
	if got := s.once(machines); !slices.Equal(got, nodes) {
		t.Errorf("the racks got %v machines, want %v", got, nodes)
	}
	if m, err := s.compose(t.Context(), "more", wish(crowded)); err == nil {
		t.Errorf("%s was made of nothing: %+v", m.Name, m)
	}
}

// BenchmarkHundred is a hundred machines at once over sixteen racks of unequal
// size, against what their directors need for just these machines by themselves.
// What they need is measured between two crowds and serves both, where both had
// the same machines made in each rack: so no pair is of runs that are far apart,
// and the benchmark takes a quarter less.
func BenchmarkHundred(b *testing.B) {
	ctx := b.Context()
	var busiest, share []float64
	var took []time.Duration
	for b.Loop() {
		busiest, share, took = nil, nil, nil
		var most, all time.Duration
		var of []int
		for i := range measure.Least {
			ours, got := hundred(ctx, b)
			if i%2 == 0 || !slices.Equal(got, of) {
				most, all = byThemselves(ctx, b, got)
				of = got
			}
			took = append(took, ours)
			busiest = append(busiest, float64(ours)/float64(most))
			share = append(share, float64(ours)/(float64(all)/float64(len(unequal))))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(measure.Median(took)), "hundred-ms")
	measure.AtMost(b, measure.Median(busiest), 1.1, "of-busiest-ratio")
	measure.AtMost(b, measure.Median(share), 1.25, "of-share-ratio")
}

// scope runs f with a benchmark's clean-up of its own, which is over when it
// returns.
type scope struct {
	testing.TB
	after []func()
}

func run(b *testing.B, f func(testing.TB)) {
	b.Helper()
	s := &scope{TB: b}
	defer func() {
		for _, f := range slices.Backward(s.after) {
			f()
		}
	}()
	f(s)
}

// Cleanup has f called at the end of the scope.
func (s *scope) Cleanup(f func()) { s.after = append(s.after, f) }

// hundred composes on a fresh site and says how many machines each rack got.
func hundred(ctx context.Context, b *testing.B) (took time.Duration, got []int) {
	run(b, func(tb testing.TB) {
		s := open(tb, liqid.Limits{}, racks(unequal, callTakes, commitTakes)...)
		var machines []*api.Machine
		took, machines = s.crowd(ctx, 100)
		got = s.once(machines)
	})
	return took, got
}

// byThemselves is how long the busiest director needs, and all of them together,
// for as many machines as each got, made one after the other by bare calls.
func byThemselves(ctx context.Context, b *testing.B, got []int) (most, all time.Duration) {
	run(b, func(tb testing.TB) {
		took, errs := make([]time.Duration, len(got)), make([]error, len(got))
		var work sync.WaitGroup
		for i, c := range racks(unequal, callTakes, commitTakes) {
			c.Name = fmt.Sprintf("rack%d", i+1)
			_, url := direct(tb, c)
			theirs, err := newBare(ctx, url, c)
			if err != nil {
				tb.Fatal(err)
			}
			work.Go(func() {
				began := time.Now()
				for n := range got[i] {
					if _, err := theirs.compose(ctx, fmt.Sprintf("m%d", n), maps.Clone(crowded)); err != nil {
						errs[i] = err
					}
				}
				took[i] = time.Since(began)
			})
		}
		work.Wait()
		for i, t := range took {
			if errs[i] != nil {
				tb.Fatal(errs[i])
			}
			most, all = max(most, t), all+t
		}
	})
	return most, all
}
