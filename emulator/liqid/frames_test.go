package liqid

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// frames is a STOMP client as plain as SEED's: whole frames in text messages,
// LF only, bodies without a length.
type frames struct {
	p       *party
	conn    *websocket.Conn
	queue   []string
	largest int
}

type stompFrame struct {
	command string
	header  map[string]string
	body    string
}

func openSocket(p *party, path string) *frames {
	p.t.Helper()
	conn, _, err := websocket.Dial(p.t.Context(), "ws"+strings.TrimPrefix(p.url, "http")+path, nil) // no subprotocol
	if err != nil {
		p.t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	p.t.Cleanup(func() { conn.CloseNow() })
	return &frames{p: p, conn: conn}
}

func (f *frames) send(text string) {
	f.p.t.Helper()
	if err := f.conn.Write(f.p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		f.p.t.Fatalf("sending %q: %v", text, err)
	}
}

// message reads one message and splits it into whole frames; a heart-beat is "".
func (f *frames) message() error {
	kind, data, err := f.conn.Read(f.p.t.Context())
	if err != nil {
		return err
	}
	text := string(data)
	f.largest = max(f.largest, len(text))
	if kind != websocket.MessageText || strings.Contains(text, "\r") {
		f.p.t.Fatalf("a message of type %v: %.80q", kind, text)
	}
	if text == "\n" {
		f.queue = append(f.queue, "")
		return nil
	}
	if !strings.HasSuffix(text, "\x00") {
		f.p.t.Fatalf("a message that does not end with its frame: %.80q", text)
	}
	f.queue = append(f.queue, strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")...)
	return nil
}

func (f *frames) next() string {
	f.p.t.Helper()
	for len(f.queue) == 0 {
		if err := f.message(); err != nil {
			f.p.t.Fatal(err)
		}
	}
	text := f.queue[0]
	f.queue = f.queue[1:]
	return text
}

// frame returns the next frame, past heart-beats.
func (f *frames) frame() stompFrame {
	f.p.t.Helper()
	for {
		text := f.next()
		if text == "" {
			continue
		}
		head, body, found := strings.Cut(text, "\n\n")
		if !found {
			f.p.t.Fatalf("a frame without an end of its header: %.80q", text)
		}
		lines := strings.Split(head, "\n")
		frame := stompFrame{command: lines[0], header: map[string]string{}, body: body}
		for _, line := range lines[1:] {
			name, value, _ := strings.Cut(line, ":")
			frame.header[name] = value
		}
		return frame
	}
}

// until reads messages of a subscription until one satisfies ok.
func (f *frames) until(subscription string, ok func([]record) bool) {
	f.p.t.Helper()
	for {
		m := f.frame()
		var list []record
		if m.command != "MESSAGE" || m.header["message-id"] == "" || m.header["destination"] == "" {
			f.p.t.Fatalf("%s %v", m.command, m.header)
		}
		if err := json.Unmarshal([]byte(m.body), &list); err != nil || list == nil {
			f.p.t.Fatalf("%s: no array: %.80q", m.header["destination"], m.body)
		}
		if m.header["subscription"] == subscription && ok(list) {
			return
		}
	}
}

// beat waits for a bare LF.
func (f *frames) beat() {
	f.p.t.Helper()
	for f.next() != "" {
	}
}

// closed waits until the server has ended the connection.
func (f *frames) closed() {
	for f.message() == nil {
	}
}

// TestLargeFramesComeInPieces: the websocket library below SEED's gives up at a
// piece of more than a mebibyte, and joins smaller ones.
func TestLargeFramesComeInPieces(t *testing.T) {
	p := seed(t, Config{Counts: Counts{CPUs: 100, GPUs: 3000}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET "+eventPath+" HTTP/1.1\r\nHost: director\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	in := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	send := func(text string) {
		// A short text message, masked with zeros.
		conn.Write(append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...))
	}
	piece := func() (last bool, size int) {
		t.Helper()
		var head [2]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			t.Fatal(err)
		}
		size = int(head[1])
		if width := map[int]int{126: 2, 127: 8}[size]; width > 0 {
			var long [8]byte
			if _, err := io.ReadFull(in, long[8-width:]); err != nil {
				t.Fatal(err)
			}
			size = int(binary.BigEndian.Uint64(long[:]))
		}
		if _, err := in.Discard(size); err != nil {
			t.Fatal(err)
		}
		return head[0]&0x80 != 0, size
	}
	send("CONNECT\naccept-version:1.1,1.0\nheart-beat:0,0\n\n\x00")
	if last, _ := piece(); !last {
		t.Error("CONNECTED came in pieces")
	}
	send("SUBSCRIBE\nid:d\ndestination:/data/device\n\n\x00")
	total, last := 0, false
	for !last {
		var size int
		if last, size = piece(); size > 1<<20 {
			t.Errorf("a piece of %d bytes", size)
		}
		total += size
	}
	if total < 1<<20 {
		t.Errorf("3,100 devices in %d bytes", total)
	}
}
