package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/emulator/liqid"
)

// smallDisk is a folder with room for so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("skipped, a small disk cannot be made here (%v): run the tests as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves no room on a disk until the file that it returns is removed.
func fill(t *testing.T, dir string) (file string) {
	t.Helper()
	file = filepath.Join(dir, "filler")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		switch _, err := f.Write(make([]byte, size)); {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			t.Fatal(err)
		}
	}
	return file
}

// book keeps what is logged.
type book struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *book) count(what string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), what)
}

// The disk fills up while a machine is made: what is asked for is answered with
// 503 and when to ask again, reads go on, and when there is room the machine is
// made. The log tells of it once and once when it is over.
func TestTheDiskFillsUp(t *testing.T) {
	dir, log := smallDisk(t, "6m"), new(book)
	second := liqid.Latency{Min: time.Second, Max: time.Second}
	s := newSiteIn(t, dir, slog.New(slog.NewTextHandler(log, nil)), map[string]liqid.Config{"rack1": {CommitLatency: second}}, nil)
	got, err := s.client.PutMachine(t.Context(), "default", "train", api.PutMachine{Wish: api.Wish{Devices: []api.Want{{Kind: "gpu", Count: 2}}}}, 0)
	if err != nil || got.Operation == nil {
		t.Fatalf("asked for a machine: %+v, %v", got, err)
	}
	filler := fill(t, dir)
	told := func(what string) func(context.Context) (bool, error) {
		return func(context.Context) (bool, error) { return log.count(what) > 0, nil }
	}
	until(t, "the runner cannot write", told("cannot write progress"))

	for range 3 { // while the runner tries again and again
		status, header, text := s.call(http.MethodPut, "/v1/machines/default/other", `{"devices": [{"kind": "gpu", "count": 1}]}`)
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(text, "disk is full") || !strings.Contains(text, "make room") {
			t.Errorf("a change is answered with %d, Retry-After %q: %s", status, header.Get("Retry-After"), text)
		}
		for _, path := range []string{"/v1/devices", "/v1/machines", "/v1/operations", "/v1/events", "/readyz"} {
			if status, _, text := s.call(http.MethodGet, path, ""); status != http.StatusOK {
				t.Errorf("%s is answered with %d: %s", path, status, text)
			}
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	until(t, "the machine is made", func(ctx context.Context) (bool, error) {
		op, err := s.client.Operation(ctx, got.Operation.ID, 0)
		return err == nil && op.Phase == "done", err
	})
	s.compose("other", api.Want{Kind: "gpu", Count: 1})
	until(t, "the end is told", told("progress is written again"))
	if n := log.count("cannot write progress"); n != 1 {
		t.Errorf("it was told %d times:\n%s", n, &log.text)
	}
}

// call makes one call as it is.
func (s *site) call(method, path, body string) (status int, header http.Header, text string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(all)
}
