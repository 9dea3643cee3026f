package liqid

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// events is a plain reader of one stream.
type events struct {
	t     *testing.T
	lines *bufio.Reader
	beats int
}

func listen(p *party, path string) *events {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), "GET", p.url+"/liqid/api/v2/"+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header = p.header.Clone()
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { reply.Body.Close() })
	if reply.StatusCode != 200 || reply.Header.Get("Content-Type") != "text/event-stream;charset=UTF-8" {
		p.t.Fatalf("%s: %d %s", path, reply.StatusCode, reply.Header)
	}
	return &events{t: p.t.(*testing.T), lines: bufio.NewReader(reply.Body)}
}

// next is the next event's data; comments between events are heart-beats.
func (e *events) next() ([]record, error) {
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			return nil, err
		}
		end, err := e.lines.ReadString('\n')
		if err != nil || end != "\n" {
			e.t.Fatalf("%q is followed by %q (%v)", line, end, err)
		}
		if line == ":\n" {
			e.beats++
			continue
		}
		var list []record
		data, found := strings.CutPrefix(line, "data:")
		if err := json.Unmarshal([]byte(data), &list); !found || err != nil || list == nil {
			e.t.Fatalf("no array in %.100q (%v)", line, err)
		}
		return list, nil
	}
}

func (e *events) until(ok func([]record) bool) {
	e.t.Helper()
	for {
		list, err := e.next()
		if err != nil {
			e.t.Fatal(err)
		}
		if ok(list) {
			return
		}
	}
}

// TestEventStreams: six streams on both paths, the whole collection first and
// after each change, in both eras of 2.x (2.16).
func TestEventStreams(t *testing.T) {
	for _, api := range []string{"2.4", "2.5"} {
		for _, path := range []string{"sse/", "sse/api/v2/"} {
			t.Run(api+" "+path, func(t *testing.T) {
				p := meet(t, Config{API: api})
				follow := map[string]*events{}
				for _, name := range []string{"device", "group", "group/details", "machine", "machine/details", "predevice"} {
					follow[name] = listen(p, path+name)
				}
				follow["device"].until(func(l []record) bool { return len(l) == len(p.d.Snapshot().Devices) })
				follow["predevice"].until(func(l []record) bool { return len(l) == 0 })
				if n := p.d.Snapshot().Sockets; n != 6 {
					t.Errorf("%d listeners", n)
				}
				compose(t, p.d, "pcpu0", "gpu0")
				follow["group"].until(func(l []record) bool { return len(l) == 1 && l[0]["group_name"] == "research" })
				follow["group/details"].until(func(l []record) bool { return len(l) == 1 && l[0]["gpu-count"] == 1.0 })
				follow["machine"].until(func(l []record) bool { return len(l) == 1 && l[0]["comp_name"] == "pcpu0" })
				follow["machine/details"].until(func(l []record) bool { return len(l) == 1 && l[0]["cpu-sockets"] != "0" })
				follow["predevice"].until(func(l []record) bool { return len(l) == 2 && l[1]["mach_id"] == "1" })
				must[any](t, p.d, "DELETE", "group/1", "")
				follow["predevice"].until(func(l []record) bool { return len(l) == 0 })
			})
		}
	}
}

func TestEventStreamsBeat(t *testing.T) {
	p := meet(t, Config{HeartBeat: 5 * time.Millisecond})
	e := listen(p, "sse/group")
	e.until(func(l []record) bool { return len(l) == 0 })
	for line := ""; line != ":\n"; {
		var err error
		if line, err = e.lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEventStreamsEnd: with the director, when the network cuts them, and when
// the client has gone; nobody is counted as a listener any more.
func TestEventStreamsEnd(t *testing.T) {
	for name, end := range map[string]func(*party){
		"closed": func(p *party) { p.d.Close() },
		"cut":    func(p *party) { p.d.CutSockets() },
	} {
		t.Run(name, func(t *testing.T) {
			p := meet(t, Config{})
			e := listen(p, "sse/group")
			e.until(func([]record) bool { return true })
			end(p)
			if _, err := e.next(); err == nil {
				t.Error("the stream goes on")
			}
		})
	}
	t.Run("left", func(t *testing.T) {
		p := meet(t, Config{})
		reply, err := http.Get(p.url + "/liqid/api/v2/sse/group")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(reply.Body, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		for i := 1; p.d.Snapshot().Sockets != 0; i++ { // the server learns it by writing
			ask[any](p, "POST", "group", record{"fabr_id": 1, "grp_id": i, "group_name": fmt.Sprint(i), "pod_id": -1})
		}
	})
	t.Run("after the end", func(t *testing.T) {
		d := start(t, Config{})
		d.Close()
		refused(t, d, "GET", "sse/group", "", 503)
	})
}

// TestEventStreamsNeedASignIn where the director asks for one.
func TestEventStreamsNeedASignIn(t *testing.T) {
	p := meet(t, Config{Users: map[string]string{"admin": "secret"}})
	p.denied(401, "GET", "sse/group", nil)
	p.header.Set("Authorization", "Basic YWRtaW46c2VjcmV0")
	listen(p, "sse/group").until(func(l []record) bool { return len(l) == 0 })
}

// TestCutStreamsBreakOff: a stream that is cut does not end as if it were whole.
func TestCutStreamsBreakOff(t *testing.T) {
	p := meet(t, Config{})
	e := listen(p, "sse/group")
	if _, err := e.next(); err != nil {
		t.Fatal(err)
	}
	p.d.CutSockets()
	if _, err := io.ReadAll(e.lines); err == nil {
		t.Error("the stream ended as if it were whole")
	}
	if c := p.d.Calls(0); c[0].Status != 200 {
		t.Errorf("the call is remembered as %+v", c[0])
	}
}
