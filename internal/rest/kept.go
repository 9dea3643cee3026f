package rest

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/auth"
)

const (
	// maxViewers is how many sorts of caller, by what they may see, the encoded
	// site is kept for; the least recently seen one is forgotten.
	maxViewers = 8
	// maxOwners is how many tokens are remembered with their owners.
	maxOwners = 4096
)

// kept is what was read of the newest version of the store, so that a call that
// only reads asks the store for nothing but its version. Whatever changes there
// moves the version, and nothing of an older one is used again.
type kept struct {
	identity atomic.Pointer[composa.Identity]

	mu      sync.Mutex
	version int64 // of owners
	owners  map[[sha256.Size]byte]composa.Who
	viewers []*viewer // the one that was used last is the first
	made    int64     // viewers so far
}

// viewer is everybody who is shown the same.
type viewer struct {
	key    string
	number int64      // tells viewers of one server apart, in entity tags
	making sync.Mutex // held by who makes the newest, for all who wait for it
	newest atomic.Pointer[shown]
	names  atomic.Pointer[namesAt]
}

// namesAt are names as of a version.
type namesAt struct {
	version int64
	names
}

// owner is on whose behalf a call with a token is made.
func (s *Server) owner(ctx context.Context, token string) (composa.Who, error) {
	version, err := s.Store.Version(ctx)
	if err != nil {
		return composa.Who{}, err
	}
	hash := [sha256.Size]byte(auth.Hash(token))
	if who, ok := s.kept.owner(version, hash); ok && (who.Expires.IsZero() || s.Clock().Before(who.Expires)) {
		return who, nil
	}
	who, err := s.Store.TokenOwner(ctx, composa.System(), hash[:])
	if err == nil {
		s.kept.keepOwner(version, hash, who)
	}
	return who, err
}

// names are those that the caller may read.
func (s *Server) names(ctx context.Context) (names, error) {
	version, err := s.Store.Version(ctx)
	if err != nil {
		return names{}, err
	}
	who := callOf(ctx).who
	v := s.kept.viewer(who)
	if have := v.names.Load(); have != nil && version != 0 && have.version >= version {
		return have.names, nil
	}
	n, err := s.readNames(ctx, who)
	if err == nil {
		v.names.Store(&namesAt{version, n})
	}
	return n, err
}

// project returns the project of a name that the caller sees.
func (s *Server) project(ctx context.Context, name string) (*composa.Project, error) {
	n, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	for i := range n.all {
		if n.all[i].Name == name {
			return &n.all[i], nil
		}
	}
	return s.Store.Project(ctx, callOf(ctx).who, name) // tells that there is none
}

// identity is that of the site: the same for as long as its store is open.
func (s *Server) identity(ctx context.Context) (composa.Identity, error) {
	if have := s.kept.identity.Load(); have != nil {
		return *have, nil
	}
	id, err := s.Store.Identity(ctx, callOf(ctx).who)
	if err == nil {
		s.kept.identity.Store(&id)
	}
	return id, err
}

// owner is who has a token as of a version; version 0 is none.
func (k *kept) owner(version int64, hash [sha256.Size]byte) (composa.Who, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if version == 0 || version != k.version {
		return composa.Who{}, false
	}
	who, ok := k.owners[hash]
	return who, ok
}

// keepOwner remembers what was read when the store was at a version or later.
func (k *kept) keepOwner(version int64, hash [sha256.Size]byte, who composa.Who) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case version == 0 || version < k.version:
		return
	case version > k.version || len(k.owners) >= maxOwners:
		k.version, k.owners = version, map[[sha256.Size]byte]composa.Who{}
	}
	k.owners[hash] = who
}

// viewer returns the one that a principal is.
func (k *kept) viewer(who composa.Who) *viewer {
	key := viewerKey(who)
	k.mu.Lock()
	defer k.mu.Unlock()
	at := slices.IndexFunc(k.viewers, func(v *viewer) bool { return v.key == key })
	switch {
	case at == 0:
		return k.viewers[0]
	case at > 0:
		v := k.viewers[at]
		copy(k.viewers[1:at+1], k.viewers[:at])
		k.viewers[0] = v
		return v
	}
	k.made++
	v := &viewer{key: key, number: k.made}
	k.viewers = slices.Insert(k.viewers, 0, v)
	if len(k.viewers) > maxViewers {
		k.viewers[maxViewers] = nil
		k.viewers = k.viewers[:maxViewers]
	}
	return v
}

// viewerKey is the same for those who see the same: the members of a project see
// each other's names, and who is in none sees its own.
func viewerKey(who composa.Who) string {
	if len(who.Projects) == 0 {
		return string(who.Principal.Kind) + " " + string(who.Principal.ID)
	}
	return string(who.Principal.Kind) + " " + strings.Join(texts(who.Projects), " ")
}
