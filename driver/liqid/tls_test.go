package liqid

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signs makes a server's certificate.
func (a *authority) signs(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "director"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if change != nil {
		change(template)
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// over serves d over TLS.
func over(t *testing.T, d http.Handler, certificate tls.Certificate) string {
	t.Helper()
	server := httptest.NewUnstartedServer(d)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func TestCertificates(t *testing.T) {
	ours, theirs := newAuthority(t, "our authority"), newAuthority(t, "another authority")
	past := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	future := time.Date(2124, 3, 1, 12, 0, 0, 0, time.UTC)
	plain := httptest.NewServer(newDoor(false))
	defer plain.Close()
	for _, tt := range []struct {
		name string
		url  string
		ca   []byte
		want string // of the text, %s is the address
	}{
		{"it fits", over(t, newDoor(false), ours.signs(t, nil)), ours.pem, ""},
		{"one of two authorities", over(t, newDoor(false), ours.signs(t, nil)), append(theirs.pem, ours.pem...), ""},
		{"an authority that is not ours", over(t, newDoor(false), theirs.signs(t, nil)), ours.pem,
			`the director of rack1 at %s shows a certificate of an authority that is not known here ("another authority") (GET group)` +
				`; give that authority's certificate as tls.ca of fabric rack1`},
		{"none of the system's authorities", over(t, newDoor(false), ours.signs(t, nil)), nil,
			`the director of rack1 at %s shows a certificate of an authority that is not known here ("our authority") (GET group)` +
				`; give that authority's certificate as tls.ca of fabric rack1`},
		{"another name", over(t, newDoor(false), ours.signs(t, func(c *x509.Certificate) {
			c.IPAddresses, c.DNSNames = nil, []string{"director.example", "d2.example"}
		})), ours.pem,
			`the director of rack1 at %s shows a certificate that is not for 127.0.0.1 but for director.example, d2.example (GET group)` +
				`; write one of these names in the URL of fabric rack1, or give the director a certificate with its name`},
		{"no name", over(t, newDoor(false), ours.signs(t, func(c *x509.Certificate) { c.IPAddresses = nil })), ours.pem,
			`the director of rack1 at %s shows a certificate that is for no host, not even for 127.0.0.1 (GET group)` +
				`; give the director a certificate with its name`},
		{"it ended", over(t, newDoor(false), ours.signs(t, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = past.AddDate(-1, 0, 0), past })), ours.pem,
			`the director of rack1 at %s shows a certificate that ended at 2024-03-01T12:00:00Z (GET group)` +
				`; give the director a new certificate, or set the clock of this computer right`},
		{"it has not begun", over(t, newDoor(false), ours.signs(t, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = future, future.AddDate(1, 0, 0) })), ours.pem,
			`the director of rack1 at %s shows a certificate that begins at 2124-03-01T12:00:00Z (GET group)` +
				`; give the director a new certificate, or set the clock of this computer right`},
		{"it is a client's", over(t, newDoor(false), ours.signs(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })), ours.pem,
			`the director of rack1 at %s shows a certificate that is not good for a server (GET group); give the director a certificate of a server`},
		{"no TLS there", strings.Replace(plain.URL, "http://", "https://", 1), ours.pem,
			`the director of rack1 at %s does not speak TLS (GET group); write http:// in the URL of fabric rack1, or the port where it does (8443)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newDoor(false).opens(t, func(c *Config) { c.URL, c.CA, c.HTTP = tt.url, tt.ca, nil })
			defer c.http.CloseIdleConnections()
			_, err := c.read(t.Context(), "group")
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if got, want := explain("cannot look", err).Error(), "cannot look: "+fmt.Sprintf(tt.want, tt.url); got != want {
				t.Errorf("got\n%s, want\n%s", got, want)
			}
			if err := c.change(t.Context(), "POST", "group", nil); codeOf(err) != composa.CodeUnreachable {
				t.Errorf("a change: %v (%s)", err, codeOf(err))
			}
		})
	}
}

func TestPlainCallsToATLSPort(t *testing.T) {
	url := over(t, newDoor(false), newAuthority(t, "our authority").signs(t, nil))
	c := newDoor(false).opens(t, func(c *Config) {
		c.URL, c.HTTP, c.Credentials = strings.Replace(url, "https://", "http://", 1), nil, Credentials{}
	})
	_, err := c.read(t.Context(), "group")
	want := fmt.Sprintf("what answers at %s is not a Liqid director: it answered GET group with 400 and something that is not JSON", c.shown)
	if codeOf(err) != composa.CodeUnreachable || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestAuthoritiesThatMakeNoSense(t *testing.T) {
	for _, tt := range []struct {
		ca   string
		http *http.Client
		want string
	}{
		{"not PEM", nil, "cannot drive rack1: its tls.ca holds no certificate in PEM"},
		{"not PEM", &http.Client{Transport: newDoor(false)}, "cannot drive rack1: certificates cannot be given beside an HTTP client of its own"},
	} {
		_, err := New(Config{Name: "rack1", URL: "https://192.0.2.1", Site: rackSite, CA: []byte(tt.ca), HTTP: tt.http})
		if err == nil || err.Error() != tt.want || composa.CodeOf(err) != composa.CodeInvalid {
			t.Errorf("%v", err)
		}
	}
}

func TestNoProxyOfTheEnvironmentIsAsked(t *testing.T) {
	own := &http.Transport{Proxy: http.ProxyFromEnvironment}
	for _, tt := range []struct {
		name  string
		given *http.Client
		want  bool
	}{{"no client given", nil, false}, {"one without a transport", &http.Client{}, false}, {"one with its own proxy", &http.Client{Transport: own}, true}} {
		under, err := baseTransport(Config{HTTP: tt.given, CA: newAuthority(t, "ours").pem})
		if err != nil {
			t.Fatal(err)
		}
		if got := under.(*http.Transport).Proxy != nil; got != tt.want {
			t.Errorf("%s: a proxy is asked: %t, want %t", tt.name, got, tt.want)
		}
	}
}
