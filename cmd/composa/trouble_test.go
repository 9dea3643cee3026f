package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/emulator/liqid"
)

// The scripts in testdata/trouble tell how people learn of a director that is of
// no use as it is. Each begins with
//
//	rack KIND [KEY=VALUE…]
//
// which starts something at the other end of a server's one fabric, rack1, and
// the server, and waits until the server knows what it is to think of it. KIND
// is director, secured (over TLS), newer (a director of a line that nobody
// knows), page (a web server), json (another service) or nobody; the rest is
// said of the fabric in the configuration. $PORT is where it listens.
func TestTroubles(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "trouble"),
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(path)+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("GORACE", "atexit_sleep_ms=1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"rack": rackCommand},
	})
}

func rackCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: rack KIND [KEY=VALUE…]")
	}
	at := otherEnd(ts, args[0])
	said := []string{"name: rack1", "driver: liqid", "url: " + at, "access: manage"}
	for _, pair := range args[1:] {
		key, value, _ := strings.Cut(pair, "=")
		if key == "url" {
			said[2] = "url: " + strings.ReplaceAll(value, "PORT", portOf(ts, at))
			continue
		}
		said = append(said, key+": "+value)
	}
	ts.Setenv("PORT", portOf(ts, at))
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata: %s\nfabrics:\n  - %s\n", ts.MkAbs("data"), strings.Join(said, "\n    "))
	c, err := parseConfig(ts.MkAbs("composa.yaml"), []byte(text))
	ts.Check(err)
	ctx, stop := context.WithCancel(context.Background())
	server, err := newServer(ctx, c, slog.New(slog.DiscardHandler), func(string) string { return "" })
	if err != nil {
		stop()
		ts.Fatalf("%v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	ts.Defer(func() { stop(); <-ended })
	token, err := os.ReadFile(tokenFile(c.Data))
	ts.Check(err)
	ts.Setenv("COMPOSA_URL", server.URL())
	ts.Setenv("COMPOSA_TOKEN", strings.TrimSpace(string(token)))
	known(ts, server.URL(), strings.TrimSpace(string(token)))
}

// known waits until the server has looked at its fabric.
func known(ts *testscript.TestScript, at, token string) {
	c, err := client.New(client.Config{URL: at, Token: token})
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, err := range c.Events(ctx, "0", client.EventFilter{}) {
		ts.Check(err)
		f, err := c.Fabric(ctx, "rack1")
		ts.Check(err)
		if f.State != "new" {
			return
		}
	}
}

func portOf(ts *testscript.TestScript, at string) string {
	u, err := url.Parse(at)
	ts.Check(err)
	return u.Port()
}

// otherEnd starts what is at the other end, and returns where.
func otherEnd(ts *testscript.TestScript, kind string) string {
	director := func() http.Handler {
		d, err := liqid.New(liqid.Config{Name: "rack1", Users: map[string]string{"admin": "right"}})
		ts.Check(err)
		ts.Defer(func() { _ = d.Close() })
		return d.Handler()
	}
	open := func(h http.Handler) string {
		s := httptest.NewServer(h)
		ts.Defer(s.Close)
		return s.URL
	}
	switch kind {
	case "director":
		return open(director())
	case "secured":
		s := httptest.NewUnstartedServer(director())
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
		s.StartTLS()
		ts.Defer(s.Close)
		ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
		ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), ca, 0o600))
		return s.URL
	case "newer":
		return open(saying(ts, open(director()), `2.5.0.0`, `2.6.0.0`))
	case "page":
		return open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html><title>Printer</title>ready</html>")
		}))
	case "json":
		return open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status": "ok", "service": "billing"}`)
		}))
	case "nobody":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		ts.Check(l.Close())
		return "http://" + l.Addr().String()
	}
	ts.Fatalf("there is no %q to start", kind)
	return ""
}

// saying is a director whose every answer says one thing in place of another.
func saying(ts *testscript.TestScript, at, one, other string) http.Handler {
	u, err := url.Parse(at)
	ts.Check(err)
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // calls that are given up
	proxy.FlushInterval = time.Millisecond
	proxy.ModifyResponse = func(r *http.Response) error {
		if !strings.HasSuffix(r.Request.URL.Path, "/version") {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		body = bytes.ReplaceAll(body, []byte(one), []byte(other))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", fmt.Sprint(len(body)))
		return nil
	}
	return proxy
}
