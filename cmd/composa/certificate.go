package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// The certificate of an emulated director's door over TLS.

const (
	tlsPort = "8443" // liqid-api.md 0.2

	certFile = "director-cert.pem" // in the data folder
	keyFile  = "director-key.pem"

	// certLife is how long a self-made certificate is good.
	certLife = 365 * 24 * time.Hour
)

// completeTLS refuses flags about a certificate that nothing would use.
func (e *emulation) completeTLS() error {
	given := e.cert != "" || e.key != ""
	switch {
	case e.tls == "" && (given || e.certOut != ""):
		return composa.Errorf(composa.CodeInvalid, "cannot use a certificate: no door over TLS is asked for").WithNext("add --tls ADDR, or leave out --cert, --key and --cert-out")
	case e.tls == "":
		return nil
	case given && (e.cert == "" || e.key == ""):
		return composa.Errorf(composa.CodeInvalid, "cannot serve TLS: --cert and --key go together").WithNext("give both, or none for a self-made certificate")
	case given && e.certOut != "":
		return composa.Errorf(composa.CodeInvalid, "cannot write a certificate to %s: with --cert none is made", e.certOut)
	case !given && e.certOut == "" && e.DataDir == "":
		return composa.Errorf(composa.CodeInvalid, "cannot serve TLS with a self-made certificate: there is no place to leave it for clients").
			WithNext("say --cert-out FILE or --data DIR, or bring your own with --cert FILE --key FILE")
	}
	if _, _, err := net.SplitHostPort(e.tls); err != nil {
		e.tls = net.JoinHostPort(e.tls, tlsPort)
	}
	return nil
}

// certificate is what the door over TLS shows, and the file to trust it by: the
// given one, else the one in the data folder, else a new one.
func (e *emulation) certificate() (*tls.Certificate, string, error) {
	if e.cert != "" {
		pair, err := tls.LoadX509KeyPair(e.cert, e.key)
		if err != nil {
			return nil, "", composa.Errorf(composa.CodeInvalid, "cannot serve TLS with %s and %s: %v", e.cert, e.key, err)
		}
		return &pair, e.cert, nil
	}
	cert, key, err := e.selfMade()
	if err != nil {
		return nil, "", composa.Errorf(composa.CodeInvalid, "cannot make a certificate for %s: %v", e.tls, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, "", composa.Errorf(composa.CodeInvalid, "cannot make a certificate for %s: %v", e.tls, err)
	}
	if e.certOut == "" {
		return &pair, filepath.Join(e.DataDir, certFile), nil
	}
	if err := os.WriteFile(e.certOut, cert, 0o644); err != nil {
		return nil, "", composa.Errorf(composa.CodeInvalid, "cannot leave the certificate for clients: %v", err)
	}
	return &pair, e.certOut, nil
}

// selfMade returns the certificate and key of the data folder, in PEM, as long
// as they are good for the address; otherwise new ones, which it keeps there.
func (e *emulation) selfMade() (cert, key []byte, err error) {
	hosts := certHosts(e.tls)
	if e.DataDir == "" {
		return makeCertificate(hosts, time.Now())
	}
	certPath, keyPath := filepath.Join(e.DataDir, certFile), filepath.Join(e.DataDir, keyFile)
	cert, certErr := os.ReadFile(certPath)
	key, keyErr := os.ReadFile(keyPath)
	if certErr == nil && keyErr == nil && goodFor(cert, key, hosts, time.Now()) {
		return cert, key, nil
	}
	if cert, key, err = makeCertificate(hosts, time.Now()); err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(keyPath, key, 0o600); err != nil {
		return nil, nil, err
	}
	return cert, key, os.WriteFile(certPath, cert, 0o644)
}

// certHosts are the names by which clients reach an address; one that stands for
// all of the computer's has the computer's name.
func certHosts(address string) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	host, _, _ := net.SplitHostPort(address)
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host, _ = os.Hostname()
	}
	if host != "" && !slices.Contains(hosts, host) {
		hosts = append(hosts, host)
	}
	return hosts
}

func goodFor(certPEM, keyPEM []byte, hosts []string, now time.Time) bool {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil || now.After(pair.Leaf.NotAfter) {
		return false
	}
	for _, h := range hosts {
		if pair.Leaf.VerifyHostname(h) != nil {
			return false
		}
	}
	return true
}

// makeCertificate makes a certificate that signs itself, and its key, in PEM.
func makeCertificate(hosts []string, now time.Time) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "emulated Liqid director"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLife), // clients' clocks are off, too
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	body, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: body}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), nil
}
