package rest

import (
	"context"
	"strconv"
	"sync"

	"github.com/composa-dev/composa/api"
)

// shown is one version of the site as one viewer sees it. It is never changed
// but for what it makes when that is first asked for.
type shown struct {
	version int64
	tag     string // begins the entity tags of lists
	view    *view  // as of when it was made
	shelves []*shelf

	fabrics   func() ([]api.Fabric, error) // made once
	available func() ([]api.Available, error)

	mu    sync.Mutex
	found map[deviceFilter]*finding
}

// shown returns the site as the caller sees it now.
func (s *Server) shown(ctx context.Context) (*shown, error) {
	// The version is asked for first: what is read after that is of it, or newer.
	version, err := s.Store.Version(ctx)
	if err != nil {
		return nil, err
	}
	who := callOf(ctx).who
	v := s.kept.viewer(who)
	if sh := v.newest.Load(); sh.is(version) {
		return sh, nil
	}
	v.making.Lock()
	defer v.making.Unlock()
	before := v.newest.Load()
	if before.is(version) {
		return before, nil
	}
	sh, err := s.show(ctx, version, before)
	if err != nil {
		return nil, err
	}
	sh.tag = s.nonce + "." + strconv.FormatInt(v.number, 36) + "." + strconv.FormatInt(version, 36)
	v.newest.Store(sh)
	return sh, nil
}

// is says whether sh is of a version, or of a newer one.
func (sh *shown) is(version int64) bool {
	return sh != nil && version != 0 && sh.version >= version
}

// show reads the site. What is the same as before is not made again.
func (s *Server) show(ctx context.Context, version int64, before *shown) (*shown, error) {
	who := callOf(ctx).who
	n, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	site, err := s.Store.Site(ctx, who)
	if err != nil {
		return nil, err
	}
	sh := &shown{version: version, view: newView(n, who, site), found: map[deviceFilter]*finding{}}
	sh.shelves = shelve(sh.view, before)
	sh.fabrics, sh.available = sync.OnceValues(sh.allFabrics), sync.OnceValues(sh.availableNow)
	return sh, nil
}

// view is the site as the caller sees it now, for what is made for one answer.
func (s *Server) view(ctx context.Context) (*view, error) {
	sh, err := s.shown(ctx)
	if err != nil {
		return nil, err
	}
	v, site := *sh.view, *sh.view.site
	site.Now = s.Clock().UTC()
	v.site, v.who = &site, callOf(ctx).who
	return &v, nil
}
