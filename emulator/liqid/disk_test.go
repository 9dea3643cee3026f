package liqid

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// busyDirector is one with something of everything in its state.
func busyDirector(t *testing.T, dir string) *Director {
	d := start(t, Config{DataDir: dir, Seed: 3})
	compose(t, d, "pcpu1", "gpu0", "ssd0", "ssd1")
	must[any](t, d, "POST", "power/start", `{"mach_id":1}`)
	must[any](t, d, "POST", "machine/p2p", `{"mach_id":1,"p2p":"on"}`)
	must[any](t, d, "PUT", "device/0x00005002", "")
	must[any](t, d, "PUT", "device/udesc/gpu/0x00002000", `{"udesc":"the fast one"}`)
	must[any](t, d, "POST", "fabric/edit", `{"mach_id":1}`)
	must[any](t, d, "DELETE", "relate/storage", relateBody("ssd1", 1, 1))
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	must[any](t, d, "POST", "predevice/fpga", memberBody("fpga1", 1))
	if err := d.Gone("gpu3"); err != nil {
		t.Fatal(err)
	}
	if err := d.Replace("ssd3"); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRestart: the folder of a busy director is what
// another director takes up, sessions and queues included.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	d := busyDirector(t, dir)
	before := d.Snapshot()
	reads := []string{"group", "machine", "predevice", "status", "node/status", "coordinates"}
	var shown []string
	for _, path := range reads {
		_, body := call(d, "GET", path, "")
		shown = append(shown, body)
	}
	// A kill leaves the file and drops the lock; a copy of the folder is the same.
	copied := t.TempDir()
	body, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, stateFile), body, 0o600); err != nil {
		t.Fatal(err)
	}
	again := start(t, Config{DataDir: copied, Seed: 3})
	if diff := cmp.Diff(before, again.Snapshot()); diff != "" {
		t.Errorf("after the restart (-before +after):\n%s", diff)
	}
	for i, path := range reads {
		if _, body := call(again, "GET", path, ""); path != "node/status" && body != shown[i] {
			t.Errorf("%s after the restart: %s\nbefore: %s", path, body, shown[i])
		}
	}
	// The queues go on.
	must[any](t, again, "POST", "fabric/reprogram", `{"mach_id":1}`)
	must[any](t, again, "POST", "pool/done", poolBody(1))
	if v, _ := again.Snapshot().Device("fpga1"); v.Group != 1 {
		t.Errorf("fpga1 = %+v", v)
	}
	if v, _ := again.Snapshot().Device("ssd1"); v.Machine != 0 || !v.HoldsData {
		t.Errorf("ssd1 = %+v", v)
	}
}

func TestDataFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	d := busyDirector(t, dir)
	refuse := func(c Config, says string) {
		t.Helper()
		c.DataDir = dir
		other, err := New(c)
		if err == nil {
			other.Close()
			t.Fatalf("it was taken, want an error with %q", says)
		}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("error = %v, want %q in it", err, says)
		}
	}
	refuse(Config{Seed: 3}, "another director uses the folder")
	d.Close()
	refuse(Config{Seed: 4}, "another name, seed, fabric id or inventory")
	again := start(t, Config{Seed: 3, DataDir: dir})
	again.Close()
	file := filepath.Join(dir, stateFile)
	if err := os.WriteFile(file, []byte(`{"format":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	refuse(Config{Seed: 3}, "format 99")
	if err := os.WriteFile(file, []byte(`{`), 0o600); err != nil {
		t.Fatal(err)
	}
	refuse(Config{Seed: 3}, "damaged")
}

// TestFullDisk: what cannot be kept is refused and has not happened.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	d := start(t, Config{DataDir: dir})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	refused(t, d, "POST", "group", groupBody(1, "g"), 500)
	if g := must[any](t, d, "GET", "group", ""); len(g) != 0 {
		t.Errorf("groups = %v", g)
	}
}
