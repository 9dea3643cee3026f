package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver/liqid"
)

// Limits of what stands beside the configuration, and of a fabric's own times.
const (
	maxUsername = 256     // bytes
	maxSecret   = 1024    // bytes of the file
	maxCA       = 1 << 20 // bytes of the file
	leastSettle = time.Second
	mostSettle  = time.Hour
)

// FabricConfig is one fabric. What stands here the API shows, without the
// credentials, and cannot change.
type FabricConfig struct {
	Name   string `yaml:"name"`
	Driver string `yaml:"driver"` // "liqid"
	URL    string `yaml:"url"`
	// Access is manage or observe; observe unless said.
	Access string `yaml:"access"`
	// Return is free (freed devices leave the site's group, so that the vendor's
	// tool sees them free) or keep. free unless said.
	Return string `yaml:"return"`
	// Era is the line of the director's software, such as "3.4"; it is asked
	// unless said.
	Era Era `yaml:"era"`
	// Settle is how long a call whose answer was lost may still take effect, where
	// the director cannot tell; the driver's own unless said.
	Settle      *Duration          `yaml:"settle"`
	Credentials *CredentialsConfig `yaml:"credentials"`
	TLS         *TLSConfig         `yaml:"tls"`
	Limits      LimitsConfig       `yaml:"limits"`
	Observe     ObserveConfig      `yaml:"observe"`
}

// Era is a line of software, which YAML takes for a number where it is not
// quoted.
type Era string

// UnmarshalYAML takes what is written: 3.10 is not 3.1.
func (e *Era) UnmarshalYAML(node ast.Node) error {
	*e = Era(node.GetToken().Value)
	return nil
}

