package liqid

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// agent is how this driver calls itself to a director.
const agent = "composa/liqid"

// Bounds of signing in.
const (
	refusedLeast = time.Second     // the pause after a password that was refused; it doubles,
	refusedMost  = 5 * time.Minute // up to this
	keyAge       = time.Minute     // a key that is refused sooner was taken by somebody of the same label
	basicFor     = 10 * time.Minute
	maxSignIn    = 1 << 20 // bytes of an answer
)

// signing is a transport that says who calls (liqid-api.md 2.14), to the
// director and to nobody else. Where there are digests it makes a key of its
// own, under a label of this site, and shows that, once it is known that the
// director may be changed; else it shows user and password. It finds out by asking, before the first call. One that only
// observes makes no key. A password is tried by one call at a time, and not
// before a pause where it was refused: directors lock users out.
type signing struct {
	base   http.RoundTripper
	fabric composa.FabricName
	at     *url.URL // of the director's calls
	shown  string   // it, for people
	who    caller
	label  string        // of the key; empty where none may be made
	within time.Duration // for one call

	turn chan struct{} // held by the one who signs in

	mu       sync.Mutex
	makes    bool // a key may be made: it is known that the director may be changed
	is       identity
	refusals int       // of the password, in a row
	until    time.Time // it is not tried before
}

// caller is a user of the director; without a name nobody is told who calls.
type caller struct {
	Username string
	password secret
}

// secret is a word that is not written down with what holds it: whatever prints
// that finds an address.
type secret struct{ word *string }

func (s secret) told() string {
	if s.word == nil {
		return ""
	}
	return *s.word
}

// identity is what a call shows of who calls.
type identity struct {
	key   secret // where empty, user and password are shown
	keyed bool   // the director has digests
	since time.Time
	until time.Time // then it is asked again what the director takes; zero: never
}

func (i identity) none(now time.Time) bool {
	return i.since.IsZero() || (!i.until.IsZero() && !now.Before(i.until))
}

// RoundTrip makes a call that says who calls. A call that a director refuses
// because it does not know the caller any more was not carried out: it is made
// once more after signing in again.
func (s *signing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", agent)
	if s.who.Username == "" || r.URL.Host != s.at.Host || r.URL.Scheme != s.at.Scheme {
		return s.base.RoundTrip(r)
	}
	is, err := s.identity(r.Context())
	if err != nil {
		return nil, closing(r, err)
	}
	reply, err := s.base.RoundTrip(s.with(r, is))
	if err != nil || reply.StatusCode != http.StatusUnauthorized {
		return reply, err
	}
	// A director may refuse a single call so to somebody whom it knows: that is
	// the call's own affair.
	good, err := s.good(r.Context(), is)
	if good {
		return reply, nil
	}
	reply.Body.Close()
	if err != nil {
		return nil, err
	}
	if is, err = s.renew(r.Context(), is); err != nil {
		return nil, err
	}
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return nil, s.refuse(is) // it cannot be made again
		}
		if r.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
	return s.base.RoundTrip(s.with(r, is))
}

// good says whether the director takes an identity that it did not take with one
// call: it is shown with the call that everybody may make. The password is tried
// so by one at a time.
func (s *signing) good(ctx context.Context, is identity) (bool, error) {
	if err := s.take(ctx); err != nil {
		return false, err
	}
	defer func() { <-s.turn }()
	if now, known := s.known(); !known || now != is {
		return false, nil // somebody else found out
	}
	status, _, err := s.ask(ctx, is, http.MethodGet, "fabric/id")
	return err == nil && status != http.StatusUnauthorized, err
}

// closing closes what a transport must close, and returns err.
func closing(r *http.Request, err error) error {
	if r.Body != nil {
		r.Body.Close()
	}
	return err
}

func (s *signing) with(r *http.Request, is identity) *http.Request {
	r = r.Clone(r.Context())
	if key := is.key.told(); key != "" {
		r.Header.Set("X-API-Key", key)
	} else {
		r.SetBasicAuth(s.who.Username, s.who.password.told())
	}
	return r
}

// identity is what to show now; it signs in where nothing is known.
func (s *signing) identity(ctx context.Context) (identity, error) {
	if is, known := s.known(); known {
		return is, nil
	}
	if err := s.take(ctx); err != nil {
		return identity{}, err
	}
	defer func() { <-s.turn }()
	if is, known := s.known(); known {
		return is, nil
	}
	return s.signIn(ctx)
}

// renew replaces an identity that a director refused.
func (s *signing) renew(ctx context.Context, refused identity) (identity, error) {
	if err := s.take(ctx); err != nil {
		return identity{}, err
	}
	defer func() { <-s.turn }()
	if is, known := s.known(); known && is != refused {
		return is, nil
	}
	now := time.Now()
	if refused.key.word != nil && now.Sub(refused.since) < keyAge {
		return s.set(identity{since: now, until: now.Add(basicFor)}), nil
	}
	return s.signIn(ctx)
}

