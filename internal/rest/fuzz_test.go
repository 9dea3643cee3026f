package rest

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/auth"
)

// A cursor is what a page ended with, or is refused.
func FuzzCursor(f *testing.F) {
	f.Fuzz(func(t *testing.T, cursor string) {
		key, err := PageInput{Cursor: cursor}.key()
		if err != nil && (key != "" || composa.CodeOf(err) == "") {
			t.Errorf("%q is refused with key %q: %v", cursor, key, err)
		}
		if again, err := (PageInput{Cursor: cursorOf(key)}).key(); err != nil || again != key {
			t.Errorf("the cursor of %q is read as %q: %v", key, again, err)
		}
		from, to, _, err := bounds(3, PageInput{Cursor: cursor, Limit: 2}, func(i int) string { return []string{"a/1", "a-b/1", "b/1"}[i] }, comparePlaces)
		if err == nil && (from < 0 || from > to || to > 3 || to-from > 2) {
			t.Errorf("%q gives %d to %d of 3", cursor, from, to)
		}
	})
}

// An id is that of an event of this incarnation exactly where it is read as one.
func FuzzEventID(f *testing.F) {
	f.Fuzz(func(t *testing.T, id string) {
		seq, same, ok := seqOf("inc", id)
		switch {
		case !ok && (same || seq != 0):
			t.Errorf("%q is no id, and is read as %d, %t", id, seq, same)
		case ok && seq < 0:
			t.Errorf("%q is read as %d", id, seq)
		case ok && same:
			if again, same, ok := seqOf("inc", eventID("inc", seq)); !ok || !same || again != seq {
				t.Errorf("the id of %d is read as %d", seq, again)
			}
		}
	})
}

// Whatever a caller accepts, events come in one of their three forms.
func FuzzAccept(f *testing.F) {
	f.Fuzz(func(t *testing.T, accept string) {
		switch kind := eventKind(accept); kind {
		case jsonType:
		case sseType, ndjsonType:
			if !strings.Contains(strings.ToLower(accept), kind) {
				t.Errorf("%q is taken for %s", accept, kind)
			}
		default:
			t.Errorf("%q is taken for %s", accept, kind)
		}
	})
}

// A token that is read from a header can be one.
func FuzzBearer(f *testing.F) {
	f.Fuzz(func(t *testing.T, header string) {
		token, ok := auth.Bearer(header)
		if !ok && token != "" || ok && (token == "" || len(token) > auth.MaxToken || !strings.Contains(header, token)) {
			t.Errorf("%q is read as %q, %t", header, token, ok)
		}
		if again, same := auth.Bearer("Bearer " + token); ok && (!same || again != token) {
			t.Errorf("%q is read as %q, and that as %q", header, token, again)
		}
	})
}

// A tag of ours is found only where it stands, and whatever a caller prefers,
// the wait is bounded.
func FuzzTagsAndWait(f *testing.F) {
	f.Fuzz(func(t *testing.T, header string) {
		if (SinceInput{IfNoneMatch: header}).has(`W/"ours"`) && !strings.Contains(header, `W/"ours"`) && !strings.Contains(header, "*") {
			t.Errorf("%q is taken for ours", header)
		}
		if p := (WaitInput{Prefer: header}).patience(); p < 0 || p > MaxWait {
			t.Errorf("%q waits %v", header, p)
		}
	})
}

// A request is the same however its body is spaced, and only where the body can
// be read.
func FuzzFingerprint(f *testing.F) {
	r := httptest.NewRequest("PUT", "/v1/machines/default/train", nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		sum, err := fingerprint(r, body)
		var spaced bytes.Buffer
		switch {
		case !json.Valid(body): // an empty one is none; what follows a whole one is refused before (checkBody)
			return
		case err != nil:
			t.Fatalf("%q is refused: %v", body, err)
		case json.Indent(&spaced, body, " ", "\t") != nil:
			t.Fatalf("%q cannot be spaced", body)
		}
		if again, err := fingerprint(r, spaced.Bytes()); err != nil || !bytes.Equal(again, sum) {
			t.Errorf("%q and %q are two requests, %v", body, spaced.String(), err)
		}
	})
}

// Whatever the store holds as the body of an event, the event can be told.
func FuzzEventBody(f *testing.F) {
	families := []composa.EventType{"machine.ready", "device.added", "operation.done", "step.done", "claim.opened", "fabric.added", "pool.created", "user.created", "token.created", "other.happened"}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, typ := range families {
			told := names{}.event("inc", &composa.Event{Seq: 7, Type: typ, Project: "proj_a", Subject: "s", Body: body})
			text, err := json.Marshal(told)
			if err != nil || told.ID != eventID("inc", 7) || !json.Valid(text) {
				t.Errorf("%s with %q is told as %s, %v", typ, body, text, err)
			}
		}
	})
}
