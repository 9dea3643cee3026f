package liqid

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/composa-dev/composa"
)

// baseTransport returns the transport under all calls to a director. A certificate must
// lead to one of c.CA where there are any, else to one of the system's. No proxy
// of the environment is asked: it would be shown who calls.
func baseTransport(c Config) (http.RoundTripper, error) {
	given := http.DefaultTransport
	if plain, ok := given.(*http.Transport); ok {
		direct := plain.Clone()
		direct.Proxy = nil
		given = direct
	}
	if c.HTTP != nil && c.HTTP.Transport != nil {
		given = c.HTTP.Transport
	}
	plain, ok := given.(*http.Transport)
	switch {
	case ok:
		plain = plain.Clone()
		plain.MaxIdleConnsPerHost = c.Limits.Concurrent
	case len(c.CA) == 0:
		return given, nil
	default:
		return nil, errors.New("certificates cannot be given beside an HTTP client of its own")
	}
	if len(c.CA) == 0 {
		return plain, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(c.CA) {
		return nil, errors.New("its tls.ca holds no certificate in PEM")
	}
	if plain.TLSClientConfig == nil {
		plain.TLSClientConfig = &tls.Config{}
	}
	plain.TLSClientConfig.RootCAs = pool
	return plain, nil
}

// unconnected says why no call was made, and what to do about it, where that is
// known: empty for everything else.
func unconnected(fabric composa.FabricName, err error) (why, next string) {
	if authority, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "shows a certificate of an authority that is not known here" + issuer(authority.Cert),
			fmt.Sprintf("give that authority's certificate as tls.ca of fabric %s", fabric)
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		names := namesOf(name.Certificate)
		if names == "" {
			return fmt.Sprintf("shows a certificate that is for no host, not even for %s", clean(name.Host)), "give the director a certificate with its name"
		}
		return fmt.Sprintf("shows a certificate that is not for %s but for %s", clean(name.Host), names),
			fmt.Sprintf("write one of these names in the URL of fabric %s, or give the director a certificate with its name", fabric)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired && invalid.Cert != nil {
			const next = "give the director a new certificate, or set the clock of this computer right"
			if until := invalid.Cert.NotAfter; until.Before(time.Now()) {
				return "shows a certificate that ended at " + until.UTC().Format(time.RFC3339), next
			}
			return "shows a certificate that begins at " + invalid.Cert.NotBefore.UTC().Format(time.RFC3339), next
		}
		return "shows a certificate that is not good for a server", "give the director a certificate of a server"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		return "does not speak TLS", fmt.Sprintf("write http:// in the URL of fabric %s, or the port where it does (8443)", fabric)
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return "does not agree on TLS", "see which versions of TLS the director allows; 1.2 and 1.3 are spoken here"
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound {
		return "cannot be found: nobody knows the name " + composa.Abridge(clean(name.Name), 80), fmt.Sprintf("write a name or an address that exists in the URL of fabric %s", fabric)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "cannot be reached: nothing listens there", fmt.Sprintf("see that the director runs, and that the URL of fabric %s is its own", fabric)
	}
	return "", ""
}

func issuer(c *x509.Certificate) string {
	if c == nil || c.Issuer.CommonName == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", composa.Abridge(clean(c.Issuer.CommonName), 60))
}

// namesOf are the first few names that a certificate is for.
func namesOf(c *x509.Certificate) string {
	const most = 3
	names := make([]string, 0, most)
	for _, n := range c.DNSNames {
		names = append(names, composa.Abridge(clean(n), 80))
	}
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}
