package stomp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// HeartBeat is what one side of a connection offers: the least time between the
// signs of life that it can send, and the time between those it wants to get.
// Zero is none.
type HeartBeat struct{ Send, Receive time.Duration }

// maxBeat is the longest interval taken serious; the header is in milliseconds.
const maxBeat = 24 * time.Hour

// ParseHeartBeat reads the header heart-beat. An empty one is none.
func ParseHeartBeat(s string) (HeartBeat, error) {
	if s == "" {
		return HeartBeat{}, nil
	}
	a, b, ok := strings.Cut(s, ",")
	send, err1 := strconv.ParseUint(a, 10, 31)
	receive, err2 := strconv.ParseUint(b, 10, 31)
	if !ok || err1 != nil || err2 != nil {
		return HeartBeat{}, fmt.Errorf("stomp: heart-beat %q is not two numbers of milliseconds", s)
	}
	return HeartBeat{time.Duration(send) * time.Millisecond, time.Duration(receive) * time.Millisecond}, nil
}

// String is the header's value.
func (h HeartBeat) String() string {
	return fmt.Sprintf("%d,%d", h.Send.Milliseconds(), h.Receive.Milliseconds())
}

// Agree returns how often the side that offers h sends when the other offers
// peer, and how often it may expect to hear from it. Zero is never.
func (h HeartBeat) Agree(peer HeartBeat) (send, receive time.Duration) {
	if h.Send > 0 && peer.Receive > 0 {
		send = min(max(h.Send, peer.Receive), maxBeat)
	}
	if h.Receive > 0 && peer.Send > 0 {
		receive = min(max(h.Receive, peer.Send), maxBeat)
	}
	return send, receive
}

// Tolerance is how long to wait for a sign of life that is due every interval
// before the connection counts as lost: STOMP asks for a margin of error.
func Tolerance(interval time.Duration) time.Duration { return 2 * interval }
