package rest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa/internal/rest"
)

// pipes is a listener whose connections hold nothing on the way, so that a
// caller who does not read is felt at once.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// slowly runs a test in a bubble with a server that answers on pipes.
func slowly(t *testing.T, store rest.Store, test func(t *testing.T, dial func() net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		srv := rest.New(rest.Config{Store: store})
		on := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		hs := srv.HTTP()
		ended := make(chan error, 1)
		go func() { ended <- hs.Serve(srv.Bound(on)) }()
		defer func() {
			hs.Close()
			<-ended
			srv.Close()
			time.Sleep(2 * time.Second) // who writes a byte a second finds out
			synctest.Wait()
		}()
		test(t, on.dial)
	})
}

const signed = "Host: x\r\nAuthorization: Bearer abcdefghijklmnop\r\n"

// drip writes a byte a second until that fails.
func drip(conn net.Conn) {
	for {
		if _, err := conn.Write([]byte("x")); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// sip reads a byte a second until that fails, and returns what it got.
func sip(conn net.Conn) string {
	var got []byte
	one := make([]byte, 1)
	for {
		n, err := conn.Read(one)
		if got = append(got, one[:n]...); err != nil {
			return string(got)
		}
		time.Sleep(time.Second)
	}
}

func within(t *testing.T, what string, began time.Time, least, most time.Duration) {
	t.Helper()
	if took := time.Since(began); took < least || took > most {
		t.Errorf("%s took %v, want %v to %v", what, took, least, most)
	}
}

// Who does not send their headers in time is cut off.
func TestSlowHeaders(t *testing.T) {
	slowly(t, quiet{}, func(t *testing.T, dial func() net.Conn) {
		conn := dial()
		defer conn.Close()
		began := time.Now()
		go fmt.Fprint(conn, "GET /v1 HTTP/1.1\r\nX-Slow: ")
		go drip(conn)
		_, _ = io.Copy(io.Discard, conn)
		within(t, "waiting for headers", began, 9*time.Second, 11*time.Second)
	})
}

// Who does not send their body in time is told, or, where nobody wants it, cut
// off.
func TestSlowBodies(t *testing.T) {
	for request, status := range map[string]int{
		"POST /v1/plans HTTP/1.1\r\n" + signed:                  504,
		"GET /v1/devices HTTP/1.1\r\n" + signed:                 504,
		"POST /v1/plans HTTP/1.1\r\nHost: x\r\n":                401,
		"POST /v1/nothing HTTP/1.1\r\n" + signed:                404,
		"PUT /v1/devices HTTP/1.1\r\nHost: x\r\n":               405,
		"POST /v1/plans HTTP/1.1\r\nX-Gzip: 1\r\n" + signed:     504,
		"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: x\r\n": 504,
	} {
		slowly(t, quiet{}, func(t *testing.T, dial func() net.Conn) {
			conn := dial()
			defer conn.Close()
			began := time.Now()
			go func() {
				fmt.Fprint(conn, request+"Content-Length: 1000\r\n\r\n")
				drip(conn)
			}()
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil || resp.StatusCode != status {
				t.Fatalf("%q: %v, %v; want %d", request, resp, err, status)
			}
			_, _ = io.Copy(io.Discard, in)
			within(t, fmt.Sprintf("%q", request), began, 0, 61*time.Second)
		})
	}
}

// Who does not take an answer in time is cut off.
func TestSlowReaders(t *testing.T) {
	slowly(t, large{site: largeSite()}, func(t *testing.T, dial func() net.Conn) {
		conn := dial()
		defer conn.Close()
		began := time.Now()
		fmt.Fprint(conn, "GET /v1/devices?limit=1000 HTTP/1.1\r\n"+signed+"\r\n")
		if got := sip(conn); !strings.HasPrefix(got, "HTTP/1.1 200 OK") {
			t.Errorf("the answer is %q", got)
		}
		within(t, "reading slowly", began, 119*time.Second, 122*time.Second)
	})
}

// A connection on which nothing is asked is closed.
func TestIdleConnections(t *testing.T) {
	slowly(t, quiet{}, func(t *testing.T, dial func() net.Conn) {
		conn := dial()
		defer conn.Close()
		fmt.Fprint(conn, "GET /v1 HTTP/1.1\r\n"+signed+"\r\n")
		in := bufio.NewReader(conn)
		resp := must(http.ReadResponse(in, nil))
		_, _ = io.Copy(io.Discard, resp.Body)
		began := time.Now()
		if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("the connection ends with %v", err)
		}
		within(t, "idling", began, 119*time.Second, 121*time.Second)
	})
}

// Who reads events one byte a second is let go; who reads beside them gets
// theirs at once.
func TestAReaderOfOneByteASecondIsLetGo(t *testing.T) {
	slowly(t, quiet{}, func(t *testing.T, dial func() net.Conn) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		slow := dial()
		go func() {
			defer cancel()
			fmt.Fprint(slow, "GET /v1/events?after=0 HTTP/1.1\r\nAccept: text/event-stream\r\n"+signed+"\r\n")
			sip(slow)
			within(t, "reading a byte a second", began, 29*time.Second, 31*time.Second)
		}()
		fast := dial()
		defer fast.Close()
		fmt.Fprint(fast, "GET /v1/events?after=0 HTTP/1.1\r\nAccept: text/event-stream\r\n"+signed+"\r\n")
		in := bufio.NewScanner(fast)
		for in.Scan() && in.Text() != "id: inc-2" {
			continue
		}
		within(t, "reading all beside it", began, 0, time.Second)
		go func() { _, _ = io.Copy(io.Discard, fast) }()
		<-ctx.Done()
	})
}
