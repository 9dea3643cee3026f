package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa/emulator/liqid"
)

// emulated runs the command in this process and returns what it says once it
// has said so many lines, and a function that ends it.
func emulated(t *testing.T, lines int, args ...string) (said []string, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	cmd := emulateCommand()
	cmd.SetArgs(append([]string{"liqid", "--listen", "127.0.0.1:0"}, args...))
	cmd.SetErr(out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	done := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		out.CloseWithError(io.EOF)
		done <- err
	}()
	end = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("emulate liqid %v: %v", args, err)
		}
		done <- nil
	}
	t.Cleanup(end)
	var text bytes.Buffer
	for one := make([]byte, 1); strings.Count(text.String(), "\n") < lines; {
		if _, err := in.Read(one); err != nil {
			t.Fatalf("emulate liqid %v ended: %v after %q", args, <-done, text.String())
		}
		text.Write(one)
	}
	go io.Copy(io.Discard, in)
	return strings.Split(text.String(), "\n"), end
}

var aURL = regexp.MustCompile(`https?://\S+`)

// TestEmulateOverTLS: a second door, whose certificate clients find in the data
// folder, the same one after a restart, and only the user may come in.
func TestEmulateOverTLS(t *testing.T) {
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(url string, trusted []byte, user, secret string) (int, error) {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(trusted)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
		defer transport.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/liqid/api/v2/fabric/id", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(user, secret)
		answer, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			return 0, err
		}
		answer.Body.Close()
		return answer.StatusCode, nil
	}
	var before []byte
	for range 2 {
		said, end := emulated(t, 3, "--tls", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--user", "admin", "--password-file", password)
		plain, secure := aURL.FindString(said[0]), aURL.FindString(said[1])
		if !strings.HasPrefix(plain, "http://") || !strings.HasPrefix(secure, "https://") || !strings.HasSuffix(said[2], "director-cert.pem") {
			t.Fatalf("said %q", said)
		}
		pem, err := os.ReadFile(strings.TrimPrefix(said[2], "its certificate is in "))
		if err != nil {
			t.Fatal(err)
		}
		for user, want := range map[string]int{"admin": 200, "nobody": 401} {
			for _, url := range []string{plain, secure} {
				if got, err := get(url, pem, user, "secret"); got != want || err != nil {
					t.Errorf("%s as %s: %d, %v", url, user, got, err)
				}
			}
		}
		if _, err := get(secure, nil, "admin", "secret"); err == nil {
			t.Error("a client that does not know the certificate came in")
		}
		if before != nil && !bytes.Equal(before, pem) {
			t.Error("the certificate is another one after a restart")
		}
		before = pem
		end()
	}
	if info, err := os.Stat(filepath.Join(dir, "data", keyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is readable: %v, %v", info.Mode(), err)
	}
}

// TestEmulateSwitches: what the flags say is what the director does.
func TestEmulateSwitches(t *testing.T) {
	said, _ := emulated(t, 2, "--control", "127.0.0.1:0", "--api", "3.4", "--habit", "restart=forgets-sessions", "--habit", "queue=shown",
		"--per-second", "0.01", "--clock-off", "-24h", "--memories", "1", "--cpus", "1", "--fault", "#1 GET fabric/id types")
	director, control := aURL.FindString(said[0])+"/liqid/api/v2/", aURL.FindString(said[1])
	call := func(method, url, body string) (*http.Response, []byte) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r, text
	}
	if _, body := call("GET", director+"fabric/id", ""); !strings.Contains(string(body), `"number 1"`) {
		t.Errorf("%s", body)
	}
	if r, _ := call("GET", director+"fabric/id", ""); r.StatusCode != 429 || r.Header.Get("Retry-After") == "" {
		t.Errorf("the second call in 100 seconds: %s %v", r.Status, r.Header)
	}
	call("POST", control+"/rate?persecond=0", "")
	call("POST", director+"group", `{"fabr_id":1,"grp_id":1,"group_name":"g"}`)
	if r, body := call("POST", director+"pool/edit", `{"grp_id":1}`); r.StatusCode != 200 {
		t.Fatalf("%s %s", r.Status, body)
	}
	call("POST", control+"/restart", "")
	var state liqid.Snapshot
	if _, body := call("GET", control+"/state", ""); json.Unmarshal(body, &state) != nil || len(state.Devices) != 2 || len(state.Groups) != 1 || len(state.Sessions) != 0 {
		t.Errorf("state = %s", body)
	}
	var log []liqid.Call
	if _, body := call("GET", control+"/log", ""); json.Unmarshal(body, &log) != nil || len(log) == 0 {
		t.Fatalf("log = %s", body)
	}
	if behind := time.Since(log[0].Time); behind < 24*time.Hour || behind > 25*time.Hour {
		t.Errorf("a clock that is a day behind is %v behind", behind)
	}
}

