package liqid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/composa-dev/composa/internal/stomp"
)

// The event socket: STOMP over websocket, liqid-api.md 2.17.

// Where the event socket is (liqid-api.md 0.2).
const (
	eventPath    = "/liqid/websocket/v2/event"
	eventPathOld = "/liqid/event"
)

// Limits of one event socket.
const (
	maxSubscriptions = 64
	maxClientFrame   = 64 << 10
	maxPiece         = 512 << 10        // of a message
	connectWithin    = 30 * time.Second // CONNECT must have come
	writeWithin      = 30 * time.Second // a client must have taken a frame
)

// socket is one open event socket.
type socket struct {
	*listener
	d       *Director
	conn    *websocket.Conn
	version stomp.Version

	mu       sync.Mutex
	subs     []*subscription // in the order of SUBSCRIBE
	wake     chan struct{}   // a subscription came
	messages int
}

type subscription struct {
	id, destination string
	sent            []byte // the last body; nil before the first
}

// serveEvents is one client's event socket from its opening to its end.
func (d *Director) serveEvents(w http.ResponseWriter, r *http.Request, path string, began time.Time) {
	alive := d.alive()
	number, effects, err := d.arrive(r, path, &route{path: path}, nil)
	status := 0
	defer func() { d.journal.end(number, status, time.Since(began)) }()
	for _, e := range effects {
		if err == nil {
			err = d.inflict(r, alive, e)
		}
	}
	if err == nil && !d.era.in(line2) {
		err = d.unknown(r, path) // liqid-api.md 6.2: no event socket in 3.x
	}
	if err == nil {
		_, err = d.signIn(r)
	}
	if err != nil {
		status = d.fail(w, r, number, path, effects, err)
		return
	}
	here, leave, err := d.attend(context.Background())
	if err != nil {
		status = d.fail(w, r, number, path, effects, err)
		return
	}
	defer leave()
	if alive.over() { // a restart before it was counted has not cut it
		status = d.fail(w, r, number, path, effects, errDropped)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		status = http.StatusBadRequest // Accept has answered
		return
	}
	status = http.StatusSwitchingProtocols
	d.journal.end(number, status, time.Since(began))
	defer conn.CloseNow()
	conn.SetReadLimit(maxClientFrame)
	s := &socket{listener: here, d: d, conn: conn, wake: make(chan struct{}, 1)}
	s.run()
}

// run talks until either side ends it.
func (s *socket) run() {
	decoder := &stomp.Decoder{MaxFrame: maxClientFrame}
	first, err := s.read(decoder, connectWithin)
	if err != nil {
		s.refuse(err)
		return
	}
	send, receive, err := s.connect(first)
	if err != nil {
		s.refuse(err)
		return
	}
	decoder.Version = s.version
	var pushing sync.WaitGroup
	pushing.Go(func() {
		defer s.cut()
		s.push(send)
	})
	defer pushing.Wait()
	defer s.cut()
	silence := time.Duration(0)
	if receive > 0 {
		silence = stomp.Tolerance(receive)
	}
	for {
		f, err := s.read(decoder, silence)
		if err == nil {
			err = s.obey(f)
		}
		if errors.Is(err, errDisconnected) {
			s.conn.Close(websocket.StatusNormalClosure, "")
			return
		}
		if err != nil {
			s.refuse(err)
			return
		}
	}
}

var errDisconnected = errors.New("disconnected")

// errLost is a connection that is no more; there is nobody to tell why.
var errLost = errors.New("lost")

// read returns the next frame, waiting at most silence for each sign of life; 0
// waits for ever.
func (s *socket) read(decoder *stomp.Decoder, silence time.Duration) (*stomp.Frame, error) {
	for {
		f, err := decoder.Next()
		if f != nil || err != nil {
			return f, err
		}
		ctx, done := s.ctx, context.CancelFunc(func() {})
		if silence > 0 {
			ctx, done = context.WithTimeout(s.ctx, silence)
		}
		kind, data, err := s.conn.Read(ctx)
		done()
		if err != nil {
			return nil, errLost
		}
		if kind != websocket.MessageText {
			return nil, errors.New("only text messages carry frames")
		}
		decoder.Write(data)
	}
}

// connect agrees on version and heart-beats and answers CONNECTED.
func (s *socket) connect(f *stomp.Frame) (send, receive time.Duration, err error) {
	if f.Command != "CONNECT" && f.Command != "STOMP" {
		return 0, 0, fmt.Errorf("%s before CONNECT", f.Command)
	}
	offered := strings.Split(f.Header.Get("accept-version"), ",")
	if offered[0] == "" {
		offered = []string{string(stomp.V10)}
	}
	for _, v := range []stomp.Version{stomp.V12, stomp.V11, stomp.V10} {
		if s.version == "" && slices.Contains(offered, string(v)) {
			s.version = v
		}
	}
	if s.version == "" {
		return 0, 0, fmt.Errorf("of the versions %s none is spoken here; there are 1.0, 1.1 and 1.2", strings.Join(offered, ", "))
	}
	peer, err := stomp.ParseHeartBeat(f.Header.Get("heart-beat"))
	if err != nil {
		return 0, 0, err
	}
	own := stomp.HeartBeat{Send: s.d.config.HeartBeat, Receive: s.d.config.HeartBeat}
	send, receive = own.Agree(peer)
	// One client throws when heart-beat is missing (liqid-api.md 2.17).
	return send, receive, s.send(stomp.New("CONNECTED", "version", string(s.version), "heart-beat", own.String(), "server", serverHeader))
}