// CredentialsConfig is who signs in at a director. The password stands in a file
// of its own, which nobody but its owner and group may read.
type CredentialsConfig struct {
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"passwordFile"`
}

// TLSConfig is how a director's certificate is checked.
type TLSConfig struct {
	// CA is a file of the certificates, in PEM, that the director's own must lead
	// to; those of the system where TLS is not said.
	CA string `yaml:"ca"`
}

// LimitsConfig bounds the calls to a director.
type LimitsConfig struct {
	Concurrent int      `yaml:"concurrent"` // calls side by side; 8 unless said
	PerSecond  float64  `yaml:"perSecond"`  // 200 unless said
	Gap        Duration `yaml:"gap"`        // pause between two changing calls
}

// ObserveConfig says how often a fabric is looked at.
type ObserveConfig struct {
	// Every is the pause between two looks: 1s unless said, 30s where the fabric
	// says by itself that something changed.
	Every Duration `yaml:"every"`
}

// defaults fills in what is not said; files are looked for from folder on.
func (f *FabricConfig) defaults(folder string) {
	if f.Access == "" {
		f.Access = string(composa.AccessObserve)
	}
	if f.Return == "" {
		f.Return = "free"
	}
	if f.Credentials != nil {
		f.Credentials.PasswordFile = from(folder, f.Credentials.PasswordFile)
	}
	if f.TLS != nil {
		f.TLS.CA = from(folder, f.TLS.CA)
	}
}

func from(folder, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

var eraShape = regexp.MustCompile(`^[1-9]\d?\.\d{1,2}$`)

func (f *FabricConfig) check() error {
	if err := composa.CheckFabricName(f.Name); err != nil {
		return err
	}
	refuse := func(format string, args ...any) *composa.Error {
		return composa.Errorf(composa.CodeInvalid, "fabric %q: %s", f.Name, fmt.Sprintf(format, args...))
	}
	if !slices.Contains(driverNames(), f.Driver) {
		return refuse("there is no driver %q; there is %s", f.Driver, strings.Join(driverNames(), ", "))
	}
	if f.Access != string(composa.AccessManage) && f.Access != string(composa.AccessObserve) {
		return refuse("access %q is neither manage nor observe", f.Access)
	}
	if f.Return != "free" && f.Return != "keep" {
		return refuse("return %q is neither free nor keep", f.Return)
	}
	if f.Limits.Concurrent < 0 || f.Limits.PerSecond < 0 {
		return refuse("a limit is negative")
	}
	if f.Era != "" && !eraShape.MatchString(string(f.Era)) {
		return refuse("era %q is not the line of a director's software", composa.Abridge(string(f.Era), 24)).
			WithNext(`write it as era: "3.4", or leave it out: the director is asked then`)
	}
	if s := f.settle(); f.Settle != nil && (s < leastSettle || s > mostSettle) {
		return refuse("settle %v is not between 1s and 1h", s)
	}
	if f.TLS != nil && !strings.HasPrefix(strings.ToLower(f.URL), "https://") {
		return refuse("tls is said, and its url is not https://…").
			WithNext("Liqid directors of the 3.x line take TLS at https://HOST:8443; leave tls out to go without")
	}
	// The driver knows what else it needs, such as what a URL may hold; making
	// one reads the files that are named, and calls nobody.
	_, err := drivers[f.Driver]("site_check", *f)
	return err
}

// settle is the time said, 0 where none is.
func (f *FabricConfig) settle() time.Duration {
	if f.Settle == nil {
		return 0
	}
	return time.Duration(*f.Settle)
}

// bare says whether the password goes over a network that anybody can read.
func (f *FabricConfig) bare() bool {
	return f.Credentials != nil && !strings.HasPrefix(strings.ToLower(f.URL), "https://")
}

// credentials reads who signs in at a fabric.
func (f *FabricConfig) credentials() (liqid.Credentials, error) {
	c := f.Credentials
	if c == nil {
		return liqid.Credentials{}, nil
	}
	refuse := func(format string, args ...any) *composa.Error {
		return composa.Errorf(composa.CodeInvalid, "fabric %q: credentials: %s", f.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case c.Username == "":
		return liqid.Credentials{}, refuse("username is not said")
	case len(c.Username) > maxUsername:
		return liqid.Credentials{}, refuse("username has %d bytes, %d are allowed", len(c.Username), maxUsername)
	case strings.ContainsRune(c.Username, ':') || odd(c.Username):
		return liqid.Credentials{}, refuse("username %q holds a colon or a control character; HTTP sign-in cannot carry it", composa.Abridge(c.Username, 40))
	case c.PasswordFile == "":
		return liqid.Credentials{}, refuse("passwordFile is not said").WithNext("write the password into a file that only this user can read, and name it there")
	}
	password, err := readSecret(c.PasswordFile)
	if err != nil {
		return liqid.Credentials{}, refuse("%s", err.Text).WithNext("%s", err.Next)
	}
	return liqid.Credentials{Username: c.Username, Password: password}, nil
}

// readSecret reads the one line of a file that its owner and group alone can
// read. Its content never stands in an error.
func readSecret(path string) (string, *composa.Error) {
	text, mode, e := readFile(path, maxSecret)
	switch {
	case e != nil:
		return "", composa.Errorf(composa.CodeInvalid, "passwordFile %s", e.Text)
	case mode&0o007 != 0:
		return "", composa.Errorf(composa.CodeInvalid, "passwordFile %s is open to everybody on this computer (mode %04o)", path, mode).
			WithNext("chmod o-rwx %s", path)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case password == "":
		return "", composa.Errorf(composa.CodeInvalid, "passwordFile %s holds nothing", path)
	case odd(password):
		return "", composa.Errorf(composa.CodeInvalid, "passwordFile %s holds more than one line, control characters, or what is not UTF-8", path).
			WithNext("the file holds the password and nothing else; one newline at its end is left out")
	}
	return password, nil
}

func odd(s string) bool { return !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) }

// authorities reads the certificates that a fabric's own must lead to; nil where
// those of the system do.
func (f *FabricConfig) authorities() ([]byte, error) {
	if f.TLS == nil {
		return nil, nil
	}
	refuse := func(format string, args ...any) *composa.Error {
		return composa.Errorf(composa.CodeInvalid, "fabric %q: tls: %s", f.Name, fmt.Sprintf(format, args...))
	}
	if f.TLS.CA == "" {
		return nil, refuse("ca is not said").WithNext("name the file of the certificate that the director's own leads to, or leave tls out for those of the system")
	}
	text, _, e := readFile(f.TLS.CA, maxCA)
	if e != nil {
		return nil, refuse("ca %s", e.Text)
	}
	found := 0
	for rest := text; ; found++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, refuse("ca %s holds a %s; certificates alone belong there", f.TLS.CA, strings.ToLower(composa.Abridge(block.Type, 40)))
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, refuse("ca %s: its certificate %d cannot be read: %v", f.TLS.CA, found+1, err)
		}
	}
	if found == 0 {
		return nil, refuse("ca %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", f.TLS.CA)
	}
	return text, nil
}

// readFile reads a small file, and who may do what with it; its errors go on
// behind the name of the key.
func readFile(path string, most int64) (text []byte, mode os.FileMode, _ *composa.Error) {
	refuse := func(format string, args ...any) ([]byte, os.FileMode, *composa.Error) {
		return nil, 0, composa.Errorf(composa.CodeInvalid, format, args...)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return refuse("cannot be read: %v", err)
	case !info.Mode().IsRegular(): // opening a pipe would wait for its writer
		return refuse("%s is not a file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return refuse("cannot be read: %v", err)
	}
	defer file.Close()
	text, err = io.ReadAll(io.LimitReader(file, most+1))
	switch {
	case err != nil:
		return refuse("cannot be read: %v", err)
	case int64(len(text)) > most:
		return refuse("%s has more than %d bytes", path, most)
	}
	return text, info.Mode().Perm(), nil
}
