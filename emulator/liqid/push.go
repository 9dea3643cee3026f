package liqid

import (
	"context"
	"slices"
	"sync"
)

// What is pushed, and to whom: the event socket and the event streams share it.

// collections are the destinations: each is pushed whole, as a bare array,
// when it has changed (liqid-api.md 2.17). Changes that follow each other
// faster than a client reads are pushed as one.
var collections = map[string]func(show) any{
	"/data/group":     func(s show) any { return s.groupList() },
	"/data/machine":   func(s show) any { return s.machineList(func(machine) bool { return true }) },
	"/data/predevice": func(s show) any { return s.predeviceList(func(predeviceRecord) bool { return true }) },
	"/data/device":    func(s show) any { return s.statusList(func(*device) bool { return true }) },
}

// listener is one who listens to events, on a socket or a stream.
type listener struct {
	ctx context.Context
	cut context.CancelFunc
}

// CutSockets closes every event socket and stream without a word, as a network would.
func (d *Director) CutSockets() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for l := range d.listeners {
		l.cut()
	}
}

// attend counts one more listener, until leave is called. [Director.CutSockets],
// [Director.Close] and the end of parent end its context.
func (d *Director) attend(parent context.Context) (l *listener, leave func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, nil, errClosing
	}
	l = &listener{}
	l.ctx, l.cut = context.WithCancel(parent)
	stop := context.AfterFunc(d.closing, l.cut)
	d.sockets.Add(1)
	d.listeners[l] = struct{}{}
	return l, func() {
		stop()
		l.cut()
		d.mu.Lock()
		delete(d.listeners, l)
		d.mu.Unlock()
		d.sockets.Done()
	}, nil
}

// order puts subscriptions in the order in which the director pushes.
func (d *Director) order(subs []*subscription) {
	switch d.config.Habits.Push {
	case "reversed":
		slices.Reverse(subs)
	case "scattered":
		d.mu.Lock()
		defer d.mu.Unlock()
		d.rng.Shuffle(len(subs), func(i, j int) { subs[i], subs[j] = subs[j], subs[i] })
	}
}

// pushed is a collection as it was last encoded, shared by all sockets.
type pushed struct {
	generation uint64
	body       []byte
}

// pushCache spares encoding one collection once for each socket.
type pushCache struct {
	mu   sync.Mutex
	last map[string]pushed
}

func (d *Director) collection(at show, destination string) ([]byte, error) {
	d.encoded.mu.Lock()
	defer d.encoded.mu.Unlock()
	if p, ok := d.encoded.last[destination]; ok && p.generation == at.generation {
		return p.body, nil
	}
	body, err := encode(collections[destination](at))
	if err != nil {
		return nil, err
	}
	if d.encoded.last == nil {
		d.encoded.last = map[string]pushed{}
	}
	d.encoded.last[destination] = pushed{at.generation, body}
	return body, nil
}
