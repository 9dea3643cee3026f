package liqid

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

var users = map[string]string{"composa": "s3cret", "ann": "other"}

// TestSignIn walks 2.14 in every era: nobody enters without a name and its
// password, the event socket and unknown calls included.
func TestSignIn(t *testing.T) {
	for _, api := range Eras() {
		t.Run(api, func(t *testing.T) {
			p := meet(t, Config{API: api, Users: users})
			for _, path := range []string{"fabric/id", "version", "status", "nonsense"} {
				a := p.denied(http.StatusUnauthorized, "GET", path, nil)
				if got := a.header.Get("WWW-Authenticate"); got != `Basic realm="liqid"` {
					t.Errorf("%s: challenge %q", path, got)
				}
			}
			for _, wrong := range [][2]string{{"composa", "other"}, {"nobody", ""}, {"composa", ""}, {"", ""}} {
				p.user, p.pass = wrong[0], wrong[1]
				p.denied(http.StatusUnauthorized, "POST", "group/clear", nil)
			}
			p.user, p.pass = "composa", "s3cret"
			ask[int](p, "GET", "fabric/id", nil)
			p.denied(http.StatusNotFound, "GET", "nonsense", nil)
			p.blameless()

			if api >= "3" {
				return
			}
			at := "ws" + strings.TrimPrefix(p.url, "http") + eventPath
			if _, reply, err := websocket.Dial(t.Context(), at, nil); err == nil || reply.StatusCode != http.StatusUnauthorized {
				t.Errorf("the event socket without a name: %v", err)
			}
			p.user = ""
			if a := p.do("GET", "sse/machine", nil); a.status != http.StatusUnauthorized {
				t.Errorf("server-sent events without a name: %d", a.status)
			}
		})
	}
}

// TestNobodySignsIn: a director without users takes whoever comes, also who
// sends a name.
func TestNobodySignsIn(t *testing.T) {
	p := meet(t, Config{API: "3.4"})
	ask[int](p, "GET", "fabric/id", nil)
	ask[int](p, "GET", "fabric/id", nil, keyHeader, "whatever")
	p.user, p.pass = "somebody", "x"
	ask[int](p, "GET", "fabric/id", nil)
}

// TestDigests walks the life of a token (2.14): made with the password, used
// alone, replaced when it is made again, kept over a restart, deleted.
func TestDigests(t *testing.T) {
	config := Config{API: "3.4", Users: users, DataDir: t.TempDir()}
	p := meet(t, config)
	p.user, p.pass = "composa", "s3cret"
	p.denied(http.StatusNotFound, "DELETE", "digest/composa", nil) // its outcome is ignored by clients
	first := askOne[digestRecord](p, "POST", "digest/composa", nil)
	if first.Label != "composa" || first.ID != 1 || len(first.Key) != 32 {
		t.Errorf("made %+v", first)
	}
	key := *p
	key.user = ""
	key.header = http.Header{keyHeader: {first.Key}}
	ask[int](&key, "GET", "fabric/id", nil)
	key.denied(http.StatusUnauthorized, "POST", "digest/another", nil) // only the password makes keys
	second := askOne[digestRecord](p, "POST", "digest/composa", nil)
	if second.Key == first.Key {
		t.Error("the same key again")
	}
	key.denied(http.StatusUnauthorized, "GET", "fabric/id", nil)
	key.header = http.Header{keyHeader: {second.Key}}
	ask[any](&key, "POST", "group", groupBody(1, "g"))
	ask[any](&key, "POST", "pool/edit", poolBody(1))
	if got := p.d.now.pools[1].Openers[0].User; got != "composa" {
		t.Errorf("with a key of composa's it opens as %q", got)
	}
	ask[digestRecord](p, "POST", "digest/backup", nil)
	if labels := ask[string](p, "GET", "digest", nil); !slices.Equal(labels, []string{"backup", "composa"}) {
		t.Errorf("labels %v", labels)
	}

	p.d.Close()
	again := meet(t, config)
	again.header = key.header
	ask[int](again, "GET", "fabric/id", nil)
	if label := askOne[string](again, "DELETE", "digest/composa", nil); label != "composa" {
		t.Errorf("deleted %q", label)
	}
	again.denied(http.StatusUnauthorized, "GET", "fabric/id", nil)
	again.header = http.Header{}
	again.user, again.pass = "composa", "s3cret"
	if third := askOne[digestRecord](again, "POST", "digest/composa", nil); third.Key == second.Key || third.Key == first.Key {
		t.Error("a key of before comes back")
	}
	// One that is right is enough, whatever the other says.
	ask[int](again, "GET", "fabric/id", nil, keyHeader, "wrong")
	again.denied(400, "POST", "digest/"+strings.Repeat("x", maxDigestLabel+1), nil)
	again.denied(400, "POST", "digest/two%20words", nil)
	again.blameless()
}

func TestDigestsAreBounded(t *testing.T) {
	d := start(t, Config{API: "3.4"})
	_, err := d.change(false, func(s *state) error {
		for i := range maxDigests {
			s.digests[string(rune('a'+i))] = digest{ID: i}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, d, "POST", "digest/onemore", "", 400)
	must[any](t, d, "POST", "digest/a", "")
}

// TestKeysAreOf3: an era without digests takes no key.
func TestKeysAreOf3(t *testing.T) {
	p := meet(t, Config{Users: users})
	p.denied(http.StatusUnauthorized, "GET", "fabric/id", nil, keyHeader, "")
	p.d.change(false, func(s *state) error { s.digests["x"] = digest{Label: "x", Key: "k"}; return nil })
	p.denied(http.StatusUnauthorized, "GET", "fabric/id", nil, keyHeader, "k")
}

// TestDeploymentTellsTheMode is 2.5's way of telling how to sign in.
func TestDeploymentTellsTheMode(t *testing.T) {
	p := meet(t, Config{Users: users})
	p.user, p.pass = "ann", "other"
	if got := askOne[authMetaData](p, "GET", "deployment", nil); got.Mode != "basic" {
		t.Errorf("mode %q", got.Mode)
	}
	if got := must[authMetaData](t, start(t, Config{}), "GET", "deployment", ""); got[0].Mode != "none" {
		t.Errorf("mode %q", got[0].Mode)
	}
}
