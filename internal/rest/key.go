package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/composa-dev/composa"
)

// The headers of requests that are safe to repeat.
const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed" // true: the answer is that of an earlier request
)

// keyParameter describes the key of a changing request.
var keyParameter = &huma.Param{
	Name: keyHeader, In: "header", Example: "3f0c2a9e-compose-train",
	Description: "Makes the request safe to repeat: sent again with the same key, it is not done again, but answered by what came of the first, as that is then, with " +
		replayedHeader + ": true. 1 to 128 visible characters of ASCII, kept for who asks for 24 hours; of more than the newest 10,000 (keysPerPrincipal) the oldest go before that. The same key with another request is 422, key_reused. A request that was refused leaves no key; that of a dry run is not looked at.",
	Schema: &huma.Schema{Type: huma.TypeString, MaxLength: new(composa.MaxKey)},
}

// keyed reads the key of a changing request. What only asks, and a dry run, needs
// none, so that its key is not looked at.
func (s *Server) keyed(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	given := r.Header.Values(keyHeader)
	if len(given) == 0 || r.Method == http.MethodGet || r.Method == http.MethodHead || isDryRun(r) {
		next(ctx)
		return
	}
	key, err := keyOf(r, given)
	if err != nil {
		s.answer(w, r, err)
		return
	}
	callOf(r.Context()).who.Key = key
	next(ctx)
}

// isDryRun says whether a request only asks what it would do. What the word means
// is not told here: the route refuses one that is neither true nor false.
func isDryRun(r *http.Request) bool {
	dry, err := strconv.ParseBool(r.URL.Query().Get("dryRun"))
	return err == nil && dry
}

// keyOf is the key of a request whose body was read and is sound.
func keyOf(r *http.Request, given []string) (*composa.RequestKey, error) {
	if len(given) > 1 {
		return nil, at("header."+keyHeader, "is given %d times; it is taken once", len(given))
	}
	if err := composa.CheckKey(given[0]); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	hash, err := fingerprint(r, body)
	return &composa.RequestKey{Key: given[0], Hash: hash}, err
}

// patient are the parameters that say how a request is answered, not what is
// asked.
var patient = []string{"wait", "explain"}

// fingerprint is the SHA-256 of all that a request asks: its method and path,
// what its query says but for how it is answered, its conditions, and its body.
// The body counts as what it says: spaces, the order of fields and the spelling
// of strings do not matter; numbers count as they are written.
func fingerprint(r *http.Request, body []byte) ([]byte, error) {
	said := any(map[string]any{}) // no body asks for the same as an empty one
	if len(bytes.TrimSpace(body)) > 0 {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(&said); err != nil {
			return nil, err
		}
	}
	query := url.Values{}
	for name, values := range r.URL.Query() {
		if !slices.Contains(patient, name) {
			query[name] = values
		}
	}
	text, err := json.Marshal([]any{
		r.Method, r.URL.Path, query.Encode(), r.Header.Get("If-Match"), r.Header.Get("If-None-Match"), said,
	})
	sum := sha256.Sum256(text)
	return sum[:], err
}

// once runs a change and notes that it was taken. A change that an earlier
// request with the same key made is not made again.
func (c *call) once(change func(composa.Who) error) error {
	if c.kept != nil {
		c.header.Set(replayedHeader, "true")
		return nil
	}
	err := change(c.who)
	if err == nil {
		c.taken()
	}
	return err
}

// taken notes that the request was taken: who waits with the same key may go on.
func (c *call) taken() {
	c.accepted = true
	c.leave()
}

// answered answers a request, one with a key by what came of the first of that
// key: at once where that was answered before, and after it where it is under
// way. A request that was refused, so that nothing was done, leaves no key.
func answered[O any](ctx context.Context, s *Server, answer func() (*O, error)) (*O, error) {
	c := callOf(ctx)
	if c.who.Key == nil {
		return answer()
	}
	leave, err := s.underWay.enter(ctx, c.who)
	if err != nil {
		return nil, err
	}
	c.leave = leave
	defer c.leave()
	if err := s.recall(ctx, c); err != nil {
		return nil, err
	}
	out, err := answer()
	switch {
	case c.accepted || c.kept != nil:
		return out, err
	case err == nil: // a check changes nothing, and is made anew each time
		if err := s.Store.KeepRequest(ctx, c.who, ""); composa.CodeOf(err) != composa.CodeExists { // another server keeps it
			return out, err
		}
		return out, s.recall(ctx, c)
	}
	// Another server may have taken the request in between; what was met then
	// is what that one did.
	if again := s.recall(ctx, c); again != nil {
		return nil, again
	}
	if c.kept != nil {
		return answer()
	}
	return nil, err
}

// recall finds the earlier request of the caller's key. It refuses one that
// asked for something else.
func (s *Server) recall(ctx context.Context, c *call) error {
	kept, err := s.Store.Request(ctx, c.who)
	if err != nil || kept == nil {
		return err
	}
	if !bytes.Equal(kept.Hash, c.who.Key.Hash) {
		return reused(kept)
	}
	c.kept = kept
	return nil
}

// reused is the answer to a key that was given to another request.
func reused(kept *composa.KeptRequest) error {
	what := ""
	if op := kept.Operation(); op != "" {
		what = fmt.Sprintf(", of which operation %s came", op)
	}
	e := composa.Errorf(composa.CodeKeyReused, "cannot take the request: its key %q was given at %s to another request%s",
		composa.Abridge(kept.Key, 40), kept.At.UTC().Format(time.RFC3339), what).
		WithNext("send this one with a key of its own; a key names one request for %d hours", int(composa.KeyLife/time.Hour))
	e.Operation = kept.Operation()
	return e
}

// outcome is what came of an earlier request, as it is now.
func (s *Server) outcome(ctx context.Context, c *call) (*composa.Outcome, error) {
	out := &composa.Outcome{Made: c.kept.Made}
	var err error
	if op := c.kept.Operation(); op != "" {
		out.Operation, err = s.Store.Operation(ctx, c.who, op)
	} else {
		out.Machine, err = s.Store.MachineByID(ctx, c.who, composa.MachineID(c.kept.Result))
	}
	return out, err
}

// underWay are the requests with a key that are being taken: one of each key.
// The zero value has none.
type underWay struct {
	mu  sync.Mutex
	all map[string]chan struct{} // closed when the request was taken or refused
}

// enter waits until no other request of the same principal and key is being
// taken. leave must be called; it may be called more than once.
func (u *underWay) enter(ctx context.Context, who composa.Who) (leave func(), err error) {
	name := string(who.Principal.ID) + " " + who.Key.Key
	for {
		u.mu.Lock()
		first, taken := u.all[name]
		if !taken {
			if u.all == nil {
				u.all = map[string]chan struct{}{}
			}
			mine := make(chan struct{})
			u.all[name] = mine
			u.mu.Unlock()
			return sync.OnceFunc(func() {
				u.mu.Lock()
				defer u.mu.Unlock()
				delete(u.all, name)
				close(mine)
			}), nil
		}
		u.mu.Unlock()
		select {
		case <-first:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
