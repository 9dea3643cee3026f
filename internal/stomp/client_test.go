package stomp

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// peer is the server's end of a client under test: it reads and writes whole
// text messages.
type peer struct {
	t    *testing.T
	conn *websocket.Conn
}

func (p peer) write(text string) {
	if err := p.conn.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.t.Logf("server: %v", err)
	}
}

// read returns the next message that is no heart-beat, "" at the end.
func (p peer) read() string {
	for {
		_, data, err := p.conn.Read(p.t.Context())
		if err != nil {
			return ""
		}
		if string(data) != "\n" {
			return string(data)
		}
	}
}

// serve runs f for the one client that connects, and returns the address.
func serve(t *testing.T, f func(peer)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(1 << 24)
		f(peer{t, conn})
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func TestClientSubscribesAndListens(t *testing.T) {
	said := make(chan string, 10)
	url := serve(t, func(p peer) {
		said <- p.read()
		p.write("CONNECTED\nversion:1.1\nheart-beat:0,0\n\n\x00")
		said <- p.read()
		said <- p.read()
		p.write("\n")
		p.write("MESSAGE\nsubscription:0\nmessage-id:7\ndestination:/data/group\n\n[1]\x00\nMESSAGE\nsubscription:1\nmessage-id:8\ndestination:/data/machine\n\n[2]\x00")
		said <- p.read()
	})
	c, err := Dial(t.Context(), url, []string{"/data/group", "/data/machine"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, want := range []Message{{"/data/group", "7", []byte("[1]")}, {"/data/machine", "8", []byte("[2]")}} {
		got, err := c.Next(t.Context())
		if err != nil || got.Destination != want.Destination || got.ID != want.ID || !bytes.Equal(got.Body, want.Body) {
			t.Errorf("message = %+v, %v", got, err)
		}
	}
	if c.Version() != V11 || c.Err() != nil {
		t.Errorf("version %s, error %v", c.Version(), c.Err())
	}
	c.Close()
	for _, want := range []string{
		"CONNECT\naccept-version:1.2,1.1,1.0\nhost:director\nheart-beat:10000,10000\n\n\x00",
		"SUBSCRIBE\nid:0\ndestination:/data/group\nack:auto\n\n\x00",
		"SUBSCRIBE\nid:1\ndestination:/data/machine\nack:auto\n\n\x00",
		"DISCONNECT\n\n\x00",
	} {
		if got := <-said; got != want {
			t.Errorf("the client said %q, want %q", got, want)
		}
	}
	if _, err := c.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestClientOutlivesTheContextOfDial: that context bounds the opening only.
func TestClientOutlivesTheContextOfDial(t *testing.T) {
	release := make(chan struct{})
	url := serve(t, func(p peer) {
		p.read()
		p.write("CONNECTED\nversion:1.2\n\n\x00")
		<-release
		p.write("MESSAGE\ndestination:/x\n\nlate\x00")
		p.read()
	})
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Dial(ctx, url, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	close(release)
	if m, err := c.Next(t.Context()); err != nil || string(m.Body) != "late" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestClientSaysHowItWasLost(t *testing.T) {
	for _, tt := range []struct {
		name string
		then func(peer)
		says string
	}{
		{"closed", func(p peer) { p.conn.Close(websocket.StatusGoingAway, "restart") }, "restart"},
		{"cut", func(p peer) { p.conn.CloseNow() }, "the connection is lost"},
		{"an error", func(p peer) { p.write("ERROR\nmessage:out of tea\n\n\x00"); p.read() }, "the server reports an error: out of tea"},
		{"an error in the body", func(p peer) { p.write("ERROR\n\nout of milk\x00"); p.read() }, "out of milk"},
		{"nonsense", func(p peer) { p.write("hello\n\n\x00"); p.read() }, "not a command"},
		{"a client's frame", func(p peer) { p.write("SUBSCRIBE\nid:1\n\n\x00"); p.read() }, `"SUBSCRIBE"`},
		{"binary", func(p peer) {
			p.conn.Write(p.t.Context(), websocket.MessageBinary, []byte("MESSAGE\n\n\x00"))
			p.read()
		}, "binary"},
		{"too large", func(p peer) { p.write("MESSAGE\n\n" + strings.Repeat("x", 20_000) + "\x00"); p.read() }, "too large"},
		{"far too large", func(p peer) { p.write("MESSAGE\n\n" + strings.Repeat("x", 200_000) + "\x00"); p.read() }, "too large: a message of more than 10000 bytes"},
		{"silence", func(p peer) { p.read() }, "no sign of life for 200ms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, func(p peer) {
				p.read()
				p.write("CONNECTED\nversion:1.2\nheart-beat:100,0\n\n\x00")
				p.write("MESSAGE\ndestination:/x\n\nfirst\x00")
				tt.then(p)
			})
			beat := HeartBeat{Receive: time.Minute}
			if tt.name == "silence" {
				beat.Receive = 100 * time.Millisecond
			}
			c, err := Dial(t.Context(), url, nil, Options{HeartBeat: beat, MaxFrame: 10_000})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if m, err := c.Next(t.Context()); err != nil || string(m.Body) != "first" {
				t.Fatalf("%+v, %v", m, err)
			}
			_, err = c.Next(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error = %v, want %q", err, tt.says)
			}
			<-c.Done()
		})
	}
}

func TestClientBeats(t *testing.T) {
	beats := make(chan struct{}, 100)
	url := serve(t, func(p peer) {
		p.read()
		p.write("CONNECTED\nversion:1.2\nheart-beat:0,5\n\n\x00")
		for {
			_, data, err := p.conn.Read(t.Context())
			if err != nil {
				return
			}
			if string(data) == "\n" {
				beats <- struct{}{}
			}
		}
	})
	c, err := Dial(t.Context(), url, nil, Options{HeartBeat: HeartBeat{Send: 5 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-beats
	<-beats
}

func TestDialRefuses(t *testing.T) {
	for _, tt := range []struct{ name, answer, says string }{
		{"an error", "ERROR\nmessage:go away\n\n\x00", "go away"},
		{"a version nobody offered", "CONNECTED\nversion:3.0\n\n\x00", `"3.0"`},
		{"another frame", "RECEIPT\nreceipt-id:1\n\n\x00", "answered RECEIPT"},
		{"a strange heart-beat", "CONNECTED\nversion:1.1\nheart-beat:often\n\n\x00", "often"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, func(p peer) { p.read(); p.write(tt.answer); p.read() })
			if c, err := Dial(t.Context(), url, nil, Options{}); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, %v; want %q", c, err, tt.says)
			}
		})
	}
	t.Run("nobody answers", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		url := serve(t, func(p peer) { p.read(); p.read() })
		if _, err := Dial(ctx, url, nil, Options{}); err == nil {
			t.Error("connected to nobody")
		}
	})
}

func TestLargeMessagesBothWays(t *testing.T) {
	large := strings.Repeat("0123456789abcde\n", 1<<18) // 4 MiB
	got := make(chan int, 1)
	url := serve(t, func(p peer) {
		p.read()
		p.write("CONNECTED\nversion:1.2\n\n\x00")
		p.write("MESSAGE\ndestination:/x\n\n" + large + "\x00")
		got <- len(p.read())
	})
	c, err := Dial(t.Context(), url, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := c.Next(t.Context())
	if err != nil || string(m.Body) != large {
		t.Fatalf("%d bytes, %v", len(m.Body), err)
	}
	f := New("SEND", "destination", "/x")
	f.Body = m.Body
	if err := c.send(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != len(large)+len("SEND\ndestination:/x\n\n\x00") {
		t.Errorf("%d bytes arrived", n)
	}
}