func (s *signing) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *signing) known() (identity, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.is, !s.is.none(time.Now())
}

// mayMake says whether a key may be made: not before it is known that the
// director is one that is changed. One that is there is shown all the same.
func (s *signing) mayMake(may bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.makes = may; may && s.is.keyed && s.is.key.word == nil {
		s.is.until = time.Now()
	}
}

func (s *signing) mayMakeKey() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.makes && s.label != ""
}

func (s *signing) set(is identity) identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.is, s.refusals, s.until = is, 0, time.Time{}
	return is
}

// refuse notes that is was refused, and says so.
func (s *signing) refuse(is identity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.is == is {
		s.is = identity{}
	}
	if !now.Before(s.until) {
		s.until = now.Add(min(refusedLeast<<min(s.refusals, 16), refusedMost))
		s.refusals++
	}
	return s.refusal()
}

// refusal is told for as long as the password is not taken, so it names no time
// that passes.
func (s *signing) refusal() error {
	return &fault{
		code: composa.CodeUnreachable, status: http.StatusUnauthorized,
		why: fmt.Sprintf("the director of %s at %s does not take the password of its user %q; it is tried less and less often, at last every %s",
			s.fabric, s.shown, composa.Abridge(clean(s.who.Username), 40), refusedMost),
		next: fmt.Sprintf("set the credentials of fabric %s right and start the server again", s.fabric),
	}
}

// signIn finds out what the director takes. The caller holds the turn.
func (s *signing) signIn(ctx context.Context) (identity, error) {
	s.mu.Lock()
	left := time.Until(s.until)
	s.mu.Unlock()
	if left > 0 {
		return identity{}, s.refusal()
	}
	status, _, err := s.ask(ctx, identity{}, http.MethodGet, "digest")
	keyed := false
	switch {
	case err != nil:
	case status/100 != 2: // no digests, or not for this user: see that it takes the password
		_, _, err = s.ask(ctx, identity{}, http.MethodGet, "fabric/id")
	case s.mayMakeKey():
		var key string
		if key, err = s.makeKey(ctx); err == nil && key != "" {
			return s.set(identity{key: secret{&key}, keyed: true, since: time.Now()}), nil
		}
	default:
		keyed = s.label != ""
	}
	if err != nil {
		return identity{}, err
	}
	now := time.Now()
	return s.set(identity{keyed: keyed, since: now, until: now.Add(basicFor)}), nil
}

// makeKey replaces this site's key; empty where the director gives none.
func (s *signing) makeKey(ctx context.Context) (string, error) {
	path := "digest/" + url.PathEscape(s.label)
	if _, _, err := s.ask(ctx, identity{}, http.MethodDelete, path); err != nil { // mostly there is none
		return "", err
	}
	status, data, err := s.ask(ctx, identity{}, http.MethodPost, path)
	if err != nil || status/100 != 2 || len(data.data) == 0 {
		return "", err
	}
	var w struct {
		Key string `json:"digest_key"`
	}
	if json.Unmarshal(data.data[0], &w) != nil || w.Key == "" || len(w.Key) > maxText || clean(w.Key) != w.Key {
		return "", nil
	}
	return w.Key, nil
}

// ask makes a call of the sign-in itself, with a key, or with user and password;
// where these are refused that is noted. It stands apart from the call that waits
// for it: a trace of that one is not told of it.
func (s *signing) ask(ctx context.Context, is identity, method, path string) (status int, e envelope, err error) {
	own, stop := context.WithTimeout(context.Background(), s.within)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	r, err := http.NewRequestWithContext(own, method, s.at.String()+path, nil)
	if err != nil {
		return 0, e, err
	}
	r.Header.Set("User-Agent", agent)
	r.Header.Set("Accept", "application/json")
	reply, err := s.base.RoundTrip(s.with(r, is))
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return 0, e, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxSignIn))
	switch {
	case err != nil:
		return 0, e, err
	case reply.StatusCode == http.StatusUnauthorized && is.key.word == nil:
		return 0, e, s.refuse(is)
	case reply.StatusCode >= 500 || reply.StatusCode == http.StatusTooManyRequests:
		return 0, e, &fault{
			code: composa.CodeUnreachable, status: reply.StatusCode, after: retryAfter(reply, time.Now()),
			why: fmt.Sprintf("the director of %s at %s cannot be signed in to: it answered %s %s with %d", s.fabric, s.shown, method, path, reply.StatusCode),
		}
	}
	e, _ = readEnvelope([]byte(strings.TrimSpace(string(text))))
	return reply.StatusCode, e, nil
}
