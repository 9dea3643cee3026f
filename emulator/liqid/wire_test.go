package liqid

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// wire is a director behind a real HTTP server on an in-memory network, so that
// it works in bubbles of testing/synctest too.
type wire struct {
	t      testing.TB
	d      *Director
	client *http.Client
	pipes  chan net.Conn
	closed chan struct{}
	close  func()
}

func onWire(t testing.TB, c Config) *wire {
	t.Helper()
	w := &wire{t: t, d: start(t, c), pipes: make(chan net.Conn), closed: make(chan struct{})}
	w.close = sync.OnceFunc(func() { close(w.closed) })
	server := &http.Server{Handler: w.d.Handler(), ConnState: w.d.ConnState}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(w)
	}()
	transport := &http.Transport{DialContext: w.dial}
	w.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		w.d.Close()
		transport.CloseIdleConnections()
		server.Close()
		<-served
	})
	return w
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.pipes:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}
func (w *wire) Close() error   { w.close(); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case w.pipes <- far:
		return near, nil
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// heard is what came back of a call; err is why nothing did.
type heard struct {
	status int
	header http.Header
	body   string
	err    error
}

func (w *wire) call(method, path, body string) heard {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, "http://director"+prefix+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := w.client.Do(r)
	if err != nil {
		return heard{err: err}
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return heard{got.StatusCode, got.Header, string(text), err}
}

// want makes a call and holds its status; 0 is that the connection closes.
func (w *wire) want(status int, method, path, body string) heard {
	w.t.Helper()
	got := w.call(method, path, body)
	if got.status != status || (got.err != nil) != (status == 0) {
		w.t.Fatalf("%s %s: %d %s, %v; want %d", method, path, got.status, got.body, got.err, status)
	}
	return got
}

// TestRestartCutsIdleConnections: a client that holds a connection open sees it end.
func TestRestartCutsIdleConnections(t *testing.T) {
	w := onWire(t, Config{})
	conn, err := w.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "GET "+prefix+"fabric/id HTTP/1.1\r\nHost: d\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, r.Body)
	if err := w.d.Restart(0); err != nil {
		t.Fatal(err)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the idle connection: %v, want EOF", err)
	}
	w.want(200, "GET", "fabric/id", "")
}
