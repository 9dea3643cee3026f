package liqid

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/composa-dev/composa/internal/stomp"
)

// serveSocket is a director on a real port; it returns the address of its event socket.
func serveSocket(t *testing.T, c Config) (*Director, string) {
	d := start(t, c)
	server := httptest.NewServer(d.Handler())
	t.Cleanup(func() { d.Close(); server.Close() })
	return d, "ws" + strings.TrimPrefix(server.URL, "http") + eventPath
}

// next reads messages until one of the destination satisfies ok.
func next[T any](t *testing.T, c *stomp.Client, destination string, ok func([]T) bool) {
	t.Helper()
	for {
		m, err := c.Next(t.Context())
		if err != nil {
			t.Fatalf("waiting for %s: %v", destination, err)
		}
		if m.Destination != destination {
			continue
		}
		var list []T
		if err := json.Unmarshal(m.Body, &list); err != nil || list == nil {
			t.Fatalf("%s: %v: %s", m.Destination, err, m.Body)
		}
		if ok(list) {
			return
		}
	}
}

// TestPush: whole collections, first as they are, then after each change (2.17).
func TestPush(t *testing.T) {
	d, url := serveSocket(t, Config{})
	for _, at := range []string{url, strings.Replace(url, eventPath, eventPathOld, 1)} {
		c, err := stomp.Dial(t.Context(), at, []string{"/data/group", "/data/machine", "/data/predevice", "/data/device"}, stomp.Options{})
		if err != nil {
			t.Fatal(err)
		}
		next(t, c, "/data/device", func(l []statusRecord) bool { return len(l) == len(d.Snapshot().Devices) })
		compose(t, d, "pcpu0", "gpu0")
		next(t, c, "/data/predevice", func(l []predeviceRecord) bool { return len(l) == 2 && l[0].MachID == "1" && l[1].MachID == "1" })
		must[any](t, d, "DELETE", "group/1", "")
		next(t, c, "/data/machine", func(l []machineRecord) bool { return len(l) == 0 })
		next(t, c, "/data/predevice", func(l []predeviceRecord) bool { return len(l) == 0 })
		if err := d.Gone("gpu7"); err != nil {
			t.Fatal(err)
		}
		next(t, c, "/data/device", func(l []statusRecord) bool { return len(l) == len(d.Snapshot().Devices)-1 })
		if err := d.Return("gpu7"); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if v := d.Violations(); len(v) != 0 {
		t.Errorf("violations: %v", v)
	}
}

// raw is an event socket spoken by hand.
type raw struct {
	t    *testing.T
	conn *websocket.Conn
}

func openRaw(t *testing.T, url string) raw {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(1 << 24)
	return raw{t, conn}
}

func (r raw) say(text string) {
	if err := r.conn.Write(r.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

func (r raw) hear() string {
	_, data, err := r.conn.Read(r.t.Context())
	if err != nil {
		return "closed"
	}
	return string(data)
}

// TestSocketSpeaksAsOldClientsNeed: byte for byte what liqid-api.md 2.17 asks for.
func TestSocketSpeaksAsOldClientsNeed(t *testing.T) {
	d, url := serveSocket(t, Config{})
	r := openRaw(t, url)
	r.say("CONNECT\naccept-version:1.1,1.0\nheart-beat:10000,10000\n\n\x00")
	if got := r.hear(); got != "CONNECTED\nversion:1.1\nheart-beat:10000,10000\nserver:composa-emulator\n\n\x00" {
		t.Errorf("%q", got)
	}
	r.say("SUBSCRIBE\nid:group-data-socket\ndestination:/data/group\n\n\x00")
	if got := r.hear(); got != "MESSAGE\nsubscription:group-data-socket\nmessage-id:1\ndestination:/data/group\ncontent-type:application/json\n\n[]\x00" {
		t.Errorf("%q", got)
	}
	must[any](t, d, "POST", "group", groupBody(1, "g"))
	if got := r.hear(); !strings.HasSuffix(got, "\n\n[{\"fabr_id\":1,\"grp_id\":1,\"group_name\":\"g\",\"pod_id\":-1}]\x00") || strings.Contains(got, "\r") {
		t.Errorf("%q", got)
	}
	must[any](t, d, "POST", "pool/edit", poolBody(1)) // no record changes: nothing is pushed
	r.say("UNSUBSCRIBE\nid:group-data-socket\nreceipt:r1\n\n\x00")
	if got := r.hear(); got != "RECEIPT\nreceipt-id:r1\n\n\x00" {
		t.Errorf("%q", got)
	}
	if d.Snapshot().Sockets != 1 {
		t.Errorf("sockets = %d", d.Snapshot().Sockets)
	}
	r.say("DISCONNECT\nreceipt:r2\n\n\x00")
	if got := r.hear(); got != "RECEIPT\nreceipt-id:r2\n\n\x00" {
		t.Errorf("%q", got)
	}
	if got := r.hear(); got != "closed" {
		t.Errorf("%q after DISCONNECT", got)
	}
}

func TestSocketRefuses(t *testing.T) {
	connect := "CONNECT\naccept-version:1.2\n\n\x00"
	for _, tt := range []struct {
		name  string
		say   []string
		hears string
	}{
		{"no CONNECT", []string{"SUBSCRIBE\nid:1\ndestination:/data/group\n\n\x00"}, "before CONNECT"},
		{"an unknown version", []string{"CONNECT\naccept-version:9.9\n\n\x00"}, "none is spoken"},
		{"a strange heart-beat", []string{"CONNECT\naccept-version:1.1\nheart-beat:x\n\n\x00"}, "heart-beat"},
		{"no frame", []string{"hello\n\n\x00"}, "not a command"},
		{"an unknown destination", []string{connect, "SUBSCRIBE\nid:1\ndestination:/data/tea\n\n\x00"}, "/data/tea"},
		{"no id", []string{connect, "SUBSCRIBE\ndestination:/data/group\n\n\x00"}, "without an id"},
		{"an unknown subscription", []string{connect, "UNSUBSCRIBE\nid:7\n\n\x00"}, "no subscription"},
		{"SEND", []string{connect, "SEND\ndestination:/data/group\n\n\x00"}, "SEND is not taken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, url := serveSocket(t, Config{})
			r := openRaw(t, url)
			for _, s := range tt.say {
				r.say(s)
			}
			got := r.hear()
			if strings.HasPrefix(got, "CONNECTED") {
				got = r.hear()
			}
			if !strings.HasPrefix(got, "ERROR\n") || !strings.Contains(got, tt.hears) {
				t.Errorf("%q, want an ERROR with %q", got, tt.hears)
			}
			if got := r.hear(); got != "closed" {
				t.Errorf("%q after the error", got)
			}
		})
	}
}

func TestSocketBeatsAndMissesBeats(t *testing.T) {
	const every = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{HeartBeat: every})
		conn, _, err := websocket.Dial(t.Context(), "ws://director"+eventPath, &websocket.DialOptions{HTTPClient: w.client})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		r := raw{t, conn}
		r.say("CONNECT\naccept-version:1.1\nheart-beat:10000,10000\n\n\x00")
		if got := r.hear(); !strings.Contains(got, "heart-beat:10000,10000") {
			t.Errorf("%q", got)
		}
		began := time.Now()
		if got := r.hear(); got != "\n" || time.Since(began) != every {
			t.Errorf("after %v %q, want a heart-beat", time.Since(began), got)
		}
		for r.hear() == "\n" {
			// This client sends none, so the director gives it up.
		}
		if took := time.Since(began); took < every || took > stomp.Tolerance(every)+every {
			t.Errorf("given up after %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{HeartBeat: every})
		c, err := stomp.Dial(t.Context(), "ws://director"+eventPath, []string{"/data/group"},
			stomp.Options{HTTPClient: w.client, HeartBeat: stomp.HeartBeat{Send: every, Receive: every}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		select {
		case <-c.Done():
			t.Errorf("a client that beats was given up: %v", c.Err())
		case <-time.After(10 * every): // the bubble's clock
		}
	})
}

func TestSocketsEndWithTheDirector(t *testing.T) {
	d, url := serveSocket(t, Config{})
	for _, end := range []func(){d.CutSockets, func() { d.Close() }} {
		c, err := stomp.Dial(t.Context(), url, []string{"/data/group"}, stomp.Options{})
		if err != nil {
			t.Fatal(err)
		}
		next(t, c, "/data/group", func([]groupRecord) bool { return true })
		end()
		if _, err := c.Next(t.Context()); err == nil {
			t.Error("the socket outlives its end")
		}
		c.Close()
	}
	if _, err := stomp.Dial(t.Context(), url, nil, stomp.Options{}); err == nil {
		t.Error("a closed director takes sockets")
	}
}

func TestSocketFaults(t *testing.T) {
	d, url := serveSocket(t, Config{})
	fault(t, d, "#1 GET /liqid/websocket/v2/event status=503")
	if _, err := stomp.Dial(t.Context(), url, nil, stomp.Options{}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("error = %v", err)
	}
	c, err := stomp.Dial(t.Context(), url, nil, stomp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestPushOfALargeRack: a snapshot of several MiB is one frame.
func TestPushOfALargeRack(t *testing.T) {
	d, url := serveSocket(t, Config{Counts: Counts{GPUs: 8000}})
	c, err := stomp.Dial(t.Context(), url, []string{"/data/device"}, stomp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := c.Next(t.Context())
	if err != nil || len(m.Body) < 3<<20 {
		t.Fatalf("%d bytes, %v", len(m.Body), err)
	}
	var list []statusRecord
	if err := json.Unmarshal(m.Body, &list); err != nil || len(list) != len(d.Snapshot().Devices) {
		t.Errorf("%d devices, %v", len(list), err)
	}
}

func TestPlainRequestToTheSocket(t *testing.T) {
	d := start(t, Config{})
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, httptest.NewRequest("GET", eventPath, nil))
	if w.Code == http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
}
