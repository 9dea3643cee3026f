package liqid

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Signing in: liqid-api.md 2.14. A director with users takes HTTP Basic in every
// era and, in 3.x, the key of a digest.

// Limits of digests.
const (
	maxDigests     = 1000
	maxDigestLabel = 64
)

const (
	keyHeader = "X-API-Key"
	challenge = `Basic realm="liqid"`
)

// digest is a token bound to a label.
type digest struct {
	ID    int    `json:"id"`
	Label string `json:"label"`
	Key   string `json:"key"`
	User  string `json:"user"` // who made it
}

var errUnknownCaller = &refusal{http.StatusUnauthorized, "", "sign in with a user name and password, or with a key where there are keys"}

// signIn says who makes a request, and refuses those who may not. With Basic
// and a key one that is right is enough.
func (d *Director) signIn(r *http.Request) (client, error) {
	if user, ok := d.basicUser(r); ok {
		return clientOf(r, user), nil
	}
	if key := r.Header.Get(keyHeader); key != "" && d.era.in(line3) {
		for _, g := range d.view(false).digests {
			if same := subtle.ConstantTimeCompare([]byte(g.Key), []byte(key)); same == 1 {
				return clientOf(r, g.User), nil
			}
		}
	}
	if len(d.config.Users) == 0 {
		return clientOf(r, ""), nil
	}
	return client{}, errUnknownCaller
}

// basicUser is who signs in with HTTP Basic, if somebody does.
func (d *Director) basicUser(r *http.Request) (string, bool) {
	name, password, given := r.BasicAuth()
	right, known := d.config.Users[name]
	match := subtle.ConstantTimeCompare([]byte(right), []byte(password)) == 1
	return name, given && known && match
}

func (r *request) digestLabels() (any, error) {
	return append([]string{}, slices.Sorted(maps.Keys(r.digests))...), nil
}

// digestLabel reads the label in the path.
func (r *request) digestLabel() (string, error) {
	label := r.PathValue("label")
	if len(label) > maxDigestLabel || strings.ContainsFunc(label, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", invalid("label %q is not up to %d printable characters without spaces", label, maxDigestLabel)
	}
	return label, nil
}

type digestRecord struct {
	ID    int    `json:"digest_id"`
	Key   string `json:"digest_key"`
	Label string `json:"digest_label"`
}

// createDigest makes a key. One that the label had is no good any more. It
// needs the password: with a key alone nobody gets another.
func (r *request) createDigest() (any, error) {
	label, err := r.digestLabel()
	if err != nil {
		return nil, err
	}
	user, signed := r.d.basicUser(r.Request)
	if !signed && len(r.d.config.Users) > 0 {
		return nil, errUnknownCaller
	}
	var made digest
	_, err = r.d.change(false, func(s *state) error {
		if _, again := s.digests[label]; !again && len(s.digests) >= maxDigests {
			return invalid("there are %d digests, the most there can be; delete one", maxDigests)
		}
		s.lastDigest++
		made = digest{ID: s.lastDigest, Label: label, Key: r.d.digestKey(s.lastDigest), User: user}
		s.digests[label] = made
		return nil
	})
	return one(digestRecord{made.ID, made.Key, made.Label}), err
}

// digestKey makes up a key: no two are the same, and the same director makes
// the same ones.
func (d *Director) digestKey(id int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00digest\x00%d", d.config.Name, d.config.Seed, id))
	return hex.EncodeToString(sum[:16])
}

func (r *request) deleteDigest() (any, error) {
	label, err := r.digestLabel()
	if err != nil {
		return nil, err
	}
	_, err = r.d.change(false, func(s *state) error {
		if _, there := s.digests[label]; !there {
			return &refusal{http.StatusNotFound, "", "there is no digest " + label}
		}
		delete(s.digests, label)
		return nil
	})
	return one(label), err
}

type authMetaData struct {
	Mode string            `json:"mode"`
	Data map[string]string `json:"data"`
}

// deployment tells how to sign in; known of 2.5 only.
func (r *request) deployment() (any, error) {
	mode := "none"
	if len(r.d.config.Users) > 0 {
		mode = "basic"
	}
	return one(authMetaData{Mode: mode, Data: map[string]string{}}), nil
}
