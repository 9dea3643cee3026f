package liqid

import (
	"bytes"
	"errors"
	"net/http"
	"time"
)

// Server-sent events: liqid-api.md 2.16. What a real director sends is not
// known; here a stream carries what the event socket pushes, the whole
// collection as a bare array, first as it is and then whenever it has changed.

const eventStreamType = "text/event-stream;charset=UTF-8"

// streams are the six collections that can be followed.
var streams = map[string]func(*Director, show) ([]byte, error){
	"device":    pushedAs("/data/device"),
	"group":     pushedAs("/data/group"),
	"machine":   pushedAs("/data/machine"),
	"predevice": pushedAs("/data/predevice"),
	"group/details": func(_ *Director, at show) ([]byte, error) {
		out := []groupDetails{}
		for _, g := range at.sortedGroups() {
			out = append(out, at.groupDetails(g))
		}
		return encode(out)
	},
	"machine/details": func(d *Director, at show) ([]byte, error) {
		out := []machineDetails{}
		for _, m := range at.sortedMachines() {
			out = append(out, at.machineDetails(m))
		}
		return encode(out)
	},
}

func pushedAs(destination string) func(*Director, show) ([]byte, error) {
	return func(d *Director, at show) ([]byte, error) { return d.collection(at, destination) }
}

// follow answers GET sse/{stream}.
func follow(name string) func(*request) (any, error) {
	return func(r *request) (any, error) { return &stream{r, streams[name]}, nil }
}

// stream is an answer that goes on until either side ends it. Where the director
// does, it breaks off: [http.ErrAbortHandler].
type stream struct {
	r    *request
	body func(*Director, show) ([]byte, error)
}

func (s *stream) write(w http.ResponseWriter) {
	d := s.r.d
	here, leave, err := d.attend(s.r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer leave()
	w.Header().Set("Content-Type", eventStreamType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Server", serverHeader)
	var beats <-chan time.Time
	if beat := d.config.HeartBeat; beat > 0 {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		beats = ticker.C
	}
	control := http.NewResponseController(w)
	// A client that reads nothing does not hold its stream for ever. Where there
	// is no connection behind w there is nothing to time out.
	say := func(parts ...[]byte) error {
		if err := control.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		for _, p := range parts {
			if _, err := w.Write(p); err != nil {
				return err
			}
		}
		return control.Flush()
	}
	var sent []byte
	for {
		d.mu.Lock()
		at, changed := d.show(d.now), d.changed
		d.mu.Unlock()
		body, err := s.body(d, at)
		if err != nil {
			return
		}
		if sent == nil || !bytes.Equal(sent, body) {
			if say([]byte("data:"), body, []byte("\n\n")) != nil {
				return
			}
			sent = body
		}
		select {
		case <-here.ctx.Done():
			if s.r.Context().Err() == nil {
				panic(http.ErrAbortHandler) // it is cut: its end must not look whole
			}
			return
		case <-changed:
		case <-beats:
			if say([]byte(":\n\n")) != nil {
				return
			}
		}
	}
}
