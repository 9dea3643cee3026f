package rest

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// HTTP is the server as one that answers on a listener, with the limits of time
// and size that GET /v1 tells.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler: s, ReadHeaderTimeout: slowestHeader, IdleTimeout: longestIdle,
		// Each answer gets a deadline of its own when it begins; this is for
		// what is written before, and for handlers that never begin.
		WriteTimeout: MaxWait + 2*slowestAnswer,
		// What is a little larger is refused with a problem (call.go).
		MaxHeaderBytes: MaxHeader + MaxPath + MaxQuery,
		ErrorLog:       slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
}

// Bound is a listener with as many connections as may be. One more is told so
// and closed.
func (s *Server) Bound(l net.Listener) net.Listener {
	return &bounded{Listener: l, server: s, open: make(places, s.Limits.Connections), told: make(places, mostTold)}
}

const (
	// mostTold is how many connections are told at the same time that there are
	// too many; more are closed at once.
	mostTold = 64
	// telling bounds how long one of them is told.
	telling = time.Second
)

// bounded is a listener that counts.
type bounded struct {
	net.Listener
	server     *Server
	open, told places
}

// Accept waits for a connection that there is room for.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		switch {
		case err != nil:
			return nil, err
		case b.open.take():
			return &counted{Conn: conn, leave: sync.OnceFunc(b.open.leave)}, nil
		case b.told.take():
			go func() {
				defer b.told.leave()
				b.server.turnAway(conn, cap(b.open))
			}()
		default:
			_ = conn.Close()
		}
	}
}

// counted is a connection that gives its place back when it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// turnAway answers a connection that there is no room for, whatever it asks.
func (s *Server) turnAway(conn net.Conn, most int) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(telling))
	p := problemOf(composa.Errorf(composa.CodeUnavailable, "cannot answer: %d connections are open, which is the most", most).
		WithNext("ask again in a few seconds"), "")
	var body, out bytes.Buffer
	p.encode(&body)
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nRetry-After: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
		p.Status, p.Title, p.ContentType(""), p.header.Get("Retry-After"), body.Len())
	out.Write(body.Bytes())
	if _, err := conn.Write(out.Bytes()); err != nil {
		return
	}
	// What the caller sends is read, so that closing does not take the answer
	// away from it again.
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		_, _ = io.CopyN(io.Discard, conn, MaxHeader)
	}
}
