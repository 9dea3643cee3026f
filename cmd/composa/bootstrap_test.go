package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/internal/cli"
)

// started runs a server on a data folder until stop.
func started(t *testing.T, data string, getenv func(string) string) (s *Server, stop func()) {
	t.Helper()
	s, err := newServer(t.Context(), &Config{Listen: "127.0.0.1:0", Data: data}, slog.New(slog.DiscardHandler), getenv)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	return s, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func signedIn(t *testing.T, s *Server, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: s.URL(), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// removeOwn removes the token that somebody signed in with.
func removeOwn(t *testing.T, c *client.Client) {
	t.Helper()
	site, err := c.Site(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteToken(t.Context(), site.Token.ID); err != nil {
		t.Fatal(err)
	}
}

func none(string) string { return "" }

// Who has lost every token gets in by a start: only then is one written, so that
// nothing comes back that was removed.
func TestAStartLetsAnAdministratorIn(t *testing.T) {
	data := t.TempDir()
	file := filepath.Join(data, "bootstrap-token")
	_, stop := started(t, data, none)
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	s, stop := started(t, data, none)
	if s.token.path != "" {
		t.Error("a token is written though the first one is good")
	}
	removeOwn(t, signedIn(t, s, strings.TrimSpace(string(first))))
	stop()
	s, stop = started(t, data, none)
	defer stop()
	second, err := os.ReadFile(file)
	if err != nil || s.token.path != file || bytes.Equal(first, second) {
		t.Fatalf("after the last one was removed %q is written, %v", s.token.path, err)
	}
	if _, err := signedIn(t, s, strings.TrimSpace(string(first))).Site(t.Context()); client.CodeOf(err) != "unauthenticated" {
		t.Errorf("the removed token: %v", err)
	}
	if site, err := signedIn(t, s, strings.TrimSpace(string(second))).Site(t.Context()); err != nil || site.Role != "admin" {
		t.Errorf("the new token: %+v, %v", site, err)
	}
}

// The token from outside is not taken again once it was removed.
func TestARemovedBootstrapTokenStaysRemoved(t *testing.T) {
	data := t.TempDir()
	given := func(name string) string {
		return map[string]string{"COMPOSA_BOOTSTRAP_TOKEN": "given-from-outside-1"}[name]
	}
	s, stop := started(t, data, given)
	removeOwn(t, signedIn(t, s, "given-from-outside-1"))
	stop()
	s, stop = started(t, data, given)
	defer stop()
	if !strings.Contains(s.token.ignored, "removed") || s.token.path == "" {
		t.Errorf("the start says %+v, want that it is not taken and where another one is", s.token)
	}
	if _, err := signedIn(t, s, "given-from-outside-1").Site(t.Context()); client.CodeOf(err) != "unauthenticated" {
		t.Errorf("the removed token: %v", err)
	}
}

// Whoever read the old file, or set a link in its place, does not get the new
// token.
func TestANewTokenIsReadByItsOwnerOnly(t *testing.T) {
	data, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	file := tokenFile(data)
	for _, before := range []func() error{
		func() error { return os.Chmod(file, 0o644) },
		func() error { return errors.Join(os.Rename(file, elsewhere), os.Symlink(elsewhere, file)) },
	} {
		s, stop := started(t, data, none)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := before(); err != nil {
			t.Fatal(err)
		}
		removeOwn(t, signedIn(t, s, strings.TrimSpace(string(text))))
		stop()
		s, stop = started(t, data, none)
		stop()
		info, err := os.Lstat(file)
		if err != nil || s.token.path != file || info.Mode() != 0o600 {
			t.Errorf("the new token is in %q with %v, %v; want a file for its owner", s.token.path, info.Mode(), err)
		}
	}
	first, err := os.ReadFile(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(file); err != nil || bytes.Equal(first, now) {
		t.Errorf("the token is where the link led, %v", err)
	}
}

// A token from outside that could be guessed is refused.
func TestAWeakBootstrapTokenIsRefused(t *testing.T) {
	for _, weak := range []string{"x", "nineteen-characters", "twenty characters, spaces"} {
		_, err := newServer(t.Context(), &Config{Listen: "127.0.0.1:0", Data: t.TempDir()}, slog.New(slog.DiscardHandler), func(name string) string {
			return map[string]string{"COMPOSA_BOOTSTRAP_TOKEN": weak}[name]
		})
		if composa.CodeOf(err) != composa.CodeInvalid || !strings.Contains(err.Error(), "COMPOSA_BOOTSTRAP_TOKEN") || strings.Contains(err.Error(), weak+`"`) {
			t.Errorf("with %q: %v", weak, err)
		}
	}
}

// Given a member's token a start says so, and still lets an administrator in.
func TestAMembersTokenIsNoBootstrapToken(t *testing.T) {
	data := t.TempDir()
	s, stop := started(t, data, none)
	text, err := os.ReadFile(tokenFile(data))
	if err != nil {
		t.Fatal(err)
	}
	admin := signedIn(t, s, strings.TrimSpace(string(text)))
	if _, err := admin.CreateUser(t.Context(), api.NewUser{Name: "ada"}); err != nil {
		t.Fatal(err)
	}
	ada, err := admin.CreateToken(t.Context(), api.NewToken{User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	removeOwn(t, admin)
	stop()
	s, stop = started(t, data, func(name string) string { return map[string]string{"COMPOSA_BOOTSTRAP_TOKEN": ada.Token}[name] })
	defer stop()
	if !strings.Contains(s.token.ignored, "ada, who is no administrator") || s.token.path == "" {
		t.Errorf("the start says %+v, want whose the token is and where an administrator's is", s.token)
	}
}

// A token is made in a data folder while no server has it open.
func TestALocalToken(t *testing.T) {
	data := t.TempDir()
	run := func(args ...string) (out, said string, exit int) {
		var stdout, stderr bytes.Buffer
		root := cli.New(cli.Config{In: strings.NewReader(""), Out: &stdout, Err: &stderr, Getenv: none, LocalToken: localToken})
		exit = cli.Main(t.Context(), root, append([]string{"token", "create", "--local"}, args...))
		return stdout.String(), stderr.String(), exit
	}
	if _, said, exit := run("--data", data); exit != 5 || !strings.Contains(said, "there is no site in") {
		t.Errorf("without a site it exits %d: %s", exit, said)
	}
	_, stop := started(t, data, none)
	if _, said, exit := run("--data", data); exit == 0 || !strings.Contains(said, "cannot create a token: ") || !strings.Contains(said, "has its folder open") || !strings.Contains(said, "stop it") {
		t.Errorf("beside a server it exits %d: %s", exit, said)
	}
	stop()
	for _, args := range [][]string{{}, {"--data", data, "--key", "k"}, {"--data", data, "--expires", "366d"}} {
		if _, said, exit := run(args...); exit != 2 {
			t.Errorf("%q exits %d: %s", args, exit, said)
		}
	}
	if _, said, exit := run("--data", data, "--user", "nobody"); exit != 5 {
		t.Errorf("for nobody it exits %d: %s", exit, said)
	}
	out, said, exit := run("--data", data, "--expires", "1h", "--note", "way in")
	if exit != 0 || !strings.HasPrefix(out, "composa_") || !strings.Contains(said, "of admin ends at") {
		t.Fatalf("it exits %d: %s %s", exit, out, said)
	}
	s, stop := started(t, data, none)
	defer stop()
	site, err := signedIn(t, s, strings.TrimSpace(out)).Site(t.Context())
	if err != nil || site.Principal != "admin" || site.Role != "admin" || site.Token.ExpiresAt == nil {
		t.Fatalf("it lets in %+v, %v", site, err)
	}
	if want := "site " + site.Site + ", as its data folder " + data + " has it"; !strings.Contains(said, want) {
		t.Errorf("it says %q, want %q in it", said, want)
	}
	if !ours(mustStat(t, filepath.Join(data, "composa.db"))) {
		t.Error("our own file is said to be another user's")
	}
}

func mustStat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}
