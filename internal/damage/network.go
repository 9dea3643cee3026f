package damage

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// network is where one director listens. Its connections are pipes, so that a
// bubble of virtual time knows when everybody waits for somebody.
type network struct {
	name   string
	opened chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func newNetwork(name string) *network {
	return &network{name: name, opened: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept, Close and Addr make it a net.Listener.
func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.opened:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the listening; connections stay.
func (n *network) Close() error {
	n.close.Do(func() { close(n.closed) })
	return nil
}

// Addr is the name of the director.
func (n *network) Addr() net.Addr { return address(n.name) }

type address string

func (a address) Network() string { return "pipe" }
func (a address) String() string  { return string(a) }

// dial connects to the listener.
func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case n.opened <- far:
		return near, nil
	case <-n.closed:
		return nil, fmt.Errorf("dial %s: %w", n.name, syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// transport is how a driver reaches the director.
func (n *network) transport() *http.Transport {
	return &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 8, DisableCompression: true}
}