// TestEmulateRefuses: each mistake is told with what to do.
func TestEmulateRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty, word := write("empty", "\n"), write("word", "secret")
	long := write("long", strings.Repeat("x", maxPassword+1))
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--api", "3.9"}, "there are: 2.4, 2.5, 3.2, 3.4"},
		{[]string{"--habit", "second-edit=perhaps"}, "refused, shared, takes-over"},
		{[]string{"--habit", "mood=bad"}, "there is no habit"},
		{[]string{"--user", "admin"}, "--user is given without --password-file"},
		{[]string{"--password-file", word}, "--password-file is given without --user"},
		{[]string{"--user", "a:b", "--password-file", word}, "no name with a colon"},
		{[]string{"--user", "admin", "--password-file", filepath.Join(dir, "none")}, "no such file"},
		{[]string{"--user", "admin", "--password-file", empty}, "does not hold a password"},
		{[]string{"--user", "admin", "--password-file", long}, "does not hold a password"},
		{[]string{"--tls", "127.0.0.1:0"}, "no place to leave it for clients"},
		{[]string{"--tls", "127.0.0.1:0", "--cert", word}, "--cert and --key go together"},
		{[]string{"--tls", "127.0.0.1:0", "--cert", word, "--key", word}, "cannot serve TLS with"},
		{[]string{"--tls", "127.0.0.1:0", "--cert", word, "--key", word, "--cert-out", word}, "with --cert none is made"},
		{[]string{"--tls", "127.0.0.1:0", "--cert-out", filepath.Join(dir, "none", "x")}, "cannot leave the certificate"},
		{[]string{"--cert-out", word}, "no door over TLS"},
		{[]string{"--per-second", "-1"}, "-1 calls a second"},
		{[]string{"--clock-off", "200000h"}, "clock"},
		{[]string{"--memories", "-1"}, "negative"},
		{[]string{"--fault", "* GET group late=1s"}, "take effect late"},
		{[]string{"--fault", "* GET group narrow=gpu99"}, "there is no device gpu99"},
	} {
		cmd := emulateCommand()
		cmd.SetArgs(append([]string{"liqid", "--listen", "127.0.0.1:0"}, tt.args...))
		cmd.SetErr(io.Discard)
		cmd.SetOut(io.Discard)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := cmd.ExecuteContext(ctx)
		cancel()
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.says)
		}
	}
}

// TestEmulateHelp names every effect, habit and era, and the shell completes the latter.
func TestEmulateHelp(t *testing.T) {
	var help bytes.Buffer
	cmd := emulateLiqidCommand()
	cmd.SetOut(&help)
	cmd.SetArgs([]string{"--help"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	words := append(liqid.Eras(), liqid.HabitNames()...)
	for _, e := range liqid.Effects() {
		words = append(words, e.Form, e.Does)
	}
	for _, w := range words {
		if !strings.Contains(help.String(), w) {
			t.Errorf("help does not tell of %s", w)
		}
	}
	for _, line := range strings.Split(help.String(), "\n") {
		if len(line) > 140 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
	for flag, want := range map[string]string{"api": "3.4", "habit": "commit=early"} {
		complete, ok := cmd.GetFlagCompletionFunc(flag)
		if !ok {
			t.Errorf("--%s is not completed", flag)
			continue
		}
		words, _ := complete(cmd, nil, "")
		if !strings.Contains(strings.Join(words, " "), want) {
			t.Errorf("--%s is completed with %v", flag, words)
		}
	}
}

// TestCertificatePort: an address without a port has the one of the protocol.
func TestCertificatePort(t *testing.T) {
	for in, want := range map[string]string{"127.0.0.1": "127.0.0.1:8443", "rack1.example:443": "rack1.example:443", "::1": "[::1]:8443"} {
		e := &emulation{tls: in, certOut: "x"}
		if err := e.completeTLS(); err != nil || e.tls != want {
			t.Errorf("--tls %s is %s, %v", in, e.tls, err)
		}
	}
	if hosts := certHosts("rack1.example:443"); hosts[len(hosts)-1] != "rack1.example" {
		t.Errorf("hosts = %v", hosts)
	}
	if hosts := certHosts("0.0.0.0:443"); hosts[len(hosts)-1] == "0.0.0.0" {
		t.Errorf("hosts = %v", hosts)
	}
}