// obey carries out one frame of a connected client.
func (s *socket) obey(f *stomp.Frame) error {
	id, destination := f.Header.Get("id"), f.Header.Get("destination")
	if id == "" && s.version == stomp.V10 {
		id = destination // 1.0 may tell subscriptions apart by destination
	}
	var after error
	switch f.Command {
	case "SUBSCRIBE":
		if _, known := collections[destination]; !known {
			return fmt.Errorf("there is no destination %q; there are /data/group, /data/machine, /data/predevice and /data/device", destination)
		}
		if id == "" {
			return errors.New("SUBSCRIBE without an id")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if slices.ContainsFunc(s.subs, func(sub *subscription) bool { return sub.id == id }) {
			return fmt.Errorf("there is a subscription %q already", id)
		}
		if len(s.subs) >= maxSubscriptions {
			return fmt.Errorf("more than %d subscriptions", maxSubscriptions)
		}
		s.subs = append(s.subs, &subscription{id: id, destination: destination})
		select {
		case s.wake <- struct{}{}:
		default:
		}
	case "UNSUBSCRIBE":
		s.mu.Lock()
		defer s.mu.Unlock()
		i := slices.IndexFunc(s.subs, func(sub *subscription) bool { return sub.id == id })
		if i < 0 {
			return fmt.Errorf("there is no subscription %q", id)
		}
		s.subs = slices.Delete(s.subs, i, i+1)
	case "DISCONNECT":
		after = errDisconnected
	default:
		return fmt.Errorf("%s is not taken here", f.Command)
	}
	if receipt, wanted := f.Header.Lookup("receipt"); wanted {
		if err := s.send(stomp.New("RECEIPT", "receipt-id", receipt)); err != nil {
			return err
		}
	}
	return after
}

// push sends every subscription its collection, first as it is and then
// whenever it has become another, and a heart-beat in between.
func (s *socket) push(beat time.Duration) {
	var beats <-chan time.Time
	if beat > 0 {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		beats = ticker.C
	}
	for {
		s.d.mu.Lock()
		at, changed := s.d.show(s.d.now), s.d.changed
		s.d.mu.Unlock()
		if s.pushAll(at) != nil {
			return
		}
		select {
		case <-s.ctx.Done():
			return
		case <-changed:
		case <-s.wake:
		case <-beats:
			if s.write([]byte("\n")) != nil {
				return
			}
		}
	}
}

func (s *socket) pushAll(at show) error {
	s.mu.Lock()
	subs := slices.Clone(s.subs)
	s.mu.Unlock()
	s.d.order(subs)
	for _, sub := range subs {
		body, err := s.d.collection(at, sub.destination)
		if err != nil {
			return err
		}
		if sub.sent != nil && bytes.Equal(sub.sent, body) {
			continue
		}
		s.messages++
		f := stomp.New("MESSAGE", "subscription", sub.id, "message-id", strconv.Itoa(s.messages), "destination", sub.destination, "content-type", "application/json")
		f.Body = body // without content-length: one client counts it in characters
		if err := s.send(f); err != nil {
			return err
		}
		sub.sent = body
	}
	return nil
}

// send writes one frame as one text message.
func (s *socket) send(f *stomp.Frame) error {
	data, err := f.Encode(s.version)
	if err != nil {
		return err
	}
	return s.write(data)
}

// write sends one text message. A long one goes in pieces, which the other side
// joins again: one client's websocket takes no piece of more than a mebibyte.
func (s *socket) write(data []byte) error {
	ctx, done := context.WithTimeout(s.ctx, writeWithin)
	defer done()
	if len(data) <= maxPiece {
		if s.conn.Write(ctx, websocket.MessageText, data) != nil {
			return errLost
		}
		return nil
	}
	w, err := s.conn.Writer(ctx, websocket.MessageText)
	if err != nil {
		return errLost
	}
	for piece := range slices.Chunk(data, maxPiece) {
		if _, err := w.Write(piece); err != nil {
			return errLost
		}
	}
	if w.Close() != nil {
		return errLost
	}
	return nil
}

// refuse tells the client why and closes.
func (s *socket) refuse(err error) {
	if errors.Is(err, errLost) {
		return
	}
	f := stomp.New("ERROR", "message", err.Error())
	if s.version == "" {
		f = stomp.New("ERROR", "version", "1.0,1.1,1.2", "message", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	if s.send(f) == nil {
		s.conn.Close(websocket.StatusPolicyViolation, "")
	}
}
