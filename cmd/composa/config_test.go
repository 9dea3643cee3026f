package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
)

func TestParseConfig(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"least", "data: /tmp/x\n", ""},
		{"whole", `listen: 127.0.0.1:7080
data: /var/lib/composa
fabrics:
  - name: rack1
    driver: liqid
    url: http://10.0.100.125:8080
    access: manage
    return: keep
    limits: {concurrent: 4, perSecond: 100, gap: 10ms}
    observe: {every: 2s}
hosts:
  - {serial: SN1, address: 10.0.0.1, login: ubuntu}
`, ""},
		{"empty", "", "data is not said: name the folder that keeps the store"},
		{"unknown key", "data: /tmp/x\nfabrcs: []\n", `line 2, column 1: unknown field "fabrcs"`},
		{"unknown key, suggested", "data: /tmp/x\nfabrcs: []\n", `did you mean "fabrics"?`},
		{"unknown key inside", "data: /tmp/x\nfabrics: [{name: rack1, driver: liqid, url: 'http://192.0.2.1:8080', acces: manage}]\n", `did you mean "access"?`},
		{"not YAML", "data: [\n", "cannot read the configuration test.yaml"},
		{"wrong type", "data: /tmp/x\nfabrics: 3\n", "cannot read the configuration test.yaml"},
		{"no port", "data: /tmp/x\nlisten: localhost\n", `listen "localhost" is not HOST:PORT`},
		{"two fabrics of a name", "data: /tmp/x\nfabrics: [{name: a, driver: liqid, url: 'http://192.0.2.1:8080'}, {name: a, driver: liqid, url: 'http://192.0.2.2:8080'}]\n", `fabrics[1]: two fabrics are named "a"`},
		{"unknown driver", "data: /tmp/x\nfabrics: [{name: a, driver: liquid, url: 'http://192.0.2.1:8080'}]\n", `fabrics[0]: fabric "a": there is no driver "liquid"; there is liqid`},
		{"bad name", "data: /tmp/x\nfabrics: [{name: Rack1, driver: liqid, url: 'http://192.0.2.1:8080'}]\n", `fabrics[0]: cannot name a fabric "Rack1"`},
		{"bad access", "data: /tmp/x\nfabrics: [{name: a, driver: liqid, url: 'http://192.0.2.1:8080', access: write}]\n", `access "write" is neither manage nor observe`},
		{"negative limit", "data: /tmp/x\nfabrics: [{name: a, driver: liqid, url: 'http://192.0.2.1:8080', limits: {concurrent: -1}}]\n", `a limit is negative`},
		{"bad duration", "data: /tmp/x\nfabrics: [{name: a, driver: liqid, url: 'http://192.0.2.1:8080', observe: {every: soon}}]\n", `"soon" is not a duration such as 500ms, 30s or 2m`},
		{"host of nobody", "data: /tmp/x\nhosts: [{address: 10.0.0.1}]\n", `hosts[0]: name the host by exactly one of serial, ipmi and place`},
		{"host without address", "data: /tmp/x\nhosts: [{serial: x}]\n", `hosts[0]: its address is not said`},
		{"one director twice", "data: /tmp/x\nfabrics: [{name: a, driver: liqid, url: \"http://192.0.2.1:8080\"}, {name: b, driver: liqid, url: \"http://192.0.2.1:8080/\"}]\n", `fabrics[1]: a and b have the same url`},
		{"no URL", "data: /tmp/x\nfabrics: [{name: a, driver: liqid, url: \"x:1\"}]\n", `its address`},
		{"a password in a URL", "data: /tmp/x\nfabrics: [{name: a, driver: liqid, url: \"http://user:pw@x:1\"}]\n", `its address`},
		{"no such port", "data: /tmp/x\nlisten: 0.0.0.0:99999\n", `listen "0.0.0.0:99999" is not HOST:PORT`},
		{"two documents", "data: /tmp/x\n---\ndata: /tmp/y\n", `it holds more than one YAML document`},
		{"a host on no fabric", "data: /tmp/x\nhosts: [{place: rack9/pcpu0, address: 10.0.0.1}]\n", `hosts[0]: place rack9/pcpu0: there is no fabric "rack9" here`},
		{"limits", "data: /tmp/x\nlimits: {readsPerSecond: 100, eventStreams: 8, eventStreamsPerPrincipal: 8}\n", ""},
		{"no such limit", "data: /tmp/x\nlimits: {readPerSecond: 100}\n", `did you mean "readsPerSecond"?`},
		{"a limit of nothing", "data: /tmp/x\nlimits: {changesPerSecond: 0}\n", `limits: changesPerSecond is 0; it can be 1 to 1000000`},
		{"a limit beyond all", "data: /tmp/x\nlimits: {connections: 1000001}\n", `limits: connections is 1000001; it can be 1 to 1000000`},
		{"more waits for one than for all", "data: /tmp/x\nlimits: {waits: 10, waitsPerPrincipal: 11}\n", `limits: waitsPerPrincipal is 11, more than waits, which is 10`},
		{"more for one than for all", "data: /tmp/x\nlimits: {openOperations: 10, openOperationsPerPrincipal: 11}\n", `limits: openOperationsPerPrincipal is 11, more than openOperations, which is 10`},
		{"other database", "data: /tmp/x\ndatabase: mysql://x\n", `database is not postgres://`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseConfig("test.yaml", []byte(tt.text))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %q in it", err, tt.want)
			case err != nil && composa.CodeOf(err) != composa.CodeInvalid:
				t.Errorf("code %s, want invalid", composa.CodeOf(err))
			}
		})
	}
}

