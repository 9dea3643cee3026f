package liqid

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"strings"
)

// maxSubjectField is the longest field of a certificate's subject, in bytes.
const maxSubjectField = 64

// signingRequest answers certificate/csr: a zip of a fresh key and of a request
// for a certificate of it (liqid-api.md 2.12). The director keeps neither.
func (r *request) signingRequest() (any, error) {
	query := r.URL.Query()
	for _, name := range []string{"country", "locality", "organization", "organizationUnit", "state"} {
		if query.Get(name) == "" {
			return nil, invalid("%s is missing", name)
		}
	}
	for name := range query {
		if len(query.Get(name)) > maxSubjectField {
			return nil, invalid("%s is longer than %d bytes", name, maxSubjectField)
		}
	}
	prefix := query.Get("filePrefix")
	if prefix == "" {
		prefix = "liqid"
	}
	if strings.ContainsAny(prefix, `/\`) {
		return nil, invalid("filePrefix %q is not the beginning of a file's name", prefix)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	ask, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{
		Country: []string{query.Get("country")}, Province: []string{query.Get("state")}, Locality: []string{query.Get("locality")},
		Organization: []string{query.Get("organization")}, OrganizationalUnit: []string{query.Get("organizationUnit")}, CommonName: query.Get("commonName"),
	}}, key)
	if err != nil {
		return nil, invalid("a certificate cannot be asked for like this: %v", err)
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, file := range []struct {
		suffix, kind string
		der          []byte
	}{{".csr", "CERTIFICATE REQUEST", ask}, {".key", "PRIVATE KEY", secret}} {
		w, err := archive.Create(prefix + file.suffix)
		if err == nil {
			err = pem.Encode(w, &pem.Block{Type: file.kind, Bytes: file.der})
		}
		if err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return document{"application/octet-stream", out.Bytes()}, nil
}
