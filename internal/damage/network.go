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

	mu    sync.Mutex
	cut   bool               // nobody reaches anybody
	wires map[*wire]struct{} // that are open
}

func newNetwork(name string) *network {
	return &network{name: name, opened: make(chan net.Conn), closed: make(chan struct{}), wires: map[*wire]struct{}{}}
}

// wire is a connection, both ends of it.
type wire struct {
	net.Conn
	far net.Conn
	of  *network
}

// Close ends a connection from its near end.
func (w *wire) Close() error {
	w.of.mu.Lock()
	delete(w.of.wires, w)
	w.of.mu.Unlock()
	return w.Conn.Close()
}

// sever breaks every connection off, and lets nobody dial until mend.
func (n *network) sever() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = true
	for w := range n.wires {
		w.Conn.Close()
		w.far.Close()
	}
	clear(n.wires)
}

func (n *network) mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = false
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
	w := &wire{near, far, n}
	n.mu.Lock()
	cut := n.cut
	if !cut {
		n.wires[w] = struct{}{}
	}
	n.mu.Unlock()
	if cut {
		return nil, n.refused()
	}
	select {
	case n.opened <- far:
		return w, nil
	case <-n.closed:
		w.Close()
		return nil, n.refused()
	case <-ctx.Done():
		w.Close()
		return nil, ctx.Err()
	}
}

func (n *network) refused() error { return fmt.Errorf("dial %s: %w", n.name, syscall.ECONNREFUSED) }

// transport is how a driver reaches the director.
func (n *network) transport() *http.Transport {
	return &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 8, DisableCompression: true}
}
