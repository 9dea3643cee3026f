package liqid

import (
	"maps"
	"time"
)

// Who could not know. What is refused only because of somebody else is no
// violation, and this is what tells the two apart.

// blame is what an observer remembers of who did what. No client sees any of it,
// no director has it, and a restart keeps it.
type blame struct {
	lost    map[lost]struct{}
	taken   map[string]taking // by device; of those that came into a group since the start
	pointed client            // who set the default coordinates last
}

// maxLost is how many lost sessions are remembered; past it all are forgotten.
const maxLost = 1000

// lost is an edit session that somebody else ended, or that a restart forgot:
// the client that opened it cannot know, and breaks no rule by going on until it
// opens one itself.
type lost struct {
	target
	client
}

// taking is when a device came into its group, and who put it there.
type taking struct {
	at time.Time // by no clock that a director shows
	by []client
}

func (b blame) clone() blame {
	b.lost = maps.Clone(b.lost)
	b.taken = maps.Clone(b.taken)
	return b
}

// opens notes that a client has a session on the target again.
func (s *state) opens(t target, by client) { delete(s.blame.lost, lost{t, by}) }

// loses notes which clients do not know that a session ended.
func (s *state) loses(t target, open session, by client) {
	for _, opener := range open.Openers {
		if opener == by {
			continue
		}
		if len(s.blame.lost) >= maxLost {
			clear(s.blame.lost)
		}
		s.blame.lost[lost{t, opener}] = struct{}{}
	}
}