// Somebody who writes a password where none belongs does not see it again in a log.
func TestTheLinesAroundAMistakeShowNoPassword(t *testing.T) {
	for _, text := range []string{
		"data: /tmp/x\nfabrics:\n- name: a\n  credentials: {user: x, password: hunter2}\n",
		"data: /tmp/x\nfabrics:\n- name: a\n  credentials:\n    username: x\n    pwd: hunter2\n  acces: manage\n",
		"data: /tmp/x\nfabrics:\n- name: a\n  credentials: {username: x, key: hunter2}\n",
		"data: /tmp/x\ndatabase: postgres://me:hunter2@db/x\nfabrcs: []\n",
		"data: /tmp/x\nfabrics:\n- name: a\n  password: |\n    a\n    b\n    c\n    hunter2\n  acces: manage\n",
	} {
		if _, err := parseConfig("test.yaml", []byte(text)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
	if _, err := parseConfig("test.yaml", []byte("data: /tmp/x\nfabrcs: []\n")); err == nil || !strings.Contains(err.Error(), "fabrcs: []") {
		t.Errorf("the lines around a mistake are not shown: %v", err)
	}
}

// What is said of a fabric reaches its driver's configuration as it was meant: an
// era that looks like a number is none, and files lie beside the configuration.
func TestFabricConfigIsMeantAsWritten(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "pw"), []byte("se cret \r\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	text := "data: /tmp/x\nfabrics: [{name: a, driver: liqid, url: 'http://192.0.2.1:8080', era: 3.2, settle: 90s, credentials: {username: admin, passwordFile: pw}}]\n"
	c, err := parseConfig(filepath.Join(folder, "composa.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	f := c.Fabrics[0]
	if f.Era != "3.2" || f.settle() != 90*time.Second || !f.bare() {
		t.Errorf("era %q, settle %v, bare %v", f.Era, f.settle(), f.bare())
	}
	longer := strings.Replace(text, "3.2", "3.10", 1)
	if _, err := parseConfig(filepath.Join(folder, "composa.yaml"), []byte(longer)); err == nil || !strings.Contains(err.Error(), `era "3.10"`) {
		t.Errorf("era 3.10, which no driver speaks: %v", err)
	}
	// One line end is left out; what else looks like space belongs to the password.
	if who, err := f.credentials(); err != nil || who.Username != "admin" || who.Password != "se cret " {
		t.Errorf("credentials %+v, %v", who, err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := parseConfig("fuzz.yaml", text); err == nil && c.Data == "" {
			t.Error("a configuration without a data folder was taken")
		}
	})
}

func TestTakenPortAndDataInUse(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	none := func(string) string { return "" }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	data := t.TempDir()
	_, err = newServer(context.Background(), &Config{Listen: l.Addr().String(), Data: data}, quiet, none)
	want := fmt.Sprintf("cannot listen on %s: something listens there already", l.Addr())
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("on a taken port: %v, want %q", err, want)
	}

	first, err := newServer(context.Background(), &Config{Listen: "127.0.0.1:0", Data: data}, quiet, none)
	if err != nil {
		t.Fatal(err)
	}
	defer first.close()
	_, err = newServer(context.Background(), &Config{Listen: "127.0.0.1:0", Data: data}, quiet, none)
	if err == nil || !strings.Contains(err.Error(), data) || !strings.Contains(err.Error(), "has its folder open") {
		t.Errorf("with a data folder in use: %v, want it to say so and name %s", err, data)
	}
}

// A check looks at the store too, and leaves what is there as it is.
func TestServeCheckLooksAtTheStore(t *testing.T) {
	data := t.TempDir()
	config := filepath.Join(data, "composa.yaml")
	file := filepath.Join(data, "composa.db")
	check := func() error {
		cmd := serveCommand()
		cmd.SetArgs([]string{"--config", config, "--check"})
		cmd.SetOut(new(strings.Builder))
		cmd.SetErr(new(strings.Builder))
		return cmd.ExecuteContext(t.Context())
	}
	if err := os.WriteFile(config, []byte("data: "+data+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check(); err != nil {
		t.Errorf("a folder without a store: %v", err)
	}
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 300)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check(); err == nil || !strings.Contains(err.Error(), "damaged or not a database") || !strings.Contains(err.Error(), file) {
		t.Errorf("a file that is no store: %v", err)
	}
}
