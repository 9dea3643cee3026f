package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// tap stands between the server and a director and does something at one of the
// calls that pass.
type tap struct {
	url string

	mu    sync.Mutex
	trap  *trap
	calls int // that passed since the trap was set
}

// trap says at which call what is done.
type trap struct {
	at       int  // the call's number, from 1
	changing bool // only changing calls count
	after    bool // the director has answered, and nobody hears it; else it never hears the call
	act      func()
}

// newTap opens a tap before a director.
func newTap(t *testing.T, director string) *tap {
	t.Helper()
	to, err := url.Parse(director)
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{}
	proxy := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		ErrorLog: log.New(io.Discard, "", 0),
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.pass(proxy, w, r) }))
	t.Cleanup(front.Close)
	p.url = front.URL
	return p
}

// set sets a trap in place of the one there was; nil: none.
func (p *tap) set(t *trap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trap, p.calls = t, 0
}

// due returns the trap that a call steps into.
func (p *tap) due(r *http.Request) *trap {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.trap
	if t == nil || r.Header.Get("Upgrade") != "" || t.changing && r.Method == http.MethodGet {
		return nil
	}
	if p.calls++; p.calls != t.at {
		return nil
	}
	p.trap = nil
	return t
}

func (p *tap) pass(proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	t := p.due(r)
	if t == nil {
		proxy.ServeHTTP(w, r)
		return
	}
	if t.after {
		proxy.ServeHTTP(httptest.NewRecorder(), r)
	}
	t.act()
	panic(http.ErrAbortHandler)
}
