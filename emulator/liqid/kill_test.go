//go:build unix

package liqid

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestHelperDirector is the process that TestKill9 kills; by itself it does nothing.
func TestHelperDirector(t *testing.T) {
	dir := os.Getenv("LIQID_TEST_DATA")
	if dir == "" {
		return
	}
	d := start(t, Config{DataDir: dir})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("listening %s\n", listener.Addr())
	t.Fatal(http.Serve(listener, d.Handler()))
}

// TestKill9 kills a director's process right behind each of the replies of a
// compose; another one that takes up the folder knows all that was acknowledged,
// and the compose goes on from there.
func TestKill9(t *testing.T) {
	steps := [][3]string{
		{"POST", "group", groupBody(1, "research")},
		{"POST", "pool/edit", poolBody(1)},
		{"POST", "predevice/compute", memberBody("pcpu0", 1)},
		{"POST", "predevice/gpu", memberBody("gpu0", 1)},
		{"POST", "pool/done", poolBody(1)},
		{"POST", "machine", machineBody(1, 1, "trainbox")},
		{"POST", "fabric/edit", `{"mach_id":1}`},
		{"POST", "relate/compute", relateBody("pcpu0", 1, 1)},
		{"POST", "relate/gpu", relateBody("gpu0", 1, 1)},
		{"POST", "fabric/reprogram", `{"mach_id":1}`},
	}
	dir := t.TempDir()
	for _, step := range steps {
		child := exec.Command(os.Args[0], "-test.run=^TestHelperDirector$")
		child.Env = append(os.Environ(), "LIQID_TEST_DATA="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
		if !ok {
			child.Process.Kill()
			child.Wait()
			t.Fatalf("the director says %q, %v", line, err)
		}
		req, err := http.NewRequest(step[0], "http://"+address+prefix+step[1], strings.NewReader(step[2]))
		if err != nil {
			t.Fatal(err)
		}
		reply, err := http.DefaultClient.Do(req)
		child.Process.Kill() // SIGKILL
		child.Wait()
		if err != nil {
			t.Fatalf("%s: %v", step[1], err)
		}
		reply.Body.Close()
		if reply.StatusCode > 299 {
			t.Fatalf("%s: %s; something acknowledged was lost", step[1], reply.Status)
		}
	}
	d := start(t, Config{DataDir: dir})
	s := d.Snapshot()
	if len(s.Machines) != 1 || strings.Join(s.Machines[0].Devices, " ") != "pcpu0 gpu0" || len(s.Sessions) != 0 {
		t.Errorf("in the end: %+v, sessions %+v", s.Machines, s.Sessions)
	}
}
