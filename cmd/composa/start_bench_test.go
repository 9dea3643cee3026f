package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/composa-dev/composa/emulator/liqid"
	"github.com/composa-dev/composa/internal/measure"
)

// aloneServer is `composa serve` in a process of its own, with sixteen directors
// of 625 devices each in this one.
type aloneServer struct {
	b                        *testing.B
	program, config, address string
	process                  *exec.Cmd
}

const (
	aloneRacks   = 16
	aloneDevices = 10_000
	aloneToken   = "composa_testtesttesttesttesttesttest"
)

func newAlone(b *testing.B) *aloneServer {
	dir := b.TempDir()
	s := &aloneServer{b: b, program: filepath.Join(dir, "composa"), config: filepath.Join(dir, "composa.yaml")}
	build := exec.Command("go", "build", "-o", s.program, ".")
	build.Env = append(os.Environ(), "HOME="+ownHome)
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("cannot build the program: %v\n%s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s.address = free.Addr().String()
	free.Close()
	text := fmt.Sprintf("listen: %s\ndata: %s\nfabrics:\n", s.address, filepath.Join(dir, "data"))
	for i := range aloneRacks {
		name := fmt.Sprintf("rack%d", i+1)
		d, err := liqid.New(liqid.Config{Name: name, Counts: liqid.Counts{CPUs: 40, GPUs: 300, SSDs: 250, NICs: 35}})
		if err != nil {
			b.Fatal(err)
		}
		front := httptest.NewUnstartedServer(d.Handler())
		front.Config.ConnState = d.ConnState
		front.Start()
		b.Cleanup(func() { front.Close(); d.Close() })
		text += fmt.Sprintf("  - {name: %s, driver: liqid, url: %q, access: manage}\n", name, front.URL)
	}
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Setenv("COMPOSA_BOOTSTRAP_TOKEN", aloneToken)
	b.Cleanup(s.stop)
	return s
}

// start runs the program and returns how long it took until /readyz said 200.
func (s *aloneServer) start() time.Duration {
	s.b.Helper()
	began := time.Now()
	s.process = exec.Command(s.program, "serve", "--config", s.config)
	if err := s.process.Start(); err != nil {
		s.b.Fatal(err)
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		resp, err := http.Get("http://" + s.address + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(began)
			}
		}
		if time.Since(began) > patience {
			s.b.Fatalf("the server did not get ready: %v", err)
		}
	}
	return 0
}

func (s *aloneServer) stop() {
	if s.process != nil {
		_ = s.process.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *aloneServer) get(path string, into any) {
	s.b.Helper()
	if err := s.tryGet(path, into); err != nil {
		s.b.Fatal(err)
	}
}

func (s *aloneServer) tryGet(path string, into any) error {
	req, err := http.NewRequest(http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+aloneToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// states counts the fabrics by their state.
func (s *aloneServer) states() map[string]int {
	var all struct{ Items []struct{ State string } }
	s.get("/v1/fabrics?limit=100", &all)
	out := map[string]int{}
	for _, f := range all.Items {
		out[f.State]++
	}
	return out
}

func (s *aloneServer) devices() int {
	s.b.Helper()
	n, err := s.tryDevices()
	if err != nil {
		s.b.Fatal(err)
	}
	return n
}

// tryDevices reads the list of devices, page by page, and counts them.
func (s *aloneServer) tryDevices() (n int, err error) {
	next := ""
	for {
		var page struct {
			Items []struct{ ID string }
			Next  string
		}
		if err := s.tryGet("/v1/devices?limit=1000"+next, &page); err != nil {
			return n, err
		}
		if n += len(page.Items); page.Next == "" {
			return n, nil
		}
		next = "&cursor=" + page.Next
	}
}

// memory is a figure of /proc/PID/status, in MB.
func (s *aloneServer) memory(name string) float64 {
	s.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		s.b.Skipf("there is no /proc here: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(line, name+":"); is {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			if err != nil {
				s.b.Fatal(err)
			}
			return kb / 1024
		}
	}
	s.b.Fatalf("no %s in\n%s", name, text)
	return 0
}

// cpu is the time that the server computed so far.
func (s *aloneServer) cpu() time.Duration {
	s.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Process.Pid))
	if err != nil {
		s.b.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	if errUser != nil || errSystem != nil {
		s.b.Fatalf("cannot read %s", text)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// quiet waits until the server computes next to nothing, or for half a minute.
func (s *aloneServer) quiet() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := s.cpu()
	for range 30 {
		<-tick.C
		now := s.cpu()
		if now-before < 50*time.Millisecond {
			return
		}
		before = now
	}
}

// The server by itself, started again with a store that knows ten thousand
// devices in sixteen racks: how long until it is ready, and until all of them
// were listed once; how much memory it has while sixteen connections read lists
// flat out; and what it computes in a minute when nobody asks for anything.
// Directors and readers are in this process.
func BenchmarkServerAlone(b *testing.B) {
	s := newAlone(b)
	s.start()
	for began := time.Now(); s.states()["ok"] != aloneRacks || s.devices() != aloneDevices; {
		if time.Since(began) > patience {
			b.Fatalf("the devices were never seen: %v, %d devices", s.states(), s.devices())
		}
	}
	for b.Loop() {
		var ready, listed []time.Duration
		stale := 0
		for range measure.Least {
			s.stop()
			ready = append(ready, s.start())
			began := time.Now()
			stale += s.states()["stale"]
			if n := s.devices(); n != aloneDevices {
				b.Fatalf("after a start %d devices are shown", n)
			}
			listed = append(listed, ready[len(ready)-1]+time.Since(began))
		}
		measure.AtMost(b, measure.Median(ready).Seconds(), 0.5, "s-ready")
		b.ReportMetric(measure.Median(listed).Seconds(), "s-listed")
		b.ReportMetric(float64(stale)/measure.Least, "stale-at-start")

		for s.states()["ok"] != aloneRacks { // until everything is read again
			s.get("/v1/fabrics/rack1", nil)
		}
		s.quiet()
		before, began := s.cpu(), time.Now()
		idle, cancel := context.WithTimeout(b.Context(), 5*time.Second)
		<-idle.Done()
		cancel()
		b.ReportMetric((s.cpu()-before).Seconds()/time.Since(began).Minutes(), "cpu-s/min-idle")

		const readers = 16
		reading, cancel := context.WithTimeout(b.Context(), 5*time.Second)
		var all sync.WaitGroup
		var lists atomic.Int64
		for range readers {
			all.Go(func() {
				for reading.Err() == nil {
					_, err := s.tryDevices()
					if err == nil {
						err = s.tryGet("/v1/devices?limit=100", nil)
					}
					if err != nil {
						b.Error(err)
						return
					}
					lists.Add(1)
				}
			})
		}
		all.Wait()
		cancel()
		if lists.Load() < readers {
			b.Fatalf("only %d lists were read", lists.Load())
		}
		b.ReportMetric(s.memory("VmRSS"), "MB-rss")
		measure.AtMost(b, s.memory("VmHWM"), 200, "MB-most")
	}
}
