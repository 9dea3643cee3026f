package rest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/measure"
	"github.com/composa-dev/composa/internal/rest"
)

// connections is how many callers read at the same time.
const connections = 16

// BenchmarkLists is what reading costs over TCP, with 10,000 devices in 16 racks
// that are looked at every second, as they always are, and, as "changing", with
// something changed every 100 ms besides. The ratio is to the rate of a handler
// behind the same middleware that writes the same bytes from memory.
func BenchmarkLists(b *testing.B) {
	w := newLargeWorld(b)
	page := []string{"/v1/devices"}
	whole := w.pages("/v1/devices?limit=1000")
	one := []string{"/v1/devices/rack9/gpu77"}
	bare := httptest.NewServer(w.rest.Bare(w.answers(page, whole, one)))
	b.Cleanup(bare.Close)
	for _, bm := range []struct {
		name  string
		uris  []string
		n     int // requests of a run
		least float64
		unit  string
		per   int // requests that are one of the unit
	}{
		{"page", page, 1600, 0.25, "pages/s", 1},
		{"whole", whole, 320, 0.25, "lists/s", len(whole)},
		{"one", one, 3200, 0.4, "devices/s", 1},
	} {
		for _, changing := range []bool{false, true} {
			name := bm.name
			if changing {
				name += "/changing"
			}
			b.Run(name, func(b *testing.B) {
				if changing {
					defer w.change100ms(b)()
				}
				for b.Loop() {
					var took []time.Duration
					c := measure.Pairs(measure.Least,
						func() time.Duration {
							d, each := w.load(b, w.http.URL, bm.uris, bm.n)
							took = append(took, each...)
							return d
						},
						func() time.Duration { d, _ := w.load(b, bare.URL, bm.uris, bm.n); return d })
					measure.AtLeast(b, 1/c.Ratio, bm.least, "ratio")
					b.ReportMetric(float64(bm.n)/float64(bm.per)/c.Ours.Seconds(), bm.unit)
					b.ReportMetric(float64(bm.n)/float64(bm.per)/c.Theirs.Seconds(), "bare-"+bm.unit)
					b.ReportMetric(measure.Quantile(took, 0.5).Seconds()*1e3, "p50-ms")
					b.ReportMetric(measure.Quantile(took, 0.99).Seconds()*1e3, "p99-ms")
				}
			})
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.Logf("%d MB of heap in use", m.HeapInuse>>20)
}

// newLargeWorld has 16 racks of 625 devices.
func newLargeWorld(b *testing.B) *world {
	b.Helper()
	how := setting{idle: true, store: "sqlite:" + filepath.Join(b.TempDir(), "composa.db"), counts: map[composa.Kind]int{
		composa.KindCPU: 45, composa.KindGPU: 400, composa.KindSSD: 120, composa.KindNIC: 60,
	}}
	// What is logged of reading is below the usual level.
	how.wrap = func(c rest.Config) rest.Config { c.Log = nil; return c }
	for i := range 16 {
		how.racks = append(how.racks, fmt.Sprint("rack", i+1))
	}
	return newWorld(b, how)
}

// pages are the addresses of all pages of a list.
func (w *world) pages(first string) (uris []string) {
	w.t.Helper()
	for uri := first; ; {
		uris = append(uris, uri)
		var p api.Devices
		if err := json.Unmarshal([]byte(w.ask("GET", uri, "").body), &p); err != nil {
			w.t.Fatal(err)
		}
		if p.Next == "" {
			return uris
		}
		uri = first + "&cursor=" + p.Next
	}
}

// answers are what is answered to some addresses.
func (w *world) answers(lists ...[]string) func(uri string) []byte {
	w.t.Helper()
	known := map[string][]byte{}
	for _, uris := range lists {
		for _, uri := range uris {
			known[uri] = []byte(w.ask("GET", uri, "").body)
		}
	}
	return func(uri string) []byte { return known[uri] }
}

// change100ms changes something every 100 ms until it is told to stop.
func (w *world) change100ms(b *testing.B) (stop func()) {
	site, err := w.store.Site(b.Context(), composa.System())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			text := strconv.Itoa(n)
			u := composa.DeviceUpdate{Labels: map[string]*string{"n": &text}}
			d := &site.Devices[n*977%len(site.Devices)]
			if _, err := w.store.SetDevice(ctx, w.admin, d.ID, 0, u); err != nil && ctx.Err() == nil {
				b.Error(err)
				return
			}
		}
	})
	return func() { cancel(); running.Wait() }
}

// load makes n requests in turn of the given ones, over all connections, and
// returns how long that took, and each.
func (w *world) load(b *testing.B, url string, uris []string, n int) (all time.Duration, each []time.Duration) {
	b.Helper()
	var mu sync.Mutex
	var running sync.WaitGroup
	began := time.Now()
	for i := range connections {
		running.Go(func() {
			mine, err := w.read(strings.TrimPrefix(url, "http://"), uris, i, n/connections)
			if err != nil {
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			each = append(each, mine...)
		})
	}
	running.Wait()
	return time.Since(began), each
}

// read makes n requests over one connection. It reads answers as cheaply as it
// can, so that what is measured is the server.
func (w *world) read(address string, uris []string, from, n int) (each []time.Duration, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var requests [][]byte
	for _, uri := range uris {
		requests = append(requests, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", uri, address, w.token))
	}
	in := bufio.NewReaderSize(conn, 64<<10)
	for i := range n {
		began := time.Now()
		if _, err := conn.Write(requests[(from+i)%len(requests)]); err != nil {
			return nil, err
		}
		if err := skip(in); err != nil {
			return nil, err
		}
		each = append(each, time.Since(began))
	}
	return each, nil
}

// skip reads an answer of a stated length, which must be a success.
func skip(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("the answer is %s", status)
	}
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("the answer does not say how long it is")
	}
	_, err = io.CopyN(io.Discard, in, int64(length))
	return err
}
